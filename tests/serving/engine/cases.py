"""Random loads, and policies that look at everything, for engines that must agree."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from makespan.serving.cost.step import LinearCost
from makespan.serving.policy import (
    EngineView,
    FleetView,
    Move,
    Policy,
    RoundRobin,
    Router,
    Scaling,
)
from makespan.serving.settings import Elastic, EngineSettings, Migration
from makespan.serving.workload import Workload


class ShortestPrompt(Policy):
    """Admits short prompts first."""

    def order(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See the base class."""
        return sorted(waiting, key=lambda r: (engine.prompt(r), r))


class CheapestVictim(Policy):
    """Preempts who has the shortest prompt."""

    def victim(self, running: Sequence[int], engine: EngineView) -> int:
        """See the base class."""
        return min(running, key=lambda r: (engine.prompt(r), r))


class LongestVictim(Policy):
    """Preempts who holds most."""

    def victim(self, running: Sequence[int], engine: EngineView) -> int:
        """See the base class."""
        return max(running, key=lambda r: (engine.computed(r), r))


class Picky(Policy):
    """Refuses some, depending on who runs."""

    def admit(self, request: int, engine: EngineView) -> bool:
        """See the base class."""
        return (7 * request + len(engine.running())) % 3 != 0


class WatchesContext(Policy):
    """Refuses by what the batch has computed, which changes every step."""

    time_varying = True

    def admit(self, request: int, engine: EngineView) -> bool:
        """See the base class."""
        return sum(engine.computed(r) + engine.generated(r) for r in engine.running()) % 5 != 0


