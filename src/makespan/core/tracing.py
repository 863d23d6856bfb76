"""Conversion between a Schedule and a Trace."""

from __future__ import annotations

import numpy as np

from makespan.core.errors import ProblemError
from makespan.core.graph import next_in_job
from makespan.core.problem import Problem
from makespan.core.schedule import ABSENT, Schedule
from makespan.core.trace import Interval, IntervalKind, Trace
from makespan.core.vocabulary import Blocking, DemandTiming, ResourceKind
from makespan.core.working_time import WorkingTime, mode_calendars


def occupancy_ends(problem: Problem, schedule: Schedule) -> np.ndarray:
    """Tick at which each task would leave a blocking machine, int64 (n,).

    That is its end, or later the start of its job's next present task. O(n).
    """
    leave = np.array(schedule.end)
    after = next_in_job(problem, schedule.present)
    before = np.flatnonzero(after >= 0)
    leave[before] = np.maximum(leave[before], schedule.start[after[before]])
    return leave


def trace_of_schedule(problem: Problem, schedule: Schedule) -> Trace:
    """Run, suspended, blocked and setup intervals of every present task, ordered by start."""
    t, m, r = problem.tasks, problem.modes, problem.resources
    rules = mode_calendars(problem)
    times = [WorkingTime(tuple(problem.calendars[c] for c in s)) for s in rules.sets]
    leave = occupancy_ends(problem, schedule)
    found: list[Interval] = []
    on_machine: dict[int, list[int]] = {}
    for i in np.flatnonzero(schedule.mode >= 0).tolist():
        mode = int(schedule.mode[i])
        start, end, name = int(schedule.start[i]), int(schedule.end[i]), t.names[i]
        local = mode - int(t.mode_ptr[i])
        pieces = [(start, end)]
        if rules.suspends[mode]:
            pieces = [(a, b) for a, b in times[rules.key[mode]].intervals(start, end).tolist()]
        used = False
        for d in range(int(m.demand_ptr[mode]), int(m.demand_ptr[mode + 1])):
            resource = int(m.demand_resource[d])
            kind = int(r.kind[resource])
            if m.demand_timing[d] != DemandTiming.DURING or kind not in (
                ResourceKind.MACHINE,
                ResourceKind.RENEWABLE,
            ):
                continue
            used = True
            label, amount = r.names[resource], int(m.demand_amount[d])
            held = kind == ResourceKind.MACHINE or not r.released_in_breaks[resource]
            cursor = start
            for a, b in pieces:
                if a > cursor and held:
                    found.append(
                        Interval(label, name, IntervalKind.SUSPENDED, cursor, a, amount, local)
                    )
                found.append(Interval(label, name, IntervalKind.RUN, a, b, amount, local))
                cursor = b
            if end > cursor and held:
                found.append(
                    Interval(label, name, IntervalKind.SUSPENDED, cursor, end, amount, local)
                )
            if kind == ResourceKind.MACHINE and end > start:
                on_machine.setdefault(resource, []).append(i)
                blocks = max(int(t.blocking[i]), int(r.blocking[resource])) > Blocking.NONE
                if blocks and leave[i] > end:
                    found.append(
                        Interval(label, name, IntervalKind.BLOCKED, end, int(leave[i]), 1, local)
                    )
        if not used:
            found.append(Interval("", name, IntervalKind.RUN, start, end, 1, local))
    found += _setups(problem, schedule, on_machine)
    found.sort(key=lambda v: (v.start, v.end, v.resource, v.task))
    return Trace(
        name=problem.name,
        time_unit="tick",
        tasks=tuple(t.names),
        resources=tuple(r.names),
        intervals=tuple(found),
    )


def _setups(
    problem: Problem,
    schedule: Schedule,
    on_machine: dict[int, list[int]],
) -> list[Interval]:
    """Setup intervals, each ending where the task it prepares starts."""
    t, r = problem.tasks, problem.resources
    found = []
    for resource, members in on_machine.items():
        if r.setup[resource] < 0:
            continue
        table = problem.setups[int(r.setup[resource])]
        previous: int | None = None
        for i in sorted(members, key=lambda k: (int(schedule.start[k]), k)):
            family = int(t.family[i])
            needed = (
                int(table.initial_time[family])
                if previous is None
                else int(table.time[int(t.family[previous]), family])
            )
            if needed:
                start = int(schedule.start[i])
                found.append(
                    Interval(
                        r.names[resource], t.names[i], IntervalKind.SETUP, start - needed, start
                    )
                )
            previous = i
    return found


def schedule_of_trace(problem: Problem, trace: Trace) -> Schedule:
    """Schedule whose tasks last from their first to their last run or suspended interval.

    Raises
    ------
    ProblemError
        If the trace ran a task the problem does not have, at times that are not whole ticks, or
        does not say in which one mode.
    """
    t = problem.tasks
    start = np.zeros(t.count, dtype=np.int64)
    end = np.zeros(t.count, dtype=np.int64)
    mode = np.full(t.count, ABSENT, dtype=np.int32)
    for item in trace.intervals:
        if item.kind not in (IntervalKind.RUN, IntervalKind.SUSPENDED):
            continue
        i = t.names.find(item.task)
        if i is None:
            raise ProblemError(f"trace {trace.name!r} ran {item.task!r}, which is no task here")
        if not 0 <= item.mode < int(t.mode_ptr[i + 1] - t.mode_ptr[i]):
            raise ProblemError(f"trace {trace.name!r} ran {item.task!r} in an unknown mode")
        if not (float(item.start).is_integer() and float(item.end).is_integer()):
            raise ProblemError(
                f"trace {trace.name!r} ran {item.task!r} in [{item.start}, {item.end}), which are "
                f"not whole ticks"
            )
        chosen = int(t.mode_ptr[i]) + item.mode
        if mode[i] == ABSENT:
            start[i], end[i], mode[i] = item.start, item.end, chosen
        elif mode[i] != chosen:
            raise ProblemError(f"trace {trace.name!r} ran {item.task!r} in two modes")
        start[i], end[i] = min(int(start[i]), int(item.start)), max(int(end[i]), int(item.end))
    return Schedule(start, end, mode)
