"""Tables of a Problem from the rows of its JSON document (the reading half of the format)."""

from __future__ import annotations

from datetime import datetime
from itertools import chain

import numpy as np

from makespan.core.calendar import Calendar
from makespan.core.problem import (
    Links,
    Objective,
    ObjectiveTerm,
    Problem,
    Resources,
    Selections,
    Sets,
    SetupMatrix,
)
from makespan.core.vocabulary import (
    INFINITY,
    IntArray,
    LinkKind,
    ObjectiveKind,
    ResourceKind,
    SelectionKind,
)
from makespan.io.json_columns import Names, Rows
from makespan.io.json_tasks import (
    BLOCKING,
    intervals,
    jobs_of,
    longs,
    pairs,
    places,
    pointers,
    precedences_of,
    tasks_of,
)
from makespan.io.json_values import Node

_KINDS = [kind.name.lower() for kind in ResourceKind]
_LINKS = [kind.name.lower() for kind in LinkKind]
_SELECTIONS = [kind.name.lower() for kind in SelectionKind]
_OBJECTIVES = {kind.value: kind for kind in ObjectiveKind}
_NO_PAIRS: list[tuple[int, int]] = []
_NO_NODES: list[Node] = []


def problem_of(root: Node) -> Problem:
    """Problem of a whole document."""
    for key in ("format", "version"):
        root.has(key)
    calendar_rows, setup_rows = Rows.of(root, "calendars"), Rows.of(root, "setups")
    resource_rows, job_rows = Rows.of(root, "resources"), Rows.of(root, "jobs")
    task_rows = Rows.of(root, "tasks")
    calendars, setups = Names("calendar", calendar_rows), Names("setup matrix", setup_rows)
    resources, jobs = Names("resource", resource_rows), Names("job", job_rows)
    tasks = Names("task", task_rows)
    group_rows, set_rows = Rows.of(root, "groups"), Rows.of(root, "no_overlaps")
    order_rows = Rows.of(root, "same_orders")
    groups, sets = Names("group", group_rows), Names("no-overlap set", set_rows)
    orders = Names("same-order set", order_rows)
    task_table, mode_table = tasks_of(task_rows, tasks, jobs, resources)
    start, end = root.get("horizon", _horizon, (0, INFINITY))
    problem = Problem(
        name=root.get("name", Node.text, ""),
        tasks=task_table,
        modes=mode_table,
        resources=_resources(resource_rows, resources, calendars, setups),
        jobs=jobs_of(job_rows, jobs, tasks, task_table.job),
        precedences=precedences_of(Rows.of(root, "precedences"), tasks),
        calendars=tuple(_calendar(row) for row in _nodes(calendar_rows)),
        setups=tuple(_setup(row) for row in _nodes(setup_rows)),
        no_overlaps=_sets(set_rows, sets, "tasks", tasks),
        same_orders=_sets(order_rows, orders, "machines", resources),
        groups=_sets(group_rows, groups, "resources", resources),
        links=_links(Rows.of(root, "links"), tasks, groups),
        selections=_selections(Rows.of(root, "selections"), tasks),
        objective=root.get("objective", _objective, Objective()),
        horizon_start=start,
        horizon_end=end,
        time_unit=root.get("time_unit", Node.text, ""),
        origin=root.get("origin", _date, None),
    )
    root.done()
    return problem


def _nodes(rows: Rows) -> list[Node]:
    return [rows.at(k) for k in range(len(rows))]


def _horizon(node: Node) -> tuple[int, int]:
    start, end = node.row(2)
    return start.whole(), INFINITY if end.value is None else end.whole()


def _date(node: Node) -> datetime | None:
    try:
        return datetime.fromisoformat(node.text())
    except ValueError:
        raise node.wrong("a date and time such as 2025-03-01T06:00") from None


