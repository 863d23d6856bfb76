"""Draws depend on seed and names only, and have the distributions they state."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.generators.draws import Draws


def test_fixed_values() -> None:
    """The first draws of a named stream are on record, so that no version changes them."""
    draws = Draws(2024, "job_shop", "times")
    assert draws.integers(1, 99, 6).tolist() == [99, 43, 45, 49, 46, 67]
    assert Draws(2024, "other").integer(0, 10**9) == 840406741


def test_streams_are_independent_of_use() -> None:
    """Drawing from a stream changes neither its substreams nor its siblings."""
    one, other = Draws(1, "a"), Draws(1, "a")
    one.reals(10)
    assert one.stream("b").integer(0, 10**9) == other.stream("b").integer(0, 10**9)
    assert Draws(1, "a", "b").integer(0, 10**9) == other.stream("b").integer(0, 10**9)
    assert Draws(1, "ab").integer(0, 10**9) != Draws(1, "a", "b").integer(0, 10**9)


def test_negative_seed() -> None:
    """Seeds are natural numbers."""
    with pytest.raises(OptionError, match="negative"):
        Draws(-1)


@given(st.integers(0, 2**40), st.integers(-5, 5), st.integers(0, 9))
def test_integers_cover_their_range(seed: int, low: int, width: int) -> None:
    """All values lie in the closed range, and its ends occur."""
    values = Draws(seed).integers(low, low + width, 400)
    assert values.min() == low
    assert values.max() == low + width


@given(st.integers(0, 1000), st.integers(1, 12), st.integers(0, 4), st.data())
def test_shares_spread_exactly(seed: int, bins: int, most: int, data: st.DataObject) -> None:
    """Shares add up and respect the cap."""
    total = data.draw(st.integers(0, bins * most))
    shares = Draws(seed).shares(total, bins, most)
    assert shares.sum() == total
    assert (shares <= most).all()


def test_permutations_are_uniform() -> None:
    """Each of the six orders of three comes about equally often."""
    rows = Draws(5).permutations(6000, 3)
    assert (np.sort(rows, axis=1) == np.arange(3)).all()
    _, counts = np.unique(rows @ [9, 3, 1], return_counts=True)
    assert len(counts) == 6
    # Five standard deviations of a binomial count.
    assert (abs(counts - 1000) < 5 * np.sqrt(6000 / 6 * 5 / 6)).all()


def test_samples_and_picks() -> None:
    """Samples are sorted and distinct, picks come from the list, certain chances happen."""
    draws = Draws(0)
    assert draws.sample(10, 10) == list(range(10))
    assert len(set(draws.sample(100, 7))) == 7
    assert draws.pick(["x"]) == "x"
    assert draws.chance(1.0)
    assert not draws.chance(0.0)
