"""The event-driven engines do exactly what the plain ones do."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.fleet import Fleet
from makespan.serving.engine.reference import Reference
from makespan.serving.policy import EngineView, FleetView, Policy, RoundRobin, Router
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import Workload

PER_REQUEST = (
    "arrival", "first", "last", "admitted", "generated", "preemptions", "longest_gap", "hits", "engine",
)  # fmt: skip


class ShortestPrompt(Policy):
    def order(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        return sorted(waiting, key=lambda r: (engine.prompt(r), r))


class CheapestVictim(Policy):
    def victim(self, running: Sequence[int], engine: EngineView) -> int:
        return min(running, key=lambda r: (engine.prompt(r), r))


class LongestVictim(Policy):
    def victim(self, running: Sequence[int], engine: EngineView) -> int:
        return max(running, key=lambda r: (engine.computed(r), r))


class Picky(Policy):
    def admit(self, request: int, engine: EngineView) -> bool:
        return (7 * request + len(engine.running())) % 3 != 0


class WatchesContext(Policy):
    time_varying = True

    def admit(self, request: int, engine: EngineView) -> bool:
        return sum(engine.computed(r) + engine.generated(r) for r in engine.running()) % 5 != 0


class Aging(Policy):
    time_varying = True

    def order(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        return sorted(waiting, key=lambda r: ((engine.now - engine.arrival(r)) % 7, r))


class Everything(ShortestPrompt, LongestVictim):
    def __init__(self) -> None:
        self.log: list[tuple[str, int, int, int]] = []

    def arrived(self, request: int, engine: EngineView) -> None:
        self.log.append(("arrived", engine.index, request, engine.load))

    def finished(self, request: int, engine: EngineView) -> None:
        self.log.append(("finished", engine.now, request, engine.free_blocks))


class ByMemory(Router):
    def route(self, request: int, fleet: FleetView) -> int:
        return min(
            range(len(fleet.engines)),
            key=lambda i: (-fleet.engines[i].free_blocks, i),
        )


class ByContext(Router):
    def route(self, request: int, fleet: FleetView) -> int:
        def context(engine: EngineView) -> int:
            return sum(engine.computed(r) + engine.generated(r) for r in engine.running())

        return min(range(len(fleet.engines)), key=lambda i: (context(fleet.engines[i]), i))


POLICIES = (
    Policy, ShortestPrompt, CheapestVictim, LongestVictim, Picky, WatchesContext, Aging, Everything,
)  # fmt: skip
ROUTERS: tuple[Callable[[], Router], ...] = (Router, RoundRobin, ByMemory, ByContext)


def random_case(seed: int) -> dict[str, Any]:
    """A small load with ties, shared prefixes, programs and little memory."""
    g = random.Random(seed)
    n, size, grain = g.randint(1, 60), g.choice((1, 4, 16)), g.choice((1, 3, 4, 16, 40))
    prompt = [g.randint(1, 200) for _ in range(n)]
    output = [g.randint(1, 120) for _ in range(n)]
    span = g.choice((1, 10**11, 10**12, 5 * 10**12))
    arrival = sorted(g.randrange(span) for _ in range(n))
    if g.random() < 0.5:
        arrival = sorted(g.choice(arrival) for _ in range(n))
    pieces: list[list[int]] = [[] for _ in range(n)]
    if g.random() < 0.7:
        reach = g.random() < 0.5
        for r in range(n):
            family, most = g.randrange(4), (prompt[r] + (output[r] if reach else 0)) // grain
            length = g.randint(0, most) if g.random() < 0.8 else 0
            pieces[r] = [family * 1000 + j for j in range(length)]
    parents: list[list[int]] = [[] for _ in range(n)]
    if g.random() < 0.4:
        for r in range(1, n):
            if g.random() < 0.5:
                parents[r] = sorted({g.randrange(r) for _ in range(g.randint(1, 2))})
    delay = [g.choice((0, 1, 10**10, g.randrange(10**11))) for p in parents for _ in p]
    engines, seqs = g.randint(1, 3), g.choice((1, 2, 4, 16, 64))
    blocks = max(-(-(p + o) // size) for p, o in zip(prompt, output, strict=True))
    if g.random() < 0.1:
        blocks -= g.randint(0, blocks // 2)
    settings = EngineSettings(
        blocks=blocks + g.randint(1, 3 * blocks),
        block_size=size,
        max_num_batched_tokens=max(seqs, g.choice((8, 32, 64, 256, 2048))),
        max_num_seqs=seqs,
        enable_prefix_caching=g.random() < 0.8,
    )
    cost = LinearCost(
        g.randint(1, 10**10), g.randrange(10**8), g.randrange(10**6), g.randrange(10**8), g.randrange(10**4)
    )  # fmt: skip
    workload = Workload(
        f"case {seed}",
        np.array(arrival),
        np.array(prompt),
        np.array(output),
        parent_ptr=np.cumsum([0, *map(len, parents)]),
        parent=np.array([p for ps in parents for p in ps], dtype=np.int64),
        delay=np.array(delay, dtype=np.int64),
        content_ptr=np.cumsum([0, *map(len, pieces)]),
        content=np.array([p for ps in pieces for p in ps], dtype=np.int64),
        grain=grain,
    )
    return {"workload": workload, "settings": [settings] * engines, "cost": [cost] * engines}


def same(case: dict[str, Any], policy: type[Policy], router: Callable[[], Router]) -> int:
    """Assert equality; the number of preemptions."""
    made: list[list[Policy]] = [[], []]

    def make(side: int) -> Callable[[], Policy]:
        def one() -> Policy:
            made[side].append(policy())
            return made[side][-1]

        return one

    fast = Fleet(**case, policy=make(0), router=router()).run()
    plain = Reference(**case, policy=make(1), router=router()).run()
    assert fast.refused == plain.refused
    for key in PER_REQUEST:
        if key == "longest_gap" and policy in (CheapestVictim, LongestVictim, Everything):
            continue  # who is passed over when others give up their memory is not told apart
        assert getattr(fast.requests, key) == getattr(plain.requests, key), key
    assert [e.steps for e in fast.engines] == [e.steps for e in plain.engines]
    for engine, other in zip(fast.engines, plain.engines, strict=True):
        assert engine.memory.free == other.free_blocks == other.settings.blocks
    for one, other_policy in zip(*made, strict=True):
        if isinstance(one, Everything) and isinstance(other_policy, Everything):
            assert one.log == other_policy.log
    return sum(plain.requests.preemptions)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.__name__)
def test_every_policy_sees_and_gets_the_same(policy: type[Policy]) -> None:
    preemptions = sum(
        same(random_case(seed), policy, ROUTERS[seed % len(ROUTERS)]) for seed in range(40)
    )
    assert preemptions > 0
