"""What the tests of the CP-SAT engine share: one way to run it, and proofs checked on the way."""

from __future__ import annotations

import threading

from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.core.vocabulary import Status
from makespan.solvers.cpsat import CpSatOptions, CpSatSolver

PLAIN = CpSatOptions(self_hint=False)


def run(
    problem: Problem,
    *,
    options: CpSatOptions = PLAIN,
    time_limit: float | None = 60.0,
    threads: int = 1,
    seed: int = 0,
    hint: Schedule | None = None,
    stop: threading.Event | None = None,
) -> Result:
    """One call of the engine whose schedule, if any, verifies and has the stated objective."""
    result = CpSatSolver(options).solve(
        problem,
        time_limit=time_limit,
        threads=threads,
        seed=seed,
        hint=hint,
        on_progress=None,
        stop=stop or threading.Event(),
    )
    if result.schedule is not None:
        assert verify(problem, result.schedule) == []
        assert result.objectives == evaluate(problem, result.schedule)
    return result


def optimum(problem: Problem) -> tuple[int, ...]:
    """Proven optimal value of each objective level."""
    result = run(problem)
    assert result.status is Status.OPTIMAL
    assert result.bounds == result.objectives
    return result.objectives


def best_schedule(problem: Problem) -> Schedule:
    """A proven optimal schedule."""
    result = run(problem)
    assert result.status is Status.OPTIMAL
    assert result.schedule is not None
    return result.schedule


def infeasible(problem: Problem) -> bool:
    """Whether the engine proves that no schedule exists."""
    return run(problem).status is Status.INFEASIBLE
