"""Curves of a report: every point drawn is one of the data, and totals are kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.serving.records import records

from makespan.serving.report.series import (
    CURVE_POINTS,
    Slices,
    curve,
    latency_over_time,
    over_time,
)
from makespan.serving.timeline import Timeline
from makespan.serving.workload import PICOSECONDS


@given(st.integers(0, 2000), st.integers(1, 50), st.integers(0, 99))
def test_points_of_a_distribution_are_exact(size: int, distinct: int, seed: int) -> None:
    """Share and value are those of an order statistic; both ends are there; few enough."""
    values = np.random.default_rng(seed).integers(0, distinct, size) * PICOSECONDS
    made = curve(values)
    assert made["n"] == size
    assert len(made["x"]) == len(made["p"]) <= CURVE_POINTS
    for x, p in zip(made["x"], made["p"], strict=True):
        share = (values <= x * PICOSECONDS).mean()
        assert p == pytest.approx(share, rel=1e-6)
    if size:
        assert made["x"][0] * PICOSECONDS == values.min()
        assert (made["x"][-1] * PICOSECONDS, made["p"][-1]) == (values.max(), 1)
    assert made["x"] == sorted(set(made["x"]))


def test_the_tail_of_a_distribution_is_drawn_finely() -> None:
    """Of a million values, those from the 99.9th percentile on have tens of points."""
    made = curve(np.arange(1_000_000) * 1_000_000)
    assert sum(p > 0.999 for p in made["p"]) > 30


@st.composite
def stretches(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    """Disjoint stretches in whole seconds, with values."""
    cuts = sorted(draw(st.sets(st.integers(0, 60), max_size=16)))
    pairs = [(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    values = [draw(st.integers(0, 9)) for _ in pairs]
    begin, end = (np.array([p[k] for p in pairs], dtype=float) for k in (0, 1))
    return begin, end, np.array(values, dtype=float)


@given(stretches(), st.integers(1, 40))
def test_means_and_peaks_of_slices(made: tuple[Any, Any, Any], count: int) -> None:
    """As by looking at every second; the area is that of the stretches."""
    begin, end, value = made
    slices = Slices(count, 60 / count)
    mean, peak = slices.mean(begin, end, value), slices.peak(begin, end, value)
    assert mean.sum() * slices.width == pytest.approx(((end - begin) * value).sum())
    for k in range(count):
        a, b = slices.edges[k], slices.edges[k + 1]
        shared = np.clip(np.minimum(end, b) - np.maximum(begin, a), 0, None)
        assert mean[k] == pytest.approx((shared * value).sum() / slices.width, abs=1e-9)
        inside = value[shared > 1e-9]
        assert peak[k] >= inside.max(initial=0)
        near = value[(begin < b + 1e-6) & (end > a - 1e-6)]
        assert peak[k] <= near.max(initial=0)


def timeline(rows: list[tuple[int, ...]]) -> Timeline:
    """Rows of (instance, begin s, end s, steps, running, waiting, used, prompt, decode)."""
    table = np.array(rows, dtype=np.int64).T
    table[1:3] *= PICOSECONDS
    return Timeline(*table)


def test_instances_are_weighed_by_their_memory() -> None:
    """By hand: two instances of 10 and 30 blocks, one second a slice."""
    rows = [(0, 0, 1, 1, 2, 3, 10, 100, 4), (1, 1, 3, 4, 1, 0, 15, 0, 8)]
    made = over_time(timeline(rows), Slices(4, 1.0), 0, np.array([10, 30]))
    assert made["occupancy"]["mean"] == [0.25, 0.375, 0.375, 0]
    assert made["occupancy"]["peak"] == [1, 0.5, 0.5, 0]
    assert made["running"] == {"mean": [2, 1, 1, 0], "peak": None}
    assert made["waiting"]["mean"] == [3, 0, 0, 0]
    assert made["prompt"] == [100, 0, 0, 0]
    assert made["decode"] == [4, 4, 4, 0]
    assert made["rows"]["occupancy"] == [[1, 0, 0, 0], [0, 0.5, 0.5, 0]]


def test_many_instances_share_rows() -> None:
    """Of 130, three to a row and one in the last; the mean of them, to two digits."""
    rows = [(i, 0, 1, 1, i, 0, 1, 0, 1) for i in range(130)]
    made = over_time(timeline(rows), Slices(1, 1.0), 0, np.full(130, 2))
    assert made["rows"]["per"] == 3
    assert [row[0] for row in made["rows"]["running"]][:2] == [1, 4]
    assert made["rows"]["running"][-1] == [130]
    assert len(made["rows"]["running"]) == 44


def test_cells_of_instances_are_wider_than_slices() -> None:
    """Two slices to a cell, of which the mean is shown."""
    rows = [(0, k, k + 1, 1, k % 2, 0, 1, 0, 1) for k in range(400)]
    made = over_time(timeline(rows), Slices(400, 1.0), 0, np.array([2]))
    assert made["rows"]["running"] == [[0.5] * 200]
    assert made["running"]["mean"] == [0, 1] * 200


@settings(max_examples=30)
@given(records(), st.integers(1, 9))
def test_latencies_belong_to_the_time_of_sending(record: Any, count: int) -> None:
    """A slice in which nobody was sent who spoke has none."""
    slices = Slices(count, 200 / PICOSECONDS / count)
    made = latency_over_time(record, slices, 0)
    sent = record.sent[record.first >= 0]
    place = np.minimum(sent * count // 200, count - 1)
    known = [v is not None for v in made["median"]]
    # A time at the edge of two slices may be taken for either.
    sure = sent * count % 200 != 0
    for k in set(place[sure].tolist()):
        assert known[k]
    assert sum(known) <= len(set(place.tolist()) | set((place - 1).tolist()))
