"""Tasks that ask for more than there is, however they are done."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from makespan.core.problem import Problem
from makespan.core.vocabulary import INFINITY, DemandTiming, IntArray, ResourceKind
from makespan.solvers.cpsat.labels import ConstraintLabel, capacity_label


def oversized_task(problem: Problem) -> tuple[ConstraintLabel, ...]:
    """Capacities none of which suffices for some required task in any mode; empty if all do.

    One capacity per mode, named once. O(demands).
    """
    t, m, r = problem.tasks, problem.modes, problem.resources
    if not len(m.demand_resource):
        return ()
    most = _most(problem)
    owner = m.demand_mode()
    kind = r.kind[m.demand_resource]
    during = m.demand_timing == DemandTiming.DURING
    held = (kind == ResourceKind.RENEWABLE) & (m.duration[owner] > 0)
    counts = during & (held | (kind == ResourceKind.CONSUMABLE))
    over = counts & (m.demand_amount > most[m.demand_resource])
    rows = np.flatnonzero(over)
    if not len(rows):
        return ()
    blamed = dict(zip(owner[rows][::-1].tolist(), rows[::-1].tolist(), strict=True))
    hopeless = np.zeros(m.count, dtype=np.bool_)
    hopeless[list(blamed)] = True
    lost = np.logical_and.reduceat(hopeless, t.mode_ptr[:-1]) & ~t.optional
    if not lost.any():
        return ()
    i = int(np.flatnonzero(lost)[0])
    found: dict[int, ConstraintLabel] = {}
    for mode in range(int(t.mode_ptr[i]), int(t.mode_ptr[i + 1])):
        row = blamed[mode]
        resource = int(m.demand_resource[row])
        if resource not in found:
            label = capacity_label(problem, resource)
            need = f"{label.text}, but {t.names[i]!r} needs {m.demand_amount[row]}"
            found[resource] = replace(label, text=need)
    return tuple(found.values())


def _most(problem: Problem) -> IntArray:
    """Largest amount each resource ever offers, int64 (r,)."""
    r = problem.resources
    most = np.where(r.kind == ResourceKind.RESERVOIR, INFINITY, r.capacity)
    for k in np.flatnonzero(np.diff(r.step_ptr)).tolist():
        steps = r.step_capacity[r.step_ptr[k] : r.step_ptr[k + 1]]
        most[k] = max(int(most[k]), int(steps.max()))
    return most
