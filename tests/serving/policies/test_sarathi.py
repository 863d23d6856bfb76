"""Steps stay within the time between tokens, whatever prompts come."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.policies.sarathi import Sarathi, largest, tightest
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import PICOSECONDS, Slo, Workload

COST = LinearCost(10**10, 10**8, 10**5, 10**7, 10**4)
SETTINGS = EngineSettings(blocks=4000, max_num_batched_tokens=4096, max_num_seqs=64)


def mixed() -> Workload:
    """Long prompts that come while others decode."""
    g = np.random.default_rng(5)
    n = 60
    arrival = np.sort(g.integers(0, 4 * PICOSECONDS, n))
    return Workload("mixed", arrival, g.integers(50, 3000, n), g.integers(20, 200, n))


def test_no_step_beside_decoding_lasts_longer_than_asked_for() -> None:
    """And prompts wait longer for their first token than without: that is the trade."""
    target = 5 * 10**10
    load = mixed()
    own = simulate_serving(
        load, SETTINGS, COST, policy=lambda: Sarathi(COST, target=target), timeline=True
    )
    stock = simulate_serving(load, SETTINGS, COST, timeline=True)
    assert own.timeline is not None
    assert stock.timeline is not None
    beside = (own.timeline.prompt > 16) & (own.timeline.decode > 0)
    assert beside.any()
    assert int((own.timeline.end - own.timeline.begin)[beside].max()) <= target
    # The step that admits counts the contexts of those admitted, which the budget cannot foresee.
    assert int(own.gap.max()) < 0.5 * int(stock.gap.max())
    assert own.finished.all()


def test_a_target_that_no_step_meets_still_lets_prompts_through() -> None:
    """The least chunk is computed."""
    record = simulate_serving(mixed(), SETTINGS, COST, policy=lambda: Sarathi(COST, target=1))
    assert record.finished.all()


@given(st.integers(1, 50), st.integers(0, 400), st.integers(0, 3000), st.integers(1, 30))
def test_the_search_finds_what_trying_all_finds(least: int, more: int, target: int, k: int) -> None:
    """For a duration that never falls."""
    most = least + more

    def lasts(tokens: int) -> int:
        return max(100, k * tokens)

    fits = [t for t in range(least, most + 1) if lasts(t) <= target]
    assert largest(lasts, target, least, most) == max(fits, default=least)


def test_the_target_is_that_of_the_strictest_class() -> None:
    """Classes without one do not count."""
    assert tightest((Slo("a", gap=50), Slo("b", tpot=40), Slo("c", ttft=1))) == 40
    assert tightest((), 7) == 7


def test_parameters_must_be_positive() -> None:
    """Both."""
    for wrong in ({"target": 0}, {"least": 0}):
        with pytest.raises(OptionError):
            Sarathi(COST, **wrong)
