"""Workload: the requests of a load, in flat arrays, with what they share and what they wait for.

Times are int64 picoseconds: a step time then is an integer whatever the hardware, sums are exact,
and 106 days fit. The output length of a request is part of its workload and hidden from policies;
they see ``cap``, the limit that the client asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from makespan.core.errors import ProblemError
from makespan.core.vocabulary import IntArray

PICOSECONDS: Final = 10**12
"""Ticks per second."""

TIME_LIMIT: Final = 1 << 62
"""Latest time a workload may name."""

TOKEN_LIMIT: Final = 1 << 31
"""Tokens above which no prompt, output or cap goes."""


@dataclass(frozen=True, slots=True)
class Slo:
    """Service-level objective of a class of requests; None: not asked for.

    Attributes
    ----------
    ttft
        Longest time from arrival to the first token, picoseconds.
    tpot
        Longest mean time per output token after the first, picoseconds.
    gap
        Longest time between two tokens in succession (max TPOT), picoseconds.
    deadline
        Longest time from arrival to the last token, picoseconds; of a program, from the arrival
        of its first request to the end of its last.
    """

    name: str
    ttft: int | None = None
    tpot: int | None = None
    gap: int | None = None
    deadline: int | None = None

    def __post_init__(self) -> None:
        for term in ("ttft", "tpot", "gap", "deadline"):
            value = getattr(self, term)
            if value is not None and not 0 < value <= TIME_LIMIT:
                raise ProblemError(
                    f"SLO class {self.name!r}: {term} is {value} ps",
                    hint="give a positive number of picoseconds, or None",
                )


def _empty() -> IntArray:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """A load of n requests, by arrival; all arrays int64 and read-only.

    Attributes
    ----------
    name, source
        What to call it, and where it comes from: a file, or a generator with its parameters.
    arrival
        (n,) when the request is sent, ps; of one with parents, when at the earliest.
    prompt, output
        (n,) tokens of the prompt, and tokens that will be generated; both at least 1.
    cap
        (n,) most tokens the client accepts, at least ``output``; what a policy may know.
    priority
        (n,) the smaller, the more urgent, as in vLLM.
    slo
        (n,) index into ``slos``, -1 for none.
    program
        (n,) the program (conversation, session, compound task) it is a part of, -1 for none.
    label
        (n,) index into ``labels``: stage, tenant, model or whatever the source distinguishes; -1
        for none.
    parent_ptr, parent, delay
        Request r is sent when ``delay[k]`` ps have gone since the last token of ``parent[k]``, for
        all k in ``parent_ptr[r] .. parent_ptr[r+1]-1``: the time of a tool, or of a reader.
        Parents come earlier in the arrays.
    content_ptr, content
        Names of the pieces of ``grain`` tokens that the request's tokens, prompt then output,
        begin with. Two requests whose first k names are equal have the same first ``k * grain``
        tokens; beyond the names given nothing is shared. A name implies all before it.
    grain
        Tokens of a piece.
    slos, labels
        SLO classes and labels, in the order of their indices; names differ and are not empty.
    """

    name: str
    arrival: IntArray
    prompt: IntArray
    output: IntArray
    cap: IntArray = field(default_factory=_empty)
    priority: IntArray = field(default_factory=_empty)
    slo: IntArray = field(default_factory=_empty)
    program: IntArray = field(default_factory=_empty)
    label: IntArray = field(default_factory=_empty)
    parent_ptr: IntArray = field(default_factory=_empty)
    parent: IntArray = field(default_factory=_empty)
    delay: IntArray = field(default_factory=_empty)
    content_ptr: IntArray = field(default_factory=_empty)
    content: IntArray = field(default_factory=_empty)
    grain: int = 16
    slos: tuple[Slo, ...] = ()
    labels: tuple[str, ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray) or item.name in {"arrival", "prompt", "output"}:
                object.__setattr__(self, item.name, self._whole(item.name, value))
        n = len(self.arrival)
        defaults = {
            "cap": self.output,
            "priority": np.zeros(n, dtype=np.int64),
            "slo": np.full(n, -1, dtype=np.int64),
            "program": np.full(n, -1, dtype=np.int64),
            "label": np.full(n, -1, dtype=np.int64),
            "parent_ptr": np.zeros(n + 1, dtype=np.int64),
            "content_ptr": np.zeros(n + 1, dtype=np.int64),
        }
        for key, value in defaults.items():
            if not len(getattr(self, key)):
                object.__setattr__(self, key, value)
        self._check(n)
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray):
                value.setflags(write=False)

    @property
    def count(self) -> int:
        """Number of requests."""
        return len(self.arrival)

    @property
    def span(self) -> int:
        """Picoseconds from the first arrival to the last."""
        return int(self.arrival[-1] - self.arrival[0]) if self.count else 0

    def parents(self, request: int) -> IntArray:
        """Requests that must end before this one is sent."""
        return self.parent[self.parent_ptr[request] : self.parent_ptr[request + 1]]

    def contents(self, request: int) -> IntArray:
        """Names of the pieces that the request begins with."""
        return self.content[self.content_ptr[request] : self.content_ptr[request + 1]]

    def sent_at(self, arrival: npt.ArrayLike) -> Workload:
        """The load with other arrivals, (n,) ps, its requests in their order.

        Raises
        ------
        ProblemError
            If requests wait for others, whose ends decide when they are sent.
        """
        times = np.asarray(arrival)
        if len(self.parent):
            raise ProblemError(f"workload {self.name!r}: some requests wait for others to end")
        if times.shape != (self.count,):
            raise ProblemError(f"workload {self.name!r}: {times.shape} arrivals for {self.count}")
        order = np.argsort(times, kind="stable")
        content_ptr, pieces = _rows(self.content_ptr, order)
        return replace(
            self,
            arrival=times[order],
            **{key: getattr(self, key)[order] for key in _PER_REQUEST},
            content_ptr=content_ptr,
            content=self.content[pieces],
        )

    def take(self, requests: npt.ArrayLike) -> Workload:
        """The load of some of the requests, in the order of the arrays.

        Parents that are not taken are forgotten; what waited only for them is sent at its
        earliest time.

        Raises
        ------
        ProblemError
            If a request is not there or taken twice, or ``requests`` is neither numbers of requests
            nor one bool for each.
        """
        given = np.asarray(requests)
        mask = given.dtype == np.bool_ and given.shape == (self.count,)
        if given.ndim != 1 or not (mask or given.dtype.kind in "iu" or not given.size):
            raise ProblemError(
                f"workload {self.name!r}: {given.dtype} of shape {given.shape} names no requests",
                hint=f"give numbers of requests, or {self.count} of bool",
            )
        chosen = np.flatnonzero(given) if mask else np.unique(given.astype(np.int64))
        if not mask and len(chosen) != len(given):
            raise ProblemError(f"workload {self.name!r}: a request is taken twice")
        if len(chosen) and not 0 <= chosen[0] <= chosen[-1] < self.count:
            raise ProblemError(
                f"workload {self.name!r}: requests {chosen[0]} to {chosen[-1]} asked for",
                hint=f"it has {self.count}",
            )
        place = np.full(self.count, -1, dtype=np.int64)
        place[chosen] = np.arange(len(chosen))
        parent_ptr, rows = _rows(self.parent_ptr, chosen)
        parents = place[self.parent[rows]]
        kept = parents >= 0
        owners = np.repeat(np.arange(len(chosen)), np.diff(parent_ptr))[kept]
        content_ptr, pieces = _rows(self.content_ptr, chosen)
        return replace(
            self,
            arrival=self.arrival[chosen],
            **{key: getattr(self, key)[chosen] for key in _PER_REQUEST},
            parent_ptr=np.concatenate(([0], np.cumsum(np.bincount(owners, minlength=len(chosen)))))
            if len(chosen)
            else np.zeros(1, dtype=np.int64),
            parent=parents[kept],
            delay=self.delay[rows][kept],
            content_ptr=content_ptr,
            content=self.content[pieces],
        )

    def _whole(self, key: str, value: npt.ArrayLike) -> IntArray:
        array = np.asarray(value)
        if array.ndim != 1 or (len(array) and array.dtype.kind not in "iu"):
            raise ProblemError(
                f"workload {self.name!r}: {key} must be a flat array of integers, not "
                f"{array.dtype} of shape {array.shape}"
            )
        return array.astype(np.int64)

    def _check(self, n: int) -> None:
        for key in ("prompt", "output", "cap", "priority", "slo", "program", "label"):
            if len(getattr(self, key)) != n:
                self._refuse(f"{len(getattr(self, key))} entries in {key} for {n} requests")
        if n and not (self.arrival[0] >= 0 and self.arrival[-1] <= TIME_LIMIT):
            self._refuse(f"arrivals from {self.arrival[0]} to {self.arrival[-1]} ps")
        self._forbid(np.diff(self.arrival, prepend=self.arrival[:1]) < 0, "arrives too early")
        for key in ("prompt", "output"):
            values = getattr(self, key)
            self._forbid((values < 1) | (values > TOKEN_LIMIT), f"has an impossible {key}")
        self._forbid((self.cap < self.output) | (self.cap > TOKEN_LIMIT), "outgrows its cap")
        self._forbid((self.slo < -1) | (self.slo >= len(self.slos)), "has an unknown SLO class")
        self._forbid((self.label < -1) | (self.label >= len(self.labels)), "has an unknown label")
        self._forbid(self.program < -1, "is part of an unknown program")
        for what, names in (("SLO class", [slo.name for slo in self.slos]), ("label", self.labels)):
            if not all(names) or len(set(names)) != len(names):
                self._refuse(f"{what} names {names} are not distinct, or one is empty")
        if self.grain < 1:
            self._refuse(f"pieces of {self.grain} tokens")
        self._check_rows("parent", self.parent_ptr, self.parent)
        self._check_rows("content", self.content_ptr, self.content)
        if len(self.delay) != len(self.parent) or (self.delay < 0).any():
            self._refuse("delays must be given for all parents and not be negative")
        owner = np.repeat(np.arange(n), np.diff(self.parent_ptr))
        late = (self.parent < 0) | (self.parent >= owner)
        self._forbid(np.isin(np.arange(n), owner[late]), "does not come after its parents")
        size = np.diff(self.content_ptr) * self.grain
        self._forbid(size > self.prompt + self.output, "is shorter than its named pieces")

    def _check_rows(self, key: str, ptr: IntArray, values: IntArray) -> None:
        n = self.count
        if len(ptr) != n + 1 or ptr[0] != 0 or ptr[-1] != len(values) or (np.diff(ptr) < 0).any():
            self._refuse(f"{key}_ptr does not divide {key} among {n} requests")

    def _forbid(self, bad: npt.NDArray[np.bool_], what: str) -> None:
        if bad.any():
            r = int(np.argmax(bad))
            self._refuse(
                f"request {r} {what} (arrival {self.arrival[r]} ps, prompt {self.prompt[r]}, "
                f"output {self.output[r]}, cap {self.cap[r]} tokens)"
            )

    def _refuse(self, what: str) -> None:
        raise ProblemError(f"workload {self.name!r}: {what}")


_PER_REQUEST: Final = ("prompt", "output", "cap", "priority", "slo", "program", "label")


def _rows(ptr: IntArray, chosen: IntArray) -> tuple[IntArray, IntArray]:
    """Pointers and indices of the chosen rows of a table in compressed form."""
    size = np.diff(ptr)[chosen]
    new = np.concatenate(([0], np.cumsum(size))).astype(np.int64)
    return new, np.repeat(ptr[:-1][chosen] - new[:-1], size) + np.arange(new[-1])
