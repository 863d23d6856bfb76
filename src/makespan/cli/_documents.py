"""The JSON documents of the commands; docs/cli.md and ``cli/schema`` describe them for readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from makespan.cli._wording import level_names
from makespan.core.vocabulary import DemandTiming, ResourceKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from makespan.core.problem import Problem
    from makespan.core.result import Result
    from makespan.core.schedule import Schedule
    from makespan.core.verify import Violation

Document = dict[str, Any]


def problem_document(problem: Problem) -> Document:
    """Sizes of a problem and what it minimises."""
    kinds = problem.resources.kind
    return {
        "name": problem.name,
        "tasks": problem.tasks.count,
        "modes": problem.modes.count,
        "jobs": problem.jobs.count,
        "resources": {
            kind.name.lower(): int((kinds == kind).sum())
            for kind in ResourceKind
            if (kinds == kind).any()
        },
        "precedences": problem.precedences.count,
        "objective": level_names(problem.objective),
        "time_unit": problem.time_unit,
        "origin": None if problem.origin is None else problem.origin.isoformat(),
    }


def schedule_rows(problem: Problem, schedule: Schedule) -> list[Document]:
    """One row per present task, by start and then by the problem's order of tasks."""
    tasks, modes = problem.tasks, problem.modes
    rows: list[Document] = []
    present = np.flatnonzero(schedule.present)
    for i in present[np.argsort(schedule.start[present], kind="stable")].tolist():
        mode = int(schedule.mode[i])
        demands = range(int(modes.demand_ptr[mode]), int(modes.demand_ptr[mode + 1]))
        used = [
            problem.resources.names[int(modes.demand_resource[k])]
            for k in demands
            if modes.demand_timing[k] == DemandTiming.DURING and modes.demand_amount[k] > 0
        ]
        job = int(tasks.job[i])
        rows.append(
            {
                "task": tasks.names[i],
                "job": None if job < 0 else problem.jobs.names[job],
                "start": int(schedule.start[i]),
                "end": int(schedule.end[i]),
                "mode": mode - int(tasks.mode_ptr[i]),
                "resources": used,
            }
        )
    return rows


def absent_tasks(problem: Problem, schedule: Schedule) -> list[str]:
    """Names of the optional tasks that were left out."""
    return [problem.tasks.names[i] for i in np.flatnonzero(~schedule.present).tolist()]


def violation_documents(violations: Sequence[Violation]) -> list[Document]:
    """One object per violation."""
    return [
        {
            "kind": violation.kind.value,
            "tasks": list(violation.tasks),
            "resource": violation.resource,
            "amount": violation.amount,
            "sentence": violation.sentence,
        }
        for violation in violations
    ]


def result_document(problem: Problem, result: Result) -> Document:
    """What a solve found and proved."""
    schedule = result.schedule
    return {
        "status": result.status.value,
        "objective": result.objective,
        "bound": result.bound,
        "gap": result.gap,
        "objectives": list(result.objectives),
        "bounds": list(result.bounds),
        "levels": level_names(problem.objective),
        "engine": result.engine,
        "seed": result.seed,
        "threads": result.threads,
        "seconds": round(result.seconds, 6),
        "deterministic_seconds": result.deterministic_seconds,
        "machine": result.machine,
        "moves": dict(result.moves),
        "cancelled": result.cancelled,
        "message": result.message,
        "conflict": list(result.conflict),
        "history": [
            {
                "seconds": round(point.seconds, 6),
                "level": point.level,
                "objective": point.objective,
                "bound": point.bound,
                "engine": point.engine,
            }
            for point in result.history
        ],
        "schedule": None if schedule is None else schedule_rows(problem, schedule),
        "absent": [] if schedule is None else absent_tasks(problem, schedule),
    }
