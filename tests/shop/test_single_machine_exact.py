"""Exact methods of one machine agree, prove, stop, and know their limits."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from tests.shop.single_machine_support import drawn_jobs, some_jobs

from makespan.core.errors import OptionError, UnsupportedError
from makespan.core.metrics import evaluate
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.core.vocabulary import Status
from makespan.generators import random_job_shop, random_single_machine
from makespan.shop.single_machine import (
    RULES,
    Jobs,
    TotalTardinessSolver,
    decompose,
    lower_bound,
    order_by,
    problem_of,
    recognise,
    solve_positional,
    subset_order,
)
from makespan.shop.single_machine.positional import least_work_before
from makespan.solvers.solving import solve

FACTORS = [(t, r) for t in (0.2, 0.4, 0.6, 0.8) for r in (0.2, 0.4, 0.6, 0.8, 1.0)]
"""Tardiness factor and due-date range of the twenty classes."""


@given(jobs=some_jobs(most=10))
@settings(max_examples=100, deadline=None)
def test_decomposition_finds_the_optimum(jobs: Jobs) -> None:
    """Equals dynamic programming, on jobs full of ties."""
    found = decompose(jobs)
    optimum = jobs.total_tardiness(subset_order(jobs))
    assert found.value == jobs.total_tardiness(found.order) == optimum


@pytest.mark.parametrize("largest", [1, 3, 10, 100])
def test_decomposition_equals_subsets(largest: int) -> None:
    """On the twenty classes at 12 jobs, with few and with many equal times."""
    for seed, (tardiness, spread) in enumerate(FACTORS):
        drawn = drawn_jobs(seed, 12, tardiness, spread)
        jobs = Jobs(1 + drawn.processing % largest, drawn.due * largest // 100)
        assert decompose(jobs).value == jobs.total_tardiness(subset_order(jobs))


def test_a_small_table_changes_no_value() -> None:
    """What is forgotten is solved again."""
    jobs = drawn_jobs(5, 120, 0.6, 0.2)
    wide, narrow = decompose(jobs), decompose(jobs, memory=1)
    assert wide.value == narrow.value == jobs.total_tardiness(narrow.order)
    assert narrow.stored <= wide.stored


def test_hundred_jobs_of_every_class_are_proved() -> None:
    """No rule is better than the proven optimum, which is above the bound."""
    for seed, (tardiness, spread) in enumerate(FACTORS):
        jobs = drawn_jobs(seed, 100, tardiness, spread)
        found = decompose(jobs)
        assert lower_bound(jobs) <= found.value == jobs.total_tardiness(found.order)
        for name in RULES:
            assert found.value <= jobs.total_tardiness(order_by(jobs, name))


def test_decomposition_stops_and_declines() -> None:
    """A raised flag ends it; weights and sizes beyond it are named."""
    halted = np.ones(1, dtype=np.int64)
    assert decompose(drawn_jobs(1, 150, 0.6, 0.2), halt=halted) is None
    small = drawn_jobs(1, 5)
    with pytest.raises(OptionError, match="weighted"):
        decompose(replace(small, weight=np.array([1, 2, 1, 1, 1])))
    assert decompose(replace(small, weight=np.ones(5))).value == decompose(small).value
    with pytest.raises(OptionError, match="4000"):
        decompose(drawn_jobs(1, 4001))
    with pytest.raises(OptionError, match="MiB"):
        decompose(small, memory=0)


@given(jobs=some_jobs(weighted=True))
@settings(max_examples=60, deadline=None)
def test_the_bound_is_one(jobs: Jobs) -> None:
    """Never above the optimum, weighted or not."""
    assert 0 <= lower_bound(jobs) <= jobs.total_tardiness(subset_order(jobs))


@given(jobs=some_jobs(most=7))
@settings(max_examples=40, deadline=None)
def test_the_least_work_before_a_position(jobs: Jobs) -> None:
    """Equals its definition: the k shortest others."""
    found = least_work_before(jobs)
    p = jobs.processing.tolist()
    for j in range(len(jobs)):
        others = sorted(p[:j] + p[j + 1 :])
        assert found[j].tolist() == [sum(others[:k]) for k in range(len(jobs))]


@pytest.mark.parametrize("inequality", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_the_positional_program_agrees(inequality: bool, weighted: bool) -> None:
    """With and without valid inequality, with and without weights."""
    for seed in range(3):
        jobs = drawn_jobs(seed, 6)
        if weighted:
            jobs = replace(jobs, weight=np.array([3, 1, 0, 2, 5, 1]))
        found = solve_positional(jobs, inequality=inequality)
        assert found.proved
        assert found.bound == found.value == jobs.total_tardiness(subset_order(jobs))
        assert found.value == jobs.total_tardiness(found.order)


def test_the_positional_program_at_its_edges(capfd: pytest.CaptureFixture[str]) -> None:
    """No job, one job, zero times; too many, too large; stopped; and it prints nothing.

    But for the licence line that HiGHS prints once per process before it can be asked not to.
    """
    solve_positional(drawn_jobs(1, 3))
    capfd.readouterr()
    none = np.empty(0, dtype=np.int64)
    assert solve_positional(Jobs(none, none)).proved
    assert solve_positional(Jobs(np.array([4]), np.array([-1]))).value == 5
    assert solve_positional(Jobs(np.zeros(3), np.array([-1, 2, 0]))).value == 1
    with pytest.raises(OptionError, match="too many"):
        solve_positional(drawn_jobs(1, 61))
    with pytest.raises(OptionError, match="too large"):
        solve_positional(Jobs(np.array([1 << 40]), np.array([0])))
    stop = threading.Event()
    stop.set()
    stopped = solve_positional(drawn_jobs(1, 30), stop=stop)
    assert not stopped.proved
    assert capfd.readouterr().out == ""


def test_cpsat_agrees() -> None:
    """The general engine proves the same optimum on the recognised Problem."""
    jobs = drawn_jobs(4, 7)
    result = solve(problem_of(jobs), engine="cpsat", threads=1)
    assert result.status is Status.OPTIMAL
    assert result.objective == decompose(jobs).value


@given(jobs=some_jobs(most=9, weighted=True))
@settings(max_examples=40, deadline=None)
def test_the_engine_proves_small_problems(jobs: Jobs) -> None:
    """Weighted by subsets; the result verifies and is what evaluate says."""
    problem = problem_of(jobs)
    result = solve(problem, engine=TotalTardinessSolver())
    assert result.status is Status.OPTIMAL
    assert not verify(problem, result.schedule)
    assert evaluate(problem, result.schedule) == result.objectives == result.bounds
    assert result.objective == jobs.total_tardiness(subset_order(jobs))


def test_the_engine_never_returns_less_than_its_hint() -> None:
    """Beyond its exact methods, an optimal hint stays."""
    problem = random_single_machine(40, seed=3)
    plain = solve(problem, engine=TotalTardinessSolver(), time_limit=5)
    assert plain.status is Status.FEASIBLE
    assert plain.gap is not None
    assert plain.gap >= 0
    again = solve(problem, engine=TotalTardinessSolver(), hint=plain.schedule)
    assert again.objective == plain.objective
    assert again.schedule == plain.schedule


def test_the_engine_is_stopped_and_declines() -> None:
    """A stop from outside leaves a verified schedule; other Problems are refused."""
    stop = threading.Event()
    stop.set()
    problem = problem_of(drawn_jobs(1, 300, 0.6, 0.2))
    result = solve(problem, engine=TotalTardinessSolver(), stop=stop)
    assert result.cancelled
    assert result.schedule is not None
    assert result.gap is not None
    assert result.gap >= 0
    with pytest.raises(UnsupportedError):
        solve(random_job_shop(2, 2, seed=1), engine=TotalTardinessSolver())


def test_a_common_start_shifts_everything() -> None:
    """Due dates are absolute; too short a horizon and unequal releases are declined."""
    jobs = drawn_jobs(2, 8)
    problem = problem_of(jobs)
    early = replace(problem.tasks, release=np.full(8, -50))
    released = replace(problem.jobs, release=np.full(8, -50))
    problem = replace(problem, tasks=early, jobs=released, horizon_start=-50)
    result = solve(problem, engine=TotalTardinessSolver())
    moved = Jobs(jobs.processing, jobs.due + 50)
    assert result.objective == moved.total_tardiness(subset_order(moved))
    assert result.schedule.start.min() == -50
    assert recognise(replace(problem_of(jobs), horizon_end=3)) is None
    uneven = replace(problem.tasks, release=np.arange(8))
    assert recognise(replace(problem, tasks=uneven)) is None


def test_the_order_in_a_schedule() -> None:
    """A recognised Problem gives back start times in the order asked for."""
    found = recognise(problem_of(Jobs(np.array([3, 2]), np.array([1, 1]))))
    assert found.schedule([1, 0]) == Schedule([2, 0], [5, 2], [0, 1])
