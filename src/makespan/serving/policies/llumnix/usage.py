"""Virtual usage and freeness of an engine: what all decisions of Llumnix are made by.

Usage is counted in blocks of memory [paper, section 4.4]:

- a request that runs: the blocks it holds;
- the head of the queue: the blocks that its prompt needs, so that an engine where a long prompt
  waits looks full and is relieved of others; the rest of the queue counts nothing, or as much, too;
- urgent requests: together a headroom on top, which keeps others away;
- an engine that is being emptied: infinite.

Freeness is what usage leaves of the memory, per request of the batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from makespan.core.errors import OptionError
from makespan.serving.policy import EngineView, FleetView

Demand = Literal["head", "all", "all-as-one"]
"""What of a queue counts, and how many requests it counts for; see :class:`Measure`."""

TARGET_TOKENS: Final = 1_600
"""Tokens of real load that an engine with urgent requests is kept at [artifact]."""

Ids = set[int] | frozenset[int]
"""Numbers of requests."""

_NOBODY: Final[Ids] = frozenset()


@dataclass(frozen=True, slots=True)
class Report:
    """What an engine tells of its load; blocks of KV memory.

    Attributes
    ----------
    engine
        Its index.
    total, free
        Blocks, and those that no request holds.
    block_size
        Tokens of a block.
    running, waiting
        Requests in the batch and in the queue.
    head, queued
        Blocks that the head of the queue needs, and that all of the queue need; not rounded.
    urgent
        Requests of high priority, running or waiting.
    preempted
        Requests in the queue that had memory before.
    draining
        Whether it is to be emptied.
    """

    engine: int
    total: int
    free: int
    block_size: int
    running: int
    waiting: int
    head: float = 0.0
    queued: float = 0.0
    urgent: int = 0
    preempted: int = 0
    draining: bool = False


def report(engine: EngineView, *, draining: bool = False, urgent: Ids = _NOBODY) -> Report:
    """The report of an engine; O(batch + queue).

    Parameters
    ----------
    urgent
        Requests of high priority, here or elsewhere.
    """
    running, waiting, size = engine.running(), engine.waiting(), engine.block_size
    head = queued = 0.0
    preempted = 0
    if waiting:
        needs = [(engine.prompt(r) + engine.generated(r)) / size for r in waiting]
        head, queued = needs[0], math.fsum(needs)
        preempted = sum(engine.preemptions(r) > 0 for r in waiting)
    return Report(
        engine=engine.index,
        total=engine.total_blocks,
        free=engine.free_blocks,
        block_size=size,
        running=len(running),
        waiting=len(waiting),
        head=head,
        queued=queued,
        urgent=len(urgent.intersection(running)) + len(urgent.intersection(waiting)),
        preempted=preempted,
        draining=draining,
    )


def reports(fleet: FleetView, *, urgent: Ids = _NOBODY) -> list[Report]:
    """Reports of all engines that serve: those that take requests, then those to be emptied."""
    engines = fleet.engines
    return [report(engines[i], urgent=urgent) for i in fleet.open] + [
        report(engines[i], draining=True, urgent=urgent) for i in fleet.draining
    ]


@dataclass(frozen=True, slots=True)
class Measure:
    """How freeness is computed.

    Attributes
    ----------
    demand
        ``head``: the head of the queue counts its blocks and as one request [paper; main where
        it makes room for long prompts]. ``all``: the whole queue counts its blocks and its
        requests [artifact and main, for dispatch]. ``all-as-one``: all its blocks, but one request
        [artifact, for moves].
    target
        Tokens of real load that an engine with urgent requests is kept at: the headroom is the
        rest of its memory.
    watermark
        Share of the memory not to be touched. vLLM had one of 1 %; that of today, and the engines
        here, have none.
    """

    demand: Demand = "head"
    target: int = TARGET_TOKENS
    watermark: float = 0.0

    def __post_init__(self) -> None:
        if self.demand not in ("head", "all", "all-as-one"):
            raise OptionError(f"demand is {self.demand!r}", hint="head, all or all-as-one")
        if self.target < 0 or not 0.0 <= self.watermark < 1.0:
            raise OptionError(
                f"target is {self.target} tokens, watermark {self.watermark}",
                hint="at least 0 tokens, and a share from 0 to below 1",
            )

    def headroom(self, one: Report) -> float:
        """Blocks kept free beside urgent requests."""
        return max(one.total - self.target / one.block_size, 0.0)

    def usage(self, one: Report, *, reserved: bool | None = None) -> float:
        """Virtual usage in blocks.

        Parameters
        ----------
        reserved
            Whether the headroom is counted; None: if there is an urgent request.
        """
        if one.draining:
            return math.inf
        used = float(one.total - one.free)
        used += one.head if self.demand == "head" else one.queued
        if one.urgent > 0 if reserved is None else reserved:
            used += self.headroom(one)
        return used

    def requests(self, one: Report) -> int:
        """Requests by which freeness divides."""
        if self.demand == "all":
            return one.running + one.waiting
        return one.running + (one.waiting > 0)

    def freeness(self, one: Report, *, reserved: bool | None = None) -> float:
        """Blocks left per request: infinite without any, -infinite if it is to be emptied.

        Negative where blocks lack, and then the less so the longer the queue is, as in the
        artifact and main: while every engine lacks memory, new requests gather at one of them.
        """
        if one.draining:
            return -math.inf
        requests = self.requests(one)
        if not requests:
            return math.inf
        left = one.total * (1.0 - self.watermark) - self.usage(one, reserved=reserved)
        return left / requests
