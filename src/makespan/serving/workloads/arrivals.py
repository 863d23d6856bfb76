"""When requests arrive: renewal processes, a rate that follows the day, and bursts.

An arrival process turns a count into times in picoseconds. All take the mean rate in requests per
second; the coefficient of variation (CV) of the gaps says how bursty they are, 1 for Poisson.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray
from makespan.serving.workload import PICOSECONDS, TIME_LIMIT
from makespan.serving.workloads.draws import RealArray, Stream

DAY: Final = 86_400.0
"""Seconds."""


class Arrivals(Protocol):
    """A process of arrivals."""

    def times(self, count: int, stream: Stream) -> IntArray:
        """The first ``count`` arrivals, ascending, picoseconds from 0 (int64)."""
        ...


@dataclass(frozen=True, slots=True)
class Poisson:
    """Gaps are exponential."""

    rate: float

    def __post_init__(self) -> None:
        _require_rate(self.rate)

    def times(self, count: int, stream: Stream) -> IntArray:
        """Arrivals of the process."""
        return ticks(np.cumsum(stream.exponentials(count)) / self.rate)


@dataclass(frozen=True, slots=True)
class Gamma:
    """Gaps are Gamma with the given CV: shape 1/CV², as BurstGPT and ServeGen model bursts."""

    rate: float
    cv: float

    def __post_init__(self) -> None:
        _require_rate(self.rate)
        _require(0.01 <= self.cv <= 100, f"cv is {self.cv}", "from 0.01 to 100")

    def times(self, count: int, stream: Stream) -> IntArray:
        """Arrivals of the process."""
        shape = 1 / self.cv**2
        return ticks(np.cumsum(stream.gammas(shape, count)) / (shape * self.rate))


@dataclass(frozen=True, slots=True)
class Weibull:
    """Gaps are Weibull with the given CV."""

    rate: float
    cv: float

    def __post_init__(self) -> None:
        _require_rate(self.rate)
        _require(0.05 <= self.cv <= 50, f"cv is {self.cv}", "from 0.05 to 50")

    def times(self, count: int, stream: Stream) -> IntArray:
        """Arrivals of the process."""
        shape = weibull_shape(self.cv)
        mean = math.gamma(1 + 1 / shape)
        return ticks(np.cumsum(stream.weibulls(shape, count)) / (mean * self.rate))


@dataclass(frozen=True, slots=True)
class Diurnal:
    """Poisson whose rate swings as a sine around its mean, lowest at the beginning.

    Attributes
    ----------
    swing
        Half the difference of highest and lowest rate, as a share of the mean: 0 to 1.
    period
        Seconds.
    """

    rate: float
    swing: float = 0.6
    period: float = DAY

    def __post_init__(self) -> None:
        _require_rate(self.rate)
        _require(0 <= self.swing <= 1, f"swing is {self.swing}", "from 0 to 1")
        _require(1e-3 <= self.period <= 1e9, f"period is {self.period}", "seconds above 0")

    def times(self, count: int, stream: Stream) -> IntArray:
        """Arrivals of the process: those of rate 1, mapped through the inverse of the integral."""
        work = np.cumsum(stream.exponentials(count)) / self.rate / self.period
        # The integral over a period equals the period, so that whole periods need no inversion.
        grid = np.linspace(0.0, 1.0, 4097)
        integral = grid - self.swing * np.sin(2 * math.pi * grid) / (2 * math.pi)
        whole = np.floor(work)
        within = np.interp(work - whole, integral, grid)
        return ticks((whole + within) * self.period)


@dataclass(frozen=True, slots=True)
class Bursts:
    """Poisson that switches between a quiet and a busy rate at exponential times.

    Attributes
    ----------
    rate
        Mean over both states.
    factor
        Busy rate over quiet rate, at least 1.
    busy, quiet
        Mean seconds of a stay in each state.
    """

    rate: float
    factor: float = 10.0
    busy: float = 10.0
    quiet: float = 50.0

    def __post_init__(self) -> None:
        _require_rate(self.rate)
        _require(1 <= self.factor <= 1e6, f"factor is {self.factor}", "from 1 to 1e6")
        for key in ("busy", "quiet"):
            value = getattr(self, key)
            _require(1e-6 <= value <= 1e9, f"{key} is {value}", "seconds above 0")

    def times(self, count: int, stream: Stream) -> IntArray:
        """Arrivals of the process: those of rate 1, mapped through the inverse of the integral."""
        low = self.rate * (self.busy + self.quiet) / (self.quiet + self.factor * self.busy)
        work = np.cumsum(stream.stream("gaps").exponentials(count))
        stays = stream.stream("stays")
        time, done = [np.zeros(1)], [np.zeros(1)]
        while count and done[-1][-1] < work[-1]:
            length = stays.exponentials(512) * np.tile([self.quiet, self.busy], 256)
            amount = length * np.tile([low, low * self.factor], 256)
            time.append(time[-1][-1] + np.cumsum(length))
            done.append(done[-1][-1] + np.cumsum(amount))
        return ticks(np.interp(work, np.concatenate(done), np.concatenate(time)))


@dataclass(frozen=True, slots=True)
class AtOnce:
    """All arrive at 0, as in offline inference."""

    def times(self, count: int, stream: Stream) -> IntArray:
        """Zeros."""
        return np.zeros(count, dtype=np.int64)


PROCESSES: Final = ("poisson", "gamma", "weibull", "diurnal", "bursts")
"""Names that :func:`process` knows."""


def process(name: str, rate: float, cv: float = 1.0) -> Arrivals:
    """The process of a name; ``cv`` is for Gamma and Weibull, the others have their defaults.

    Raises
    ------
    OptionError
        If there is none of that name.
    """
    if name == "poisson":
        return Poisson(rate)
    if name == "gamma":
        return Gamma(rate, cv)
    if name == "weibull":
        return Weibull(rate, cv)
    if name == "diurnal":
        return Diurnal(rate)
    if name == "bursts":
        return Bursts(rate)
    raise OptionError(f"there are no arrivals {name!r}", hint=f"one of {', '.join(PROCESSES)}")


def weibull_shape(cv: float) -> float:
    """The shape at which a Weibull distribution has the CV, by bisection."""
    low, high = math.log(0.05), math.log(100.0)
    for _ in range(80):
        middle = (low + high) / 2
        k = math.exp(middle)
        squared = math.exp(math.lgamma(1 + 2 / k) - 2 * math.lgamma(1 + 1 / k)) - 1
        if squared > cv * cv:
            low = middle
        else:
            high = middle
    return math.exp(low)


def ticks(seconds: RealArray) -> IntArray:
    """Seconds as whole picoseconds.

    Raises
    ------
    OptionError
        If the last is later than a workload can say.
    """
    if len(seconds) and seconds.max() * PICOSECONDS > TIME_LIMIT:
        raise OptionError(
            f"the load lasts {seconds.max() / DAY:.0f} days",
            hint=f"a workload holds {TIME_LIMIT / PICOSECONDS / DAY:.0f}; raise the rate",
        )
    return np.asarray(np.rint(seconds * PICOSECONDS), dtype=np.int64)


def _require_rate(rate: float) -> None:
    _require(1e-9 <= rate <= 1e9, f"rate is {rate} requests/s", "give a number above 0")


def _require(condition: bool, message: str, hint: str) -> None:
    if not condition:
        raise OptionError(message, hint=hint)
