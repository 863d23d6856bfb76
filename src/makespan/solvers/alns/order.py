"""The partial order that the kept part of a schedule is relaxed to.

Kept tasks are not fixed in time: on a machine they keep their order, on a renewable they are
chained, so that they may still shift when the freed tasks move. Every pair (i, j) found here has
``end(i) <= start(j)`` in the schedule, which therefore stays a solution of the restricted problem.

Chaining: Policella, Cesta, Oddi & Smith, "From precedence constraint posting to partial order
schedules", AI Communications 20(3), 2007: each unit of a renewable passes from task to task.
Here units travel in bundles, and a task takes those that have been free for longest, which leaves
it the most room to shift left. Partial-order schedules as the relaxation of a large neighbourhood:
Godard, Laborie & Nuijten, ICAPS 2005.
"""

from __future__ import annotations

import heapq
from itertools import pairwise

import numpy as np

from makespan.core.vocabulary import ResourceKind
from makespan.solvers.alns.picture import Frame, Picture


def kept_pairs(picture: Picture, freed: np.ndarray) -> set[tuple[int, int]]:
    """Pairs of kept tasks of which the second starts after the first ends.

    Parameters
    ----------
    freed
        Which tasks are not kept, bool (n,).
    """
    frame = picture.frame
    found: set[tuple[int, int]] = set()
    gone = freed.tolist()
    for r, lane in picture.lanes.items():
        kept = [i for i in lane if not gone[i]]
        if frame.kind[r] == ResourceKind.MACHINE:
            found.update(pairwise(kept))
        else:
            found |= chain(picture, r, kept)
    for members in frame.sets:
        kept = [i for i in members if not gone[i] and picture.mode[i] >= 0]
        kept.sort(key=lambda i: (int(picture.start[i]), int(picture.end[i])))
        found.update(pairwise(kept))
    start, end = picture.start, picture.end
    return {(i, j) for i, j in found if end[i] <= start[j]}


def chain(picture: Picture, resource: int, tasks: list[int]) -> set[tuple[int, int]]:
    """Pairs along which units of a renewable pass between ``tasks``, which are sorted by start.

    Where released units leave fewer than a task needs (``released_in_breaks``), what is missing
    comes from nowhere: the capacity constraint itself still holds in the restricted problem.
    """
    frame: Frame = picture.frame
    amount = {i: _demand(frame, int(picture.mode[i]), resource) for i in tasks}
    unused = frame.largest_capacity[resource]
    if sum(amount.values()) <= unused:
        return set()
    found = set()
    free: list[tuple[int, int, int]] = []
    for i in tasks:
        need = amount[i]
        taken = min(need, unused)
        unused -= taken
        need -= taken
        start = int(picture.start[i])
        while need > 0 and free and free[0][0] <= start:
            end, giver, units = heapq.heappop(free)
            taken = min(need, units)
            need -= taken
            found.add((giver, i))
            if units > taken:
                heapq.heappush(free, (end, giver, units - taken))
        heapq.heappush(free, (int(picture.end[i]), i, amount[i]))
    return found


def _demand(frame: Frame, mode: int, resource: int) -> int:
    return sum(units for r, units in frame.usage[mode] if r == resource)
