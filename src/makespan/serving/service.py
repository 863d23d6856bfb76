"""Quality of service of a record: latency percentiles, throughput, SLO attainment, goodput.

Definitions of these differ between papers, so each summary prints its own. Here a request *attains*
its SLO class if it finished and kept every term that its class names; one without a class attains
if it finished; one that was refused does not. The deadline of a request that is part of a program
is judged for the program: from the sending of its first request to the last token of its last.
Goodput is the number of requests that attain, per second of the makespan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from makespan.serving.record import Fate, Record
from makespan.serving.workload import PICOSECONDS, Slo

METRICS: Final = {
    "TTFT": "time from sending to the first token",
    "TPOT": "mean time per output token after the first, of requests with at least two",
    "gap": "longest time between two tokens in succession, of requests with at least two",
    "E2E": "time from sending to the last token",
}
"""The latencies that a summary gives, and what they are."""

GOODPUT: Final = (
    "Goodput: requests that finished and kept all terms of their class (those without a class: "
    "that finished), per second of the makespan, which goes from the first request sent to the "
    "last token. A deadline of a program counts from its first request."
)


@dataclass(frozen=True, slots=True)
class Distribution:
    """Mean and percentiles of one latency over the finished requests, in seconds.

    Percentiles interpolate linearly between order statistics (Hyndman and Fan's type 7, NumPy's
    default). All are NaN where no request has that latency.
    """

    mean: float
    p50: float
    p90: float
    p99: float

    @classmethod
    def of(cls, picoseconds: npt.NDArray[np.int64] | npt.NDArray[np.float64]) -> Distribution:
        """The distribution of some latencies given in picoseconds."""
        if not len(picoseconds):
            return cls(*[float("nan")] * 4)
        seconds = picoseconds.astype(np.float64) / PICOSECONDS
        return cls(
            float(seconds.mean()), *(float(q) for q in np.quantile(seconds, (0.5, 0.9, 0.99)))
        )


@dataclass(frozen=True, slots=True)
class Attainment:
    """How many requests of one class attain it."""

    slo: Slo | None
    requests: int
    attained: int

    @property
    def share(self) -> float:
        """Attained part of the class, 0 to 1; NaN of an empty one."""
        return self.attained / self.requests if self.requests else float("nan")


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run gave its users; ``str`` of it is a table with the definitions.

    Attributes
    ----------
    engine, measured
        As in the record.
    fates
        Number of requests per fate.
    seconds
        Makespan of the run.
    latencies
        Distribution per name of :data:`METRICS`, over the finished requests.
    tokens
        Output tokens of the finished requests.
    attainment
        Per class in the order of the workload, then of the requests without a class if there are.
    preemptions, hit, prompt
        Totals: preemptions; of the prompts of what was admitted, tokens found in the prefix cache
        at the first admission, and all.
    loaded
        Tokens that were loaded from the second tier of the prefix cache, over all admissions.
    """

    engine: str
    measured: bool
    fates: dict[Fate, int]
    seconds: float
    latencies: dict[str, Distribution]
    tokens: int
    attainment: tuple[Attainment, ...]
    preemptions: int
    hit: int
    prompt: int
    loaded: int = 0

    @property
    def throughput(self) -> float:
        """Finished requests per second of the makespan."""
        return self.fates[Fate.FINISHED] / self.seconds if self.seconds else 0.0

    @property
    def token_throughput(self) -> float:
        """Output tokens of finished requests per second of the makespan."""
        return self.tokens / self.seconds if self.seconds else 0.0

    @property
    def goodput(self) -> float:
        """Requests that attain their SLO class, per second of the makespan."""
        attained = sum(one.attained for one in self.attainment)
        return attained / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        clock = "measured" if self.measured else "simulated"
        fates = ", ".join(
            f"{count} {fate.name.lower().replace('_', ' ')}"
            for fate, count in self.fates.items()
            if count or fate is Fate.FINISHED
        )
        lines = [
            f"{self.engine} ({clock} times): {fates}",
            f"makespan {self.seconds:.3f} s, {self.throughput:.3f} requests/s",
            f"{self.token_throughput:.1f} output tokens/s, {self.preemptions} preemptions",
            f"{self.hit} of {self.prompt} prompt tokens found in the prefix cache"
            + (f", {self.loaded} tokens loaded from its second tier" if self.loaded else ""),
            "",
            f"{'seconds':8}{'mean':>11}{'p50':>11}{'p90':>11}{'p99':>11}",
        ]
        for name, spread in self.latencies.items():
            values = (spread.mean, spread.p50, spread.p90, spread.p99)
            lines.append(f"{name:8}" + "".join(f"{value:11.4f}" for value in values))
        lines.append("")
        for one in self.attainment:
            asked = terms(one.slo) if one.slo else "to finish"
            name = one.slo.name if one.slo else "no class"
            lines.append(f"{name}: {one.attained} of {one.requests} attain it ({asked})")
        lines += [
            f"goodput {self.goodput:.3f} requests/s",
            "",
            *(f"{name}: {meaning}." for name, meaning in METRICS.items()),
            GOODPUT,
        ]
        return "\n".join(lines)


