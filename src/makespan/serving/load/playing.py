"""A workload played against a server: open loop, or closed where requests wait for others.

A request is sent when it is due whether or not others have been answered; latencies count from
when it was due, so that a client that is late does not flatter its server. What waits for others
(stages, sessions, the clients of a closed loop) is due when they have ended and the delay is over.
A request that fails takes with it what waits for it; everything else goes on.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np

from makespan.serving.load import request as asking
from makespan.serving.load.failures import Failure, Kind
from makespan.serving.load.logbook import Logbook
from makespan.serving.load.request import Client
from makespan.serving.record import Record
from makespan.serving.vllm.arrivals import Arrivals
from makespan.serving.vllm.tokens import Tokens
from makespan.serving.workload import PICOSECONDS, Workload


@dataclass(frozen=True, slots=True, eq=False)
class LoadRun:
    """What the clients of a workload got.

    Attributes
    ----------
    record
        As of every engine, measured at the client; ``admitted`` is the time of sending and
        ``preemptions`` 0, since a client sees neither.
    answers
        Numbers of the tokens that each request got, where the server told them.
    failures
        Why requests were not answered in full, by request.
    late
        Seconds by which the client sent its latest request too late.
    cancelled
        Whether the run was ended by Ctrl-C.
    """

    record: Record
    answers: tuple[tuple[int, ...], ...]
    failures: dict[int, Failure]
    late: float
    cancelled: bool

    @property
    def kinds(self) -> dict[Kind, int]:
        """Number of failures by their kind, the most frequent first."""
        return dict(Counter(failure.kind for failure in self.failures.values()).most_common())


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes
    ----------
    seconds
        Since its beginning.
    sent, finished, failed, open
        Requests.
    """

    seconds: float
    requests: int
    sent: int
    finished: int
    failed: int
    open: int


