"""Data-parallel engines that share the experts of a model: all step together.

In every layer the tokens of all ranks meet at the experts, so that no rank can be a step ahead of
another: a step of all lasts as long as that of the slowest, and ranks without work run dummy
batches beside the others (vLLM, ``DPEngineCoreProc``: ``execute_dummy_batch``). A prompt on one
rank thus holds up the decodes of all.

What reaches the experts are the tokens of all ranks. While every rank replays a recorded graph,
batches are padded to the largest among them; as soon as one has more tokens than graphs are
recorded for, none is (vLLM, ``v1/worker/dp_utils.py``, ``_synchronize_dp_ranks``).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Final

from makespan.serving.cost.step import MeetingCost, StepCost
from makespan.serving.engine.cohort import NEVER
from makespan.serving.engine.fleet import Fleet
from makespan.serving.engine.instance import Instance
from makespan.serving.engine.simulating import record_of
from makespan.serving.policy import Policy, Router
from makespan.serving.record import Record
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import Workload

_RECORDED: Final = 512
"""Tokens of the largest recorded graph, unless twice the sequences of a step are less (vLLM's
``max_cudagraph_capture_size``)."""


def serve_in_step(
    workload: Workload,
    settings: Sequence[EngineSettings],
    cost: Sequence[StepCost],
    *,
    policy: Callable[[], Policy] = Policy,
    router: Router | None = None,
) -> Record:
    """Serve a workload with engines that step together; O(1) per step and engine.

    Parameters
    ----------
    settings, cost
        Of each engine.
    policy
        Makes the policy of each engine.
    router
        Chooses the engine of each request; by default the one with the fewest. It is not asked to
        move requests or to switch engines.
    """
    return record_of(_Lockstep(workload, settings, cost, policy=policy, router=router).run())


class _Watched:
    """A step cost that remembers the tokens of the step that it was asked for last."""

    __slots__ = ("cost", "shared", "tokens")

    def __init__(self, cost: StepCost) -> None:
        self.cost, self.tokens = cost, 0
        self.shared = cost if isinstance(cost, MeetingCost) else None

    def step(self, tokens: int, sequences: int, context: int, pairs: int) -> int:
        """See :class:`StepCost`."""
        self.tokens = tokens
        return self.cost.step(tokens, sequences, context, pairs)

    def decode(self, sequences: int) -> tuple[int, int]:
        """See :class:`StepCost`."""
        return self.cost.decode(sequences)

    def meeting(self, seen: int) -> int:
        """What that step takes more if so many tokens meet at the experts."""
        return self.shared.meeting(self.tokens, seen) if self.shared else 0


class _Lockstep(Fleet):
    """A fleet with one boundary for all of its engines."""

    def __init__(
        self,
        workload: Workload,
        settings: Sequence[EngineSettings],
        cost: Sequence[StepCost],
        *,
        policy: Callable[[], Policy],
        router: Router | None,
    ) -> None:
        self.watched = [_Watched(one) for one in cost]
        super().__init__(workload, settings, self.watched, policy=policy, router=router)

    def run(self) -> Fleet:
        """Serve everything; see :meth:`Fleet.run`."""
        for request in range(self.workload.count):
            if not self.waits[request]:
                self._send(request)
        time = 0
        running = False
        while True:
            for engine in self.engines:
                engine.now = time
            self._take_in(time - 1)
            if running:
                self._commit(time)
            self._take_in(time)
            end = self._launch(time)
            running = end < NEVER
            if running:
                time = end
            elif self.events:
                time = self.events[0][0]
            else:
                return self

    def _send(self, request: int) -> None:
        heapq.heappush(self.events, (self.earliest[request], 0, request, 0))

    def _take_in(self, until: int) -> None:
        """Route what has arrived; engines show the boundary at which they take it in."""
        while self.events and self.events[0][0] <= until:
            time, _, request, _ = heapq.heappop(self.events)
            self._arrive(request, time)

    def _commit(self, time: int) -> None:
        for engine in self.engines:
            if engine.in_flight:
                for request in engine.commit():
                    self._release(request, time)
                    if self.tells:
                        self.router.finished(request, self.view)

    def _launch(self, time: int) -> int:
        """Launch one step of every engine; when the slowest ends, NEVER if none has work."""
        busy: list[tuple[Instance, _Watched]] = []
        for engine, cost in zip(self.engines, self.watched, strict=True):
            engine.reconsider()
            end = engine.schedule()
            if engine.dropped:
                self._give_up(engine, time)
            if end < NEVER:
                if engine.glide:
                    cost.tokens = len(engine.cohort.base)
                    engine.land(time + 1)  # after its first step
                busy.append((engine, cost))
        if not busy:
            return NEVER
        tokens = [cost.tokens for _, cost in busy]
        recorded = min(engine.settings.max_num_seqs for engine, _ in busy)
        if max(tokens) <= min(2 * recorded, _RECORDED):  # all are padded to the largest
            slowest = max(engine.now for engine, _ in busy)
        else:
            seen = sum(tokens)
            slowest = max(engine.now + cost.meeting(seen) for engine, cost in busy)
        for engine, _ in busy:
            engine.now = slowest
            engine.cohort.lasted(slowest - time)
        return slowest

    def _kick(self, engine: Instance, time: int) -> None:
        """Engines are launched together, at the next boundary."""

    def _land(self, engine: Instance, time: int) -> None:
        """No engine glides for longer than a step."""
