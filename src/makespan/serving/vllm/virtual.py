"""vLLM's own scheduler on a virtual clock: its real decisions, without a model or a worker.

Nothing of the scheduler is imitated; only the worker is replaced. A step lasts what a cost model
says, in integer picoseconds, and each request generates as many tokens as its workload says. At a
step's end, in this order: its tokens are there and requests end; requests sent at or before this
time arrive, by time and then by index; the next step is planned. That is the order of vLLM's
synchronous loop (``EngineCore.step``), in which new requests are taken from the queue before a step
is planned. With asynchronous scheduling, the default on GPUs, a stop is seen one step late; that is
not modelled.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np

from makespan.core.errors import EngineError
from makespan.core.vocabulary import IntArray
from makespan.serving.cost.step import StepCost
from makespan.serving.record import NEVER, Events, Fate, Kind, Record
from makespan.serving.settings import EngineSettings
from makespan.serving.vllm.adapter import Scheduling, Step, version
from makespan.serving.vllm.tokens import Tokens
from makespan.serving.workload import PICOSECONDS, Workload


def run_stock(
    workload: Workload,
    settings: EngineSettings,
    cost: StepCost,
    *,
    max_model_len: int | None = None,
    policy: str = "fcfs",
    events: bool = False,
    scheduler: type | None = None,
) -> Record:
    """Serve a workload with vLLM's stock scheduler in virtual time.

    Parameters
    ----------
    max_model_len
        Longest sequence; as many tokens as the memory holds if None.
    policy
        ``fcfs`` or, with the workload's priorities, ``priority``.
    events
        Whether the record keeps each admission, preemption and end.
    scheduler
        Subclass of vLLM's ``Scheduler`` to run in place of it.

    Raises
    ------
    MissingDependencyError
        If vLLM is not installed.
    EngineError
        If another release is, if the scheduler does nothing though it could, or if the cost model
        gives a step no time.

    Notes
    -----
    A request whose prompt and cap together exceed ``max_model_len`` is refused, as vLLM's server
    refuses it, and what waits for it is never sent.
    """
    engine = StockEngine(
        workload,
        settings,
        cost,
        max_model_len=max_model_len,
        policy=policy,
        events=events,
        scheduler=scheduler,
    )
    while engine.advance():
        pass
    return engine.record()


@dataclass(slots=True)
class _Live:
    """A request within the scheduler."""

    index: int
    request: Any
    output: list[int]
    said: int = 0


class StockEngine:
    """One instance of vLLM's scheduler and the clock it runs by; see :func:`run_stock`.

    Attributes
    ----------
    now
        Time at which the next step begins, picoseconds.
    scheduling
        The scheduler, for those who want to look at it between steps.
    """

    def __init__(
        self,
        workload: Workload,
        settings: EngineSettings,
        cost: StepCost,
        *,
        max_model_len: int | None = None,
        policy: str = "fcfs",
        events: bool = False,
        scheduler: type | None = None,
    ) -> None:
        self.now = 0
        self.scheduling = Scheduling(
            settings, max_model_len=max_model_len, policy=policy, cls=scheduler
        )
        self._load = workload
        self._cost = cost
        self._tokens = Tokens(workload)
        self._keep = events
        self._live: dict[str, _Live] = {}
        self._batch: set[str] = set()
        self._events: list[tuple[int, int, int]] = []
        self._steps = self._computed = 0
        n = workload.count
        self._gap, self._preemptions, self._hit, self._hits = np.zeros((4, n), dtype=np.int64)
        self._sent, self._admitted, self._first, self._last = np.full((4, n), NEVER)
        self._fate = np.full(n, Fate.UNFINISHED, dtype=np.int64)
        self._latest = np.zeros(n, dtype=np.int64)
        self._ready = workload.arrival.copy()
        self._missing = np.diff(workload.parent_ptr)
        self._child_ptr, self._child, self._delay = _children(workload)
        self._due: list[tuple[int, int]] = []
        for r in np.flatnonzero(self._missing == 0):
            self._due.append((int(self._ready[r]), int(r)))
        heapq.heapify(self._due)

    def advance(self) -> bool:
        """One step, or the way to the next arrival; False when there is nothing left to do."""
        self._arrive()
        if not self._live:
            if not self._due:
                return False
            self.now = self._due[0][0]
            return True
        step = self.scheduling.schedule()
        for name in step.preempted:
            self._batch.discard(name)
            self._preemptions[self._live[name].index] += 1
            self._note(Kind.PREEMPT, self._live[name].index)
        if step.tokens:
            self._run(step)
        elif not step.preempted:
            self._wait()
        return True

    def record(self) -> Record:
        """What has happened so far."""
        rows = np.array(self._events, dtype=np.int64).reshape(-1, 3)
        return Record(
            workload=self._load,
            engine=f"vLLM {version()} scheduler",
            measured=False,
            fate=self._fates(),
            sent=self._sent,
            admitted=self._admitted,
            first=self._first,
            last=self._last,
            gap=self._gap,
            preemptions=self._preemptions,
            hit=self._hit,
            hits=self._hits,
            instance=np.where(self._admitted >= 0, 0, -1),
            steps=self._steps,
            counters={"scheduled_tokens": self._computed},
            events=Events(rows[:, 0], rows[:, 1], rows[:, 2]) if self._keep else None,
        )

    def _arrive(self) -> None:
        while self._due and self._due[0][0] <= self.now:
            when, r = heapq.heappop(self._due)
            self._sent[r] = when
            if self._load.prompt[r] + self._load.cap[r] > self.scheduling.max_model_len:
                self._fate[r] = Fate.TOO_LONG
                continue
            name = str(r)
            request = self.scheduling.request(
                name,
                self._tokens.prompt(r),
                int(self._load.output[r]),
                arrival=when / PICOSECONDS,
                priority=int(self._load.priority[r]),
            )
            self._live[name] = _Live(r, request, self._tokens.output(r))
            self.scheduling.scheduler.add_request(request)

    def _run(self, step: Step) -> None:
        context = pairs = total = 0
        for name, count in step.tokens.items():
            live = self._live[name]
            # Counted by vLLM when a step is planned, not when it is done.
            after = live.request.num_computed_tokens
            context += after
            total += count
            if count > 1:
                pairs += count * (2 * after - count)
            if name not in self._batch:
                self._batch.add(name)
                self._admit(live.index, after - count)
        duration = self._cost.step(total, len(step.tokens), context, pairs)
        if duration < 1:
            raise EngineError(f"a step of {total} tokens lasts {duration} ps by the cost model")
        self._steps += 1
        self._computed += total
        self.now += duration
        sampled = {}
        for name in step.tokens:
            live = self._live[name]
            if live.request.num_computed_tokens >= live.request.num_tokens:
                sampled[name] = live.output[live.said]
                live.said += 1
        self.scheduling.complete(step, sampled)
        for name in sampled:
            self._speak(name)

    def _admit(self, r: int, found: int) -> None:
        if self._admitted[r] < 0:
            self._admitted[r] = self.now
            self._hit[r] = found
        self._hits[r] += found
        self._note(Kind.ADMIT, r)

    def _speak(self, name: str) -> None:
        live = self._live[name]
        r, now = live.index, self.now
        if live.said == 1:
            self._first[r] = now
        else:
            self._gap[r] = max(self._gap[r], now - self._latest[r])
        self._latest[r] = now
        if not live.request.is_finished():
            return
        if live.said != self._load.output[r]:
            raise EngineError(
                f"vLLM ended request {r} after {live.said} of {self._load.output[r]} tokens"
            )
        self._last[r] = now
        self._fate[r] = Fate.FINISHED
        self._note(Kind.FINISH, r)
        self._batch.discard(name)
        del self._live[name]
        for k in range(self._child_ptr[r], self._child_ptr[r + 1]):
            child = int(self._child[k])
            self._ready[child] = max(self._ready[child], now + self._delay[k])
            self._missing[child] -= 1
            if not self._missing[child]:
                heapq.heappush(self._due, (int(self._ready[child]), child))

    def _wait(self) -> None:
        """Let time pass where vLLM plans an empty step with requests at hand."""
        if not self._due:
            raise EngineError(
                f"vLLM's scheduler plans nothing though {len(self._live)} requests wait and "
                f"{self.scheduling.scheduler.kv_cache_manager.block_pool.get_num_free_blocks()} "
                "blocks are free"
            )
        self.now = self._due[0][0]

    def _fates(self) -> IntArray:
        fate = self._fate.copy()
        for r in range(self._load.count):
            if self._sent[r] < 0 and self._missing[r]:
                parents = fate[self._load.parents(r)]
                if (np.isin(parents, (Fate.TOO_LONG, Fate.ORPHAN))).any():
                    fate[r] = Fate.ORPHAN
        return fate

    def _note(self, kind: Kind, r: int) -> None:
        if self._keep:
            self._events.append((self.now, kind, r))


def _children(load: Workload) -> tuple[IntArray, IntArray, IntArray]:
    """(pointers, children, delays): who waits for each request."""
    owner = np.repeat(np.arange(load.count), np.diff(load.parent_ptr))
    order = np.argsort(load.parent, kind="stable")
    counts = np.bincount(load.parent, minlength=load.count)
    ptr = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    return ptr, owner[order], load.delay[order]
