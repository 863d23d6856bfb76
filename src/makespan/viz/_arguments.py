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
        If the result holds no schedule, or an array has not one entry per task.
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
    return plan, result
