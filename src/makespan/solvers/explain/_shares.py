"""Who contributes how much to the value of an objective term."""

from __future__ import annotations

import numpy as np

from makespan.core.metrics import machine_sequences
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import INFINITY, DemandTiming, ObjectiveKind, ResourceKind

Shares = list[tuple[str, int]]
"""Name of a job, task or resource, and what it adds to the value."""


def shares(problem: Problem, schedule: Schedule, kind: ObjectiveKind) -> Shares:
    """Contributions that are not 0, largest first; of a maximum, who attains it."""
    if kind is ObjectiveKind.MAKESPAN:
        ends = [(n, int(e)) for n, e, _ in _present(problem, schedule)]
        return _attained(ends, schedule.makespan)
    if kind in (ObjectiveKind.TOTAL_COMPLETION, ObjectiveKind.TOTAL_FLOW_TIME):
        flow = kind is ObjectiveKind.TOTAL_FLOW_TIME
        units = _units(problem, schedule)
        return _ranked([(n, w * (c - (r if flow else 0))) for n, w, c, r in units])
    if kind is ObjectiveKind.RESOURCE_COST:
        return _ranked(_resource_costs(problem, schedule))
    if kind in (ObjectiveKind.SETUP_TIME, ObjectiveKind.SETUP_COST):
        field = "time" if kind is ObjectiveKind.SETUP_TIME else "cost"
        return _ranked(_setups(problem, schedule, field))
    if kind in (
        ObjectiveKind.MODE_COST,
        ObjectiveKind.UNPLACED,
        ObjectiveKind.CHANGE,
        ObjectiveKind.MOVED,
    ):
        return _ranked(_choices(problem, schedule, kind))
    late = [(n, w, lateness) for n, w, lateness in _dated(problem, schedule)]
    if kind is ObjectiveKind.TOTAL_TARDINESS:
        return _ranked([(n, w * max(0, d)) for n, w, d in late])
    if kind is ObjectiveKind.TARDY_COUNT:
        return _ranked([(n, w) for n, w, d in late if d > 0])
    if kind is ObjectiveKind.TOTAL_EARLINESS:
        return _ranked([(n, w * max(0, -d)) for n, w, d in late])
    if kind is ObjectiveKind.MAX_TARDINESS:
        each = [(n, w * max(0, d)) for n, w, d in late]
        return [(n, v) for n, v in _attained(each, max((v for _, v in each), default=0)) if v]
    each = [(n, d) for n, _, d in late]
    return _attained(each, max((v for _, v in each), default=0))


def _ranked(found: Shares) -> Shares:
    return sorted((entry for entry in found if entry[1]), key=lambda entry: (-entry[1], entry[0]))


def _attained(found: Shares, value: int) -> Shares:
    return [entry for entry in found if entry[1] == value]


def _present(problem: Problem, schedule: Schedule) -> list[tuple[str, int, int]]:
    """Name, end and index of each present task."""
    rows = np.flatnonzero(schedule.present).tolist()
    return [(problem.tasks.names[i], int(schedule.end[i]), i) for i in rows]


def _completions(problem: Problem, schedule: Schedule) -> dict[int, int]:
    """Completion of each job with a present task."""
    found: dict[int, int] = {}
    for _, end, i in _present(problem, schedule):
        job = int(problem.tasks.job[i])
        if job >= 0:
            found[job] = max(found.get(job, end), end)
    return found


def _units(problem: Problem, schedule: Schedule) -> list[tuple[str, int, int, int]]:
    """Name, weight, completion and release of jobs and of tasks without a job."""
    t, jobs = problem.tasks, problem.jobs
    rows = [
        (jobs.names[k], int(jobs.weight[k]), end, int(jobs.release[k]))
        for k, end in _completions(problem, schedule).items()
    ]
    for name, end, i in _present(problem, schedule):
        if t.job[i] < 0:
            rows.append((name, int(t.weight[i]), end, int(t.release[i])))
    return rows


def _dated(problem: Problem, schedule: Schedule) -> list[tuple[str, int, int]]:
    """Name, weight and lateness of jobs and tasks with a due date."""
    t, jobs = problem.tasks, problem.jobs
    rows = [
        (jobs.names[k], int(jobs.weight[k]), end - int(jobs.due[k]))
        for k, end in _completions(problem, schedule).items()
        if jobs.due[k] < INFINITY
    ]
    for name, end, i in _present(problem, schedule):
        if t.due[i] < INFINITY:
            rows.append((name, int(t.weight[i]), end - int(t.due[i])))
    return rows


def _resource_costs(problem: Problem, schedule: Schedule) -> Shares:
    m, r = problem.modes, problem.resources
    total = [0] * r.count
    for _, _, i in _present(problem, schedule):
        mode = int(schedule.mode[i])
        for row in range(int(m.demand_ptr[mode]), int(m.demand_ptr[mode + 1])):
            k = int(m.demand_resource[row])
            if m.demand_timing[row] == DemandTiming.DURING:
                once = r.kind[k] == ResourceKind.CONSUMABLE
                ticks = 1 if once else int(m.duration[mode])
                total[k] += int(r.rate[k]) * int(m.demand_amount[row]) * ticks
    return [(r.names[k], cost) for k, cost in enumerate(total)]


def _setups(problem: Problem, schedule: Schedule, field: str) -> Shares:
    family, found = problem.tasks.family, list[tuple[str, int]]()
    for machine, sequence in machine_sequences(problem, schedule).items():
        number = int(problem.resources.setup[machine])
        if number < 0 or not len(sequence):
            continue
        line = family[sequence]
        first = getattr(problem.setups[number], f"initial_{field}")[line[0]]
        between = getattr(problem.setups[number], field)[line[:-1], line[1:]]
        found.append((problem.resources.names[machine], int(first) + int(between.sum())))
    return found


def _choices(problem: Problem, schedule: Schedule, kind: ObjectiveKind) -> Shares:
    t, names = problem.tasks, problem.tasks.names
    if kind is ObjectiveKind.UNPLACED:
        absent = np.flatnonzero(~schedule.present).tolist()
        return [(names[i], int(t.reward[i])) for i in absent]
    found: Shares = []
    for name, _, i in _present(problem, schedule):
        if kind is ObjectiveKind.MODE_COST:
            found.append((name, int(problem.modes.cost[schedule.mode[i]])))
        elif t.baseline_start[i] < INFINITY:
            shift = abs(int(schedule.start[i]) - int(t.baseline_start[i]))
            if kind is ObjectiveKind.CHANGE:
                found.append((name, shift))
                continue
            wanted = int(t.baseline_mode[i])
            other = wanted >= 0 and int(schedule.mode[i]) - int(t.mode_ptr[i]) != wanted
            found.append((name, int(shift > 0 or other)))
    return found
