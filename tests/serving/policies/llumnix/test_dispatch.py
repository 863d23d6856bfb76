"""New requests go where freeness says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.policies.llumnix.dispatch import Dispatch
from makespan.serving.policies.llumnix.router import Llumnix
from makespan.serving.policies.llumnix.usage import Measure, Report
from tests.serving.policies.llumnix.fakes import Load, fleet, told

loads = st.lists(
    st.tuples(st.integers(0, 100), st.integers(1, 20), st.integers(0, 2)), min_size=1, max_size=8
)


def several(values: list[tuple[int, int, int]]) -> list[Report]:
    """Reports of free blocks, requests and urgent ones."""
    return [
        told(i, total=200, free=free, running=running, urgent=min(urgent, running))
        for i, (free, running, urgent) in enumerate(values)
    ]


@given(loads, st.booleans())
def test_the_freest_is_chosen(values: list[tuple[int, int, int]], urgent: bool) -> None:
    """No other has more freeness by the rule of the class."""
    reports, measure = several(values), Measure("all")
    chosen = Dispatch().choose(reports, urgent=urgent)

    def freeness(one: Report) -> float:
        return measure.freeness(one, reserved=(one.urgent == 0) == urgent)

    assert freeness(reports[chosen]) == max(map(freeness, reports))


@given(loads, st.integers(1, 10))
def test_one_of_the_freest_is_drawn(values: list[tuple[int, int, int]], top: int) -> None:
    """At most so many others are freer."""
    reports, measure = several(values), Measure("all")
    chosen = Dispatch(top=top, seed=1).choose(reports)
    free = measure.freeness(reports[chosen])
    assert sum(measure.freeness(one) > free for one in reports) < top


def test_classes_segregate() -> None:
    """Of two half-full engines each class goes where its own is; unless told not to."""
    reports = [
        told(0, total=800, free=400, running=10, urgent=2),
        told(1, total=800, free=400, running=10),
    ]
    assert Dispatch().choose(reports) == 1
    assert Dispatch().choose(reports, urgent=True) == 0
    assert Dispatch(segregate=False).choose([reports[1], reports[0]], urgent=True) == 0
    emptier = told(1, total=800, free=500, running=10)
    assert Dispatch(segregate=False).choose([reports[0], emptier], urgent=True) == 1


def test_the_router_knows_classes_by_priority() -> None:
    """A request is urgent if its priority number is small enough."""
    crowd = fleet([[Load(160, 1, priority=-1)], [Load(160, 1)], []], total=800)
    crowd.requests[7] = Load(10, priority=-1)
    crowd.requests[8] = Load(10)
    for request, off, chosen in ((7, [2], 0), (8, [2], 1), (8, [], 2)):
        router = Llumnix(urgent=-1)
        for before in (0, 1):
            router.route(before, crowd)
        crowd.off = off
        assert router.route(request, crowd) == chosen


def test_a_number_that_is_used_again_is_not_urgent_for_ever() -> None:
    """Who has it now counts, not who had it before."""
    crowd = fleet([[Load(160, 1, priority=-1)], [Load(160, 1)]], total=800)
    crowd.requests[8] = Load(10)
    router = Llumnix(urgent=-1)
    for before in (0, 1):
        router.route(before, crowd)
    assert router.route(8, crowd) == 1
    crowd.requests[0] = Load(160, 1)
    router.route(0, crowd)
    assert router.route(8, crowd) == 0


def test_old_reports_are_used_as_long_as_told() -> None:
    """With them a burst goes to one engine."""
    crowd = fleet([[], [Load(160, 1)]])
    stale, fresh = Llumnix(refresh=10), Llumnix()
    crowd.requests[9] = Load(800)
    assert stale.route(9, crowd) == fresh.route(9, crowd) == 0
    crowd.engines[0].batch.append(9)
    assert (stale.route(9, crowd), fresh.route(9, crowd)) == (0, 1)
    crowd.now = 10
    assert stale.route(9, crowd) == 1


def test_options_out_of_range_are_refused() -> None:
    """Of dispatch and of the router."""
    with pytest.raises(OptionError, match="0 freest"):
        Dispatch(top=0)
    with pytest.raises(OptionError, match="choice"):
        Llumnix(choice="XR")
    with pytest.raises(OptionError, match="poll"):
        Llumnix(poll=0)
