"""The bare model: what a textbook says about scheduling with CP-SAT, default parameters.

Shared starts and ends, one optional interval per mode, ``no_overlap`` per machine, ``cumulative``
per renewable. A problem with single modes gets plain intervals, as a modeller would write them.
Machines that take jobs in one order share a literal per pair of jobs.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
from benchmarks.peers.classic import horizon, objective, require_classic, same_order_tasks
from benchmarks.peers.outcome import Answer, Call, Clock, Incumbents
from ortools.sat.python import cp_model

from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import INFINITY, ObjectiveKind, ResourceKind


def prepare(problem: Problem) -> Call:
    """A call that builds the model and solves it."""
    require_classic(problem)

    def call(limit: float, threads: int, seed: int, clock: Clock) -> Answer:
        model, starts, literals = _model(problem)
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = threads
        solver.parameters.random_seed = seed
        solver.parameters.max_time_in_seconds = max(0.0, limit - clock())
        incumbents = Incumbents(clock)
        status = solver.solve(model, incumbents.callback())
        bound = lower_bound(solver.best_objective_bound)
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return Answer(None, bound, message=solver.status_name(status))
        start = np.array([solver.value(s) for s in starts], dtype=np.int64)
        mode = problem.tasks.mode_ptr[:-1].astype(np.int32)
        for m, literal in literals.items():
            if solver.boolean_value(literal):
                mode[problem.modes.task[m]] = m
        schedule = Schedule.from_starts(problem, start, mode)
        return Answer(schedule, bound, incumbents.history)

    return call


def lower_bound(value: float) -> int:
    """The whole number that a bound of integer objectives may be raised to."""
    return math.ceil(value - 1e-6)


def _model(problem: Problem) -> tuple[Any, list[Any], dict[int, Any]]:
    """Model, start of each task, literal of each mode of tasks that have a choice."""
    model = cp_model.CpModel()
    modes, ptr = problem.modes, problem.tasks.mode_ptr.tolist()
    latest = horizon(problem)
    releases = _releases(problem)
    duration = modes.duration.tolist()
    starts: list[Any] = []
    ends: list[Any] = []
    literals: dict[int, Any] = {}
    simple: list[Any] = []  # what excludes the other tasks of a job in an open shop
    users: list[list[tuple[Any, int]]] = [[] for _ in problem.resources.kind]
    for i in range(problem.tasks.count):
        start = model.new_int_var(releases[i], latest, f"s{i}")
        mine = range(ptr[i], ptr[i + 1])
        if len(mine) == 1:
            end = start + duration[ptr[i]]
            intervals = {
                ptr[i]: model.new_fixed_size_interval_var(start, duration[ptr[i]], f"i{i}")
            }
            simple.append(intervals[ptr[i]])
        else:
            end = model.new_int_var(0, latest, f"e{i}")
            intervals = {}
            for m in mine:
                literals[m] = model.new_bool_var(f"x{m}")
                intervals[m] = model.new_optional_interval_var(
                    start, duration[m], end, literals[m], f"i{m}"
                )
            model.add_exactly_one([literals[m] for m in mine])
            simple.append(None)
        for m, interval in intervals.items():
            for k in range(int(modes.demand_ptr[m]), int(modes.demand_ptr[m + 1])):
                amount = int(modes.demand_amount[k])
                users[int(modes.demand_resource[k])].append((interval, amount))
        starts.append(start)
        ends.append(end)
    for r, members in enumerate(users):
        if not members:
            continue
        if problem.resources.kind[r] == ResourceKind.MACHINE:
            model.add_no_overlap([interval for interval, _ in members])
        else:
            capacity = int(problem.resources.capacity[r])
            model.add_cumulative([x for x, _ in members], [a for _, a in members], capacity)
    for i, j in zip(
        problem.precedences.source.tolist(), problem.precedences.target.tolist(), strict=True
    ):
        model.add(starts[j] >= ends[i])
    for apart in problem.no_overlaps:
        model.add_no_overlap([simple[i] for i in apart.tolist()])
    for visits in same_order_tasks(problem):
        for first, second in combinations(sorted(set().union(*visits)), 2):
            before = model.new_bool_var(f"j{first} before j{second}")
            for tasks in visits:
                if first in tasks and second in tasks:
                    i, j = tasks[first], tasks[second]
                    model.add(starts[j] >= ends[i]).only_enforce_if(before)
                    model.add(starts[i] >= ends[j]).only_enforce_if(~before)
    _minimise(model, problem, ends, latest)
    return model, starts, literals


def _releases(problem: Problem) -> list[int]:
    job = problem.tasks.job
    if not problem.jobs.count:
        return [0] * len(job)
    return [int(release) for release in np.where(job >= 0, problem.jobs.release[job], 0)]


def _minimise(model: Any, problem: Problem, ends: list[Any], latest: int) -> None:
    if objective(problem) is ObjectiveKind.MAKESPAN:
        makespan = model.new_int_var(0, latest, "makespan")
        model.add_max_equality(makespan, ends)
        model.minimize(makespan)
        return
    jobs, terms = problem.jobs, []
    for j in range(jobs.count):
        if jobs.due[j] >= INFINITY:
            continue
        late = model.new_int_var(0, latest, f"t{j}")
        for i in jobs.task[jobs.task_ptr[j] : jobs.task_ptr[j + 1]].tolist():
            model.add(late >= ends[i] - int(jobs.due[j]))
        terms.append(int(jobs.weight[j]) * late)
    model.minimize(sum(terms))
