"""Tables of a Problem from the rows of its JSON document (the reading half of the format)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate, chain

import numpy as np

from makespan.core.calendar import Calendar
from makespan.core.names import NameTable
from makespan.core.problem import (
    Jobs,
    Links,
    Modes,
    Objective,
    ObjectiveTerm,
    Precedences,
    Problem,
    Resources,
    Selections,
    Sets,
    SetupMatrix,
    Tasks,
)
from makespan.core.vocabulary import (
    INFINITY,
    Blocking,
    CodeArray,
    DemandTiming,
    IndexArray,
    IntArray,
    LinkKind,
    ObjectiveKind,
    PrecedenceKind,
    ResourceKind,
    SelectionKind,
)
from makespan.io.json_rows import DEMAND_FIELDS
from makespan.io.json_values import Node

_KINDS = [kind.name.lower() for kind in ResourceKind]
_BLOCKING = [kind.name.lower() for kind in Blocking]
_LINKS = [kind.name.lower() for kind in LinkKind]
_SELECTIONS = [kind.name.lower() for kind in SelectionKind]
_TIMINGS = [kind.name.lower() for kind in DemandTiming]
_PRECEDENCES = [kind.name for kind in PrecedenceKind]
_OBJECTIVES = {kind.value: kind for kind in ObjectiveKind}
_FAMILY_LIMIT = 1 << 30
_NO_PAIRS: list[tuple[int, int]] = []
_NO_MEMBERS: dict[str, Node] = {}


def _long(values: Iterable[int]) -> IntArray:
    return np.fromiter(values, dtype=np.int64)


def _index(values: Iterable[int]) -> IndexArray:
    return np.fromiter(values, dtype=np.int32)


def _codes(values: Iterable[int]) -> CodeArray:
    return np.fromiter(values, dtype=np.uint8)


def _ptr(sizes: Iterable[int]) -> IntArray:
    return _long(accumulate(sizes, initial=0))


@dataclass(slots=True)
class _Names:
    """Index of each name of a table; looks references up and refuses repeated names."""

    what: str
    index: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, what: str, rows: Sequence[Node]) -> _Names:
        names = cls(what)
        for k, row in enumerate(rows):
            name = row.get("name", Node.text)
            if names.index.setdefault(name, k) != k:
                raise row.error(f"a second {what} is named {name!r}", "distinct names")
        return names

    def table(self) -> NameTable:
        return NameTable.explicit(self.index)

    def find(self, node: Node) -> int:
        found = self.index.get(node.text())
        if found is None:
            raise node.error(
                f"there is no {self.what} {node.value!r}", f"the name of a {self.what}"
            )
        return found

    def find_all(self, node: Node) -> list[int]:
        return [self.find(entry) for entry in node.items()]


def _nonnegative(node: Node) -> int:
    return node.whole(0)


def _family(node: Node) -> int:
    return node.whole(0, _FAMILY_LIMIT)


def _pairs(node: Node) -> list[tuple[int, int]]:
    found = []
    for entry in node.items():
        a, b = entry.wholes(2)
        found.append((a, b))
    return found


def _intervals(node: Node) -> list[tuple[int, int]]:
    found = _pairs(node)
    for k, (a, b) in enumerate(found):
        if a >= b:
            raise node.items()[k].error(f"interval [{a}, {b}) is empty", "start before end")
    return found


def problem_of(root: Node) -> Problem:
    """Problem of a whole document."""
    for key in ("format", "version"):
        root.has(key)
    calendar_rows, setup_rows = root.rows("calendars"), root.rows("setups")
    resource_rows, job_rows, task_rows = (
        root.rows("resources"),
        root.rows("jobs"),
        root.rows("tasks"),
    )
    calendars = _Names.of("calendar", calendar_rows)
    setups = _Names.of("setup matrix", setup_rows)
    resources = _Names.of("resource", resource_rows)
    jobs = _Names.of("job", job_rows)
    tasks = _Names.of("task", task_rows)
    group_rows, set_rows = root.rows("groups"), root.rows("no_overlaps")
    groups = _Names.of("group", group_rows)
    sets = _Names.of("no-overlap set", set_rows)
    task_table, mode_table = _tasks(task_rows, tasks, jobs, resources)
    start, end = root.get("horizon", _horizon, (0, INFINITY))
    problem = Problem(
        name=root.get("name", Node.text, ""),
        tasks=task_table,
        modes=mode_table,
        resources=_resources(resource_rows, resources, calendars, setups),
        jobs=_jobs(job_rows, jobs, tasks, task_table.job),
        precedences=_precedences(root.rows("precedences"), tasks),
        calendars=tuple(_calendar(row) for row in calendar_rows),
        setups=tuple(_setup(row) for row in setup_rows),
        no_overlaps=_sets(set_rows, sets, "tasks", tasks),
        groups=_sets(group_rows, groups, "resources", resources),
        links=_links(root.rows("links"), tasks, groups),
        selections=_selections(root.rows("selections"), tasks),
        objective=root.get("objective", _objective, Objective()),
        horizon_start=start,
        horizon_end=end,
        time_unit=root.get("time_unit", Node.text, ""),
        origin=root.get("origin", _date, None),
    )
    root.done()
    return problem


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
    for entry in row.rows("exceptions"):
        start, end, works = entry.row(3)
        exceptions.append((start.whole(), end.whole(), works.flag()))
    calendar = Calendar.create(
        row.get("name", Node.text),
        working=row.get("working", _intervals, None),
        period=row.get("period", _nonnegative, 0),
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


def _blocking(node: Node) -> int:
    return _BLOCKING.index(node.one_of(_BLOCKING))


def _resources(rows: Sequence[Node], names: _Names, calendars: _Names, setups: _Names) -> Resources:
    kinds = [_KINDS.index(row.get("kind", lambda n: n.one_of(_KINDS))) for row in rows]
    capacities = []
    for row, kind in zip(rows, kinds, strict=True):
        needed = kind in (ResourceKind.RENEWABLE, ResourceKind.CONSUMABLE)
        if needed and not row.has("capacity"):
            raise row.error("the field 'capacity' is missing")
        usual = 1 if kind == ResourceKind.MACHINE else INFINITY
        capacities.append(row.get("capacity", Node.whole, usual))
    breaks = [
        row.get("breaks", lambda n: n.one_of(("forbid", "suspend")), "forbid") for row in rows
    ]
    steps = [row.get("steps", _pairs, _NO_PAIRS) for row in rows]
    table = Resources(
        names=names.table(),
        kind=_codes(kinds),
        capacity=_long(capacities),
        minimum=_long(row.get("minimum", Node.whole, 0) for row in rows),
        initial=_long(row.get("initial", Node.whole, 0) for row in rows),
        calendar=_index(row.get("calendar", calendars.find, -1) for row in rows),
        suspend=np.array([word == "suspend" for word in breaks], dtype=np.bool_),
        released_in_breaks=np.array(
            [row.get("released_in_breaks", Node.flag, False) for row in rows], dtype=np.bool_
        ),
        blocking=_codes(row.get("blocking", _blocking, 0) for row in rows),
        rate=_long(row.get("rate", _nonnegative, 0) for row in rows),
        setup=_index(row.get("setup", setups.find, -1) for row in rows),
        step_ptr=_ptr(map(len, steps)),
        step_time=_long(time for time, _ in chain.from_iterable(steps)),
        step_capacity=_long(level for _, level in chain.from_iterable(steps)),
    )
    for row in rows:
        row.done()
    return table


def _jobs(rows: Sequence[Node], names: _Names, tasks: _Names, job: IndexArray) -> Jobs:
    by_job = np.argsort(job, kind="stable").astype(np.int32)
    members = np.split(by_job, np.searchsorted(job[by_job], np.arange(len(rows) + 1)))[1:-1]
    listed = []
    for k, row in enumerate(rows):
        usual = members[k].tolist()
        mine = row.get("tasks", tasks.find_all, usual)
        if sorted(mine) != usual:
            raise row.error(
                "the listed tasks are not those that name this job", "each of them once"
            )
        listed.append(mine)
    table = Jobs(
        names=names.table(),
        release=_long(row.get("release", Node.whole, 0) for row in rows),
        deadline=_long(row.get("deadline", Node.whole, INFINITY) for row in rows),
        due=_long(row.get("due", Node.whole, INFINITY) for row in rows),
        weight=_long(row.get("weight", _nonnegative, 1) for row in rows),
        task_ptr=_ptr(map(len, listed)),
        task=_index(chain.from_iterable(listed)),
    )
    for row in rows:
        row.done()
    return table


def _baseline(node: Node) -> tuple[int, int]:
    start = node.get("start", Node.whole, INFINITY)
    mode = node.get("mode", _family, -1)
    node.done()
    return start, mode


def _tasks(
    rows: Sequence[Node], names: _Names, jobs: _Names, resources: _Names
) -> tuple[Tasks, Modes]:
    modes = [row.get("modes", Node.items) for row in rows]
    forbidden = [row.get("forbidden", _intervals, _NO_PAIRS) for row in rows]
    baselines = [row.get("baseline", _baseline, (INFINITY, -1)) for row in rows]
    table = Tasks(
        names=names.table(),
        job=_index(row.get("job", jobs.find, -1) for row in rows),
        release=_long(row.get("release", Node.whole, 0) for row in rows),
        deadline=_long(row.get("deadline", Node.whole, INFINITY) for row in rows),
        due=_long(row.get("due", Node.whole, INFINITY) for row in rows),
        weight=_long(row.get("weight", _nonnegative, 1) for row in rows),
        optional=np.array([row.get("optional", Node.flag, False) for row in rows], dtype=np.bool_),
        reward=_long(row.get("reward", _nonnegative, 0) for row in rows),
        family=_index(row.get("family", _family, 0) for row in rows),
        blocking=_codes(row.get("blocking", _blocking, 0) for row in rows),
        baseline_start=_long(start for start, _ in baselines),
        baseline_mode=_index(mode for _, mode in baselines),
        mode_ptr=_ptr(map(len, modes)),
        forbidden_ptr=_ptr(map(len, forbidden)),
        forbidden_start=_long(a for a, _ in chain.from_iterable(forbidden)),
        forbidden_end=_long(b for _, b in chain.from_iterable(forbidden)),
    )
    for row in rows:
        row.done()
    return table, _modes(modes, resources)


def _modes(by_task: Sequence[Sequence[Node]], resources: _Names) -> Modes:
    rows = list(chain.from_iterable(by_task))
    demands = [_demands(row, resources) for row in rows]
    flat = list(chain.from_iterable(demands))
    table = Modes(
        task=_index(i for i, modes in enumerate(by_task) for _ in modes),
        duration=_long(row.get("duration", _nonnegative) for row in rows),
        cost=_long(row.get("cost", _nonnegative, 0) for row in rows),
        demand_ptr=_ptr(map(len, demands)),
        demand_resource=_index(resource for resource, _, _ in flat),
        demand_amount=_long(amount for _, amount, _ in flat),
        demand_timing=_codes(timing for _, _, timing in flat),
    )
    for row in rows:
        row.done()
    return table


def _demands(row: Node, resources: _Names) -> list[tuple[int, int, int]]:
    """(resource, amount, timing) of each demand of a mode."""
    if row.has("demands") and isinstance(row.value["demands"], list):
        return [_listed_demand(entry, resources) for entry in row.rows("demands")]
    found = []
    for timing, key in DEMAND_FIELDS.items():
        for name, amount in row.get(key, Node.members, _NO_MEMBERS).items():
            resource = resources.index.get(name)
            if resource is None:
                raise amount.error(f"there is no resource {name!r}", "the name of a resource")
            found.append((resource, amount.whole(), int(timing)))
    return found


def _listed_demand(entry: Node, resources: _Names) -> tuple[int, int, int]:
    resource, amount, timing = entry.row(3)
    return resources.find(resource), amount.whole(), _TIMINGS.index(timing.one_of(_TIMINGS))


def _precedences(rows: Sequence[Node], tasks: _Names) -> Precedences:
    table = Precedences(
        source=_index(row.get("from", tasks.find) for row in rows),
        target=_index(row.get("to", tasks.find) for row in rows),
        kind=_codes(
            _PRECEDENCES.index(row.get("kind", lambda n: n.one_of(_PRECEDENCES), "FS"))
            for row in rows
        ),
        minimum=_long(row.get("min_lag", Node.whole, 0) for row in rows),
        maximum=_long(row.get("max_lag", Node.whole, INFINITY) for row in rows),
    )
    for row in rows:
        row.done()
    return table


def _sets(rows: Sequence[Node], names: _Names, key: str, members: _Names) -> Sets:
    listed = [row.get(key, members.find_all) for row in rows]
    for row in rows:
        row.done()
    return Sets(names.table(), _ptr(map(len, listed)), _index(chain.from_iterable(listed)))


def _links(rows: Sequence[Node], tasks: _Names, groups: _Names) -> Links:
    table = Links(
        kind=_codes(_LINKS.index(row.get("kind", lambda n: n.one_of(_LINKS))) for row in rows),
        first=_index(row.get("first", tasks.find) for row in rows),
        second=_index(row.get("second", tasks.find) for row in rows),
        group=_index(row.get("group", groups.find) for row in rows),
    )
    for row in rows:
        row.done()
    return table


def _selections(rows: Sequence[Node], tasks: _Names) -> Selections:
    listed = [row.get("tasks", tasks.find_all) for row in rows]
    kinds = [_SELECTIONS.index(row.get("kind", lambda n: n.one_of(_SELECTIONS))) for row in rows]
    for row in rows:
        row.done()
    return Selections(_codes(kinds), _ptr(map(len, listed)), _index(chain.from_iterable(listed)))
