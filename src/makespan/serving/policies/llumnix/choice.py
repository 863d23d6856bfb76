"""Which requests of an engine are moved: the least urgent first, then by a rule.

Of the batch only those that decode can be moved, of the queue only the head, and only to where it
has been waiting longer than the head there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from makespan.serving.policy import EngineView


def length(request: int, engine: EngineView) -> int:
    """Tokens of a sequence so far: what its move has to carry."""
    return engine.prompt(request) + engine.generated(request)


def decoding(
    engine: EngineView, moving: Collection[int], *, urgent: int | None = None
) -> list[int]:
    """Requests of the batch that decode and are not on their way, of the least urgent priority.

    Parameters
    ----------
    urgent
        Requests of at most this priority number are never moved [artifact]; None: any may be.
    """
    able = [
        r
        for r in engine.running()
        if r not in moving
        and engine.generated(r) > 0
        and engine.computed(r) + 1 >= length(r, engine)
        and (urgent is None or engine.priority(r) > urgent)
    ]
    if not able:
        return []
    last = max(engine.priority(r) for r in able)
    return [r for r in able if engine.priority(r) == last]


def _shortest(able: list[int], engine: EngineView) -> int:
    return min(able, key=lambda r: (length(r, engine), r))


def _longest(able: list[int], engine: EngineView) -> int:
    return min(able, key=lambda r: (-length(r, engine), r))


def _last(able: list[int], _engine: EngineView) -> int:
    return able[-1]


_RUNNING: Final[dict[str, Callable[[list[int], EngineView], int]]] = {
    "SR": _shortest,
    "LR": _longest,
    "LCR": _last,
    "FCWSR": _shortest,
}

CHOICES: Final = {
    "SR": "the shortest that runs [paper; default of main]",
    "LR": "the longest that runs [main]",
    "LCR": "the last that was admitted [main; default of the artifact]",
    "FCW": "the first that waits [main]",
    "FCWSR": "the first that waits, and the shortest that runs [main]",
}
"""Rules by their names in main, which writes R for running and W for waiting."""


def running_choice(
    rule: str, engine: EngineView, moving: Collection[int], *, urgent: int | None = None
) -> int | None:
    """Who of the batch should be moved, if anybody can; O(batch)."""
    pick = _RUNNING.get(rule)
    able = decoding(engine, moving, urgent=urgent) if pick else []
    return pick(able, engine) if pick and able else None


def waiting_choice(
    rule: str, engine: EngineView, target: EngineView, moving: Collection[int]
) -> int | None:
    """The head of the queue, if the rule moves such and it is older than the head at the target."""
    if rule not in ("FCW", "FCWSR"):
        return None
    return oldest(engine, target, moving)


def oldest(engine: EngineView, target: EngineView, moving: Collection[int]) -> int | None:
    """The head of the queue, unless the head at the target has been waiting as long."""
    waiting, there = engine.waiting(), target.waiting()
    if not waiting or waiting[0] in moving:
        return None
    if there and engine.arrival(waiting[0]) >= target.arrival(there[0]):
        return None
    return waiting[0]
