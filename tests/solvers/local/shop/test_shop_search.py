"""The search as a whole: known optima, properties of every result, edges."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.solvers.local.shop.shop_support import Chain, problem_of, shops, solve

from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.vocabulary import Status
from makespan.generators import (
    named_instance,
    random_due_date_job_shop,
    random_flexible_job_shop,
    random_job_shop,
)
from makespan.solvers.board import Board
from makespan.solvers.local.shapes import Shop
from makespan.solvers.local.shop import search
from makespan.solvers.local.shop.evolve import Evolution
from makespan.solvers.local.shop.islands import Champions, Solution
from makespan.solvers.local.shop.layout import tables


@pytest.mark.parametrize(
    ("name", "optimum", "moves"),
    [
        ("ft06", 55, 50_000),
        ("la01", 666, 50_000),
        ("la02", 655, 60_000),
        ("la03", 597, 60_000),
        ("la04", 590, 60_000),
        ("la05", 593, 50_000),
        ("ft10", 930, 800_000),
        ("ft20", 1165, 300_000),
    ],
)
def test_classic_job_shops_are_solved(name: str, optimum: int, moves: int) -> None:
    """Optima of the literature within a budget of moves."""
    assert solve(named_instance(name), moves=moves).objectives == (optimum,)


def test_an_optimum_that_the_bound_proves_ends_the_search() -> None:
    """No clock and no budget is needed then."""
    result = solve(named_instance("la01"), moves=10**12)
    assert result.status is Status.OPTIMAL


@given(shops(), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_every_result_verifies_and_repeats(problem: Problem, seed: int) -> None:
    """Same seed, same moves, one worker: same schedule."""
    first = solve(problem, moves=300, seed=seed)
    again = solve(problem, moves=300, seed=seed)
    assert first.schedule is not None
    assert again.schedule is not None
    assert first.objectives == again.objectives
    np.testing.assert_array_equal(first.schedule.start, again.schedule.start)
    np.testing.assert_array_equal(first.schedule.mode, again.schedule.mode)


@given(shops(), st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_a_hint_is_never_made_worse(problem: Problem, seed: int) -> None:
    """The incumbent stays if nothing better is found."""
    hint = solve(problem, moves=500, seed=seed).schedule
    assert hint is not None
    result = solve(problem, moves=1, seed=seed + 1, hint=hint)
    assert result.objectives <= tuple(evaluate(problem, hint))


def test_two_workers_share_a_board() -> None:
    """Islands visit each other without harm."""
    problem = random_flexible_job_shop(6, 4, seed=3)
    result = solve(problem, moves=60_000, workers=2)
    assert result.schedule is not None


def test_stop_ends_an_endless_search() -> None:
    """The best schedule so far is returned."""
    stop = threading.Event()
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    result = solve(random_job_shop(15, 10, seed=1), moves=10**12, stop=stop)
    assert result.cancelled
    assert result.schedule is not None


@pytest.mark.parametrize("seed", range(4))
def test_many_operations_at_one_instant_close_no_cycle(seed: int) -> None:
    """Changes of machine among operations of length 0 that all start together."""
    rng = np.random.default_rng(seed)
    chains: list[Chain] = [
        [(0, [(int(k), int(rng.random() < 0.2)) for k in rng.permutation(3)[:2]]) for _ in range(5)]
        for _ in range(5)
    ]
    assert solve(problem_of(chains, 3), moves=3_000, seed=seed).schedule is not None


@pytest.mark.parametrize(
    ("chains", "machines", "optimum"),
    [
        ([[(0, [(0, 7)])]], 1, 7),
        ([[(0, [(0, 0)])]], 1, 0),
        ([[(9, [(0, 2)])], [(0, [(0, 3)])]], 1, 11),
        ([[(0, [(0, 4), (0, 3)])]], 1, 3),
        ([[(0, [(0, 2)]), (0, [(0, 2)]), (0, [(0, 2)])], [(0, [(0, 1)])]], 1, 7),
        ([[(0, [(0, 5), (1, 5)])] for _ in range(4)], 2, 10),
        ([[(0, [(0, 2)]), (0, [(1, 3)])], [(0, [(1, 4)]), (0, [(0, 1)])]], 2, 7),
    ],
)
def test_tiny_shops_are_proven(chains: list[Chain], machines: int, optimum: int) -> None:
    """One task, zero times, releases, alternatives, reentrant chains."""
    result = solve(problem_of(chains, machines), moves=2_000)
    assert result.objectives == (optimum,)
    assert result.status is Status.OPTIMAL


def test_a_coefficient_scales_value_and_bound() -> None:
    """Objective levels are multiples of the makespan."""
    chains: list[Chain] = [[(0, [(0, 5)])], [(0, [(0, 6)])]]
    result = solve(problem_of(chains, 1, coefficient=7), moves=100)
    assert result.objectives == result.bounds == (77,)


def test_times_before_the_origin() -> None:
    """A horizon may start before tick 0."""
    chains: list[Chain] = [[(-20, [(0, 5)])], [(-20, [(0, 6)]), (-3, [(1, 9)])]]
    problem = problem_of(chains, 2, horizon_start=-30)
    result = solve(problem, moves=100)
    assert result.objectives == result.bounds == (6,)


@pytest.mark.parametrize("duration", [1 << 29, 1 << 40])
def test_times_beyond_32_bits_are_left_to_others(duration: int) -> None:
    """The search declines."""
    problem = problem_of([[(0, [(0, duration)])], [(0, [(0, duration)])]], 1)
    assert search(problem, Board(problem), seed=1, workers=1, moves=10) is None


def test_other_objectives_are_left_to_others() -> None:
    """Tardiness is not makespan."""
    problem = random_due_date_job_shop(3, 3, seed=1)
    assert search(problem, Board(problem), seed=1, workers=1, moves=10) is None


@pytest.mark.parametrize("flexible", [False, True])
def test_tens_of_thousands_of_operations(flexible: bool) -> None:
    """Large shops get a schedule and some moves."""
    problem = (
        random_flexible_job_shop(1_000, 20, seed=1)
        if flexible
        else random_job_shop(1_000, 20, seed=1)
    )
    result = solve(problem, moves=50)
    assert result.schedule is not None


def test_a_population_of_equals_ends() -> None:
    """Members as long as each other leave the rest of the time to the next population."""
    problem = random_job_shop(6, 5, seed=2)
    shop = Shop.of(problem)
    assert shop is not None
    moves = 20_000_000
    evolution = Evolution(
        Board(problem), shop, tables(shop), Champions(),
        factor=1, name="tabu", seed=1, worker=0, moves=moves,
    )  # fmt: skip
    population = evolution.found(6, [])
    evolution.evolve(population, 0.0)
    assert len({member.value for member in population}) == 1
    assert evolution.spent() < 0.5


def test_populations_follow_each_other_without_a_limit() -> None:
    """An endless search starts anew again and again, from champions every other time."""
    problem = random_job_shop(6, 5, seed=2)
    shop = Shop.of(problem)
    assert shop is not None
    champions, stop = Champions(), threading.Event()
    board = Board(problem, stop=stop)
    evolution = Evolution(
        board, shop, tables(shop), champions,
        factor=1, name="tabu", seed=1, worker=0, moves=None,
    )  # fmt: skip
    sizes: list[int] = []
    evolve = evolution.evolve

    def counted(population: list[Solution], began: float) -> None:
        sizes.append(len(population))
        evolve(population, began)
        if len(sizes) == 5:
            stop.set()

    evolution.evolve = counted  # type: ignore[method-assign]
    evolution.run()
    assert sizes == [10, 20, 40, 40, 40]
