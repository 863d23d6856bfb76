"""Capacity: the highest rate at which a load still gets the service that is asked for.

The load is sent faster or slower (:func:`~makespan.serving.study.at_rate`), everything else stays:
the same requests in the same order with the same gaps in proportion, the same seeds. All rates and
policies so share their random numbers, and a difference between two capacities is one of policies.

A bracket of a rate that passes and one that fails is found by doubling and halving from the rate at
which the engines drain, and then bisected in proportion. Nothing says that service falls with every
rise of the rate (prefix caches, batching and ties may help a faster load), so that rates above the
one found are probed as well; where one passes, the search goes on above it.

What is found is of a finite load. A queue that grows without end still takes time to grow: the
shorter the load, the more an overload passes for service. Warm-up, the first part of the load, is
left out of the count, and at the rate found the two halves of what is counted are told apart; a
second half that is much worse means that no steady state was reached.

Vidur (github.com/microsoft/vidur, ``capacity_search.py``) bisects as well, for a percentile of the
scheduling delay: the goal ``queued:p99=5`` here. It trusts monotony; the probes and the halves are
ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.vocabulary import BoolArray
from makespan.serving.cost.step import StepCost
from makespan.serving.record import Record
from makespan.serving.service import attained, terms
from makespan.serving.settings import EngineSettings
from makespan.serving.study import Arm, at_rate, compare, fleet_drain_rate, fleet_of
from makespan.serving.workload import PICOSECONDS, Workload

BOUNDED: Final = ("ttft", "tpot", "e2e", "queued")
"""Latencies that a goal may bound."""

PROBES: Final = (1.05, 1.15, 1.3, 1.5)
"""Rates above the one found that are tried, as multiples of it."""

_DOUBLINGS: Final = 10
"""Steps up or down from the drain rate after which a bracket is given up."""

CAVEAT: Final = (
    "Of a finite load: a queue that grows without end passes for service while it is short. "
    "Where the second half is much worse than the first, there was no steady state; use a longer "
    "load."
)
"""What to print beside every capacity."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A share of requests that must get something.

    Attributes
    ----------
    share
        Least part of the counted requests, above 0 and at most 1.
    metric
        A latency of :data:`BOUNDED` that they must keep below ``bound``, so that ``share`` is a
        percentile of it; None: they must attain their SLO class.
    bound
        Seconds.
    """

    share: float = 0.95
    metric: str | None = None
    bound: float | None = None

    def __post_init__(self) -> None:
        if not 0.0 < self.share <= 1.0:
            raise OptionError(
                f"a share of {self.share} of requests", hint="above 0 and at most 1, such as 0.95"
            )
        if self.metric is None:
            if self.bound is not None:
                raise OptionError(
                    f"a bound of {self.bound} s without the name of a latency",
                    hint=f"name one of {', '.join(BOUNDED)}",
                )
            return
        if self.metric not in BOUNDED:
            raise OptionError(
                f"no latency is called {self.metric!r}", hint=f"there are {', '.join(BOUNDED)}"
            )
        if self.bound is None or not 0.0 < self.bound < 1e6:
            raise OptionError(
                f"{self.metric} below {self.bound} s", hint="above 0 and below 1,000,000 s"
            )

    @classmethod
    def parse(cls, text: str) -> Goal:
        """A goal in words: ``0.95`` (of the SLO classes) or ``ttft:p99=2`` (in seconds).

        Raises
        ------
        OptionError
            If it is neither, or what it asks for is out of range.
        """
        metric, colon, rest = text.partition(":")
        percentile, _, bound = rest.partition("=")
        try:
            if colon and not percentile.startswith("p"):
                raise ValueError
            share, limit = (
                (float(percentile[1:]) / 100, float(bound)) if colon else (float(text), None)
            )
        except ValueError:
            raise OptionError(
                f"{text!r} is no goal",
                hint="such as 0.95 for the share of requests, or ttft:p99=2 for a percentile",
            ) from None
        return cls(share, metric if colon else None, limit)

    def met(self, record: Record) -> BoolArray:
        """(n,) which requests get what is asked for; one that did not finish does not."""
        if self.metric is None or self.bound is None:
            return attained(record)
        with np.errstate(invalid="ignore"):
            kept = getattr(record, self.metric) <= self.bound * PICOSECONDS
        return np.asarray(record.finished & kept)

    def counted(self, record: Record) -> BoolArray:
        """(n,) which requests can be asked for it: for ``tpot`` those of two tokens or more."""
        if self.metric == "tpot":
            return np.asarray(record.workload.output > 1)
        return np.ones(record.count, dtype=np.bool_)

    def says(self, workload: Workload) -> str:
        """The goal in a sentence's part."""
        if self.metric is not None:
            return f"p{100 * self.share:g} of {self.metric} <= {self.bound:g} s"
        asked = "; ".join(f"{slo.name}: {terms(slo)}" for slo in workload.slos)
        return f"{self.share:.4g} of requests attain their class ({asked})"


