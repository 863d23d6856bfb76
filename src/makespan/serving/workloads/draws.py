"""Distributions on top of the project's own stream of draws: equal on every version of NumPy.

Streams are named, so that a change in one part of a generator does not change the draws of another.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from makespan.core.vocabulary import IntArray
from makespan.generators.draws import Draws

RealArray = npt.NDArray[np.float64]

_TINY = 2.0**-54


class Stream:
    """A stream of draws named by a seed and a path of names."""

    def __init__(self, seed: int, *names: str) -> None:
        self._draws = Draws(seed, "serving", *names)
        self._seed, self._names = seed, names

    def stream(self, *names: str) -> Stream:
        """An independent stream below this one."""
        return Stream(self._seed, *self._names, *names)

    def reals(self, count: int) -> RealArray:
        """Uniform numbers in (0, 1)."""
        return self._draws.reals(count) + _TINY

    def integers(self, low: int, high: int, count: int) -> IntArray:
        """Uniform integers in [low, high]."""
        return self._draws.integers(low, high, count)

    def exponentials(self, count: int) -> RealArray:
        """Exponential numbers of mean 1."""
        return np.asarray(-np.log(self.reals(count)))

    def normals(self, count: int) -> RealArray:
        """Standard normal numbers (Box and Muller 1958)."""
        half = (count + 1) // 2
        radius = np.sqrt(2 * self.exponentials(half))
        angle = 2 * math.pi * self.reals(half)
        return np.concatenate((radius * np.cos(angle), radius * np.sin(angle)))[:count]

    def gammas(self, shape: float, count: int) -> RealArray:
        """Gamma numbers of scale 1 (Marsaglia and Tsang 2000), rejected ones drawn again."""
        boost = np.ones(count)
        if shape < 1:
            boost = self.reals(count) ** (1 / shape)
            shape += 1
        d = shape - 1 / 3
        c = 1 / math.sqrt(9 * d)
        found = np.empty(count)
        open_ = np.arange(count)
        while len(open_):
            x = self.normals(len(open_))
            v = (1 + c * x) ** 3
            u = self.reals(len(open_))
            positive = v > 0
            log_v = np.log(np.where(positive, v, 1.0))
            good = positive & (np.log(u) < 0.5 * x * x + d * (1 - v + log_v))
            found[open_[good]] = d * v[good]
            open_ = open_[~good]
        return found * boost

    def weibulls(self, shape: float, count: int) -> RealArray:
        """Weibull numbers of scale 1."""
        return np.asarray(self.exponentials(count) ** (1 / shape))

    def choices(self, weights: npt.ArrayLike, count: int) -> IntArray:
        """Indices drawn in proportion to weights."""
        cumulative = np.cumsum(np.asarray(weights, dtype=np.float64))
        found = np.searchsorted(cumulative, self.reals(count) * cumulative[-1], side="right")
        return np.asarray(np.minimum(found, len(cumulative) - 1), dtype=np.int64)
