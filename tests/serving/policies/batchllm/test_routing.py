"""Groups of a batch in a fleet: together while the load allows it, and never out of balance."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.policies.batchllm import BatchLLM, PrefixGroups, plan_workload
from makespan.serving.policy import Policy, Router
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import Workload
from makespan.serving.workloads.catalogue import generate
from makespan.serving.workloads.transform import set_cap
from tests.serving.policies.llumnix.fakes import FakeFleet, Load, fleet

COST = LinearCost(10**10, 10**8, 10**5, 10**7)


def grouped(sizes: list[int]) -> Workload:
    """Groups of so many prompts with 64 tokens in common each, one after the other."""
    count = sum(sizes)
    group = np.repeat(np.arange(len(sizes)), sizes)
    return Workload(
        "groups", np.zeros(count, dtype=np.int64), np.full(count, 100), np.full(count, 5),
        content_ptr=np.arange(count + 1), content=group, grain=64,
    )  # fmt: skip


def send(router: Router, crowd: FakeFleet, count: int) -> list[int]:
    """Where so many requests go that come at once, of which none ends."""
    places = []
    for request in range(count):
        crowd.requests[request] = Load(100)
        places.append(router.route(request, crowd))
        crowd.engines[places[-1]].queue.append(request)
    return places


@given(st.lists(st.integers(2, 60), min_size=1, max_size=12), st.integers(1, 5), st.integers(0, 9))
def test_no_engine_is_overloaded_and_groups_have_few(
    sizes: list[int], engines: int, spare: int
) -> None:
    """A group has a further engine only once those it has are overloaded."""
    load = grouped(sizes)
    router = PrefixGroups(load, factor=1.5, spare=spare)
    crowd = fleet([[] for _ in range(engines)])
    places = send(router, crowd, load.count)
    loads = [engine.load for engine in crowd.engines]
    assert max(loads) <= max(1.5 * min(loads), min(loads) + spare) + 1
    homes = [set(places[a:b]) for a, b in zip(*_ends(sizes), strict=True)]
    for size, home in zip(sizes, homes, strict=True):
        if size <= spare:
            # It began on the least loaded, and did not add enough to overload it.
            assert len(home) == 1
    assert {frozenset(home) for home in homes} == {frozenset(h) for h in router.homes.values()}


def _ends(sizes: list[int]) -> tuple[list[int], list[int]]:
    ends = np.cumsum([0, *sizes]).tolist()
    return ends[:-1], ends[1:]


def test_a_group_whose_engine_is_closed_goes_elsewhere_and_returns() -> None:
    """Its other engine keeps the prefix as well then."""
    router = PrefixGroups(grouped([9]))
    crowd = fleet([[], []])
    assert router.route(0, crowd) == 0
    crowd.off = [0]
    assert router.route(1, crowd) == 1
    crowd.off = []
    assert router.route(2, crowd) == 0
    assert router.homes == {0: [0, 1]}


def test_requests_without_a_group_are_spread() -> None:
    """They share nothing that could be kept together."""
    load = grouped([1] * 8)
    assert send(PrefixGroups(load), fleet([[], []]), 8) == [0, 1] * 4


@pytest.mark.parametrize("ordered", [False, True])
def test_what_is_shared_is_computed_once_in_the_fleet(ordered: bool) -> None:
    """Spread by load, a group's prefix is computed on every engine that gets a member."""
    sizes = {"requests": 400, "degree": 8, "prefix_tokens": 600, "grain": 16}
    load = generate("offline-batch", sizes, seed=3)
    load = set_cap(load, int(load.output.max()))
    plan = plan_workload(load)
    policy = partial(BatchLLM, load, plan) if ordered else Policy
    settings = [EngineSettings(6000, max_num_seqs=512, max_num_batched_tokens=4096)] * 4
    spread, together = (
        simulate_serving(load, settings, COST, policy=policy, router=router)
        for router in (Router(), PrefixGroups(load, plan))
    )
    assert together.finished.all()
    assert together.hit.sum() >= 0.95 * plan.saved
    assert spread.hit.sum() <= 0.8 * plan.saved
    assert together.makespan < spread.makespan
    counts = np.bincount(together.instance, minlength=4)
    assert counts.max() <= max(1.25 * counts.min(), counts.min() + 8) + 1


def test_impossible_options_are_refused() -> None:
    """With an error of ours."""
    load = grouped([3])
    for more in ({"factor": 0.5}, {"spare": -1}):
        with pytest.raises(OptionError):
            PrefixGroups(load, **more)  # type: ignore[arg-type]
    with pytest.raises(OptionError):
        PrefixGroups(load, plan_workload(grouped([2])))
