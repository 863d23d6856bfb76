"""Open shops in flat arrays: operations on machines and in jobs, no two of either at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from makespan.core.problem import Problem, Sets
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import INFINITY, IndexArray, IntArray, ObjectiveKind, ResourceKind
from makespan.solvers.local.openshop._tabu import Tables
from makespan.solvers.local.shapes import is_plain, releases

_MOST_OPERATIONS: Final = 10_000
"""Beyond it a dense schedule, quadratic in the operations, takes too long to wait for."""
_MOST_ORDERS: Final = 50_000_000
"""Entries of the tabu table: operations times the largest clique, for machines and jobs."""
_LATEST: Final = 1 << 60
"""All work after the last release ends by then, so that no sum leaves 64 bits."""


@dataclass(frozen=True, slots=True)
class OpenShop:
    """Tasks that take time, as operations; the others are placed when all else is.

    Attributes
    ----------
    task
        Task of each operation, int64 (n,).
    tables
        Cliques, durations and releases of the operations.
    duration, release
        Ticks per task of the problem, int64.
    machine, job
        Clique of each task of the problem, int64: its machine; its no-overlap set or itself.
    coefficient
        Of the makespan in the objective.
    bound
        No makespan is below.
    """

    task: IntArray
    tables: Tables
    duration: IntArray
    release: IntArray
    machine: IntArray
    job: IntArray
    coefficient: int
    bound: int

    @classmethod
    def of(cls, problem: Problem) -> OpenShop | None:
        """The open shop that ``problem`` is; None if it is more than that. O(n log n).

        Every task has one mode with one machine and is in at most one no-overlap set, none with
        another task of its machine; releases are allowed, precedences are not; the makespan is
        minimised.
        """
        t, m, r = problem.tasks, problem.modes, problem.resources
        coefficient = _coefficient(problem)
        bare = replace(problem, no_overlaps=Sets.empty())
        if coefficient == 0 or not problem.no_overlaps.count or not is_plain(bare):
            return None
        if problem.precedences.count or not (np.diff(t.mode_ptr) == 1).all():
            return None
        if not (np.diff(m.demand_ptr) == 1).all():
            return None
        if not (r.kind[m.demand_resource] == ResourceKind.MACHINE).all():
            return None
        member = problem.no_overlaps.member
        if len(np.unique(member)) < len(member):
            return None
        machine = m.demand_resource.astype(np.int64)
        job = problem.no_overlaps.count + np.arange(t.count, dtype=np.int64)
        job[member] = np.repeat(
            np.arange(problem.no_overlaps.count), np.diff(problem.no_overlaps.ptr)
        )
        task = np.flatnonzero(m.duration > 0)
        cliques = np.stack((machine[task], job[task]))
        if len(task) == 0 or len(np.unique(cliques, axis=1).T) < len(task):
            return None
        release = releases(problem)
        if int(release.max()) + sum(m.duration.tolist()) > _LATEST:
            return None
        tables = _tables(cliques, m.duration[task], release[task])
        width = int(tables.rank.max()) + 1
        if len(task) > _MOST_OPERATIONS or 2 * len(task) * width > _MOST_ORDERS:
            return None
        bound = max(_bound(tables), int((release + m.duration).max()))
        return cls(task, tables, m.duration, release, machine, job, coefficient, bound)

    @property
    def count(self) -> int:
        """Number of operations n."""
        return len(self.task)

    def schedule(self, start: IntArray) -> Schedule:
        """Schedule of operation starts; tasks without duration are put where they are no burden.

        They start at their release, or at the end of the operations of their machine and job that
        run then: never after the last of these ends.
        """
        begin = self.release.copy()
        begin[self.task] = start
        end = begin + self.duration
        for i in np.flatnonzero(self.duration == 0).tolist():
            others = self.task[
                (self.machine[self.task] == self.machine[i]) | (self.job[self.task] == self.job[i])
            ]
            while (inside := (begin[others] < begin[i]) & (begin[i] < end[others])).any():
                begin[i] = end[others][inside].max()
            end[i] = begin[i]
        return Schedule(begin, end, np.arange(len(begin), dtype=np.int32))

    def starts_of(self, schedule: Schedule) -> IntArray:
        """Starts of the operations in a schedule of the problem, int64 (n,)."""
        return schedule.start[self.task]


def _coefficient(problem: Problem) -> int:
    """Coefficient of the makespan if it is all there is to minimise, else 0."""
    if len(problem.objective.levels) != 1 or problem.objective.kinds != {ObjectiveKind.MAKESPAN}:
        return 0
    total = sum(term.coefficient for term in problem.objective.levels[0])
    return total if total * _LATEST < INFINITY * INFINITY else 0


def _tables(cliques: IntArray, duration: IntArray, release: IntArray) -> Tables:
    count = len(duration)
    clique = np.empty((2, count), dtype=np.int32)
    rank = np.empty((2, count), dtype=np.int32)
    for c in range(2):
        _, number = np.unique(cliques[c], return_inverse=True)
        order = np.argsort(number, kind="stable")
        first = np.searchsorted(number[order], np.arange(number.max() + 1))
        clique[c] = number
        rank[c, order] = np.arange(count) - first[number[order]]
    padding = np.zeros(1, dtype=np.int64)
    return Tables(
        clique=clique,
        rank=rank,
        duration=np.concatenate((duration, padding)),
        release=np.concatenate((release, padding)),
        delivery=np.zeros(count + 1, dtype=np.int64),
    )


def _bound(tables: Tables) -> int:
    """Latest end of a clique on its own, served in the order of release: least for each."""
    order: IndexArray = np.argsort(tables.release[:-1], kind="stable").astype(np.int32)
    bound = 0
    for c in range(2):
        free: dict[int, int] = {}
        for i in order.tolist():
            k, r = int(tables.clique[c, i]), int(tables.release[i])
            free[k] = max(free.get(k, r), r) + int(tables.duration[i])
        bound = max(bound, *free.values())
    return bound
