"""Who leaves the batch for whom: the rule of preemption of JITServe.

"JITServe" (arXiv 2504.20068, section 4): a running request is preempted only if what the newcomer
gains is more than the victim's rate of tokens times the seconds that it stands still. Ours: a
newcomer gains its priority times the frame; a victim loses its own priority times the frame and
the stall; nobody leaves while there is a free place, and memory, for the newcomer; the batch is
what fits the memory with the tokens of one frame.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.serving.policies.jitserve.gmax import FloatArray
from makespan.serving.policies.jitserve.worth import Crowd
from makespan.serving.policy import EngineView


def fitting(
    chosen: IntArray, worth: FloatArray, crowd: Crowd, ahead: int, engine: EngineView
) -> IntArray:
    """Of the chosen the best that fit the memory with ``ahead`` more tokens each; at least one."""
    size = engine.block_size
    order = chosen[np.lexsort((chosen, -worth[chosen]))]
    tokens = crowd.prompt[order] + crowd.had[order] + np.minimum(crowd.left[order], ahead)
    held = np.cumsum(-(-tokens // size))
    return order[: max(int(np.searchsorted(held, engine.total_blocks, side="right")), 1)]


def leaving_for(
    chosen: IntArray,
    running: int,
    crowd: Crowd,
    worth: FloatArray,
    places: int,
    frame: float,
    stall: Callable[[int], float],
    engine: EngineView,
) -> list[int]:
    """Indices of who leaves for those of the batch who wait, the first to go first.

    Parameters
    ----------
    chosen
        Indices of the batch.
    running
        The first so many of the crowd run.
    places
        Sequences that may run.
    stall
        Seconds that a request stands still after it has lost so many tokens of memory.
    """
    size = engine.block_size
    inside = set(chosen.tolist())
    held = (crowd.prompt + crowd.had - crowd.missing).tolist()
    newcomers = sorted((k for k in inside if k >= running), key=lambda k: (-worth[k], k))
    victims = sorted(set(range(running)) - inside, key=lambda k: (worth[k], -k))
    free_places, free_blocks = places - running, engine.free_blocks
    leaving: list[int] = []
    at = 0
    for k in newcomers:
        need = -(-int(crowd.prompt[k] + crowd.had[k]) // size)
        taken, places_left, blocks_left, lost = at, free_places, free_blocks, 0.0
        while (places_left < 1 or blocks_left < need) and taken < len(victims):
            victim = victims[taken]
            places_left += 1
            blocks_left += -(-held[victim] // size)
            lost += worth[victim] * (frame + stall(held[victim]))
            taken += 1
        if places_left < 1 or blocks_left < need:
            break
        if taken > at and worth[k] * frame <= lost:
            break
        leaving += victims[at:taken]
        at, free_places, free_blocks = taken, places_left - 1, blocks_left - need
    return leaving
