"""A fleet that is nothing but its state: what routers see, without any engine behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from makespan.serving.policies.llumnix.usage import Report
from makespan.serving.policy import Move


@dataclass
class Load:
    """A request as an engine knows it."""

    prompt: int
    generated: int = 0
    computed: int | None = None
    priority: int = 0
    arrival: int = 0
    preemptions: int = 0


@dataclass
class FakeEngine:
    """An engine that holds what it is told to."""

    requests: dict[int, Load]
    index: int = 0
    total_blocks: int = 100
    block_size: int = 16
    batch: list[int] = field(default_factory=list)
    queue: list[int] = field(default_factory=list)
    now: int = 0
    max_num_seqs: int = 256
    max_num_batched_tokens: int = 2048

    @property
    def load(self) -> int:
        """Requests running and waiting."""
        return len(self.batch) + len(self.queue)

    @property
    def free_blocks(self) -> int:
        """Blocks that nobody in the batch holds."""
        return self.total_blocks - sum(self.held(r) for r in self.batch)

    def held(self, request: int) -> int:
        """Blocks of a request of the batch."""
        return -(-self.computed(request) // self.block_size)

    def running(self) -> Sequence[int]:
        """The batch."""
        return list(self.batch)

    def waiting(self) -> Sequence[int]:
        """The queue."""
        return list(self.queue)

    def arrival(self, request: int) -> int:
        """As told."""
        return self.requests[request].arrival

    def prompt(self, request: int) -> int:
        """As told."""
        return self.requests[request].prompt

    def cap(self, request: int) -> int:
        """Nobody asks."""
        return 1000

    def priority(self, request: int) -> int:
        """As told."""
        return self.requests[request].priority

    def program(self, request: int) -> int:
        """None."""
        return -1

    def label(self, request: int) -> str:
        """None."""
        return ""

    def slo(self, request: int) -> int:
        """None."""
        return -1

    def generated(self, request: int) -> int:
        """As told."""
        return self.requests[request].generated

    def computed(self, request: int) -> int:
        """As told; by default that of a request that decodes."""
        one = self.requests[request]
        return one.prompt + one.generated - 1 if one.computed is None else one.computed

    def hit(self, request: int) -> int:
        """Nothing."""
        return 0

    def preemptions(self, request: int) -> int:
        """As told."""
        return self.requests[request].preemptions


@dataclass
class FakeFleet:
    """Engines, some of them not on."""

    engines: list[FakeEngine]
    requests: dict[int, Load]
    now: int = 0
    starting: list[int] = field(default_factory=list)
    draining: list[int] = field(default_factory=list)
    off: list[int] = field(default_factory=list)
    moving: list[int] = field(default_factory=list)

    @property
    def open(self) -> Sequence[int]:
        """All others."""
        closed = {*self.starting, *self.draining, *self.off}
        return [i for i in range(len(self.engines)) if i not in closed]

    def apply(self, move: Move) -> None:
        """Carry out a move at once."""
        for engine in self.engines:
            for place in (engine.batch, engine.queue):
                if move.request in place:
                    place.remove(move.request)
                    target = self.engines[move.target]
                    (target.batch if place is engine.batch else target.queue).append(move.request)
                    return
        raise AssertionError(f"request {move.request} is nowhere")


def fleet(
    batches: Sequence[Sequence[Load]], queues: Sequence[Sequence[Load]] = (), total: int = 100
) -> FakeFleet:
    """A fleet of these batches and queues; requests are numbered in this order."""
    requests: dict[int, Load] = {}

    def number(loads: Sequence[Load]) -> list[int]:
        first = len(requests)
        requests.update(enumerate(loads, first))
        return list(range(first, first + len(loads)))

    engines = [
        FakeEngine(
            requests,
            index=i,
            total_blocks=total,
            batch=number(batch),
            queue=number(queues[i] if i < len(queues) else ()),
        )
        for i, batch in enumerate(batches)
    ]
    return FakeFleet(engines, requests)


def told(engine: int = 0, total: int = 100, free: int = 100, **more: float) -> Report:
    """A report by hand."""
    values = {"running": 0, "waiting": 0} | more
    return Report(engine, total, free, 16, **values)  # type: ignore[arg-type]
