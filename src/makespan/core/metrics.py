"""Values of a schedule: objective terms and levels, jobs, resources and machine sequences.

All sums are exact: where products could leave 64 bits they are taken in Python integers.
Only present tasks count. A schedule need not be feasible, but its modes must belong to its tasks;
else the functions raise ``ProblemError``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from makespan.core.errors import ProblemError
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import (
    INFINITY,
    BoolArray,
    DemandTiming,
    IndexArray,
    IntArray,
    ObjectiveKind,
    ResourceKind,
)


def evaluate(problem: Problem, schedule: Schedule) -> tuple[int, ...]:
    """Value of each objective level, in order.

    O(n log n) for n tasks (sequences are sorted only for setup terms).
    """
    _require_fit(problem, schedule)
    known: dict[ObjectiveKind, int] = {}
    values = []
    for level in problem.objective.levels:
        total = 0
        for term in level:
            if term.kind not in known:
                known[term.kind] = _TERMS[term.kind](problem, schedule)
            total += term.coefficient * known[term.kind]
        values.append(total)
    return tuple(values)


def term_value(problem: Problem, schedule: Schedule, kind: ObjectiveKind | str) -> int:
    """Value of one objective term, without its coefficient."""
    _require_fit(problem, schedule)
    return _TERMS[ObjectiveKind(kind)](problem, schedule)


@dataclass(frozen=True, slots=True)
class JobTimes:
    """When each job begins and ends; rows of jobs without a present task hold 0.

    Attributes
    ----------
    present
        Whether some task of the job is present, bool (j,).
    start, completion
        First start and latest end of present tasks, ticks, int64 (j,).
    flow_time
        Completion minus release, ticks.
    lateness
        Completion minus due date, ticks; 0 for jobs without a due date.
    tardiness
        Lateness where positive, else 0.
    """

    present: BoolArray
    start: IntArray
    completion: IntArray
    flow_time: IntArray
    lateness: IntArray
    tardiness: IntArray


def job_times(problem: Problem, schedule: Schedule) -> JobTimes:
    """Start, completion, flow time, lateness and tardiness of each job, unweighted."""
    _require_fit(problem, schedule)
    jobs = problem.jobs
    present, completion = _completions(problem, schedule)
    start = np.full(jobs.count, INFINITY, dtype=np.int64)
    here = schedule.present & (problem.tasks.job >= 0)
    np.minimum.at(start, problem.tasks.job[here], schedule.start[here])
    dated = present & (jobs.due < INFINITY)
    lateness = np.where(dated, completion - jobs.due, 0)
    return JobTimes(
        present=present,
        start=np.where(present, start, 0),
        completion=completion,
        flow_time=np.where(present, completion - jobs.release, 0),
        lateness=lateness,
        tardiness=np.maximum(lateness, 0),
    )


@dataclass(frozen=True, slots=True)
class ResourceUse:
    """How much of each machine and renewable is used; consumables and reservoirs hold 0.

    Attributes
    ----------
    busy
        Sum of amount x (end - start) over present tasks, unit-ticks, one per resource.
    available
        Capacity summed over every tick from the horizon start to the makespan, unit-ticks.
    idle
        Available minus busy, unit-ticks; breaks, setups and blocked time count as idle.
    utilisation
        Busy as a share of available, 0.0 where nothing is available.
    """

    busy: tuple[int, ...]
    available: tuple[int, ...]
    idle: tuple[int, ...]
    utilisation: tuple[float, ...]


def resource_use(problem: Problem, schedule: Schedule) -> ResourceUse:
    """Busy, available and idle unit-ticks and the utilisation of each resource."""
    _require_fit(problem, schedule)
    resources = problem.resources
    task, resource, amount = _during(problem, schedule)
    timed = (resources.kind == ResourceKind.MACHINE) | (resources.kind == ResourceKind.RENEWABLE)
    keep = timed[resource] & (problem.modes.duration[schedule.mode[task]] > 0)
    task, resource, amount = task[keep], resource[keep], amount[keep]
    length = schedule.end[task] - schedule.start[task]
    first, last = problem.horizon_start, max(schedule.makespan, problem.horizon_start)
    most = max(
        float(amount.max(initial=0)) * float(length.max(initial=0)) * len(task),
        float(resources.capacity[timed].max(initial=0)) * (last - first),
        float(resources.step_capacity.max(initial=0)) * (last - first),
    )
    # Unit-ticks leave 64 bits only in absurd models; Python integers keep them exact there.
    exact = np.int64 if most < 2.0**62 else np.object_
    busy: npt.NDArray[Any] = np.zeros(resources.count, dtype=exact)
    units: npt.NDArray[Any] = amount.astype(exact)
    np.add.at(busy, resource, units * length)
    available: npt.NDArray[Any] = np.where(timed, resources.capacity, 0).astype(exact)
    available *= last - first
    for r in np.flatnonzero(timed & (np.diff(resources.step_ptr) > 0)).tolist():
        a, b = int(resources.step_ptr[r]), int(resources.step_ptr[r + 1])
        cuts = np.clip(np.concatenate(([first], resources.step_time[a:b], [last])), first, last)
        levels = np.concatenate((resources.capacity[r : r + 1], resources.step_capacity[a:b]))
        spans: npt.NDArray[Any] = np.diff(cuts).astype(exact)
        available[r] = (spans * levels).sum()
    used, offered = busy.tolist(), available.tolist()
    return ResourceUse(
        busy=tuple(used),
        available=tuple(offered),
        idle=tuple((available - busy).tolist()),
        utilisation=tuple(u / o if o > 0 else 0.0 for u, o in zip(used, offered, strict=True)),
    )


def machine_sequences(problem: Problem, schedule: Schedule) -> dict[int, IndexArray]:
    """Tasks of each machine by start, ties by index; milestones are left out.

    Keys are resource indices of all machines, in order.
    """
    _require_fit(problem, schedule)
    task, machine = _sequenced(problem, schedule)
    ids = np.flatnonzero(problem.resources.kind == ResourceKind.MACHINE)
    parts = np.split(task, np.searchsorted(machine, ids[1:])) if len(ids) else []
    return dict(zip(ids.tolist(), parts, strict=True))


def _require_fit(problem: Problem, schedule: Schedule) -> None:
    tasks = problem.tasks
    if len(schedule) != tasks.count:
        raise ProblemError(
            f"the schedule has {len(schedule)} tasks, the problem {tasks.count}",
            hint="was it made for another problem?",
        )
    astray = schedule.present & (
        (schedule.mode < tasks.mode_ptr[:-1]) | (schedule.mode >= tasks.mode_ptr[1:])
    )
    if astray.any():
        i = int(np.flatnonzero(astray)[0])
        raise ProblemError(
            f"task {tasks.names[i]!r} is scheduled in mode {int(schedule.mode[i])}, "
            f"which is not one of its own",
            hint="verify(problem, schedule) lists everything that is wrong",
        )


def _dot(a: IntArray, b: IntArray) -> int:
    """Exact sum of products."""
    if not len(a):
        return 0
    size = float(np.abs(a).max()) * float(np.abs(b).max()) * len(a)
    if size < 2.0**62:
        return int(np.dot(a, b))
    rows: Iterable[tuple[int, int]] = zip(a.tolist(), b.tolist(), strict=True)
    return sum(x * y for x, y in rows)


def _largest(a: IntArray, b: IntArray) -> int:
    """Exact largest product, 0 if there is none; all products are non-negative."""
    if not len(a):
        return 0
    if float(np.abs(a).max()) * float(np.abs(b).max()) < 2.0**62:
        return int((a * b).max())
    rows: Iterable[tuple[int, int]] = zip(a.tolist(), b.tolist(), strict=True)
    return max(x * y for x, y in rows)


def _completions(problem: Problem, schedule: Schedule) -> tuple[BoolArray, IntArray]:
    """Which jobs have a present task, and the latest end of those, 0 for the others."""
    jobs = problem.jobs
    here = schedule.present & (problem.tasks.job >= 0)
    completion = np.full(jobs.count, -INFINITY, dtype=np.int64)
    np.maximum.at(completion, problem.tasks.job[here], schedule.end[here])
    present = np.zeros(jobs.count, dtype=np.bool_)
    present[problem.tasks.job[here]] = True
    return present, np.where(present, completion, 0)


def _during(problem: Problem, schedule: Schedule) -> tuple[IntArray, IntArray, IntArray]:
    """Task, resource and amount of every demand that acts while a present task runs."""
    modes = problem.modes
    chosen = np.zeros(modes.count, dtype=np.bool_)
    chosen[schedule.mode[schedule.present]] = True
    owner = modes.demand_mode()
    keep = chosen[owner] & (modes.demand_timing == DemandTiming.DURING)
    return (
        modes.task[owner[keep]].astype(np.int64),
        modes.demand_resource[keep].astype(np.int64),
        modes.demand_amount[keep],
    )


def _sequenced(problem: Problem, schedule: Schedule) -> tuple[IndexArray, IntArray]:
    """Non-milestone tasks on machines sorted by machine, start and index, and their machines."""
    task, resource, amount = _during(problem, schedule)
    keep = (problem.resources.kind[resource] == ResourceKind.MACHINE) & (amount > 0)
    keep &= problem.modes.duration[schedule.mode[task]] > 0
    task, resource = task[keep], resource[keep]
    order = np.lexsort((task, schedule.start[task], resource))
    return task[order].astype(np.int32), resource[order]


def _units(problem: Problem, schedule: Schedule) -> tuple[IntArray, IntArray, IntArray]:
    """Weight, completion and release of each present unit: jobs, then tasks without a job."""
    tasks, jobs = problem.tasks, problem.jobs
    present, completion = _completions(problem, schedule)
    alone = schedule.present & (tasks.job < 0)
    return (
        np.concatenate((jobs.weight[present], tasks.weight[alone])),
        np.concatenate((completion[present], schedule.end[alone])),
        np.concatenate((jobs.release[present], tasks.release[alone])),
    )


def _dated(problem: Problem, schedule: Schedule) -> tuple[IntArray, IntArray]:
    """Weight and lateness of each present job with a due date, then of each such task."""
    tasks, jobs = problem.tasks, problem.jobs
    present, completion = _completions(problem, schedule)
    job = present & (jobs.due < INFINITY)
    task = schedule.present & (tasks.due < INFINITY)
    return (
        np.concatenate((jobs.weight[job], tasks.weight[task])),
        np.concatenate((completion[job] - jobs.due[job], schedule.end[task] - tasks.due[task])),
    )


def _total_completion(problem: Problem, schedule: Schedule) -> int:
    weight, completion, _ = _units(problem, schedule)
    return _dot(weight, completion)


def _total_flow_time(problem: Problem, schedule: Schedule) -> int:
    weight, completion, release = _units(problem, schedule)
    return _dot(weight, completion - release)


def _total_tardiness(problem: Problem, schedule: Schedule) -> int:
    weight, lateness = _dated(problem, schedule)
    return _dot(weight, np.maximum(lateness, 0))


def _max_tardiness(problem: Problem, schedule: Schedule) -> int:
    weight, lateness = _dated(problem, schedule)
    return _largest(weight, np.maximum(lateness, 0))


def _tardy_count(problem: Problem, schedule: Schedule) -> int:
    weight, lateness = _dated(problem, schedule)
    return sum(weight[lateness > 0].tolist())


def _max_lateness(problem: Problem, schedule: Schedule) -> int:
    _, lateness = _dated(problem, schedule)
    return int(lateness.max()) if len(lateness) else 0


def _total_earliness(problem: Problem, schedule: Schedule) -> int:
    weight, lateness = _dated(problem, schedule)
    return _dot(weight, np.maximum(-lateness, 0))


def _resource_cost(problem: Problem, schedule: Schedule) -> int:
    resources = problem.resources
    task, resource, amount = _during(problem, schedule)
    priced = resources.rate[resource] != 0
    task, resource, amount = task[priced], resource[priced], amount[priced]
    timed = resources.kind[resource] != ResourceKind.CONSUMABLE
    factor = np.where(timed, problem.modes.duration[schedule.mode[task]], 1)
    if len(task) and float(amount.max()) * float(factor.max()) >= 2.0**62:
        rows = zip(resources.rate[resource].tolist(), amount.tolist(), factor.tolist(), strict=True)
        return sum(rate * units * ticks for rate, units, ticks in rows)
    return _dot(resources.rate[resource], amount * factor)


def _mode_cost(problem: Problem, schedule: Schedule) -> int:
    return sum(problem.modes.cost[schedule.mode[schedule.present]].tolist())


def _setups(problem: Problem, schedule: Schedule, field: str) -> int:
    task, machine = _sequenced(problem, schedule)
    matrix = problem.resources.setup[machine]
    keep = matrix >= 0
    family, machine, matrix = problem.tasks.family[task[keep]], machine[keep], matrix[keep]
    follows = np.zeros(len(machine), dtype=np.bool_)
    follows[1:] = machine[1:] == machine[:-1]
    total = 0
    for k in np.unique(matrix).tolist():
        mine = np.flatnonzero(matrix == k)
        after, first = mine[follows[mine]], mine[~follows[mine]]
        between = getattr(problem.setups[k], field)[family[after - 1], family[after]]
        initial = getattr(problem.setups[k], f"initial_{field}")[family[first]]
        total += sum(between.tolist()) + sum(initial.tolist())
    return total


def _setup_time(problem: Problem, schedule: Schedule) -> int:
    return _setups(problem, schedule, "time")


def _setup_cost(problem: Problem, schedule: Schedule) -> int:
    return _setups(problem, schedule, "cost")


def _unplaced(problem: Problem, schedule: Schedule) -> int:
    return sum(problem.tasks.reward[~schedule.present].tolist())


def _change(problem: Problem, schedule: Schedule) -> int:
    planned = schedule.present & (problem.tasks.baseline_start < INFINITY)
    moved = np.abs(schedule.start[planned] - problem.tasks.baseline_start[planned])
    return sum(moved.tolist())


def _moved(problem: Problem, schedule: Schedule) -> int:
    tasks = problem.tasks
    planned = schedule.present & (tasks.baseline_start < INFINITY)
    local = schedule.mode - tasks.mode_ptr[:-1]
    moved = schedule.start != tasks.baseline_start
    moved |= (tasks.baseline_mode >= 0) & (local != tasks.baseline_mode)
    return int((planned & moved).sum())


_TERMS: dict[ObjectiveKind, Callable[[Problem, Schedule], int]] = {
    ObjectiveKind.MAKESPAN: lambda _, schedule: schedule.makespan,
    ObjectiveKind.TOTAL_COMPLETION: _total_completion,
    ObjectiveKind.TOTAL_FLOW_TIME: _total_flow_time,
    ObjectiveKind.TOTAL_TARDINESS: _total_tardiness,
    ObjectiveKind.MAX_TARDINESS: _max_tardiness,
    ObjectiveKind.TARDY_COUNT: _tardy_count,
    ObjectiveKind.MAX_LATENESS: _max_lateness,
    ObjectiveKind.TOTAL_EARLINESS: _total_earliness,
    ObjectiveKind.RESOURCE_COST: _resource_cost,
    ObjectiveKind.MODE_COST: _mode_cost,
    ObjectiveKind.SETUP_TIME: _setup_time,
    ObjectiveKind.SETUP_COST: _setup_cost,
    ObjectiveKind.UNPLACED: _unplaced,
    ObjectiveKind.CHANGE: _change,
    ObjectiveKind.MOVED: _moved,
}
