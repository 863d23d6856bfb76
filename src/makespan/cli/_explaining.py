"""Why there is no schedule, or what keeps the one there is from being shorter."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from makespan.core.problem import Problem
    from makespan.core.result import Result


def explanation(problem: Problem, result: Result) -> None:
    return None
