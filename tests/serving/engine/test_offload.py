"""The second tier of the prefix cache: what it holds, what it gives back, and when."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.fleet import Fleet
from makespan.serving.engine.offload import Tier
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.record import Record
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import Workload
from tests.serving.engine.cases import POLICIES, offloading, random_case

COST = LinearCost(10**9, 10**7, 10**4, 10**6)
SIZE, GRAIN = 4, 10
CHAINS = ((7, 8, 9), (7, 8), (7, 20, 21, 22), ())
"""Shared pieces of four requests; of two only the first piece is the same."""


class Naive:
    """The tier block by block: names in the order in which they go."""

    def __init__(self, blocks: int) -> None:
        self.blocks = blocks
        self.names: OrderedDict[tuple[bool, int, int], None] = OrderedDict()

    def store(self, owner: tuple[bool, int], low: int, high: int) -> None:
        """The last block first."""
        for block in reversed(range(low, high)):
            self.use((*owner, block))

    def use(self, name: tuple[bool, int, int]) -> None:
        """A block is the last to go; one goes if there is no room."""
        self.names[name] = None
        self.names.move_to_end(name)
        if len(self.names) > self.blocks:
            self.names.popitem(last=False)

    def load(self, request: int, at: int, most: int) -> int:
        """Blocks that follow without a gap."""
        chain, found = CHAINS[request], []
        for block in range(at, most):
            piece = ((block + 1) * SIZE - 1) // GRAIN
            name = (True, request, block - len(chain) * GRAIN // SIZE)
            if piece < len(chain):
                name = (False, chain[piece], block)
            if name not in self.names:
                break
            found.append(name)
        for name in reversed(found):
            self.use(name)
        return len(found)


def names(tier: Tier) -> Iterator[tuple[bool, int, int]]:
    """Blocks of a tier in the order in which they go."""
    for slot in tier.slots.values():
        for stretch in slot:
            for block in reversed(range(stretch.low, stretch.high)):
                yield (*stretch.key, block)


REQUEST = st.integers(0, len(CHAINS) - 1)
USES = st.lists(
    st.tuples(st.booleans(), REQUEST, st.integers(0, 12), st.integers(0, 12), st.integers(0, 3)),
    max_size=40,
)


@effort(max_examples=200, deadline=None)
@given(st.integers(1, 30), USES)
def test_stretches_are_what_single_blocks_would_be(
    blocks: int, uses: list[tuple[bool, int, int, int, int]]
) -> None:
    """The same blocks in the same order after every use, never more than there is room for."""
    tier, naive = Tier(blocks, SIZE, GRAIN), Naive(blocks)
    for loads, request, a, b, piece in uses:
        low, high = min(a, b), max(a, b)
        if loads:
            assert tier.load(request, CHAINS[request], low, high) == naive.load(request, low, high)
        elif low < high:
            chain = CHAINS[request]
            owner = (True, request)
            if piece < len(chain):
                owner = (False, chain[piece])
                low, high = piece * GRAIN // SIZE, (piece + 1) * GRAIN // SIZE
            tier.store(owner, low, high)
            naive.store(owner, low, high)
        assert list(names(tier)) == list(naive.names)
        assert tier.held == len(naive.names) <= blocks
        assert sum(map(len, tier.places.values())) == sum(map(len, tier.slots.values()))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.__name__)
def test_no_tier_holds_more_than_it_may_and_no_token_is_lost(policy: Any) -> None:
    """What was neither found nor loaded is computed; with preemptions, some of it again."""
    undisturbed = loaded = 0
    for seed in range(20):
        case = offloading(random_case(seed), seed)
        fleets: list[Fleet] = []
        record = simulate_serving(**case, policy=policy, timeline=True, on_fleet=fleets.append)
        for engine in fleets[0].engines:
            assert engine.tier is not None
            assert engine.tier.held == len(set(names(engine.tier)))
            assert engine.tier.held <= engine.settings.offload_blocks
        line, load, served = record.timeline, record.workload, record.finished
        assert line is not None
        computed = int(line.prompt.sum() + line.decode.sum())
        needed = int((load.prompt + load.output - 1)[served].sum() - record.hits[served].sum())
        assert computed >= needed
        if not record.preemptions.any():
            assert computed == needed
            undisturbed += 1
        loaded += record.counters["loaded tokens"]
        assert record.counters["loaded tokens"] <= record.hits.sum()
    assert undisturbed > 0
    assert loaded > 0


def one_by_one(case: dict[str, Any]) -> Workload:
    """The load of a case, each request sent when the one before it has ended."""
    load, n = case["workload"], case["workload"].count
    return replace(
        load,
        arrival=np.zeros(n, dtype=np.int64),
        parent_ptr=np.maximum(np.arange(n + 1) - 1, 0),
        parent=np.arange(n - 1),
        delay=np.zeros(n - 1, dtype=np.int64),
    )


def test_alone_nobody_finds_less_than_without_a_tier() -> None:
    """Whoever is served alone finds what the device would have had, and what the tier adds."""
    more = 0
    for seed in range(40):
        case = random_case(seed)
        load, plain = one_by_one(case), replace(case["settings"][0], enable_prefix_caching=True)
        tiers = [replace(plain, offload_blocks=blocks) for blocks in (1, 20, 10**6)]
        found = [simulate_serving(load, one, COST).hits for one in (plain, *tiers)]
        for less, with_more in pairwise(found):
            assert (with_more >= less).all()
        more += int((found[-1] - found[0]).sum())
    assert more > 0


def sequence(prompts: list[int], families: list[int], settings: EngineSettings) -> Record:
    """Requests one after the other, each with pieces of its family, and one token of output."""
    n = len(prompts)
    pieces = [
        [100 * family + k for k in range(prompt // 16)]
        for prompt, family in zip(prompts, families, strict=True)
    ]
    load = Workload(
        "sequence",
        np.arange(n) * 10**12,
        np.array(prompts),
        np.ones(n, dtype=np.int64),
        content_ptr=np.cumsum([0, *map(len, pieces)]),
        content=np.array([p for ps in pieces for p in ps]),
    )
    return simulate_serving(load, settings, COST)


TIGHT = EngineSettings(blocks=6, offload_blocks=6, offload_time=10**10)


def test_what_was_evicted_comes_back_in_the_time_that_its_blocks_take() -> None:
    """Six blocks on the device: the second prompt evicts three of the first one's four.

    The last of them are evicted first, so that the third finds one on the device and two at the
    host; what the last token needs is computed.
    """
    record = sequence([64, 80, 64], [1, 2, 1], TIGHT)
    assert record.hits.tolist() == [0, 0, 48]
    assert record.counters["loaded tokens"] == 32
    alone = COST.step(16, 1, 64, 16 * (2 * 48 + 16))
    assert record.ttft[2] == alone + 2 * TIGHT.offload_time
    lost = sequence([64, 80, 64], [1, 2, 1], replace(TIGHT, offload_blocks=0))
    assert lost.hits.tolist() == [0, 0, 16]
    assert "loaded tokens" not in lost.counters
    assert "loaded" in str(record.summary())
    assert "loaded" not in str(lost.summary())


def test_a_full_tier_forgets_the_end_of_a_prompt_first() -> None:
    """With room for two of three evicted blocks the gap is at the end, and both are found."""
    record = sequence([64, 80, 64], [1, 2, 1], replace(TIGHT, offload_blocks=2))
    assert record.hits.tolist() == [0, 0, 48]
    record = sequence([64, 80, 64], [1, 2, 1], replace(TIGHT, offload_blocks=1))
    assert record.hits.tolist() == [0, 0, 32]


def test_loaded_blocks_take_room_on_the_device_and_stay_in_the_tier() -> None:
    """They evict others, which are loaded in their turn; each time all are found."""
    record = sequence([64, 80, 64, 80, 64], [1, 2, 1, 2, 1], replace(TIGHT, offload_blocks=20))
    assert record.hits.tolist() == [0, 0, 48, 64, 48]


def test_what_is_offloaded_must_have_a_size_and_names() -> None:
    """Settings that mean nothing are refused."""
    for wrong in ({"offload_blocks": -1}, {"offload_time": -1}):
        with pytest.raises(OptionError, match="offload"):
            EngineSettings(blocks=4, **wrong)
    with pytest.raises(OptionError, match="enable_prefix_caching"):
        EngineSettings(blocks=4, offload_blocks=4, enable_prefix_caching=False)
