"""Distinct experts touched by a number of tokens."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.cost.models import model
from makespan.serving.cost.popularity import Popularity, dirichlet, uniform, zipf

QWEN = model("Qwen3-30B-A3B")


@pytest.mark.parametrize(
    ("name", "tokens", "expected"),
    [
        ("Qwen3-30B-A3B", 1, 8.0), ("Qwen3-30B-A3B", 4, 29.1), ("Qwen3-30B-A3B", 16, 82.4),
        ("Qwen3-30B-A3B", 64, 125.9), ("Qwen3-30B-A3B", 256, 128.0),
        ("Mixtral-8x7B", 4, 5.5), ("Mixtral-8x7B", 16, 7.9), ("DeepSeek-V3", 64, 222.4),
    ],
)  # fmt: skip
def test_uniform_choice(name: str, tokens: int, expected: float):
    """Uniform choice touches the expected number of experts."""
    assert uniform(model(name)).distinct(tokens)[0] == pytest.approx(expected, abs=0.06)


def test_formula_agrees_with_drawing_experts():
    """Tokens that draw k of E without replacement, each with the same chances."""
    rng = np.random.default_rng(7)
    drawn = [len({int(e) for _ in range(16) for e in rng.permutation(128)[:8]}) for _ in range(400)]
    assert np.mean(drawn) == pytest.approx(float(uniform(QWEN).distinct(16)[0]), rel=0.01)


@settings(max_examples=20)
@given(
    skew=st.one_of(
        st.floats(0, 3).map(lambda s: zipf(QWEN, s, seed=3)),
        st.floats(0.01, 10).map(lambda c: dirichlet(QWEN, c, seed=3)),
    )
)
def test_skew_lowers_the_number_and_keeps_the_choices(skew: Popularity):
    """Skew lowers the number and keeps the choices."""
    assert skew.chosen.shape == (48, 128)
    assert skew.chosen.sum(axis=1) == pytest.approx(8.0)
    assert skew.chosen.max() <= 1.0
    tokens = np.array([0, 1, 5, 64, 3000])
    distinct = skew.distinct(tokens)
    assert distinct[:, 0] == pytest.approx(0.0)
    assert distinct[:, 1] == pytest.approx(8.0)
    assert (np.diff(distinct, axis=1) >= -1e-9).all()
    assert (distinct <= uniform(QWEN).distinct(tokens) + 1e-9).all()


def test_popularity_is_that_of_its_seed():
    """Popularity is that of its seed."""
    assert (dirichlet(QWEN, 0.5, seed=1).chosen == dirichlet(QWEN, 0.5, seed=1).chosen).all()
    assert (dirichlet(QWEN, 0.5, seed=1).chosen != dirichlet(QWEN, 0.5, seed=2).chosen).any()
    layers = zipf(QWEN, 1.0, seed=1).chosen
    assert (layers[0] != layers[1]).any()
    assert np.sort(layers[0]) == pytest.approx(np.sort(layers[1]))


def test_impossible_popularity_is_refused():
    """Impossible popularity is refused."""
    for table in (np.zeros(3), np.full((1, 2), 1.5), np.full((1, 2), np.nan), np.zeros((0, 4))):
        with pytest.raises(OptionError, match="popularity"):
            Popularity(table)
    with pytest.raises(OptionError, match="no experts"):
        uniform(model("Llama-3.1-8B"))
    with pytest.raises(OptionError, match="exponent"):
        zipf(QWEN, -1.0)
    with pytest.raises(OptionError, match="concentration"):
        dirichlet(QWEN, 0.0)
