"""Makespan bounds: never above an optimum, tight where they should be."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import oracle
from tests.strategies import ALL, HORIZON, problems

from makespan.core.builder import ProblemBuilder
from makespan.core.problem import Problem
from makespan.core.vocabulary import ObjectiveKind
from makespan.generators import (
    best_known,
    named_instance,
    planted_everything,
    planted_rcpsp_max,
    random_job_shop,
)
from makespan.solvers.dispatch._runner import Runner
from makespan.solvers.dispatch.bounds import level_bounds


def bound(problem: Problem) -> int | None:
    """The bound on the first level."""
    runner = Runner(problem)
    return level_bounds(problem, runner.compiled, runner.attributes)[0]


@settings(max_examples=150)
@given(problems(max_tasks=4, features=ALL - {"objectives", "lexicographic"}))
def test_not_above_the_optimum(problem: Problem) -> None:
    """On tiny problems the bound is at most the optimum by enumeration."""
    found = bound(problem)
    assert found is not None
    try:
        best = oracle.best(problem, problem.horizon_start + HORIZON, patience=20_000)
    except oracle.TooManyPlansError:
        return
    assert best is None or found <= best[0][0]


@settings(max_examples=60)
@given(st.integers(1, 25), st.integers(0, 1 << 16))
def test_not_above_a_planted_schedule(tasks: int, seed: int) -> None:
    """On problems with a planted schedule the bound is at most its latest end."""
    problem, schedule = planted_everything(tasks, seed=seed)
    runner = Runner(problem)
    first = problem.objective.levels[0]
    found = level_bounds(problem, runner.compiled, runner.attributes)[0]
    if all(term.kind is ObjectiveKind.MAKESPAN for term in first):
        assert found is not None
        assert found <= sum(term.coefficient for term in first) * schedule.makespan
    else:
        assert found is None


@settings(max_examples=30)
@given(st.integers(0, 1 << 16))
def test_not_above_a_planted_project(seed: int) -> None:
    """Maximum lags do not mislead it."""
    problem, schedule = planted_rcpsp_max(15, seed=seed)
    found = bound(problem)
    assert found is not None
    assert found <= schedule.makespan


@pytest.mark.parametrize(("name", "optimum", "expected"), [("ft06", 55, 52), ("ft10", 930, 796)])
def test_classic_instances(name: str, optimum: int, expected: int) -> None:
    """Known optima are not exceeded; the values are the longest job or machine with head and tail."""
    found = bound(named_instance(name))
    assert found is not None
    assert found <= optimum
    assert found == expected


@pytest.mark.parametrize("name", [f"ta{k:02d}" for k in range(1, 31)])
def test_taillard(name: str) -> None:
    """Best known upper bounds of Taillard's job shops are not undercut."""
    known = best_known(name)
    found = bound(named_instance(name))
    assert known is not None
    assert found is not None
    assert 0 < found <= known.upper


def test_tight_on_one_machine() -> None:
    """On one machine the bound is least head plus work plus least tail, which is attained."""
    b = ProblemBuilder("one machine")
    press, oven = b.machine("press"), b.renewable("oven", capacity=9)
    for k, release in enumerate((3, 5, 4)):
        task = b.task(machine=press, duration=4 + k, release=release)
        baked = b.task(duration=4 - k, demands={oven: 1})
        b.precedence(task, baked)
    problem = b.build()
    assert bound(problem) == 3 + (4 + 5 + 6) + 2
    best = oracle.best(problem, 25, patience=2_000_000)
    assert best is not None
    assert best[0] == (20,)


def test_energy_of_a_renewable() -> None:
    """Work over capacity counts for renewables, with the largest capacity of any step."""
    b = ProblemBuilder("crew")
    crew = b.renewable("crew", capacity=2, steps=[(100, 3)])
    for _ in range(7):
        b.task(duration=3, demands={crew: 2})
    assert bound(b.build()) == 14


def test_optional_tasks_do_not_count() -> None:
    """Tasks that may be left out, and paths through them, prove nothing."""
    b = ProblemBuilder("optional")
    machine = b.machine("M")
    first = b.task(machine=machine, duration=2)
    maybe = b.task(machine=machine, duration=50, optional=True)
    last = b.task(machine=machine, duration=3)
    b.precedence(first, maybe)
    b.precedence(maybe, last)
    assert bound(b.build()) == 5


def test_before_tick_zero() -> None:
    """Without required tasks the bound allows for optional ones that end before tick 0."""
    b = ProblemBuilder("early", horizon=(-4, 20))
    b.task(duration=1, optional=True, reward=1)
    assert bound(b.build()) == -4


def test_huge_numbers_do_not_wrap() -> None:
    """Energies beyond 64 bits are not summed; the longest path still counts."""
    b = ProblemBuilder("huge")
    crew = b.renewable("crew", capacity=1 << 43)
    for _ in range(64):
        b.task(duration=1 << 40, demands={crew: 1 << 42})
    assert bound(b.build()) == 1 << 40


def test_shops_by_hand() -> None:
    """A random shop's bound is the largest of its jobs' and its machines' heads, work and tails."""
    problem = random_job_shop(6, 5, seed=4)
    machine = problem.modes.demand_resource.reshape(6, 5)
    duration = problem.modes.duration.reshape(6, 5)
    best = int(duration.sum(axis=1).max())
    for m in range(5):
        at = [(j, int((machine[j] == m).argmax())) for j in range(6)]
        head = min(int(duration[j, :k].sum()) for j, k in at)
        tail = min(int(duration[j, k + 1 :].sum()) for j, k in at)
        best = max(best, head + sum(int(duration[j, k]) for j, k in at) + tail)
    assert bound(problem) == best