@dataclass(frozen=True, slots=True)
class Point:
    """A rate that was tried.

    Attributes
    ----------
    rate
        Requests per second.
    shares
        Part of the counted requests per goal.
    halves
        The same in the first and the second half of what is counted.
    passed
        Whether all goals are kept.
    goodput
        Requests of the whole load that attain their class, per second.
    """

    rate: float
    shares: tuple[float, ...]
    halves: tuple[tuple[float, float], ...]
    passed: bool
    goodput: float


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a search found.

    Attributes
    ----------
    rate
        Highest rate that passed, requests per second; 0 if none did, not even the lowest tried.
    ceiling
        Lowest rate above it that failed; infinite if none did: the load is too short or too easy.
    points
        All that were tried, by rate.
    cancelled
        Whether the search was interrupted: rate and ceiling are then what is known so far.
    """

    policy: str
    goals: tuple[Goal, ...]
    rate: float
    ceiling: float
    points: tuple[Point, ...]
    warm_up: float
    tolerance: float
    cancelled: bool = False

    @property
    def monotone(self) -> bool:
        """Whether every rate that passed is below every one that failed."""
        passed = [p.rate for p in self.points if p.passed]
        failed = [p.rate for p in self.points if not p.passed]
        return not passed or not failed or max(passed) < min(failed)

    @property
    def found(self) -> Point | None:
        """The point of ``rate``."""
        return next((p for p in self.points if p.rate == self.rate), None)


def find_capacity(
    workload: Workload,
    policy: str,
    settings: EngineSettings | Sequence[EngineSettings],
    cost: StepCost | Sequence[StepCost],
    goals: Sequence[Goal] = (Goal(),),
    *,
    instances: int = 1,
    router: str = "least-loaded",
    seed: int = 0,
    warm_up: float = 0.1,
    tolerance: float = 0.01,
    start: float | None = None,
    on_point: Callable[[Point], None] | None = None,
) -> Capacity:
    """Highest rate at which a policy keeps all goals on the load, stretched.

    An interruption (Ctrl-C) gives what is known so far, if anything is.

    For a load whose requests wait for others, the rate is that of the earliest arrivals; times of
    tools and readers are not stretched.

    Parameters
    ----------
    settings, cost, instances
        Of each engine of a mixed fleet, or of all, and so many of each.
    router, seed
        Name of the router, and the seed of all policies and of the router.
    warm_up
        Part of the load, from its beginning, that is not counted.
    tolerance
        Relative width of the last bracket.
    start
        Requests per second to begin at; None: the rate at which the engines drain.
    on_point
        Called with each point as it has been tried.

    Raises
    ------
    OptionError
        If the goals are about SLO classes and there are none, or a number is out of range.
    """
    goals = tuple(goals)
    if not goals:
        raise OptionError("a search for a capacity without a goal", hint="such as Goal(0.95)")
    if not 0.0 <= warm_up < 1.0:
        raise OptionError(f"a warm-up of {warm_up}", hint="a share of the load, from 0 to below 1")
    if not 0.0 < tolerance <= 1.0:
        raise OptionError(f"a tolerance of {tolerance}", hint="above 0 and at most 1")
    if any(goal.metric is None for goal in goals) and not workload.slos:
        raise OptionError(
            "the load asks for nothing, so that every rate would do",
            hint="give it SLO classes, or a goal such as ttft:p99=2",
        )

    tried: dict[float, Point] = {}

    def passes(rate: float) -> bool:
        if rate not in tried:
            (arm,) = compare(
                at_rate(workload, rate),
                [policy],
                settings,
                cost,
                instances=instances,
                router=router,
                seed=seed,
            )
            tried[rate] = _point(rate, arm, goals, warm_up)
            if on_point:
                on_point(tried[rate])
        return tried[rate].passed

    fleet = fleet_of(settings, cost, instances)
    begin = fleet_drain_rate(workload, *fleet) if start is None else start
    cancelled = False
    try:
        low, high = highest(passes, begin, tolerance)
    except KeyboardInterrupt:
        if not tried:
            raise
        cancelled = True
        low = max((p.rate for p in tried.values() if p.passed), default=0.0)
        failed = (p.rate for p in tried.values() if not p.passed and p.rate > low)
        high = min(failed, default=np.inf)
    points = tuple(tried[rate] for rate in sorted(tried))
    return Capacity(policy, goals, low, high, points, warm_up, tolerance, cancelled)


def _point(rate: float, arm: Arm, goals: Sequence[Goal], warm_up: float) -> Point:
    record = arm.record
    n = record.count
    first = int(warm_up * n)
    middle = (first + n) // 2
    shares, halves = [], []
    for goal in goals:
        met, counted = goal.met(record), goal.counted(record)
        whole, early, late = slice(first, n), slice(first, middle), slice(middle, n)
        shares.append(_share(met[whole], counted[whole]))
        halves.append((_share(met[early], counted[early]), _share(met[late], counted[late])))
    passed = all(s >= g.share for s, g in zip(shares, goals, strict=True))
    return Point(rate, tuple(shares), tuple(halves), passed, arm.summary.goodput)


def _share(met: BoolArray, counted: BoolArray) -> float:
    """Part of the counted requests that get what is asked for; 1 of none."""
    return float(met[counted].mean()) if counted.any() else 1.0


def highest(passes: Callable[[float], bool], begin: float, tolerance: float) -> tuple[float, float]:
    """The highest rate known to pass and the next one known to fail, (0, r) or (r, inf) if none.

    ``passes`` need not be monotone; it is asked for rates that have been asked before, too.
    """
    low, high = _bracket(passes, begin)
    while low and high < np.inf:
        low, high = _bisect(passes, low, high, tolerance)
        better = [low * factor for factor in PROBES if low * factor > high and passes(low * factor)]
        if not better:
            break
        # What failed between two probes is forgotten: the search is for the highest.
        low, high = _climb(passes, max(better))
    return low, high


def _bracket(passes: Callable[[float], bool], begin: float) -> tuple[float, float]:
    """A rate that passes and one twice as high that fails; (0, r) or (r, inf) if there is none."""
    if passes(begin):
        return _climb(passes, begin)
    rate = begin
    for _ in range(_DOUBLINGS):
        rate /= 2
        if passes(rate):
            return rate, rate * 2
    return 0.0, rate


def _climb(passes: Callable[[float], bool], low: float) -> tuple[float, float]:
    """The last of the doubled rates that passes, and the next; infinite if none fails."""
    for _ in range(_DOUBLINGS):
        if not passes(low * 2):
            return low, low * 2
        low *= 2
    return low, np.inf


def _bisect(
    passes: Callable[[float], bool], low: float, high: float, tolerance: float
) -> tuple[float, float]:
    while high > low * (1.0 + tolerance):
        middle = float(np.sqrt(low * high))
        if passes(middle):
            low = middle
        else:
            high = middle
    return low, high
