"""What a schedule does to every resource, as flat arrays that all drawings share.

Computed with array operations rather than through a Trace, so that a hundred thousand tasks take
a fraction of a second. Definitions follow the semantics page: occupancy under blocking lasts
until the job's next present task starts, setups precede the task they prepare, a suspended task
rests in the breaks of its resources.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from makespan.core.calendar import complement
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import (
    Blocking,
    BoolArray,
    DemandTiming,
    IndexArray,
    IntArray,
    ResourceKind,
)
from makespan.core.working_time import WorkingTime, mode_calendars
from makespan.viz.lanes import pack_lanes

_TURNS: Final = 20_000
"""Most repetitions of a calendar that are drawn: 54 years of days."""


@dataclass(frozen=True, slots=True)
class Spans:
    """Intervals ``[start, end)`` of tasks on resources, parallel arrays of length k."""

    task: IndexArray
    resource: IndexArray
    start: IntArray
    end: IntArray

    def __len__(self) -> int:
        return len(self.task)

    def where(self, mask: BoolArray | IntArray) -> Spans:
        """The chosen intervals."""
        return Spans(self.task[mask], self.resource[mask], self.start[mask], self.end[mask])


@dataclass(frozen=True, slots=True)
class Steps:
    """Step function: ``value[k]`` from ``time[k]`` on; ``time[0]`` is the start of the picture."""

    time: IntArray
    value: IntArray


@dataclass(frozen=True, slots=True)
class Picture:
    """A schedule broken down into what there is to draw.

    Attributes
    ----------
    start, end
        Range of the time axis in ticks.
    demand_task, demand_resource, demand_amount, demand_timing
        Demands of the chosen modes of present tasks, (d,).
    bars, bar_lane, bar_amount
        Runs on machines and renewables; milestones appear on their machines only.
    loose, loose_lane
        Present tasks that appear in no bar, and their lanes.
    job_lane
        Lane of each task inside its job, (n,); 0 for absent ones.
    setup, blocked
        Setup before, and blocking after, the task's run on a machine.
    suspended
        Breaks inside a task's run, one row per task and break; ``resource`` is -1.
    breaks
        Per calendar: breaks in the range, (k, 2).
    load, limit
        Per renewable: usage, and capacity, over time.
    level
        Per reservoir: level over time.
    """

    problem: Problem
    schedule: Schedule
    start: int
    end: int
    demand_task: IndexArray
    demand_resource: IndexArray
    demand_amount: IntArray
    demand_timing: IndexArray
    bars: Spans
    bar_lane: IndexArray
    bar_amount: IntArray
    loose: IndexArray
    loose_lane: IndexArray
    job_lane: IndexArray
    setup: Spans
    blocked: Spans
    suspended: Spans
    breaks: tuple[IntArray, ...]
    load: dict[int, Steps]
    limit: dict[int, Steps]
    level: dict[int, Steps]


def picture_of(problem: Problem, schedule: Schedule) -> Picture:
    """Everything there is to draw about ``schedule``; O((n + d) log(n + d)) plus breaks met."""
    task, resource, amount, timing = _chosen_demands(problem, schedule)
    kinds = problem.resources.kind[resource]
    milestone = schedule.end[task] == schedule.start[task]
    on_row = (timing == DemandTiming.DURING) & (
        (kinds == ResourceKind.MACHINE) | ((kinds == ResourceKind.RENEWABLE) & ~milestone)
    )
    bars = Spans(
        task[on_row], resource[on_row], schedule.start[task[on_row]], schedule.end[task[on_row]]
    )
    setup = _setups(problem, bars)
    begin, finish = time_range(problem, schedule)
    begin = min(begin, int(setup.start.min(initial=begin)))
    seen = np.zeros(len(schedule), dtype=np.bool_)
    seen[bars.task] = True
    loose = np.flatnonzero(schedule.present & ~seen).astype(np.int32)
    leave = _departures(problem, schedule, bars)
    blocked = Spans(bars.task, bars.resource, bars.end, leave).where(leave > bars.end)
    suspended = _suspended(problem, schedule)
    held = Spans(bars.task, bars.resource, bars.start, leave)
    return Picture(
        problem=problem,
        schedule=schedule,
        start=begin,
        end=finish,
        demand_task=task,
        demand_resource=resource,
        demand_amount=amount,
        demand_timing=timing,
        bars=bars,
        bar_lane=pack_lanes(held.resource, held.start, held.end),
        bar_amount=amount[on_row],
        loose=loose,
        loose_lane=pack_lanes(np.zeros_like(loose), schedule.start[loose], schedule.end[loose]),
        job_lane=_job_lanes(problem, schedule),
        setup=setup,
        blocked=blocked,
        suspended=suspended,
        breaks=_breaks(problem, begin, finish),
        load=_loads(problem, bars, amount[on_row], suspended, begin),
        limit=_limits(problem, begin),
        level=_levels(problem, schedule, task, resource, amount, timing, begin),
    )


def time_range(problem: Problem, schedule: Schedule) -> tuple[int, int]:
    """First and last tick worth showing, at least one apart.

    The horizon's start to the makespan; if nothing happens for longer than the plan takes (times
    that count from some epoch), from the first start on.
    """
    here = schedule.present
    if not here.any():
        return problem.horizon_start, problem.horizon_start + 1
    first, last = int(schedule.start[here].min()), int(schedule.end[here].max())
    if first - problem.horizon_start <= 2 * (last - first):
        first = min(first, problem.horizon_start)
    return first, max(last, first + 1)


def ragged_arange(first: IntArray, count: IntArray) -> IntArray:
    """``first[k], first[k] + 1, ...`` (``count[k]`` numbers) for every k, joined."""
    total = int(count.sum())
    shift = np.repeat(np.cumsum(count) - count, count)
    return np.arange(total, dtype=np.int64) - shift + np.repeat(first, count)


def steps_from_changes(time: IntArray, change: IntArray, begin: int, initial: int) -> Steps:
    """Running total of changes, simultaneous ones summed first."""
    instants, place = np.unique(np.append(time, begin), return_inverse=True)
    total = np.zeros(len(instants), dtype=np.int64)
    np.add.at(total, place[:-1], change)
    value = initial + np.cumsum(total)
    kept = np.concatenate(([True], value[1:] != value[:-1]))
    return Steps(instants[kept], value[kept])


def _chosen_demands(
    problem: Problem, schedule: Schedule
) -> tuple[IndexArray, IndexArray, IntArray, IndexArray]:
    modes = problem.modes
    present = np.flatnonzero(schedule.present)
    chosen = schedule.mode[present].astype(np.int64)
    count = modes.demand_ptr[chosen + 1] - modes.demand_ptr[chosen]
    entry = ragged_arange(modes.demand_ptr[chosen], count)
    task = np.repeat(present, count).astype(np.int32)
    real = modes.demand_amount[entry] != 0
    entry, task = entry[real], task[real]
    return (
        task,
        modes.demand_resource[entry].astype(np.int32),
        modes.demand_amount[entry],
        modes.demand_timing[entry].astype(np.int32),
    )


def next_in_job(problem: Problem, schedule: Schedule) -> IndexArray:
    """The job's next present task of each present task, -1 if there is none, int32 (n,)."""
    after = np.full(problem.tasks.count, -1, dtype=np.int32)
    owner = np.repeat(np.arange(problem.jobs.count), np.diff(problem.jobs.task_ptr))
    here = schedule.present[problem.jobs.task]
    line, owner = problem.jobs.task[here], owner[here]
    same = owner[1:] == owner[:-1]
    after[line[:-1][same]] = line[1:][same]
    return after


