"""What the objective cannot be below, and orders that theory knows to be optimal."""

from __future__ import annotations

import heapq

import numpy as np

from makespan.core.vocabulary import INFINITY, IntArray
from makespan.solvers.local.machines._shape import FAR, Machines


def least_value(machines: Machines) -> int:
    """A lower bound on the objective without its constant. O(n m + n log n).

    The sum is bounded by every job at its earliest end, or by jobs in the order of their times: on
    m machines the x-th job to end cannot end before the x shortest, shared by m, are done. The
    largest cost is bounded by each job's own and, for the makespan, by the load.
    """
    T = machines.tables
    n, m = machines.count, len(T.start)
    allowed = T.duration >= 0
    shortest = np.where(allowed, T.duration, FAR).min(axis=0)
    begin = np.maximum(T.release, int(T.start.min()))
    if T.setup.any():
        entry = T.setup.min(axis=1)[:, T.family]
        soonest = np.maximum(T.start[:, None] + entry, T.release) + T.duration
        earliest = np.where(allowed, soonest, FAR).min(axis=0)
    else:
        earliest = begin + shortest
    alone = sum(_cost(machines, i, int(t)) for i, t in enumerate(earliest.tolist()))
    first = int(begin.min())
    sequence = np.sort(shortest)
    ends = first + -(-np.cumsum(sequence) // m)
    ends = np.maximum(ends, first + sequence)
    slope, steep = int(T.slope.min()), int(T.steep.min())
    together = slope * sum(ends.tolist())
    if steep:
        late = np.maximum(ends - np.sort(T.due), 0)
        together += steep * sum(late.tolist())
    value = max(alone, together, _smith(machines, shortest, first) if m == 1 else 0)
    if machines.largest:
        peaks = T.scale * np.maximum(earliest - T.target, T.least)
        peak = int(peaks[T.scale > 0].max())
        if not T.target.any():
            peak = max(peak, int(T.scale.min()) * int(ends[-1]) if T.scale.min() else peak)
            if n > m and (T.duration == T.duration[0]).all():
                pair = sequence[n - m - 1] + sequence[n - m]
                peak = max(peak, int(T.scale.min()) * (first + int(pair)))
        value += machines.largest * peak
    return value


def _cost(machines: Machines, i: int, t: int) -> int:
    T = machines.tables
    late = max(t - int(T.due[i]), 0)
    return int(T.slope[i]) * t + int(T.steep[i]) * late + int(T.step[i]) * (late > 0)


def _smith(machines: Machines, duration: IntArray, first: int) -> int:
    """Least weighted completion on one machine: by weight over time (Smith 1956)."""
    T = machines.tables
    order = np.argsort(duration / np.maximum(T.slope, 1e-9), kind="stable")
    ends = first + np.cumsum(duration[order])
    # Rounded quotients may swap near ties; the true least is no more than this much below.
    slip = 0 if int(duration.max(initial=0)) < 1 << 26 and int(T.slope.max()) < 1 << 26 else None
    if slip is None:
        return 0
    return sum(a * b for a, b in zip(T.slope[order].tolist(), ends.tolist(), strict=True))


def optimal_order(machines: Machines) -> IntArray | None:
    """An order that is optimal for the objective, if it is of a kind that theory solves.

    One machine without setups. By release for the makespan; and with equal releases, by due date
    for the largest lateness or unweighted tardiness (Jackson 1955), by weight over time for the
    weighted completion (Smith 1956), and by Moore's and Hodgson's rule for the number of tardy
    jobs (Moore, Management Science 15, 1968).
    """
    T = machines.tables
    if not machines.single or T.setup.any():
        return None
    duration = T.duration[0]
    sums = bool(T.slope.any() or T.steep.any() or T.step.any())
    if machines.largest and not sums and not T.target.any() and (T.scale == 1).all():
        return np.argsort(T.release, kind="stable")
    if not machines.plain:
        return None
    if machines.largest:
        dated = T.scale > 0
        if sums or len(np.unique(T.scale[dated])) > 1:
            return None
        return np.argsort(np.where(dated, T.target, INFINITY), kind="stable")
    if not T.steep.any() and not T.step.any():
        if int(duration.max()) >= 1 << 26 or int(T.slope.max()) >= 1 << 26:
            return None
        return np.argsort(duration / np.maximum(T.slope, 1e-9), kind="stable")
    late = T.due < INFINITY
    if not T.slope.any() and not T.steep.any() and len(np.unique(T.step[late])) == 1:
        return _moore(machines)
    return None


def _moore(machines: Machines) -> IntArray:
    """Jobs in order of due date; whenever one is late, the longest so far is put off."""
    T = machines.tables
    t = max(int(T.start[0]), int(T.release.max()))
    kept: list[tuple[int, int]] = []
    for i in np.argsort(T.due, kind="stable").tolist():
        d = int(T.duration[0, i])
        heapq.heappush(kept, (-d, i))
        t += d
        if t > T.due[i]:
            t += heapq.heappop(kept)[0]
    on_time = np.zeros(machines.count, dtype=np.bool_)
    on_time[[i for _, i in kept]] = True
    return np.lexsort((T.due, ~on_time))
