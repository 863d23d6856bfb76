"""Regular objectives of a project: what completions cost, and how late each may be for that.

Every term counts completions of points: the activities that the semantics counts alone, and the
jobs. The allowance of an activity is the latest finish that leaves the cost of a schedule as it
is; it is what justification shifts activities to.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from makespan.core.problem import Problem
from makespan.core.vocabulary import INFINITY, IntArray, ObjectiveKind
from makespan.solvers.jit import inner
from makespan.solvers.local.project.network import Project

REGULAR: Final = frozenset(
    {
        ObjectiveKind.MAKESPAN,
        ObjectiveKind.TOTAL_COMPLETION,
        ObjectiveKind.TOTAL_FLOW_TIME,
        ObjectiveKind.TOTAL_TARDINESS,
        ObjectiveKind.MAX_TARDINESS,
        ObjectiveKind.TARDY_COUNT,
        ObjectiveKind.MAX_LATENESS,
    }
)

_MOST: Final = 2.0**61


class Price(NamedTuple):
    """Objective of a project in ticks of its network; points are activities, then jobs.

    With n activities and p points, all int64. There are no points at all if the makespan is
    the whole objective.

    Attributes
    ----------
    makespan, maximum, lateness
        Coefficients of makespan, maximum tardiness and maximum lateness, each (1,).
    job
        Point of the job of each activity or -1, (n,).
    completion, due, tardy, late, worst
        Per point (p,): cost per tick of completion; due date or INFINITY; cost per tick of
        tardiness; cost of being tardy; weight within the maximum tardiness.
    """

    makespan: IntArray
    maximum: IntArray
    lateness: IntArray
    job: IntArray
    completion: IntArray
    due: IntArray
    tardy: IntArray
    late: IntArray
    worst: IntArray


def weights(problem: Problem) -> dict[ObjectiveKind, int] | None:
    """Coefficient of each term, if there is one level and all its terms are regular."""
    levels = problem.objective.levels
    if len(levels) != 1 or not {term.kind for term in levels[0]} <= REGULAR:
        return None
    found: dict[ObjectiveKind, int] = {}
    for term in levels[0]:
        found[term.kind] = found.get(term.kind, 0) + term.coefficient
    return {kind: coefficient for kind, coefficient in found.items() if coefficient > 0}


def dates(problem: Problem, terms: dict[ObjectiveKind, int]) -> IntArray:
    """Due dates that the terms know, of tasks and jobs."""
    if not terms.keys() - {ObjectiveKind.MAKESPAN, ObjectiveKind.TOTAL_COMPLETION}:
        return np.empty(0, dtype=np.int64)
    due = np.concatenate((problem.tasks.due, problem.jobs.due))
    return due[due < INFINITY]


def price(problem: Problem, project: Project, terms: dict[ObjectiveKind, int]) -> Price | None:
    """The objective for kernels; None if its values may leave 61 bits."""
    t, j = problem.tasks, problem.jobs
    n = project.count
    makespan, maximum, lateness = (
        np.array([terms.get(kind, 0)], dtype=np.int64)
        for kind in (
            ObjectiveKind.MAKESPAN,
            ObjectiveKind.MAX_TARDINESS,
            ObjectiveKind.MAX_LATENESS,
        )
    )
    if not terms.keys() - {ObjectiveKind.MAKESPAN}:
        if 2.0 * project.span * project.tick * makespan[0] > _MOST:
            return None
        none = np.empty(0, dtype=np.int64)
        alone = np.full(n, -1, dtype=np.int64)
        return Price(makespan, maximum, lateness, alone, none, none, none, none, none)
    owner = t.job[project.task].astype(np.int64)
    used = np.bincount(owner[owner >= 0], minlength=j.count) > 0
    weight = np.concatenate((t.weight[project.task], j.weight))
    due = np.concatenate((t.due[project.task], np.where(used, j.due, INFINITY)))
    dated = due < INFINITY
    due = np.where(dated, (due - project.origin) // project.tick, INFINITY)
    unit = np.concatenate((owner < 0, used))
    flow = terms.get(ObjectiveKind.TOTAL_COMPLETION, 0) + terms.get(
        ObjectiveKind.TOTAL_FLOW_TIME, 0
    )
    late = terms.get(ObjectiveKind.TARDY_COUNT, 0)
    tardy = terms.get(ObjectiveKind.TOTAL_TARDINESS, 0)
    largest = float(np.abs(weight).max(initial=0)) * (sum(terms.values()) + 1)
    reach = (float(np.abs(due[dated]).max(initial=0)) + 2.0 * project.span) * project.tick
    if largest * reach * len(weight) > _MOST or (weight < 0).any():
        return None
    return Price(
        makespan,
        maximum,
        lateness,
        np.where(owner >= 0, owner + n, -1),
        np.where(unit, flow * weight, 0),
        due,
        np.where(dated, tardy * weight, 0),
        np.where(dated, late * weight, 0),
        np.where(dated, weight, 0),
    )


@inner
def completions(P: Price, finish: IntArray, at: IntArray) -> int:
    """Set ``at`` to the completion of every point; returns the makespan."""
    last = 0
    for j in range(len(finish)):
        last = max(last, finish[j])
    if len(P.due):
        n = len(finish)
        for p in range(n, len(at)):
            at[p] = 0
        for j in range(n):
            at[j] = finish[j]
            p = P.job[j]
            if p >= 0:
                at[p] = max(at[p], finish[j])
    return last


@inner
def cost_of(P: Price, finish: IntArray, at: IntArray, tick: int) -> tuple[int, int]:
    """Cost and makespan of a schedule; ``at`` is left with the completions of the points.

    The cost is the objective less a constant; ``tick`` is in ticks of the problem.
    """
    last = completions(P, finish, at)
    total = P.makespan[0] * last
    if len(P.due) == 0:
        return total * tick, last
    worst, latest, any_due = 0, -INFINITY, False
    count = 0
    for p in range(len(at)):
        total += P.completion[p] * at[p]
        if P.due[p] < INFINITY:
            over = at[p] - P.due[p]
            any_due = True
            latest = max(latest, over)
            if over > 0:
                total += P.tardy[p] * over
                count += P.late[p]
                worst = max(worst, P.worst[p] * over)
    total += P.maximum[0] * worst
    if any_due:
        total += P.lateness[0] * latest
    return total * tick + count, last


@inner
def allow(P: Price, at: IntArray, last: int, latest: IntArray) -> None:
    """Set ``latest`` to the finish each activity may be shifted to at the same cost.

    ``at`` are the completions of the points (changed here), ``last`` the makespan.
    """
    n = len(latest)
    for j in range(n):
        latest[j] = last
    if len(P.due) == 0:
        return
    worst, most = 0, -INFINITY
    for p in range(len(at)):
        if P.due[p] < INFINITY:
            over = at[p] - P.due[p]
            most = max(most, over)
            worst = max(worst, P.worst[p] * over)
    for p in range(len(at)):
        bound = last
        if P.completion[p] > 0:
            bound = at[p]
        elif P.due[p] < INFINITY:
            if P.tardy[p] > 0:
                bound = min(bound, max(at[p], P.due[p]))
            if P.late[p] > 0 and at[p] <= P.due[p]:
                bound = min(bound, P.due[p])
            if P.maximum[0] > 0 and P.worst[p] > 0:
                bound = min(bound, P.due[p] + worst // P.worst[p])
            if P.lateness[0] > 0:
                bound = min(bound, P.due[p] + most)
        at[p] = bound
    for j in range(n):
        latest[j] = min(latest[j], at[j])
        if P.job[j] >= 0:
            latest[j] = min(latest[j], at[P.job[j]])
