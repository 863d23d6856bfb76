"""Goodput in tokens, as JITServe counts it: of chats token by token, of the rest all or nothing.

"JITServe" (arXiv 2504.20068, section 2): token i of a request with targets for tokens counts if it
is there by arrival + TTFT + i * TBT; of a request with a deadline all tokens, of prompt and output,
count if it ends in time, and of a task of many calls those of all calls, if the last ends in time.
:mod:`makespan.serving.service` counts requests; both are printed with their definitions because
they rank schedulers differently: one answer about a long document weighs a thousand chat tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.vocabulary import BoolArray, IntArray
from makespan.serving.record import Events, Kind, Record
from makespan.serving.service import attained
from makespan.serving.workload import PICOSECONDS, Slo

DEFINITION: Final = (
    "Token goodput: of classes with targets for tokens, the output tokens that are there by "
    "sending + TTFT + i * TPOT; of classes with a deadline, and of none, the tokens of "
    "prompts and outputs of what attains its class, a program as a whole."
)

_LATEST: Final = 1 << 61
"""Picoseconds that stand for no target; a due date of it and a time stay in int64."""


@dataclass(frozen=True, slots=True)
class ClassGoodput:
    """What one class got.

    Attributes
    ----------
    requests, attained
        Requests of the class, and those that attain it as in :func:`.service.attained`.
    tokens, good
        Tokens that could count, and those that do.
    """

    slo: Slo | None
    requests: int
    attained: int
    tokens: int
    good: int


@dataclass(frozen=True, slots=True)
class TokenGoodput:
    """Goodput of a run in tokens, by class; ``seconds`` is the makespan."""

    classes: tuple[ClassGoodput, ...]
    seconds: float

    @property
    def good(self) -> int:
        """Tokens that count."""
        return sum(one.good for one in self.classes)

    @property
    def attained(self) -> int:
        """Requests that attain their class."""
        return sum(one.attained for one in self.classes)

    @property
    def rate(self) -> float:
        """Tokens that count, per second of the makespan."""
        return self.good / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        lines = [
            f"{one.slo.name if one.slo else 'no class'}: {one.good} of {one.tokens} tokens, "
            f"{one.attained} of {one.requests} requests"
            for one in self.classes
        ]
        return "\n".join((*lines, f"token goodput {self.rate:.1f} tokens/s", DEFINITION))


def is_chat(slo: Slo) -> bool:
    """Whether tokens of the class count one by one: it has targets for them and no deadline."""
    return slo.deadline is None and any(t is not None for t in (slo.ttft, slo.tpot, slo.gap))


def token_goodput(record: Record) -> TokenGoodput:
    """See :class:`TokenGoodput`.

    When tokens were there follows from the ends of the steps of an engine: a request gets one in
    each step from its first token on, while it is in the batch and not computed anew. Of a request
    that lost its memory twice or more the tokens between are taken to have come as late as they
    can, and steps of one stretch of a timeline to be of equal length. Tokens of a chat that did not
    finish do not count.

    Raises
    ------
    OptionError
        If there are chats and the record was made without its events, or without its timeline or
        log.
    """
    load, kept = record.workload, attained(record)
    classes: list[tuple[int, Slo | None]] = list(enumerate(load.slos))
    if (load.slo < 0).any() or not classes:
        classes.append((-1, None))
    found = []
    whole = load.prompt + load.output
    chats = [k for k, slo in classes if slo is not None and is_chat(slo)]
    wanted = record.finished & np.isin(load.slo, chats)
    times = dict(token_times(record, wanted)) if wanted.any() else {}
    for k, slo in classes:
        of = load.slo == k
        if slo is not None and is_chat(slo):
            tokens = int(load.output[of].sum())
            good = sum(
                _in_time(times[r], slo, int(record.sent[r]))
                for r in np.flatnonzero(of & record.finished).tolist()
            )
        else:
            tokens, good = int(whole[of].sum()), int(whole[of & kept].sum())
        found.append(ClassGoodput(slo, int(of.sum()), int((kept & of).sum()), tokens, good))
    return TokenGoodput(tuple(found), record.makespan / PICOSECONDS)


def _in_time(times: IntArray, slo: Slo, sent: int) -> int:
    """Tokens of a chat that were there when they were due."""
    tbt = slo.tpot if slo.tpot is not None else slo.gap
    if tbt is None:
        # Only the first token has a target: the others count with it.
        return len(times) if slo.ttft is None or times[0] <= sent + slo.ttft else 0
    first = _LATEST if slo.ttft is None else slo.ttft
    due = np.arange(len(times), dtype=np.int64) * min(tbt, _LATEST // len(times)) + (sent + first)
    return int((times <= due).sum())


class _Visit(NamedTuple):
    """A time in the batch of an engine.

    Attributes
    ----------
    anew
        Whether it began without the memory of an earlier one, so that its first steps compute again
        what was lost.
    """

    begin: int
    end: int
    engine: int
    anew: bool


def _visits(events: Events) -> dict[int, list[_Visit]]:
    """Of each request its times in a batch that have ended, in order."""
    found: dict[int, list[_Visit]] = {}
    entered: dict[int, tuple[int, int]] = {}
    lost: set[int] = set()
    columns = (events.time, events.kind, events.request, events.instance)
    for time, kind, r, engine in zip(*(column.tolist() for column in columns), strict=True):
        if kind == Kind.ADMIT:
            entered[r] = time, engine
        elif r in entered:
            begin, where = entered.pop(r)
            found.setdefault(r, []).append(_Visit(begin, time, where, r in lost))
            # Who moves takes its memory along.
            (lost.add if kind == Kind.PREEMPT else lost.discard)(r)
    return found


def token_times(record: Record, wanted: BoolArray) -> Iterator[tuple[int, IntArray]]:
    """When each token was there, for the finished ones of the wanted requests (n,).

    See :func:`token_goodput` for what is known and what is supposed.

    Raises
    ------
    OptionError
        If the record was made without its events, or without its timeline or log.
    """
    events = record.events
    if events is None:
        raise OptionError("the record has no events", hint="serve the load with events=True")
    ends = _step_ends(record)
    visits = _visits(events)
    for r in np.flatnonzero(wanted & record.finished).tolist():
        first, output = int(record.first[r]), int(record.workload.output[r])
        parts = []
        for visit in visits.get(r, ()):
            ticks = ends[visit.engine]
            a = np.searchsorted(ticks, max(visit.begin, first - 1), side="right")
            parts.append(ticks[a : np.searchsorted(ticks, visit.end, side="right")])
        extra = sum(map(len, parts)) - output
        for k, visit in enumerate(visits.get(r, ())):
            # What is computed anew before the first token gives none in any case.
            if visit.anew and visit.begin >= first and extra > 0:
                cut = min(extra, len(parts[k]))
                parts[k], extra = parts[k][cut:], extra - cut
        times = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
        # A step in which memory was short gives some of the batch no token.
        times = times[max(extra, 0) :]
        if len(times) < output:
            times = np.concatenate((np.full(output - len(times), first), times))
        times[0], times[-1] = first, record.last[r]
        yield r, times


def _step_ends(record: Record) -> dict[int, IntArray]:
    """Of every engine the ends of its steps, ascending."""
    if record.log is not None:
        return {0: record.log.end}
    timeline = record.timeline
    if timeline is None:
        raise OptionError(
            "the record has no steps", hint="serve the load with timeline=True, or log=True"
        )
    found = {}
    for engine in np.unique(timeline.instance).tolist():
        of = timeline.instance == engine
        steps, begin = timeline.steps[of], timeline.begin[of]
        lasts = timeline.end[of] - begin
        owner = np.repeat(np.arange(len(steps)), steps)
        place = np.arange(len(owner)) - np.repeat(np.cumsum(steps) - steps, steps) + 1
        whole, rest = lasts // steps, lasts % steps
        # Exact for the last step of a stretch, without products that leave the integers.
        found[engine] = begin[owner] + place * whole[owner] + (place * rest[owner]) // steps[owner]
    return found
