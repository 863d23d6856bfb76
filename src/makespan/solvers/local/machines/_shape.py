"""Single and parallel machines in flat arrays: jobs of one operation, each with a choice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np

from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import (
    INFINITY,
    IndexArray,
    IntArray,
    ObjectiveKind,
    ResourceKind,
)
from makespan.solvers.local.shapes import is_plain, releases

FAR: Final = 1 << 62
_LARGEST: Final = 1 << 59
"""No cost of a schedule without idleness may exceed this, so that sums stay in 64 bits."""
_MOST_ENTRIES: Final = 20_000_000
"""Jobs times machines, for times and for the rows of the search."""

_SUMS: Final = frozenset(
    {
        ObjectiveKind.TOTAL_COMPLETION,
        ObjectiveKind.TOTAL_FLOW_TIME,
        ObjectiveKind.TOTAL_TARDINESS,
        ObjectiveKind.TARDY_COUNT,
    }
)
_LARGEST_OF: Final = frozenset(
    {ObjectiveKind.MAKESPAN, ObjectiveKind.MAX_LATENESS, ObjectiveKind.MAX_TARDINESS}
)


class Tables(NamedTuple):
    """What the kernels read.

    A job that ends at C costs ``slope C``, and if C > due also ``steep (C - due) + step``. Beside
    the sum of these counts the largest ``scale max(C - target, least)``.

    Attributes
    ----------
    duration
        Ticks of job i on machine k at ``[k, i]``, -1 where it cannot run, int64 (m, n).
    release, due, slope, steep, step, target, scale, least
        int64 (n,).
    family
        int32 (n,).
    start
        Ticks at which machines begin, int64 (m,).
    setup
        Ticks at ``[k, f, g]`` between families f and g on machine k, the last f for the first job,
        int64 (m, families + 1, families); (1, 1, 1) where there are none.
    """

    duration: IntArray
    release: IntArray
    due: IntArray
    slope: IntArray
    steep: IntArray
    step: IntArray
    target: IntArray
    scale: IntArray
    least: IntArray
    family: IndexArray
    start: IntArray
    setup: IntArray


@dataclass(frozen=True, slots=True)
class Machines:
    """Jobs of one task each, on one machine or a choice of them, and what they cost.

    Attributes
    ----------
    mode
        Global mode index of job i on machine k at ``[k, i]``, -1 where it cannot run.
    constant
        Part of the objective that no schedule changes.
    largest
        Coefficient of the largest cost; 0 if only the sum counts.
    """

    tables: Tables
    mode: IndexArray
    constant: int
    largest: int

    @classmethod
    def of(cls, problem: Problem) -> Machines | None:
        """The machines that ``problem`` is; None if it is more than that. O(n m + families^2).

        Mandatory tasks that are jobs of their own, with one machine per mode; releases and
        sequence-dependent setups are allowed, precedences and windows are not. One level of terms
        of completion and lateness with at most one kind of maximum.
        """
        t, m, r, j = problem.tasks, problem.modes, problem.resources, problem.jobs
        bare = replace(problem, resources=replace(r, setup=np.full_like(r.setup, -1)))
        if t.count == 0 or problem.precedences.count or not is_plain(bare):
            return None
        if (np.diff(j.task_ptr) > 1).any() or not (np.diff(m.demand_ptr) == 1).all():
            return None
        if not (r.kind[m.demand_resource] == ResourceKind.MACHINE).all():
            return None
        used, machine = np.unique(m.demand_resource, return_inverse=True)
        key = m.task.astype(np.int64) * len(used) + machine
        if t.count * len(used) > _MOST_ENTRIES or len(np.unique(key)) < len(key):
            return None
        duration = np.full((len(used), t.count), -1, dtype=np.int64)
        mode = np.full((len(used), t.count), -1, dtype=np.int32)
        duration[machine, m.task] = m.duration
        mode[machine, m.task] = np.arange(m.count)
        setup = _setups(problem, used)
        if setup is None or (setup.any() and (m.duration == 0).any()):
            return None
        costs = _costs(problem)
        if costs is None:
            return None
        tables, constant, largest = costs
        tables = tables._replace(
            duration=duration,
            release=releases(problem),
            family=(t.family if setup.any() else np.zeros(t.count)).astype(np.int32),
            start=np.full(len(used), problem.horizon_start, dtype=np.int64),
            setup=setup if setup.any() else np.zeros((1, 1, 1), dtype=np.int64),
        )
        return cls(tables, mode, constant, largest) if _fits(tables, largest) else None

    @property
    def count(self) -> int:
        """Number of jobs n."""
        return len(self.tables.release)

    @property
    def single(self) -> bool:
        """Whether there is one machine."""
        return len(self.mode) == 1

    @property
    def plain(self) -> bool:
        """Whether nothing but the work keeps a machine busy: equal releases, no setups."""
        release = np.maximum(self.tables.release, self.tables.start[0])
        return not self.tables.setup.any() and bool((release == release[0]).all())

    def schedule(self, machine: IntArray, end: IntArray) -> Schedule:
        """Schedule of the jobs' machines and ends."""
        every = np.arange(self.count)
        start = end - self.tables.duration[machine, every]
        return Schedule(start, end, self.mode[machine, every])

    def machine_of(self, schedule: Schedule) -> IntArray:
        """Machine of each job in a schedule of the problem, int64 (n,)."""
        found = np.argmax(self.mode == schedule.mode[None, :], axis=0)
        return found.astype(np.int64)


