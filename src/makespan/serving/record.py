"""Record: when each request of a load was admitted, spoke and ended, on whichever engine.

The fast simulator, vLLM's own scheduler on a virtual clock and a real vLLM return the same record,
so that two of them can be compared field by field. Times are int64 picoseconds from the same zero
as the workload's arrivals; -1 stands for what did not happen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from makespan.core.errors import EngineError
from makespan.core.vocabulary import IntArray
from makespan.serving.timeline import Timeline
from makespan.serving.workload import Workload

if TYPE_CHECKING:
    from makespan.serving.service import Summary

NEVER: Final = -1
"""Time of what did not happen."""


class Fate(IntEnum):
    """What became of a request."""

    FINISHED = 0
    """All its tokens were generated."""
    TOO_LONG = 1
    """Refused: its prompt and its cap together do not fit the memory or the longest sequence."""
    ORPHAN = 2
    """Never sent: a request that it waits for was refused or did not end."""
    UNFINISHED = 3
    """The run was stopped before its last token."""
    DROPPED = 4
    """Given up by the policy before its last token."""


class Kind(IntEnum):
    """What an event did to its request."""

    ADMIT = 0
    PREEMPT = 1
    FINISH = 2
    DROP = 3
    """Given up by the policy."""
    MOVE = 4
    """Left for another instance, where its admission is its arrival."""


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """What a scheduler decided, in the order in which it did; arrays of one length.

    An admission or a preemption has the time at which its step begins, an end the time at which
    its step is over. At one time and instance ends come first, in running order, then preemptions,
    then admissions.

    Attributes
    ----------
    time
        Picoseconds, never falling within an instance.
    kind
        Values of :class:`Kind`.
    request
        Indices into the workload.
    instance
        Where; left out: all at the first.
    """

    time: IntArray
    kind: IntArray
    request: IntArray
    instance: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __post_init__(self) -> None:
        if len(self.instance) != len(self.time):
            object.__setattr__(self, "instance", np.zeros(len(self.time), dtype=np.int64))
        for name in ("time", "kind", "request", "instance"):
            object.__setattr__(self, name, _frozen(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """The steps of an instance, in order; arrays of one length.

    The last four are what a step cost is computed from, as
    :meth:`makespan.serving.cost.step.StepCost.step` defines them.

    Attributes
    ----------
    begin, end
        When the step was planned and when its tokens were there, picoseconds.
    tokens, sequences, context, pairs
        Tokens computed, sequences that computed any, all their tokens after the step, and twice the
        query-key pairs of chunks.
    """

    begin: IntArray
    end: IntArray
    tokens: IntArray
    sequences: IntArray
    context: IntArray
    pairs: IntArray

    def __post_init__(self) -> None:
        for name in ("begin", "end", "tokens", "sequences", "context", "pairs"):
            object.__setattr__(self, name, _frozen(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.begin)


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """What an engine did with a workload of n requests.

    Attributes
    ----------
    engine
        Which engine, with its version.
    measured
        Whether the times were taken from a clock; False: they were computed.
    fate
        (n,) values of :class:`Fate`.
    sent
        (n,) when the request reached the engine: its arrival, or later if it waits for others.
    admitted
        (n,) beginning of the first step that computed any of its tokens.
    first, last
        (n,) when its first and its last token were there.
    gap
        (n,) longest time between two of its tokens in succession; 0 with fewer than two.
    preemptions
        (n,) times that its memory was taken away.
    hit, hits
        (n,) tokens found in the prefix cache when first admitted, and over all its admissions.
    instance
        (n,) which instance served it, -1 if none did.
    steps
        Steps of all instances together.
    counters
        Further totals of the run, by name.
    events
        What was decided, if the engine was asked to keep it.
    log
        The steps, if the engine was asked to keep them and has one instance.
    timeline
        What every instance was doing when, if the engine was asked to keep it.
    """

    workload: Workload
    engine: str
    measured: bool
    fate: IntArray
    sent: IntArray
    admitted: IntArray
    first: IntArray
    last: IntArray
    gap: IntArray
    preemptions: IntArray
    hit: IntArray
    hits: IntArray
    instance: IntArray
    steps: int
    counters: Mapping[str, int] = field(default_factory=dict)
    events: Events | None = None
    log: Steps | None = None
    timeline: Timeline | None = None

    def __post_init__(self) -> None:
        for name in PER_REQUEST:
            object.__setattr__(self, name, _frozen(getattr(self, name)))
        object.__setattr__(self, "counters", MappingProxyType(dict(self.counters)))
        self._check()

    @property
    def count(self) -> int:
        """Number of requests, whatever became of them."""
        return self.workload.count

    @property
    def finished(self) -> npt.NDArray[np.bool_]:
        """(n,) which requests got all their tokens."""
        return np.equal(self.fate, Fate.FINISHED)

    @property
    def ttft(self) -> IntArray:
        """(n,) time to first token: from sending to the first token, ps; -1 without one."""
        return np.where(self.first >= 0, self.first - self.sent, NEVER)

    @property
    def e2e(self) -> IntArray:
        """(n,) end-to-end latency: from sending to the last token, ps; -1 if not finished."""
        return np.where(self.finished, self.last - self.sent, NEVER)

    @property
    def tpot(self) -> npt.NDArray[np.float64]:
        """(n,) mean time per output token after the first, ps; NaN without a second token."""
        more = self.workload.output - 1
        there = self.finished & (more > 0)
        return np.where(there, (self.last - self.first) / np.maximum(more, 1), np.nan)

    @property
    def queued(self) -> IntArray:
        """(n,) time from sending to the first admission, ps; -1 if never admitted."""
        return np.where(self.admitted >= 0, self.admitted - self.sent, NEVER)

    @property
    def makespan(self) -> int:
        """Picoseconds from the first request sent to the last token of all; 0 if there is none."""
        if not self.finished.any():
            return 0
        return int(self.last[self.finished].max() - self.sent[self.sent >= 0].min())

    def summary(self) -> Summary:
        """Latency percentiles, throughput, SLO attainment and goodput; print it."""
        from makespan.serving.service import summarise

        return summarise(self)

    def _check(self) -> None:
        n = self.count
        for name in PER_REQUEST:
            if len(getattr(self, name)) != n:
                raise EngineError(
                    f"{self.engine}: {len(getattr(self, name))} entries in {name} for {n} requests"
                )
        unknown = ~np.isin(self.fate, list(Fate))
        self._forbid(unknown, "has a fate that does not exist")
        done, load = self.finished, self.workload
        orphan, long = self.fate == Fate.ORPHAN, self.fate == Fate.TOO_LONG
        sent = self.sent >= 0
        self._forbid(orphan & sent, "was sent though orphaned")
        self._forbid((done | long) & ~sent, "was never sent")
        self._forbid(sent & (self.sent < load.arrival), "was sent before its arrival")
        spoke, ran = self.first >= 0, self.admitted >= 0
        self._forbid(ran & (self.admitted < self.sent), "was admitted before it was sent")
        self._forbid(spoke & (~ran | (self.first < self.admitted)), "spoke before admission")
        self._forbid(done & (~spoke | (self.last < self.first)), "ended before its first token")
        self._forbid((orphan | long) & (ran | spoke), "was refused and served")
        more = np.maximum(load.output - 1, 1)
        between = np.where(load.output > 1, self.last - self.first, 0)
        wrong = (self.gap < -(-between // more)) | (self.gap > between)
        self._forbid(done & wrong, "has a longest gap that its tokens cannot have")
        for name in ("preemptions", "hit"):
            self._forbid(getattr(self, name) < 0, f"has a negative number of {name}")
        self._forbid(self.hits < self.hit, "found more at first than in all")
        self._forbid(self.hit >= load.prompt, "found its whole prompt in the cache")
        self._forbid(~done & (self.last >= 0), "has a last token without having ended")
        self._forbid((self.instance >= 0) != ran, "ran on no instance, or never on its own")
        owner = np.repeat(np.arange(n), np.diff(load.parent_ptr))
        ready = self.last[load.parent] + load.delay
        early = sent[owner] & (~done[load.parent] | (self.sent[owner] < ready))
        self._forbid(np.isin(np.arange(n), owner[early]), "was sent before its parents ended")

    def _forbid(self, bad: npt.NDArray[np.bool_], what: str) -> None:
        if bad.any():
            r = int(np.argmax(bad))
            values = ", ".join(f"{name} {getattr(self, name)[r]}" for name in PER_REQUEST)
            raise EngineError(f"{self.engine}: request {r} {what} ({values})")


PER_REQUEST: Final = (
    "fate",
    "sent",
    "admitted",
    "first",
    "last",
    "gap",
    "preemptions",
    "hit",
    "hits",
    "instance",
)
"""The arrays of a record that have an entry per request."""


def first_difference(one: Record, other: Record) -> str | None:
    """Where two records of one workload first disagree, in a sentence; None if nowhere.

    Compared are all arrays per request, the number of steps and, if both have them, the events in
    their order; of several differences that of the request sent first is told. Counters and the
    engine's name are not compared.
    """
    if one.count != other.count:
        return f"{one.count} requests in {one.engine}, {other.count} in {other.engine}"
    if one.events is not None and other.events is not None:
        found = _events_differ(one, one.events, other, other.events)
        if found:
            return found
    worst: tuple[int, str] | None = None
    for name in PER_REQUEST:
        a, b = getattr(one, name), getattr(other, name)
        unlike = np.flatnonzero(a != b)
        if not len(unlike):
            continue
        r = int(unlike[np.argmin(one.sent[unlike])])
        if worst is None or one.sent[r] < worst[0]:
            says = f"{name} is {a[r]} in {one.engine}, {b[r]} in {other.engine}"
            worst = int(one.sent[r]), f"request {r}: {says}"
    if worst is not None:
        return worst[1]
    if one.steps != other.steps:
        return f"{one.steps} steps in {one.engine}, {other.steps} in {other.engine}"
    return None


def _events_differ(one: Record, a: Events, other: Record, b: Events) -> str | None:
    common = min(len(a), len(b))
    same = np.ones(common, dtype=np.bool_)
    for name in ("time", "kind", "request"):
        same &= getattr(a, name)[:common] == getattr(b, name)[:common]
    k = common if same.all() else int(np.argmin(same))
    if k == len(a) == len(b):
        return None
    return f"event {k}: {_event(a, k)} in {one.engine}, {_event(b, k)} in {other.engine}"


def _event(events: Events, k: int) -> str:
    if k >= len(events):
        return "none"
    kind = Kind(int(events.kind[k])).name.lower()
    return f"{kind} of request {events.request[k]} at {events.time[k]} ps"


def _frozen(values: npt.ArrayLike) -> IntArray:
    array = np.array(values, dtype=np.int64)
    array.setflags(write=False)
    return array