def _objective(node: Node) -> Objective:
    levels = []
    for level in node.items():
        terms = []
        for word, coefficient in level.members().items():
            if word not in _OBJECTIVES:
                raise level.error(f"unknown objective {word!r}", "one of " + ", ".join(_OBJECTIVES))
            terms.append(ObjectiveTerm(_OBJECTIVES[word], coefficient.whole(0)))
        levels.append(tuple(terms))
    return Objective(tuple(levels))


def _calendar(row: Node) -> Calendar:
    exceptions = []
    for entry in row.get("exceptions", Node.items, _NO_NODES):
        start, end, works = entry.row(3)
        exceptions.append((start.whole(), end.whole(), works.flag()))
    calendar = Calendar.create(
        row.get("name", Node.text),
        working=row.get("working", intervals, None),
        period=row.get("period", lambda node: node.whole(0), 0),
        exceptions=exceptions,
    )
    row.done()
    return calendar


def _matrix(node: Node) -> IntArray:
    size = len(node.items())
    return np.array([row.wholes(size, 0) for row in node.items()], dtype=np.int64).reshape(
        size, size
    )


def _setup(row: Node) -> SetupMatrix:
    time = row.get("time", _matrix)
    size = len(time)

    def vector(node: Node) -> IntArray:
        return np.array(node.wholes(size, 0), dtype=np.int64)

    cost = row.get("cost", _matrix, np.zeros((size, size), dtype=np.int64))
    if len(cost) != size:
        raise row.error(f"the cost matrix has {len(cost)} rows", f"{size}, as many as time")
    setup = SetupMatrix(
        row.get("name", Node.text),
        time,
        row.get("initial_time", vector, np.zeros(size, dtype=np.int64)),
        cost,
        row.get("initial_cost", vector, np.zeros(size, dtype=np.int64)),
    )
    row.done()
    return setup


def _resources(rows: Rows, names: Names, calendars: Names, setups: Names) -> Resources:
    kinds = rows.choices("kind", _KINDS)
    limited = np.isin(kinds, (ResourceKind.RENEWABLE, ResourceKind.CONSUMABLE))
    for k, capacity in enumerate(rows.raw("capacity")):
        if capacity is None and limited[k]:
            raise rows.at(k).error("the field 'capacity' is missing", "a whole number")
    usual = np.where(kinds == ResourceKind.MACHINE, 1, INFINITY)
    given = [capacity is not None for capacity in rows.raw("capacity")]
    steps = rows.each("steps", pairs, _NO_PAIRS)
    table = Resources(
        names=names.table(),
        kind=kinds,
        capacity=np.where(given, rows.wholes("capacity", 0), usual),
        minimum=rows.wholes("minimum", 0),
        initial=rows.wholes("initial", 0),
        calendar=calendars.column(rows, "calendar", -1),
        suspend=rows.choices("breaks", ("forbid", "suspend"), 0) == 1,
        released_in_breaks=rows.flags("released_in_breaks"),
        blocking=rows.choices("blocking", BLOCKING, 0),
        rate=rows.wholes("rate", 0, low=0),
        setup=setups.column(rows, "setup", -1),
        step_ptr=pointers(map(len, steps)),
        step_time=longs(time for time, _ in chain.from_iterable(steps)),
        step_capacity=longs(level for _, level in chain.from_iterable(steps)),
    )
    rows.done()
    return table


def _sets(rows: Rows, names: Names, key: str, members: Names) -> Sets:
    listed = rows.each(key, members.find_all)
    rows.done()
    return Sets(names.table(), pointers(map(len, listed)), places(chain.from_iterable(listed)))


def _links(rows: Rows, tasks: Names, groups: Names) -> Links:
    table = Links(
        kind=rows.choices("kind", _LINKS),
        first=tasks.column(rows, "first"),
        second=tasks.column(rows, "second"),
        group=groups.column(rows, "group"),
    )
    rows.done()
    return table


def _selections(rows: Rows, tasks: Names) -> Selections:
    listed = rows.each("tasks", tasks.find_all)
    kinds = rows.choices("kind", _SELECTIONS)
    rows.done()
    return Selections(kinds, pointers(map(len, listed)), places(chain.from_iterable(listed)))
