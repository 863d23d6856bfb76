"""Running requests on their way from one engine to another, in stages.

The target reserves memory for what is copied next; the source decodes on meanwhile. When little is
left to copy the request leaves its source at a boundary between two steps, the rest is copied, and
it decodes on at the target from the next boundary there. A request that ends or loses its memory
before that is not moved; nor is one whose target has no room for the rest. [Llumnix, OSDI 2024]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from makespan.serving.engine.instance import Instance
from makespan.serving.engine.requests import Requests
from makespan.serving.settings import Migration


@dataclass(slots=True)
class Transfer:
    """A move under way.

    Attributes
    ----------
    preemptions
        Times that the request had lost its memory when the move began.
    blocks
        Blocks reserved at the target.
    stage
        Number of the stage of copying.
    last
        Whether the request has left its source.
    """

    request: int
    source: Instance
    target: Instance
    preemptions: int
    blocks: int
    stage: int = 1
    last: bool = False


class Moves:
    """The moves of a fleet.

    Parameters
    ----------
    later
        Called with a request and a time: its stage of copying ends then.
    kick
        Called with an engine and a time: it can go on, if it stood still.

    Attributes
    ----------
    moved, aborted, blocks
        Moves completed and given up, and blocks copied.
    """

    def __init__(
        self,
        requests: Requests,
        migration: Migration | None,
        later: Callable[[int, int], None],
        kick: Callable[[Instance, int], None],
    ) -> None:
        self.requests, self.migration, self.later, self.kick = requests, migration, later, kick
        self.transfers: dict[int, Transfer] = {}
        self.moved = self.aborted = self.blocks = 0

    def idle(self, engine: Instance) -> bool:
        """Whether an engine takes part in no move."""
        return all(engine not in (t.source, t.target) for t in self.transfers.values())

    def begin(self, request: int, source: Instance, target: Instance, now: int) -> None:
        """Begin to move a request, if both ends can; neither may be gliding."""
        if self.migration is None or request not in source.cohort.base:
            return
        if not self.idle(source) or not self.idle(target):
            return
        if len(target.batch) >= target.settings.max_num_seqs:
            return
        blocks = self._done(request, source) // target.block_size
        if blocks > target.memory.free or source.block_size != target.block_size:
            return
        preemptions = self.requests.preemptions[request]
        self.transfers[request] = Transfer(request, source, target, preemptions, 0)
        target.seats += 1
        self._copy(self.transfers[request], blocks, now)

    def advance(self, request: int, now: int) -> None:
        """A stage of copying has ended; neither end may be gliding."""
        transfer = self.transfers[request]
        source, target = transfer.source, transfer.target
        assert self.migration is not None
        if transfer.last:
            source.memory.release(request, self.requests.computed[request])
            source.reconsider()
            self.kick(source, now)
            target.incoming.append(request)
            self.kick(target, now)
            return
        if not self._stays(transfer):
            self._abort(transfer, now)
            return
        more = self._done(request, source) // target.block_size - transfer.blocks
        if more <= self.migration.last_stage_blocks:
            source.leaving = request
        elif transfer.stage == self.migration.max_stages or more > target.memory.free:
            self._abort(transfer, now)
        else:
            transfer.stage += 1
            self._copy(transfer, more, now)

    def board(self, engine: Instance, land: Callable[[Instance, int], None]) -> None:
        """At a boundary of an engine, who has come joins its batch, and who is to leave does."""
        for request in engine.incoming:
            engine.join(request)
            del self.transfers[request]
            self.moved += 1
        engine.incoming.clear()
        request_leaving, engine.leaving = engine.leaving, None
        if request_leaving is None:
            return
        transfer = self.transfers[request_leaving]
        target = transfer.target
        land(target, engine.now)
        if not self._stays(transfer):
            self._abort(transfer, engine.now)
            return
        computed = self._done(request_leaving, engine)
        more = -(-computed // target.block_size) - transfer.blocks
        if more > target.memory.free:
            self._abort(transfer, engine.now)
            return
        transfer.last = True
        engine.depart(request_leaving, computed)
        self._copy(transfer, more, engine.now)

    def _copy(self, transfer: Transfer, blocks: int, now: int) -> None:
        assert self.migration is not None
        transfer.target.memory.take(blocks)
        transfer.blocks += blocks
        self.blocks += blocks
        end = now + self.migration.latency + blocks * self.migration.block_time
        self.later(transfer.request, end)

    def _abort(self, transfer: Transfer, now: int) -> None:
        target = transfer.target
        target.seats -= 1
        target.memory.put_back(transfer.blocks)
        del self.transfers[transfer.request]
        self.aborted += 1
        target.reconsider()
        self.kick(target, now)

    def _done(self, request: int, source: Instance) -> int:
        """Tokens of a decoding request that were in memory at the last boundary."""
        return self.requests.prompt[request] + source.view.generated(request) - 1

    def _stays(self, transfer: Transfer) -> bool:
        """Whether the request has decoded at its source all the time."""
        request = transfer.request
        same = self.requests.preemptions[request] == transfer.preemptions
        return request in transfer.source.cohort.base and same
