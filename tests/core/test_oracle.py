"""The oracle itself: known optima, and that its pruning loses nothing."""

from __future__ import annotations

from itertools import product
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.builder import ProblemBuilder
from makespan.core.problem import Problem
from makespan.core.verify import verify
from makespan.core.vocabulary import Blocking
from tests import oracle
from tests.strategies import problems


def test_best_job_shop() -> None:
    """Two jobs with opposite routes: the textbook optimum."""
    b = ProblemBuilder("opposite")
    one, two = b.machine(), b.machine()
    b.chain(b.task(duration=3, machine=one), b.task(duration=2, machine=two))
    b.chain(b.task(duration=2, machine=two), b.task(duration=4, machine=one))
    found = oracle.best(b.build(), 12)
    assert found is not None
    assert found[0] == (7,)


def test_best_respects_each_level_in_turn() -> None:
    """The second level is minimised among the best of the first."""
    b = ProblemBuilder("levels")
    m = b.machine()
    b.task(duration=2, machine=m, weight=1)
    b.task(duration=3, machine=m, weight=5)
    b.minimise("makespan")
    b.then_minimise("total_completion")
    found = oracle.best(b.build(), 9)
    assert found is not None
    assert found[0] == (5, 5 * 3 + 5)


def test_best_may_leave_tasks_out() -> None:
    """Optional tasks are left out where that is cheaper."""
    b = ProblemBuilder("admission")
    m = b.machine()
    b.task("small", duration=2, machine=m, optional=True, reward=3)
    b.task("large", duration=4, machine=m, optional=True, reward=5, deadline=5)
    b.minimise({"unplaced": 1})
    b.then_minimise("makespan")
    found = oracle.best(b.build(), 5)
    assert found is not None
    assert found[0] == (3, 4)


def test_best_finds_infeasibility() -> None:
    """Without any schedule in the horizon there is no best one."""
    b = ProblemBuilder("tight")
    m = b.machine()
    for _ in range(2):
        b.task(duration=3, machine=m, deadline=5)
    assert oracle.best(b.build(), 10) is None


def test_best_without_swap() -> None:
    """Two jobs that must exchange blocked machines have a schedule only with swap."""

    def exchange(code: Blocking) -> Problem:
        b = ProblemBuilder("exchange")
        m = [b.machine(blocking=code) for _ in range(2)]
        for k in range(2):
            job = b.job()
            first = b.task(duration=2, machine=m[k], job=job, deadline=2)
            b.chain(first, b.task(duration=2, machine=m[1 - k], job=job))
        return b.build()

    found = oracle.best(exchange(Blocking.SWAP), 8)
    assert found is not None
    assert found[0] == (4,)
    assert oracle.best(exchange(Blocking.NO_SWAP), 8) is None


@settings(max_examples=40)
@given(problems(max_tasks=3))
def test_pruning_loses_nothing(problem: Problem) -> None:
    """The best objective equals that of trying every combination of options."""
    horizon = min(problem.horizon_start + 5, problem.horizon_end)
    values = []
    for rows in product(*oracle.options(problem, horizon)):
        plan = {i: placed for i, placed in enumerate(rows) if placed is not None}
        schedule = oracle.schedule_of(problem, plan)
        if oracle.is_feasible(problem, schedule):
            values.append(oracle.value(problem, schedule))
    found = oracle.best(problem, horizon)
    assert (found and found[0]) == min(values, default=None)
    if found is not None:
        assert verify(problem, found[1]) == []


@settings(max_examples=40)
@given(problems(), st.integers(0, 99))
def test_some_feasible_is_feasible(problem: Problem, seed: int) -> None:
    """What the randomised search returns breaks no rule."""
    found = oracle.some_feasible(problem, problem.horizon_start + 24, random=Random(seed))
    assert found is None or verify(problem, found) == []
