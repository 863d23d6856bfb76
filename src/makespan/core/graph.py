"""Precedence graph of a Problem: adjacency, topological order, cycles, levels, reduction.

An *order arc* i -> j is a finish-to-start relation with a minimum lag >= 0: j starts after i has
ended. Order arcs of a valid problem form no cycle: a cycle is a modelling error, whatever the
durations. (Tasks that must share an instant are tied by an SS relation with lag [0, 0], tasks that
exclude each other by a selection.) Every other relation is a lag between a start or end and a start
or end; :mod:`makespan.core.graph_times` propagates all of them, and
:mod:`makespan.core.graph_schedule` finds what is critical in a schedule.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from makespan.core import graph_loops as loops
from makespan.core.errors import ProblemError
from makespan.core.problem import Problem
from makespan.core.vocabulary import INFINITY, BoolArray, IndexArray, IntArray, PrecedenceKind


@dataclass(frozen=True, slots=True, eq=False)
class Adjacency:
    """Neighbours of every task in CSR form.

    Attributes
    ----------
    ptr, task
        Neighbours of task i are ``task[ptr[i]:ptr[i+1]]``, ascending; int64 (n+1,), int32 (a,).
    relation
        Row of ``problem.precedences`` behind each entry, int64 (a,).
    """

    ptr: IntArray
    task: IndexArray
    relation: IntArray

    def of(self, task: int) -> IndexArray:
        """Neighbours of one task."""
        return self.task[self.ptr[task] : self.ptr[task + 1]]

    @property
    def size(self) -> int:
        """Nodes plus arcs."""
        return len(self.ptr) + len(self.task)


def is_order_arc(problem: Problem) -> BoolArray:
    """Which precedence rows are order arcs, bool (p,)."""
    rows = problem.precedences
    return np.asarray((rows.kind == PrecedenceKind.FS) & (rows.minimum >= 0))


def adjacency(count: int, row: IndexArray, neighbour: IndexArray, relation: IntArray) -> Adjacency:
    """CSR of the arcs row -> neighbour between ``count`` tasks; O(count + a)."""
    order = np.arange(len(row), dtype=np.int64)
    for key in (neighbour, row):
        place = np.zeros(count + 1, dtype=np.int64)
        ranked = np.empty_like(order)
        loops.run(loops.bucket, count + len(row), key, order, place, ranked)
        order = ranked
    ptr = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(row, minlength=count), out=ptr[1:])
    return Adjacency(ptr, neighbour[order], relation[order])


def successors(problem: Problem) -> Adjacency:
    """Targets of the order arcs that leave each task; O(n + p)."""
    rows = problem.precedences
    arcs = np.flatnonzero(is_order_arc(problem))
    return adjacency(problem.tasks.count, rows.source[arcs], rows.target[arcs], arcs)


def predecessors(problem: Problem) -> Adjacency:
    """Sources of the order arcs that enter each task; O(n + p)."""
    rows = problem.precedences
    arcs = np.flatnonzero(is_order_arc(problem))
    return adjacency(problem.tasks.count, rows.target[arcs], rows.source[arcs], arcs)


def next_in_job(problem: Problem, present: BoolArray) -> IntArray:
    """Next present task of each present task's job, in the job's order, -1 if none, int64 (n,)."""
    jobs = problem.jobs
    follower = np.full(problem.tasks.count, -1, dtype=np.int64)
    here = jobs.task[present[jobs.task]].astype(np.int64)
    same = problem.tasks.job[here[1:]] == problem.tasks.job[here[:-1]]
    follower[here[:-1][same]] = here[1:][same]
    return follower


def order_and_depth(arcs: Adjacency) -> tuple[IntArray, IntArray]:
    """Topological order and each task's depth (arcs on the longest path to it).

    Tasks on or behind a cycle are missing from the order. Equal graphs give equal orders.
    O(n + p).
    """
    count = len(arcs.ptr) - 1
    waiting, depth, queue = (np.zeros(count, dtype=np.int64) for _ in range(3))
    done = loops.run(loops.topological, arcs.size, arcs.ptr, arcs.task, waiting, depth, queue)
    return queue[:done], depth


def find_precedence_cycle(problem: Problem) -> list[int] | None:
    """Tasks of a cycle of order arcs, each before the next and the last before the first, or None.

    O(n + p). Of several cycles any may be named, but equal problems give equal answers.
    """
    if not problem.precedences.count:
        return None
    order, _ = order_and_depth(successors(problem))
    if len(order) == problem.tasks.count:
        return None
    left = np.ones(problem.tasks.count, dtype=np.bool_)
    left[order] = False
    before = predecessors(problem)
    # Every task left has a predecessor that is left; walking back must meet a task again.
    seen: dict[int, int] = {}
    path: list[int] = []
    i = int(np.flatnonzero(left)[0])
    while i not in seen:
        seen[i] = len(path)
        path.append(i)
        sources = before.of(i)
        i = int(sources[left[sources]][0])
    return path[seen[i] :][::-1]


def _ordered(problem: Problem) -> tuple[Adjacency, IntArray, IntArray]:
    arcs = successors(problem)
    order, depth = order_and_depth(arcs)
    if len(order) < problem.tasks.count:
        cycle = find_precedence_cycle(problem) or []
        names = problem.tasks.names
        path = " -> ".join(repr(names[i]) for i in [*cycle, *cycle[:1]])
        raise ProblemError(f"precedences form a cycle: {path}", hint="remove one of them")
    return arcs, order, depth


def topological_order(problem: Problem) -> IntArray:
    """Tasks so that every order arc points forward, int64 (n,); O(n + p).

    Raises
    ------
    ProblemError
        If order arcs form a cycle; the message names it.
    """
    return _ordered(problem)[1]


def depths(problem: Problem) -> IntArray:
    """Number of order arcs on the longest path to each task, int64 (n,); O(n + p).

    Raises
    ------
    ProblemError
        If order arcs form a cycle.
    """
    return _ordered(problem)[2]


def shortest_durations(problem: Problem) -> IntArray:
    """Least duration over each task's modes in ticks, int64 (n,)."""
    if not problem.tasks.count:
        return np.zeros(0, dtype=np.int64)
    return np.asarray(
        np.minimum.reduceat(problem.modes.duration, problem.tasks.mode_ptr[:-1]), dtype=np.int64
    )


