"""Blocks: sets of tasks that must be placed together, and the order among blocks.

Two tasks share a block if a maximum lag ties them, if they belong to one job in which machines
block, or if precedence relations close a cycle through them. Blocks form an acyclic graph.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from makespan.core.problem import Problem
from makespan.core.vocabulary import INFINITY, IntArray, ResourceKind
from makespan.solvers.dispatch import _graph as graph
from makespan.solvers.dispatch import _layout as at


@dataclass(frozen=True, slots=True)
class Blocks:
    """Block of each task, the block table, and CSR of members and following blocks."""

    block_of: IntArray
    rows: IntArray
    member: IntArray
    follower: IntArray


def task_order(problem: Problem) -> IntArray:
    """Tasks in an order in which precedence arcs point forward, as far as they are acyclic."""
    n, p = problem.tasks.count, problem.precedences
    binding = p.minimum > -INFINITY
    source, target = p.source[binding].astype(np.int64), p.target[binding].astype(np.int64)
    ptr, order = graph.csr(source, n)
    found = graph.topological(ptr, target[order])
    if len(found) == n:
        return found
    rest = np.setdiff1d(np.arange(n), found)
    return np.concatenate((found, rest))


def block_structure(problem: Problem) -> Blocks:
    """Blocks of ``problem`` and their precedence graph; O(n + p) without cycles."""
    t, p = problem.tasks, problem.precedences
    n = t.count
    binding = p.minimum > -INFINITY
    source, target = p.source[binding].astype(np.int64), p.target[binding].astype(np.int64)
    tied = p.maximum < INFINITY
    label = np.arange(n)
    chained = _blocking_pairs(problem)
    if tied.any() or len(chained):
        pairs = np.concatenate((np.column_stack((p.source[tied], p.target[tied])), chained))
        label = graph.components(n, pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64))
    a, b = label[source], label[target]
    cross = a != b
    ptr, order = graph.csr(a[cross], n)
    if len(graph.topological(ptr, b[cross][order])) < n:
        merged = graph.strong_components(ptr, b[cross][order])
        label = merged[label]
        a, b = label[source], label[target]
        cross = a != b
    names, block_of = np.unique(label, return_inverse=True)
    count = len(names)
    block_of = block_of.astype(np.int64)
    ptr, member = graph.csr(block_of, count)
    if count < n:
        member = _ordered_members(problem, ptr, member, block_of)
    arc_ptr, order = graph.csr(block_of[source[cross]], count)
    follower = block_of[target[cross]][order]
    rows = np.zeros((count, at.BLOCK_COLUMNS), dtype=np.int64)
    rows[:, at.MEMBER_FROM], rows[:, at.MEMBER_TO] = ptr[:-1], ptr[1:]
    rows[:, at.NEXT_FROM], rows[:, at.NEXT_TO] = arc_ptr[:-1], arc_ptr[1:]
    rows[:, at.WAITS] = np.bincount(follower, minlength=count)
    reservoir = problem.resources.kind == ResourceKind.RESERVOIR
    if reservoir.any():
        owner = problem.modes.task[problem.modes.demand_mode()]
        rows[block_of[owner[reservoir[problem.modes.demand_resource]]], at.STOCKS] = 1
    return Blocks(block_of, rows, member, follower)


def _blocking_pairs(problem: Problem) -> IntArray:
    """Neighbours in jobs that hold a machine after some task."""
    t, m, jobs = problem.tasks, problem.modes, problem.jobs
    holds = t.blocking > 0
    if problem.resources.blocking.any():
        holding = problem.resources.blocking[m.demand_resource] > 0
        holds = holds.copy()
        holds[m.task[m.demand_mode()[holding]]] = True
    blocked = np.unique(t.job[holds & (t.job >= 0)])
    if not len(blocked):
        return np.empty((0, 2), dtype=np.int64)
    inside = np.isin(np.repeat(np.arange(jobs.count), np.diff(jobs.task_ptr)), blocked)
    rows = np.flatnonzero(inside[:-1] & inside[1:])
    same = t.job[jobs.task[rows]] == t.job[jobs.task[rows + 1]]
    return np.column_stack((jobs.task[rows[same]], jobs.task[rows[same] + 1])).astype(np.int64)


def _ordered_members(
    problem: Problem, ptr: IntArray, member: IntArray, block_of: IntArray
) -> IntArray:
    """Members of each block by earliest start within it, then in job order."""
    t, m, p = problem.tasks, problem.modes, problem.precedences
    n = t.count
    shortest = np.minimum.reduceat(m.duration, t.mode_ptr[:-1])
    binding = p.minimum > -INFINITY
    inside = binding & (block_of[p.source] == block_of[p.target])
    capped = (p.maximum < INFINITY) & (block_of[p.source] == block_of[p.target])
    after_end = np.isin(p.kind, (0, 2)).astype(np.int64)
    to_end = np.isin(p.kind, (2, 3)).astype(np.int64)
    source = np.concatenate((p.source[inside], p.target[capped])).astype(np.int64)
    target = np.concatenate((p.target[inside], p.source[capped])).astype(np.int64)
    kind = np.concatenate(
        (2 * after_end[inside] + to_end[inside], 2 * to_end[capped] + after_end[capped])
    )
    lag = np.concatenate((p.minimum[inside], -p.maximum[capped]))
    arc_ptr, order = graph.csr(source, n)
    rounds = 1 + min(int(np.diff(ptr).max()), 50)
    start, _, _, _ = graph.heads_and_tails(
        np.arange(n),
        arc_ptr,
        target[order],
        kind[order],
        lag[order],
        np.zeros(n, dtype=np.int64),
        shortest,
        shortest,
        rounds,
    )
    place = np.zeros(n, dtype=np.int64)
    place[problem.jobs.task] = np.arange(len(problem.jobs.task))
    rank = np.lexsort((member, place[member], start[member], block_of[member]))
    return np.asarray(member[rank])
