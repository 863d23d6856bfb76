"""Virtual usage and freeness are what the sources define."""

from __future__ import annotations

import math
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.policies.llumnix import usage
from makespan.serving.policies.llumnix.usage import Measure, Report, Urgent, report
from tests.serving.policies.llumnix.fakes import Load, fleet, told

MEASURES = [Measure(demand) for demand in ("head", "all", "all-as-one")]


@st.composite
def some_reports(draw: st.DrawFn) -> Report:
    """Any report that an engine can give."""
    total = draw(st.integers(1, 2000))
    running, waiting = draw(st.integers(0, 50)), draw(st.integers(0, 50))
    head = draw(st.floats(0.1, 500)) if waiting else 0.0
    return told(
        total=total,
        free=draw(st.integers(0, total)) if running else total,
        running=running,
        waiting=waiting,
        head=head,
        queued=head + draw(st.floats(0, 5000)) * (waiting > 1),
        urgent=draw(st.integers(0, running + waiting)),
    )


def test_freeness_is_memory_left_per_request() -> None:
    """By hand: 100 blocks, 40 held by 4, 10 and 30 more wanted by the queue."""
    one = told(free=60, running=4, waiting=2, head=10.0, queued=40.0)
    assert Measure("head").freeness(one) == (60 - 10) / 5
    assert Measure("all").freeness(one) == (60 - 40) / 6
    assert Measure("all-as-one").freeness(one) == (60 - 40) / 5
    assert Measure("all", watermark=0.1).freeness(one) == (90 - 40 - 40) / 6


def test_headroom_leaves_the_target_for_real_load() -> None:
    """With an urgent request an engine looks full once 1,600 tokens are in use."""
    measure = Measure("head")
    full = told(total=800, free=700, running=4, urgent=1)
    assert measure.headroom(full) == 800 - 100
    assert measure.freeness(full) == 0.0
    assert measure.freeness(told(total=800, free=700, running=4)) == 175.0


@pytest.mark.parametrize("measure", MEASURES)
@given(one=some_reports())
def test_freeness_is_ordered_whatever_the_report(measure: Measure, one: Report) -> None:
    """Never NaN; infinite only without requests, and smaller with a headroom than without."""
    free = measure.freeness(one)
    assert not math.isnan(free)
    assert (free == math.inf) == (one.running + one.waiting == 0)
    reserved = measure.freeness(one, reserved=True)
    assert reserved <= measure.freeness(one, reserved=False)
    assert free == (reserved if one.urgent else measure.freeness(one, reserved=False))


@pytest.mark.parametrize("measure", MEASURES)
@given(one=some_reports())
def test_an_engine_to_be_emptied_is_the_least_free(measure: Measure, one: Report) -> None:
    """Its fake request is infinite, even if it has no other."""
    leaving = told(total=one.total, free=one.free, running=one.running, draining=True)
    assert measure.freeness(leaving) == -math.inf < measure.freeness(one)
    assert measure.usage(leaving) == math.inf


@given(one=some_reports(), more=st.floats(0.1, 100))
def test_a_longer_head_makes_an_engine_less_free(one: Report, more: float) -> None:
    """So that others are moved away, or sent elsewhere, until it fits."""
    if not one.waiting:
        return
    longer = told(
        total=one.total,
        free=one.free,
        running=one.running,
        waiting=one.waiting,
        head=one.head + more,
        queued=one.queued + more,
    )
    shorter = told(
        total=one.total,
        free=one.free,
        running=one.running,
        waiting=one.waiting,
        head=one.head,
        queued=one.queued,
    )
    for measure in MEASURES:
        assert measure.freeness(longer) < measure.freeness(shorter)


def test_a_report_counts_what_is_there() -> None:
    """Blocks, needs of the queue with what was generated before a preemption, and classes."""
    crowd = fleet(
        [[Load(32, 17), Load(16, 1, priority=-1)]],
        [[Load(40, 8, preemptions=1), Load(16)]],
    )
    one = report(crowd.engines[0], urgent=Urgent(-1))
    assert (one.running, one.waiting, one.free) == (2, 2, 100 - 3 - 1)
    assert (one.head, one.queued) == (3.0, 4.0)
    assert (one.urgent, one.preempted) == (1, 1)
    assert report(crowd.engines[0]).urgent == 0


@given(st.lists(st.lists(st.integers(-3, 3), min_size=1, max_size=6), min_size=1, max_size=8))
def test_the_urgent_are_counted_by_their_priorities(fleets: list[list[int]]) -> None:
    """Whoever was asked about before, and though numbers are given out anew and few are known."""
    urgent = Urgent(0)
    with patch.object(usage, "_KNOWN", 4):
        for priorities in fleets:
            engine = fleet([[Load(8, priority=one) for one in priorities]]).engines[0]
            for request in range(0, len(priorities), 2):
                assert urgent.arrives(request, engine) == (priorities[request] <= 0)
            known = engine.running()[::2]
            assert urgent.count(known, engine) == sum(one <= 0 for one in priorities[::2])
            for request in engine.running():
                urgent.arrives(request, engine)
            assert report(engine, urgent=urgent).urgent == sum(one <= 0 for one in priorities)


def test_options_out_of_range_are_refused() -> None:
    """With the range in the message."""
    for wrong in ({"demand": "some"}, {"target": -1}, {"watermark": 1.0}):
        with pytest.raises(OptionError):
            Measure(**wrong)  # type: ignore[arg-type]
