"""Engines, the router before them, and the order in which things happen.

At one instant steps end first, then requests arrive, then engines launch their next steps: vLLM's
loop takes in what has arrived before it schedules. Requests with parents arrive when those have
ended and their delay is over.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from itertools import pairwise

from makespan.core.errors import OptionError
from makespan.serving.cost.step import StepCost
from makespan.serving.engine.cohort import NEVER
from makespan.serving.engine.instance import Instance
from makespan.serving.engine.requests import Requests
from makespan.serving.policy import Policy, Router
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import Workload

_END, _ARRIVAL, _WAKE, _LAUNCH = range(4)
"""Kinds of events in the order in which they happen at one instant; then the index decides."""

_NEVER = (NEVER, _LAUNCH, 0, 0)


class Fleet:
    """Engines that serve one workload together; also the view of them that routers get.

    Parameters
    ----------
    policy
        Gives every engine a policy of its own.

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
        self.now = 0
        self.refused: list[int] = []
        # Version of the pending event of every engine: those with older ones are void.
        self.version = [0] * len(self.engines)
        self.pending = [False] * len(self.engines)
        self.events: list[tuple[int, int, int, int]] = []
        self.waits = (workload.parent_ptr[1:] - workload.parent_ptr[:-1]).tolist()
        self.earliest: list[int] = workload.arrival.tolist()
        self.children: dict[int, list[tuple[int, int]]] = {}
        ptr, parent, delay = (
            a.tolist() for a in (workload.parent_ptr, workload.parent, workload.delay)
        )
        for request, (a, b) in enumerate(pairwise(ptr)):
            for k in range(a, b):
                self.children.setdefault(parent[k], []).append((request, delay[k]))

    def run(self) -> Fleet:
        """Serve everything; the requests then hold when what happened."""
        first = [r for r in range(self.workload.count) if not self.waits[r]]
        arrival, events = self.earliest, self.events
        at, count = 0, len(first)
        while True:
            sent = (arrival[first[at]], _ARRIVAL, first[at], 0) if at < count else _NEVER
            if events and events[0] < sent:
                time, kind, index, version = heapq.heappop(events)
                if kind == _ARRIVAL:
                    self._arrive(index, time)
                elif version == self.version[index] or kind == _WAKE:
                    self._happen(self.engines[index], kind, time, version)
            elif at < count:
                self._arrive(first[at], sent[0])
                at += 1
            else:
                return self

    def _happen(self, engine: Instance, kind: int, time: int, version: int) -> None:
        index = engine.index
        if kind == _END:
            self.pending[index] = False
            if engine.glide:
                engine.land(time)
            for request in engine.commit():
                self._release(request, time)
                if request in engine.pins:
                    heapq.heappush(self.events, (engine.pins[request], _WAKE, index, 0))
            self._post(engine, time, _LAUNCH)
        elif kind == _LAUNCH:
            self.pending[index] = False
            engine.now = max(engine.now, time)
            end = engine.schedule()
            if end < NEVER:
                self._post(engine, end, _END)
            if engine.hooks.wake and engine.queue:
                again = engine.hooks.wake(engine)
                if again is not None:
                    heapq.heappush(self.events, (max(again, time + 1), _WAKE, index, version))
        else:
            self._land(engine, time)
            engine.reconsider()
            if not self.pending[index]:
                self._post(engine, time, _LAUNCH)

    def _post(self, engine: Instance, time: int, kind: int) -> None:
        """The engine's one pending event; an earlier one is void."""
        index = engine.index
        self.version[index] += 1
        self.pending[index] = True
        heapq.heappush(self.events, (time, kind, index, self.version[index]))

    def _release(self, request: int, time: int) -> None:
        """Send the children whose last parent has ended."""
        for child, delay in self.children.get(request, ()):
            self.waits[child] -= 1
            self.earliest[child] = max(self.earliest[child], time + delay)
            if not self.waits[child]:
                heapq.heappush(self.events, (self.earliest[child], _ARRIVAL, child, 0))

    def _arrive(self, request: int, time: int) -> None:
        self.now = time
        requests = self.requests
        requests.arrival[request] = time
        index = self.router.route(request, self)
        engine = self.engines[index]
        requests.engine[request] = index
        settings = engine.settings
        if requests.prompt[request] + requests.cap[request] > settings.blocks * settings.block_size:
            # vLLM refuses what may outgrow its longest sequence; here that fills the memory.
            self.refused.append(request)
            return
        self._land(engine, time)
        if not self.pending[index]:
            engine.now = time
            self._post(engine, time, _LAUNCH)
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
