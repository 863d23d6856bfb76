"""Checks of what callers hand to the drawings."""

from __future__ import annotations

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import BoolArray, IntArray


def plan_of(
    problem: Problem,
    schedule: Schedule | Result,
    *,
    critical: BoolArray | None = None,
    slack: IntArray | None = None,
) -> tuple[Schedule, Result | None]:
    """The schedule to draw, and the result it came in, if any.

    Raises
    ------
    OptionError
        If the result holds no schedule, an array has not one entry per task, or the schedule is no
        schedule of this problem (its constraints are not checked).
    """
    result = schedule if isinstance(schedule, Result) else None
    plan = schedule.schedule if isinstance(schedule, Result) else schedule
    if plan is None:
        status = result.status.value if result is not None else "?"
        raise OptionError(
            f"{problem.name!r}: nothing to draw, the result ({status}) holds no schedule"
        )
    n = problem.tasks.count
    for name, values in (("schedule", plan.start), ("critical", critical), ("slack", slack)):
        if values is not None and np.shape(values) != (n,):
            raise OptionError(
                f"{name} has shape {np.shape(values)} but {problem.name!r} has {n} tasks",
                hint="one entry per task, in the problem's order",
            )
    _check_rows(problem, plan)
    return plan, result


def _check_rows(problem: Problem, plan: Schedule) -> None:
    """Every present task has a mode of its own and does not end before it starts."""
    first, last = problem.tasks.mode_ptr[:-1], problem.tasks.mode_ptr[1:]
    foreign = np.flatnonzero(plan.present & ((plan.mode < first) | (plan.mode >= last)))
    if len(foreign):
        i = int(foreign[0])
        raise OptionError(
            f"schedule gives task {problem.tasks.names[i]!r} mode {plan.mode[i]}, "
            f"but its modes are {first[i]} to {last[i] - 1}",
            hint="was the schedule made for another problem?",
        )
    backward = np.flatnonzero(plan.present & (plan.end < plan.start))
    if len(backward):
        i = int(backward[0])
        raise OptionError(
            f"schedule ends task {problem.tasks.names[i]!r} at {plan.end[i]}, "
            f"before it starts at {plan.start[i]}"
        )
