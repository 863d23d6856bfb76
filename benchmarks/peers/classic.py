"""What the peers' models can express, and a refusal of everything else."""

from __future__ import annotations

import numpy as np

from makespan.core.problem import Problem
from makespan.core.vocabulary import INFINITY, ObjectiveKind, PrecedenceKind, ResourceKind


def require_classic(problem: Problem) -> None:
    """Raise unless the problem is of a kind that the peers' models state in full.

    That is: mandatory tasks, machines and renewables of constant capacity, plain precedences, jobs
    whose tasks exclude one another, job releases and due dates; makespan or total tardiness.

    Raises
    ------
    ValueError
        Naming what is beyond the models.
    """
    tasks, resources, lags = problem.tasks, problem.resources, problem.precedences
    beyond = {
        "optional tasks": bool(tasks.optional.any()),
        "windows of tasks": bool(
            tasks.release.any() or (tasks.deadline < INFINITY).any() or len(tasks.forbidden_start)
        ),
        "due dates of tasks": bool((tasks.due < INFINITY).any()),
        "blocking": bool(tasks.blocking.any() or resources.blocking.any()),
        "setup times": bool((resources.setup >= 0).any()),
        "calendars": bool((resources.calendar >= 0).any()),
        "capacity steps": len(resources.step_time) > 0,
        "stocks": not bool(
            np.isin(resources.kind, (ResourceKind.MACHINE, ResourceKind.RENEWABLE)).all()
        ),
        "lags": bool(
            (lags.kind != PrecedenceKind.FS).any()
            or lags.minimum.any()
            or (lags.maximum < INFINITY).any()
        ),
        "deadlines of jobs": bool((problem.jobs.deadline < INFINITY).any()),
        "links or selections": problem.links.count > 0 or problem.selections.count > 0,
        "this objective": objective(problem) is None,
    }
    same_order_tasks(problem)
    found = [what for what, present in beyond.items() if present]
    if found:
        raise ValueError(f"{problem.name!r} has {', '.join(found)}, which this model leaves out")


def same_order_tasks(problem: Problem) -> list[list[dict[int, int]]]:
    """For each set of machines with one order of jobs, the task of each job on each machine.

    Raises
    ------
    ValueError
        If tasks have a choice of machines, or a job comes twice to one.
    """
    modes = problem.modes
    if problem.same_orders.count and modes.count != problem.tasks.count:
        raise ValueError(f"{problem.name!r} has same-order machines and alternative modes")
    found = []
    for members in problem.same_orders:
        visits: list[dict[int, int]] = []
        for r in members.tolist():
            here = np.unique(modes.demand_mode()[modes.demand_resource == r]).tolist()
            by_job = {int(problem.tasks.job[i]): i for i in here}
            if len(by_job) != len(here) or -1 in by_job:
                raise ValueError(f"{problem.name!r} has a job twice on a same-order machine")
            visits.append(by_job)
        found.append(visits)
    return found


def objective(problem: Problem) -> ObjectiveKind | None:
    """The one term that is minimised, if it is the makespan or the total tardiness."""
    levels = problem.objective.levels
    if len(levels) != 1 or len(levels[0]) != 1 or levels[0][0].coefficient != 1:
        return None
    kind = levels[0][0].kind
    return kind if kind in (ObjectiveKind.MAKESPAN, ObjectiveKind.TOTAL_TARDINESS) else None


def horizon(problem: Problem) -> int:
    """A time by which some optimal schedule has ended: everything in a row, slowest modes."""
    longest = np.maximum.reduceat(problem.modes.duration, problem.tasks.mode_ptr[:-1])
    return int(longest.sum()) + int(problem.jobs.release.max(initial=0))


def is_job_shop(problem: Problem) -> bool:
    """Whether every task has one mode on one machine and jobs are chains of their tasks."""
    tasks, jobs = problem.tasks, problem.jobs
    n = tasks.count
    if (
        problem.modes.count != n
        or problem.no_overlaps.count
        or (np.diff(problem.modes.demand_ptr) != 1).any()
        or (problem.resources.kind != ResourceKind.MACHINE).any()
        or len(jobs.task) != n
    ):
        return False
    inside = np.ones(n, dtype=np.bool_)
    inside[jobs.task_ptr[:-1][np.diff(jobs.task_ptr) > 0]] = False
    at = np.flatnonzero(inside)
    chain = set(zip(jobs.task[at - 1].tolist(), jobs.task[at].tolist(), strict=True))
    lags = problem.precedences
    return chain == set(zip(lags.source.tolist(), lags.target.tolist(), strict=True))
