"""One workload on its way through a fleet of engines in other processes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait

import numpy as np

from makespan.core.errors import EngineError
from makespan.serving.policy import Router
from makespan.serving.record import Record
from makespan.serving.vllm import messages as say
from makespan.serving.vllm.arrivals import Arrivals
from makespan.serving.vllm.book import Book
from makespan.serving.vllm.fleet_view import RemoteEngine, Requests
from makespan.serving.vllm.handover import Handing, Handovers, Migration
from makespan.serving.vllm.real import first_arrival
from makespan.serving.vllm.tokens import Tokens
from makespan.serving.workload import PICOSECONDS, Workload


@dataclass(frozen=True, slots=True, eq=False)
class FleetRun:
    """What a fleet did with a workload.

    Attributes
    ----------
    record
        As of every engine; ``instance`` is where a request got its last token so far.
    answers
        The tokens that each request got.
    migrations
        Requests moved, and moves that came to nothing.
    """

    record: Record
    answers: tuple[tuple[int, ...], ...]
    migrations: tuple[Migration, ...]


class Serving:
    """The parent's side of a run; also the view of the fleet that routers get.

    Parameters
    ----------
    ends
        Connections to the engines, each of which has said that it is ready.
    prompts
        Tokens of the prompts, if the load does not make them.
    """

    def __init__(
        self,
        load: Workload,
        ends: Sequence[Connection],
        ready: Sequence[say.Ready],
        router: Router,
        handing: Handing,
        prompts: Sequence[Sequence[int]] | None = None,
    ) -> None:
        self.requests = Requests(load)
        self.engines = [
            RemoteEngine(k, one.settings, one.max_model_len, self.requests)
            for k, one in enumerate(ready)
        ]
        self._load = load
        self._ends = list(ends)
        self._index = {id(end): k for k, end in enumerate(self._ends)}
        self._router = router
        self._book = Book(load)
        self._arrivals = Arrivals(load)
        self._tokens = Tokens(load, vocabulary=_shared_vocabulary(ready))
        self._prompts: dict[int, list[int]] = {}
        if prompts is not None:
            self._prompts.update((r, list(prompt)) for r, prompt in enumerate(prompts))
        self._handovers = Handovers(self, handing)
        self._instance = np.full(load.count, -1, dtype=np.int64)
        self._name = f"{len(ends)} x {ready[0].name}"
        self._zero = 0

    @property
    def open(self) -> Sequence[int]:
        """Engines that take requests: all."""
        return range(len(self.engines))

    @property
    def starting(self) -> Sequence[int]:
        """Engines that do not serve yet: none."""
        return ()

    @property
    def draining(self) -> Sequence[int]:
        """Engines being emptied: none."""
        return ()

    @property
    def moving(self) -> Sequence[int]:
        """Requests on their way from one engine to another."""
        return self._handovers.moving

    @property
    def now(self) -> int:
        """Picoseconds on the clock of the run."""
        return time.perf_counter_ns() * 1000 - self._zero

    def run(self, time_limit: float | None = None) -> FleetRun:
        """Serve everything, or what can be in the time, in seconds."""
        self._start()
        end = None if time_limit is None else self.now + int(time_limit * PICOSECONDS)
        poll = self._router.poll
        next_poll = None if poll is None else self.now + poll
        while end is None or self.now < end:
            for due, r in self._arrivals.until(self.now):
                self._send(due, r)
            if poll is not None and next_poll is not None and self.now >= next_poll:
                for move in self._router.migrate(self):
                    self._handovers.begin(move)
                next_poll = self.now + poll
            due_next = self._arrivals.next
            if due_next is None and not any(engine.assigned for engine in self.engines):
                break
            self._listen(
                min((t for t in (due_next, next_poll, end) if t is not None), default=None)
            )
        self._clear()
        return FleetRun(
            record=replace(
                self._book.record(self._name, measured=True), instance=self._instance.copy()
            ),
            answers=tuple(tuple(said) for said in self.requests.said),
            migrations=tuple(self._handovers.done),
        )

    def order(self, engine: int, order: say.Order) -> None:
        """Tell an engine something."""
        try:
            self._ends[engine].send(order)
        except OSError as error:
            raise EngineError(f"engine {engine} is gone: {error}") from error

    def tokens(self, request: int) -> list[int]:
        """Prompt and answer so far."""
        if request not in self._prompts:
            self._prompts[request] = self._tokens.prompt(request)
        return self._prompts[request] + self.requests.said[request]

    def serve(self, request: int, engine: int, *, first: bool, guarded: bool) -> None:
        """Have an engine go on with a request, which leaves the one that it was at."""
        before = self.requests.engine[request]
        if before >= 0:
            del self.engines[before].assigned[request]
            self._book.leave(request)
        self.requests.engine[request] = engine
        self.requests.computed[request] = 0
        self.engines[engine].assigned[request] = None
        self.order(
            engine,
            say.Serve(
                request,
                self.tokens(request),
                int(self._load.output[request]) - len(self.requests.said[request]),
                self.requests.sent[request],
                int(self._load.priority[request]),
                first=first,
                guarded=guarded,
            ),
        )

    def _start(self) -> None:
        for k, end in enumerate(self._ends):
            self.order(k, say.Forget())
            # Of a run before this one, steps may still be on their way.
            while not isinstance(hear(end, k), say.Forgotten):
                pass
        self._zero = time.perf_counter_ns() * 1000 - first_arrival(self._load)
        for k in range(len(self._ends)):
            self.order(k, say.Start(self._zero, self._load))

    def _send(self, due: int, r: int) -> None:
        self._book.send(r, due)
        self.requests.sent[r] = due
        engine = self._router.route(r, self)
        if engine not in self.open:
            raise EngineError(f"{self._router.name} sends request {r} to engine {engine}")
        whole = int(self._load.prompt[r] + self._load.cap[r])
        if whole > self.engines[engine].max_model_len:
            self._book.refuse(r)
            self._router.finished(r, self)
            return
        self.serve(r, engine, first=False, guarded=False)

    def _listen(self, until: int | None) -> None:
        """Take in what engines say; return once they have nothing more to say for now."""
        timeout = None if until is None else max(until - self.now, 0) / PICOSECONDS
        for end in wait(self._ends, timeout):
            assert isinstance(end, Connection)
            index = self._index[id(end)]
            while end.poll():
                self._hear(index, hear(end, index))

    def _hear(self, index: int, answer: say.Answer) -> None:
        if isinstance(answer, say.Report):
            self._step(index, answer)
        elif isinstance(answer, say.Stopped):
            self._handovers.stopped(index, answer)
        elif isinstance(answer, say.Refused):
            self._handovers.refused(index, answer)
        else:
            raise EngineError(f"engine {index} says {type(answer).__name__} while it serves")

    def _step(self, index: int, report: say.Report) -> None:
        engine, book, requests = self.engines[index], self._book, self.requests
        engine.heard(report)
        for r in report.preempted:
            book.preempt(r, report.begin)
            requests.preemptions[r] += 1
            requests.computed[r] = 0
        if report.parts or report.warming:
            total, *rest = book.plan(report.begin, report.parts)
            book.step(report.begin, report.end, (total + report.warming, rest[0], rest[1], rest[2]))
        for r, _, after in report.parts:
            requests.computed[r] = after
            self._instance[r] = index
        for r, said in report.said:
            for _ in said:
                book.speak(r, report.end)
            requests.said[r] += said
            requests.latest[r] = report.end
        self._handovers.heard(index, report)
        for r in report.ended:
            self._tokens.learn(r, requests.said[r])
            book.finish(r, report.end)
            self._arrivals.ended(r, report.end)
            self._leaves(r)
        for r in report.dropped:
            if r in engine.assigned:  # and not only warmed there
                book.drop(r, report.end)
                self._leaves(r)

    def _leaves(self, r: int) -> None:
        """A request has ended or was given up."""
        del self.engines[self.requests.engine[r]].assigned[r]
        self.requests.engine[r] = -1
        self._prompts.pop(r, None)
        self._router.finished(r, self)

    def _clear(self) -> None:
        """Take away what is left."""
        self._handovers.cut()
        for engine in self.engines:
            for r in engine.assigned:
                self.order(engine.index, say.Stop(r))


def hear(end: Connection, index: int) -> say.Answer:
    """What an engine says next.

    Raises
    ------
    EngineError
        If it says that it failed, or is gone.
    """
    try:
        answer: say.Answer = end.recv()
    except (EOFError, ConnectionResetError) as error:
        raise EngineError(f"engine {index} ended without a word", hint="see its output") from error
    if isinstance(answer, say.Failed):
        raise EngineError(f"engine {index}: {answer.sentence}", hint=answer.hint)
    return answer


def _shared_vocabulary(ready: Sequence[say.Ready]) -> tuple[int, int]:
    if len({one.vocabulary for one in ready}) != 1:
        raise EngineError("the engines of a fleet have different vocabularies")
    return ready[0].vocabulary
