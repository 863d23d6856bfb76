"""Costs of places computed all at once are those of each sequence computed by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.solvers.jit import kernel
from makespan.solvers.local.draw import stream
from makespan.solvers.local.flowshop._insertion import (
    BLOCK,
    Order,
    Prices,
    Room,
    Shop,
    costs,
    heads,
    makespans,
    room,
    tails,
)


def drawn(seed: int, n: int, m: int, *, high: int, kind: type = np.int32) -> tuple[Shop, Prices]:
    """A random shop with releases, and dates and prices for it."""
    draw = np.random.default_rng(seed)
    duration = draw.integers(0, high + 1, (n, m)).astype(kind)
    releases = draw.integers(0, 2) * draw.integers(0, high * n // 2 + 1, n)
    shop = Shop(duration, np.ascontiguousarray(duration[:, ::-1]), releases.astype(kind))
    return shop, Prices(
        due=draw.integers(-high, high * n + 1, n),
        job=draw.integers(0, 4, (n, 3)) * draw.integers(0, 2, 3),
        weight=draw.integers(-1, 4, n),
        worst=draw.integers(0, 3, 3) * draw.integers(0, 2, 3),
    )


def completions(shop: Shop, order: list[int]) -> list[tuple[int, int]]:
    """Each job of a sequence with its completion, by the textbook recursion."""
    done = [0] * shop.duration.shape[1]
    found = []
    for j in order:
        at = int(shop.release[j])
        for i, step in enumerate(shop.duration[j].tolist()):
            at = max(at, done[i]) + step
            done[i] = at
        found.append((j, at))
    return found


def cost(shop: Shop, prices: Prices, order: list[int]) -> int:
    """The objective read literally."""
    ends = completions(shop, order)
    total = int(prices.worst[0]) * ends[-1][1]
    for j, end in ends:
        late = end - int(prices.due[j])
        total += int(prices.job[j, 0]) * end + int(prices.job[j, 1]) * max(0, late)
        total += int(prices.job[j, 2]) * (late > 0)
    delay = {j: end - int(prices.due[j]) for j, end in ends if prices.weight[j] >= 0}
    total += int(prices.worst[1]) * max(
        (int(prices.weight[j]) * max(0, v) for j, v in delay.items()), default=0
    )
    return total + int(prices.worst[2]) * max(delay.values(), default=0)


def tabled(shop: Shop, order: list[int]) -> Room:
    """Room with heads and tails of a sequence."""
    memory = room(shop)
    memory.order[: len(order)] = order
    count = len(order)
    _tables(shop, memory.order, count, memory)
    return memory


@kernel
def _tables(shop: Shop, order: Order, count: int, memory: Room) -> None:
    heads(shop, order, count, 0, memory.ready, memory.row)
    tails(shop, order, count, count - 1, memory.tail, memory.row)


@kernel
def _makespans(shop: Shop, job: int, count: int, memory: Room) -> None:
    r = memory
    makespans(shop, job, r.order, count, r.ready, r.tail, r.front, r.found)


@kernel
def _costs(shop: Shop, prices: Prices, job: int, count: int, memory: Room) -> None:
    r = memory
    costs(shop, prices, job, r.order, count, r.ready, r.front, r.cost, r.late, r.tardy)


@settings(max_examples=80)
@given(
    st.integers(0, 10**6),
    st.integers(1, 9),
    st.integers(1, 6),
    st.sampled_from([1, 9, 99]),
    st.sampled_from([np.int32, np.int64]),
)
def test_every_place_costs_what_its_sequence_costs(
    seed: int, n: int, m: int, high: int, kind: type
) -> None:
    """Both evaluations against the recursion, with releases, in either width."""
    shop, prices = drawn(seed, n, m, high=high, kind=kind)
    order = np.random.default_rng(seed).permutation(n).tolist()
    job = order.pop()
    memory = tabled(shop, order)
    _makespans(shop, job, n - 1, memory)
    _costs(shop, prices, job, n - 1, memory)
    for t in range(n):
        whole = [*order[:t], job, *order[t:]]
        assert memory.found[t] == max(end for _, end in completions(shop, whole))
        assert memory.cost[t] == cost(shop, prices, whole)


@pytest.mark.parametrize("n", [BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_sequences_as_long_as_blocks(n: int) -> None:
    """Places at the edges of a block are right too."""
    shop, prices = drawn(n, n, 3, high=20)
    order = list(range(1, n))
    memory = tabled(shop, order)
    _makespans(shop, 0, n - 1, memory)
    _costs(shop, prices, 0, n - 1, memory)
    for t in range(n):
        whole = [*order[:t], 0, *order[t:]]
        assert memory.found[t] == max(end for _, end in completions(shop, whole))
        assert memory.cost[t] == cost(shop, prices, whole)


def test_times_up_to_the_limit_of_the_width() -> None:
    """Sums just below 2^30 fit 32 bits, and 2^44 fits 64."""
    for kind, top in ((np.int32, (1 << 30) // 12), (np.int64, 1 << 44)):
        duration = np.full((4, 3), top, dtype=kind)
        shop = Shop(duration, duration, duration[:, 0] * 0)
        memory = tabled(shop, [0, 1, 2])
        _makespans(shop, 3, 3, memory)
        assert memory.found[:4].tolist() == [6 * top] * 4


@kernel
def _differences(shop: Shop, count: int, memory: Room, rounds: int, random: np.ndarray) -> int:
    """How many of all places in random sequences have another makespan by full recomputation."""
    n, m = shop.duration.shape
    wrong = 0
    done = np.zeros(m, dtype=np.int64)
    for _ in range(rounds):
        for t in range(n - 1, 0, -1):
            k = np.int64(random[0] % np.uint64(t + 1))
            random[0] = random[0] * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
            memory.order[t], memory.order[k] = memory.order[k], memory.order[t]
        job = memory.order[count]
        heads(shop, memory.order, count, 0, memory.ready, memory.row)
        tails(shop, memory.order, count, count - 1, memory.tail, memory.row)
        makespans(
            shop, job, memory.order, count, memory.ready, memory.tail, memory.front, memory.found
        )
        for place in range(count + 1):
            done[:] = 0
            for t in range(count + 1):
                v = job
                if t != place:
                    v = memory.order[t if t < place else t - 1]
                at = np.int64(shop.release[v])
                for i in range(m):
                    at = max(at, done[i]) + shop.duration[v, i]
                    done[i] = at
            wrong += done[m - 1] != memory.found[place]
    return wrong


def test_a_million_insertions() -> None:
    """Heads and tails against recomputation, place by place."""
    places = 0
    for n, m, rounds in ((5, 3, 60_000), (12, 6, 30_000), (40, 5, 10_000)):
        for seed in range(2):
            shop, _ = drawn(seed, n, m, high=50)
            memory = room(shop)
            memory.order[:n] = np.arange(n)
            assert _differences(shop, n - 1, memory, rounds // 2, stream(seed)) == 0
            places += n * (rounds // 2)
    assert places >= 1_000_000
