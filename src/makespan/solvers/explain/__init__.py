"""Explanations: what makes a problem infeasible, and what keeps a schedule from being better."""

from __future__ import annotations

from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.solvers.explain.conflict import Conflict as Conflict
from makespan.solvers.explain.conflict import explain_infeasibility as explain_infeasibility
from makespan.solvers.explain.schedule import Lever as Lever
from makespan.solvers.explain.schedule import ScheduleReport as ScheduleReport
from makespan.solvers.explain.schedule import explain_schedule as explain_schedule


def explain(
    problem: Problem,
    schedule: Schedule | Result | None = None,
    *,
    time_limit: float | None = 30.0,
) -> Conflict | ScheduleReport:
    """Why a schedule is not better, or why there is no schedule.

    Parameters
    ----------
    schedule
        A schedule of the problem, or a result with one: the answer is what holds it up (see
        :func:`explain_schedule`). None, or a result without one: the answer is a smallest set of
        constraints that cannot hold together (see :func:`explain_infeasibility`).
    time_limit
        Wall seconds for the search for a conflict; None for no limit.

    Returns
    -------
    Conflict or ScheduleReport
        Both print as sentences in the problem's own names.

    Raises
    ------
    ProblemError
        If the schedule is not one of this problem.

    Examples
    --------
    >>> from makespan import ProblemBuilder, explain
    >>> b = ProblemBuilder("too tight")
    >>> saw = b.machine("saw")
    >>> for name in ("table", "chair"):
    ...     _ = b.task(name, duration=6, machine=saw, deadline=10)
    >>> print(explain(b.build()))
    These cannot all hold:
      'table' ends by 10
      'chair' ends by 10
      machine 'saw' holds one task at a time
    """
    plan = schedule.schedule if isinstance(schedule, Result) else schedule
    if plan is None:
        return explain_infeasibility(problem, time_limit=time_limit)
    return explain_schedule(problem, plan)
