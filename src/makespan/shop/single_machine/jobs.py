"""One machine, jobs with times and due dates: the data of 1||sum T, and its place in a Problem."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from makespan.core.errors import OptionError, UnsupportedError
from makespan.core.problem import Jobs as JobTable
from makespan.core.problem import ObjectiveTerm, Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import INFINITY, IntArray, ObjectiveKind, ResourceKind

SUM_LIMIT: Final = 1 << 61
"""Largest total tardiness that int64 arithmetic is trusted with."""


@dataclass(frozen=True, slots=True, eq=False)
class Jobs:
    """Jobs of one machine, all available at time 0.

    Parameters
    ----------
    processing
        Ticks, int64 (n,), at least 0.
    due
        Ticks, int64 (n,), may be negative.
    weight
        Weights of tardiness, int64 (n,), at least 0; None for 1 each.

    Raises
    ------
    OptionError
        If the arrays differ in length, hold what is not a whole number or is negative where it
        must not be, or if their total tardiness may leave 61 bits.
    """

    processing: IntArray
    due: IntArray
    weight: IntArray | None = None

    def __post_init__(self) -> None:
        for name in ("processing", "due", "weight"):
            given = getattr(self, name)
            if given is not None:
                object.__setattr__(self, name, _whole(given, name))
        n = len(self.processing)
        if len(self.due) != n or (self.weight is not None and len(self.weight) != n):
            raise OptionError("processing, due and weight must have one entry per job")
        if (self.processing < 0).any():
            raise OptionError("a processing time is negative")
        if self.weight is not None and (self.weight < 0).any():
            raise OptionError("a weight is negative")
        heaviest = 1 if self.weight is None else int(self.weight.max(initial=1))
        latest = sum(self.processing.tolist()) - min(int(self.due.min(initial=0)), 0)
        largest = max(latest, int(self.due.max(initial=0)))
        if largest * heaviest * max(n, 1) >= SUM_LIMIT:
            raise OptionError(
                "the total tardiness of these jobs may leave 61 bits",
                hint="measure time in coarser ticks",
            )

    def __len__(self) -> int:
        return len(self.processing)

    def total_tardiness(self, order: npt.ArrayLike) -> int:
        """Sum of (weighted) tardiness of the jobs in this order, without idle time.

        Raises
        ------
        OptionError
            If the order is not a permutation of the jobs.
        """
        sequence = self.require_order(order)
        late = np.cumsum(self.processing[sequence]) - self.due[sequence]
        late = np.maximum(late, 0)
        return int((late if self.weight is None else late * self.weight[sequence]).sum())

    def require_order(self, order: npt.ArrayLike) -> IntArray:
        """The order as int64 (n,), every job exactly once.

        Raises
        ------
        OptionError
            If it is something else.
        """
        given = np.asarray(order)
        n = len(self)
        whole = given.dtype.kind in "iu" or not given.size
        if not whole or given.shape != (n,) or not np.array_equal(np.sort(given), np.arange(n)):
            raise OptionError(f"an order must name each of the {n} jobs exactly once")
        return given.astype(np.int64)


def _whole(given: npt.ArrayLike, name: str) -> IntArray:
    array = np.asarray(given)
    if array.dtype.kind == "f":
        if not (np.isfinite(array) & (np.trunc(array) == array) & (abs(array) < 2.0**62)).all():
            raise OptionError(
                f"{name} holds what is not a whole number", hint="measure time in finer ticks"
            )
    elif array.dtype.kind not in "iu":
        raise OptionError(f"{name} must hold whole numbers")
    if array.ndim != 1:
        raise OptionError(f"{name} must have one entry per job")
    copy = array.astype(np.int64)
    copy.flags.writeable = False
    return copy


@dataclass(frozen=True, slots=True, eq=False)
class Recognised:
    """A Problem that is 1||sum (w) T, seen as jobs of one machine.

    Attributes
    ----------
    task
        Task of each job, int64 (n,).
    constant
        Tardiness of tasks that take no time, which no order changes.
    start
        Time 0 of the jobs in the Problem: its horizon's start or the release of all tasks.
    """

    problem: Problem
    jobs: Jobs
    task: IntArray
    constant: int
    start: int

    def schedule(self, order: npt.ArrayLike) -> Schedule:
        """The schedule that works the jobs off in this order from the start on."""
        sequence = self.jobs.require_order(order)
        begin = np.full(self.problem.tasks.count, self.start, dtype=np.int64)
        times = self.jobs.processing[sequence]
        begin[self.task[sequence]] += np.cumsum(times) - times
        return Schedule.from_starts(self.problem, begin)


def recognise(problem: Problem) -> Recognised | None:
    """The jobs of a Problem that is one machine and total (weighted) tardiness, else None.

    Everything else of the vocabulary (unequal releases, deadlines, calendars, setups,
    precedences, modes, optional tasks, several tasks per job, other objectives) is declined. Jobs
    without a due date become jobs that are never late. Tasks of no time are started first.
    """
    if not _plain(problem):
        return None
    tasks, modes, jobs = problem.tasks, problem.modes, problem.jobs
    n = tasks.count
    own = tasks.job >= 0
    due, weight = tasks.due.copy(), tasks.weight.copy()
    due[own], weight[own] = jobs.due[tasks.job[own]], jobs.weight[tasks.job[own]]
    # A due date of a task inside a job would be a second term of its own.
    if (own & (tasks.due < INFINITY)).any():
        return None
    timed = modes.duration > 0
    total = sum(modes.duration.tolist())
    release = tasks.release.copy()
    release[own] = np.maximum(release[own], jobs.release[tasks.job[own]])
    release = np.maximum(release, problem.horizon_start)
    start = int(release.max(initial=problem.horizon_start))
    if (release != start).any():
        return None
    if problem.horizon_end - start < total:
        return None
    if abs(start) + total >= INFINITY:
        return None
    due = np.minimum(due, start + total) - start
    worth = np.where(due >= total, 0, weight)
    idle = ~timed
    constant = sum(
        w * max(0, -d) for w, d in zip(worth[idle].tolist(), due[idle].tolist(), strict=True)
    )
    unit = bool((weight[timed & (due < total)] == 1).all())
    try:
        picked = Jobs(modes.duration[timed], due[timed], None if unit else weight[timed])
    except OptionError:
        return None
    return Recognised(problem, picked, np.arange(n, dtype=np.int64)[timed], constant, start)


def _plain(problem: Problem) -> bool:
    tasks, modes, jobs = problem.tasks, problem.modes, problem.jobs
    objective = problem.objective.levels
    if len(objective) != 1 or len(objective[0]) != 1:
        return False
    if objective[0][0] != ObjectiveTerm(ObjectiveKind.TOTAL_TARDINESS):
        return False
    if modes.count != tasks.count or (np.diff(tasks.mode_ptr) != 1).any():
        return False
    if problem.precedences.count or problem.links.count or problem.selections.count:
        return False
    if tasks.optional.any() or tasks.blocking.any() or len(tasks.forbidden_start):
        return False
    if (tasks.deadline < INFINITY).any() or (jobs.deadline < INFINITY).any():
        return False
    if jobs.count and (np.diff(jobs.task_ptr) != 1).any():
        return False
    return _one_machine(problem)


def _one_machine(problem: Problem) -> bool:
    """Whether every task takes one machine, the same for all, that has no rules of its own."""
    modes, resources = problem.modes, problem.resources
    if not (np.diff(modes.demand_ptr) == 1).all() or not (modes.demand_amount == 1).all():
        return False
    used = np.unique(modes.demand_resource)
    if len(used) > 1:
        return False
    for r in used.tolist():
        if resources.kind[r] != ResourceKind.MACHINE or resources.calendar[r] >= 0:
            return False
        if resources.setup[r] >= 0 or resources.blocking[r]:
            return False
    return True


def require_recognised(problem: Problem) -> Recognised:
    """As :func:`recognise`.

    Raises
    ------
    UnsupportedError
        If the Problem is something else than one machine and total tardiness.
    """
    found = recognise(problem)
    if found is None:
        raise UnsupportedError(
            f"{problem.name!r} is not one machine with total tardiness alone",
            hint="makespan.solve takes every Problem",
        )
    return found


def problem_of(jobs: Jobs, name: str = "single_machine") -> Problem:
    """The Problem of these jobs: one machine M1, total tardiness."""
    from makespan.core.names import NameTable
    from makespan.core.problem import (
        Modes,
        Objective,
        Precedences,
        Resources,
        Tasks,
    )

    n = len(jobs)
    every = np.arange(n + 1, dtype=np.int64)
    index = np.arange(n, dtype=np.int32)
    names = NameTable.numbered("J", n)
    weight = np.ones(n, dtype=np.int64) if jobs.weight is None else jobs.weight
    none = np.empty(0, dtype=np.int32)
    return Problem(
        name=name,
        tasks=Tasks.plain(names, index, every),
        modes=Modes(
            task=index,
            duration=jobs.processing,
            cost=np.zeros(n, dtype=np.int64),
            demand_ptr=every,
            demand_resource=np.zeros(n, dtype=np.int32),
            demand_amount=np.ones(n, dtype=np.int64),
            demand_timing=np.zeros(n, dtype=np.uint8),
        ),
        resources=Resources.plain(
            NameTable.numbered("M", 1, 1),
            np.full(1, ResourceKind.MACHINE, dtype=np.uint8),
            np.ones(1, dtype=np.int64),
        ),
        jobs=replace(JobTable.plain(names, every, index), due=jobs.due, weight=weight),
        precedences=Precedences.finish_to_start(none, none),
        objective=Objective(((ObjectiveTerm(ObjectiveKind.TOTAL_TARDINESS),),)),
    )
