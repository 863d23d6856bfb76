"""Flexible job shop whose jobs are directed acyclic graphs (Birgin et al. 2014).

First line: operations, precedences and machines. Then one line per precedence with two operations
(from 0) and, in some collections, the job's number; then one line per operation with its number
of alternatives and ``machine duration`` pairs, machines from 0. ``#`` starts a comment.
Jobs are the connected components of the graph, numbered by their first operation.
"""

from __future__ import annotations

import numpy as np

from makespan.core.names import NameTable
from makespan.core.problem import Jobs, Precedences, Problem, Tasks
from makespan.core.vocabulary import IndexArray, IntArray
from makespan.io.fjsplib import check_machine_count, flexible
from makespan.io.format import ProblemFormat
from makespan.io.limits import (
    refuse,
    require_all_in_jobs,
    require_classic,
    require_finish_to_start,
    require_one_machine,
)
from makespan.io.tables import cyclic_tasks, machines, single_demand
from makespan.io.text import Numbers, Text, rows


def _layout(numbers: Numbers) -> tuple[int, int, int, IntArray]:
    """Operations, precedences, machines and the place of each operation's alternatives."""
    n, p, m = numbers.header("operations, precedences and machines", 3, 0)
    numbers.check(1, None, slice(0, 1), "number of operations")
    numbers.check(1, None, slice(2, 3), "number of machines")
    sizes, starts = numbers.row_sizes, numbers.row_ptr
    if sizes[0] != 3:
        raise numbers.error(0, f"the header has {int(sizes[0])} numbers", "3")
    numbers.need(3 + 2 * p + 3 * n, f"{p} precedences and {n} operations")
    if len(sizes) != 1 + p + n:
        raise numbers.error(
            int(starts[min(len(sizes) - 1, 1 + p + n)]),
            f"{len(sizes) - 1} lines of numbers after the header",
            f"{p} precedences and {n} operations",
        )
    widths = sizes[1 : 1 + p]
    odd = np.flatnonzero((widths != 2) & (widths != 3))
    if len(odd):
        raise numbers.error(
            int(starts[1 + odd[0]]),
            f"precedence {int(odd[0]) + 1} has {int(widths[odd[0]])} numbers",
            "2 operations, or 2 operations and a job",
        )
    places = starts[1 + p : 1 + p + n]
    wrong = np.flatnonzero(
        (sizes[1 + p :] != 1 + 2 * numbers.values[places]) | (numbers.values[places] < 1)
    )
    if len(wrong):
        row = int(wrong[0])
        raise numbers.error(
            int(places[row]),
            f"operation {row} claims {int(numbers.values[places[row]])} alternatives "
            f"in a line of {int(sizes[1 + p + row])} numbers",
            "at least 1 alternative, and a pair of numbers for each",
        )
    return n, p, m, places


def sniff(text: Text) -> float:
    """A header of three, lines of two or three, then lines that begin with half their length."""
    numbers = text.numeric
    if numbers is None or text.float_header or len(numbers) < 6:
        return 0.0
    try:
        _layout(numbers)
    except ValueError:
        sizes = numbers.row_sizes
        looks = len(sizes) > 3 and sizes[0] == 3 and sizes[1] in (2, 3) and sizes[2] in (2, 3)
        return 0.5 * looks
    return 0.93


def read(text: Text) -> Problem:
    """Flexible job shop of a Birgin text."""
    numbers = text.numbers()
    n, p, m, places = _layout(numbers)
    check_machine_count(numbers, m, 2)
    arcs = numbers.row_ptr[1 : 1 + p]
    numbers.check(0, n - 1, np.concatenate((arcs, arcs + 1)), "operation")
    source, target = numbers.values[arcs], numbers.values[arcs + 1]
    key = source * n + target
    order = np.argsort(key, kind="stable")
    again = np.flatnonzero(key[order][1:] == key[order][:-1])
    if len(again):
        row = int(order[again[0] + 1])
        raise numbers.error(
            int(arcs[row]), f"precedence {source[row]} {target[row]} is listed twice"
        )
    cycle = cyclic_tasks(n, source, target)
    if len(cycle):
        at = np.flatnonzero(target == cycle[0])[0]
        raise numbers.error(
            int(arcs[at]), f"operation {cycle[0]} is on or behind a cycle", "an acyclic graph"
        )
    mode_ptr, machine, duration = flexible(numbers, places, machines=m, first=0)
    job = components(n, source, target)
    count = int(job.max()) + 1
    task = np.argsort(job, kind="stable").astype(np.int32)
    job_ptr = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(job, minlength=count), out=job_ptr[1:])
    owner = np.repeat(np.arange(n, dtype=np.int32), np.diff(mode_ptr))
    return Problem(
        name=text.name,
        tasks=Tasks.plain(NameTable.numbered("", n, 0), job, mode_ptr),
        modes=single_demand(owner, duration, machine.astype(np.int32)),
        resources=machines(m, 0),
        jobs=Jobs.plain(NameTable.numbered("J", count), job_ptr, task),
        precedences=Precedences.finish_to_start(source.astype(np.int32), target.astype(np.int32)),
    )


def components(count: int, source: IntArray, target: IntArray) -> IndexArray:
    """Connected component of each node, numbered by first node; union-find with path halving."""
    parent = list(range(count))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for a, b in zip(source.tolist(), target.tolist(), strict=True):
        x, y = root(a), root(b)
        parent[max(x, y)] = min(x, y)
    roots = np.array([root(i) for i in range(count)], dtype=np.int64)
    return np.unique(roots, return_inverse=True)[1].astype(np.int32)


def write(problem: Problem) -> str:
    """Birgin text of a flexible job shop; operations keep their order."""
    require_classic(problem, "fajsp")
    machine = require_one_machine(problem, "fajsp").tolist()
    require_all_in_jobs(problem, "fajsp")
    require_finish_to_start(problem, "fajsp")
    if problem.no_overlaps.count:
        raise refuse("fajsp", f"no-overlap sets ({problem.no_overlaps.names[0]!r})")
    relation, tasks = problem.precedences, problem.tasks
    connected = components(
        tasks.count, relation.source.astype(np.int64), relation.target.astype(np.int64)
    )
    pairs = np.unique(np.column_stack((tasks.job, connected)), axis=0)
    if not len(pairs) == len(np.unique(pairs[:, 0])) == len(np.unique(pairs[:, 1])):
        raise refuse("fajsp", "jobs that are not the connected parts of the precedence graph")
    duration, mode_ptr = problem.modes.duration.tolist(), tasks.mode_ptr.tolist()
    arcs = zip(relation.source.tolist(), relation.target.tolist(), strict=True)
    operations = []
    for i in range(tasks.count):
        row = [mode_ptr[i + 1] - mode_ptr[i]]
        for mode in range(mode_ptr[i], mode_ptr[i + 1]):
            row += (machine[mode], duration[mode])
        operations.append(row)
    header = [[tasks.count, relation.count, problem.resources.count]]
    return rows(header) + rows(arcs) + rows(operations)


FORMAT = ProblemFormat(
    name="fajsp",
    description="flexible job shop with precedence graphs inside jobs (Birgin et al.)",
    extensions=(".fajs",),
    sniff=sniff,
    read=read,
    write=write,
)
