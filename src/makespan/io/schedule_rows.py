"""Schedules as rows of task, job, start, end, mode and resources, shared by JSON and CSV.

The mode is its number within the task, from 0. Resources are those that the mode uses while the
task runs; they may stand in for the mode if they tell the task's modes apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from makespan.core.errors import FormatError
from makespan.core.problem import Problem
from makespan.core.schedule import ABSENT, Schedule
from makespan.core.vocabulary import TICK_LIMIT, DemandTiming
from makespan.io.text import shown

Fail = Callable[[str, str], FormatError]


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """One task of a schedule as a file states it; what is not stated is None.

    Attributes
    ----------
    fail
        Makes the error that points at this row from a message and an expectation.
    """

    task: str
    start: int
    end: int | None
    mode: int | None
    job: str | None
    resources: Sequence[str] | None
    fail: Fail


def resource_names(problem: Problem) -> list[list[str]]:
    """Names of the resources that each mode uses while its task runs."""
    modes = problem.modes
    used = (modes.demand_timing == DemandTiming.DURING) & (modes.demand_amount > 0)
    names = list(problem.resources.names)
    found: list[list[str]] = [[] for _ in range(modes.count)]
    for mode, resource in zip(
        modes.demand_mode()[used].tolist(), modes.demand_resource[used].tolist(), strict=True
    ):
        found[mode].append(names[resource])
    return found


class Assembly:
    """Collects rows into a Schedule and checks each against the problem."""

    def __init__(self, problem: Problem, source: str) -> None:
        n = problem.tasks.count
        self._problem = problem
        self._source = source
        self._resources = resource_names(problem)
        self._ptr = problem.tasks.mode_ptr.tolist()
        self._jobs = problem.tasks.job.tolist()
        self._start = [0] * n
        self._end: list[int | None] = [None] * n
        self._mode = [ABSENT] * n
        self._seen = [False] * n

    def _claim(self, name: str, fail: Fail) -> int:
        task = self._problem.tasks.names.find(name)
        if task is None:
            raise fail(f"the problem has no task {shown(name)}", "the name of a task")
        if self._seen[task]:
            raise fail(f"a second row for task {shown(name)}", "one row per task")
        self._seen[task] = True
        return task

    def leave_out(self, name: str, fail: Fail) -> None:
        """Note that a task is absent."""
        self._claim(name, fail)

    def add(self, row: ScheduleRow) -> None:
        """Note a present task."""
        task = self._claim(row.task, row.fail)
        for what, time in (("start", row.start), ("end", row.end)):
            if time is not None and abs(time) > TICK_LIMIT:
                raise row.fail(f"the {what} {time} is too large", f"at most {TICK_LIMIT}")
        if row.end is not None and row.end < row.start:
            raise row.fail(f"the end {row.end} lies before the start {row.start}", "start <= end")
        if row.job is not None:
            index = self._jobs[task]
            actual = self._problem.jobs.names[index] if index >= 0 else None
            if actual != row.job:
                belongs = "no job" if actual is None else f"job {shown(actual)}"
                raise row.fail(f"task {shown(row.task)} is put in job {shown(row.job)}", belongs)
        self._start[task] = row.start
        self._end[task] = row.end
        self._mode[task] = self._choose(task, row)

    def _choose(self, task: int, row: ScheduleRow) -> int:
        """Global mode of a row."""
        first, stop = int(self._ptr[task]), int(self._ptr[task + 1])
        wanted = None if row.resources is None else sorted(row.resources)
        if row.mode is None:
            fitting = [
                mode
                for mode in range(first, stop)
                if wanted is None or sorted(self._resources[mode]) == wanted
            ]
            if len(fitting) != 1:
                raise row.fail(
                    f"the mode of task {shown(row.task)} is not stated and "
                    f"{len(fitting)} of its {stop - first} modes fit",
                    "a mode from 0",
                )
            return fitting[0]
        if not 0 <= row.mode < stop - first:
            raise row.fail(
                f"task {shown(row.task)} has no mode {row.mode}", f"0 to {stop - first - 1}"
            )
        mode = first + row.mode
        if wanted is not None and sorted(self._resources[mode]) != wanted:
            actual = ", ".join(self._resources[mode]) or "none"
            raise row.fail(
                f"mode {row.mode} of task {shown(row.task)} does not use the listed resources",
                actual,
            )
        return mode

    def schedule(self) -> Schedule:
        """The schedule; tasks without a row are absent if optional.

        Raises
        ------
        FormatError
            If a mandatory task has no row.
        """
        optional = self._problem.tasks.optional
        for task, seen in enumerate(self._seen):
            if not seen and not optional[task]:
                raise FormatError(
                    f"task {shown(self._problem.tasks.names[task])} has no row",
                    source=self._source,
                    expected="a row per mandatory task",
                )
        start = np.array(self._start, dtype=np.int64)
        mode = np.array(self._mode, dtype=np.int32)
        if None not in (end for end, m in zip(self._end, self._mode, strict=True) if m >= 0):
            return Schedule(start, np.array([end or 0 for end in self._end], dtype=np.int64), mode)
        derived = Schedule.from_starts(self._problem, start, mode)
        stated = [
            int(fallback) if end is None else end
            for end, fallback in zip(self._end, derived.end.tolist(), strict=True)
        ]
        return Schedule(start, np.array(stated, dtype=np.int64), mode)
