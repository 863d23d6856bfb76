"""First schedules: non-delay dispatching by apparent tardiness cost, with noise.

The index of an operation is its weight per tick times a discount for slack, ATC of A. Vepsalainen
& T. Morton, "Priority rules for job shops with weighted tardiness costs", Management Science 33
(1987); per tick of the operation or of all work left in its job. Without due dates it is weighted
shortest (remaining) processing time. A third index is the operation due date alone.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from makespan.core.vocabulary import INFINITY, IntArray
from makespan.solvers.jit import kernel
from makespan.solvers.local.draw import Stream, draw
from makespan.solvers.local.regular.objective import (
    DATED,
    DUE,
    LATE,
    PEAK,
    SLOPE,
    TARDY,
    FloatArray,
    Points,
)
from makespan.solvers.local.shapes import Shop

WEIGHT: Final = 0
LOCAL_DUE: Final = 1
SHORTEST: Final = 2
LEFT: Final = 3
"""Columns of what dispatching reads per operation, float64 (n, 4)."""

BY_LENGTH: Final = 0
BY_WORK: Final = 1
BY_DUE: Final = 2
INDICES: Final = (BY_LENGTH, BY_WORK, BY_DUE)
"""Weight per tick of the operation, weight per tick of work left, operation due date."""


def urgency(shop: Shop, points: Points) -> FloatArray:
    """Weight, operation due date, shortest ticks and work left in the chain of each operation."""
    n = shop.count
    table = np.zeros((n, 4))
    shortest = np.minimum.reduceat(shop.option_duration, shop.option_ptr[:-1])
    table[:, SHORTEST] = shortest
    for a, b in zip(shop.chain_ptr[:-1].tolist(), shop.chain_ptr[1:].tolist(), strict=True):
        weight, due, left = 0.0, float(INFINITY), 0.0
        for k in range(b - 1, a - 1, -1):
            for p in range(int(points.ptr[k]), int(points.ptr[k + 1])):
                row = points.row[p]
                weight += float(row[SLOPE] + row[TARDY] + row[LATE])
                weight += float(row[PEAK]) if points.maxima[1] > 0 else 0.0
                weight += 1.0 if points.maxima[0] + points.maxima[2] > 0 else 0.0
                # Who has no due date is late from the start.
                due = min(due, float(row[DUE]) if row[DATED] else 0.0)
            left += float(shortest[k])
            table[k] = weight, due, shortest[k], left
            due -= float(shortest[k])
    return table


@kernel
def dispatch(
    chain_ptr: IntArray,
    option_ptr: IntArray,
    option_machine: npt.NDArray[np.int32],
    option_duration: IntArray,
    release: IntArray,
    machines: int,
    table: FloatArray,
    index: int,
    look_ahead: float,
    noise: float,
    dice: Stream,
    order: IntArray,
    option: IntArray,
) -> None:
    """Operations in the order of dispatching into ``order`` and their options into ``option``.

    Parameters
    ----------
    look_ahead
        Ticks over which slack counts.
    noise
        Indices are multiplied by a factor drawn from [1 - noise, 1].
    """
    chains = len(chain_ptr) - 1
    follow = chain_ptr[:-1].copy()
    earliest = np.zeros(chains, dtype=np.int64)  # start of the chain's next operation
    chosen = np.zeros(chains, dtype=np.int64)
    ready = release[follow]
    free = np.full(machines, -(1 << 61), dtype=np.int64)
    for step in range(len(order)):
        first = 1 << 61
        for c in range(chains):
            x = follow[c]
            if x == chain_ptr[c + 1]:
                continue
            best_end = 1 << 61
            for o in range(option_ptr[x], option_ptr[x + 1]):
                start = max(ready[c], free[option_machine[o]])
                if start + option_duration[o] < best_end:
                    best_end = start + option_duration[o]
                    earliest[c] = start
                    chosen[c] = o
            first = min(first, earliest[c])
        best, pick = -math.inf, -1
        for c in range(chains):
            x = follow[c]
            if x == chain_ptr[c + 1] or earliest[c] > first:
                continue
            if index == BY_DUE:
                value = -table[x, LOCAL_DUE]
                value += noise * look_ahead * (draw(dice) / 2147483648.0)
            else:
                slack = max(0.0, table[x, LOCAL_DUE] - table[x, SHORTEST] - first)
                ticks = max(table[x, SHORTEST] if index == BY_LENGTH else table[x, LEFT], 1.0)
                value = -slack / look_ahead + math.log((table[x, WEIGHT] + 1e-9) / ticks)
                value += math.log(1.0 - noise * (draw(dice) / 2147483648.0))
            if value > best:
                best, pick = value, c
        x, o = follow[pick], chosen[pick]
        order[step] = x
        option[x] = o
        end = earliest[pick] + option_duration[o]
        free[option_machine[o]] = end
        follow[pick] += 1
        if follow[pick] < chain_ptr[pick + 1]:
            ready[pick] = max(end, release[follow[pick]])
