"""A fleet of plain engines: what the event-driven one must reproduce."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from makespan.serving.cost.step import StepCost
from makespan.serving.engine.plain import PlainInstance
from makespan.serving.engine.plain_state import State
from makespan.serving.policy import EngineView, FleetView, Move, Policy, Router
from makespan.serving.settings import Elastic, EngineSettings, Migration
from makespan.serving.workload import Workload


@dataclass
class Transfer:
    """A running request on its way from one engine to another."""

    request: int
    source: PlainInstance
    target: PlainInstance
    preemptions: int
    until: int
    table: list[int] = field(default_factory=list)
    stage: int = 1
    last: bool = False
    """Whether it has left its source."""


def view_of(fleet: Reference) -> FleetView:
    """What a router gets of a fleet: an object without any state of its own."""

    class View:
        """The fleet as routers see it."""

        __slots__ = ()

        @property
        def now(self) -> int:
            """The time of the decision."""
            return fleet.now

        @property
        def engines(self) -> Sequence[EngineView]:
            """All engines by index."""
            return [engine.view for engine in fleet.engines]

        @property
        def open(self) -> Sequence[int]:
            """Engines that take requests."""
            return fleet.open

        @property
        def starting(self) -> Sequence[int]:
            """Engines that do not serve yet."""
            return fleet.starting

        @property
        def draining(self) -> Sequence[int]:
            """Engines that will be switched off."""
            return fleet.draining

        @property
        def moving(self) -> Sequence[int]:
            """Requests on their way from one engine to another."""
            return [transfer.request for transfer in fleet.transfers]

    return View()


class Reference:
    """A fleet of plain engines; the interface is that of ``Fleet``."""

    def __init__(
        self,
        workload: Workload,
        settings: Sequence[EngineSettings],
        cost: Sequence[StepCost],
        *,
        policy: Callable[[], Policy] = Policy,
        router: Router | None = None,
        migration: Migration | None = None,
        elastic: Elastic | None = None,
    ) -> None:
        self.workload, self.requests = workload, State(workload)
        self.router = router or Router()
        self.migration, self.elastic = migration, elastic
        self.now = 0
        self.refused: list[int] = []
        self.dropped: list[int] = []
        self.transfers: list[Transfer] = []
        self.moved = self.handed = self.aborted = 0
        self.freed: list[PlainInstance] = []
        self.engines = [
            PlainInstance(i, self.requests, one, model, policy())
            for i, (one, model) in enumerate(zip(settings, cost, strict=True))
        ]
        self.unsent = dict.fromkeys(range(workload.count))
        ptr = workload.parent_ptr.tolist()
        pairs = list(zip(workload.parent.tolist(), workload.delay.tolist(), strict=True))
        self.waits_for = [pairs[a:b] for a, b in pairwise(ptr)]
        self.earliest: list[int] = workload.arrival.tolist()
        first = self.earliest[0] if workload.count else 0
        on = elastic.initial if elastic else len(self.engines)
        self.power = ["on" if i < on else "off" for i in range(len(self.engines))]
        self.since = [first] * len(self.engines)
        self.serves = [first] * len(self.engines)
        self.powered = [0] * len(self.engines)
        self.asked = first
        self.view = view_of(self)

    @property
    def open(self) -> Sequence[int]:
        """Engines that take requests."""
        return [i for i, state in enumerate(self.power) if state == "on"]

    @property
    def starting(self) -> Sequence[int]:
        """Engines that do not serve yet."""
        return [i for i, state in enumerate(self.power) if state == "starting"]

    @property
    def draining(self) -> Sequence[int]:
        """Engines that will be switched off."""
        return [i for i, state in enumerate(self.power) if state == "draining"]

    def run(self) -> Reference:
        """Serve everything."""
        workload, state = self.workload, self.requests
        poll = self.router.poll
        while True:
            times = self.coming()
            times += [e.now for e in self.engines if e.flight]
            times += [u for e in self.engines for u in e.pins.values() if u > self.now]
            times += [e.again for e in self.engines if not e.flight and e.queue and e.again]
            times += [t.until for t in self.transfers if t.until >= 0]
            times += [self.serves[i] for i in self.starting]
            if not times:
                break
            if poll and self.active():
                times.append(self.asked + poll)
            self.now = time = min(times)
            done: list[int] = []
            for engine in self.engines:
                if engine.flight and engine.now == time:
                    done += engine.commit()
            for request in sorted(done):
                self.router.finished(request, self.view)
            for request in [r for r in self.unsent if self.ready(r) == time]:
                del self.unsent[request]
                state.arrival[request] = time
                index = self.router.route(request, self.view)
                state.engine[request] = index
                engine = self.engines[index]
                if workload.prompt[request] + workload.cap[request] > engine.longest:
                    self.refused.append(request)
                    self.router.finished(request, self.view)
                else:
                    engine.arrive(request)
            for index in self.starting:
                if self.serves[index] == time:
                    self.power[index] = "on"
            if poll and self.asked + poll == time:
                self.asked = time
                if self.active():
                    self.poll()
            for transfer in sorted(self.transfers, key=lambda t: t.request):
                if transfer.until == time:
                    self.advance(transfer)
            turn = self.engines
            while turn:
                self.freed = []
                for engine in turn:
                    if not engine.flight and self.has_work(engine):
                        engine.now = max(engine.now, time)
                        self.board(engine)
                        engine.schedule()
                        for request in engine.dropped:
                            self.dropped.append(request)
                            self.router.finished(request, self.view)
                        engine.dropped = []
                turn = self.freed
        for index, state_of in enumerate(self.power):
            if state_of != "off":
                self.off(index, max([*state.last, self.since[index]]))
        return self

    def has_work(self, engine: PlainInstance) -> bool:
        """Whether there may be anything to do at a boundary."""
        moves = engine.incoming or engine.leaving is not None
        return bool(engine.view.load or engine.pins or engine.ending or moves)

    def coming(self) -> list[int]:
        """Times of the arrivals that are known."""
        return [time for r in self.unsent if (time := self.ready(r)) is not None]

    def active(self) -> bool:
        """Whether there is anything left to serve."""
        return bool(self.coming() or self.transfers or any(e.view.load for e in self.engines))

    def ready(self, request: int) -> int | None:
        """When a request is sent, as far as that is known."""
        state, time = self.requests, self.earliest[request]
        for parent, delay in self.waits_for[request]:
            if state.generated[parent] < state.output[parent]:
                return None
            time = max(time, state.last[parent] + delay)
        return time

    # Moves.

    def poll(self) -> None:
        """Ask the router what to move, and whether to switch engines on or off."""
        for move in self.router.migrate(self.view):
            self.begin(move)
        for index in self.draining:
            if not self.engines[index].view.load and self.idle(self.engines[index]):
                self.off(index, self.now)
        if self.elastic is None:
            return
        wanted = self.router.scale(self.view)
        if wanted is None:
            return
        off = [i for i, state in enumerate(self.power) if state == "off"]
        for index in off[: wanted.start]:
            self.power[index] = "starting"
            self.since[index] = self.now
            self.serves[index] = self.now + self.elastic.startup
        for index in wanted.stop:
            if self.power[index] == "on" and len(self.open) > self.elastic.least:
                self.power[index] = "draining"

    def off(self, index: int, time: int) -> None:
        """An engine is switched off."""
        self.powered[index] += time - self.since[index]
        self.power[index] = "off"

    def idle(self, engine: PlainInstance) -> bool:
        """Whether an engine takes part in no transfer."""
        return all(engine not in (t.source, t.target) for t in self.transfers)

    def begin(self, move: Move) -> None:
        """Begin a move, if it can be begun."""
        request, target = move.request, self.engines[move.target]
        state = self.requests
        if state.engine[request] in (-1, move.target) or move.target not in self.open:
            return
        source = self.engines[state.engine[request]]
        if request in source.queue and request not in source.away:
            if state.prompt[request] + self.workload.cap[request] <= target.longest:
                source.queue.remove(request)
                state.engine[request] = target.index
                target.arrive(request)
                self.handed += 1
            return
        if request not in source.decoding or self.migration is None:
            return
        if not self.idle(source) or not self.idle(target):
            return
        if state.prompt[request] + self.workload.cap[request] > target.longest:
            return
        if len(target.batch) >= target.settings.max_num_seqs:
            return
        blocks = self.done(request) // target.settings.block_size
        same = source.settings.block_size == target.settings.block_size
        if blocks > target.memory.free or not same:
            return
        transfer = Transfer(request, source, target, state.preemptions[request], 0)
        transfer.table = target.memory.reserve(blocks)
        transfer.until = self.now + self.lasts(blocks)
        target.seats += 1
        self.transfers.append(transfer)

    def done(self, request: int) -> int:
        """Tokens of a decoding request that were in memory at the last boundary."""
        return int(self.requests.prompt[request]) + self.requests.generated[request] - 1

    def lasts(self, blocks: int) -> int:
        """Time of a stage."""
        assert self.migration is not None
        return self.migration.latency + blocks * self.migration.block_time

    def stays(self, transfer: Transfer) -> bool:
        """Whether the request has decoded at its source all the time."""
        request = transfer.request
        same = self.requests.preemptions[request] == transfer.preemptions
        return request in transfer.source.decoding and same

    def abort(self, transfer: Transfer) -> None:
        """Give up a move; the request stays where it is."""
        target = transfer.target
        target.seats -= 1
        target.memory.give_back(transfer.table)
        self.transfers.remove(transfer)
        self.aborted += 1

    def advance(self, transfer: Transfer) -> None:
        """A stage of copying has ended."""
        request, target = transfer.request, transfer.target
        if transfer.last:
            transfer.until = -1  # at the next boundary
            transfer.source.memory.release(request)
            target.incoming.append(request)
            return
        if not self.stays(transfer):
            self.abort(transfer)
            return
        assert self.migration is not None
        more = self.done(request) // target.settings.block_size - len(transfer.table)
        if more <= self.migration.last_stage_blocks:
            transfer.source.leaving = request
            transfer.until = -1  # at the next boundary
        elif transfer.stage == self.migration.max_stages or more > target.memory.free:
            self.abort(transfer)
        else:
            transfer.table += target.memory.reserve(more)
            transfer.stage += 1
            transfer.until = self.now + self.lasts(more)

    def board(self, engine: PlainInstance) -> None:
        """At a boundary, who has come joins the batch, and who is to leave does."""
        for request in engine.incoming:
            transfer = next(t for t in self.transfers if t.request == request)
            engine.join(request, transfer.table)
            self.transfers.remove(transfer)
            self.moved += 1
        engine.incoming = []
        if engine.leaving is None:
            return
        transfer = next(t for t in self.transfers if t.request == engine.leaving)
        engine.leaving = None
        target, request = transfer.target, transfer.request
        total = target.memory.blocks_of(self.done(request))
        more = total - len(transfer.table)
        if not self.stays(transfer) or more > target.memory.free:
            self.abort(transfer)
            if target.index < engine.index:
                self.freed.append(target)  # its turn at this instant is over
            return
        transfer.table += target.memory.reserve(more)
        transfer.last = True
        transfer.until = engine.now + self.lasts(more)
        engine.depart(request)
