"""A Problem as plain Python values, and schedules as dictionaries of placed tasks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from makespan.core.calendar import Calendar
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import ResourceKind

FOREVER = 10_000
"""Longest suspension the oracle waits for."""


@dataclass(frozen=True)
class Placed:
    """A present task: its mode and times."""

    mode: int
    start: int
    end: int


Plan = dict[int, Placed]


def works(calendar: Calendar, tick: int) -> bool:
    """Whether a tick is working time: the pattern, overridden by the last exception that holds."""
    inner = tick % calendar.period if calendar.period else tick
    verdict = any(a <= inner < b for a, b in calendar.working.tolist())
    for (a, b), working in zip(
        calendar.exceptions.tolist(), calendar.exception_working, strict=True
    ):
        if a <= tick < b:
            verdict = working
    return verdict


class Reader:
    """A Problem's tables as plain Python values."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.tasks = range(problem.tasks.count)
        self.job = problem.tasks.job.tolist()
        self.duration = problem.modes.duration.tolist()
        self.owner = problem.modes.task.tolist()
        self.first_mode = problem.tasks.mode_ptr.tolist()
        self.kind = problem.resources.kind.tolist()
        self.demands: list[list[tuple[int, int, int]]] = []
        ptr = problem.modes.demand_ptr.tolist()
        rows = list(
            zip(
                problem.modes.demand_resource.tolist(),
                problem.modes.demand_amount.tolist(),
                problem.modes.demand_timing.tolist(),
                strict=True,
            )
        )
        for m in range(problem.modes.count):
            self.demands.append([row for row in rows[ptr[m] : ptr[m + 1]] if row[1] != 0])
        jobs = problem.jobs
        cut = jobs.task_ptr.tolist()
        self.job_tasks = [jobs.task[cut[k] : cut[k + 1]].tolist() for k in range(jobs.count)]
        ticks = problem.tasks.forbidden_ptr.tolist()
        spans = list(
            zip(
                problem.tasks.forbidden_start.tolist(),
                problem.tasks.forbidden_end.tolist(),
                strict=True,
            )
        )
        self.forbidden = [spans[ticks[i] : ticks[i + 1]] for i in self.tasks]

    def modes(self, task: int) -> range:
        """Global mode indices of a task."""
        return range(self.first_mode[task], self.first_mode[task + 1])

    def machines(self, mode: int) -> list[int]:
        """Machines of a mode."""
        return [r for r, _, _ in self.demands[mode] if self.kind[r] == ResourceKind.MACHINE]

    def clocks(self, mode: int) -> list[tuple[int, Calendar, bool]]:
        """Resource, calendar and whether it suspends, of the mode's calendared resources."""
        table, found = self.problem.resources, []
        for r, amount, _ in self.demands[mode]:
            timed = self.kind[r] in (ResourceKind.MACHINE, ResourceKind.RENEWABLE)
            if timed and amount > 0 and table.calendar[r] >= 0:
                calendar = self.problem.calendars[int(table.calendar[r])]
                found.append((r, calendar, bool(table.suspend[r])))
        return found

    def progresses(self, mode: int, tick: int) -> bool:
        """Whether work on a mode progresses in a tick."""
        return all(works(calendar, tick) for _, calendar, _ in self.clocks(mode))

    def pauses(self, mode: int) -> bool:
        """Whether breaks suspend the mode."""
        return self.duration[mode] > 0 and any(s for _, _, s in self.clocks(mode))

    def end(self, mode: int, start: int, until: int = FOREVER) -> int | None:
        """The end that follows from a start, None if it is never reached."""
        if not self.pauses(mode):
            return start + self.duration[mode]
        done, tick = 0, start
        while done < self.duration[mode]:
            if tick >= until:
                return None
            done += self.progresses(mode, tick)
            tick += 1
        return tick

    def next_task(self, plan: Plan, task: int) -> int | None:
        """Next present task of the same job."""
        if self.job[task] < 0:
            return None
        order = self.job_tasks[self.job[task]]
        for other in order[order.index(task) + 1 :]:
            if other in plan:
                return other
        return None

    def code(self, task: int, machine: int) -> int:
        """Blocking code of a task on a machine."""
        return max(
            int(self.problem.tasks.blocking[task]), int(self.problem.resources.blocking[machine])
        )

    def leave(self, plan: Plan, task: int, machine: int) -> int:
        """End of a task's occupancy of a machine."""
        end = plan[task].end
        after = self.next_task(plan, task)
        if self.duration[plan[task].mode] == 0 or after is None:
            return end
        return max(end, plan[after].start) if self.code(task, machine) > 0 else end


def plan_of(problem: Problem, schedule: Schedule) -> Plan:
    """Present tasks whose mode is one of their own."""
    reader, plan = Reader(problem), {}
    for i in reader.tasks:
        if int(schedule.mode[i]) in reader.modes(i):
            plan[i] = Placed(int(schedule.mode[i]), int(schedule.start[i]), int(schedule.end[i]))
    return plan


def schedule_of(problem: Problem, plan: Plan) -> Schedule:
    """The Schedule of a plan; tasks not in it are absent."""
    start = np.zeros(problem.tasks.count, dtype=np.int64)
    end, mode = start.copy(), np.full(problem.tasks.count, -1, dtype=np.int32)
    for i, placed in plan.items():
        start[i], end[i], mode[i] = placed.start, placed.end, placed.mode
    return Schedule(start, end, mode)
