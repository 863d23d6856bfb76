"""Percentiles, SLO attainment and goodput of records, against values counted otherwise."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given

from makespan.serving.record import Fate, Record
from makespan.serving.service import METRICS, Distribution, attained, summarise, terms
from makespan.serving.workload import PICOSECONDS, Slo, Workload
from tests.serving.records import records


def naive(record: Record, r: int) -> bool:
    """Whether a request attains its class, from the definitions, in exact arithmetic."""
    load = record.workload
    if record.fate[r] != Fate.FINISHED:
        return False
    if load.slo[r] < 0:
        return True
    slo = load.slos[load.slo[r]]
    if slo.ttft is not None and record.first[r] - record.sent[r] > slo.ttft:
        return False
    if slo.tpot is not None and load.output[r] > 1:
        mean = Fraction(int(record.last[r] - record.first[r]), int(load.output[r] - 1))
        if mean > slo.tpot:
            return False
    if slo.gap is not None and record.gap[r] > slo.gap:
        return False
    if slo.deadline is None:
        return True
    members = [r]
    if load.program[r] >= 0:
        members = [k for k in range(record.count) if load.program[k] == load.program[r]]
    if any(record.fate[k] != Fate.FINISHED for k in members):
        return False
    begun = min(record.sent[k] for k in members)
    return bool(max(record.last[k] for k in members) - begun <= slo.deadline)


@given(records())
def test_attainment_equals_its_definition(record: Record) -> None:
    """The vectorised count agrees with one request after the other in fractions."""
    assert attained(record).tolist() == [naive(record, r) for r in range(record.count)]


@given(records())
def test_summary_adds_up(record: Record) -> None:
    """Classes and fates cover every request once; goodput is no more than throughput."""
    summary = record.summary()
    assert sum(summary.fates.values()) == record.count
    assert sum(one.requests for one in summary.attainment) == record.count
    for one in summary.attainment:
        assert 0 <= one.attained <= one.requests
    assert summary.goodput <= summary.throughput
    assert summary.hit <= summary.prompt
    text = str(summary)
    assert "simulated times" in text
    for name in METRICS:
        assert f"\n{name}" in text
    assert "Goodput: " in text


@given(records(refusals=False))
def test_slower_service_is_never_better(record: Record) -> None:
    """Adding the same time to all latencies loses attainment or leaves it."""
    later = (
        replace(record, **{name: getattr(record, name) + 7 for name in ("first", "last")})
        if not len(record.workload.parent)
        else record
    )
    assert (attained(later) <= attained(record)).all()


def test_percentiles_by_hand() -> None:
    """Type 7: of 0..10 the 90th percentile is 9, of two values it lies between them."""
    spread = Distribution.of(np.arange(11) * PICOSECONDS)
    assert (spread.mean, spread.p50, spread.p90) == (5.0, 5.0, 9.0)
    assert spread.p99 == pytest.approx(9.9)
    assert Distribution.of(np.array([0, PICOSECONDS])).p90 == pytest.approx(0.9)
    assert np.isnan(Distribution.of(np.zeros(0)).mean)


def test_sum_of_many_picoseconds_does_not_overflow() -> None:
    """100,000 latencies of 30 hours exceed int64 in their sum, not in their mean."""
    long = np.full(100_000, 108_000 * PICOSECONDS)
    assert Distribution.of(long).mean == pytest.approx(108_000.0)


def served(slo: Slo, *, output: int = 3) -> Record:
    """One request in a class: first token after 10 ps, then gaps of 20 and 10."""
    one = np.ones(1, dtype=np.int64)
    load = Workload("one", 0 * one, 4 * one, output * one, slo=0 * one, slos=(slo,))
    return Record(
        load,
        "by hand",
        measured=True,
        fate=0 * one,
        sent=0 * one,
        admitted=2 * one,
        first=10 * one,
        last=40 * one,
        gap=20 * one,
        preemptions=0 * one,
        hit=0 * one,
        hits=0 * one,
        instance=0 * one,
        steps=3,
    )


@pytest.mark.parametrize(
    ("slo", "kept"),
    [
        (Slo("a", ttft=10), True),
        (Slo("a", ttft=9), False),
        (Slo("a", tpot=15), True),
        (Slo("a", tpot=14), False),
        (Slo("a", gap=20), True),
        (Slo("a", gap=19), False),
        (Slo("a", deadline=40), True),
        (Slo("a", deadline=39), False),
        (Slo("a"), True),
        (Slo("a", ttft=1 << 62, tpot=1 << 62, gap=1 << 62, deadline=1 << 62), True),
    ],
)
def test_terms_are_inclusive(slo: Slo, kept: bool) -> None:
    """A term kept to the picosecond is kept; the largest terms overflow nothing."""
    assert attained(served(slo)).tolist() == [kept]


def test_summary_in_print() -> None:
    """The table states class, terms, clock and makespan."""
    text = str(summarise(served(Slo("chat", ttft=9, tpot=15))))
    assert "by hand (measured times): 1 finished" in text
    assert "chat: 0 of 1 attain it (ttft <= 9e-12 s, tpot <= 1.5e-11 s)" in text
    assert "goodput 0.000 requests/s" in text
    assert terms(Slo("any")) == "to finish"
