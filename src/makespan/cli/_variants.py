"""Variants of a problem that options ask for: another objective, blocking machines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from makespan.cli._values import parse_blocking, parse_objective
from makespan.core.validation import validate

if TYPE_CHECKING:
    from makespan.core.problem import Problem


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
