"""Which problems are permutation flow shops, and their sequences as schedules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from makespan.core.problem import Problem, Sets
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import INFINITY, IntArray, ObjectiveKind
from makespan.solvers.local.flowshop._greedy import COST_LIMIT
from makespan.solvers.local.flowshop._insertion import Order, Prices, Shop
from makespan.solvers.local.shapes import Shop as PlainShop

_NARROW: Final = 1 << 30
"""Sums of times below this fit int32."""

_MOST_OPERATIONS: Final = 1_000_000
_MOST_STEPS: Final = 500_000_000
"""Jobs squared times machines for sums of completion: beyond, one move takes too long to stop."""

_PRICED: Final = (
    ObjectiveKind.TOTAL_COMPLETION,
    ObjectiveKind.TOTAL_FLOW_TIME,
    ObjectiveKind.TOTAL_TARDINESS,
    ObjectiveKind.TARDY_COUNT,
)
_WORST: Final = (
    ObjectiveKind.MAKESPAN,
    ObjectiveKind.MAX_TARDINESS,
    ObjectiveKind.MAX_LATENESS,
)


@dataclass(frozen=True, slots=True, eq=False)
class FlowShop:
    """A permutation flow shop.

    Attributes
    ----------
    shop
        To the kernels; times count from ``begin``.
    begin
        Earliest release.
    operation
        Operation of the plain shop of each job on each machine, int64 (n, m).
    prices
        What completion costs; None if the makespan is all there is to minimise.
    """

    plain: PlainShop
    shop: Shop
    begin: int
    operation: IntArray
    prices: Prices | None

    @classmethod
    def of(cls, problem: Problem) -> FlowShop | None:
        """The permutation flow shop that ``problem`` is, None if it is another one.

        All jobs go through the same machines in the same order, all machines are in one same-order
        set, jobs may have releases, and the objective consists of terms that grow with completion.
        """
        if not problem.same_orders.count:
            return None
        plain = PlainShop.of(replace(problem, same_orders=Sets.empty()))
        if plain is None or plain.flexible or (problem.tasks.job < 0).any():
            return None
        m, n = plain.machines, len(plain.chain_ptr) - 1
        if n != problem.jobs.count or (np.diff(plain.chain_ptr) != m).any():
            return None
        machine = problem.modes.demand_resource[plain.option_mode].reshape(n, m)
        owner = problem.tasks.job[plain.task].reshape(n, m)
        if (machine != machine[0]).any() or (owner != owner[:, :1]).any():
            return None
        if len(np.unique(machine[0])) != m or len(np.unique(owner[:, 0])) != n:
            return None
        route = set(machine[0].tolist())
        if m > 1 and not any(route <= set(members.tolist()) for members in problem.same_orders):
            return None
        operation = np.arange(n * m, dtype=np.int64).reshape(n, m)
        # Jobs are numbered as in the problem.
        operation = operation[np.argsort(owner[:, 0])]
        return cls._of(problem, plain, operation)

    @classmethod
    def _of(cls, problem: Problem, plain: PlainShop, operation: IntArray) -> FlowShop | None:
        duration = plain.option_duration[operation]
        release = plain.release[operation]
        work = np.cumsum(duration, axis=1)
        if (release[:, 1:] > release[:, :1] + work[:, :-1]).any():
            return None  # a later release that binds
        begin = int(release.min())
        reach = int((release[:, 0] - begin).max()) + int(work[:, -1].sum())
        priced = _prices(problem, begin, reach)
        if priced is None:
            return None
        kind = np.int32 if reach < _NARROW else np.int64
        shop = Shop(
            duration=np.ascontiguousarray(duration, dtype=kind),
            mirror=np.ascontiguousarray(duration[:, ::-1], dtype=kind),
            release=np.ascontiguousarray(release[:, 0] - begin, dtype=kind),
        )
        only = problem.objective.kinds == {ObjectiveKind.MAKESPAN}
        steps = duration.size * len(duration)
        if duration.size > _MOST_OPERATIONS or not (only or steps <= _MOST_STEPS):
            return None
        return cls(plain, shop, begin, operation, None if only else priced)

    def schedule(self, order: Order) -> Schedule:
        """The earliest schedule of a sequence of all jobs."""
        duration = self.shop.duration.astype(np.int64)
        n, m = duration.shape
        start = np.empty((n, m), dtype=np.int64)
        done = np.zeros(m, dtype=np.int64)
        for j in order.tolist():
            at = int(self.shop.release[j])
            for i in range(m):
                at = max(at, int(done[i]))
                start[j, i] = at
                at += int(duration[j, i])
                done[i] = at
        begin = np.empty(n * m, dtype=np.int64)
        begin[self.operation.ravel()] = start.ravel() + self.begin
        return self.plain.schedule(begin, np.arange(n * m, dtype=np.int64))

    def order_of(self, schedule: Schedule) -> Order:
        """The sequence of jobs in a schedule of the problem."""
        start = schedule.start[self.plain.task][self.operation]
        end = schedule.end[self.plain.task][self.operation]
        # Starts on the first machine decide; milestones there may tie.
        keys = [column for i in range(start.shape[1]) for column in (start[:, i], end[:, i])]
        return np.lexsort(keys[::-1]).astype(np.int64)


def _prices(problem: Problem, begin: int, reach: int) -> Prices | None:
    """What completion costs; None if the objective has other terms or is too large.

    Levels become one sum in which a unit of a level outweighs all that later levels can add.
    """
    jobs, tasks = problem.jobs, problem.tasks
    n = jobs.count
    if not problem.objective.kinds <= {*_PRICED, *_WORST}:
        return None
    dated = jobs.due < INFINITY
    by_date = problem.objective.kinds - {
        ObjectiveKind.MAKESPAN,
        ObjectiveKind.TOTAL_COMPLETION,
        ObjectiveKind.TOTAL_FLOW_TIME,
    }
    if by_date and (tasks.due < INFINITY).any():
        return None
    due = np.where(dated, jobs.due - begin, COST_LIMIT)
    late = np.where(dated, np.maximum(0, reach - due), 0)
    heaviest, latest = int(jobs.weight.max()), int(late.max())
    earliest = max(0, -int((due[dated]).min())) if dated.any() else 0
    span = reach + abs(begin) + int(np.abs(jobs.release - begin).max())
    width = max(span, latest, earliest, int(np.abs(due[dated]).max()) if dated.any() else 0) + 1
    price = np.zeros((n, 3), dtype=object)
    worst = np.zeros(3, dtype=object)
    total, factor = 0, 1
    for level in reversed(problem.objective.levels):
        most = 0
        for term in level:
            scaled = term.coefficient * factor
            most += 2 * scaled * (heaviest + 1) * width * (n + 1)
            weight = jobs.weight.astype(object)
            if term.kind in (ObjectiveKind.TOTAL_COMPLETION, ObjectiveKind.TOTAL_FLOW_TIME):
                price[:, 0] += scaled * weight
            elif term.kind is ObjectiveKind.TOTAL_TARDINESS:
                price[:, 1] += scaled * weight * dated
            elif term.kind is ObjectiveKind.TARDY_COUNT:
                price[:, 2] += scaled * weight * dated
            else:
                worst[_WORST.index(term.kind)] += scaled
        total += most
        factor = total + 1
    if total >= COST_LIMIT:
        return None
    return Prices(
        due=np.where(dated, due, 0).astype(np.int64),
        job=price.astype(np.int64),
        weight=np.where(dated, jobs.weight, -1).astype(np.int64),
        worst=worst.astype(np.int64),
    )