class Aging(Policy):
    """Orders by the clock."""

    time_varying = True

    def order(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See the base class."""
        return sorted(waiting, key=lambda r: ((engine.now - engine.arrival(r)) % 7, r))


class Everything(ShortestPrompt, LongestVictim):
    """Overrides most hooks and keeps a log of what it saw."""

    def __init__(self) -> None:
        self.log: list[tuple[str, int, int, int]] = []

    def arrived(self, request: int, engine: EngineView) -> None:
        """See the base class."""
        self.log.append(("arrived", engine.index, request, engine.load))

    def finished(self, request: int, engine: EngineView) -> None:
        """See the base class."""
        self.log.append(("finished", engine.now, request, engine.free_blocks))


class Keeps(Policy):
    """Keeps what some requests leave for a while, and gives up the latest first."""

    def retain(self, request: int, engine: EngineView) -> int | None:
        """See the base class."""
        return engine.now + (10**9 << (request % 12)) if request % 3 else None

    def unpin(self, pinned: Sequence[int], request: int, engine: EngineView) -> int | None:
        """See the base class."""
        return pinned[-1] if request in engine.running() or request % 2 else None


class KeepsAll(Policy):
    """Keeps everything for long."""

    def retain(self, request: int, engine: EngineView) -> int | None:
        """See the base class."""
        return engine.now + 10**12


class Recalls(Policy):
    """Refuses and keeps by how much of the prompts of others was found in memory."""

    time_varying = True

    def admit(self, request: int, engine: EngineView) -> bool:
        """See the base class; what this step has found is told, too."""
        return sum(7 + engine.hit(r) for r in engine.running()) % 3 > 0

    def retain(self, request: int, engine: EngineView) -> int | None:
        """See the base class."""
        return engine.now + 10**11 if engine.hit(request) else None


class Interrupts(Policy):
    """Takes the memory of some of the running, but not for ever."""

    def interrupt(self, engine: EngineView) -> Sequence[int]:
        """See the base class."""
        running = engine.running()
        return [r for r in running if (3 * r + len(running)) % 7 == 0 and engine.preemptions(r) < 2]


class Drops(Policy):
    """Gives up some of the waiting."""

    def drop(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See the base class."""
        return [r for r in waiting if (5 * r + len(waiting)) % 11 == 0]


class Sparing(Policy):
    """Computes few tokens in a step, and not always as many."""

    def token_budget(self, engine: EngineView) -> int:
        """See the base class."""
        return 1 + len(engine.running()) * 13 % 29


class Rough(Interrupts, Drops, Sparing, ShortestPrompt):
    """All of these, and short prompts first."""


class Frames(Policy):
    """Takes the memory of who has got most, once in a while."""

    def __init__(self) -> None:
        self.begun = 0

    def wake(self, engine: EngineView) -> int | None:
        """See the base class."""
        return self.begun + 3 * 10**10

    def interrupt(self, engine: EngineView) -> Sequence[int]:
        """See the base class."""
        if engine.now < self.begun + 3 * 10**10:
            return []
        self.begun = engine.now
        return sorted(engine.running(), key=lambda r: (-engine.generated(r), r))[:1]


class ByMemory(Router):
    """Routes to the engine with most free blocks."""

    def route(self, request: int, fleet: FleetView) -> int:
        """See the base class."""
        return min(
            range(len(fleet.engines)),
            key=lambda i: (-fleet.engines[i].free_blocks, i),
        )


class ByContext(Router):
    """Routes by what the batches have computed and generated."""

    def route(self, request: int, fleet: FleetView) -> int:
        """See the base class."""

        def context(engine: EngineView) -> int:
            return sum(engine.computed(r) + engine.generated(r) for r in engine.running())

        return min(range(len(fleet.engines)), key=lambda i: (context(fleet.engines[i]), i))


class Restless(Router):
    """Sends, moves, starts and stops at random, and writes down all that it sees."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.poll = self.random.choice((2 * 10**10, 10**11, 3 * 10**11))
        self.log: list[object] = []

    def route(self, request: int, fleet: FleetView) -> int:
        """See the base class."""
        return self.random.choice(list(fleet.open))

    def finished(self, request: int, fleet: FleetView) -> None:
        """See the base class."""
        self.log.append((fleet.now, request, [engine.load for engine in fleet.engines]))

    def migrate(self, fleet: FleetView) -> Sequence[Move]:
        """See the base class."""
        engines = fleet.engines
        self.log.append((fleet.now, list(fleet.moving), list(fleet.open), list(fleet.draining)))
        self.log.append([engine.free_blocks for engine in engines])
        self.log.append([[(e.computed(r), e.generated(r)) for r in e.running()] for e in engines])
        return [
            Move(request, self.random.randrange(len(engines)))
            for engine in engines
            for request in (*engine.running(), *engine.waiting())
            if (request + fleet.now) % 5 == 0
        ]

    def scale(self, fleet: FleetView) -> Scaling | None:
        """See the base class."""
        choice = self.random.randrange(12)
        if choice == 0:
            return Scaling(start=1)
        if choice == 1:
            return Scaling(stop=(self.random.randrange(len(fleet.engines)),))
        return None


POLICIES = (
    Policy, ShortestPrompt, CheapestVictim, LongestVictim, Picky, WatchesContext, Aging, Everything, Keeps, KeepsAll,
    Recalls, Interrupts, Drops, Sparing, Rough, Frames,
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
    program = [g.randrange(6) - 1 for _ in range(n)]
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
        program=np.array(program),
        parent_ptr=np.cumsum([0, *map(len, parents)]),
        parent=np.array([p for ps in parents for p in ps], dtype=np.int64),
        delay=np.array(delay, dtype=np.int64),
        content_ptr=np.cumsum([0, *map(len, pieces)]),
        content=np.array([p for ps in pieces for p in ps], dtype=np.int64),
        grain=grain,
    )
    return {"workload": workload, "settings": [settings] * engines, "cost": [cost] * engines}


def ahead(case: dict[str, Any]) -> dict[str, Any]:
    """The case on engines that plan a step while another runs."""
    engines = [replace(one, async_scheduling=True) for one in case["settings"]]
    return {**case, "settings": engines}


def swapping(case: dict[str, Any], seed: int) -> dict[str, Any]:
    """The case with some memory at the hosts."""
    g = random.Random(seed)
    blocks, time = g.choice((2, 8, 30)), g.choice((0, 10**7))
    engines = [replace(one, swap_blocks=blocks, swap_time=time) for one in case["settings"]]
    return {**case, "settings": engines}


def offloading(case: dict[str, Any], seed: int) -> dict[str, Any]:
    """The case with a second tier of the prefix cache."""
    g = random.Random(seed)
    blocks, time = g.choice((1, 3, 20, 400)), g.choice((0, 10**7))
    engines = [
        replace(one, offload_blocks=blocks, offload_time=time, enable_prefix_caching=True)
        for one in case["settings"]
    ]
    return {**case, "settings": engines}


def restless(case: dict[str, Any], seed: int) -> dict[str, Any]:
    """The case on three engines among which requests move, and which come and go."""
    g = random.Random(seed)
    return {
        **case,
        "settings": case["settings"][:1] * 3,
        "cost": case["cost"][:1] * 3,
        "migration": Migration(
            block_time=g.choice((10**8, 10**9, 3 * 10**9)),
            latency=g.choice((1, 10**9)),
            last_stage_blocks=g.choice((1, 2, 4, 16)),
            max_stages=g.choice((1, 3, 5)),
        ),
        "elastic": Elastic(g.randint(1, 3), 1, g.choice((1, 10**11))) if g.random() < 0.5 else None,
    }
