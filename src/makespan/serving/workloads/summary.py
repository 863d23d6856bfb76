"""What a load is like: rates, lengths, what requests share, what waits for what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from makespan.core.vocabulary import BoolArray, IntArray
from makespan.serving.workload import PICOSECONDS, Workload
from makespan.serving.workloads.pieces import rows

LEVELS: Final = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)
"""Levels of the quantiles of lengths."""

_HISTOGRAM_LIMIT: Final = 1 << 26


@dataclass(frozen=True, slots=True)
class LengthSummary:
    """Token counts.

    Attributes
    ----------
    quantiles
        At ``LEVELS``, linear between neighbours.
    """

    mean: float
    deviation: float
    quantiles: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Sharing:
    """What an infinite cache of prefixes would find, requests being served one by one by arrival.

    Attributes
    ----------
    blocks
        Blocks of ``grain`` tokens that the prompts take, a block begun counted whole.
    hits
        Full blocks of prompts that an earlier request has had, in its prompt or output.
    tokens
        Share of the tokens of prompts found.
    requests
        Share of requests that find at least one block.
    """

    grain: int
    blocks: int
    hits: int
    tokens: float
    requests: float

    @property
    def rate(self) -> float:
        """Share of the blocks found: Mooncake's ideal hit rate."""
        return self.hits / self.blocks if self.blocks else 0.0


@dataclass(frozen=True, slots=True)
class Description:
    """Summary of a workload.

    Attributes
    ----------
    span
        Seconds from the first arrival to the last.
    waiting
        Requests that wait for others; their arrivals are no part of ``rate`` and ``cv``.
    rate
        Arrivals per second of requests that wait for none; None if they all come at once.
    cv
        Coefficient of variation of the gaps between those arrivals; None for fewer than two gaps.
    input_rate, output_rate
        Tokens per second of the span offered by all requests.
    programs
        Number of programs; ``program_requests`` is the mean number of requests of one, and
        ``depth`` the longest chain of requests that wait for one another.
    delay
        Mean seconds that a request waits after its parents, None where none waits.
    labels, slos
        Number of requests by name.
    """

    name: str
    source: str
    requests: int
    span: float
    waiting: int
    rate: float | None
    cv: float | None
    prompt: LengthSummary
    output: LengthSummary
    input_rate: float | None
    output_rate: float | None
    sharing: Sharing
    programs: int
    program_requests: float
    depth: int
    delay: float | None
    labels: dict[str, int]
    slos: dict[str, int]

    def __str__(self) -> str:
        """The summary as lines of text."""
        lines = [
            f"{self.name}: {self.requests} requests in {self.span:g} s",
            f"  source      {self.source or 'not stated'}",
        ]
        if self.rate is not None:
            lines.append(
                f"  arrivals    {self.rate:.4g}/s"
                + (f", CV of gaps {self.cv:.3g}" if self.cv is not None else "")
            )
        for title, part in (("prompt", self.prompt), ("output", self.output)):
            at = ", ".join(
                f"p{100 * level:g} {value:g}"
                for level, value in zip(LEVELS, part.quantiles, strict=True)
            )
            lines.append(f"  {title}      mean {part.mean:.1f}; {at}")
        lines.append(
            f"  sharing     {self.sharing.rate:.1%} of {self.sharing.blocks} blocks of "
            f"{self.sharing.grain} tokens, in {self.sharing.requests:.1%} of the requests"
        )
        if self.programs:
            lines.append(
                f"  programs    {self.programs}, of {self.program_requests:.1f} requests; "
                f"longest chain {self.depth}"
            )
        if self.delay is not None:
            lines.append(f"  waiting     {self.waiting} requests, {self.delay:.3g} s after others")
        for title, part_by_name in (("labels", self.labels), ("SLO", self.slos)):
            if part_by_name:
                said = ", ".join(f"{name} {count}" for name, count in part_by_name.items())
                lines.append(f"  {title:<11} {said}")
        return "\n".join(lines)