def _departures(problem: Problem, schedule: Schedule, bars: Spans) -> IntArray:
    """When each bar's task leaves its resource: later than its end only under blocking."""
    after = next_in_job(problem, schedule)[bars.task]
    machine = problem.resources.kind[bars.resource] == ResourceKind.MACHINE
    code = np.maximum(problem.tasks.blocking[bars.task], problem.resources.blocking[bars.resource])
    waits = machine & (code != Blocking.NONE) & (after >= 0) & (bars.end > bars.start)
    leave = bars.end.copy()
    leave[waits] = np.maximum(bars.end[waits], schedule.start[after[waits]])
    return leave


def _setups(problem: Problem, bars: Spans) -> Spans:
    table = problem.resources.setup[bars.resource]
    relevant = bars.where((table >= 0) & (bars.end > bars.start))
    order = np.lexsort((relevant.task, relevant.start, relevant.resource))
    runs = relevant.where(order)
    family = problem.tasks.family[runs.task]
    length = np.zeros(len(runs), dtype=np.int64)
    first = np.concatenate(([True], runs.resource[1:] != runs.resource[:-1]))[: len(runs)]
    before = np.concatenate(([0], family[:-1]))[: len(runs)]
    matrix = problem.resources.setup[runs.resource]
    for k, setup in enumerate(problem.setups):
        mine = matrix == k
        head, later = mine & first, mine & ~first
        length[head] = setup.initial_time[family[head]]
        length[later] = setup.time[before[later], family[later]]
    return Spans(runs.task, runs.resource, runs.start - length, runs.start).where(length > 0)


