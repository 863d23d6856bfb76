"""Random draws that depend on a seed and names only, the same on every machine and version.

NumPy promises the raw stream of a bit generator for ever but may change how its ``Generator``
turns it into numbers. So the few distributions needed here are made from the raw stream.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from makespan.core.errors import OptionError
from makespan.core.vocabulary import BoolArray, IntArray

Item = TypeVar("Item")
_MANTISSA: Final = 2.0**-53


def _entropy(seed: int, names: Sequence[str]) -> list[int]:
    words = [seed]
    for name in names:
        digest = hashlib.sha256(name.encode()).digest()
        words += [int.from_bytes(digest[k : k + 4], "little") for k in range(0, 16, 4)]
    return words


class Draws:
    """A stream of draws named by a seed and a path of names.

    Raises
    ------
    OptionError
        If the seed is negative.
    """

    def __init__(self, seed: int, *names: str) -> None:
        if seed < 0:
            raise OptionError(f"seed {seed} is negative")
        self._seed, self._names = seed, names
        self._bits = np.random.PCG64(np.random.SeedSequence(_entropy(seed, names)))

    def stream(self, *names: str) -> Draws:
        """An independent stream below this one; taking it changes nothing here."""
        return Draws(self._seed, *self._names, *names)

    def reals(self, *shape: int) -> npt.NDArray[np.float64]:
        """Uniform numbers in [0, 1)."""
        count = int(np.prod(shape, dtype=np.int64))
        raw = self._bits.random_raw(count) >> np.uint64(11)
        return np.asarray(raw * _MANTISSA, dtype=np.float64).reshape(shape)

    def integers(self, low: int, high: int, *shape: int) -> IntArray:
        """Uniform integers in [low, high]."""
        return low + np.floor(self.reals(*shape) * (high - low + 1)).astype(np.int64)

    def integer(self, low: int, high: int) -> int:
        """One uniform integer in [low, high]."""
        return int(self.integers(low, high, 1)[0])

    def chances(self, probability: float, *shape: int) -> BoolArray:
        """True with the given probability."""
        return np.asarray(self.reals(*shape) < probability)

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return bool(self.chances(probability, 1)[0])

    def permutations(self, rows: int, size: int) -> IntArray:
        """One permutation of 0 .. size-1 per row."""
        return np.argsort(self.reals(rows, size), axis=1, kind="stable").astype(np.int64)

    def permutation(self, size: int) -> IntArray:
        """A permutation of 0 .. size-1."""
        return np.argsort(self.reals(size), kind="stable").astype(np.int64)

    def sample(self, size: int, count: int) -> list[int]:
        """``count`` distinct numbers of 0 .. size-1, ascending."""
        return sorted(self.permutation(size)[:count].tolist())

    def pick(self, items: Sequence[Item]) -> Item:
        """One of ``items``."""
        return items[self.integer(0, len(items) - 1)]

    def shares(self, total: int, bins: int, most: int) -> IntArray:
        """``total`` units spread over bins at random, none above ``most``, int64 (bins,).

        Each unit goes to a uniformly drawn free place, places being ``most`` per bin.
        """
        places = np.argsort(self.reals(bins * most), kind="stable")[:total]
        return np.bincount(places // most, minlength=bins).astype(np.int64)


def require(condition: object, message: str, hint: str | None = None) -> None:
    """Raises an OptionError unless the condition holds."""
    if not condition:
        raise OptionError(message, hint=hint)


def require_sizes(**sizes: int) -> None:
    """Raises an OptionError unless every size is at least 1."""
    for name, value in sizes.items():
        require(value >= 1, f"{name} must be at least 1, not {value}")


def require_range(name: str, low: int, high: int, least: int = 0) -> None:
    """Raises an OptionError unless least <= low <= high."""
    require(least <= low <= high, f"{name} needs {least} <= low <= high, not {low} and {high}")
