"""Moves of a plan: the fast value and every array equal a plain recomputation."""

from __future__ import annotations

import numpy as np
import pytest
from tests.solvers.local.regular.regular_support import (
    all_objectives,
    flexible_shop,
    job_shop,
    orders,
    terms_of,
    wander,
)

from makespan.core.metrics import evaluate
from makespan.core.verify import verify
from makespan.solvers.local.draw import stream
from makespan.solvers.local.regular._plan import VALUE, Plan, load
from makespan.solvers.local.regular.objective import points_of
from makespan.solvers.local.shapes import Shop

SHOPS = {
    "job shop": job_shop(6, 4, seed=3),
    "flexible": flexible_shop(5, 4, seed=4),
    "one machine": job_shop(9, 1, seed=5),
    "one job": flexible_shop(1, 5, seed=6),
    "more than 64 operations": flexible_shop(9, 8, seed=7),
}


@pytest.mark.parametrize("name", SHOPS)
def test_fast_values_equal_the_reference_over_a_million_random_moves(name: str) -> None:
    """Five shops under ten objectives, over 20,000 moves each: more than a million in all."""
    tally = np.zeros(3, dtype=np.int64)
    moves = 3_000 if name.startswith("more") else 25_000
    for k, problem in enumerate(all_objectives(SHOPS[name])):
        shop = Shop.of(problem)
        assert shop is not None
        points = points_of(problem, shop)
        assert points is not None
        plan, terms, dice = Plan.of(shop), terms_of(problem, shop), stream(k, 1)
        load(plan, points, *orders(k, shop))
        for _ in range(10):
            assert wander(plan, points, terms, moves // 10, dice, tally) == -1
            schedule = shop.schedule(plan.starts(), plan.option)
            assert verify(problem, schedule) == []
            assert evaluate(problem, schedule) == (plan.number[VALUE],)
    assert tally[0] > 0
    if shop.flexible:
        assert tally[2] > 0
    if name in ("job shop", "flexible"):
        assert tally[1] > 0


@pytest.mark.parametrize("name", SHOPS)
def test_loaded_plans_have_the_value_of_their_schedule(name: str) -> None:
    """Loading any feasible order gives a schedule that verifies, and its value."""
    for problem in all_objectives(SHOPS[name]):
        shop = Shop.of(problem)
        assert shop is not None
        points = points_of(problem, shop)
        assert points is not None
        plan = Plan.of(shop)
        for seed in range(5):
            value = load(plan, points, *orders(seed, shop))
            schedule = shop.schedule(plan.starts(), plan.option)
            assert verify(problem, schedule) == []
            assert evaluate(problem, schedule) == (value,)
