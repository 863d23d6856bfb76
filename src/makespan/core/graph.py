"""Precedence graph of a Problem: adjacency, topological order, cycles, levels.

An *order arc* i -> j is a finish-to-start relation with a minimum lag >= 0: j starts after i has
ended. Order arcs of a valid problem form no cycle (a cycle is a modelling error, whatever the
durations; tasks that must share an instant are tied by an SS relation with lag [0, 0]). All other
relations are lags: see :mod:`makespan.core.graph_times`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from makespan.core.errors import ProblemError
from makespan.core.problem import Problem
from makespan.core.vocabulary import BoolArray, IndexArray, IntArray, PrecedenceKind

COMPILED_ABOVE = 2000
"""From this many tasks plus arcs on, compiled loops are worth importing numba for."""


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


def is_order_arc(problem: Problem) -> BoolArray:
    """Which precedence rows are order arcs, bool (p,)."""
    rows = problem.precedences
    return np.asarray((rows.kind == PrecedenceKind.FS) & (rows.minimum >= 0))


def _adjacency(count: int, row: IndexArray, neighbour: IndexArray, relation: IntArray) -> Adjacency:
    order = np.lexsort((neighbour, row))
    ptr = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(row, minlength=count), out=ptr[1:])
    return Adjacency(ptr, neighbour[order], relation[order])


def successors(problem: Problem) -> Adjacency:
    """Targets of the order arcs that leave each task; O(n + p log p)."""
    rows = problem.precedences
    arcs = np.flatnonzero(is_order_arc(problem))
    return _adjacency(problem.tasks.count, rows.source[arcs], rows.target[arcs], arcs)


def predecessors(problem: Problem) -> Adjacency:
    """Sources of the order arcs that enter each task; O(n + p log p)."""
    rows = problem.precedences
    arcs = np.flatnonzero(is_order_arc(problem))
    return _adjacency(problem.tasks.count, rows.target[arcs], rows.source[arcs], arcs)


def _order_in_python(ptr: IntArray, task: IndexArray) -> tuple[IntArray, IntArray]:
    count = len(ptr) - 1
    waiting = np.bincount(task, minlength=count).tolist()
    bounds, heads = ptr.tolist(), task.tolist()
    depth = [0] * count
    queue = [i for i in range(count) if not waiting[i]]
    for i in queue:
        for j in heads[bounds[i] : bounds[i + 1]]:
            waiting[j] -= 1
            depth[j] = max(depth[j], depth[i] + 1)
            if not waiting[j]:
                queue.append(j)
    return np.array(queue, dtype=np.int64), np.array(depth, dtype=np.int64)


def order_and_depth(ptr: IntArray, task: IndexArray) -> tuple[IntArray, IntArray]:
    """Topological order of a CSR graph and each node's depth (arcs on the longest path to it).

    Nodes on or behind a cycle are missing from the order. Kahn's algorithm with a queue, so equal
    graphs give equal orders; O(nodes + arcs).
    """
    if len(ptr) + len(task) <= COMPILED_ABOVE:
        return _order_in_python(ptr, task)
    from makespan.core.graph_kernels import order_and_depth as compiled

    order, depth = compiled(ptr, task)
    return order, depth


def find_precedence_cycle(problem: Problem) -> list[int] | None:
    """Tasks of a cycle of order arcs, each before the next and the last before the first, or None.

    O(n + p log p). Among cycles none is preferred, but equal problems give equal answers.
    """
    arcs = successors(problem)
    order, _ = order_and_depth(arcs.ptr, arcs.task)
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


def topological_order(problem: Problem) -> IntArray:
    """Tasks so that every order arc points forward, int64 (n,); O(n + p log p).

    Raises
    ------
    ProblemError
        If order arcs form a cycle; the message names it.
    """
    arcs = successors(problem)
    order, _ = order_and_depth(arcs.ptr, arcs.task)
    if len(order) < problem.tasks.count:
        cycle = find_precedence_cycle(problem) or []
        names = problem.tasks.names
        path = " -> ".join(repr(names[i]) for i in [*cycle, *cycle[:1]])
        raise ProblemError(f"precedences form a cycle: {path}", hint="remove one of them")
    return order
