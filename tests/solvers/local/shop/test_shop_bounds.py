"""Lower bounds of shops against hand-computed and exhaustive values."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.solvers.local.shop.shop_support import problem_of, shops, solve

from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.generators import named_instance
from makespan.solvers.local.shapes import Shop
from makespan.solvers.local.shop.bounds import bounds, one_machine, parallel

JOBS = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 9), st.integers(0, 12)), min_size=1, max_size=6
)


def least_end(jobs: list[tuple[int, int, int]]) -> int:
    """Best schedule of one machine with heads and tails, by trying all orders."""
    best = 1 << 60
    for order in permutations(jobs):
        now = end = 0
        for head, duration, tail in order:
            now = max(now, head) + duration
            end = max(end, now + tail)
        best = min(best, end)
    return best


@given(JOBS)
@settings(max_examples=150, deadline=None)
def test_one_machine_bound_is_at_most_the_best_order(jobs: list[tuple[int, int, int]]) -> None:
    """Preemption only relaxes: no order of the jobs ends before the bound."""
    head, duration, tail = (np.array(column) for column in zip(*jobs, strict=True))
    bound = one_machine(head, duration, tail)
    assert bound <= least_end(jobs)
    # No weaker than what every set of all jobs says at once.
    assert bound >= max(h + d + t for h, d, t in jobs)
    assert bound >= int(head.min() + duration.sum() + tail.min())


@given(JOBS)
@settings(max_examples=150, deadline=None)
def test_bound_of_one_parallel_machine_is_at_most_the_best_order(
    jobs: list[tuple[int, int, int]],
) -> None:
    """With one machine the mean load is the load."""
    head, duration, tail = (np.array(column) for column in zip(*jobs, strict=True))
    assert parallel(head, duration, tail, 1) <= least_end(jobs)


def test_preemption_closes_what_heads_and_tails_leave_open() -> None:
    """A case worked by hand: Jackson's schedule."""
    head, duration, tail = np.array([0, 1, 5]), np.array([4, 2, 3]), np.array([1, 8, 2])
    # 0 runs in [0,1) and [3,6), 1 in [1,3), 2 in [6,9): ends 7, 11, 11.
    assert one_machine(head, duration, tail) == 11


def test_bounds_of_classic_shops() -> None:
    """Bounds never pass the optimum, and meet it where one machine decides."""
    for name, optimum in (("la01", 666), ("la05", 593), ("ft06", 55)):
        shop = Shop.of(named_instance(name))
        assert shop is not None
        found = max(bounds(shop))
        assert found <= optimum
        if name != "ft06":
            assert found == optimum


def test_work_that_can_only_move_within_a_set_of_machines_counts_there() -> None:
    """Three operations on two machines: 15 each."""
    chains = [[(0, [(0, 10), (1, 10)])] for _ in range(3)] + [[(0, [(2, 1)])]]
    shop = Shop.of(problem_of(chains, 3))
    assert shop is not None
    assert max(bounds(shop)) == 15


def test_work_in_many_sets_of_machines_still_fills_them_all() -> None:
    """More different sets than are looked at: their union comes first."""
    rng = np.random.default_rng(1)
    chains = [[(0, [(int(k), 10) for k in rng.choice(12, 6, replace=False)])] for _ in range(480)]
    shop = Shop.of(problem_of(chains, 12))
    assert shop is not None
    assert max(bounds(shop)) == 400


def test_machines_that_are_slow_at_everything_weigh_less() -> None:
    """Six operations, 2 ticks on one machine or 4 on the other: four and two of them, 8 ticks.

    The mean of the shortest times says 6.
    """
    shop = Shop.of(problem_of([[(0, [(0, 2), (1, 4)])] for _ in range(6)], 2))
    assert shop is not None
    assert max(bounds(shop)) == 8


@given(shops())
@settings(max_examples=25, deadline=None)
def test_no_schedule_undercuts_a_bound(problem: Problem) -> None:
    """Schedules found by the search end at the bound or later."""
    shop = Shop.of(problem)
    assert shop is not None
    factor = sum(term.coefficient for term in problem.objective.levels[0])
    schedule = solve(problem, moves=200).schedule
    assert schedule is not None
    assert factor * max(bounds(shop)) <= evaluate(problem, schedule)[0]
