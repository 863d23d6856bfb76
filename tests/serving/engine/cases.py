"""Random loads, and policies that look at everything, for engines that must agree."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from makespan.serving.cost.step import LinearCost
from makespan.serving.policy import EngineView, FleetView, Policy, RoundRobin, Router
from makespan.serving.settings import EngineSettings
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


POLICIES = (
    Policy, ShortestPrompt, CheapestVictim, LongestVictim, Picky, WatchesContext, Aging, Everything, Keeps, KeepsAll,
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
