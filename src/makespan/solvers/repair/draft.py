"""A problem whose numbers may still be changed: how disturbances are written into it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from makespan.core.calendar import Calendar
from makespan.core.errors import ProblemError
from makespan.core.problem import Problem, Resources
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import INFINITY, BoolArray, IntArray, ResourceKind
from makespan.core.working_time import WorkingTime, mode_calendars
from makespan.solvers.repair.disturbances import (
    Breakdown,
    Cancelled,
    CapacityDrop,
    Disturbance,
    Finished,
    Late,
    Longer,
    NewDeadline,
    NewDue,
    NewRelease,
    NewWork,
)

_EVER: tuple[tuple[int, int], ...] = ((0, 1),)


class Draft:
    """Writable columns of a problem and of the plan that is being carried out.

    Attributes
    ----------
    start, end, mode
        The plan, one row per task of the problem; new tasks are absent in it.
    began
        Which tasks have begun before ``now``, bool (n,).
    cancelled
        Which tasks shall be left out, bool (n,).
    """

    def __init__(self, problem: Problem, plan: Schedule, now: int) -> None:
        self.problem, self.now = problem, now
        t, jobs = problem.tasks, problem.jobs
        more = t.count - len(plan)
        self.start = np.concatenate((plan.start, np.zeros(more, dtype=np.int64)))
        self.end = np.concatenate((plan.end, np.zeros(more, dtype=np.int64)))
        self.mode = np.concatenate((plan.mode, np.full(more, -1, dtype=np.int32)))
        self.began: BoolArray = (self.mode >= 0) & (self.start < now)
        self.cancelled: BoolArray = np.zeros(t.count, dtype=np.bool_)
        self.duration = problem.modes.duration.copy()
        self.release, self.deadline, self.due = t.release.copy(), t.deadline.copy(), t.due.copy()
        self.job_release, self.job_deadline = jobs.release.copy(), jobs.deadline.copy()
        self.job_due = jobs.due.copy()
        self.calendars = list(problem.calendars)
        self.calendar_of = problem.resources.calendar.copy()
        self.steps: dict[int, list[tuple[int, int]]] = {}
        self._down: list[Breakdown] = []

    def apply(self, disturbance: Disturbance) -> None:
        """Write one disturbance into the columns; breakdowns wait for :meth:`settle_machines`."""
        match disturbance:
            case Late(task, by):
                self._late(task, by)
            case Longer(task, by):
                self._longer(task, by)
            case Finished(task, at):
                self._finished(task, self.now if at is None else at)
            case Cancelled(name):
                self.cancelled[self._tasks_of(name)] = True
            case NewDue(name, due):
                self._dates(name, self.due, self.job_due, INFINITY if due is None else due)
            case NewDeadline(name, deadline):
                value = INFINITY if deadline is None else deadline
                self._dates(name, self.deadline, self.job_deadline, value)
            case NewRelease(name, release):
                tasks = self._tasks_of(name)
                tasks = tasks[~self.began[tasks]]
                self.release[tasks] = np.maximum(release, self.now)
            case Breakdown() | CapacityDrop():
                self._down_time(disturbance)
            case NewWork():
                raise ProblemError("new work must be joined before other changes are made")

    # Tasks and jobs ------------------------------------------------------------------------------

    def _task(self, name: str) -> int:
        i = self.problem.tasks.names.find(name)
        if i is None:
            raise ProblemError(f"there is no task {name!r} in {self.problem.name!r}")
        return i

    def _tasks_of(self, name: str) -> IntArray:
        """Tasks of the job of that name, else the task of that name."""
        jobs = self.problem.jobs
        k = jobs.names.find(name)
        if k is not None:
            return jobs.task[jobs.task_ptr[k] : jobs.task_ptr[k + 1]].astype(np.int64)
        i = self.problem.tasks.names.find(name)
        if i is None:
            raise ProblemError(f"there is no job or task {name!r} in {self.problem.name!r}")
        return np.array([i], dtype=np.int64)

    def _dates(self, name: str, of_tasks: IntArray, of_jobs: IntArray, value: int) -> None:
        k = self.problem.jobs.names.find(name)
        if k is not None:
            of_jobs[k] = value
        else:
            of_tasks[self._task(name)] = value

    def running(self, i: int) -> bool:
        """Whether task ``i`` has begun and, by the plan, not ended."""
        return bool(self.began[i] and self.end[i] > self.now)

    def _late(self, name: str, by: int) -> None:
        i = self._task(name)
        if not self.began[i]:
            if self.mode[i] < 0:
                raise ProblemError(f"task {name!r} is not in the plan, so it cannot be late")
            self.release[i] = max(int(self.release[i]), int(self.start[i]) + by)
            return
        self._longer(name, by)

    def _longer(self, name: str, by: int) -> None:
        i = self._task(name)
        if by < 0:
            raise ProblemError(f"task {name!r}: {by} ticks are no delay", hint="use Finished")
        if self.began[i] and not self.running(i):
            raise ProblemError(
                f"task {name!r} ended at {int(self.end[i])} by the plan, before now ({self.now})"
            )
        if self.began[i]:
            self.duration[self.mode[i]] += by
        else:
            a, b = self.problem.tasks.mode_ptr[i], self.problem.tasks.mode_ptr[i + 1]
            self.duration[a:b] += by

    def _finished(self, name: str, at: int) -> None:
        i = self._task(name)
        if not self.began[i]:
            raise ProblemError(f"task {name!r} has not begun by now ({self.now})")
        if not int(self.start[i]) <= at <= self.now:
            raise ProblemError(
                f"task {name!r} began at {int(self.start[i])} and cannot have ended at {at}",
                hint=f"now is {self.now}",
            )
        self.duration[self.mode[i]] = self._work_done(i, at)
        self.end[i] = at

    def _work_done(self, i: int, at: int) -> int:
        """Working ticks of task ``i`` up to ``at``."""
        rules, mode = mode_calendars(self.problem), int(self.mode[i])
        if not rules.suspends[mode]:
            return at - int(self.start[i])
        members = rules.sets[int(rules.key[mode])]
        time = WorkingTime(tuple(self.problem.calendars[c] for c in members))
        spans = time.intervals(int(self.start[i]), at)
        return int((spans[:, 1] - spans[:, 0]).sum())

    # Resources -----------------------------------------------------------------------------------

    def _down_time(self, what: Breakdown | CapacityDrop) -> None:
        r = self.problem.resources.names.find(what.resource)
        if r is None:
            raise ProblemError(
                f"there is no resource {what.resource!r} in {self.problem.name!r}",
                hint=f"resources: {', '.join(self.problem.resources.names[:8])}",
            )
        if what.until <= what.start:
            raise ProblemError(f"{what.resource!r}: [{what.start}, {what.until}) is empty")
        kind = self.problem.resources.kind[r]
        if kind == ResourceKind.MACHINE:
            if isinstance(what, CapacityDrop):
                if what.capacity > 0:
                    return
                what = Breakdown(what.resource, what.start, what.until)
            self._hold_up(r, what)
            self._down.append(what)
        elif kind == ResourceKind.RENEWABLE:
            level = what.capacity if isinstance(what, CapacityDrop) else 0
            self._lower(r, what.start, what.until, level)
        else:
            raise ProblemError(f"{what.resource!r} is neither a machine nor a renewable")

    def users(self, resource: int) -> list[tuple[int, int]]:
        """``(task, amount)`` of begun tasks that hold ``resource``."""
        modes, found = self.problem.modes, list[tuple[int, int]]()
        for i in np.flatnonzero(self.began).tolist():
            a, b = modes.demand_ptr[self.mode[i]], modes.demand_ptr[self.mode[i] + 1]
            found += [
                (i, int(modes.demand_amount[d]))
                for d in range(int(a), int(b))
                if modes.demand_resource[d] == resource and modes.demand_amount[d] > 0
            ]
        return found

    def _hold_up(self, machine: int, down: Breakdown) -> None:
        """Prolong the task that is running on a broken machine, unless breaks suspend it anyway."""
        table = self.problem.resources
        if table.suspend[machine] and table.calendar[machine] >= 0:
            return
        for i, _ in self.users(machine):
            if self.running(i) and self.start[i] < down.until and self.end[i] > down.start:
                lost = down.until - max(down.start, int(self.start[i]))
                self.duration[self.mode[i]] += lost

    def settle_machines(self, end: IntArray) -> None:
        """Take down time out of the calendars, but for begun tasks that lie in it.

        Parameters
        ----------
        end
            When begun tasks end, all delays counted.
        """
        names = self.problem.resources.names
        suspends = self.problem.resources.suspend
        down: dict[int, list[tuple[int, int, bool]]] = {}
        for what in self._down:
            r = names.find(what.resource)
            assert r is not None
            down.setdefault(r, []).append((what.start, what.until, False))
        for r in range(len(names)):
            ruled = self.calendar_of[r] >= 0 and not suspends[r]
            patches = down.get(r, [])
            if not patches and not ruled:
                continue
            for i, _ in self.users(r):
                held = (int(self.start[i]), int(end[i]))
                if held[0] < held[1] and (not suspends[r] or not self.running(i)):
                    patches = (
                        [*patches, (*held, True)] if self._breaks(r, patches, held) else patches
                    )
            if patches:
                self._patch(r, patches)

    def _breaks(self, r: int, patches: list[tuple[int, int, bool]], held: tuple[int, int]) -> bool:
        """Whether ``held`` meets time in which resource ``r`` does not work."""
        if any(a < held[1] and held[0] < b for a, b, works in patches if not works):
            return True
        k = int(self.calendar_of[r])
        return k >= 0 and len(self.calendars[k].breaks_in(*held)) > 0

    def _patch(self, r: int, patches: list[tuple[int, int, bool]]) -> None:
        """Give resource ``r`` a calendar of its own with exceptions."""
        k, name = int(self.calendar_of[r]), self.problem.resources.names[r]
        base = self.calendars[k] if k >= 0 else None
        spans = np.array([(a, b) for a, b, _ in patches], dtype=np.int64)
        taken = {calendar.name for calendar in self.calendars}
        label = next(
            f"{name} now{x}" for x in ["", *range(1, 1000)] if f"{name} now{x}" not in taken
        )
        self.calendars.append(
            Calendar(
                label,
                np.array(_EVER, dtype=np.int64) if base is None else base.working,
                1 if base is None else base.period,
                spans if base is None else np.concatenate((base.exceptions, spans)),
                (() if base is None else base.exception_working)
                + tuple(works for _, _, works in patches),
            )
        )
        self.calendar_of[r] = len(self.calendars) - 1

    def _lower(self, r: int, start: int, until: int, level: int) -> None:
        """Cap the steps of a renewable in ``[start, until)``, above what begun tasks hold."""
        steps = self.steps.get(r)
        if steps is None:
            table = self.problem.resources
            a, b = int(table.step_ptr[r]), int(table.step_ptr[r + 1])
            steps = [(-(1 << 62), int(table.capacity[r]))]
            steps += zip(
                table.step_time[a:b].tolist(), table.step_capacity[a:b].tolist(), strict=True
            )
        held = [(int(self.start[i]), int(self.end[i]), units) for i, units in self.users(r)]
        cuts = {t for t, _ in steps} | {start, until}
        cuts |= {x for a, b, _ in held for x in (a, b) if start < x < until}

        def at(t: int) -> int:
            return next(c for s, c in reversed(steps) if s <= t)

        found: list[tuple[int, int]] = []
        for t in sorted(cuts):
            capacity = at(t)
            if start <= t < until:
                busy = sum(units for a, b, units in held if a <= t < b)
                capacity = min(capacity, max(level, busy))
            if not found or found[-1][1] != capacity:
                found.append((t, capacity))
        self.steps[r] = found

    def resources(self) -> Resources:
        """The resources with what was changed."""
        table = self.problem.resources
        capacity, ptr = table.capacity.copy(), [0]
        times: list[int] = []
        levels: list[int] = []
        for r in range(table.count):
            if r in self.steps:
                capacity[r] = self.steps[r][0][1]
                rows = self.steps[r][1:]
            else:
                a, b = int(table.step_ptr[r]), int(table.step_ptr[r + 1])
                rows = list(
                    zip(
                        table.step_time[a:b].tolist(),
                        table.step_capacity[a:b].tolist(),
                        strict=True,
                    )
                )
            times += [t for t, _ in rows]
            levels += [c for _, c in rows]
            ptr.append(len(times))
        return replace(
            table,
            calendar=self.calendar_of,
            capacity=capacity,
            step_ptr=np.array(ptr, dtype=np.int64),
            step_time=np.array(times, dtype=np.int64),
            step_capacity=np.array(levels, dtype=np.int64),
        )
