"""What a policy sees of a plain engine; see :class:`makespan.serving.policy.EngineView`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from makespan.serving.engine.plain_memory import PlainMemory
from makespan.serving.engine.plain_state import State
from makespan.serving.policy import EngineView
from makespan.serving.settings import EngineSettings


class Plain(Protocol):
    """An engine, as far as its view tells of it."""

    index: int
    now: int
    state: State
    settings: EngineSettings
    batch: list[int]
    queue: list[int]
    fresh: list[int]
    given: dict[int, int]
    memory: PlainMemory


def view_of(engine: Plain) -> EngineView:
    """What policies and routers get of an engine: an object without any state of its own."""
    state = engine.state

    class View:
        """One engine as policies and routers see it."""

        __slots__ = ()

        @property
        def index(self) -> int:
            """Place of the engine in its fleet."""
            return engine.index

        @property
        def now(self) -> int:
            """The boundary between two steps that the view shows."""
            return engine.now

        @property
        def block_size(self) -> int:
            """Tokens of a block."""
            return engine.settings.block_size

        @property
        def load(self) -> int:
            """Requests running and waiting."""
            return len(engine.batch) + len(engine.queue) + len(engine.fresh)

        @property
        def total_blocks(self) -> int:
            """KV blocks of the engine."""
            return engine.settings.blocks

        @property
        def free_blocks(self) -> int:
            """KV blocks that no request holds."""
            return engine.memory.free

        @property
        def max_num_seqs(self) -> int:
            """Sequences that may run at a time."""
            return engine.settings.max_num_seqs

        @property
        def max_num_batched_tokens(self) -> int:
            """Tokens that a step may compute."""
            return engine.settings.max_num_batched_tokens

        def running(self) -> Sequence[int]:
            """Requests in the batch."""
            return list(engine.batch)

        def waiting(self) -> Sequence[int]:
            """Requests in the queue."""
            return [*engine.queue, *engine.fresh]

        def arrival(self, request: int) -> int:
            """When the request was sent."""
            return int(state.arrival[request])

        def prompt(self, request: int) -> int:
            """Tokens of its prompt."""
            return int(state.prompt[request])

        def cap(self, request: int) -> int:
            """Most tokens its client accepts."""
            return int(state.workload.cap[request])

        def priority(self, request: int) -> int:
            """The smaller, the more urgent."""
            return int(state.workload.priority[request])

        def program(self, request: int) -> int:
            """The program it is a part of."""
            return int(state.workload.program[request])

        def label(self, request: int) -> str:
            """What the load calls it."""
            label = int(state.workload.label[request])
            return state.workload.labels[label] if label >= 0 else ""

        def slo(self, request: int) -> int:
            """Its SLO class."""
            return int(state.workload.slo[request])

        def generated(self, request: int) -> int:
            """Tokens it has got so far."""
            return state.generated[request]

        def computed(self, request: int) -> int:
            """Tokens of it in memory at the boundary."""
            return state.computed[request] - engine.given.get(request, 0)

        def hit(self, request: int) -> int:
            """Tokens of its prompt found when it was first admitted."""
            return state.hit[request]

        def preemptions(self, request: int) -> int:
            """How often it lost its memory."""
            return state.preemptions[request]

    return View()
