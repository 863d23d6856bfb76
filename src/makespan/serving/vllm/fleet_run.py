"""One workload on its way through a fleet of engines in other processes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from typing import Any, Final, Protocol

import numpy as np

from makespan.core.errors import EngineError
from makespan.serving.policy import Router
from makespan.serving.record import Record
from makespan.serving.settings import Elastic
from makespan.serving.vllm import messages as say
from makespan.serving.vllm.arrivals import Arrivals, first_arrival
from makespan.serving.vllm.book import Book
from makespan.serving.vllm.fleet_view import RemoteEngine, Requests
from makespan.serving.vllm.handover import Handing, Handovers, Migration
from makespan.serving.vllm.placing import Placing
from makespan.serving.vllm.processes import EngineLostError
from makespan.serving.vllm.staffing import Crew, EngineChange, Staffing
from makespan.serving.vllm.tokens import Tokens
from makespan.serving.workload import PICOSECONDS, Workload

SILENCE: Final = 600.0
"""Seconds without a word after which an engine that has requests is taken for dead. A step takes
milliseconds to seconds; on a processor that others use, far longer."""


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
    changes
        Engines that were started, stopped or lost, in order.
    powered
        Picoseconds that engines were on, loading among them, all added up.
    """

    record: Record
    answers: tuple[tuple[int, ...], ...]
    migrations: tuple[Migration, ...]
    changes: tuple[EngineChange, ...] = ()
    powered: int = 0


class Line(Crew, Protocol):
    """Engines that can be spoken to."""

    @property
    def ends(self) -> Mapping[int, Any]:
        """Connections to those that are on or loading."""

    def hear(self, k: int) -> say.Answer:
        """What an engine says next; raises ``EngineLostError`` if it is dead."""

    def say(self, k: int, order: say.Order) -> None:
        """Tell an engine something; one that is dead is missed by :meth:`hear`."""


