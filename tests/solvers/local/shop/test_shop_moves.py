"""Moves keep the schedule whole: a million of them, each checked against full recomputation."""

from __future__ import annotations

import numpy as np
import pytest
from tests.solvers.local.shop.shop_support import problem_of, wander

from makespan.core.problem import Problem
from makespan.generators import random_flexible_job_shop, random_job_shop
from makespan.solvers.local.draw import stream
from makespan.solvers.local.shapes import Shop
from makespan.solvers.local.shop.initial import dispatch
from makespan.solvers.local.shop.layout import state, tables


def reentrant(seed: int, least: int, most: int = 8) -> Problem:
    """Chains that return to machines at once or later, with releases and alternatives."""
    rng = np.random.default_rng(seed)
    chains = [
        [
            (
                int(rng.integers(0, 30)) if rng.random() < 0.3 else 0,
                [
                    (int(k), int(rng.integers(least, most + 1)))
                    for k in rng.choice(4, size=int(rng.integers(1, 4)), replace=False)
                ],
            )
            for _ in range(int(rng.integers(1, 9)))
        ]
        for _ in range(9)
    ]
    return problem_of(chains, 4)


SHOPS = {
    "job shop": random_job_shop(8, 5, seed=1),
    "few times": random_job_shop(7, 4, seed=2, low=1, high=2),
    "zero times": random_job_shop(7, 4, seed=3, low=0, high=2),
    "flexible": random_flexible_job_shop(8, 5, seed=4, flexibility=2.5),
    "very flexible": random_flexible_job_shop(8, 4, seed=5, flexibility=4, spread=0),
    "reentrant": reentrant(6, 1),
    "reentrant, zero times": reentrant(7, 0),
    "reentrant, hardly any times": reentrant(8, 0, 1),
}


def walk(problem: Problem, moves: int, *, greedy: bool, seed: int) -> np.ndarray:
    """Checked walks from random schedules until ``moves`` are made; see ``wander``."""
    shop = Shop.of(problem)
    assert shop is not None
    T = tables(shop)
    order = np.zeros(shop.count, dtype=np.uint32)
    option = np.zeros(len(T.chain), dtype=np.int32)
    rng = stream(seed)
    told = np.zeros(6, dtype=np.int64)
    S = state(T)
    for _ in range(20_000):  # a walk also ends where a critical path allows no move
        dispatch(T, order, option, 1.0, rng)
        assert wander(T, S, order, option, min(moves, 5_000), greedy, rng, told) == 0
        if told[0] >= moves:
            break
    return told


@pytest.mark.parametrize("name", SHOPS)
def test_random_moves_keep_heads_tails_and_order_right(name: str) -> None:
    """After every move all arrays equal their recomputation."""
    told = walk(SHOPS[name], 150_000, greedy=False, seed=1)
    assert told[0] > 144_000  # more than a million over all shops
    if "flexible" in name or "reentrant" in name:
        assert told[4] > 20_000
        assert told[5] > 5_000


@pytest.mark.parametrize("name", SHOPS)
def test_best_moves_have_the_estimates_they_promise(name: str) -> None:
    """Adjacent swaps and exchanges are told exactly, changes of machine never too low.

    ``wander`` compares.
    """
    told = walk(SHOPS[name], 50_000, greedy=True, seed=2)
    assert told[0] > 20_000


def test_block_moves_are_mostly_told_exactly() -> None:
    """Estimates of longer block moves equal the longest path in four of five cases."""
    told = walk(random_job_shop(12, 4, seed=8), 100_000, greedy=True, seed=3)
    assert told[2] > 300
    assert told[3] > 0.8 * told[2]