def terms(slo: Slo) -> str:
    """What a class asks for, in seconds."""
    asked = []
    for name in ("ttft", "tpot", "gap", "deadline"):
        value = getattr(slo, name)
        if value is not None:
            asked.append(f"{name} <= {value / PICOSECONDS:g} s")
    return ", ".join(asked) or "to finish"


def attained(record: Record) -> npt.NDArray[np.bool_]:
    """(n,) which requests finished and kept every term of their class."""
    load = record.workload
    kept = record.finished.copy()
    whole = _whole(record)
    for k, slo in enumerate(load.slos):
        of = load.slo == k
        if slo.ttft is not None:
            kept &= ~of | (record.ttft <= slo.ttft)
        if slo.tpot is not None:
            # (last - first) / (output - 1) <= tpot without leaving the integers.
            kept &= ~of | (record.last - record.first <= slo.tpot * _more(record, slo.tpot))
        if slo.gap is not None:
            kept &= ~of | (record.gap <= slo.gap)
        if slo.deadline is not None:
            kept &= ~of | ((whole >= 0) & (whole <= slo.deadline))
    return kept


def summarise(record: Record) -> Summary:
    """See :class:`Summary`."""
    load, done = record.workload, record.finished
    several = done & (load.output > 1)
    kept = attained(record)
    classes: list[tuple[int, Slo | None]] = list(enumerate(load.slos))
    if (load.slo < 0).any() or not classes:
        classes.append((-1, None))
    return Summary(
        engine=record.engine,
        measured=record.measured,
        fates={fate: int((record.fate == fate).sum()) for fate in Fate},
        seconds=record.makespan / PICOSECONDS,
        latencies={
            "TTFT": Distribution.of(record.ttft[done]),
            "TPOT": Distribution.of(record.tpot[several]),
            "gap": Distribution.of(record.gap[several]),
            "E2E": Distribution.of(record.e2e[done]),
        },
        tokens=int(load.output[done].sum()),
        attainment=tuple(
            Attainment(slo, int((load.slo == k).sum()), int((kept & (load.slo == k)).sum()))
            for k, slo in classes
        ),
        preemptions=int(record.preemptions.sum()),
        hit=int(record.hit.sum()),
        prompt=int(load.prompt[record.admitted >= 0].sum()),
        loaded=record.counters.get("loaded tokens", 0),
    )


def _more(record: Record, factor: int) -> npt.NDArray[np.int64]:
    """Output tokens after the first, cut where their product with ``factor`` would overflow."""
    return np.minimum(record.workload.output - 1, np.iinfo(np.int64).max // factor)


def _whole(record: Record) -> npt.NDArray[np.int64]:
    """(n,) latency of the request or, if it is part of one, of its program; -1 if unfinished."""
    program = record.workload.program
    whole = record.e2e
    members = np.flatnonzero(program >= 0)
    if not len(members):
        return whole
    _, place = np.unique(program[members], return_inverse=True)
    begun = np.full(place.max() + 1, np.iinfo(np.int64).max)
    ended = np.full(place.max() + 1, -1, dtype=np.int64)
    broken = np.zeros(place.max() + 1, dtype=np.bool_)
    sent = np.where(record.sent >= 0, record.sent, np.iinfo(np.int64).max)
    np.minimum.at(begun, place, sent[members])
    np.maximum.at(ended, place, record.last[members])
    np.logical_or.at(broken, place, ~record.finished[members])
    whole[members] = np.where(broken, -1, ended - begun)[place]
    return whole
