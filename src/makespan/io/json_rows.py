"""Rows of the JSON document of a Problem (the writing half of the format)."""

from __future__ import annotations

from typing import Any

import numpy as np

from makespan.core.calendar import Calendar
from makespan.core.problem import Problem, Sets, SetupMatrix
from makespan.core.vocabulary import (
    INFINITY,
    Blocking,
    BoolArray,
    DemandTiming,
    IndexArray,
    IntArray,
    LinkKind,
    PrecedenceKind,
    ResourceKind,
    SelectionKind,
)

Row = dict[str, Any]
Column = tuple[str, list[Any], int]
DEMAND_FIELDS = {
    DemandTiming.DURING: "demands",
    DemandTiming.AT_START: "starts_with",
    DemandTiming.AT_END: "ends_with",
}

_FIELD_OF = [DEMAND_FIELDS[timing] for timing in DemandTiming]


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
    names = list(problem.tasks.names)
    lists = {
        "calendars": [_calendar(c) for c in problem.calendars],
        "setups": [_setup(s) for s in problem.setups],
        "resources": _resources(problem),
        "jobs": _jobs(problem),
        "tasks": _tasks(problem, names),
        "precedences": _precedences(problem, names),
        "no_overlaps": _sets(problem.no_overlaps, "tasks", names),
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


def _columns(*listed: tuple[str, IntArray | IndexArray | BoolArray, int]) -> list[Column]:
    """Columns (field, values, default) that differ from their default anywhere."""
    return [
        (field, values.tolist(), default)
        for field, values, default in listed
        if (values != default).any()
    ]


def _fill(row: Row, columns: list[Column], k: int) -> None:
    """Add the values of table row ``k`` that differ from their defaults."""
    for field, values, default in columns:
        if values[k] != default:
            row[field] = values[k]


def _jobs(problem: Problem) -> list[Row]:
    table, names = problem.jobs, problem.tasks.names
    by_job = np.argsort(problem.tasks.job, kind="stable")
    by_job = by_job[problem.tasks.job[by_job] >= 0]
    usual = np.array_equal(by_job, table.task)
    columns = _columns(
        ("release", table.release, 0),
        ("deadline", table.deadline, INFINITY),
        ("due", table.due, INFINITY),
        ("weight", table.weight, 1),
    )
    found = []
    for k, name in enumerate(table.names):
        row: Row = {"name": name}
        _fill(row, columns, k)
        if not usual:
            members = table.task[table.task_ptr[k] : table.task_ptr[k + 1]]
            row["tasks"] = [names[i] for i in members.tolist()]
        found.append(row)
    return found


def _tasks(problem: Problem, names: list[str]) -> list[Row]:
    table = problem.tasks
    job_names = list(problem.jobs.names)
    modes = _modes(problem)
    mode_ptr, forbidden_ptr = table.mode_ptr.tolist(), table.forbidden_ptr.tolist()
    forbidden = np.column_stack((table.forbidden_start, table.forbidden_end)).tolist()
    columns = _columns(
        ("release", table.release, 0),
        ("deadline", table.deadline, INFINITY),
        ("due", table.due, INFINITY),
        ("weight", table.weight, 1),
        ("optional", table.optional, False),
        ("reward", table.reward, 0),
        ("family", table.family, 0),
    )
    blocking = table.blocking.tolist()
    baseline_columns = _columns(
        ("start", table.baseline_start, INFINITY), ("mode", table.baseline_mode, -1)
    )
    found = []
    for i, (name, job) in enumerate(zip(names, table.job.tolist(), strict=True)):
        row: Row = {"name": name}
        if job >= 0:
            row["job"] = job_names[job]
        _fill(row, columns, i)
        if blocking[i]:
            row["blocking"] = Blocking(blocking[i]).name.lower()
        baseline: Row = {}
        _fill(baseline, baseline_columns, i)
        if baseline:
            row["baseline"] = baseline
        if forbidden_ptr[i + 1] > forbidden_ptr[i]:
            row["forbidden"] = forbidden[forbidden_ptr[i] : forbidden_ptr[i + 1]]
        row["modes"] = modes[mode_ptr[i] : mode_ptr[i + 1]]
        found.append(row)
    return found


def _modes(problem: Problem) -> list[Row]:
    """Row of each mode; demands are objects by timing, or a list if only that keeps their order."""
    table = problem.modes
    names = list(problem.resources.names)
    ptr = table.demand_ptr.tolist()
    resource = [names[r] for r in table.demand_resource.tolist()]
    amount, timing = table.demand_amount.tolist(), table.demand_timing.tolist()
    columns = _columns(("cost", table.cost, 0))
    found = []
    for k, duration in enumerate(table.duration.tolist()):
        row: Row = {"duration": duration}
        _fill(row, columns, k)
        mine = range(ptr[k], ptr[k + 1])
        timings = timing[ptr[k] : ptr[k + 1]]
        if timings == sorted(timings):
            for d in mine:
                row.setdefault(_FIELD_OF[timing[d]], {})[resource[d]] = amount[d]
        else:
            row["demands"] = [
                [resource[d], amount[d], DemandTiming(timing[d]).name.lower()] for d in mine
            ]
        found.append(row)
    return found


def _precedences(problem: Problem, names: list[str]) -> list[Row]:
    table = problem.precedences
    columns = _columns(("min_lag", table.minimum, 0), ("max_lag", table.maximum, INFINITY))
    found = []
    for k, (a, b, kind) in enumerate(
        zip(table.source.tolist(), table.target.tolist(), table.kind.tolist(), strict=True)
    ):
        row: Row = {"from": names[a], "to": names[b]}
        if kind != PrecedenceKind.FS:
            row["kind"] = PrecedenceKind(kind).name
        _fill(row, columns, k)
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
