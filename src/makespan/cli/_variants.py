"""Variants of a problem that options ask for: another objective, blocking machines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from makespan.cli._values import parse_blocking, parse_objective
from makespan.core.validation import validate
from makespan.core.vocabulary import INFINITY, ObjectiveKind

if TYPE_CHECKING:
    from makespan.core.problem import Problem

_DUE_DATE_TERMS: Final = (
    ObjectiveKind.TOTAL_TARDINESS,
    ObjectiveKind.MAX_TARDINESS,
    ObjectiveKind.TARDY_COUNT,
    ObjectiveKind.MAX_LATENESS,
    ObjectiveKind.TOTAL_EARLINESS,
)


def variant(problem: Problem, *, objective: str | None, blocking: str | None) -> Problem:
    """The problem with another objective or with every task blocking; itself if neither is given.

    Raises
    ------
    OptionError
        If an option cannot be read.
    ProblemError
        If the objective needs what the problem lacks.
    """
    if objective is not None:
        problem = replace(problem, objective=parse_objective(objective))
    code = parse_blocking(blocking)
    if code is not None:
        codes = np.full(problem.tasks.count, code, dtype=np.uint8)
        problem = replace(problem, tasks=replace(problem.tasks, blocking=codes))
    if objective is not None or code is not None:
        validate(problem)
    return problem


def idle_terms(problem: Problem) -> list[str]:
    """Names of objective terms that are 0 for every schedule, because nothing has a due date."""
    if (problem.tasks.due != INFINITY).any() or (problem.jobs.due != INFINITY).any():
        return []
    return [kind.value for kind in _DUE_DATE_TERMS if kind in problem.objective.kinds]
