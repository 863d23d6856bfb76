"""What a policy decides, and what it may see: one object for the simulator and for real engines.

A policy is plain Python with no simulator inside. It overrides the hooks that its paper is about;
the others follow vLLM: first come, first served, memory on demand, the last of the running is
preempted. Hooks that are not overridden cost nothing. A view shows an engine as it was at the
boundary between two steps: nothing that the step under construction has given out is visible. No
view tells how long an output will be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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

    @property
    def max_num_seqs(self) -> int:
        """Sequences that may run at a time."""

    @property
    def max_num_batched_tokens(self) -> int:
        """Tokens that a step may compute."""

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

    def hit(self, request: int) -> int:
        """Tokens of its prompt that were found when it was first admitted; 0 before.

        In memory, or in a second tier of the prefix cache, from which they were loaded.
        """

    def preemptions(self, request: int) -> int:
        """How often it lost its memory."""


class FleetView(Protocol):
    """What a router may ask of a fleet."""

    @property
    def now(self) -> int:
        """The time of the decision."""

    @property
    def engines(self) -> Sequence[EngineView]:
        """All engines by index; their memory and batches as of now, if asked."""

    @property
    def open(self) -> Sequence[int]:
        """Engines that take requests: those that are on and not being emptied."""

    @property
    def starting(self) -> Sequence[int]:
        """Engines that have been switched on and do not serve yet."""

    @property
    def draining(self) -> Sequence[int]:
        """Engines that are switched off as soon as they have nothing left."""

    @property
    def moving(self) -> Sequence[int]:
        """Requests on their way from one engine to another."""


@dataclass(frozen=True, slots=True)
class Move:
    """A request that a router wants served elsewhere from now on.

    Attributes
    ----------
    target
        Index of the engine it goes to.
    """

    request: int
    target: int


@dataclass(frozen=True, slots=True)
class Scaling:
    """How a router wants the fleet changed.

    Attributes
    ----------
    start
        Number of further engines to switch on.
    stop
        Engines to empty and switch off.
    """

    start: int = 0
    stop: tuple[int, ...] = ()


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

    def drop(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """Who of the queue is refused for good; asked whenever ``order`` is, before it."""
        return ()

    def interrupt(self, engine: EngineView) -> Sequence[int]:
        """Who of the running gives up its memory though none is lacking.

        Asked between two steps while somebody waits, when something has happened since the last
        time or ``wake`` says so; before ``order``. They join the head of the queue, the last named
        first, and the step that follows may admit others in their place.
        """
        return ()

    def token_budget(self, engine: EngineView) -> int:
        """Most tokens that the next step computes.

        At most ``max_num_batched_tokens`` and at least the sequences running are taken instead.
        Asked before every step in which a prompt may be computed.
        """
        return engine.max_num_batched_tokens

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

        Asked after each decision while somebody waits. A time that is past is none.
        """
        return None

    def arrived(self, request: int, engine: EngineView) -> None:
        """The request has joined the queue."""

    def finished(self, request: int, engine: EngineView) -> None:
        """The request has got its last token; ``generated`` is its length."""


class Router:
    """Decisions between engines; the default sends to the one with the fewest requests.

    Attributes
    ----------
    poll
        Picoseconds between two times that ``migrate`` and ``scale`` are asked; None: never.
    """

    name: str = "least-loaded"
    poll: int | None = None

    def route(self, request: int, fleet: FleetView) -> int:
        """Index of an open engine, which gets the request that arrives now.

        Asked again, without :meth:`finished` in between, if a real engine that had the request has
        died.
        """
        engines = fleet.engines
        return min(fleet.open, key=lambda i: engines[i].load)

    def finished(self, request: int, fleet: FleetView) -> None:
        """The request has got its last token, or was refused."""

    def migrate(self, fleet: FleetView) -> Sequence[Move]:
        """Which requests are to be served elsewhere from now on.

        A request that decodes takes its memory along while it goes on decoding; one that waits is
        handed over at once. Moves that cannot begin (no memory at the target, an end that moves
        another request already, a prompt under way) are passed over.
        """
        return ()

    def scale(self, fleet: FleetView) -> Scaling | None:
        """Engines to switch on or off; None: neither."""
        return None


class RoundRobin(Router):
    """One engine after the other."""

    name = "round-robin"

    def __init__(self) -> None:
        self.next = 0

    def route(self, request: int, fleet: FleetView) -> int:
        """See :meth:`Router.route`."""
        chosen = fleet.open[self.next % len(fleet.open)]
        self.next += 1
        return chosen
