"""Lower bounds: every job as early as its chain allows, and every machine as a bottleneck."""

from __future__ import annotations

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.solvers.local.regular.objective import (
    DATED,
    DUE,
    LATE,
    PEAK,
    SLOPE,
    SPAN,
    TARDY,
    Points,
)
from makespan.solvers.local.shapes import Shop


def earliest_ends(shop: Shop) -> IntArray:
    """End of every operation if its chain were alone with its fastest options, int64 (n,)."""
    shortest = np.minimum.reduceat(shop.option_duration, shop.option_ptr[:-1])
    end = np.zeros(shop.count, dtype=np.int64)
    for a, b in zip(shop.chain_ptr[:-1].tolist(), shop.chain_ptr[1:].tolist(), strict=True):
        # The latest of "released at k, then straight on" over all k so far.
        work = np.cumsum(shortest[a:b])
        end[a:b] = work + np.maximum.accumulate(shop.release[a:b] - work + shortest[a:b])
    return end


def value_at(points: Points, end: IntArray) -> int:
    """Value of the objective when operations end at ``end``, in NumPy; also of ends of no schedule.

    Ends that no schedule can undercut give a lower bound, because no term falls as ends grow.
    """
    row, c = points.row, end[points.op]
    over = c - row[:, DUE]
    late = over > 0
    total = int((row[:, SLOPE] * c).sum() + points.maxima[3])
    total += int((row[:, TARDY] * over)[late].sum() + row[late, LATE].sum())
    dated = row[:, DATED] > 0
    if points.maxima[0]:
        total += int(points.maxima[0] * c[row[:, SPAN] > 0].max())
    if points.maxima[1]:
        total += int(points.maxima[1] * (row[:, PEAK] * np.maximum(over, 0))[dated].max(initial=0))
    if points.maxima[2]:
        total += int(points.maxima[2] * over[dated].max())
    return total


def lower_bound(shop: Shop, points: Points) -> int:
    """A value no schedule beats."""
    return value_at(points, earliest_ends(shop))
