"""Lower bounds on the makespan that need no search."""

from __future__ import annotations

from typing import Final

import numpy as np

from makespan.core.problem import Problem
from makespan.core.vocabulary import ObjectiveKind, ResourceKind
from makespan.solvers.dispatch import _layout as at
from makespan.solvers.dispatch._compile import Compiled
from makespan.solvers.dispatch._facts import Attributes

_SAFE_SUM: Final = float(1 << 61)


def makespan_bound(problem: Problem, compiled: Compiled, attributes: Attributes) -> int:
    """A latest end that no schedule of ``problem`` beats.

    The larger of the longest path (shortest durations, minimum lags, releases) and, per machine
    and renewable, the least head before its tasks plus their work over its largest capacity plus
    the least tail after them. A task counts where all its modes need the resource. Only tasks
    that must be present count; O(n + demands).
    """
    t, m, r = problem.tasks, problem.modes, problem.resources
    needed = ~t.optional
    if not needed.any() or compiled.reach > _SAFE_SUM:
        # All tasks left out give 0; before tick 0 a task that need not be present gives less.
        return min(0, problem.horizon_start)
    a = attributes
    best = int((a.head + a.tail)[needed].max())
    T = compiled.tables
    demand = T.demand
    if not len(demand):
        return best
    owner = np.repeat(np.arange(m.count), T.mode[:, at.DEMAND_TO] - T.mode[:, at.DEMAND_FROM])
    load = (demand[:, at.WHAT] <= at.ON_RENEWABLE) & needed[m.task[owner]]
    load &= m.duration[owner] > 0
    owner, demand = owner[load], demand[load]
    if not len(demand):
        return best
    resource = demand[:, at.RESOURCE]
    task = m.task[owner].astype(np.int64)
    amount = np.where(demand[:, at.WHAT] == at.ON_RENEWABLE, demand[:, at.AMOUNT], 1)
    work = m.duration[owner] * amount
    if float((m.duration[owner].astype(np.float64) * amount).sum()) > _SAFE_SUM:
        return best
    key = task * r.count + resource
    pairs, inverse, uses = np.unique(key, return_inverse=True, return_counts=True)
    least = np.full(len(pairs), np.iinfo(np.int64).max)
    np.minimum.at(least, inverse, work)
    always = uses == np.diff(t.mode_ptr)[pairs // r.count]
    pairs, least = pairs[always], least[always]
    resource, task = pairs % r.count, pairs // r.count
    total = np.zeros(r.count, dtype=np.int64)
    np.add.at(total, resource, least)
    head = np.full(r.count, np.iinfo(np.int64).max)
    tail = head.copy()
    np.minimum.at(head, resource, a.head[task])
    np.minimum.at(tail, resource, a.tail_end[task])
    capacity = np.where(r.kind == ResourceKind.RENEWABLE, r.capacity, 1)
    for k in np.flatnonzero(np.diff(r.step_ptr)).tolist():
        steps = r.step_capacity[r.step_ptr[k] : r.step_ptr[k + 1]]
        capacity[k] = max(int(capacity[k]), int(steps.max()))
    for k in np.flatnonzero((total > 0) & (capacity > 0)).tolist():
        best = max(best, int(head[k]) + -(-int(total[k]) // int(capacity[k])) + int(tail[k]))
    return best


def level_bounds(
    problem: Problem, compiled: Compiled, attributes: Attributes
) -> tuple[int | None, ...]:
    """Bound per objective level: the makespan's if it stands alone on the first, else None."""
    levels = problem.objective.levels
    bounds: list[int | None] = [None] * len(levels)
    if levels and all(term.kind is ObjectiveKind.MAKESPAN for term in levels[0]):
        factor = sum(term.coefficient for term in levels[0])
        bounds[0] = factor * makespan_bound(problem, compiled, attributes)
    return tuple(bounds)
