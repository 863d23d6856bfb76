"""Virtual usage and freeness are what the sources define."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.policies.llumnix.usage import Measure, Report, report
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
    one = report(crowd.engines[0], urgent={1, 7})
    assert (one.running, one.waiting, one.free) == (2, 2, 100 - 3 - 1)
    assert (one.head, one.queued) == (3.0, 4.0)
    assert (one.urgent, one.preempted) == (1, 1)
    assert report(crowd.engines[0]).urgent == 0


@given(
    st.lists(st.booleans(), max_size=6), st.lists(st.booleans(), max_size=6), st.sets(st.integers())
)
def test_the_urgent_are_counted_where_they_are(
    batch: list[bool], queue: list[bool], elsewhere: set[int]
) -> None:
    """In the batch and in the queue, and none that is at another engine."""
    engine = fleet([[Load(8) for _ in batch]], [[Load(8) for _ in queue]]).engines[0]
    here = [r for r, presses in enumerate([*batch, *queue]) if presses]
    others = {r for r in elsewhere if not 0 <= r < len(batch) + len(queue)}
    assert report(engine, urgent={*here, *others}).urgent == len(here)
    assert report(engine).urgent == 0


def test_options_out_of_range_are_refused() -> None:
    """With the range in the message."""
    for wrong in ({"demand": "some"}, {"target": -1}, {"watermark": 1.0}):
        with pytest.raises(OptionError):
            Measure(**wrong)  # type: ignore[arg-type]
