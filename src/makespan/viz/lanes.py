"""Packing of overlapping intervals into the fewest parallel lanes of a row."""

from __future__ import annotations

import heapq

import numpy as np
import numpy.typing as npt

from makespan.core.vocabulary import IndexArray, IntArray

Times = IntArray | npt.NDArray[np.float64]


def pack_lanes(row: IndexArray, start: Times, end: Times) -> IndexArray:
    """Lane of each interval so that intervals of a row share a lane only if they are disjoint.

    Intervals are taken by start, ties by end and then position; each gets the lowest free lane,
    which uses as many lanes as the deepest overlap (interval graphs are perfect). O(n log n).

    Parameters
    ----------
    row
        Row of each interval, (n,).
    start, end
        Half-open intervals, (n,); an empty one fits anywhere but strictly inside another.
    """
    lane = np.zeros(len(row), dtype=np.int32)
    if len(row) == 0:
        return lane
    order = np.lexsort((end, start, row))
    rows, starts, ends = row[order], start[order], end[order]
    first = np.concatenate(([True], rows[1:] != rows[:-1]))
    heads = np.flatnonzero(first)
    tails = np.append(heads[1:], len(rows))
    for a, b in zip(heads.tolist(), tails.tolist(), strict=True):
        reach = np.maximum.accumulate(ends[a:b])
        if (starts[a + 1 : b] >= reach[:-1]).all():
            continue
        lane[order[a:b]] = _first_fit(starts[a:b].tolist(), ends[a:b].tolist())
    return lane


def _first_fit(starts: list[float], ends: list[float]) -> list[int]:
    busy: list[tuple[float, int]] = []
    free: list[int] = []
    opened = 0
    chosen: list[int] = []
    for start, end in zip(starts, ends, strict=True):
        while busy and busy[0][0] <= start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if free:
            lane = heapq.heappop(free)
        else:
            lane, opened = opened, opened + 1
        heapq.heappush(busy, (end, lane))
        chosen.append(lane)
    return chosen
