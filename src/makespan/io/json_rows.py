"""Rows of the JSON document of a Problem (the writing half of the format)."""

from __future__ import annotations

from typing import Any

import numpy as np

from makespan.core.calendar import Calendar
from makespan.core.problem import Problem, Sets, SetupMatrix
from makespan.core.vocabulary import (
    INFINITY,
    Blocking,
    DemandTiming,
    IntArray,
    LinkKind,
    PrecedenceKind,
    ResourceKind,
    SelectionKind,
)

Row = dict[str, Any]
DEMAND_FIELDS = {
    DemandTiming.DURING: "demands",
    DemandTiming.AT_START: "starts_with",
    DemandTiming.AT_END: "ends_with",
}


def _put(row: Row, default: Any, **values: Any) -> None:
    """Add the values that differ from the default; INFINITY stands for "none"."""
    for key, value in values.items():
        if value not in (default, INFINITY):
            row[key] = value


def document(problem: Problem) -> Row:
    """All of a problem as lists of rows."""
    end = problem.horizon_end
    found: Row = {"name": problem.name}
    _put(found, "", time_unit=problem.time_unit)
    if problem.origin is not None:
        found["origin"] = problem.origin.isoformat()
    if problem.horizon_start or end != INFINITY:
        found["horizon"] = [problem.horizon_start, None if end == INFINITY else end]
    found["objective"] = [
        {term.kind.value: term.coefficient for term in level} for level in problem.objective.levels
    ]
    lists = {
        "calendars": [_calendar(c) for c in problem.calendars],
        "setups": [_setup(s) for s in problem.setups],
        "resources": _resources(problem),
        "jobs": _jobs(problem),
        "tasks": _tasks(problem),
        "precedences": _precedences(problem),
        "no_overlaps": _sets(problem.no_overlaps, "tasks", list(problem.tasks.names)),
        "groups": _sets(problem.groups, "resources", list(problem.resources.names)),
        "links": _links(problem),
        "selections": _selections(problem),
    }
    return found | {key: value for key, value in lists.items() if value or key == "tasks"}


def _calendar(calendar: Calendar) -> Row:
    row: Row = {"name": calendar.name, "working": calendar.working.tolist()}
    _put(row, 0, period=calendar.period)
    exceptions = [
        [a, b, works]
        for (a, b), works in zip(
            calendar.exceptions.tolist(), calendar.exception_working, strict=True
        )
    ]
    _put(row, [], exceptions=exceptions)
    return row


def _setup(setup: SetupMatrix) -> Row:
    row: Row = {"name": setup.name, "time": setup.time.tolist()}
    for key in ("initial_time", "cost", "initial_cost"):
        table: IntArray = getattr(setup, key)
        if table.any():
            row[key] = table.tolist()
    return row


def _resources(problem: Problem) -> list[Row]:
    table = problem.resources
    found = []
    steps = np.column_stack((table.step_time, table.step_capacity)).tolist()
    for k, name in enumerate(table.names):
        kind = ResourceKind(int(table.kind[k]))
        row: Row = {"name": name, "kind": kind.name.lower()}
        if kind != ResourceKind.MACHINE:
            _put(row, None, capacity=int(table.capacity[k]))
        _put(row, 0, minimum=int(table.minimum[k]), initial=int(table.initial[k]))
        if table.calendar[k] >= 0:
            row["calendar"] = problem.calendars[table.calendar[k]].name
        if table.suspend[k]:
            row["breaks"] = "suspend"
        _put(row, False, released_in_breaks=bool(table.released_in_breaks[k]))
        _put(row, "none", blocking=Blocking(int(table.blocking[k])).name.lower())
        _put(row, 0, rate=int(table.rate[k]))
        if table.setup[k] >= 0:
            row["setup"] = problem.setups[table.setup[k]].name
        _put(row, [], steps=steps[table.step_ptr[k] : table.step_ptr[k + 1]])
        found.append(row)
    return found


def _jobs(problem: Problem) -> list[Row]:
    table, names = problem.jobs, problem.tasks.names
    by_job = np.argsort(problem.tasks.job, kind="stable")
    by_job = by_job[problem.tasks.job[by_job] >= 0]
    usual = np.array_equal(by_job, table.task)
    columns = zip(
        table.names,
        table.release.tolist(),
        table.deadline.tolist(),
        table.due.tolist(),
        table.weight.tolist(),
        strict=True,
    )
    found = []
    for k, (name, release, deadline, due, weight) in enumerate(columns):
        row: Row = {"name": name}
        _put(row, 0, release=release)
        _put(row, INFINITY, deadline=deadline, due=due)
        _put(row, 1, weight=weight)
        if not usual:
            members = table.task[table.task_ptr[k] : table.task_ptr[k + 1]]
            row["tasks"] = [names[i] for i in members.tolist()]
        found.append(row)
    return found


