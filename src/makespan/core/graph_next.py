"""Where each task of a schedule could go next if only its own calendars and windows bind."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from makespan.core.graph_times import Times
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import DemandTiming
from makespan.core.working_time import ModeCalendars, WorkingTime, mode_calendars


@dataclass(frozen=True, slots=True)
class _Table:
    """Working intervals up to some tick: starts, ends and working ticks before each."""

    starts: list[int]
    ends: list[int]
    done: list[int]

    @classmethod
    def of(cls, problem: Problem, calendars: tuple[int, ...], low: int, high: int) -> _Table:
        time = WorkingTime(tuple(problem.calendars[c] for c in calendars))
        intervals = time.intervals(low, high)
        lengths = intervals[:, 1] - intervals[:, 0]
        done = np.concatenate(([0], np.cumsum(lengths)))
        return cls(intervals[:, 0].tolist(), intervals[:, 1].tolist(), done.tolist())

    def slot(self, tick: int) -> int | None:
        """First interval that ends after ``tick``."""
        k = bisect_right(self.ends, tick)
        return k if k < len(self.ends) else None

    def end(self, tick: int, work: int) -> int | None:
        """Least end of ``work`` working ticks from the working tick ``tick``."""
        k = bisect_right(self.starts, tick) - 1
        goal = self.done[k] + tick - self.starts[k] + work
        last = bisect_right(self.done, goal - 1) - 1
        if last >= len(self.starts):
            return None
        return self.starts[last] + goal - self.done[last]


def next_starts(problem: Problem, schedule: Schedule) -> Times:
    """Least start after each start that the task's calendars and forbidden intervals allow.

    With its end. Where there is none that ends by the makespan, both lie after the makespan.
    One tick later for tasks without calendars and windows; O(n + k) plus O(log) for the others.
    """
    start, end = schedule.start + 1, schedule.end + 1
    rules = mode_calendars(problem)
    mode = np.maximum(schedule.mode, 0)
    ruled = rules.key[mode] >= 0
    windows = np.diff(problem.tasks.forbidden_ptr) > 0
    tables: dict[tuple[int, ...], _Table] = {}
    for i in np.flatnonzero(schedule.present & (ruled | windows)).tolist():
        start[i], end[i] = _next_place(problem, schedule, i, rules, tables)
    return Times(start, end)


def _strict(problem: Problem, mode: int) -> tuple[int, ...]:
    """Calendars of the mode's resources that must work from its start to its end."""
    modes, resources = problem.modes, problem.resources
    rows = slice(int(modes.demand_ptr[mode]), int(modes.demand_ptr[mode + 1]))
    used = modes.demand_resource[rows][
        (modes.demand_timing[rows] == DemandTiming.DURING) & (modes.demand_amount[rows] > 0)
    ]
    used = used[(resources.calendar[used] >= 0) & ~resources.suspend[used]]
    return tuple(sorted({int(c) for c in resources.calendar[used]}))


def _next_place(
    problem: Problem,
    schedule: Schedule,
    task: int,
    rules: ModeCalendars,
    tables: dict[tuple[int, ...], _Table],
) -> tuple[int, int]:
    last = schedule.makespan
    mode = int(schedule.mode[task])
    work = int(problem.modes.duration[mode])
    none = last + 1, last + 1 + work

    def table(calendars: tuple[int, ...]) -> _Table:
        if calendars not in tables:
            low = min(int(schedule.start[schedule.present].min()), problem.horizon_start)
            tables[calendars] = _Table.of(problem, calendars, low, last)
        return tables[calendars]

    key = int(rules.key[mode])
    common = table(rules.sets[key]) if key >= 0 else None
    pauses = bool(rules.suspends[mode])
    strict = _strict(problem, mode) if pauses else ()
    whole = table(strict) if strict else None
    rows = slice(int(problem.tasks.forbidden_ptr[task]), int(problem.tasks.forbidden_ptr[task + 1]))
    windows = sorted(
        zip(
            problem.tasks.forbidden_start[rows].tolist(),
            problem.tasks.forbidden_end[rows].tolist(),
            strict=True,
        )
    )
    tick = int(schedule.start[task]) + 1
    while tick + work <= last:
        end = tick + work
        if common is not None:
            k = common.slot(tick)
            if k is None:
                return none
            tick = max(tick, common.starts[k])
            if pauses:
                found = common.end(tick, work)
                if found is None:
                    return none
                end = found
            elif tick + work > common.ends[k]:
                tick = common.ends[k]
                continue
            else:
                end = tick + work
        if whole is not None:
            k = whole.slot(tick)
            if k is None:
                return none
            if end > whole.ends[k]:
                tick = whole.ends[k]
                continue
        hits = [b for a, b in windows if (a < end and tick < b if work else a <= tick < b)]
        if hits:
            tick = max(hits)
            continue
        return tick, end
    return none
