"""Large neighbourhoods of a stagnant schedule: a window of activities is free, the rest fixed.

What lies before the window, by the middle between its earliest and latest place, stays
left-justified; what lies after it is right-justified against an end one tick earlier. Whether
the free activities fit in between is asked of CP-SAT, so a yes is a better schedule.
Source: Palpant, Artigues, Michelon, "LSSPER: solving the resource-constrained project scheduling
problem with large neighbourhood search" (2004), whose blocks are of this kind.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.solvers.local.project.network import Project

_LOOK: Final = 0.01


def right_justified(project: Project, start: IntArray, mode: IntArray, end: int) -> IntArray:
    """Starts of a feasible schedule shifted right as far as an end allows, latest finish first."""
    net = project.network
    duration = net.duration[mode]
    finish = start + duration
    used = np.zeros((end, len(project.capacity)), dtype=np.int64)
    late = start.copy()
    for j in np.lexsort((-np.arange(len(start)), -finish)).tolist():
        a, b = net.after_ptr[j], net.after_ptr[j + 1]
        d = int(duration[j])
        bound = (late[net.after[a:b]] - net.after_lag[a:b]).min(initial=end)
        t = int(bound) - d
        room = project.capacity - project.units[mode[j]]
        while t > start[j]:
            over = np.flatnonzero((used[t : t + d] > room).any(axis=1))
            if not len(over):
                break
            t = max(t + int(over[0]) - d, int(start[j]))
        used[t : t + d] += project.units[mode[j]]
        late[j] = t
    return late


def shorten(
    project: Project,
    start: IntArray,
    late: IntArray,
    mode: IntArray,
    free: IntArray,
    effort: float,
    over: Callable[[], bool],
) -> IntArray | None:
    """Starts of a schedule that ends a tick earlier, if the free activities allow it.

    Parameters
    ----------
    start, late
        A schedule, and the same right-justified against its end.
    free
        Activities to place anew.
    effort
        Deterministic time that CP-SAT may spend.
    over
        Asked every 10 ms whether to stop.
    """
    net, n = project.network, len(start)
    duration = net.duration[mode]
    end = int((start + duration).max()) - 1
    moving = np.zeros(n, dtype=np.bool_)
    moving[free] = True
    middle = start + late
    fixed = np.where(middle < middle[free].min(), start, late - 1)
    if (fixed[~moving] < net.ready[~moving]).any():
        return None
    low, high = net.ready.copy(), np.full(n, end, dtype=np.int64) - duration
    low[~moving] = high[~moving] = fixed[~moving]
    for j in range(n):
        for k in range(net.before_ptr[j], net.before_ptr[j + 1]):
            q = net.before[k]
            low[j] = max(low[j], low[q] + duration[q] + net.before_lag[k])
    for j in range(n - 1, -1, -1):
        for k in range(net.after_ptr[j], net.after_ptr[j + 1]):
            q = net.after[k]
            high[j] = min(high[j], high[q] - duration[j] - net.after_lag[k])
    if (low > high).any():
        return None
    units = project.units[mode]
    used = np.zeros((end, len(project.capacity)), dtype=np.int64)
    for j in np.flatnonzero(~moving).tolist():
        used[low[j] : low[j] + duration[j]] += units[j]
    if (used > project.capacity).any():
        return None
    found = _fit(project, duration, units, used, low, high, free, effort, over)
    if found is None:
        return None
    low[free] = found
    return low


def _fit(
    project: Project,
    duration: IntArray,
    units: IntArray,
    used: IntArray,
    low: IntArray,
    high: IntArray,
    free: IntArray,
    effort: float,
    over: Callable[[], bool],
) -> IntArray | None:
    """Starts of the free activities in what the fixed ones leave; None if there are none."""
    from ortools.sat.python import cp_model  # slow to load

    net = project.network
    model = cp_model.CpModel()
    begin: dict[int, Any] = {}
    span: dict[int, Any] = {}
    for j in free.tolist():
        begin[j] = model.new_int_var(int(low[j]), int(high[j]), "")
        span[j] = model.new_fixed_size_interval_var(begin[j], int(duration[j]), "")
    for j, own in begin.items():
        for k in range(net.before_ptr[j], net.before_ptr[j + 1]):
            q = int(net.before[k])
            if q in begin:
                gap = int(duration[q] + net.before_lag[k])
                model.add(own >= begin[q] + gap)
    left, right = int(low[free].min()), int((high + duration)[free].max())
    for r, capacity in enumerate(project.capacity.tolist()):
        level = used[left:right, r]
        cuts = [0, *(np.flatnonzero(np.diff(level)) + 1).tolist(), len(level)]
        spans, demands = [], []
        for a, b in pairwise(cuts):
            if level[a] > 0:
                spans.append(model.new_fixed_size_interval_var(left + a, b - a, ""))
                demands.append(int(level[a]))
        for j, own in span.items():
            if units[j, r] > 0:
                spans.append(own)
                demands.append(int(units[j, r]))
        model.add_cumulative(spans, demands, capacity)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_deterministic_time = effort
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_LOOK):
            if over():
                solver.stop_search()
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        status = solver.solve(model)
    finally:
        ended.set()
        watcher.join()
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    return np.array([solver.value(begin[j]) for j in free.tolist()], dtype=np.int64)
