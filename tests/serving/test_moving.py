"""Times of moves and starts, and studies whose router moves and scales."""

from __future__ import annotations

import math

import pytest

from makespan.core.errors import OptionError
from makespan.serving.cost.operator_cost import OperatorCost
from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.moving import (
    BLOCK_TIME,
    LOADING,
    elastic_of,
    migration_of,
    with_host_memory,
    with_offload,
)
from makespan.serving.settings import EngineSettings
from makespan.serving.study import at_rate, compare
from makespan.serving.workloads.catalogue import generate

SETTINGS = EngineSettings(blocks=400, enable_prefix_caching=False)


def test_a_block_takes_its_bytes_over_the_link() -> None:
    """8 MiB of Llama-2-7B over 32 GB/s; half of it on each of two GPUs; the slowest counts."""
    one, two = (OperatorCost.of("A10", "Llama-2-7B", tp) for tp in (1, 2))
    assert migration_of([SETTINGS], [one]).block_time == pytest.approx(8 * 2**20 / 32e9 * 1e12)
    assert migration_of([SETTINGS], [two]).block_time == pytest.approx(4 * 2**20 / 32e9 * 1e12)
    plain = LinearCost(10**9, 0, 0, 0)
    assert migration_of([SETTINGS] * 2, [one, plain]).block_time == BLOCK_TIME


def test_host_memory_holds_blocks_of_all_gpus_and_spares_recomputing() -> None:
    """1 GiB holds 128 blocks of 8 MiB, however many GPUs they are spread over."""
    one, two = (OperatorCost.of("A10", "Llama-2-7B", tp) for tp in (1, 2))
    engine = with_host_memory(SETTINGS, one, 2**30)
    assert (engine.blocks, engine.swap_blocks) == (400, 128)
    assert with_host_memory(SETTINGS, two, 2**30).swap_blocks == 128
    assert engine.swap_time == 2 * with_host_memory(SETTINGS, two, 2**30).swap_time
    load = at_rate(
        generate("independent", {"requests": 60, "lengths": "azure-conversation"}, seed=1), None
    )
    swapped = simulate_serving(load, with_host_memory(SETTINGS, one, 2**34), one)
    again = simulate_serving(load, SETTINGS, one)
    assert again.preemptions.sum() > 0
    assert swapped.counters["swapped blocks"] > 0
    assert swapped.counters["attended tokens"] < again.counters["attended tokens"]


def test_a_tier_is_read_over_the_link_or_more_slowly() -> None:
    """2 GiB hold 256 blocks of 8 MiB; each GPU loads its half, unless all share a slow device."""
    one, two = (OperatorCost.of("A10", "Llama-2-7B", tp) for tp in (1, 2))
    settings = EngineSettings(blocks=400)
    host, both = with_offload(settings, one, 2**31), with_offload(settings, two, 2**31)
    assert host.offload_blocks == both.offload_blocks == 256
    assert host.offload_time == 2 * both.offload_time
    assert host.offload_time == pytest.approx(8 * 2**20 / 32e9 * 1e12)
    assert with_offload(settings, one, 2**31, 1e12).offload_time == host.offload_time
    for cost in (one, two):
        slow = with_offload(settings, cost, 2**31, 4e9)
        assert slow.offload_time == pytest.approx(8 * 2**20 / 4e9 * 1e12)


@pytest.mark.parametrize(
    ("size", "bandwidth"),
    [(1.0, None), (math.nan, None), (math.inf, None), (2**31, 0.0), (2**31, math.nan)],
)
def test_a_tier_that_holds_or_gives_nothing_is_refused(
    size: float, bandwidth: float | None
) -> None:
    """Rather than passed over."""
    cost = OperatorCost.of("A10", "Llama-2-7B")
    with pytest.raises(OptionError, match="bytes"):
        with_offload(EngineSettings(blocks=400), cost, size, bandwidth)
    if not size < math.inf:
        with pytest.raises(OptionError, match="bytes"):
            with_host_memory(SETTINGS, cost, size)


def test_an_engine_starts_once_its_weights_are_read() -> None:
    """All are on at first."""
    elastic = elastic_of([OperatorCost.of("A10", "Llama-2-7B")] * 3)
    assert elastic.initial == 3
    assert 0.35e12 < elastic.startup - LOADING < 0.5e12
    assert elastic_of([LinearCost(10**9, 0, 0, 0)]).startup == LOADING


def test_routers_of_a_study_move_and_scale() -> None:
    """As far as they want to, and only they."""
    cost = LinearCost(3 * 10**10, 10**7, 10**6, 10**7)
    load = at_rate(generate("independent", {"requests": 300, "lengths": "azure-code"}, seed=2), 6.0)
    found = {
        name: compare(load, ["fcfs"], SETTINGS, cost, instances=4, router=name)[0].record
        for name in ("least-loaded", "llumnix", "llumnix-elastic")
    }
    assert "moves" not in found["least-loaded"].counters
    assert "moves" in found["llumnix"].counters
    assert "engine picoseconds" not in found["llumnix"].counters
    elastic = found["llumnix-elastic"]
    assert elastic.counters["engine picoseconds"] < 4 * elastic.makespan
