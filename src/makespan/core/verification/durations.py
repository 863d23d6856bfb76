"""Ends that fit durations, and the working time of resources that forbid or suspend tasks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from makespan.core.verification.plan import Demands, Plan, grouped, overrun
from makespan.core.verification.violation import Violation, ViolationKind, ticks
from makespan.core.verification.working import WorkingTime
from makespan.core.vocabulary import INFINITY, BoolArray, IntArray, ResourceKind


@dataclass(frozen=True, slots=True)
class Suspensions:
    """Tasks that pause in breaks, and the working time of each.

    Attributes
    ----------
    clock
        Index into ``clocks`` of the time in which a task progresses, -1 if it never pauses, (n,).
    clocks
        Working time common to all calendared resources of a task.
    """

    clock: IntArray
    clocks: tuple[WorkingTime, ...]

    @property
    def suspended(self) -> BoolArray:
        """Which tasks pause in breaks, bool (n,)."""
        return np.asarray(self.clock >= 0)


def _calendared(plan: Plan, demands: Demands) -> Demands:
    resources = plan.problem.resources
    if not (resources.calendar >= 0).any():
        return demands.only(np.zeros(len(demands.task), dtype=np.bool_))
    runs_on = (demands.kind == ResourceKind.MACHINE) | (demands.kind == ResourceKind.RENEWABLE)
    return demands.only(
        runs_on & (resources.calendar[demands.resource] >= 0) & ~plan.milestone[demands.task]
    )


def find_suspensions(plan: Plan, demands: Demands) -> Suspensions:
    """Which tasks a break of a resource suspends, grouped by the calendars they depend on."""
    resources = plan.problem.resources
    clock = np.full(len(plan.start), -1, dtype=np.int64)
    rows = _calendared(plan, demands)
    pausing = np.zeros(len(plan.start), dtype=np.bool_)
    pausing[rows.task[resources.suspend[rows.resource]]] = True
    rows = rows.only(pausing[rows.task])
    if not len(rows.task):
        return Suspensions(clock, ())
    count = len(plan.problem.calendars)
    task, calendar = np.divmod(
        np.unique(rows.task * count + resources.calendar[rows.resource]), count
    )
    first = np.flatnonzero(np.concatenate(([True], task[1:] != task[:-1])))
    size = np.diff(np.append(first, len(task)))
    # Label each task's set of calendars: fold its sorted calendars one by one into a number.
    label = np.zeros(len(first), dtype=np.int64)
    members: list[tuple[int, ...]] = [()]
    for k in range(int(size.max())):
        having = np.flatnonzero(size > k)
        step = label[having] * count + calendar[first[having] + k]
        distinct = np.unique(step)
        label[having] = len(members) + np.searchsorted(distinct, step)
        members += [(*members[old], c) for old, c in zip(*np.divmod(distinct, count), strict=True)]
    used = np.unique(label)
    task = task[first]
    clock[task] = np.searchsorted(used, label)
    low = int(plan.start[task].min())
    high = max(int(plan.end[task].max()), low) + 1
    clocks = tuple(
        WorkingTime([plan.problem.calendars[int(c)] for c in members[k]], low, high)
        for k in used.tolist()
    )
    return Suspensions(clock, clocks)


def check_durations(plan: Plan, suspensions: Suspensions) -> list[Violation]:
    """Ends follow from starts: plus the duration, or when the working ticks are done."""
    wrong = plan.present & (plan.end != plan.start + plan.duration) & ~suspensions.suspended
    found = []
    for i in np.flatnonzero(wrong).tolist():
        name, s, e, d = plan.task(i), int(plan.start[i]), int(plan.end[i]), int(plan.duration[i])
        sentence = (
            f"task '{name}' starts at {s} and takes {ticks(d)}, so it ends at {s + d}, not at "
            f"{e} {overrun(abs(e - s - d), 'too early' if e < s + d else 'too late')}"
        )
        found.append(Violation(ViolationKind.DURATION, (name,), None, abs(e - s - d), sentence))
    paused = np.flatnonzero(suspensions.suspended)
    for k, row in grouped(suspensions.clock[paused]):
        found += _check_work(plan, paused[row], suspensions.clocks[k])
    return found


def _check_work(plan: Plan, task: IntArray, clock: WorkingTime) -> list[Violation]:
    start, end, work = plan.start[task], plan.end[task], plan.duration[task]
    # The least end with all the work done is the one right after the last working tick.
    right = (clock.between(start, end) == work) & (clock.between(end - 1, end) == 1)
    wrong = np.flatnonzero(~right)
    due = clock.reach(start[wrong], work[wrong])
    found = []
    for i, least in zip(task[wrong].tolist(), due.tolist(), strict=True):
        name, s, e, d = plan.task(i), int(plan.start[i]), int(plan.end[i]), int(plan.duration[i])
        doing = f"task '{name}' starts at {s} and needs {ticks(d)} of common working time"
        if least >= INFINITY:
            done = clock.between(np.array([s]), np.array([max(e, s)]))
            amount = max(d - int(done[0]), 1)
            sentence = f"{doing}, which its resources never have again"
        else:
            amount = abs(e - least)
            sentence = (
                f"{doing}, so it ends at {least}, not at {e} "
                f"{overrun(amount, 'too early' if e < least else 'too late')}"
            )
        found.append(Violation(ViolationKind.DURATION, (name,), None, amount, sentence))
    return found


def check_calendars(plan: Plan, demands: Demands) -> list[Violation]:
    """Forbidding resources work all through their tasks; suspending ones at the start."""
    resources = plan.problem.resources
    rows = _calendared(plan, demands)
    if not len(rows.task):
        return []
    found = []
    calendar = resources.calendar[rows.resource]
    suspend = resources.suspend[rows.resource]
    for c, row in grouped(calendar):
        clock = WorkingTime([plan.problem.calendars[c]], 0, 1)
        found += _check_forbidding(plan, rows.take(row[~suspend[row]]), clock)
        found += _check_first_tick(plan, rows.take(row[suspend[row]]), clock)
    return found


def _check_forbidding(plan: Plan, rows: Demands, clock: WorkingTime) -> list[Violation]:
    start, end = plan.start[rows.task], np.maximum(plan.start, plan.end)[rows.task]
    rest = (end - start) - clock.between(start, end)
    broken = np.flatnonzero(rest > 0)
    first = clock.first_break(start[broken])
    found = []
    for k, tick in zip(broken.tolist(), first.tolist(), strict=True):
        task, resource = plan.task(int(rows.task[k])), plan.resource(int(rows.resource[k]))
        amount = int(rest[k])
        sentence = (
            f"task '{task}' runs in [{start[k]}, {end[k]}), {ticks(amount)} of it outside the "
            f"working time of '{resource}', the first at {tick}"
        )
        found.append(Violation(ViolationKind.CALENDAR, (task,), resource, amount, sentence))
    return found


def _check_first_tick(plan: Plan, rows: Demands, clock: WorkingTime) -> list[Violation]:
    start = plan.start[rows.task]
    broken = np.flatnonzero(clock.between(start, start + 1) == 0)
    resume = clock.reach(start[broken], np.ones(len(broken), dtype=np.int64)) - 1
    found = []
    for k, tick in zip(broken.tolist(), resume.tolist(), strict=True):
        task, resource = plan.task(int(rows.task[k])), plan.resource(int(rows.resource[k]))
        ever = tick < INFINITY - 1
        amount = tick - int(start[k]) if ever else 1
        after = f"works again from {tick} {overrun(amount, 'too early')}" if ever else "never does"
        sentence = (
            f"task '{task}' starts at {start[k]}, when '{resource}' does not work; it {after}"
        )
        found.append(Violation(ViolationKind.CALENDAR, (task,), resource, amount, sentence))
    return found