def play(
    workload: Workload,
    client: Client,
    *,
    name: str = "",
    time_limit: float | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> LoadRun:
    """Send every request of a workload to a server when it is due, and wait for the answers.

    Ctrl-C ends the run with what was measured so far. Not to be called where an event loop runs;
    there, ``await`` :func:`played`.

    Parameters
    ----------
    name
        What the record calls the server; its address and model if empty.
    time_limit
        Seconds after which no more is sent and open requests are given up.
    on_progress
        Called about every half a second.
    """
    return asyncio.run(
        played(workload, client, name=name, time_limit=time_limit, on_progress=on_progress)
    )


async def played(
    workload: Workload,
    client: Client,
    *,
    name: str = "",
    time_limit: float | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> LoadRun:
    """See :func:`play`; being cancelled ends the run as Ctrl-C does."""
    playing = _Playing(workload, client, on_progress)
    cancelled = False
    try:
        async with asyncio.timeout(time_limit):
            await playing.run()
    except TimeoutError:
        pass
    except asyncio.CancelledError:
        cancelled = True
    await playing.give_up()
    book = playing.book
    return LoadRun(
        record=book.record(name or f"{client.model} at {client.server}"),
        answers=tuple(tuple(words) for words in book.words),
        failures=dict(sorted(book.failures.items())),
        late=int(book.late.max(initial=0)) / PICOSECONDS,
        cancelled=cancelled,
    )


_BEAT = 0.5
"""Seconds between two reports of progress."""


class _Playing:
    """A workload on its way to a server."""

    def __init__(
        self, load: Workload, client: Client, on_progress: Callable[[Progress], None] | None
    ) -> None:
        self.book = Logbook(load)
        self._load, self._client, self._report = load, client, on_progress
        self._arrivals = Arrivals(load)
        self._tokens = Tokens(load, vocabulary=client.vocabulary)
        self._open: dict[int, asyncio.Task[None]] = {}
        self._ended = asyncio.Event()
        self._sent = self._finished = 0
        self._begin = time.perf_counter_ns() * 1000
        self._zero = self._begin - (int(load.arrival[0]) if load.count else 0)
        self._last = _last_of_programs(load)

    async def run(self) -> None:
        """Until nothing is open and nothing more will be due."""
        beat = 0.0
        while True:
            for due, r in self._arrivals.until(self._now()):
                self._send(r, due)
            due_next = self._arrivals.next
            if due_next is None and not self._open:
                break
            if self._report and time.monotonic() >= beat:
                self._tell(self._report)
                beat = time.monotonic() + _BEAT
            pause = _BEAT if self._report else 60.0
            if due_next is not None:
                pause = min(pause, max(due_next - self._now(), 0) / PICOSECONDS)
            self._ended.clear()
            try:
                async with asyncio.timeout(pause):
                    await self._ended.wait()
            except TimeoutError:
                continue
        if self._report:
            self._tell(self._report)

    async def give_up(self) -> None:
        """Hang up on all that are open."""
        open_tasks = list(self._open.values())
        for task in open_tasks:
            task.cancel()
        await asyncio.gather(*open_tasks, return_exceptions=True)

    def _now(self) -> int:
        return time.perf_counter_ns() * 1000 - self._zero

    def _send(self, r: int, due: int) -> None:
        self._sent += 1
        task = asyncio.get_running_loop().create_task(self._ask(r, due))
        self._open[r] = task

    async def _ask(self, r: int, due: int) -> None:
        book, client = self.book, self._client
        try:
            async with asyncio.timeout(client.timeout):
                await self._listen(r, due)
        except Failure as failure:
            book.fail(r, failure)
        except TimeoutError:
            book.fail(r, Failure(Kind.TIMEOUT, f"after {client.timeout:g} s"))
        except asyncio.CancelledError:
            book.fail(r, Failure(Kind.CUT, f"after {book.said[r]} tokens"))
        else:
            book.finish(r)
            self._finished += 1
            if book.words[r]:
                self._tokens.learn(r, book.words[r])
            self._arrivals.ended(r, self._now())
        finally:
            del self._open[r]
            self._ended.set()

    async def _listen(self, r: int, due: int) -> None:
        book, client, load = self.book, self._client, self._load
        output = int(load.output[r])
        asked = asking.body(
            client,
            self._tokens.prompt(r),
            int(load.cap[r]) if client.hang_up else output,
            priority=int(load.priority[r]),
            hints=self._hints(r) if client.hints else {},
        )
        book.send(r, due, self._now())
        finish = ""
        # The stream hangs up when it is closed, so that a server need not say more than is wanted.
        async with aclosing(asking.stream(client, asked)) as events:
            async for piece in events:
                now = self._now()
                count = _count(piece, book.said[r])
                if not client.hang_up and book.said[r] + count > output:
                    raise Failure(Kind.MALFORMED, f"more than the {output} tokens asked for")
                count = min(count, output - book.said[r])
                if piece.tokens:
                    book.words[r] += piece.tokens[:count]
                book.speak(r, count, now)
                if piece.cached is not None:
                    book.found(r, piece.cached)
                finish = piece.finish or finish
                if client.hang_up and book.said[r] >= output:
                    break
        if finish == "abort":
            raise Failure(Kind.DROPPED, f"after {book.said[r]} tokens")
        if book.said[r] < output:
            raise Failure(Kind.SHORT, f"{book.said[r]} of {output} tokens (finish: {finish!r})")

    def _hints(self, r: int) -> dict[str, str]:
        load, found = self._load, {}
        if load.program[r] >= 0:
            found["makespan_program"] = f"{load.name}/{load.program[r]}"
        if load.label[r] >= 0:
            found["makespan_label"] = load.labels[load.label[r]]
        if load.slo[r] >= 0:
            found["makespan_slo"] = load.slos[load.slo[r]].name
        if r in self._last:
            found["makespan_last"] = "true"
        return found

    def _tell(self, report: Callable[[Progress], None]) -> None:
        report(
            Progress(
                seconds=(time.perf_counter_ns() * 1000 - self._begin) / PICOSECONDS,
                requests=self._load.count,
                sent=self._sent,
                finished=self._finished,
                failed=len(self.book.failures),
                open=len(self._open),
            )
        )


def _count(piece: asking.Piece, said: int) -> int:
    """Tokens that came with an event."""
    if piece.tokens is not None:
        return len(piece.tokens)
    if piece.total is not None:
        return max(piece.total - said, 0)
    return int(piece.words)


def _last_of_programs(load: Workload) -> set[int]:
    """The last request of every program in the order of the arrays, which is that of sending."""
    member = np.flatnonzero(load.program >= 0)[::-1]
    _, first = np.unique(load.program[member], return_index=True)
    return set(member[first].tolist())
