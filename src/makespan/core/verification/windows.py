"""Horizon, releases, deadlines and forbidden intervals."""

from __future__ import annotations

import numpy as np

from makespan.core.verification.plan import Plan, overrun
from makespan.core.verification.violation import Violation, ViolationKind, ticks
from makespan.core.vocabulary import BoolArray


def check_horizon(plan: Plan) -> list[Violation]:
    """Present tasks lie in ``[horizon_start, horizon_end]``."""
    first, last = plan.problem.horizon_start, plan.problem.horizon_end
    found = []
    for i in np.flatnonzero(plan.present & (plan.start < first)).tolist():
        name, start = plan.task(i), int(plan.start[i])
        sentence = (
            f"task '{name}' starts at {start}, before the horizon starts at {first} "
            f"{overrun(first - start, 'too early')}"
        )
        found.append(Violation(ViolationKind.HORIZON, (name,), None, first - start, sentence))
    for i in np.flatnonzero(plan.present & (plan.end > last)).tolist():
        name, end = plan.task(i), int(plan.end[i])
        sentence = (
            f"task '{name}' ends at {end}, after the horizon ends at {last} "
            f"{overrun(end - last, 'too late')}"
        )
        found.append(Violation(ViolationKind.HORIZON, (name,), None, end - last, sentence))
    return found


def check_windows(plan: Plan) -> list[Violation]:
    """Starts respect releases and ends respect deadlines, of tasks and of their jobs."""
    tasks, jobs = plan.problem.tasks, plan.problem.jobs
    found = []
    for i in np.flatnonzero(plan.present & (plan.start < tasks.release)).tolist():
        name, start, release = plan.task(i), int(plan.start[i]), int(tasks.release[i])
        sentence = (
            f"task '{name}' starts at {start}, before its release {release} "
            f"{overrun(release - start, 'too early')}"
        )
        found.append(Violation(ViolationKind.RELEASE, (name,), None, release - start, sentence))
    for i in np.flatnonzero(plan.present & (plan.end > tasks.deadline)).tolist():
        name, end, deadline = plan.task(i), int(plan.end[i]), int(tasks.deadline[i])
        sentence = (
            f"task '{name}' ends at {end}, after its deadline {deadline} "
            f"{overrun(end - deadline, 'too late')}"
        )
        found.append(Violation(ViolationKind.DEADLINE, (name,), None, end - deadline, sentence))
    if not jobs.count:
        return found
    in_job: BoolArray = plan.present & (tasks.job >= 0)
    job = np.where(in_job, tasks.job, 0)
    for i in np.flatnonzero(in_job & (plan.start < jobs.release[job])).tolist():
        name, start, release = plan.task(i), int(plan.start[i]), int(jobs.release[job[i]])
        sentence = (
            f"task '{name}' starts at {start}, before the release {release} of its job "
            f"'{jobs.names[int(job[i])]}' {overrun(release - start, 'too early')}"
        )
        found.append(Violation(ViolationKind.JOB_RELEASE, (name,), None, release - start, sentence))
    for i in np.flatnonzero(in_job & (plan.end > jobs.deadline[job])).tolist():
        name, end, deadline = plan.task(i), int(plan.end[i]), int(jobs.deadline[job[i]])
        sentence = (
            f"task '{name}' ends at {end}, after the deadline {deadline} of its job "
            f"'{jobs.names[int(job[i])]}' {overrun(end - deadline, 'too late')}"
        )
        found.append(Violation(ViolationKind.JOB_DEADLINE, (name,), None, end - deadline, sentence))
    return found


def check_forbidden(plan: Plan) -> list[Violation]:
    """No task runs in its forbidden intervals; a milestone's instant lies in none."""
    tasks = plan.problem.tasks
    if not len(tasks.forbidden_start):
        return []
    owner = np.repeat(np.arange(tasks.count, dtype=np.int64), np.diff(tasks.forbidden_ptr))
    low, high = tasks.forbidden_start, tasks.forbidden_end
    start, end = plan.start[owner], plan.end[owner]
    instant = plan.milestone[owner]
    hit = np.where(
        instant, (low <= start) & (start < high), (start < high) & (low < end) & (start < end)
    )
    hit &= plan.present[owner] & (low < high)
    found = []
    for k in np.flatnonzero(hit).tolist():
        name = plan.task(int(owner[k]))
        a, b, s, e = int(low[k]), int(high[k]), int(start[k]), int(end[k])
        if instant[k]:
            amount = 1
            sentence = f"milestone '{name}' at {s} lies in its forbidden interval [{a}, {b})"
        else:
            amount = min(e, b) - max(s, a)
            sentence = (
                f"task '{name}' runs in [{s}, {e}), {ticks(amount)} of it in its forbidden "
                f"interval [{a}, {b})"
            )
        found.append(Violation(ViolationKind.FORBIDDEN, (name,), None, amount, sentence))
    return found
