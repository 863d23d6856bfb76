"""Engines, the router before them, and the order in which things happen.

At one instant steps end first, then requests arrive, then engines launch their next steps: vLLM's
loop takes in what has arrived before it schedules. Requests with parents arrive when those have
ended and their delay is over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import pairwise

from makespan.core.errors import EngineError, OptionError
from makespan.serving.cost.step import StepCost
from makespan.serving.engine.cohort import NEVER
from makespan.serving.engine.fleet_view import FleetView
from makespan.serving.engine.instance import Instance
from makespan.serving.engine.moves import Moves
from makespan.serving.engine.power import DRAINING, OFF, ON, Power
from makespan.serving.engine.requests import Requests
from makespan.serving.policy import Move, Policy, Router
from makespan.serving.settings import Elastic, EngineSettings, Migration
from makespan.serving.workload import Workload

_END, _TOLD, _ARRIVAL, _READY, _POLL, _COPIED, _WAKE, _LAUNCH = range(8)
"""Kinds of events in the order in which they happen at one instant; then the index decides."""

_NEVER = (NEVER, _LAUNCH, 0, 0)


class Fleet:
    """Engines that serve one workload together.

    Parameters
    ----------
    policy
        Gives every engine a policy of its own.
    migration
        How running requests are moved; None: the router can move only those that wait.
    elastic
        Which engines are on; None: all.

    Attributes
    ----------
    refused, dropped
        Requests that can never fit, and those that policies gave up.
    handed
        Waiting requests that the router sent elsewhere.

    Raises
    ------
    OptionError
        If there is no engine.
    """

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
        if not settings or len(settings) != len(cost):
            raise OptionError(f"{len(settings)} engines with {len(cost)} cost models")
        self.workload = workload
        self.requests = Requests(workload)
        self.router = router or Router()
        self.engines = [
            Instance(i, self.requests, one, model, policy(), self._look)
            for i, (one, model) in enumerate(zip(settings, cost, strict=True))
        ]
        if elastic and elastic.initial > len(settings):
            raise OptionError(f"{elastic.initial} of {len(settings)} engines on at the beginning")
        self.now = 0
        self.coming = 0  # requests with parents that are on their way
        self.refused: list[int] = []
        self.dropped: list[int] = []
        self.handed = 0
        begin = int(workload.arrival[0]) if workload.count else 0
        self.power = Power(len(settings), begin, elastic)
        self.moves = Moves(self.requests, migration, self._later, self._kick)
        views = [engine.view for engine in self.engines]
        self.view = FleetView(self, views, self.moves.transfers)
        kind = type(self.router)
        self.tells = kind.finished is not Router.finished
        self.plain = kind.route is Router.route and elastic is None
        # Version of the pending event of every engine: those with older ones are void.
        self.version = [0] * len(self.engines)
        self.pending = [False] * len(self.engines)
        self.events: list[tuple[int, int, int, int]] = []
        self.following = NEVER  # when the next request without parents arrives
        self.waits = (workload.parent_ptr[1:] - workload.parent_ptr[:-1]).tolist()
        self.earliest: list[int] = workload.arrival.tolist()
        self.children: dict[int, list[tuple[int, int]]] = {}
        if len(workload.parent):
            ptr, parent, delay = (
                a.tolist() for a in (workload.parent_ptr, workload.parent, workload.delay)
            )
            for request, (a, b) in enumerate(pairwise(ptr)):
                for k in range(a, b):
                    self.children.setdefault(parent[k], []).append((request, delay[k]))

    def run(self) -> Fleet:
        """Serve everything; the requests then hold when what happened."""
        first = [r for r, waits in enumerate(self.waits) if not waits]
        arrival, events, version = self.earliest, self.events, self.version
        at, count = 0, len(first)
        poll = self.router.poll
        if poll and count:
            heappush(events, (arrival[first[0]] + poll, _POLL, 0, 0))
        sent = (arrival[first[0]], _ARRIVAL, first[0], 0) if count else _NEVER
        self.following = sent[0]
        while True:
            if events and events[0] < sent:
                time, kind, index, number = heappop(events)
                if kind in (_END, _LAUNCH):
                    if number == version[index]:
                        self._serve(self.engines[index], kind, time)
                elif kind == _WAKE:
                    self._wake(self.engines[index], time)
                elif kind == _ARRIVAL:
                    self.coming -= 1
                    self._arrive(index, time)
                elif kind != _POLL:
                    self._between(index, kind, time)
                elif poll and (at < count or self._active()):
                    self._between(index, kind, time)
                    heappush(events, (time + poll, _POLL, 0, 0))
            elif at < count:
                time, _, request, _ = sent
                at += 1
                sent = (arrival[first[at]], _ARRIVAL, first[at], 0) if at < count else _NEVER
                self.following = sent[0]
                self._arrive(request, time)
            else:
                return self

    def _serve(self, engine: Instance, kind: int, time: int) -> None:
        """An engine ends its step or launches one, and goes on until something else is first."""
        events, index = self.events, engine.index
        self.pending[index] = False
        while True:
            if kind == _END:
                if engine.glide:
                    engine.land(time)
                done = engine.commit()
                if done and (self.children or self.tells or engine.pins):
                    self._let_go(engine, done, time)
                if time >= self.following or (events and events[0][0] <= time):
                    self._post(engine, time, _LAUNCH)
                    return
            end = self._set_off(engine, time)
            if end == NEVER:
                return
            if end >= self.following or (events and events[0][0] <= end):
                self._post(engine, end, _END)
                return
            time, kind = end, _END

    def _set_off(self, engine: Instance, time: int) -> int:
        """Let an engine go on from a boundary; when the step or glide ends, NEVER without one."""
        if engine.now < time:
            engine.now = time
        if engine.incoming or engine.leaving is not None:
            self.now = time
            self.moves.board(engine, self._land)
        end = engine.schedule()
        if engine.dropped:
            self._give_up(engine, time)
        if engine.again is not None and engine.queue:
            heappush(self.events, (engine.again, _WAKE, engine.index, 0))
        return end

    def _let_go(self, engine: Instance, done: list[int], time: int) -> None:
        """Requests have got their last token."""
        for request in done:
            self._release(request, time)
            if self.tells:
                heappush(self.events, (time, _TOLD, request, 0))
            if request in engine.pins:
                heappush(self.events, (engine.pins[request], _WAKE, engine.index, 0))

    def _wake(self, engine: Instance, time: int) -> None:
        """The policy of an engine is asked again though nothing has happened."""
        self._land(engine, time)
        engine.reconsider()
        if not self.pending[engine.index]:
            self._post(engine, time, _LAUNCH)

    def _active(self) -> bool:
        """Whether there is anything left to serve of what has been released."""
        return bool(
            self.coming or self.moves.transfers or any(engine.load for engine in self.engines)
        )

    def _between(self, index: int, kind: int, time: int) -> None:
        """What happens between engines."""
        self.now = time
        if kind == _TOLD:
            self.router.finished(index, self.view)
        elif kind == _READY:
            self.power.change(index, ON, time)
        elif kind == _COPIED:
            transfer = self.moves.transfers[index]
            self._land(transfer.source, time)
            self._land(transfer.target, time)
            self.moves.advance(index, time)
        else:
            self._poll(time)

    def _poll(self, time: int) -> None:
        """Ask the router what to move, and whether to switch engines on or off."""
        for move in self.router.migrate(self.view):
            self._move(move, time)
        power = self.power
        for index in power.where(DRAINING):
            if not self.engines[index].load and self.moves.idle(self.engines[index]):
                power.change(index, OFF, time)
        if power.elastic is None:
            return
        wanted = self.router.scale(self.view)
        if wanted:
            for index in power.scale(wanted, time):
                heappush(self.events, (time + power.elastic.startup, _READY, index, 0))

    def _move(self, move: Move, time: int) -> None:
        """Begin a move, if it can be begun."""
        requests, request = self.requests, move.request
        here = requests.engine[request]
        if here in (-1, move.target) or move.target not in self.power.open:
            return
        source, target = self.engines[here], self.engines[move.target]
        if not self._takes(target, request):
            return
        self._land(source, time)
        self._land(target, time)
        if request in source.queue and request not in source.swapping.away:
            source.withdraw(request)
            self._kick(source, time)
            requests.engine[request] = target.index
            self._kick(target, time)
            target.arrive(request)
            self.handed += 1
        else:
            self.moves.begin(request, source, target, time)

    def _give_up(self, engine: Instance, time: int) -> None:
        """The policy has dropped requests."""
        self.now = time
        for request in engine.dropped:
            self.dropped.append(request)
            if self.tells:
                self.router.finished(request, self.view)
        engine.dropped.clear()

    def _later(self, request: int, time: int) -> None:
        heappush(self.events, (time, _COPIED, request, 0))

    def _kick(self, engine: Instance, time: int) -> None:
        """An engine that stood still can go on."""
        if not self.pending[engine.index]:
            engine.now = max(engine.now, time)
            self._post(engine, time, _LAUNCH)

    def _takes(self, engine: Instance, request: int) -> bool:
        """Whether a request can ever fit; vLLM refuses what may outgrow its longest sequence."""
        return self.requests.prompt[request] + self.requests.cap[request] <= engine.longest

    def _post(self, engine: Instance, time: int, kind: int) -> None:
        """The engine's one pending event; an earlier one is void."""
        index = engine.index
        number = self.version[index] = self.version[index] + 1
        self.pending[index] = True
        heappush(self.events, (time, kind, index, number))

    def _release(self, request: int, time: int) -> None:
        """Send the children whose last parent has ended."""
        for child, delay in self.children.get(request, ()):
            self.waits[child] -= 1
            self.earliest[child] = max(self.earliest[child], time + delay)
            if not self.waits[child]:
                self.coming += 1
                heappush(self.events, (self.earliest[child], _ARRIVAL, child, 0))

    def _arrive(self, request: int, time: int) -> None:
        self.now = time
        requests = self.requests
        requests.arrival[request] = time
        if self.plain:  # what the default router chooses, without asking views
            loads = [engine.load for engine in self.engines]
            index = loads.index(min(loads))
        else:
            index = self.router.route(request, self.view)
            if index not in self.power.open:
                raise EngineError(f"the router sends request {request} to engine {index}: not open")
        engine = self.engines[index]
        requests.engine[request] = index
        if not self._takes(engine, request):
            self.refused.append(request)
            if self.tells:
                self.router.finished(request, self.view)
            return
        if engine.glide:
            self._land(engine, time)
        if not self.pending[index]:
            self._kick(engine, time)
        engine.arrive(request)

    def _land(self, engine: Instance, time: int) -> None:
        """Make an engine that glides show how it is at ``time``."""
        if engine.glide:
            engine.land(time)
            if engine.now == time:
                engine.commit()  # nobody ends inside a glide
                self._post(engine, time, _LAUNCH)
            else:
                self._post(engine, engine.now, _END)

    def _look(self, index: int) -> None:
        self._land(self.engines[index], self.now)
