"""Taking places from those who matter least, for policies that preempt by a rank."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from makespan.serving.policy import EngineView

MOST: Final = 8
"""Victims at a time; ours."""


def outranked(
    engine: EngineView, key: Callable[[int], Any], *, window: int, most: int = MOST
) -> list[int]:
    """Running requests whose place or memory a waiting one of a smaller key needs, worst first.

    Parameters
    ----------
    key
        The rank of a request; the smaller, the sooner.
    window
        Requests from the head of the queue that are looked at.
    most
        Victims at a time.
    """
    running = list(engine.running())
    size = engine.block_size
    places, blocks = engine.max_num_seqs - len(running), engine.free_blocks
    worst = sorted(running, key=lambda r: (key(r), r), reverse=True)
    victims: list[int] = []
    at = 0
    for request in sorted(list(engine.waiting())[:window], key=lambda r: (key(r), r)):
        need = -(-(engine.prompt(request) + engine.generated(request)) // size)
        while (places < 1 or blocks < need) and at < len(worst) and len(victims) < most:
            if key(worst[at]) <= key(request):
                return victims
            places += 1
            blocks += -(-engine.computed(worst[at]) // size)
            victims.append(worst[at])
            at += 1
        if places < 1 or blocks < need:
            break
        places, blocks = places - 1, blocks - need
    return victims
