"""Lower bounds: every job as early as its chain allows, and every machine as the only one.

On one machine with heads, let C_(k) be the k-th completion when the operation with least work left
runs, others waiting: no schedule has k operations done before (L. Schrage 1968). Whoever is k-th,
its job then ends no earlier than C_(k) plus the rest of its chain, so that the cheapest assignment
of jobs to positions bounds every sum over jobs (after the assignment bounds of A. H. G. Rinnooy
Kan, B. Lageweg & J. K. Lenstra, "Minimizing total costs in one-machine scheduling", Operations
Research 23 (1975)). Largest lateness and makespan are bounded by Jackson's preemptive schedule
(J. Carlier, EJOR 11 (1982)).
"""

from __future__ import annotations

from heapq import heappop, heappush, heapreplace
from typing import Final

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.solvers.board import Board
from makespan.solvers.local.regular.objective import (
    DATED,
    DUE,
    LATE,
    NEVER,
    PEAK,
    SLOPE,
    SPAN,
    TARDY,
    Points,
)
from makespan.solvers.local.shapes import Shop

_MOST_JOBS: Final = 60
"""Jobs up to which a machine's assignment is solved; it takes some 20 ms then."""

_FAR: Final = 1 << 61


def earliest_ends(shop: Shop) -> IntArray:
    """End of every operation if its chain were alone with its fastest options, int64 (n,)."""
    shortest = np.minimum.reduceat(shop.option_duration, shop.option_ptr[:-1])
    end = np.zeros(shop.count, dtype=np.int64)
    for a, b in zip(shop.chain_ptr[:-1].tolist(), shop.chain_ptr[1:].tolist(), strict=True):
        # The latest of "released at k, then straight on" over all k so far.
        work = np.cumsum(shortest[a:b])
        end[a:b] = work + np.maximum.accumulate(shop.release[a:b] - work + shortest[a:b])
    return end


def sums_at(points: Points, which: IntArray, end: IntArray) -> IntArray:
    """What points ``which`` add to the sum at ``end``, elementwise."""
    row = points.row[which]
    over = end - row[:, DUE]
    value = row[:, SLOPE] * end
    late = over > 0
    value[late] += row[late, TARDY] * over[late] + row[late, LATE]
    return value


def maxima_at(points: Points, end: IntArray) -> IntArray:
    """Latest end, largest weighted tardiness, largest lateness with points at ``end``, if asked."""
    row = points.row
    over, dated, spans = end - row[:, DUE], row[:, DATED] > 0, row[:, SPAN] > 0
    found = np.zeros(3, dtype=np.int64)
    if points.maxima[0]:
        found[0] = end[spans].max()
    if points.maxima[1]:
        found[1] = (row[dated, PEAK] * np.maximum(over[dated], 0)).max(initial=0)
    if points.maxima[2]:
        found[2] = over[dated].max()
    return found


def value_at(points: Points, end: IntArray) -> int:
    """Value of the objective with the points at ``end``, in NumPy.

    No term falls as ends grow, so that ends which no schedule undercuts give a lower bound.
    """
    total = int(sums_at(points, np.arange(len(end)), end).sum())
    return total + int((points.maxima[:3] * maxima_at(points, end)).sum() + points.maxima[3])


def chain_bound(shop: Shop, points: Points) -> int:
    """Value with every job as early as its chain allows; O(n)."""
    return value_at(points, earliest_ends(shop)[points.op])


def machine_bound(shop: Shop, points: Points, board: Board) -> tuple[int, IntArray]:
    """A bound of the value, and of each maximum, by one machine; stops when the board does."""
    end = earliest_ends(shop)
    alone = end[points.op]
    least = int(sums_at(points, np.arange(len(alone)), alone).sum())
    most = maxima_at(points, alone)
    chain = np.repeat(np.arange(len(shop.chain_ptr) - 1), np.diff(shop.chain_ptr))
    low = np.minimum.reduceat(shop.option_machine, shop.option_ptr[:-1])
    high = np.maximum.reduceat(shop.option_machine, shop.option_ptr[:-1])
    shortest = np.minimum.reduceat(shop.option_duration, shop.option_ptr[:-1])
    work = np.cumsum(shortest)
    for machine in range(shop.machines):
        ops = np.flatnonzero((low == machine) & (high == machine))
        if board.over or len(ops) < 2:
            continue
        head = end[ops] - shortest[ops]
        most = np.maximum(most, _maxima_bounds(points, chain, work, ops, head, shortest[ops]))
        # One operation per chain, its last here.
        final = np.append(chain[ops][1:] != chain[ops][:-1], True)
        ops, head = ops[final], head[final]
        if len(ops) <= _MOST_JOBS:
            done = _earliest_completions(head, shortest[ops])
            least = max(least, _sum_bound(points, chain, alone, work, ops, done))
    return least + int((points.maxima[:3] * most).sum() + points.maxima[3]), most


