"""Precedences, no-overlap sets, and the windows of a relaxable model."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from makespan.core.vocabulary import INFINITY, PrecedenceKind, ResourceKind
from makespan.solvers.cpsat.labels import (
    ConstraintLabel,
    LabelKind,
    deadline_label,
    horizon_end_label,
    job_deadline_label,
    job_release_label,
    precedence_label,
    release_label,
)
from makespan.solvers.cpsat.plan import Plan
from makespan.solvers.cpsat.variables import calendar_label
from makespan.solvers.cpsat.windows import stated_windows

if TYPE_CHECKING:
    from makespan.solvers.cpsat.build import Build


def post(build: Build) -> None:
    """Add the constraints of this theme."""
    _precedences(build)
    _no_overlap_sets(build)
    if build.model.relaxable:
        _windows(build)
        _working_time(build)


def _precedences(build: Build) -> None:
    problem, model, tasks = build.problem, build.model, build.tasks
    table = problem.precedences
    for k, (i, j, kind, low, high) in enumerate(
        zip(
            table.source.tolist(),
            table.target.tolist(),
            table.kind.tolist(),
            table.minimum.tolist(),
            table.maximum.tolist(),
            strict=True,
        )
    ):
        first, second = tasks[i], tasks[j]
        x = first.start if kind in (PrecedenceKind.SS, PrecedenceKind.SF) else first.end
        y = second.start if kind in (PrecedenceKind.SS, PrecedenceKind.FS) else second.end
        both = (first.present, second.present)
        with model.labelled(_precedence_label(build, k)):
            if low == high:
                model.add(y == x + low, *both)
                continue
            model.add(y >= x + low, *both)
            if high < INFINITY:
                model.add(y <= x + high, *both)


def _precedence_label(build: Build, k: int) -> ConstraintLabel:
    return precedence_label(build.problem, k) if build.model.relaxable else build.unlabelled


def _no_overlap_sets(build: Build) -> None:
    for k, members in enumerate(build.problem.no_overlaps):
        name = build.problem.no_overlaps.names[k]
        label = ConstraintLabel(LabelKind.NO_OVERLAP, f"no-overlap set {name!r}", k)
        with build.model.labelled(label):
            build.model.add_no_overlap([build.tasks.main_interval(int(i)) for i in members])


def _windows(build: Build) -> None:
    """Releases, deadlines and forbidden intervals as switchable constraints."""
    problem, model = build.problem, build.model
    tasks, jobs = problem.tasks, problem.jobs
    stated = stated_windows(problem, INFINITY)
    job_of = tasks.job.tolist()
    for i in range(tasks.count):
        v, job = build.tasks[i], job_of[i]
        if tasks.release[i] > problem.horizon_start:
            with model.labelled(release_label(problem, i)):
                model.add(v.start >= int(tasks.release[i]), v.present)
        if tasks.deadline[i] < INFINITY:
            with model.labelled(deadline_label(problem, i)):
                model.add(v.end <= int(tasks.deadline[i]), v.present)
        if job >= 0 and jobs.release[job] > problem.horizon_start:
            with model.labelled(job_release_label(problem, job)):
                model.add(v.start >= int(jobs.release[job]), v.present)
        if job >= 0 and jobs.deadline[job] < INFINITY:
            with model.labelled(job_deadline_label(problem, job)):
                model.add(v.end <= int(jobs.deadline[job]), v.present)
        if tasks.forbidden_ptr[i] < tasks.forbidden_ptr[i + 1]:
            _forbidden(build, i)
    _horizon(build, stated.earliest)


def _horizon(build: Build, earliest: np.ndarray) -> None:
    problem, model = build.problem, build.model
    # When time begins is not for the user to give up, so nothing switches it off.
    for i in range(len(earliest)):
        v = build.tasks[i]
        if v.earliest < problem.horizon_start:
            model.add(v.start >= problem.horizon_start, v.present)
    if problem.horizon_end < INFINITY:
        with model.labelled(horizon_end_label(problem)):
            for i in range(len(earliest)):
                v = build.tasks[i]
                model.add(v.end <= problem.horizon_end, v.present)


def _forbidden(build: Build, i: int) -> None:
    tasks, v, model = build.problem.tasks, build.tasks[i], build.model
    for k in range(int(tasks.forbidden_ptr[i]), int(tasks.forbidden_ptr[i + 1])):
        a, b = int(tasks.forbidden_start[k]), int(tasks.forbidden_end[k])
        text = f"{tasks.names[i]!r} does not run in [{a}, {b})"
        with model.labelled(ConstraintLabel(LabelKind.FORBIDDEN, text, i)):
            for m, chosen in v.modes.items():
                milestone = build.facts.duration[m] == 0
                before = model.literal(partial(_runs_before, task=i, limit=a, milestone=milestone))
                # A milestone at the first forbidden instant lies inside, a task ending there not.
                model.add(v.start <= a - 1 if milestone else v.end <= a, chosen, before)
                model.add(v.start >= b, chosen, ~before)


def _runs_before(plan: Plan, *, task: int, limit: int, milestone: bool) -> bool:
    return plan.start[task] < limit if milestone else plan.end[task] <= limit


def _working_time(build: Build) -> None:
    """Calendars that forbid, as one switch per resource."""
    resources = build.problem.resources
    for r in np.flatnonzero((resources.calendar >= 0) & ~resources.suspend).tolist():
        if resources.kind[r] not in (ResourceKind.MACHINE, ResourceKind.RENEWABLE):
            continue
        with build.model.labelled(calendar_label(build.facts, r)):
            for m in build.facts.users[r]:
                i = build.facts.mode_task[m]
                v = build.tasks[i]
                if m not in v.modes or build.facts.duration[m] == 0:
                    continue
                _inside_working_time(build, r, m)


def _inside_working_time(build: Build, resource: int, mode: int) -> None:
    """``[start, end)`` of a mode fits into one working interval of the resource."""
    model, v = build.model, build.tasks[build.facts.mode_task[mode]]
    held = v.fixed.get(mode)
    if held is not None:
        found = build.domains.restricted(mode, forbidden=False, resources={resource})
        model.add_in_domain(v.start, found.union, v.modes[mode])
        return
    # The mode also pauses for another resource, so its length varies: pick the interval.
    calendar = build.problem.calendars[int(build.problem.resources.calendar[resource])]
    task = build.facts.mode_task[mode]
    choices = []
    for a, b in calendar.working_in(v.earliest, v.latest).tolist():
        inside = model.literal(partial(_starts_in, task=task, mode=mode, low=a, high=b))
        model.add(v.start >= a, inside)
        model.add(v.end <= b, inside)
        choices.append(inside)
    model.add_clause(choices, v.modes[mode])


def _starts_in(plan: Plan, *, task: int, mode: int, low: int, high: int) -> bool:
    return plan.chosen(mode) and low <= plan.start[task] < high
