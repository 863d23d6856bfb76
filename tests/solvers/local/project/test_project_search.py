"""What the search of projects finds, proves, declines and keeps."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.solvers.local.project.project_support import (
    dated_project,
    declined,
    run,
    small_project,
)

from makespan import solve
from makespan.core.builder import ProblemBuilder
from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.vocabulary import Status
from makespan.generators import random_multimode_rcpsp, random_rcpsp
from makespan.solvers.board import Board
from makespan.solvers.local.engine import LocalOptions, LocalSolver
from makespan.solvers.local.project import search


@pytest.mark.parametrize("seed", range(6))
def test_tiny_projects_are_solved_to_the_optimum(seed: int) -> None:
    """The exact engine proves what the search finds, single mode, any regular objective."""
    problem = dated_project(seed, activities=7)
    proof = solve(problem, engine="cpsat", time_limit=20, threads=1)
    assert proof.status is Status.OPTIMAL
    assert run(problem, moves=3000).values == proof.objectives


@pytest.mark.parametrize("seed", range(4))
def test_tiny_multimode_projects_are_solved_to_the_optimum(seed: int) -> None:
    """Also with consumables that bind."""
    problem = random_multimode_rcpsp(7, seed=seed, nonrenewable_strength=0.2)
    proof = solve(problem, engine="cpsat", time_limit=20, threads=1)
    assert proof.status is Status.OPTIMAL
    assert run(problem, moves=4000).values == proof.objectives


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(1, 14), st.booleans())
def test_every_schedule_verifies_and_bounds_hold(seed: int, activities: int, several: bool) -> None:
    """Whatever the mix of lags, releases, jobs, modes and terms."""
    problem = dated_project(seed, activities=activities, several=several)
    if not declined(problem):
        run(problem, moves=200, seed=seed)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.sampled_from([1, 7, 1 << 20, 1 << 40]))
def test_time_scales(seed: int, factor: int) -> None:
    """Times that are multiples of a tick give the schedule of ticks; others still verify."""
    dice = np.random.default_rng(seed)
    durations = dice.integers(0, 9, 8)
    demand = dice.integers(0, 4, 8)

    def scaled(by: int, plus: int) -> Problem:
        return small_project(
            [
                (int(d) * by + plus, {"R": int(u)})
                for d, u in zip(durations.tolist(), demand.tolist(), strict=True)
            ],
            {"R": 4},
            [(0, 4), (1, 5), (2, 5), (5, 7)],
        )

    plain, large = run(scaled(1, 0), moves=300), run(scaled(factor, 0), moves=300)
    assert plain.values is not None
    assert large.values == (plain.values[0] * factor,)
    run(scaled(factor, 1), moves=300)


def test_same_seed_same_schedule() -> None:
    """With moves and one worker the clock has no say."""
    problem = random_rcpsp(30, seed=4, strength=0.2)
    first, second = run(problem, moves=1500, seed=9), run(problem, moves=1500, seed=9)
    assert first.schedule == second.schedule
    assert first.moves == second.moves
    assert sum(first.moves.values()) >= 1500


def test_stops_on_its_bound() -> None:
    """A project whose longest resource load is its optimum ends before its moves."""
    problem = small_project([(3, {"R": 2}), (3, {"R": 2}), *[(4, {"R": 1})] * 2], {"R": 2})
    board = run(problem, moves=10**9)
    assert board.values == board.bounds == (10,)
    assert sum(board.moves.values()) < 10**4


def test_hints_are_kept_and_used() -> None:
    """A good plan is never made worse, and few moves suffice with it."""
    problem = random_rcpsp(40, seed=5, strength=0.1)
    good = run(problem, moves=6000)
    again = run(problem, moves=50, seed=77, hint=good.schedule)
    assert again.values is not None
    assert good.values is not None
    assert again.values <= good.values


def test_stop_ends_the_search() -> None:
    """A stop that is set before leaves one schedule and few moves."""
    problem = random_rcpsp(60, seed=6, strength=0.2)
    stop = threading.Event()
    stop.set()
    result = LocalSolver(LocalOptions(moves=10**9)).solve(
        problem, time_limit=None, threads=1, seed=1, hint=None, on_progress=None, stop=stop
    )
    assert result.cancelled
    assert result.schedule is not None


def test_two_workers_share_one_board() -> None:
    """Threads meet on the board, and the counts of both arrive."""
    problem = random_rcpsp(30, seed=8, strength=0.2)
    result = LocalSolver(LocalOptions(moves=500)).solve(
        problem,
        time_limit=None,
        threads=2,
        seed=1,
        hint=None,
        on_progress=None,
        stop=threading.Event(),
    )
    assert result.objectives == evaluate(problem, result.schedule)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("activities", "capacities", "arcs", "best"),
    [
        ([(4, {})], {}, [], 4),
        ([(0, {})], {}, [], 0),
        ([(0, {}), (0, {})], {}, [(0, 1)], 0),
        ([(2, {"R": 1}), (0, {"R": 9}), (2, {"R": 1})], {"R": 1}, [(0, 1)], 4),
        ([(2, {"R": 0}), (3, {})], {"R": 0}, [], 3),
        ([(5, {"R": 1})] * 3, {"R": 1}, [], 15),
        ([(2, {"R": 1}), (2, {"R": 1})], {"R": 2}, [(0, 1), (0, 1)], 4),
    ],
)
def test_edge_cases(
    activities: list[tuple[int, dict[str, int]]],
    capacities: dict[str, int],
    arcs: list[tuple[int, int]],
    best: int,
) -> None:
    """Single activities, milestones, resources of no use, a resource like a machine."""
    board = run(small_project(activities, capacities, arcs), moves=200)
    assert board.values == (best,)
    assert board.bounds == (best,)


def test_declines_what_cannot_fit_and_what_is_no_project() -> None:
    """Exact engines prove infeasibility; other constraints belong to other searches."""
    assert declined(small_project([(2, {"R": 3})], {"R": 2}))

    def built(change: str) -> Problem:
        builder = ProblemBuilder("x")
        machine = builder.machine("M")
        pool = builder.consumable("C", amount=3)
        a = builder.task(
            "a", duration=2, machine=machine, deadline=9 if change == "window" else None
        )
        b = builder.task("b", optional=change == "optional")
        for units in (2, 4):
            b.mode(duration=2, demands={pool: units})
        if change == "max lag":
            builder.precedence(a, b, max_lag=3)
        if change == "overlap":
            builder.precedence(a, b, min_lag=-1)
        if change == "start to start":
            builder.precedence(b, a, kind="SS")
        if change == "milestone":
            builder.task("c", duration=0, machine=machine)
        if change == "order":
            builder.no_overlap([a, b])
        if change == "spent":
            builder.task("d", duration=1, demands={pool: 2})
        if change == "levels":
            builder.minimise("makespan")
            builder.then_minimise("total_completion")
        if change == "cost":
            builder.minimise("mode_cost")
        return builder.build()

    assert not declined(built(""))
    for change in (
        "window",
        "optional",
        "max lag",
        "overlap",
        "start to start",
        "milestone",
        "order",
        "spent",
        "levels",
        "cost",
    ):
        assert declined(built(change)), change


def test_start_to_start_lags_of_fixed_durations() -> None:
    """A lag between starts that implies one from end to start is taken as that."""
    builder = ProblemBuilder("ss")
    a = builder.task("a", duration=2)
    b = builder.task("b", duration=3)
    builder.precedence(a, b, kind="SS", min_lag=5)
    assert run(builder.build(), moves=100).values == (8,)


def test_modes_within_tight_consumables() -> None:
    """Where only one choice of modes is possible, it is found; where none is, others prove it."""
    for amount, possible in ((18, True), (17, False)):
        builder = ProblemBuilder("knapsack")
        pools = [builder.consumable(f"C{k}", amount=amount) for k in range(2)]
        for k in range(12):
            task = builder.task(f"t{k}")
            task.mode(duration=1, demands={pools[0]: 3, pools[1]: 0})
            task.mode(duration=2, demands={pools[0]: 0, pools[1]: 3})
        problem = builder.build()
        if possible:
            assert run(problem, moves=500).values == (2,)
        else:
            assert declined(problem)


def test_search_is_none_when_stopped_before_modes_are_known() -> None:
    """A board that is out of time does not begin an exact search for modes."""
    builder = ProblemBuilder("knapsack")
    pool = builder.consumable("C", amount=1)
    task = builder.task("t")
    task.mode(duration=1, demands={pool: 1})
    builder.task("u", duration=1, demands={pool: 1})
    board = Board(builder.build(), time_limit=0.0)
    assert search(board.problem, board, seed=1, workers=1, moves=None) is None
