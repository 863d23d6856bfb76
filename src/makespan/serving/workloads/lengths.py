"""How long prompts and outputs are: distributions of token counts.

Published data sets are known by their quantiles, often by nothing else; :class:`Quantiles` and
:class:`LogNormal` make distributions from them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import Protocol

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray
from makespan.serving.workload import TOKEN_LIMIT
from makespan.serving.workloads.draws import Stream


class Lengths(Protocol):
    """A distribution of token counts."""

    def draw(self, count: int, stream: Stream) -> IntArray:
        """``count`` independent token counts, each at least 1 (int64)."""
        ...


@dataclass(frozen=True, slots=True)
class Uniform:
    """Whole numbers from ``low`` to ``high``, all as likely."""

    low: int
    high: int

    def __post_init__(self) -> None:
        if not 1 <= self.low <= self.high <= TOKEN_LIMIT:
            raise OptionError(f"lengths from {self.low} to {self.high}", hint="1 <= low <= high")

    def draw(self, count: int, stream: Stream) -> IntArray:
        """Token counts."""
        return stream.integers(self.low, self.high, count)


@dataclass(frozen=True, slots=True)
class LogNormal:
    """Exponential of a normal distribution, rounded, from 1 to ``cap``.

    Attributes
    ----------
    median
        Tokens.
    sigma
        Standard deviation of the logarithm.
    """

    median: float
    sigma: float
    cap: int = TOKEN_LIMIT

    def __post_init__(self) -> None:
        if not (0 < self.median <= TOKEN_LIMIT and 0 <= self.sigma <= 10 and self.cap >= 1):
            raise OptionError(
                f"log-normal lengths of median {self.median}, sigma {self.sigma}, cap {self.cap}"
            )

    @classmethod
    def of_moments(cls, mean: float, deviation: float, cap: int = TOKEN_LIMIT) -> LogNormal:
        """The one with this mean and standard deviation (before cap and rounding)."""
        if not (0 < mean <= 1e12 and 0 <= deviation <= 1e6 * mean):
            raise OptionError(f"log-normal lengths of mean {mean} ± {deviation}")
        squared = math.log1p((deviation / mean) ** 2)
        return cls(mean * math.exp(-squared / 2), math.sqrt(squared), cap)

    @classmethod
    def fitted(
        cls, levels: Sequence[float], values: Sequence[float], cap: int = TOKEN_LIMIT
    ) -> LogNormal:
        """The one nearest to quantiles: least squares of logarithms over normal quantiles.

        Parameters
        ----------
        levels
            Strictly between 0 and 1, at least two.
        values
            Quantiles there, above 0.
        """
        inside = all(0 < level < 1 for level in levels) and all(value > 0 for value in values)
        if len(levels) < 2 or len(levels) != len(values) or not inside:
            raise OptionError(
                f"no fit to levels {list(levels)} and quantiles {list(values)}",
                hint="levels between 0 and 1, quantiles above 0, at least two of each",
            )
        z = np.array([NormalDist().inv_cdf(level) for level in levels])
        logs = np.log(np.array(values, dtype=np.float64))
        spread = z - z.mean()
        sigma = float((spread * logs).sum() / (spread * spread).sum())
        return cls(math.exp(float(logs.mean()) - sigma * float(z.mean())), max(sigma, 0.0), cap)

    def draw(self, count: int, stream: Stream) -> IntArray:
        """Token counts."""
        drawn = self.median * np.exp(self.sigma * stream.normals(count))
        return np.clip(np.rint(drawn), 1, self.cap).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Lines between quantiles: the inverse of the distribution function, rounded.

    Attributes
    ----------
    levels
        From 0 to 1, ascending.
    values
        Tokens there, not descending, at least 1.
    logarithmic
        Whether lines are straight in the logarithm of the tokens. Between far quantiles a long
        tail is then nearer to its shape: straight lines make its mean too large.
    """

    levels: tuple[float, ...]
    values: tuple[float, ...]
    logarithmic: bool = False

    def __post_init__(self) -> None:
        levels, values = self.levels, self.values
        good = (
            len(levels) == len(values) >= 2
            and levels[0] == 0
            and levels[-1] == 1
            and all(a < b for a, b in pairwise(levels))
            and all(a <= b for a, b in pairwise(values))
            and values[0] >= 1
            and values[-1] <= TOKEN_LIMIT
        )
        if not good:
            raise OptionError(
                f"quantiles {values} at levels {levels}",
                hint="levels ascend from 0 to 1, values do not descend and are at least 1",
            )

    @classmethod
    def through(cls, p10: float, p50: float, p90: float, mean: float) -> Quantiles:
        """The one through three quantiles whose ends are chosen to give the mean.

        The lower end goes a quarter of the way from p50 to p10 beyond p10 and the upper end where
        the mean wants it. If that is below p90, it is p90 and the lower end gives way, down to 1;
        if that is not enough, tokens stay at p50 for a while before they rise to p90.
        """
        usual = max(1.0, p10 - (p50 - p10) / 4)
        inner = 0.2 * (p10 + p50) + 0.2 * (p50 + p90)
        high = (mean - inner - 0.05 * (usual + p10)) / 0.05 - p90
        if high >= p90:
            return cls((0.0, 0.1, 0.5, 0.9, 1.0), (usual, p10, p50, p90, high))
        low = (mean - inner - 0.1 * p90) / 0.05 - p10
        if low >= 1:
            return cls((0.0, 0.1, 0.5, 0.9, 1.0), (min(low, p10), p10, p50, p90, p90))
        rest = mean - 0.05 * (usual + p10) - 0.2 * (p10 + p50) - 0.1 * p90 - 0.4 * p50
        knee = 0.9 - min(max(2 * rest / max(p90 - p50, 1e-9), 0.01), 0.39)
        return cls((0.0, 0.1, 0.5, knee, 0.9, 1.0), (usual, p10, p50, p50, p90, p90))

    @property
    def mean(self) -> float:
        """Mean before rounding."""
        values = np.array(self.values, dtype=np.float64)
        low, high = values[:-1], values[1:]
        middle = (low + high) / 2
        if self.logarithmic:
            rises = high > low
            ratio = np.where(rises, high / low, 2.0)
            middle = np.where(rises, (high - low) / np.log(ratio), low)
        return float((np.diff(self.levels) * middle).sum())

    def draw(self, count: int, stream: Stream) -> IntArray:
        """Token counts."""
        if self.logarithmic:
            drawn = np.exp(np.interp(stream.reals(count), self.levels, np.log(self.values)))
        else:
            drawn = np.interp(stream.reals(count), self.levels, self.values)
        return np.maximum(np.rint(drawn), 1).astype(np.int64)


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """Zipf on 1 .. ``cap``: k with a probability in proportion to ``k ** -exponent``."""

    exponent: float
    cap: int

    def __post_init__(self) -> None:
        if not (-5 <= self.exponent <= 20 and 1 <= self.cap <= 1_000_000):
            raise OptionError(f"power law of exponent {self.exponent} up to {self.cap} tokens")

    @classmethod
    def of_mean(cls, mean: float, cap: int) -> PowerLaw:
        """The one with this mean, by bisection."""
        if not (1 < mean < cap <= 1_000_000):
            raise OptionError(f"power law of mean {mean} up to {cap}", hint="1 < mean < cap")
        low, high = -5.0, 20.0
        for _ in range(60):
            middle = (low + high) / 2
            if cls(middle, cap).mean > mean:
                low = middle
            else:
                high = middle
        return cls(high, cap)

    @property
    def mean(self) -> float:
        """Mean."""
        support = np.arange(1, self.cap + 1, dtype=np.float64)
        # Scaled to a largest term of 1, so that no exponent overflows.
        logs = -self.exponent * np.log(support)
        weights = np.exp(logs - logs.max())
        return float((support * weights).sum() / weights.sum())

    def draw(self, count: int, stream: Stream) -> IntArray:
        """Token counts."""
        logs = -self.exponent * np.log(np.arange(1, self.cap + 1, dtype=np.float64))
        return stream.choices(np.exp(logs - logs.max()), count) + 1
