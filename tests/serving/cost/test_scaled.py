"""A cost whose parts are multiplied."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.cost.scaled import ScaledCost
from makespan.serving.cost.step import LinearCost

BASE = LinearCost(10**9, 10**7, 1000, 10**6, 50)
COUNTS = st.integers(1, 4000)


@given(COUNTS, st.integers(1, 64), st.integers(0, 10**6), st.integers(0, 10**8))
def test_factors_of_one_change_nothing(
    tokens: int, sequences: int, context: int, pairs: int
) -> None:
    """To the picosecond."""
    cost = ScaledCost(BASE, (1, 64, 512), (1.0, 1.0, 1.0))
    if tokens == sequences:
        pairs = 0
    assert cost.step(tokens, sequences, context, pairs) == BASE.step(
        tokens, sequences, context, pairs
    )
    assert cost.decode(sequences) == BASE.decode(sequences)


@given(st.integers(1, 300), st.integers(0, 10**6), st.floats(0.3, 3), st.floats(0.3, 3))
def test_a_step_of_decodes_is_the_same_by_both_questions(
    sequences: int, context: int, first: float, last: float
) -> None:
    """As glides need it."""
    cost = ScaledCost(BASE, (1, 100), (first, last), per_context=first)
    fixed, growth = cost.decode(sequences)
    assert cost.step(sequences, sequences, context, 0) == fixed + growth * context


def test_parts_are_multiplied_apart() -> None:
    """Tokens by the factor of their number, context and pairs by theirs."""
    cost = ScaledCost(BASE, (1, 16, 64), (2.0, 4.0, 1.0), per_context=3.0, per_pair=0.5)
    assert [round(cost.factor(t), 6) for t in (1, 4, 16, 32, 64, 500)] == [
        2.0, round(2 * 2**0.5, 6), 4.0, 2.0, 1.0, 1.0,
    ]  # fmt: skip
    plain = BASE.step(500, 3, 0, 0)
    assert cost.step(500, 3, 7000, 90) == plain + 3 * 1000 * 7000 + 25 * 90


@given(st.integers(2, 4000), st.integers(1, 64), st.integers(0, 10**6))
def test_part_of_a_prompt_takes_a_fixed_time_more(tokens: int, sequences: int, more: int) -> None:
    """Steps of decodes alone do not, nor does it depend on what the step computes."""
    plain = ScaledCost(BASE, (1, 64), (1.5, 0.5), per_pair=2.0)
    cost = ScaledCost(BASE, (1, 64), (1.5, 0.5), per_pair=2.0, chunked=more)
    if tokens > sequences:
        work = (tokens, sequences, 5 * tokens, tokens**2)
        assert cost.step(*work) == plain.step(*work) + more
    assert cost.decode(sequences) == plain.decode(sequences)
    assert cost.step(sequences, sequences, 90, 0) == plain.step(sequences, sequences, 90, 0)


def test_no_part_of_a_prompt_is_faster() -> None:
    """A negative time is refused."""
    with pytest.raises(OptionError, match="chunked"):
        ScaledCost(BASE, (1,), (1.0,), chunked=-1)


@pytest.mark.parametrize(
    ("knots", "factors"),
    [((), ()), ((2,), (1.0,)), ((1, 1), (1.0, 1.0)), ((1, 2), (1.0,)), ((1,), (0.0,))],
)
def test_impossible_factors_are_refused(knots: tuple[int, ...], factors: tuple[float, ...]) -> None:
    """Knots rise from 1; factors are positive, one per knot."""
    with pytest.raises(OptionError):
        ScaledCost(BASE, knots, factors)


@given(st.integers(2, 4000), st.integers(0, 4000))
def test_what_meets_is_scaled_by_the_tokens_of_the_step(tokens: int, others: int) -> None:
    """And costs of engines that meet nobody have nothing to scale."""

    class Meeting(LinearCost):
        def meeting(self, tokens: int, seen: int) -> int:
            return 1000 * (seen - 2 * tokens)

    cost = ScaledCost(Meeting(10**9, 10**7, 0, 0), (1, 100), (2.0, 0.5))
    more = 1000 * (others - tokens)
    assert cost.meeting(tokens, tokens + others) == round(cost.factor(tokens) * more)
    assert ScaledCost(BASE, (1,), (2.0,)).meeting(tokens, tokens + others) == 0
