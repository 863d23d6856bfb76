"""The search of shops under regular objectives: optima, bounds, determinism, edges, refusals."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.solvers.local.regular.regular_support import (
    BEYOND_MAKESPAN,
    KINDS,
    all_objectives,
    best_values,
    flexible_shop,
    job_shop,
    solved,
    under,
)

from makespan.core.builder import ProblemBuilder
from makespan.core.metrics import evaluate
from makespan.core.problem import Objective, ObjectiveTerm, Problem
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.core.vocabulary import INFINITY, TICK_LIMIT, ObjectiveKind
from makespan.generators import random_due_date_job_shop, random_job_shop
from makespan.solvers.board import Board
from makespan.solvers.local import LocalOptions, LocalSolver
from makespan.solvers.local.regular import search
from makespan.solvers.local.regular.islands import Island, RegularSearch

TOTAL = ObjectiveKind.TOTAL_TARDINESS


def with_dues(problem: Problem, due: int) -> Problem:
    """The problem with one due date for all jobs."""
    jobs = replace(problem.jobs, due=np.full(problem.jobs.count, due, dtype=np.int64))
    return replace(problem, jobs=jobs)


def taken(problem: Problem) -> bool:
    """Whether the search takes the problem."""
    return search(problem, Board(problem), seed=1, workers=1, moves=1) is not None


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("number", range(len(BEYOND_MAKESPAN) + 3))
def test_tiny_shops_are_solved_to_optimality(seed: int, number: int) -> None:
    """Every objective on a job shop and on a flexible one reaches the optimum by enumeration."""
    for shop in (job_shop(3, 2, seed), flexible_shop(2, 2, seed)):
        problems = [p for p in all_objectives(shop) if p.objective.kinds != {KINDS[0]}]
        chosen = problems[number % len(problems)]
        board = solved(chosen, moves=4000)
        assert board.values == tuple(best_values([chosen]))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data())
def test_every_result_verifies_and_no_bound_lies(data: st.DataObject) -> None:
    """Random shops of every size up to five jobs under random sums of terms."""
    make = data.draw(st.sampled_from((job_shop, flexible_shop)))
    shape = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(0, 99)))
    kinds = data.draw(st.lists(st.sampled_from(BEYOND_MAKESPAN), min_size=1, max_size=3))
    factors = data.draw(st.lists(st.integers(1, 9), min_size=3, max_size=3))
    problem = under(make(*shape), *zip(kinds, factors, strict=False))
    solved(problem, moves=300, seed=shape[2])


@pytest.mark.parametrize("problem", all_objectives(flexible_shop(4, 3, 2))[1:])
def test_a_hint_is_never_made_worse(problem: Problem) -> None:
    """A search that begins with a good schedule ends with one as good, even after one move."""
    best = solved(problem, moves=3000)
    board = Board(problem)
    assert board.adopt(best.schedule)
    assert best.values is not None
    again = solved(problem, moves=1, board=board)
    assert again.values is not None
    assert again.values <= best.values


@pytest.mark.parametrize("make", [job_shop, flexible_shop])
def test_equal_seeds_give_equal_schedules(make: type) -> None:
    """With moves and one thread, nothing but the seed decides."""
    problem = under(make(5, 4, 1), (TOTAL, 1))
    first, second, other = (solved(problem, moves=3000, seed=s) for s in (5, 5, 6))
    assert first.schedule == second.schedule
    assert first.moves == second.moves
    assert first.moves["regular"] <= 3000
    assert other.values is not None


def test_the_last_round_takes_all_moves_that_are_left() -> None:
    """What an island can afford is known before and after it ends, by moves or by time."""
    problem = under(job_shop(5, 4, 1), (TOTAL, 1))
    board = Board(problem)
    found = search(problem, board, seed=1, workers=1, moves=2345)
    assert isinstance(found, RegularSearch)
    island = Island(found, 0)
    assert island.affordable() == 2345
    island.run()
    assert island.left == island.affordable() == 0
    assert board.moves["regular"] <= 2345
    timed = search(problem, Board(problem, time_limit=1e6), seed=1, workers=1, moves=None)
    assert isinstance(timed, RegularSearch)
    island = Island(timed, 0)
    assert island.affordable() == float("inf")
    island.dispatch()
    island.measure()
    assert 0 < island.affordable() < float("inf")


def test_islands_share_a_board() -> None:
    """Two workers end with a schedule that verifies, too."""
    problem = under(job_shop(6, 5, 1), (ObjectiveKind.TOTAL_COMPLETION, 1))
    solved(problem, moves=2000, workers=2)


def test_a_stop_ends_the_search() -> None:
    """A search without moves or time limit ends when it is asked to."""
    problem = random_due_date_job_shop(10, 5, seed=1)
    stop = threading.Event()

    def heard(_: object) -> None:
        stop.set()

    result = LocalSolver().solve(
        problem, time_limit=None, threads=1, seed=1, hint=None, on_progress=heard, stop=stop
    )
    assert result.cancelled
    assert verify(problem, result.schedule) == [] if result.schedule else True


def test_the_engine_finds_this_search() -> None:
    """Total tardiness of a job shop is for these islands."""
    problem = random_due_date_job_shop(4, 3, seed=1)
    result = LocalSolver(LocalOptions(moves=500)).solve(
        problem,
        time_limit=None,
        threads=1,
        seed=1,
        hint=None,
        on_progress=None,
        stop=threading.Event(),
    )
    assert result.moves["regular"] > 0
    assert result.schedule is not None
    assert evaluate(problem, result.schedule) == result.objectives


@pytest.mark.parametrize("kind", BEYOND_MAKESPAN)
@pytest.mark.parametrize("due", [-(10**6), 0, 10**6, TICK_LIMIT, INFINITY])
def test_any_due_date_will_do(kind: ObjectiveKind, due: int) -> None:
    """Dates long gone, far ahead, or none at all."""
    problem = under(with_dues(job_shop(3, 2, 1), due), (kind, 1))
    board = solved(problem, moves=300)
    if due == INFINITY and kind not in {
        ObjectiveKind.TOTAL_COMPLETION,
        ObjectiveKind.TOTAL_FLOW_TIME,
    }:
        assert board.values == board.bounds == (0,)


@pytest.mark.parametrize("kind", BEYOND_MAKESPAN)
def test_weights_of_zero(kind: ObjectiveKind) -> None:
    """Where no job matters any schedule will do, except for lateness, which knows no weights."""
    shop = job_shop(4, 3, 1)
    shop = replace(shop, jobs=replace(shop.jobs, weight=np.zeros(4, dtype=np.int64)))
    board = solved(under(shop, (kind, 1)), moves=300)
    if kind != ObjectiveKind.MAX_LATENESS:
        assert board.values == board.bounds == (0,)


@pytest.mark.parametrize("kind", BEYOND_MAKESPAN)
def test_one_job_is_proven_optimal_at_once(kind: ObjectiveKind) -> None:
    """A lone job runs straight through, which the bound knows."""
    board = solved(under(random_due_date_job_shop(1, 5, seed=1), (kind, 1)), moves=100)
    assert board.values == board.bounds


@pytest.mark.parametrize("kind", BEYOND_MAKESPAN)
def test_one_task_without_a_job(kind: ObjectiveKind) -> None:
    """A task without a job is its own job, with its own due date and weight."""
    b = ProblemBuilder()
    b.task(duration=7, machine=b.machine("M"), release=3, due=4, weight=2)
    b.minimise(kind)
    board = solved(b.build(), moves=10)
    expected = {
        ObjectiveKind.TOTAL_COMPLETION: 20,
        ObjectiveKind.TOTAL_FLOW_TIME: 14,
        ObjectiveKind.TOTAL_TARDINESS: 12,
        ObjectiveKind.MAX_TARDINESS: 12,
        ObjectiveKind.TARDY_COUNT: 2,
        ObjectiveKind.MAX_LATENESS: 6,
    }
    assert board.values == (expected[kind],) == board.bounds


def test_durations_of_zero() -> None:
    """A shop of milestones alone ends where its releases are."""
    shop = job_shop(4, 3, 1)
    still = replace(shop.modes, duration=np.zeros_like(shop.modes.duration))
    problem = under(replace(shop, modes=still), (ObjectiveKind.TOTAL_FLOW_TIME, 1))
    assert solved(problem, moves=200).values == (0,)


def test_huge_times_stay_exact() -> None:
    """Durations around 2^40 under a sum of tardiness."""
    shop = job_shop(5, 4, 1)
    long = replace(shop.modes, duration=shop.modes.duration * (1 << 36))
    solved(under(replace(shop, modes=long), (TOTAL, 1)), moves=2000)


def test_values_beyond_int64_are_declined() -> None:
    """Weights of a million at times of 2^40 are left to engines with wider numbers."""
    shop = job_shop(5, 4, 1)
    long = replace(shop.modes, duration=shop.modes.duration * (1 << 36))
    heavy = replace(shop.jobs, weight=np.full(5, 1 << 20, dtype=np.int64))
    assert not taken(under(replace(shop, modes=long, jobs=heavy), (TOTAL, 1)))


def test_what_is_left_to_others() -> None:
    """Makespan alone, terms that fall when ends grow, several levels, and more than a shop."""
    shop = job_shop(3, 2, 1)
    assert taken(under(shop, (TOTAL, 1)))
    assert not taken(random_job_shop(3, 2, seed=1))
    assert not taken(under(shop, (TOTAL, 1), (ObjectiveKind.TOTAL_EARLINESS, 1)))
    levels = ((ObjectiveTerm(TOTAL),), (ObjectiveTerm(ObjectiveKind.MAKESPAN),))
    assert not taken(replace(shop, objective=Objective(levels)))
    late = replace(shop.jobs, deadline=np.full(3, 1000, dtype=np.int64))
    assert not taken(under(replace(shop, jobs=late), (TOTAL, 1)))


def test_a_job_of_several_chains_is_left_to_others() -> None:
    """Two tasks of one job without a precedence between them."""
    b = ProblemBuilder()
    job = b.job(due=3)
    b.task(duration=2, machine=b.machine("M"), job=job)
    b.task(duration=2, machine=b.machine("N"), job=job)
    b.minimise(TOTAL)
    assert not taken(b.build())


def test_a_hint_with_idle_time_is_made_semi_active() -> None:
    """Starting late costs, so that the same order without waiting is better."""
    problem = under(job_shop(4, 3, 2), (ObjectiveKind.TOTAL_COMPLETION, 1))
    board = solved(problem, moves=2000)
    assert board.schedule is not None
    delayed = Schedule(board.schedule.start + 50, board.schedule.end + 50, board.schedule.mode)
    again = Board(problem)
    assert again.adopt(delayed)
    assert solved(problem, moves=1, board=again).values == board.values
