"""What stands in for intervals and for the linear relaxation: order literals, balance of loads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.solvers.cpsat_support import optimum, run

from makespan.core.problem import Problem
from makespan.core.vocabulary import Blocking
from makespan.generators import random_flexible_job_shop, random_job_shop
from makespan.solvers.cpsat import build, orders
from makespan.solvers.cpsat.balance import Load, balanced
from makespan.solvers.cpsat.options import Shape


def blocked(kind: Blocking, seed: int) -> Problem:
    """A small job shop whose tasks all block."""
    problem = random_job_shop(4, 3, seed=seed)
    codes = np.full(problem.tasks.count, kind, dtype=np.uint8)
    return replace(problem, tasks=replace(problem.tasks, blocking=codes))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", [Blocking.SWAP, Blocking.NO_SWAP])
def test_without_room_for_pairs_the_optimum_is_the_same(
    monkeypatch: pytest.MonkeyPatch, kind: Blocking, seed: int
) -> None:
    """Literals and the backend's no-overlap mean the same."""
    problem = blocked(kind, seed)
    with_pairs = optimum(problem)
    monkeypatch.setattr(orders, "PAIR_LIMIT", 0)
    assert not any(build(problem).orders.covers(r) for r in range(3))
    assert optimum(problem) == with_pairs


def test_only_machines_that_are_blocked_get_pairs() -> None:
    """Elsewhere the backend's own no-overlap is the better model."""
    assert not any(build(random_job_shop(4, 3, seed=0)).orders.covers(r) for r in range(3))
    built = build(blocked(Blocking.SWAP, 0))
    assert any(built.orders.covers(r) for r in range(3))


def test_balance_of_two_machines() -> None:
    """Three tasks of 4 on either of two machines need 6 on average, and 1 idle tick more."""
    work = {i: {2 * i: 4} for i in range(3)}
    other = {i: {2 * i + 1: 4} for i in range(3)}
    modes = {i: [2 * i, 2 * i + 1] for i in range(3)}
    assert balanced([Load(1, 0, work), Load(1, 0, other)], modes) == 6
    assert balanced([Load(1, 1, work), Load(1, 1, other)], modes) == 7
    assert balanced([], {}) is None


def test_balance_follows_the_bottleneck() -> None:
    """Whoever can leave a machine does, but what cannot stays and weighs."""
    fixed = {0: {0: 9}, 1: {1: 3}}
    free = {1: {2: 5}}
    assert balanced([Load(1, 0, fixed), Load(1, 0, free)], {0: [0], 1: [1, 2]}) == 9


def test_tasks_that_may_be_left_out_weigh_nothing() -> None:
    """Only sure work counts, so nothing sure proves nothing."""
    assert balanced([Load(1, 0, {0: {0: 9}})], {}) == 0


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.integers(2, 4), st.integers(1, 3))
def test_balance_never_exceeds_the_optimum(seed: int, jobs: int, machines: int) -> None:
    """The bound in the makespan's domain is valid."""
    problem = random_flexible_job_shop(jobs, machines + 1, seed=seed, low=1, high=9)
    result = run(problem, time_limit=20.0)
    built = build(problem)
    built.model.cp.minimize(built.terms.level(problem.objective.levels[0]))
    assert built.model.objective_floor() <= result.objectives[0]


def test_search_follows_the_shape() -> None:
    """Linear relaxation only where it tells something; costly propagation only on small shops."""
    assert Shape.of(random_job_shop(5, 5, seed=0)) == Shape(small_shop=True, relaxation=False)
    assert Shape.of(random_job_shop(20, 20, seed=0)) == Shape(small_shop=False, relaxation=False)
    flexible = random_flexible_job_shop(5, 4, seed=0)
    assert Shape.of(flexible) == Shape(small_shop=False, relaxation=False)
