"""Rows of the JSON document of a Problem (the writing half of the format).

Jobs, tasks and precedences may be millions. Their rows are put together as text, column by column:
a cell is ``, "field": value``, or nothing where the value is the default.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise, repeat
from json.encoder import encode_basestring as quote
from typing import Any

import numpy as np

from makespan.core.calendar import Calendar
from makespan.core.problem import Problem, Sets, SetupMatrix
from makespan.core.vocabulary import (
    INFINITY,
    Blocking,
    BoolArray,
    CodeArray,
    DemandTiming,
    IndexArray,
    IntArray,
    LinkKind,
    PrecedenceKind,
    ResourceKind,
    SelectionKind,
)
from makespan.io.json_values import Lines

Row = dict[str, Any]
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
    quoted = [quote(name) for name in names]
    resources = list(problem.resources.names)
    lists = {
        "calendars": [_calendar(c) for c in problem.calendars],
        "setups": [_setup(s) for s in problem.setups],
        "resources": _resources(problem),
        "jobs": _jobs(problem, quoted),
        "tasks": _tasks(problem, quoted),
        "precedences": _precedences(problem, quoted),
        "no_overlaps": _sets(problem.no_overlaps, "tasks", names),
        "same_orders": _sets(problem.same_orders, "machines", resources),
        "groups": _sets(problem.groups, "resources", resources),
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


def _cells(
    field: str, values: IntArray | IndexArray | BoolArray, default: int
) -> list[Iterable[str]]:
    """The column of a field; none if all of its values are the default."""
    if (values == default).all():
        return []
    head = f', "{field}": '
    if values.dtype == np.bool_:
        return [[head + "true" if value else "" for value in values.tolist()]]
    return [["" if value == default else f"{head}{value}" for value in values.tolist()]]


def _words(field: str, codes: CodeArray, words: list[str], default: int) -> list[Iterable[str]]:
    """The column of a field that holds words out of a closed set."""
    if (codes == default).all():
        return []
    texts = [f', "{field}": {quote(word)}' for word in words]
    texts[default] = ""
    return [[texts[code] for code in codes.tolist()]]


def _lines(heads: Iterable[str], *columns: list[Iterable[str]]) -> Lines:
    """A line per row from its first field and the other columns."""
    parts = [part for column in columns for part in column]
    return Lines(map("".join, zip(heads, *parts, repeat("}"))))


def _listed(field: str, texts: list[str], ptr: IntArray, *, keep_empty: bool) -> list[str]:
    """The column of a field that holds a list of texts."""
    head = f', "{field}": ['
    return [
        f"{head}{', '.join(texts[a:b])}]" if keep_empty or a < b else ""
        for a, b in pairwise(ptr.tolist())
    ]


def _jobs(problem: Problem, names: list[str]) -> Lines:
    table = problem.jobs
    by_job = np.argsort(problem.tasks.job, kind="stable")
    by_job = by_job[problem.tasks.job[by_job] >= 0]
    members: list[Iterable[str]] = []
    if not np.array_equal(by_job, table.task):
        texts = [names[i] for i in table.task.tolist()]
        members = [_listed("tasks", texts, table.task_ptr, keep_empty=True)]
    return _lines(
        (f'{{"name": {quote(name)}' for name in table.names),
        _cells("release", table.release, 0),
        _cells("deadline", table.deadline, INFINITY),
        _cells("due", table.due, INFINITY),
        _cells("weight", table.weight, 1),
        members,
    )


def _tasks(problem: Problem, names: list[str]) -> Lines:
    table = problem.tasks
    jobs = [f', "job": {quote(name)}' for name in problem.jobs.names]
    jobs.append("")  # a task without a job has number -1
    forbidden: list[Iterable[str]] = []
    if len(table.forbidden_start):
        ends = zip(table.forbidden_start.tolist(), table.forbidden_end.tolist(), strict=True)
        intervals = [f"[{start}, {end}]" for start, end in ends]
        forbidden = [_listed("forbidden", intervals, table.forbidden_ptr, keep_empty=False)]
    return _lines(
        (f'{{"name": {name}' for name in names),
        [[jobs[job] for job in table.job.tolist()]] if problem.jobs.count else [],
        _cells("release", table.release, 0),
        _cells("deadline", table.deadline, INFINITY),
        _cells("due", table.due, INFINITY),
        _cells("weight", table.weight, 1),
        _cells("optional", table.optional, 0),
        _cells("reward", table.reward, 0),
        _cells("family", table.family, 0),
        _words("blocking", table.blocking, [kind.name.lower() for kind in Blocking], 0),
        _baselines(table.baseline_start, table.baseline_mode),
        forbidden,
        [_listed("modes", _modes(problem), table.mode_ptr, keep_empty=True)],
    )


def _baselines(start: IntArray, mode: IndexArray) -> list[Iterable[str]]:
    """The column of baselines: objects of a start and a mode, each of which may be absent."""
    if (start == INFINITY).all() and (mode == -1).all():
        return []
    column = []
    for s, m in zip(start.tolist(), mode.tolist(), strict=True):
        parts = [] if s == INFINITY else [f'"start": {s}']
        if m != -1:
            parts.append(f'"mode": {m}')
        column.append(f', "baseline": {{{", ".join(parts)}}}' if parts else "")
    return [column]


def _modes(problem: Problem) -> Lines:
    """Text of each mode; demands are objects by timing, or a list where only that keeps order."""
    table = problem.modes
    names = [quote(name) for name in problem.resources.names]
    resource, amount = table.demand_resource.tolist(), table.demand_amount.tolist()
    timing = table.demand_timing.tolist()
    members = [f"{names[r]}: {a}" for r, a in zip(resource, amount, strict=True)]
    words = [f', "{field}": {{' for field in _FIELD_OF]
    column = []
    for a, b in pairwise(table.demand_ptr.tolist()):
        mine = timing[a:b]
        if mine == sorted(mine):
            text = ""
            for code in dict.fromkeys(mine):
                first = a + mine.index(code)
                text += words[code] + ", ".join(members[first : first + mine.count(code)]) + "}"
        else:
            triples = ", ".join(
                f'[{names[resource[d]]}, {amount[d]}, "{DemandTiming(timing[d]).name.lower()}"]'
                for d in range(a, b)
            )
            text = f', "demands": [{triples}]'
        column.append(text)
    return _lines(
        (f'{{"duration": {duration}' for duration in table.duration.tolist()),
        _cells("cost", table.cost, 0),
        [column],
    )


def _precedences(problem: Problem, names: list[str]) -> Lines:
    table = problem.precedences
    return _lines(
        (
            f'{{"from": {names[a]}, "to": {names[b]}'
            for a, b in zip(table.source.tolist(), table.target.tolist(), strict=True)
        ),
        _words("kind", table.kind, [kind.name for kind in PrecedenceKind], PrecedenceKind.FS),
        _cells("min_lag", table.minimum, 0),
        _cells("max_lag", table.maximum, INFINITY),
    )


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