def _maxima_bounds(
    points: Points, chain: IntArray, work: IntArray, ops: IntArray, head: IntArray, ticks: IntArray
) -> IntArray:
    """Bounds of the three maxima by Jackson's preemptive schedule of ``ops``; work is summed."""
    row, bound = points.row, np.array([NEVER, 0, NEVER], dtype=np.int64)
    for term, (counts, back) in enumerate(
        ((SPAN, np.zeros_like(row[:, DUE])), (DATED, row[:, DUE]), (DATED, row[:, DUE]))
    ):
        if not points.maxima[term]:
            continue
        tail = np.full(len(ops), NEVER, dtype=np.int64)
        for k, x in enumerate(ops.tolist()):
            behind = (chain[points.op] == chain[x]) & (points.op >= x) & (row[:, counts] > 0)
            tail[k] = (work[points.op] - work[x] - back)[behind].max(initial=NEVER)
        counted = tail > NEVER
        if counted.any():
            bound[term] = _jackson(head[counted], ticks[counted], tail[counted])
    # Of weighted tardiness only the least weight is certain.
    dated = row[:, DATED] > 0
    bound[1] = max(int(bound[1]), 0) * int(row[dated, PEAK].min()) if dated.any() else 0
    return bound


def _jackson(head: IntArray, work: IntArray, tail: IntArray) -> int:
    """Largest completion plus tail if the operation with the largest tail runs, preemptively."""
    events = sorted(zip(head.tolist(), work.tolist(), tail.tolist(), strict=True))
    waiting: list[list[int]] = []  # minus tail, work left
    now, best, k = 0, NEVER, 0
    while k < len(events) or waiting:
        if not waiting:
            now = events[k][0]
        while k < len(events) and events[k][0] <= now:
            heappush(waiting, [-events[k][2], events[k][1]])
            k += 1
        until = events[k][0] if k < len(events) else None
        tail_now, left = waiting[0]
        if until is None or now + left <= until:
            now += left
            best = max(best, now - tail_now)
            heappop(waiting)
        else:
            waiting[0][1] -= until - now
            now = until
    return best


def _earliest_completions(head: IntArray, work: IntArray) -> IntArray:
    """Completions when the operation with least work left runs, preemptively; ascending."""
    events = sorted(zip(head.tolist(), work.tolist(), strict=True))
    waiting: list[int] = []
    now, k, done = 0, 0, []
    while k < len(events) or waiting:
        if not waiting:
            now = events[k][0]
        while k < len(events) and events[k][0] <= now:
            heappush(waiting, events[k][1])
            k += 1
        until = events[k][0] if k < len(events) else None
        if until is None or now + waiting[0] <= until:
            now += heappop(waiting)
            done.append(now)
        else:
            heapreplace(waiting, waiting[0] - (until - now))
            now = until
    return np.array(done, dtype=np.int64)


def _sum_bound(
    points: Points,
    chain: IntArray,
    alone: IntArray,
    work: IntArray,
    ops: IntArray,
    done: IntArray,
) -> int:
    """Least sum if the k-th of ``ops`` to complete does so at ``done[k]`` at the earliest."""
    base = int(sums_at(points, np.arange(len(alone)), alone).sum())
    cost = np.zeros((len(ops), len(ops)), dtype=np.int64)
    for k, x in enumerate(ops.tolist()):
        behind = np.flatnonzero((chain[points.op] == chain[x]) & (points.op >= x))
        for p in behind.tolist():
            which = np.full(len(done), p)
            late = np.maximum(alone[p], done + (work[points.op[p]] - work[x]))
            cost[k] += sums_at(points, which, late) - sums_at(points, which[:1], alone[p : p + 1])
    return base + least_assignment(cost)


def least_assignment(cost: IntArray) -> int:
    """Cheapest way to give every row a column of its own (H. Kuhn & J. Munkres); O(n^3)."""
    n = len(cost)
    potential_row = np.zeros(n + 1, dtype=np.int64)
    potential = np.zeros(n + 1, dtype=np.int64)
    owner = np.full(n + 1, -1, dtype=np.int64)  # row of each column; column n is where rows enter
    for k in range(n):
        owner[n] = k
        column = n
        least = np.full(n, _FAR, dtype=np.int64)
        came = np.full(n, n, dtype=np.int64)
        free = np.ones(n, dtype=np.bool_)
        while owner[column] >= 0:
            if column < n:
                free[column] = False
            row = owner[column]
            reduced = cost[row] - potential_row[row] - potential[:n]
            better = free & (reduced < least)
            least[better], came[better] = reduced[better], column
            nearest = int(np.where(free, least, _FAR).argmin())
            step = least[nearest]
            busy = np.append(~free, True)
            potential_row[owner[busy]] += step
            potential[busy] -= step
            least[free] -= step
            column = nearest
        while column != n:
            owner[column], column = owner[came[column]], int(came[column])
        owner[n] = -1
    return int(cost[owner[:n], np.arange(n)].sum())
