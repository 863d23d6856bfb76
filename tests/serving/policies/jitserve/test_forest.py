"""The quantile forest and the bounds made of it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.policies.jitserve.features import Features, depths
from makespan.serving.policies.jitserve.forest import Law, QuantileForest
from makespan.serving.policies.jitserve.lengths import Bounds, ForestLengths, PastLengths
from makespan.serving.workload import Workload
from makespan.serving.workloads.catalogue import generate
from makespan.serving.workloads.transform import set_cap


def noisy(count: int, seed: int) -> tuple[Any, Any]:
    """Lengths that depend on the first of three features, spread by a factor that does, too."""
    random = np.random.default_rng(seed)
    x = random.random((count, 3))
    spread = np.exp(random.normal(0, 0.2 + 0.5 * (x[:, 0] > 0.5), count))
    y = np.rint((50 + 400 * (x[:, 0] > 0.5)) * spread).astype(np.int64)
    return x, np.maximum(y, 1)


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 4))
def test_quantiles_do_not_cross_and_are_targets(seed: int, count: int, columns: int) -> None:
    """Ascending in the level and in what is known to be exceeded; values were seen in training."""
    random = np.random.default_rng(seed)
    y = random.integers(1, 30, count)
    forest = QuantileForest(random.random((count, columns)), y, trees=7, leaf=3, seed=seed)
    law = forest.law(random.random(columns))
    assert law.cumulative[-1] == pytest.approx(1.0)
    levels = [0.01, 0.25, 0.5, 0.75, 0.95, 1.0]
    for above in (0, 5, 17):
        told = [law.quantile(level, above) for level in levels]
        found = [value for value in told if value is not None]
        assert len(found) in (0, len(levels))
        if not found:
            assert law.values[-1] <= above
        assert found == sorted(found)
        assert set(found) <= set(y.tolist())
        assert all(value > above for value in found)
    middles = [law.quantile(0.5, above) for above in range(31)]
    known = [m for m in middles if m is not None]
    assert known == sorted(known)


def test_quantiles_hold_as_often_as_they_say() -> None:
    """On fresh cases of the same kind; and the forest tells the two kinds apart."""
    x, y = noisy(3000, 1)
    forest = QuantileForest(x, y, seed=2)
    fresh, lengths = noisy(1500, 3)
    laws = [forest.law(row) for row in fresh]
    for level in (0.5, 0.9, 0.95):
        held = np.mean([y <= law.quantile(level) for y, law in zip(lengths, laws, strict=True)])
        assert abs(held - level) < 0.03
    low = forest.law(np.array([0.2, 0.5, 0.5])).quantile(0.95) or 0
    high = forest.law(np.array([0.8, 0.5, 0.5])).quantile(0.95) or 0
    assert 50 < low < 90 < 800 < high


def test_a_forest_depends_on_its_seed_alone() -> None:
    """Equal seeds, equal laws."""
    x, y = noisy(400, 5)
    one, same, other = (QuantileForest(x, y, trees=10, seed=seed) for seed in (7, 7, 8))
    case = np.array([0.3, 0.1, 0.9])
    assert (one.law(case).cumulative == same.law(case).cumulative).all()
    assert one.law(case).cumulative.tolist() != other.law(case).cumulative.tolist()


def test_leaves_are_not_smaller_than_asked() -> None:
    """No case weighs more than a tree gives to the smallest leaf."""
    x, y = noisy(300, 9)
    y = np.arange(1, 301)
    forest = QuantileForest(x, y, trees=20, leaf=10)
    mass = np.diff(forest.law(x[0]).cumulative, prepend=0)
    assert mass.max() <= 1 / 10 + 1e-12


def test_what_grows_no_forest_is_refused() -> None:
    """No cases, columns that do not fit, senseless numbers."""
    x, y = noisy(10, 0)
    for features, targets, options in (
        (x[:0], y[:0], {}),
        (x, y[:5], {}),
        (x, y, {"trees": 0}),
        (x, y * 0, {}),
    ):
        with pytest.raises(OptionError):
            QuantileForest(features, targets, **options)


def test_depth_is_the_longest_way_from_a_root() -> None:
    """A diamond has three stages."""
    load = Workload(
        "diamond",
        np.zeros(4, dtype=np.int64),
        np.ones(4, dtype=np.int64),
        np.ones(4, dtype=np.int64),
        parent_ptr=np.array([0, 0, 1, 2, 4]),
        parent=np.array([0, 0, 1, 2]),
        delay=np.zeros(4, dtype=np.int64),
    )
    assert depths(load).tolist() == [0, 1, 1, 2]


def test_features_do_not_look_at_outputs_nor_at_the_order_of_labels() -> None:
    """A load with other outputs, under a cap of its own, and with labels turned round."""
    load = set_cap(generate("compound", {"tasks": 5}, seed=3), 20_000)
    turned = replace(
        load, output=load.output + 1, label=len(load.labels) - 1 - load.label,
        labels=load.labels[::-1],
    )  # fmt: skip
    features = Features(load)
    assert (features.of(load) == features.of(turned)).all()


class Engine:
    """A view of requests with these caps and labels, that have generated so much."""

    def __init__(self, cap: int, label: str = "chat") -> None:
        self.limit, self.name, self.had = cap, label, 0

    def cap(self, _request: int) -> int:
        """Its cap."""
        return self.limit

    def label(self, _request: int) -> str:
        """Its label."""
        return self.name

    def generated(self, _request: int) -> int:
        """Tokens so far."""
        return self.had


class Fixed:
    """Lengths of one law."""

    def __init__(self, law: Law | None) -> None:
        self.it = law

    def law(self, _request: int, _engine: Any) -> Law | None:
        """The law."""
        return self.it

    def finished(self, _request: int, _engine: Any) -> None:
        """Nothing."""


@given(
    st.lists(st.integers(1, 300), min_size=1, max_size=20),
    st.integers(1, 400),
    st.integers(1, 60),
    st.sampled_from([0.5, 0.95, None]),
)
def test_bounds_stay_above_what_was_generated(
    past: list[int], cap: int, every: int, level: float | None
) -> None:
    """And not above the cap, however long the output becomes; revised when due."""
    values, counts = np.unique(np.array(past), return_counts=True)
    bounds = Bounds(Fixed(Law(values, np.cumsum(counts) / len(past))), level=level, every=every)
    engine = Engine(cap)
    before = None
    for had in range(cap):
        bound = bounds.bound(0, had, engine)
        assert had < bound <= cap
        if before is not None and had % every and had < before:
            assert bound == before
        before = bound


def test_an_output_that_outgrows_all_others_gets_a_quarter_more() -> None:
    """Until the cap."""
    bounds = Bounds(Fixed(Law(np.array([100]), np.ones(1))))
    engine = Engine(1000)
    assert [bounds.bound(0, had, engine) for had in (0, 99, 100, 120, 400, 900)] == [
        100, 100, 126, 126, 501, 1000,
    ]  # fmt: skip


@given(st.lists(st.integers(1, 60), min_size=1, max_size=1200))
@settings(max_examples=30)
def test_the_law_of_the_past_is_that_of_the_latest_outputs(ended: list[int]) -> None:
    """Counted anew from the latest thousand, to the last bit; the mean is that of the law."""
    past, engine = PastLengths(), Engine(500)
    earlier = None
    for number, length in enumerate(ended):
        engine.had = length
        past.finished(number, engine)
        if number == len(ended) // 2:
            earlier = past.law(0, engine), ended[: number + 1]
    for law, seen in ((past.law(0, engine), ended), *([earlier] if earlier else [])):
        assert law is not None
        values, counts = np.unique(seen[-1000:], return_counts=True)
        assert law.values.tolist() == values.tolist()
        assert law.cumulative.tolist() == (np.cumsum(counts) / counts.sum()).tolist()
        for above in (0, 30, 59):
            mass = np.diff(law.cumulative, prepend=0.0)[values > above]
            expected = (values[values > above] * mass).sum() / mass.sum() if len(mass) else None
            assert law.mean(above) == expected


def test_without_a_past_the_cap_is_the_bound() -> None:
    """Then labels with few ends share one distribution, others have their own."""
    past = PastLengths()
    bounds = Bounds(past)
    engine = Engine(500)
    assert bounds.bound(0, 0, engine) == 500
    for length in range(1, 101):
        engine.had = length
        bounds.finished(length, engine)
    assert bounds.bound(1001, 0, engine) == 95
    engine.name = "report"
    assert bounds.bound(1002, 0, engine) == 95
    for _ in range(20):
        engine.had = 400
        bounds.finished(2000, engine)
    assert bounds.bound(1003, 0, engine) == 400
    assert math.isnan(Bounds(past).coverage)


def test_bounds_of_another_load_hold_for_the_share_they_are_made_for() -> None:
    """Forest of one seed, lengths of another."""
    # Without a cap of its own a generated load is capped at its outputs, which would tell them.
    history = set_cap(generate("service-mix", {"requests": 400}, seed=21), 20_000)
    load = set_cap(generate("service-mix", {"requests": 200}, seed=22), 20_000)
    lengths = ForestLengths(load, history, trees=30)
    held = [
        int(load.output[r]) <= (lengths.law(r, Engine(1)).quantile(0.95) or 0)
        for r in range(load.count)
    ]
    assert 0.9 < np.mean(held) < 0.99
