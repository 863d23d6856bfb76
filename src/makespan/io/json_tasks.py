"""Jobs, tasks, modes and precedences from the rows of a Problem's JSON document.

These tables may have millions of rows, so they are read column by column.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain
from typing import Any

import numpy as np

from makespan.core.problem import Jobs, Modes, Precedences, Tasks
from makespan.core.vocabulary import (
    INFINITY,
    TICK_LIMIT,
    Blocking,
    DemandTiming,
    IndexArray,
    IntArray,
    PrecedenceKind,
)
from makespan.io.json_columns import Names, Rows
from makespan.io.json_rows import DEMAND_FIELDS
from makespan.io.json_values import Node

BLOCKING = [kind.name.lower() for kind in Blocking]
_TIMINGS = [kind.name.lower() for kind in DemandTiming]
_PRECEDENCES = [kind.name for kind in PrecedenceKind]
_INDEX_LIMIT = 1 << 30
_NO_PAIRS: list[tuple[int, int]] = []
_NO_MEMBERS: list[int] = []

Demand = tuple[int, int, int]
"""Resource, amount, timing."""


def longs(values: Iterable[int]) -> IntArray:
    """Values as int64."""
    return np.fromiter(values, dtype=np.int64)


def places(values: Iterable[int]) -> IndexArray:
    """Values as int32."""
    return np.fromiter(values, dtype=np.int32)


def pointers(sizes: Iterable[int]) -> IntArray:
    """CSR pointer of groups of the given sizes."""
    return longs(accumulate(sizes, initial=0))


def pairs(node: Node) -> list[tuple[int, int]]:
    """A list of pairs of whole numbers."""
    found = []
    for entry in node.items():
        a, b = entry.wholes(2)
        found.append((a, b))
    return found


def intervals(node: Node) -> list[tuple[int, int]]:
    """A list of half-open intervals that are not empty."""
    found = pairs(node)
    for k, (a, b) in enumerate(found):
        if a >= b:
            raise node.items()[k].error(f"interval [{a}, {b}) is empty", "start before end")
    return found


def jobs_of(rows: Rows, names: Names, tasks: Names, job: IndexArray) -> Jobs:
    """Job table; ``job`` is the job of each task."""
    task = np.argsort(job, kind="stable").astype(np.int32)
    task = task[np.searchsorted(job[task], 0) :]
    sizes = np.bincount(job[task], minlength=len(rows))
    if rows.has("tasks"):
        members = np.split(task, np.cumsum(sizes))[:-1]
        listed = rows.each("tasks", tasks.find_all, _NO_MEMBERS)
        for k, mine in enumerate(members):
            if rows.values[k].get("tasks") is None:
                listed[k] = mine.tolist()
            elif sorted(listed[k]) != mine.tolist():
                raise rows.at(k).error(
                    "the listed tasks are not those that name this job", "each of them once"
                )
        task = places(chain.from_iterable(listed))
    table = Jobs(
        names=names.table(),
        release=rows.wholes("release", 0),
        deadline=rows.wholes("deadline", INFINITY),
        due=rows.wholes("due", INFINITY),
        weight=rows.wholes("weight", 1, low=0),
        task_ptr=pointers(sizes.tolist()),
        task=task,
    )
    rows.done()
    return table


def _baseline(node: Node) -> tuple[int, int]:
    start = node.get("start", Node.whole, INFINITY)
    mode = node.get("mode", lambda n: n.whole(0, _INDEX_LIMIT), -1)
    node.done()
    return start, mode


def tasks_of(rows: Rows, names: Names, jobs: Names, resources: Names) -> tuple[Tasks, Modes]:
    """Task table and the table of their modes."""
    modes = rows.raw("modes")
    if set(map(type, modes)) - {list}:
        modes = rows.each("modes", Node.entries)
    forbidden = rows.each("forbidden", intervals, _NO_PAIRS)
    baselines = rows.each("baseline", _baseline, (INFINITY, -1))
    sizes = list(map(len, modes))
    table = Tasks(
        names=names.table(),
        job=jobs.column(rows, "job", -1),
        release=rows.wholes("release", 0),
        deadline=rows.wholes("deadline", INFINITY),
        due=rows.wholes("due", INFINITY),
        weight=rows.wholes("weight", 1, low=0),
        optional=rows.flags("optional"),
        reward=rows.wholes("reward", 0, low=0),
        family=rows.wholes("family", 0, 0, _INDEX_LIMIT).astype(np.int32),
        blocking=rows.choices("blocking", BLOCKING, 0),
        baseline_start=longs(start for start, _ in baselines),
        baseline_mode=places(mode for _, mode in baselines),
        mode_ptr=pointers(sizes),
        forbidden_ptr=pointers(map(len, forbidden)),
        forbidden_start=longs(a for a, _ in chain.from_iterable(forbidden)),
        forbidden_end=longs(b for _, b in chain.from_iterable(forbidden)),
    )
    rows.done()
    return table, _modes(rows, modes, table.mode_ptr, resources)


def _modes(tasks: Rows, listed: Sequence[list[Any]], ptr: IntArray, resources: Names) -> Modes:
    first = ptr.tolist()

    def at(k: int) -> Node:
        task = bisect_right(first, k) - 1
        nodes: list[Node] = tasks.at(task).get("modes", Node.items)
        place: int = k - first[task]
        return nodes[place]

    rows = Rows(list(chain.from_iterable(listed)), at)
    sizes, resource, amount, timing = _demands(rows, resources)
    table = Modes(
        task=np.repeat(np.arange(len(listed), dtype=np.int32), np.diff(ptr)),
        duration=rows.wholes("duration", low=0),
        cost=rows.wholes("cost", 0, low=0),
        demand_ptr=pointers(sizes),
        demand_resource=places(resource),
        demand_amount=longs(amount),
        demand_timing=np.array(timing, dtype=np.uint8),
    )
    rows.done()
    return table


def _demands(rows: Rows, resources: Names) -> tuple[list[int], list[int], list[int], list[int]]:
    """Number of demands per mode; resource, amount and timing of each demand."""
    fields = [
        (int(timing), key, rows.raw(key)) for timing, key in DEMAND_FIELDS.items() if rows.has(key)
    ]
    index = resources.index
    sizes: list[int] = []
    resource: list[int] = []
    amount: list[int] = []
    timings: list[int] = []
    for k in range(len(rows)):
        before = len(resource)
        for timing, key, column in fields:
            given = column[k]
            if given is None:
                continue
            if type(given) is dict:
                for name, number in given.items():
                    place = index.get(name)
                    if place is None or type(number) is not int or abs(number) > TICK_LIMIT:
                        place, number = _member(rows.at(k), key, name, resources)
                    resource.append(place)
                    amount.append(number)
                    timings.append(timing)
            else:
                for place, number, when in rows.at(k).get(key, lambda n: _listed(n, resources)):
                    resource.append(place)
                    amount.append(number)
                    timings.append(when)
        sizes.append(len(resource) - before)
    return sizes, resource, amount, timings


def _member(mode: Node, key: str, name: str, resources: Names) -> tuple[int, int]:
    """The demand on resource ``name``, or what is wrong with it."""
    node = mode.get(key, Node.members)[name]
    place = resources.index.get(name)
    if place is None:
        raise node.error(f"there is no resource {name!r}", "the name of a resource")
    return place, node.whole()


def _listed(node: Node, resources: Names) -> list[Demand]:
    """Demands as a list of resource, amount and timing, which keeps any order."""
    if node.key != DEMAND_FIELDS[DemandTiming.DURING]:
        raise node.wrong("an object")
    if not isinstance(node.value, list):
        raise node.wrong("an object, or a list of resource, amount and timing")
    found = []
    for entry in node.items():
        resource, amount, timing = entry.row(3)
        found.append(
            (resources.find(resource), amount.whole(), _TIMINGS.index(timing.one_of(_TIMINGS)))
        )
    return found


def precedences_of(rows: Rows, tasks: Names) -> Precedences:
    """Precedence table."""
    table = Precedences(
        source=tasks.column(rows, "from"),
        target=tasks.column(rows, "to"),
        kind=rows.choices("kind", _PRECEDENCES, PrecedenceKind.FS),
        minimum=rows.wholes("min_lag", 0),
        maximum=rows.wholes("max_lag", INFINITY),
    )
    rows.done()
    return table