def describe(load: Workload) -> Description:
    """Summary of a workload; O(n + content), and n log n for the quantiles."""
    parents = np.diff(load.parent_ptr)
    free = load.arrival[parents == 0]
    gaps = np.diff(free) / PICOSECONDS
    total = float(gaps.sum())
    mean_gap = total / len(gaps) if len(gaps) else 0.0
    span = load.span / PICOSECONDS
    members = load.program[load.program >= 0]
    programs = len(np.unique(members))
    return Description(
        name=load.name,
        source=load.source,
        requests=load.count,
        span=span,
        waiting=int((parents > 0).sum()),
        rate=1 / mean_gap if mean_gap else None,
        cv=float(gaps.std() / mean_gap) if mean_gap and len(gaps) > 1 else None,
        prompt=_lengths(load.prompt),
        output=_lengths(load.output),
        input_rate=float(load.prompt.sum()) / span if span else None,
        output_rate=float(load.output.sum()) / span if span else None,
        sharing=sharing(load),
        programs=programs,
        program_requests=len(members) / programs if programs else 0.0,
        depth=int(depths(load).max(initial=-1)) + 1,
        delay=float(load.delay.mean()) / PICOSECONDS if len(load.delay) else None,
        labels=_counts(load.label, load.labels),
        slos=_counts(load.slo, tuple(item.name for item in load.slos)),
    )


def sharing(load: Workload) -> Sharing:
    """What of the prompts an infinite cache would find; see :class:`Sharing`."""
    blocks = int((-(-load.prompt // load.grain)).sum())
    found = shared_blocks(load)
    hits = int(found.sum())
    tokens = int(load.prompt.sum())
    return Sharing(
        grain=load.grain,
        blocks=blocks,
        hits=hits,
        tokens=hits * load.grain / tokens if tokens else 0.0,
        requests=float((found > 0).mean()) if load.count else 0.0,
    )


def shared_blocks(load: Workload) -> IntArray:
    """(n,) leading full blocks of each prompt that an earlier request has had."""
    _, owner, place = rows(np.diff(load.content_ptr))
    seen = _seen_before(load.content, owner)
    full = place < (load.prompt // load.grain)[owner]
    return np.bincount(owner[seen & full], minlength=load.count).astype(np.int64)


def depths(load: Workload) -> IntArray:
    """(n,) most requests in a chain of parents before each."""
    # A plain loop: parents come first, and a closed loop has chains of thousands, for which a pass
    # of arrays per level would take long.
    depth = [0] * load.count
    ptr, parent = load.parent_ptr.tolist(), load.parent.tolist()
    for r in np.flatnonzero(np.diff(load.parent_ptr)).tolist():
        depth[r] = 1 + max(depth[p] for p in parent[ptr[r] : ptr[r + 1]])
    return np.array(depth, dtype=np.int64)


def _seen_before(content: IntArray, owner: IntArray) -> BoolArray:
    """Whether a piece occurs in an earlier row, too."""
    if not len(content):
        return np.zeros(0, dtype=np.bool_)
    low, high = int(content.min()), int(content.max())
    code = content - low
    if high - low > max(_HISTOGRAM_LIMIT, 4 * len(content)):
        code = np.unique(content, return_inverse=True)[1]
    first = np.empty(int(code.max()) + 1, dtype=np.int64)
    # Of several assignments to one place the last counts: the first row, as rows run backwards.
    first[code[::-1]] = owner[::-1]
    return np.asarray(first[code] < owner)


def _lengths(tokens: IntArray) -> LengthSummary:
    if not len(tokens):
        return LengthSummary(0.0, 0.0, (0.0,) * len(LEVELS))
    return LengthSummary(
        float(tokens.mean()),
        float(tokens.std()),
        tuple(float(value) for value in np.quantile(tokens, LEVELS)),
    )


def _counts(index: IntArray, names: tuple[str, ...]) -> dict[str, int]:
    counts = np.bincount(index[index >= 0], minlength=len(names)).tolist()
    return dict(zip(names, counts, strict=True))