def top_levels(problem: Problem, duration: IntArray | None = None) -> IntArray:
    """Longest path of order arcs to the start of each task, in ticks, int64 (n,).

    Durations (default: the shortest mode of each task) and minimum lags count; releases and other
    relations do not. O(n + p).

    Raises
    ------
    ProblemError
        If order arcs form a cycle.
    """
    ticks = shortest_durations(problem) if duration is None else duration
    arcs, order, _ = _ordered(problem)
    owner = np.repeat(np.arange(problem.tasks.count), np.diff(arcs.ptr))
    weight = ticks[owner] + problem.precedences.minimum[arcs.relation]
    level = np.zeros(problem.tasks.count, dtype=np.int64)
    loops.run(loops.longest, arcs.size, order, arcs.ptr, arcs.task, weight, level)
    return level


def bottom_levels(problem: Problem, duration: IntArray | None = None) -> IntArray:
    """Longest path of order arcs from the start of each task to the end of the last, in ticks.

    The task's own duration counts; see :func:`top_levels`. int64 (n,); O(n + p).

    Raises
    ------
    ProblemError
        If order arcs form a cycle.
    """
    ticks = shortest_durations(problem) if duration is None else duration
    _, order, _ = _ordered(problem)
    back = predecessors(problem)
    # Walking an arc i -> j backwards adds its lag and the duration of i.
    weight = problem.precedences.minimum[back.relation] + ticks[back.task]
    level = np.array(ticks, dtype=np.int64)
    reverse = np.ascontiguousarray(order[::-1])
    loops.run(loops.longest, back.size, reverse, back.ptr, back.task, weight, level)
    return level


def transitive_reduction(problem: Problem) -> BoolArray:
    """Which precedence rows still matter, bool (p,).

    A plain row (order arc, minimum lag 0, no maximum lag) is redundant if another path of order
    arcs through mandatory tasks joins its tasks, or if it repeats an earlier plain row. All other
    rows are kept. O(n p) at worst, linear on chains and short arcs.

    Raises
    ------
    ProblemError
        If order arcs form a cycle.
    """
    rows, n = problem.precedences, problem.tasks.count
    arcs, order, _ = _ordered(problem)
    position = np.zeros(n, dtype=np.int64)
    position[order] = np.arange(n)
    mark = np.zeros(n, dtype=np.int64)
    stack = np.zeros(n + len(arcs.task), dtype=np.int64)
    implied = np.zeros(len(arcs.task), dtype=np.int64)
    through = (~problem.tasks.optional).astype(np.int64)
    loops.run(
        loops.redundant,
        arcs.size,
        order,
        position,
        arcs.ptr,
        arcs.task,
        through,
        mark,
        stack,
        implied,
    )
    plain = is_order_arc(problem) & (rows.minimum == 0) & (rows.maximum == INFINITY)
    keep = np.ones(rows.count, dtype=np.bool_)
    keep[arcs.relation[implied > 0]] = False
    # A stronger or equal relation between the same two tasks also makes a plain row redundant.
    same = np.zeros(len(arcs.task), dtype=np.bool_)
    owner = np.repeat(np.arange(n), np.diff(arcs.ptr))
    same[1:] = (owner[1:] == owner[:-1]) & (arcs.task[1:] == arcs.task[:-1])
    groups = np.cumsum(~same) - 1
    best = np.full(int(groups[-1]) + 1 if len(groups) else 0, -1, dtype=np.int64)
    for k in np.flatnonzero(np.bincount(groups)[groups] > 1) if len(groups) else ():
        row, group = int(arcs.relation[k]), int(groups[k])
        kept = int(best[group])
        if kept < 0:
            best[group] = row
        elif plain[row]:
            keep[row] = False
        elif plain[kept]:
            keep[kept] = False
            best[group] = row
    keep[~plain] = True
    return keep
