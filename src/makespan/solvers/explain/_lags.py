"""Conflicts of dates and lags alone: chains that cannot end in time, lags that contradict.

Found by longest paths instead of search, so they are instant however large the problem is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from makespan.core.graph import shortest_durations
from makespan.core.graph_times import (
    LagCycleError,
    LagGraph,
    earliest_starts,
    earliest_times,
    earliest_with_parents,
    lag_graph,
    latest_ends,
)
from makespan.core.problem import Precedences, Problem
from makespan.core.vocabulary import INFINITY, IntArray
from makespan.solvers.cpsat.labels import (
    ConstraintLabel,
    deadline_label,
    horizon_end_label,
    job_deadline_label,
    job_release_label,
    precedence_label,
    release_label,
)

_CYCLE_LIMIT: Final = 200
"""Longest cycle from which single relations are tried to be left out."""


def lag_conflict(problem: Problem) -> tuple[tuple[ConstraintLabel, ...], bool]:
    """Constraints of a clash among dates and lags, and whether every one is needed for it.

    Empty if there is none. Only tasks that must be present are looked at. O(n + p log p) if the
    lags are acyclic.
    """
    if not problem.tasks.count:
        return (), False
    graph = lag_graph(problem)
    try:
        times, parent = earliest_with_parents(problem, graph)
    except LagCycleError as error:
        rows, needed = _needed(problem, list(error.relations))
        return tuple(precedence_label(problem, row) for row in rows), needed
    latest = latest_ends(problem)
    single = _alone(problem, latest)
    if single:
        return single, True
    late = np.flatnonzero(~problem.tasks.optional & (times.end > latest))
    if not len(late):
        return (), False
    task = int(late[np.argmax((times.end - latest)[late])])
    while True:
        rows, release, passed = _chain(problem, graph, parent, task, int(latest[task]))
        # A horizon or a job's deadline binds every task, so an earlier one may be late already.
        sooner = [i for i in passed if times.end[i] > latest[i]]
        if not sooner:
            break
        task = sooner[-1]
    chain = (precedence_label(problem, row) for row in rows)
    return (*release, *chain, _deadline(problem, task)), True


def _alone(problem: Problem, latest: IntArray) -> tuple[ConstraintLabel, ...]:
    """Deadline, and release if it matters, of a task that is late whatever the others do."""
    shortest = shortest_durations(problem)
    for released in (np.full(len(latest), problem.horizon_start), earliest_starts(problem)):
        late = np.flatnonzero(~problem.tasks.optional & (released + shortest > latest))
        if len(late):
            task = int(late[0])
            matters = problem.horizon_start + int(shortest[task]) <= int(latest[task])
            release = (_release(problem, task),) if matters else ()
            return (*release, _deadline(problem, task))
    return ()


def _needed(problem: Problem, rows: list[int]) -> tuple[list[int], bool]:
    """A part of contradicting relations of which none can be left out."""
    if len(rows) > _CYCLE_LIMIT:
        return rows, False
    for row in list(rows):
        fewer = [k for k in rows if k != row]
        try:
            earliest_times(replace(problem, precedences=_part(problem.precedences, fewer)))
        except LagCycleError as error:
            kept = {fewer[k] for k in error.relations}
            rows = [k for k in fewer if k in kept]
            return _needed(problem, rows)
    return rows, True


def _part(table: Precedences, rows: list[int]) -> Precedences:
    return Precedences(
        source=table.source[rows],
        target=table.target[rows],
        kind=table.kind[rows],
        minimum=table.minimum[rows],
        maximum=table.maximum[rows],
    )


def _chain(
    problem: Problem, graph: LagGraph, parent: IntArray, task: int, latest: int
) -> tuple[list[int], tuple[ConstraintLabel, ...], list[int]]:
    """The shortest end of the longest path to a late task that is late by itself.

    It begins where the start of time, or else a release, already suffices; a shorter end would be
    in time, so nothing in it can be left out. Returns rows of precedences in order, the release if
    it matters, and the other tasks on the way, last ones first.
    """
    released = earliest_starts(problem)
    shortest = shortest_durations(problem)
    rows: list[int] = []
    passed: dict[int, None] = {}
    node, length = 2 * task + 1, 0
    while True:
        owner = node // 2
        if owner != task and not problem.tasks.optional[owner]:
            passed[owner] = None
        rest = length + (int(shortest[owner]) if node % 2 else 0)
        if problem.horizon_start + rest > latest:
            release: tuple[ConstraintLabel, ...] = ()
            break
        if int(released[owner]) + rest > latest:
            release = (_release(problem, owner),)
            break
        arc = int(parent[node])
        if graph.relation[arc] >= 0:
            rows.append(int(graph.relation[arc]))
        length += int(graph.weight[arc])
        node = int(graph.tail[arc])
    return list(dict.fromkeys(reversed(rows))), release, list(passed)


def _release(problem: Problem, task: int) -> ConstraintLabel:
    """The later of a task's releases."""
    own, job = int(problem.tasks.release[task]), int(problem.tasks.job[task])
    if job >= 0 and int(problem.jobs.release[job]) > own:
        return job_release_label(problem, job)
    return release_label(problem, task)


def _deadline(problem: Problem, task: int) -> ConstraintLabel:
    """The tightest of a task's deadlines."""
    own, job = int(problem.tasks.deadline[task]), int(problem.tasks.job[task])
    jobs = int(problem.jobs.deadline[job]) if job >= 0 else INFINITY
    if own <= min(jobs, problem.horizon_end):
        return deadline_label(problem, task)
    if jobs <= problem.horizon_end:
        return job_deadline_label(problem, job)
    return horizon_end_label(problem)
