"""Capacity: what a search promises, against functions of the rate and against a queue by hand."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.capacity import Goal, find_capacity, highest
from makespan.serving.cost.step import LinearCost
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import PICOSECONDS, Slo, Workload

SECOND = PICOSECONDS
ENGINE = EngineSettings(blocks=10_000)


@given(st.floats(0.01, 1e4), st.floats(0.01, 100.0), st.sampled_from([0.001, 0.01, 0.2]))
def test_a_monotone_threshold_is_found(limit: float, begin: float, tolerance: float) -> None:
    """From any beginning within reach, to the tolerance."""
    low, high = highest(lambda rate: rate <= limit, begin, tolerance)
    if begin / 1024 <= limit <= begin * 1024:
        assert low <= limit <= high <= low * (1 + tolerance) * (1 + 1e-12)
    elif limit < begin / 1024:
        assert low == 0.0
    else:
        assert high == math.inf


@settings(max_examples=200)
@given(st.lists(st.floats(0.05, 20.0), max_size=7, unique=True), st.booleans())
def test_what_is_found_passes_and_its_ceiling_fails(edges: list[float], outer: bool) -> None:
    """However often the function changes its mind, and no rate that was tried above passes."""
    turns = sorted(edges)
    asked: dict[float, bool] = {}

    def passes(rate: float) -> bool:
        asked[rate] = (sum(rate > edge for edge in turns) % 2 == 0) == outer
        return asked[rate]

    low, high = highest(passes, 1.0, 0.01)
    assert low == 0.0 or asked[low]
    assert high == math.inf or not asked[high]
    assert low < high
    assert not any(ok for rate, ok in asked.items() if rate > low)
    if low and high < math.inf:
        assert high <= low * 1.01 * (1 + 1e-12)


def one_by_one(requests: int, ttft: float | None = None) -> tuple[Workload, LinearCost]:
    """Equally spaced requests of one token, each a step of a tenth of a second on its own."""
    slos = (Slo("all", ttft=round(ttft * SECOND)),) if ttft else ()
    load = Workload(
        "even",
        np.arange(requests, dtype=np.int64) * SECOND,
        np.full(requests, 8),
        np.full(requests, 1),
        slo=np.zeros(requests, dtype=np.int64) if slos else np.full(requests, -1),
        slos=slos,
    )
    return load, LinearCost(SECOND // 10, 0, 0, 0)


def test_the_capacity_of_a_queue_that_can_be_computed() -> None:
    """Steps of 0.1 s, a request a step: ten a second keep every wait at zero, more do not."""
    load, cost = one_by_one(400, ttft=0.1)
    engine = EngineSettings(blocks=100, max_num_seqs=1, max_num_batched_tokens=8)
    found = find_capacity(load, "fcfs", engine, cost, [Goal(1.0)], tolerance=0.002)
    assert 9.96 <= found.rate <= 10.0 < found.ceiling <= 10.0 * 1.003
    assert found.monotone
    assert [p.rate for p in found.points] == sorted(p.rate for p in found.points)
    (same,) = find_capacity(load, "fcfs", engine, cost, [Goal(1.0, "ttft", 0.1)]).goals
    assert same.metric == "ttft"


def test_a_percentile_is_the_share_below_its_bound() -> None:
    """As an SLO with that term, asked of that share, at every rate that was tried."""
    load, cost = one_by_one(300, ttft=0.75)
    engine = EngineSettings(blocks=100, max_num_seqs=1, max_num_batched_tokens=8)
    goals = [Goal(0.9), Goal(0.9, "ttft", 0.75)]
    found = find_capacity(load, "fcfs", engine, cost, goals, instances=2)
    assert all(p.shares[0] == p.shares[1] for p in found.points)
    assert found.rate > 20.0
    assert found.found is not None
    first, second = found.found.halves[0]
    assert first > second, "the queue grows: that is what the halves are for"


def test_warm_up_is_not_counted() -> None:
    """A burst at the beginning costs the whole load its goal, and nothing once it is left out."""
    load, cost = one_by_one(200, ttft=0.35)
    burst = np.concatenate((np.zeros(19, dtype=np.int64), load.arrival[:-19] + SECOND))
    load = load.sent_at(burst)
    engine = EngineSettings(blocks=100, max_num_seqs=1, max_num_batched_tokens=8)

    def rate(warm_up: float) -> float:
        found = find_capacity(load, "fcfs", engine, cost, [Goal(0.99)], warm_up=warm_up)
        return found.rate

    assert rate(0.1) > rate(0.0)


def test_nothing_kept_and_nothing_missed_are_said() -> None:
    """Rate 0 where even the slowest fails, an infinite ceiling where the fastest passes."""
    load, cost = one_by_one(50)
    engine = EngineSettings(blocks=100)
    never = find_capacity(load, "fcfs", engine, cost, [Goal(0.5, "ttft", 0.05)])
    assert (never.rate, never.found) == (0.0, None)
    always = find_capacity(load, "fcfs", engine, cost, [Goal(0.5, "e2e", 1000)])
    assert always.ceiling == math.inf
    assert always.found is not None


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"goals": [Goal()]}, "asks for nothing"),
        ({"goals": []}, "without a goal"),
        ({"goals": [Goal(0.9, "ttft", 1)], "warm_up": 1.0}, "warm-up"),
        ({"goals": [Goal(0.9, "ttft", 1)], "tolerance": 0.0}, "tolerance"),
    ],
)
def test_what_cannot_be_searched_is_refused(options: dict, part: str) -> None:
    """Before anything is simulated."""
    load, cost = one_by_one(5)
    with pytest.raises(OptionError, match=part):
        find_capacity(load, "fcfs", ENGINE, cost, **options)


def test_goals_in_words() -> None:
    """A share, or a percentile of a latency in seconds."""
    assert Goal.parse("0.9") == Goal(0.9)
    assert Goal.parse("queued:p99=5") == Goal(0.99, "queued", 5.0)
    load, _ = one_by_one(3, ttft=2.0)
    assert Goal.parse("tpot:p50=0.1").says(load) == "p50 of tpot <= 0.1 s"
    assert "ttft <= 2 s" in Goal().says(load)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("ttft", "is no goal"),
        ("ttft:99=2", "is no goal"),
        ("ttft:p99", "is no goal"),
        ("1.5", "a share of 1.5"),
        ("p99:p99=2", "no latency is called 'p99' (there are ttft"),
        ("ttft:p99=0", "ttft below 0.0 s"),
    ],
)
def test_what_is_wrong_with_a_goal_is_told(text: str, part: str) -> None:
    """Its form, its share, its latency or its bound."""
    with pytest.raises(OptionError, match=re.escape(part)):
        Goal.parse(text)
    with pytest.raises(OptionError, match="name one of ttft"):
        Goal(0.9, None, 2.0)


@given(st.text(alphabet="0123456789.-:=ptfequdnai ", max_size=16))
def test_other_words_are_refused(text: str) -> None:
    """With an OptionError, whatever they are."""
    try:
        goal = Goal.parse(text)
    except OptionError:
        return
    assert 0 < goal.share <= 1
