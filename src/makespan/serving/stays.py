"""Stays: where each request was when, waiting or in a batch, read off a record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np

from makespan.serving.record import Kind, Record

_TURN: Final = np.array([1, 0, 2, 2, 0])
"""By kind of event, which of a request's at one instant comes first.

It leaves an instance before it joins another, and ends last.
"""


class Phase(str, Enum):
    """What a request did during a stay."""

    QUEUED = "queued"
    """Sent and not admitted yet."""
    PREEMPTED = "preempted"
    """Waiting again after it lost its memory."""
    MOVING = "moving"
    """On its way to another instance, or waiting there."""
    PREFILL = "prefill"
    """In the batch before its first token."""
    DECODE = "decode"
    """In the batch from its first token on."""
    RESUMED = "resumed"
    """In the batch again after its first token.

    What it lost is computed anew, then it decodes; who has moved goes on decoding at once.
    """

    @property
    def waits(self) -> bool:
        """Whether it was outside the batch."""
        return self in (Phase.QUEUED, Phase.PREEMPTED, Phase.MOVING)


@dataclass(frozen=True, slots=True)
class Stay:
    """A request in one phase, for a time that is not empty; picoseconds."""

    request: int
    instance: int
    phase: Phase
    begin: int
    end: int


def stays(record: Record) -> Iterator[Stay]:
    """All stays of all requests, those of a request in order of time.

    Without ``record.events`` nothing is known of preemptions but their number, so that a request
    that suffered some seems to have run all the time. What has not ended when the record ends is
    cut there; it waits at the instance that served it, or else at the first.
    """
    if record.events is None:
        yield from _stays_by_times(record)
        return
    events = record.events
    order = np.lexsort((_TURN[events.kind], events.time, events.request))
    bounds = np.searchsorted(events.request[order], np.arange(record.count + 1)).tolist()
    columns = (events.time, events.kind, events.instance)
    rows = list(zip(*(column[order].tolist() for column in columns), strict=True))
    over = _end(record)
    for r, (sent, first) in enumerate(
        zip(record.sent.tolist(), record.first.tolist(), strict=True)
    ):
        if sent >= 0:
            yield from _stays_by_events(r, sent, first, rows[bounds[r] : bounds[r + 1]], over)


def _stays_by_events(
    r: int, sent: int, first: int, rows: list[tuple[int, int, int]], over: int
) -> Iterator[Stay]:
    """Stays of request ``r`` by its events ``rows``: time, kind, instance."""
    since, phase, place = sent, Phase.QUEUED, 0
    running = resumed = False
    for time, kind, instance in rows:
        if running:
            yield from _run(r, place, since, time, first, resumed)
        elif time > since:
            yield Stay(r, instance, phase, since, time)
        running = kind == Kind.ADMIT
        resumed = resumed or kind in (Kind.PREEMPT, Kind.MOVE)
        if kind == Kind.PREEMPT:
            phase = Phase.PREEMPTED
        elif kind == Kind.MOVE:
            phase = Phase.MOVING
        elif kind != Kind.ADMIT:
            return
        since, place = time, instance
    if running:
        yield from _run(r, place, since, over, first, resumed)
    elif over > since:
        yield Stay(r, place, phase, since, over)


def _run(r: int, place: int, begin: int, end: int, first: int, resumed: bool) -> Iterator[Stay]:
    """A time in the batch, cut at the first token."""
    cut = end if first < 0 else min(max(first, begin), end)
    if cut > begin:
        yield Stay(r, place, Phase.PREFILL, begin, cut)
    if end > cut:
        after = Phase.RESUMED if resumed and first <= begin else Phase.DECODE
        yield Stay(r, place, after, cut, end)


def _stays_by_times(record: Record) -> Iterator[Stay]:
    """Stays of requests of which only the first admission and the tokens are known."""
    over = _end(record)
    columns = (record.sent, record.admitted, record.first, record.last, record.instance)
    for r, (sent, admitted, first, last, place) in enumerate(
        zip(*(column.tolist() for column in columns), strict=True)
    ):
        if admitted > sent >= 0:
            yield Stay(r, place, Phase.QUEUED, sent, admitted)
        if admitted >= 0:
            yield from _run(r, place, admitted, last if last >= 0 else over, first, False)


def _end(record: Record) -> int:
    """The last time that the record names."""
    times = [
        int(t.max()) for t in (record.sent, record.admitted, record.first, record.last) if len(t)
    ]
    if record.events is not None and len(record.events):
        times.append(int(record.events.time[-1]))
    return max(times, default=0)