def _suspended(problem: Problem, schedule: Schedule) -> Spans:
    """Breaks inside the runs of tasks that take longer than their work."""
    rules = mode_calendars(problem)
    mode = np.maximum(schedule.mode, 0)
    if not problem.modes.count:
        mode = np.zeros(0, dtype=np.int32)
    paused = rules.suspends[mode] & (schedule.end - schedule.start > problem.modes.duration[mode])
    clocks = [WorkingTime(tuple(problem.calendars[c] for c in key)) for key in rules.sets]
    rows: list[IntArray] = []
    for i in np.flatnonzero(schedule.present & paused).tolist():
        a, b = int(schedule.start[i]), int(schedule.end[i])
        gaps = complement(clocks[int(rules.key[mode[i]])].intervals(a, b), a, b)
        rows.append(np.insert(gaps, 0, i, axis=1))
    table = np.concatenate(rows) if rows else np.empty((0, 3), dtype=np.int64)
    none = np.full(len(table), -1, dtype=np.int32)
    return Spans(table[:, 0].astype(np.int32), none, table[:, 1], table[:, 2])


def _breaks(problem: Problem, begin: int, finish: int) -> tuple[IntArray, ...]:
    """Breaks of each calendar; patterns that repeat too often to be seen are cut short."""
    return tuple(
        calendar.breaks_in(begin, min(finish, begin + _TURNS * calendar.period))
        if calendar.period
        else calendar.breaks_in(begin, finish)
        for calendar in problem.calendars
    )


def _job_lanes(problem: Problem, schedule: Schedule) -> IndexArray:
    lane = np.zeros(problem.tasks.count, dtype=np.int32)
    here = np.flatnonzero(schedule.present)
    lane[here] = pack_lanes(
        problem.tasks.job[here].astype(np.int32), schedule.start[here], schedule.end[here]
    )
    return lane


def _loads(
    problem: Problem, bars: Spans, amount: IntArray, suspended: Spans, begin: int
) -> dict[int, Steps]:
    found: dict[int, Steps] = {}
    for r in np.flatnonzero(problem.resources.kind == ResourceKind.RENEWABLE).tolist():
        mine = bars.resource == r
        used = bars.where(mine)
        units = amount[mine]
        times = [used.start, used.end]
        changes = [units, -units]
        if problem.resources.released_in_breaks[r] and len(suspended):
            per_task = np.zeros(problem.tasks.count, dtype=np.int64)
            per_task[used.task] = units
            freed = per_task[suspended.task]
            times += [suspended.start, suspended.end]
            changes += [-freed, freed]
        found[r] = steps_from_changes(np.concatenate(times), np.concatenate(changes), begin, 0)
    return found


def _limits(problem: Problem, begin: int) -> dict[int, Steps]:
    resources = problem.resources
    found: dict[int, Steps] = {}
    for r in np.flatnonzero(resources.kind == ResourceKind.RENEWABLE).tolist():
        part = slice(int(resources.step_ptr[r]), int(resources.step_ptr[r + 1]))
        times, values = resources.step_time[part], resources.step_capacity[part]
        later = times > begin
        earlier = values[~later]
        now = int(earlier[-1]) if len(earlier) else int(resources.capacity[r])
        found[r] = Steps(
            np.concatenate(([begin], times[later])), np.concatenate(([now], values[later]))
        )
    return found


def _levels(
    problem: Problem,
    schedule: Schedule,
    task: IndexArray,
    resource: IndexArray,
    amount: IntArray,
    timing: IndexArray,
    begin: int,
) -> dict[int, Steps]:
    found: dict[int, Steps] = {}
    for r in np.flatnonzero(problem.resources.kind == ResourceKind.RESERVOIR).tolist():
        mine = resource == r
        owner = task[mine]
        instant = np.where(
            timing[mine] == DemandTiming.AT_END, schedule.end[owner], schedule.start[owner]
        )
        found[r] = steps_from_changes(
            instant, amount[mine], begin, int(problem.resources.initial[r])
        )
    return found


def consumed(picture: Picture, resource: int) -> int:
    """Total demand of present tasks on a consumable."""
    return int(picture.demand_amount[picture.demand_resource == resource].sum())
