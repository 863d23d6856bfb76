"""Engines are switched on and off by mean freeness."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.policies.llumnix.router import Llumnix
from makespan.serving.policies.llumnix.scaling import AutoScaling
from makespan.serving.policies.llumnix.usage import report, reports
from makespan.serving.policies.routing import LoadAware
from makespan.serving.policy import Scaling
from tests.serving.policies.llumnix.fakes import FakeFleet, Load, fleet

S = 10**12
MEANS = ("engines", "pooled")


def crowd(running: list[int], off: int = 0, tokens: int = 80) -> FakeFleet:
    """Engines of 100 blocks with so many requests of five blocks, and some that are off."""
    one = fleet([[Load(tokens, 1)] * n for n in running] + [[]] * off)
    one.off = list(range(len(running), len(running) + off))
    one.now = 10 * S
    return one


@pytest.mark.parametrize("mean", MEANS)
def test_below_the_range_engines_are_added(mean: str) -> None:
    """As many as bring the mean back, and no more than there are."""
    scaling = AutoScaling(low=10.0, mean=mean)  # type: ignore[arg-type]
    full = crowd([18, 18], off=6)
    assert scaling.decide(full, reports(full)) == Scaling(start=1 if mean == "engines" else 4)
    few = crowd([18, 18], off=0)
    assert AutoScaling(low=10.0).decide(few, reports(few)) is None


@pytest.mark.parametrize("mean", MEANS)
def test_above_the_range_the_emptiest_is_stopped(mean: str) -> None:
    """Unless it is one of the least that stay on."""
    idle = crowd([2, 1, 2])
    scaling = AutoScaling(low=1.0, high=30.0, mean=mean)  # type: ignore[arg-type]
    assert scaling.decide(idle, reports(idle)) == Scaling(stop=(1,))
    kept = AutoScaling(low=1.0, high=30.0, mean=mean, least=3)  # type: ignore[arg-type]
    assert kept.decide(idle, reports(idle)) is None


def test_within_the_range_nothing_changes() -> None:
    """Nor between two looks."""
    fine = crowd([5, 5], off=2)
    scaling = AutoScaling(low=10.0, high=60.0)
    assert scaling.decide(fine, reports(fine)) is None
    full = crowd([18, 18], off=2)
    assert scaling.decide(full, reports(full)) is None
    full.now = 20 * S
    assert scaling.decide(full, reports(full)) is not None


def test_the_window_wants_looks_in_succession() -> None:
    """One good look in between begins the count anew."""
    scaling = AutoScaling(low=10.0, looks=2)
    full, fine = crowd([18, 18], off=2), crowd([5, 5], off=2)
    answers = []
    for k, state in enumerate((full, fine, full, full, full)):
        state.now = (k + 1) * 10 * S
        answers.append(scaling.decide(state, reports(state)))
    assert answers == [None, None, None, Scaling(start=2), None]


def test_engines_on_their_way_count_as_there() -> None:
    """Or a slow start would be answered by ever more engines."""
    full = crowd([16, 16], off=8)
    first = AutoScaling(low=10.0).decide(full, reports(full))
    assert first is not None
    started = full.off[: first.start]
    full.starting, full.off = started, full.off[first.start :]
    assert AutoScaling(low=10.0).decide(full, reports(full)) is None


@given(
    st.lists(st.integers(0, 19), min_size=1, max_size=8),
    st.integers(0, 8),
    st.floats(0, 40),
    st.floats(0, 40),
    st.sampled_from(MEANS),
)
def test_what_scaling_added_it_does_not_take_away_at_once(
    running: list[int], off: int, low: float, more: float, mean: str
) -> None:
    """Nothing is started and stopped in one answer, and never more than there is."""
    state = crowd(running, off)
    scaling = AutoScaling(low=low, high=low + more, mean=mean)  # type: ignore[arg-type]
    answer = scaling.decide(state, reports(state))
    if answer is None:
        return
    assert not (answer.start and answer.stop)
    assert answer.start <= off
    assert len(answer.stop) < len(running)
    assert set(answer.stop) <= set(state.open)
    if answer.start:
        after = [report(state.engines[i]) for i in state.open]
        added = [report(state.engines[i]) for i in state.off[: answer.start]]
        assert scaling.average(after) < low
        if answer.start < off:
            assert scaling.average([*after, *added]) >= low


def test_routers_ask_their_scaling() -> None:
    """Llumnix and the baseline alike."""
    full = crowd([18, 18], off=6)
    for router in (Llumnix(scaling=AutoScaling()), LoadAware(scaling=AutoScaling())):
        assert router.poll
        assert router.scale(full) == Scaling(start=4)


def test_options_out_of_range_are_refused() -> None:
    """With all of them in the message."""
    for wrong in ({"low": 5.0, "high": 4.0}, {"interval": 0}, {"looks": 0}, {"mean": "median"}):
        with pytest.raises(OptionError, match="scaling"):
            AutoScaling(**wrong)  # type: ignore[arg-type]
