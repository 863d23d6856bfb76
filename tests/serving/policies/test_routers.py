"""Simple routers, and the list of all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.policies.routers import ROUTERS, router_of
from makespan.serving.policies.routing import LeastWork, LoadAware, PowerOfTwo
from makespan.serving.policy import Router
from makespan.serving.workloads.catalogue import generate
from tests.serving.policies.llumnix.fakes import Load, fleet

WORKLOAD = generate("independent", {"requests": 64, "lengths": "power-short"}, seed=1)


@pytest.mark.parametrize("name", ROUTERS)
@given(counts=st.lists(st.integers(0, 5), min_size=1, max_size=6), closed=st.integers(0, 5))
def test_every_router_names_an_open_engine(name: str, counts: list[int], closed: int) -> None:
    """Whatever runs and waits, and even if all but one are closed."""
    crowd = fleet([[Load(20, 1)] * n for n in counts], [[Load(30)] * (n // 2) for n in counts])
    crowd.off = [i for i in range(len(counts)) if i < closed][: len(counts) - 1]
    crowd.requests[63] = Load(10, priority=-1)
    router = router_of(name, WORKLOAD, seed=3)
    for _ in range(3):
        assert router.route(63, crowd) in crowd.open


@pytest.mark.parametrize("entry", ROUTERS.values(), ids=lambda entry: entry.name)
def test_the_list_says_who_moves_and_scales(entry: object) -> None:
    """As their hooks do."""
    assert isinstance(entry, type(next(iter(ROUTERS.values()))))
    router = entry.make(WORKLOAD, (), 0)
    assert isinstance(router, Router)
    crowd = fleet([[Load(500, 1), Load(250, 1)], []], [[Load(30)], []], total=50)
    crowd.now = 10**15
    router.route(2, crowd)
    assert bool(router.migrate(crowd)) == entry.moves
    assert (router.poll is not None) == (entry.moves or entry.scales)
    full = fleet([[Load(500, 1), Load(250, 1)], []], total=50)
    full.off, full.now = [1], 10**15
    assert bool(router.scale(full)) == entry.scales


@given(st.lists(st.integers(0, 9), min_size=2, max_size=6), st.integers(0, 100))
def test_two_choices_never_take_the_worst(counts: list[int], seed: int) -> None:
    """Unless several are as bad."""
    crowd = fleet([[Load(5, 1)] * n for n in counts])
    chosen = PowerOfTwo(seed).route(0, crowd)
    assert counts[chosen] < max(counts) or counts.count(max(counts)) > 1


def test_loads_of_memory_and_of_freeness_differ() -> None:
    """Few long requests against many short ones: the baseline counts blocks, Llumnix steps."""
    crowd = fleet([[Load(600, 8)], [Load(15, 1)] * 30])
    assert LoadAware().route(0, crowd) == 1
    assert LoadAware(load="freeness").route(0, crowd) == 0
    with pytest.raises(OptionError, match="load"):
        LoadAware(load="luck")  # type: ignore[arg-type]


def test_the_oracle_adds_up_what_is_left() -> None:
    """Step by step: the tokens held over the remaining steps."""
    crowd = fleet([[Load(20, 1), Load(40, 1)]], [[Load(7)]])
    router = LeastWork(WORKLOAD)
    expected = 0
    for request, one in crowd.requests.items():
        left = int(WORKLOAD.output[request]) - one.generated
        expected += sum(one.prompt + one.generated + step for step in range(left))
    assert router._work(crowd.engines[0]) == expected
    assert router.route(0, fleet([[Load(20, 1)], []])) == 1


def test_unknown_routers_are_refused() -> None:
    """With those there are."""
    with pytest.raises(OptionError, match="no router is called 'x'") as caught:
        router_of("x", WORKLOAD)
    assert "llumnix-balanced" in (caught.value.hint or "")
