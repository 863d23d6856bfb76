"""The two optimisers against answers that are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.serving.cost.calibration.search import minimise, nonnegative_least_squares


def test_simplex_finds_the_valley_of_rosenbrock():
    """Rosenbrock's function (The Computer Journal 3, 1960) has its minimum at (1, 1)."""

    def rosenbrock(p: np.ndarray) -> float:
        return 100 * (p[1] - p[0] ** 2) ** 2 + (1 - p[0]) ** 2

    found, least = minimise(rosenbrock, [(0.2, 3.0)], (1e-3, 1e-3), (1e3, 1e3))
    assert found == pytest.approx([1, 1], rel=0.01)
    assert least < 1e-4


def test_bounds_hold_and_are_reached():
    """A minimum outside the bounds is looked for at the nearest bound."""
    found, _ = minimise(lambda p: float(((p - 9) ** 2).sum()), [(1.0, 2.0)], (0.5, 0.5), (3, 4))
    assert found == pytest.approx([3, 4])
    start_at_top, _ = minimise(lambda p: float(p.sum()), [(3.0, 4.0)], (0.5, 0.5), (3, 4))
    assert start_at_top == pytest.approx([0.5, 0.5])


def test_the_best_start_wins_and_nonsense_is_passed_over():
    """Of two valleys the deeper one is found from its start; NaN counts as infinite."""

    def valleys(p: np.ndarray) -> float:
        if 2 < p[0] < 5:
            return float("nan")
        return float((p[0] - 1) ** 2 + 1 if p[0] <= 2 else (p[0] - 10) ** 2)

    found, least = minimise(valleys, [(1.5,), (8.0,)], (0.1,), (100.0,))
    assert found == pytest.approx([10], rel=1e-3)
    assert least == pytest.approx(0, abs=1e-5)


def test_the_search_is_deterministic():
    """Equal calls give equal answers to the last bit."""
    runs = [
        minimise(lambda p: float(np.abs(np.log(p / [2, 3, 4])).sum()), [(1, 1, 1)], (0.1,) * 3,
                 (9,) * 3)
        for _ in range(2)
    ]  # fmt: skip
    assert (runs[0][0] == runs[1][0]).all()


@given(
    x=st.lists(st.floats(0, 5), min_size=3, max_size=3),
    seed=st.integers(0, 1000),
)
def test_exact_coefficients_are_recovered(x: list[float], seed: int):
    """Without noise the least squares are the coefficients."""
    columns = np.random.default_rng(seed).uniform(0.1, 10, (20, 3))
    found = nonnegative_least_squares(columns, columns @ np.array(x))
    assert found == pytest.approx(x, abs=1e-5)


@given(seed=st.integers(0, 10_000))
def test_optimality_of_least_squares(seed: int):
    """Karush-Kuhn-Tucker: no gradient where positive, none downhill where zero."""
    rng = np.random.default_rng(seed)
    columns, target = rng.normal(size=(15, 4)), rng.normal(size=15)
    x = nonnegative_least_squares(columns, target)
    gradient = columns.T @ (columns @ x - target)
    assert (x >= 0).all()
    assert np.abs(gradient[x > 0]) == pytest.approx(0, abs=1e-8)
    assert (gradient[x == 0] >= -1e-8).all()


def test_columns_without_content_get_nothing():
    """Zero columns and twin columns leave a finite answer."""
    columns = np.array([[1.0, 0, 1], [2, 0, 2], [3, 0, 3]])
    found = nonnegative_least_squares(columns, np.array([2.0, 4, 6]))
    assert found[1] == 0
    assert columns @ found == pytest.approx([2, 4, 6])
    assert (nonnegative_least_squares(np.zeros((3, 2)), np.ones(3)) == 0).all()
    assert (nonnegative_least_squares(np.ones((3, 1)), -np.ones(3)) == 0).all()