def _tasks(problem: Problem) -> list[Row]:
    table = problem.tasks
    job_names = list(problem.jobs.names)
    modes = _modes(problem)
    mode_ptr, forbidden_ptr = table.mode_ptr.tolist(), table.forbidden_ptr.tolist()
    forbidden = np.column_stack((table.forbidden_start, table.forbidden_end)).tolist()
    columns = zip(
        table.names,
        table.job.tolist(),
        table.release.tolist(),
        table.deadline.tolist(),
        table.due.tolist(),
        table.weight.tolist(),
        table.optional.tolist(),
        table.reward.tolist(),
        table.family.tolist(),
        table.blocking.tolist(),
        table.baseline_start.tolist(),
        table.baseline_mode.tolist(),
        strict=True,
    )
    found = []
    for i, (name, job, release, deadline, due, weight, *other) in enumerate(columns):
        optional, reward, family, blocking, start, mode = other
        row: Row = {"name": name}
        if job >= 0:
            row["job"] = job_names[job]
        _put(row, 0, release=release, reward=reward, family=family)
        _put(row, INFINITY, deadline=deadline, due=due)
        _put(row, 1, weight=weight)
        _put(row, False, optional=optional)
        _put(row, "none", blocking=Blocking(blocking).name.lower())
        baseline: Row = {}
        _put(baseline, INFINITY, start=start)
        _put(baseline, -1, mode=mode)
        _put(row, {}, baseline=baseline)
        _put(row, [], forbidden=forbidden[forbidden_ptr[i] : forbidden_ptr[i + 1]])
        row["modes"] = modes[mode_ptr[i] : mode_ptr[i + 1]]
        found.append(row)
    return found


def _modes(problem: Problem) -> list[Row]:
    """Row of each mode; demands are objects by timing, or a list if only that keeps their order."""
    table = problem.modes
    names = list(problem.resources.names)
    ptr = table.demand_ptr.tolist()
    demands = [
        (names[r], amount, DemandTiming(timing))
        for r, amount, timing in zip(
            table.demand_resource.tolist(),
            table.demand_amount.tolist(),
            table.demand_timing.tolist(),
            strict=True,
        )
    ]
    found = []
    for k, (duration, cost) in enumerate(
        zip(table.duration.tolist(), table.cost.tolist(), strict=True)
    ):
        row: Row = {"duration": duration}
        _put(row, 0, cost=cost)
        mine = demands[ptr[k] : ptr[k + 1]]
        timings = [timing for _, _, timing in mine]
        if timings == sorted(timings):
            for resource, amount, timing in mine:
                row.setdefault(DEMAND_FIELDS[timing], {})[resource] = amount
        else:
            row["demands"] = [[r, amount, timing.name.lower()] for r, amount, timing in mine]
        found.append(row)
    return found


def _precedences(problem: Problem) -> list[Row]:
    table, names = problem.precedences, list(problem.tasks.names)
    found = []
    for a, b, kind, low, high in zip(
        table.source.tolist(),
        table.target.tolist(),
        table.kind.tolist(),
        table.minimum.tolist(),
        table.maximum.tolist(),
        strict=True,
    ):
        row: Row = {"from": names[a], "to": names[b]}
        _put(row, "FS", kind=PrecedenceKind(kind).name)
        _put(row, 0, min_lag=low)
        _put(row, INFINITY, max_lag=high)
        found.append(row)
    return found


def _sets(sets: Sets, field: str, names: list[str]) -> list[Row]:
    return [
        {"name": name, field: [names[i] for i in members.tolist()]}
        for name, members in zip(sets.names, sets, strict=True)
    ]


def _links(problem: Problem) -> list[Row]:
    table, names = problem.links, problem.tasks.names
    return [
        {
            "kind": LinkKind(kind).name.lower(),
            "first": names[a],
            "second": names[b],
            "group": problem.groups.names[group],
        }
        for kind, a, b, group in zip(
            table.kind.tolist(),
            table.first.tolist(),
            table.second.tolist(),
            table.group.tolist(),
            strict=True,
        )
    ]


def _selections(problem: Problem) -> list[Row]:
    table, names = problem.selections, problem.tasks.names
    return [
        {
            "kind": SelectionKind(int(table.kind[k])).name.lower(),
            "tasks": [names[i] for i in table.task[table.ptr[k] : table.ptr[k + 1]].tolist()],
        }
        for k in range(table.count)
    ]
