"""Plain shops in flat arrays: chains of operations, each on one of some machines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import (
    INFINITY,
    IndexArray,
    IntArray,
    PrecedenceKind,
    ResourceKind,
)


@dataclass(frozen=True, slots=True)
class Shop:
    """Operations in chains, chain after chain; every operation has options (machine, duration).

    Attributes
    ----------
    task
        Task of operation k, int64 (n,).
    chain_ptr
        Operations of chain c are ``chain_ptr[c] .. chain_ptr[c+1]-1`` in their order, int64 (c+1,).
    option_ptr
        Options of operation k are ``option_ptr[k] .. option_ptr[k+1]-1``, int64 (n+1,).
    option_machine, option_duration, option_mode
        Machine 0..machines-1, ticks >= 0, and global mode index of each option.
    release
        Earliest start of each operation (of its job and of the horizon included), int64 (n,).
    """

    task: IntArray
    chain_ptr: IntArray
    option_ptr: IntArray
    option_machine: IndexArray
    option_duration: IntArray
    option_mode: IndexArray
    release: IntArray
    machines: int

    @property
    def count(self) -> int:
        """Number of operations n."""
        return len(self.task)

    @property
    def flexible(self) -> bool:
        """Whether some operation has more than one option."""
        return len(self.option_mode) > self.count

    @classmethod
    def of(cls, problem: Problem) -> Shop | None:
        """The shop that ``problem`` is, whatever its objective; None if it is more than a shop.

        Mandatory tasks with one machine per mode, finish-to-start relations without lags that
        form chains, release dates. O(n + modes).
        """
        t, m, r = problem.tasks, problem.modes, problem.resources
        n = t.count
        if n == 0 or not is_plain(problem) or not (np.diff(m.demand_ptr) == 1).all():
            return None
        if not (r.kind[m.demand_resource] == ResourceKind.MACHINE).all():
            return None
        order = _chains(problem)
        if order is None:
            return None
        task, chain_ptr = order
        sizes = np.diff(t.mode_ptr)[task]
        option_ptr = np.zeros(n + 1, dtype=np.int64)
        np.cumsum(sizes, out=option_ptr[1:])
        within = np.arange(option_ptr[-1]) - np.repeat(option_ptr[:-1], sizes)
        mode = np.repeat(t.mode_ptr[task], sizes) + within
        used, machine = np.unique(m.demand_resource[mode], return_inverse=True)
        return cls(
            task=task,
            chain_ptr=chain_ptr,
            option_ptr=option_ptr,
            option_machine=machine.astype(np.int32),
            option_duration=m.duration[mode],
            option_mode=mode.astype(np.int32),
            release=releases(problem)[task],
            machines=len(used),
        )

    def schedule(self, start: IntArray, option: IntArray) -> Schedule:
        """Schedule of operation starts and chosen options (indices into the option arrays)."""
        n = self.count
        begin = np.empty(n, dtype=np.int64)
        end = np.empty(n, dtype=np.int64)
        mode = np.empty(n, dtype=np.int32)
        begin[self.task] = start
        end[self.task] = start + self.option_duration[option]
        mode[self.task] = self.option_mode[option]
        return Schedule(begin, end, mode)

    def options_of(self, schedule: Schedule) -> IntArray:
        """Chosen option of every operation in a schedule of the problem, int64 (n,)."""
        place = np.empty(int(self.option_mode.max()) + 1, dtype=np.int64)
        place[self.option_mode] = np.arange(len(self.option_mode))
        return place[schedule.mode[self.task]]


def releases(problem: Problem) -> IntArray:
    """Earliest start of every task by its own release, its job's and the horizon, int64 (n,)."""
    t = problem.tasks
    release = np.maximum(t.release, problem.horizon_start)
    owned = t.job >= 0
    release[owned] = np.maximum(release[owned], problem.jobs.release[t.job[owned]])
    return release


def is_plain(problem: Problem) -> bool:
    """Whether :func:`is_unconstrained` and every lag says only "ends before"."""
    p = problem.precedences
    return bool(
        is_unconstrained(problem) and (p.kind == PrecedenceKind.FS).all() and (p.minimum == 0).all()
    )


def is_unconstrained(problem: Problem) -> bool:
    """Whether nothing but modes, resources, minimum lags, releases and objective is in use.

    No deadlines or finite horizon, no forbidden times, calendars, setups, blocking, capacity
    steps, optional tasks, no-overlap or same-order sets, links, selections or maximum lags.
    """
    t, r, j = problem.tasks, problem.resources, problem.jobs
    return bool(
        (t.deadline >= INFINITY).all()
        and (j.deadline >= INFINITY).all()
        and problem.horizon_end >= INFINITY
        and not len(t.forbidden_start)
        and not t.optional.any()
        and not t.blocking.any()
        and (r.calendar < 0).all()
        and (r.setup < 0).all()
        and not r.blocking.any()
        and not len(r.step_time)
        and (problem.precedences.maximum >= INFINITY).all()
        and problem.no_overlaps.count == 0
        and problem.same_orders.count == 0
        and problem.links.count == 0
        and problem.selections.count == 0
    )


def _chains(problem: Problem) -> tuple[IntArray, IntArray] | None:
    """Tasks chain after chain and CSR pointers, if the precedences form chains."""
    n = problem.tasks.count
    pairs = np.unique(problem.precedences.source.astype(np.int64) * n + problem.precedences.target)
    source, target = pairs // n, pairs % n
    after = np.full(n, -1, dtype=np.int64)
    before = np.full(n, -1, dtype=np.int64)
    after[source] = target
    before[target] = source
    if len(np.unique(source)) < len(source) or len(np.unique(target)) < len(target):
        return None
    heads = np.flatnonzero(before < 0)
    chain = np.empty(n, dtype=np.int64)
    place = np.full(n, -1, dtype=np.int64)
    here, depth, rank = heads, 0, np.arange(len(heads))
    while len(here):
        chain[here], place[here] = rank, depth
        on = after[here] >= 0
        here, rank, depth = after[here[on]], rank[on], depth + 1
    if (place < 0).any():
        return None  # a cycle
    task = np.lexsort((place, chain))
    chain_ptr = np.zeros(len(heads) + 1, dtype=np.int64)
    np.cumsum(np.bincount(chain, minlength=len(heads)), out=chain_ptr[1:])
    return task, chain_ptr