class Serving:
    """The parent's side of a run; also the view of the fleet that routers get.

    Parameters
    ----------
    crew
        The engines, of which at least one is ready.
    prompts
        Tokens of the prompts, if the load does not make them.
    elastic
        What the router may start and stop; None: nothing.
    silence
        Seconds after which an engine that has requests and says nothing is taken for dead.
    """

    def __init__(
        self,
        load: Workload,
        crew: Line,
        router: Router,
        handing: Handing,
        prompts: Sequence[Sequence[int]] | None = None,
        elastic: Elastic | None = None,
        silence: float = SILENCE,
    ) -> None:
        self.requests = Requests(load)
        ready = crew.ready
        known = next(iter(ready.values()))
        self.engines = [
            RemoteEngine(k, one.settings, one.max_model_len, self.requests)
            for k in range(crew.count)
            for one in [ready.get(k, known)]
        ]
        self._load = load
        self._crew = crew
        self._router = router
        self._book = Book(load)
        self._arrivals = Arrivals(load)
        self._tokens = Tokens(load, vocabulary=_shared_vocabulary(list(ready.values())))
        self._handovers = Handovers(self, handing)
        self._instance = np.full(load.count, -1, dtype=np.int64)
        self._name = f"{crew.count} x {known.name}"
        self._zero = 0
        self._begin = first_arrival(load)
        self._staffing = Staffing(crew, self._begin, elastic)
        self._placing = Placing(
            self, router, self._staffing, load, self._book, self._tokens, prompts
        )
        self._silence = round(silence * PICOSECONDS)

    @property
    def open(self) -> Sequence[int]:
        """Engines that take requests."""
        return self._staffing.open

    @property
    def starting(self) -> Sequence[int]:
        """Engines that do not serve yet."""
        return self._staffing.starting

    @property
    def draining(self) -> Sequence[int]:
        """Engines being emptied."""
        return self._staffing.draining

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
                self._poll()
                next_poll = self.now + poll
            due_next = self._arrivals.next
            if (
                due_next is None
                and not self._placing.stranded
                and not any(engine.assigned for engine in self.engines)
            ):
                break
            times = (due_next, next_poll, end, self._staffing.next, *self._doubts.values())
            self._listen(min((t for t in times if t is not None), default=None))
        self._clear()
        return FleetRun(
            record=replace(
                self._book.record(self._name, measured=True), instance=self._instance.copy()
            ),
            answers=tuple(tuple(said) for said in self.requests.said),
            migrations=tuple(self._handovers.done),
            changes=tuple(self._staffing.changes),
            powered=self._staffing.power.total(self.now),
        )

    def order(self, engine: int, order: say.Order) -> None:
        """Tell an engine something; one that is off or dead is not there to hear it."""
        if self.lives(engine):
            self._crew.say(engine, order)

    def lives(self, engine: int) -> bool:
        """Whether an engine is on, as far as is known."""
        return self._staffing.lives(engine)

    def dispatch(self, request: int) -> None:
        """Ask the router where a request goes that no living engine has."""
        self._placing.dispatch(request)

    def tokens(self, request: int) -> list[int]:
        """Prompt and answer so far."""
        return self._placing.tokens(request)

    def serve(self, request: int, engine: int, *, first: bool, guarded: bool) -> None:
        """Have an engine go on with a request, which leaves the one that it was at."""
        self._placing.serve(request, engine, first=first, guarded=guarded)

    @property
    def _doubts(self) -> dict[int, int]:
        """When each engine that has something to do is taken for dead."""
        return {
            k: engine.heard_at + self._silence
            for k, engine in enumerate(self.engines)
            if engine.assigned and self.lives(k)
        }

    def _start(self) -> None:
        """Bring all engines to the same state at the same time.

        Raises
        ------
        EngineError
            If none is left.
        """
        for k in list(self.open):
            self._crew.say(k, say.Forget())
            try:
                # Of a run before this one, steps may still be on their way.
                while not isinstance(self._crew.hear(k), say.Forgotten):
                    pass
            except EngineLostError as error:
                self._lost(k, _why(k, error))
        if not self.open and not self.starting:
            raise self._staffing.nobody()
        self._zero = time.perf_counter_ns() * 1000 - self._begin
        for k in self.open:
            self._crew.say(k, say.Start(self._zero, self._load))

    def _send(self, due: int, r: int) -> None:
        self._book.send(r, due)
        self.requests.sent[r] = due
        self.dispatch(r)

    def _poll(self) -> None:
        """Ask the router what to move, and whether to start or stop engines."""
        for move in self._router.migrate(self):
            self._handovers.begin(move)
        used = {k for k, engine in enumerate(self.engines) if engine.assigned}
        used |= self._handovers.ends
        self._staffing.tidy([k for k in range(len(self.engines)) if k not in used], self.now)
        self._staffing.scale(self._router.scale(self), self.now)
        self._placing.dispatch_stranded()

    def _listen(self, until: int | None) -> None:
        """Take in what engines say; return once they have nothing more to say for now."""
        timeout = None if until is None else max(until - self.now, 0) / PICOSECONDS
        crew = self._crew
        index = {end: k for k, end in crew.ends.items()}
        for end in wait(list(index), timeout):
            k = index[end]
            while crew.ends.get(k) is end and end.poll():
                self.engines[k].heard_at = self.now
                self._hear(k)
        for k, doubt in self._doubts.items():
            if self.now >= doubt:
                self._lost(k, f"it has said nothing for {self._silence / PICOSECONDS:g} s")
        self._staffing.tidy((), self.now)
        self._placing.dispatch_stranded()

    def _hear(self, k: int) -> None:
        starting = k in self.starting
        try:
            answer = self._crew.hear(k)
        except EngineError as error:
            if starting:
                self._staffing.failed(k, self.now, _why(k, error))
            elif isinstance(error, EngineLostError):
                self._lost(k, _why(k, error))
            else:
                raise
            return
        if starting:
            self._staffing.opened(k, answer, self.now)
            self.engines[k].renewed()
            self.order(k, say.Forget())  # what it warmed up with
            self.order(k, say.Start(self._zero, self._load))
        elif isinstance(answer, say.Report):
            self._step(k, answer)
        elif isinstance(answer, say.Stopped):
            self.engines[k].freed(answer.free_blocks)
            self._handovers.stopped(k, answer)
        elif isinstance(answer, say.Refused):
            self._handovers.refused(k, answer)
        elif not isinstance(answer, say.Forgotten):
            raise EngineError(f"engine {k} says {type(answer).__name__} while it serves")

    def _lost(self, k: int, why: str) -> None:
        """An engine is dead: what it had is computed again elsewhere, from what is known of it."""
        had = list(self.engines[k].assigned)
        self._staffing.lost(k, self.now, why, len(had))
        self.engines[k].renewed()
        self._handovers.lost(k)
        moving = set(self._handovers.moving)
        for r in had:
            if r not in moving and self.requests.engine[r] == k:
                self.dispatch(r)

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
            requests.computed[r], requests.hit[r] = after, book.hit(r)
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
            self._placing.leaves(r)
        for r in report.dropped:
            if r in engine.assigned:  # and not only warmed there
                book.drop(r, report.end)
                self._placing.leaves(r)

    def _clear(self) -> None:
        """Take away what is left."""
        self._handovers.cut()
        for engine in self.engines:
            for r in engine.assigned:
                self.order(engine.index, say.Stop(r))
        self._staffing.cut(self.now)


def _why(k: int, error: EngineError) -> str:
    """What is known of a failure, without the engine's name."""
    return error.message.removeprefix(f"engine {k}").lstrip(": ")


def _shared_vocabulary(ready: Sequence[say.Ready]) -> tuple[int, int]:
    if len({one.vocabulary for one in ready}) != 1:
        raise EngineError("the engines of a fleet have different vocabularies")
    return ready[0].vocabulary
