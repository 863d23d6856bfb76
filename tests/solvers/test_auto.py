"""The portfolio: its plan, its stages, and that members share what they find."""

from __future__ import annotations

import threading
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.oracle import some_feasible
from tests.strategies import problems

from makespan.core.builder import ProblemBuilder
from makespan.core.errors import OptionError
from makespan.core.horizon import horizon_bound
from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.core.verify import verify
from makespan.core.vocabulary import Status
from makespan.generators import named_instance, random_job_shop, random_rcpsp
from makespan.solvers.auto import AutoOptions, AutoSolver, Features, plan_for
from makespan.solvers.solving import solve


def run(problem: Problem, **options: object) -> Result:
    """The portfolio in its deterministic mode unless options say otherwise."""
    return solve(problem, engine=AutoSolver(AutoOptions(moves=300)), **{"seed": 0, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("search", ["", "tabu"])
@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("tasks", [1, 100, 200, 1000, 200_000])
@pytest.mark.parametrize("levels", [1, 2])
@pytest.mark.parametrize("limit", [None, 1.0, 60.0])
def test_a_plan_never_uses_more_threads_than_it_may(
    search: str, threads: int, tasks: int, levels: int, limit: float | None
) -> None:
    """Members that work side by side share the threads, and at least one member works."""
    features = Features(tasks, levels, search, provable=tasks < 100_000)
    plan = plan_for(features, threads=threads, time_limit=limit)
    assert plan.local + plan.exact + plan.neighbourhood <= threads
    assert plan.local_first is None or plan.local + plan.exact + plan.neighbourhood >= 1
    assert plan.sampling >= 0
    if tasks == 200_000:
        assert plan.exact == 0
    if limit is None and tasks < 100_000:
        assert plan.exact


def test_a_small_shop_is_proven() -> None:
    """With no limit the portfolio goes on until the proof."""
    result = solve(named_instance("ft06"))
    assert (result.status, result.objective, result.bound) == (Status.OPTIMAL, 55, 55)


def test_equal_seeds_give_equal_results_in_the_deterministic_mode() -> None:
    """Schedule, bounds and the order of incumbents agree."""
    problem = random_job_shop(8, 5, seed=3)
    first, second = run(problem, seed=4), run(problem, seed=4)
    assert first.schedule == second.schedule
    assert first.bounds == second.bounds
    assert [(p.objective, p.engine) for p in first.history] == [
        (p.objective, p.engine) for p in second.history
    ]


def test_later_levels_are_optimised_from_the_first_levels_search() -> None:
    """Local search takes the makespan, exact search the rest; the values are lexicographic."""
    b = ProblemBuilder("levels")
    m = [b.machine("A"), b.machine("B")]
    for k in range(4):
        job = b.job(f"J{k}", due=4 + k)
        order = m if k % 2 else m[::-1]
        b.chain(
            *(
                b.task(f"{k}{i}", duration=1 + k + i, machine=r, job=job)
                for i, r in enumerate(order)
            )
        )
    b.minimise("makespan")
    b.then_minimise("total_tardiness")
    problem = b.build()
    ours, exact = run(problem), solve(problem, engine="cpsat", threads=1)
    assert exact.status is Status.OPTIMAL
    assert ours.objectives == exact.objectives


def test_a_hint_is_never_made_worse() -> None:
    """The result is at least as good as what the caller had."""
    problem = random_rcpsp(15, seed=2)
    good = solve(problem, engine="cpsat", time_limit=10, threads=1)
    again = run(problem, hint=good.schedule)
    assert again.objectives <= good.objectives


def test_a_stop_before_the_start_gives_the_hint_back() -> None:
    """Nothing is lost, and the result says that it was cancelled."""
    problem = random_job_shop(6, 4, seed=1)
    hint = solve(problem, engine="dispatch", time_limit=0.05).schedule
    stop = threading.Event()
    stop.set()
    result = solve(problem, stop=stop, hint=hint)
    assert result.cancelled
    assert result.schedule is not None


def test_infeasible_is_said() -> None:
    """A contradiction is proven and cross-checked through the portfolio too."""
    b = ProblemBuilder("tight")
    m = b.machine("M")
    b.task("a", duration=3, machine=m, deadline=4)
    b.task("b", duration=3, machine=m, deadline=5)
    assert solve(b.build(), time_limit=20).status is Status.INFEASIBLE


@pytest.mark.parametrize(("field", "value"), [("moves", 0), ("deterministic_limit", 0.0)])
def test_options_out_of_range(field: str, value: float) -> None:
    """They are refused where they are made."""
    with pytest.raises(OptionError, match=field):
        AutoOptions(**{field: value})


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(problems(), st.integers(0, 3))
def test_whatever_the_constraints_the_result_verifies(problem: Problem, seed: int) -> None:
    """A schedule keeps every rule, has the stated values, and is found where one exists."""
    result = run(problem, seed=seed)
    if result.schedule is not None:
        assert verify(problem, result.schedule) == []
        assert tuple(result.objectives) == tuple(evaluate(problem, result.schedule))
        for value, bound in zip(result.objectives, result.bounds, strict=True):
            assert bound is None or bound <= value
    elif result.status is Status.INFEASIBLE:
        assert some_feasible(problem, horizon_bound(problem), random=Random(0)) is None
