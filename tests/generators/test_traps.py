"""Traps have the optima their docstrings argue, by exact solution and by enumeration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from makespan import solve
from makespan.core.errors import OptionError
from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.core.vocabulary import Status
from makespan.generators.named import named_instance
from makespan.generators.traps import Trap, trap, trap_names, trap_optimum, traps

MOST_CASES = 6000


@pytest.mark.parametrize("name", trap_names())
def test_exact_engine_agrees(name: str) -> None:
    """CP-SAT proves the stated optimum, or that there is no schedule."""
    result: Result = solve(trap(name), engine="cpsat", time_limit=20, threads=1)
    optimum = trap_optimum(name)
    if optimum is None:
        assert result.status is Status.INFEASIBLE
    else:
        assert result.status is Status.OPTIMAL
        assert result.objectives == optimum


def cases(problem: Problem, last: int) -> int:
    """Number of schedules that start within ``last`` ticks of the horizon's start."""
    modes = np.diff(problem.tasks.mode_ptr) + problem.tasks.optional
    return math.prod(int(k) * (last + 1) for k in modes)


def enumerable() -> list[Trap]:
    """Traps small enough for enumeration, with an optimum."""
    found = []
    for item in traps():
        if item.optimum is not None:
            problem = item.build()
            if cases(problem, horizon(problem)) <= MOST_CASES:
                found.append(item)
    return found


def horizon(problem: Problem) -> int:
    """Latest start tried, counted from the start of the horizon."""
    return min(12, int(problem.modes.duration.sum()) + 3)


@pytest.mark.parametrize("item", enumerable(), ids=lambda item: item.name)
def test_enumeration_finds_nothing_better(item: Trap) -> None:
    """No schedule with early starts beats the stated optimum; the verifier is the judge."""
    problem = item.build()
    low, n = problem.horizon_start, problem.tasks.count
    ticks = range(low, low + horizon(problem) + 1)
    choices = [
        [*range(int(problem.tasks.mode_ptr[i]), int(problem.tasks.mode_ptr[i + 1]))]
        + ([-1] if problem.tasks.optional[i] else [])
        for i in range(n)
    ]
    best: tuple[int, ...] | None = None
    for mode in itertools.product(*choices):
        spans = [ticks if m >= 0 else (0,) for m in mode]
        for start in itertools.product(*spans):
            schedule = Schedule.from_starts(problem, np.array(start), np.array(mode, np.int32))
            value = evaluate(problem, schedule)
            if (best is None or value < best) and not verify(problem, schedule):
                best = value
    assert best is None or item.optimum is None or best >= item.optimum


def test_registry() -> None:
    """Names are distinct and lead to instances, every trap argues, unknown names are refused."""
    names = trap_names()
    assert len(names) == len(set(names)) >= 60
    assert named_instance("swap_forbidden") == trap("swap_forbidden")
    for item in traps():
        assert len(item.argument) > 20
        assert item.build().name == item.name
    with pytest.raises(OptionError, match="no trap") as caught:
        trap("swap_forbiden")
    assert "swap_forbidden" in (caught.value.hint or "")
