"""Schedules as rows of task, job, start, end, mode and resources, shared by JSON and CSV.

The mode is its number within the task, from 0. Resources are those that the mode uses while the
task runs; they may stand in for the mode if they tell the task's modes apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from makespan.core.errors import FormatError, InfeasibleError
from makespan.core.problem import Problem
from makespan.core.schedule import ABSENT, Schedule
from makespan.core.vocabulary import (
    INFINITY,
    TICK_LIMIT,
    BoolArray,
    DemandTiming,
    IndexArray,
    IntArray,
)
from makespan.io.text import shown

Fail = Callable[[int, str, str], FormatError]
"""Makes the error that points at a row from its number, a message and an expectation."""

UNSTATED = INFINITY
"""Stands for an end or a mode that a row does not state."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What a file states, column by column.

    Attributes
    ----------
    task, start, end, mode, job, resources
        A row per present task; ``UNSTATED`` or None is what a row leaves out.
    absent
        Tasks that are said to be absent.
    fail, fail_absent
        Errors about a row of a present or of an absent task.
    """

    task: Sequence[str]
    start: IntArray
    end: IntArray
    mode: IntArray
    job: Sequence[str | None]
    resources: Sequence[Sequence[str] | None]
    absent: Sequence[str]
    fail: Fail
    fail_absent: Fail


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


def assemble(problem: Problem, stated: Stated, source: str) -> Schedule:
    """Schedule of what a file states, checked against the problem.

    Tasks without a row are absent if they are optional.

    Raises
    ------
    FormatError
        If names, times or modes are not the problem's, or a mandatory task has no row.
    """
    n = problem.tasks.count
    seen = np.zeros(n, dtype=np.bool_)
    task = _claim(problem, stated.task, seen, stated.fail)
    _claim(problem, stated.absent, seen, stated.fail_absent)
    _check_times(stated)
    _check_jobs(problem, task, stated)
    missing = np.flatnonzero(~seen & ~problem.tasks.optional)
    if len(missing):
        raise FormatError(
            f"task {shown(problem.tasks.names[int(missing[0])])} has no row",
            source=source,
            expected="a row per mandatory task",
        )
    start = np.zeros(n, dtype=np.int64)
    end = np.zeros(n, dtype=np.int64)
    mode = np.full(n, ABSENT, dtype=np.int32)
    start[task], end[task] = stated.start, stated.end
    mode[task] = _modes(problem, task, stated)
    open_rows = np.flatnonzero(stated.end == UNSTATED)
    if len(open_rows):
        only = np.full(n, ABSENT, dtype=np.int32)
        only[task[open_rows]] = mode[task[open_rows]]
        try:
            derived = Schedule.from_starts(problem, start, only).end
        except InfeasibleError as error:
            raise _endless(problem, start, mode, task, open_rows, stated.fail) from error
        end = np.where(end == UNSTATED, derived, end)
    return Schedule(start, end, mode)


def _endless(
    problem: Problem,
    start: IntArray,
    mode: IndexArray,
    task: IntArray,
    rows: IntArray,
    fail: Fail,
) -> FormatError:
    """Error about the first of ``rows`` whose task pauses in breaks and never ends."""
    for row in rows.tolist():
        only = np.full(len(start), ABSENT, dtype=np.int32)
        only[task[row]] = mode[task[row]]
        try:
            Schedule.from_starts(problem, start, only)
        except InfeasibleError as error:
            name = shown(problem.tasks.names[int(task[row])])
            return fail(row, f"task {name} never ends: {error.message}", "another start, or an end")
    return fail(int(rows[0]), "the ends do not follow from the starts", "ends")


def _claim(problem: Problem, names: Sequence[str], seen: BoolArray, fail: Fail) -> IntArray:
    """Task of each name; marks them in ``seen`` and refuses one that is marked already."""
    find = problem.tasks.names.find
    found = [find(name) for name in names]
    if None in found:
        row = found.index(None)
        raise fail(row, f"the problem has no task {shown(names[row])}", "the name of a task")
    task = np.array(found, dtype=np.int64)
    repeated = seen[task]
    order = np.argsort(task, kind="stable")
    repeated[order[1:]] |= task[order[1:]] == task[order[:-1]]
    if repeated.any():
        row = int(np.flatnonzero(repeated)[0])
        raise fail(row, f"a second row for task {shown(names[row])}", "one row per task")
    seen[task] = True
    return task


def _check_times(stated: Stated) -> None:
    for what, times in (("start", stated.start), ("end", stated.end)):
        large = (np.abs(times) > TICK_LIMIT) & (times != UNSTATED)
        if large.any():
            row = int(np.flatnonzero(large)[0])
            raise stated.fail(row, f"the {what} {times[row]} is too large", f"at most {TICK_LIMIT}")
    early = stated.end < stated.start
    if early.any():
        row = int(np.flatnonzero(early)[0])
        raise stated.fail(
            row,
            f"the end {stated.end[row]} lies before the start {stated.start[row]}",
            "start <= end",
        )


def _check_jobs(problem: Problem, task: IntArray, stated: Stated) -> None:
    """Check that a job that a row names is the task's own."""
    names = [*problem.jobs.names, None]
    for row, (given, owner) in enumerate(
        zip(stated.job, problem.tasks.job[task].tolist(), strict=True)
    ):
        if given is not None and given != names[owner]:
            actual = names[owner]
            raise stated.fail(
                row,
                f"task {shown(stated.task[row])} is put in job {shown(given)}",
                "no job" if actual is None else f"job {shown(actual)}",
            )


def _modes(problem: Problem, task: IntArray, stated: Stated) -> IntArray:
    """Mode of each row, numbered within the whole problem."""
    first, stop = problem.tasks.mode_ptr[task], problem.tasks.mode_ptr[task + 1]
    given = stated.mode != UNSTATED
    wrong = given & ((stated.mode < 0) | (stated.mode >= stop - first))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise stated.fail(
            row,
            f"task {shown(stated.task[row])} has no mode {stated.mode[row]}",
            f"0 to {stop[row] - first[row] - 1}",
        )
    chosen = np.where(given, first + stated.mode, first)
    silent = [resources is None for resources in stated.resources]
    if all(silent) and bool((given | (stop - first == 1)).all()):
        return chosen
    used = resource_names(problem)
    for row in np.flatnonzero(~given | ~np.array(silent, dtype=np.bool_)).tolist():
        wanted = stated.resources[row]
        if given[row]:
            actual = used[chosen[row]]
            if wanted is not None and wanted != actual and sorted(wanted) != sorted(actual):
                raise stated.fail(
                    row,
                    f"mode {stated.mode[row]} of task {shown(stated.task[row])} does not use the "
                    "listed resources",
                    ", ".join(actual) or "none",
                )
            continue
        modes = range(int(first[row]), int(stop[row]))
        fitting = [m for m in modes if wanted is None or sorted(used[m]) == sorted(wanted)]
        if len(fitting) != 1:
            raise stated.fail(
                row,
                f"the mode of task {shown(stated.task[row])} is not stated and "
                f"{len(fitting)} of its {len(modes)} modes fit",
                "a mode from 0",
            )
        chosen[row] = fitting[0]
    return chosen