def _setups(problem: Problem, used: IndexArray) -> IntArray | None:
    """Setup ticks per machine, zeros where it has none; None if they are too many to spell out."""
    kinds = problem.resources.setup[used]
    tables = [problem.setups[k] for k in kinds.tolist() if k >= 0]
    families = max((len(table.initial_time) for table in tables), default=1)
    if len(used) * families * (families + 1) > _MOST_ENTRIES:
        return None
    setup = np.zeros((len(used), families + 1, families), dtype=np.int64)
    for k, kind in enumerate(kinds.tolist()):
        if kind >= 0:
            table = problem.setups[kind]
            f = len(table.initial_time)
            setup[k, :f, :f] = table.time
            setup[k, families, :f] = table.initial_time
    return setup


def _costs(problem: Problem) -> tuple[Tables, int, int] | None:
    """Costs of the jobs, the constant and the coefficient of the largest cost."""
    t, j = problem.tasks, problem.jobs
    if len(problem.objective.levels) != 1:
        return None
    weights: dict[ObjectiveKind, int] = {}
    for term in problem.objective.levels[0]:
        weights[term.kind] = weights.get(term.kind, 0) + term.coefficient
    kinds = {kind for kind, coefficient in weights.items() if coefficient}
    peaks = kinds & _LARGEST_OF
    if not kinds or kinds - _SUMS - _LARGEST_OF or len(peaks) > 1:
        return None
    n = t.count
    owned = t.job >= 0
    job = t.job[owned]
    weight, release = t.weight.copy(), t.release.copy()
    weight[owned], release[owned] = j.weight[job], j.release[job]
    due, dated = t.due.copy(), t.weight.copy()
    by_job = np.full(n, INFINITY, dtype=np.int64)
    by_job[owned] = j.due[job]
    if ((by_job < INFINITY) & (due < INFINITY)).any():
        return None  # two due dates
    dated[by_job < INFINITY] = weight[by_job < INFINITY]
    due = np.minimum(due, by_job)
    late = due < INFINITY
    peak = next(iter(peaks), None)
    if not late.any() and peak not in (None, ObjectiveKind.MAKESPAN):
        return None
    top = max(int(weight.max()), int(dated.max()), 1) * sum(weights.values())
    if top >= 1 << 40:
        return None
    flow = weights.get(ObjectiveKind.TOTAL_FLOW_TIME, 0)
    slope = weight * (weights.get(ObjectiveKind.TOTAL_COMPLETION, 0) + flow)
    constant = -flow * sum(a * b for a, b in zip(weight.tolist(), release.tolist(), strict=True))
    nothing = np.zeros(n, dtype=np.int64)
    zero: IndexArray = np.zeros(n, dtype=np.int32)
    is_makespan = peak == ObjectiveKind.MAKESPAN
    scale = nothing
    if peak is not None:
        scale = np.where(late, dated if peak == ObjectiveKind.MAX_TARDINESS else 1, 0)
    tables = Tables(
        duration=nothing[None, :],
        release=nothing,
        due=due,
        slope=slope,
        steep=np.where(late, dated * weights.get(ObjectiveKind.TOTAL_TARDINESS, 0), 0),
        step=np.where(late, dated * weights.get(ObjectiveKind.TARDY_COUNT, 0), 0),
        target=nothing if is_makespan else np.where(late, due, 0),
        scale=nothing + 1 if is_makespan else scale.astype(np.int64),
        least=nothing + (0 if peak == ObjectiveKind.MAX_TARDINESS else -(1 << 50)),
        family=zero,
        start=nothing,
        setup=nothing[None, None, :],
    )
    return tables, constant, weights[peak] if peak is not None else 0


def _fits(tables: Tables, largest: int) -> bool:
    """Whether no cost of a schedule without needless idleness leaves 64 bits."""
    n = len(tables.release)
    span = sum(tables.duration.max(axis=0).tolist()) + n * int(tables.setup.max())
    latest = max(int(abs(tables.release).max()), int(abs(tables.start).max())) + span
    reach = latest + int(abs(tables.target).max())
    dues = tables.due[tables.due < INFINITY]
    reach = max(reach, latest + int(abs(dues).max(initial=0)))
    sums = sum((tables.slope + tables.steep).tolist()) * reach + sum(tables.step.tolist())
    peak = largest * int(tables.scale.max()) * reach
    return reach < 1 << 49 and sums + peak < _LARGEST
