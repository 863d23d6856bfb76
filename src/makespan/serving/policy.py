"""What a policy decides, and what it may see: one object for the simulator and for real engines.

A policy is plain Python with no simulator inside. It overrides the hooks that its paper is about;
the others follow vLLM: first come, first served, memory on demand, the last of the running is
preempted. Hooks that are not overridden cost nothing. A view shows an engine as it was at the
boundary between two steps: nothing that the step under construction has given out is visible. No
view tells how long an output will be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class EngineView(Protocol):
    """What a policy may ask of one engine. Requests are numbers, times picoseconds."""

    @property
    def index(self) -> int:
        """Place of the engine in its fleet."""

    @property
    def now(self) -> int:
        """The boundary between two steps that the view shows."""

    @property
    def load(self) -> int:
        """Requests running and waiting."""

    @property
    def total_blocks(self) -> int:
        """KV blocks of the engine."""

    @property
    def free_blocks(self) -> int:
        """KV blocks that no request holds; they may keep content that is found again."""

    @property
    def block_size(self) -> int:
        """Tokens of a block."""

    def running(self) -> Sequence[int]:
        """Requests in the batch, in the order in which they were admitted."""

    def waiting(self) -> Sequence[int]:
        """Requests in the queue, the head first."""

    def arrival(self, request: int) -> int:
        """When the request was sent."""

    def prompt(self, request: int) -> int:
        """Tokens of its prompt."""

    def cap(self, request: int) -> int:
        """Most tokens its client accepts."""

    def priority(self, request: int) -> int:
        """The smaller, the more urgent."""

    def program(self, request: int) -> int:
        """The program it is a part of, -1 for none."""

    def label(self, request: int) -> str:
        """Stage, tenant or whatever the load distinguishes, "" for none."""

    def slo(self, request: int) -> int:
        """Index of its SLO class in the workload, -1 for none."""

    def generated(self, request: int) -> int:
        """Tokens it has got so far."""

    def computed(self, request: int) -> int:
        """Tokens of it whose keys and values are in memory."""

    def preemptions(self, request: int) -> int:
        """How often it lost its memory."""


class FleetView(Protocol):
    """What a router may ask of a fleet."""

    @property
    def now(self) -> int:
        """The time of the decision."""

    @property
    def engines(self) -> Sequence[EngineView]:
        """The engines; their memory and batches as of now, if asked."""


class Policy:
    """Decisions inside one engine; every method is a hook with vLLM's behaviour as default.

    Attributes
    ----------
    time_varying
        Whether the answers of ``order`` and ``admit`` change without an event. They are asked at
        every step then while a request waits; otherwise only after an arrival, an admission, a
        preemption or a completion, and at the time that ``wake`` gave.
    window
        Requests from the head of the queue that ``order`` is given.
    """

    name: str = "fcfs"
    time_varying: bool = False
    window: int = 256

    def order(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """The same requests in the order in which they should be admitted."""
        return waiting

    def admit(self, request: int, engine: EngineView) -> bool:
        """Whether to admit the head of the queue, which fits into memory.

        Not asked while nothing runs, so that no policy can stop an engine for good.
        """
        return True

    def victim(self, running: Sequence[int], engine: EngineView) -> int:
        """Who of the running gives up its memory, where one more block is needed."""
        return running[-1]

    def retain(self, request: int, engine: EngineView) -> int | None:
        """Until when to keep what a request leaves in memory, as it ends; None: do not.

        What is kept cannot be evicted before that time, before somebody of the same program is
        admitted, or before :meth:`unpin` gives it up. It outlives the time while one of its
        program waits.
        """
        return None

    def unpin(self, pinned: Sequence[int], request: int, engine: EngineView) -> int | None:
        """Whose memory to keep no longer, for a request that lacks some; None: nobody's.

        Asked for a running request before any is preempted, and for the head of the queue before it
        is refused; while nothing runs, None is taken for the first of ``pinned``, which are in the
        order in which they ended.
        """
        return pinned[0] if request in engine.running() else None

    def wake(self, engine: EngineView) -> int | None:
        """When to ask ``order`` and ``admit`` again though nothing happens; None: never.

        Asked after each decision while somebody waits.
        """
        return None

    def arrived(self, request: int, engine: EngineView) -> None:
        """The request has joined the queue."""

    def finished(self, request: int, engine: EngineView) -> None:
        """The request has got its last token; ``generated`` is its length."""


class Router:
    """Decisions between engines; the default sends to the one with the fewest requests."""

    name: str = "least-loaded"

    def route(self, request: int, fleet: FleetView) -> int:
        """Index of the engine that gets the request, which arrives now."""
        engines = fleet.engines
        return min(range(len(engines)), key=lambda i: engines[i].load)


class RoundRobin(Router):
    """One engine after the other."""

    name = "round-robin"

    def __init__(self) -> None:
        self.next = 0

    def route(self, request: int, fleet: FleetView) -> int:
        """See :meth:`Router.route`."""
        chosen = self.next % len(fleet.engines)
        self.next = chosen + 1
        return chosen
