"""Lower bounds of regular objectives against enumeration, and the assignment beneath them."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from tests.solvers.local.regular.regular_support import (
    all_objectives,
    best_values,
    flexible_shop,
    job_shop,
    orders,
    under,
)

from makespan.core.metrics import evaluate
from makespan.core.vocabulary import ObjectiveKind
from makespan.generators import random_job_shop
from makespan.solvers.board import Board
from makespan.solvers.local.regular._plan import Plan, load
from makespan.solvers.local.regular.bounds import (
    chain_bound,
    least_assignment,
    machine_bound,
    value_at,
)
from makespan.solvers.local.regular.objective import points_of
from makespan.solvers.local.shapes import Shop


@pytest.mark.parametrize("seed", range(3))
def test_no_bound_exceeds_the_optimum(seed: int) -> None:
    """Every objective on job shops, one machine and flexible shops with few tasks."""
    for shop in (job_shop(3, 2, seed), job_shop(5, 1, seed), flexible_shop(2, 2, seed)):
        problems = all_objectives(shop)
        for problem, best in zip(problems, best_values(problems), strict=True):
            found = Shop.of(problem)
            assert found is not None
            points = points_of(problem, found)
            assert points is not None
            low = chain_bound(found, points)
            high, _ = machine_bound(found, points, Board(problem))
            assert low <= high <= best


def test_the_machine_bound_is_tight_for_flow_time_on_one_machine() -> None:
    """Without releases, shortest processing time first is optimal and is the bound."""
    problem = under(random_job_shop(6, 1, seed=2), (ObjectiveKind.TOTAL_COMPLETION, 1))
    shop = Shop.of(problem)
    assert shop is not None
    points = points_of(problem, shop)
    assert points is not None
    ticks = np.sort(problem.modes.duration)
    assert machine_bound(shop, points, Board(problem))[0] == int(np.cumsum(ticks).sum())


@pytest.mark.parametrize("seed", range(3))
def test_the_value_of_ends_is_the_value_of_the_schedule(seed: int) -> None:
    """The NumPy value, the kernel's and the definition agree."""
    for problem in all_objectives(flexible_shop(4, 3, seed)):
        shop = Shop.of(problem)
        assert shop is not None
        points = points_of(problem, shop)
        assert points is not None
        plan = Plan.of(shop)
        value = load(plan, points, *orders(seed, shop))
        end = plan.starts() + shop.option_duration[plan.option]
        assert value_at(points, end[points.op]) == value
        assert evaluate(problem, shop.schedule(plan.starts(), plan.option)) == (value,)


def test_the_assignment_is_the_cheapest_permutation() -> None:
    """Random matrices up to five rows, negative costs included."""
    rng = np.random.default_rng(1)
    for _ in range(200):
        n = int(rng.integers(1, 6))
        cost = rng.integers(-9, 30, (n, n))
        rows = np.arange(n)
        least = min(int(cost[rows, list(p)].sum()) for p in permutations(range(n)))
        assert least_assignment(cost) == least
