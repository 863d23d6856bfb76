"""Past pauses of a tool, and the time to live that they recommend."""

from __future__ import annotations

from array import array
from bisect import insort
from typing import Final

import numpy as np

_EQUAL: Final = 1e-12
"""Seconds by which one benefit must exceed another to count as more."""


class Pauses:
    """Past pauses of one tool, seconds.

    Attributes
    ----------
    values
        In ascending order.
    """

    def __init__(self) -> None:
        self.values: array[float] = array("d")
        self._sum = 0.0

    def add(self, pause: float) -> None:
        """One more; O(n), by one move of memory."""
        insort(self.values, pause)
        self._sum += pause

    @property
    def mean(self) -> float:
        """Of all; there must be one."""
        return self._sum / len(self.values)

    def best(self, benefit: float) -> float:
        """The time to live that maximises ``P * benefit - ttl``; the smaller of equal ones.

        P is a step function, so that the best is 0 or one of its steps. O(n).
        """
        count = len(self.values)
        if not count:
            return 0.0
        values = np.frombuffer(self.values)
        worth = np.arange(1, count + 1) / count * benefit - values
        most = float(worth.max())
        if most <= _EQUAL:
            return 0.0
        return float(values[int(np.argmax(worth >= most - _EQUAL))])
