"""Lengths of past outputs, and draws of those to come given what has been generated.

The conditional distribution of Past-Future (arXiv 2507.10150), as in the authors' code: of the
lengths above the d tokens generated, d itself in front and the cap behind, a point between the
neighbours of a uniform index is taken; of a request that has not begun, any past length.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from makespan.core.vocabulary import IntArray


class Latest:
    """The latest outputs, in order of time and of length; remembering one moves an array's part.

    Parameters
    ----------
    most
        Outputs remembered.
    lengths
        Those to begin with, the oldest first.
    """

    def __init__(self, most: int, lengths: Iterable[int] = ()) -> None:
        self._latest = deque(lengths, maxlen=most)
        self._count = len(self._latest)
        # By length, with a place behind them.
        self._sorted: IntArray = np.empty(most + 1, dtype=np.int64)
        self._sorted[: self._count] = sorted(self._latest)

    def __len__(self) -> int:
        return self._count

    @property
    def ascending(self) -> IntArray:
        """The lengths from the shortest on, as they are until the next is remembered."""
        return self._sorted[: self._count]

    def remember(self, length: int) -> None:
        """An output has ended; the oldest is forgotten if there are as many as are remembered."""
        lengths, latest = self._sorted, self._latest
        until = self._count
        if until == latest.maxlen:
            gap = int(lengths[:until].searchsorted(latest[0]))
        else:
            gap = until
            self._count += 1
        latest.append(length)
        place = int(lengths[:until].searchsorted(length))
        if place > gap:
            place -= 1  # what is forgotten lies before it
            lengths[gap:place] = lengths[gap + 1 : place + 1]
        else:
            lengths[place + 1 : gap + 1] = lengths[place:gap]
        lengths[place] = length


class Past(Latest):
    """The latest outputs, and draws from them.

    Parameters
    ----------
    most, lengths
        As of :class:`Latest`, with at least one to begin with.
    cap
        Longest output to be expected.

    Attributes
    ----------
    longest
        The longest that is drawn, but for requests that have generated more than that.
    """

    def __init__(self, most: int, cap: int, lengths: Iterable[int]) -> None:
        super().__init__(most, lengths)
        self.cap = cap
        self._bound()

    def remember(self, length: int) -> None:
        """See :meth:`Latest.remember`."""
        super().remember(length)
        self._bound()

    def new(self, lot: npt.NDArray[np.float64]) -> IntArray:
        """Lengths of requests that have not begun, for numbers from 0 to below 1; O(1) each."""
        drawn: IntArray = self._sorted[(lot * self._count).astype(np.int64)]
        return drawn

    def left(self, had: IntArray, lot: npt.NDArray[np.float64]) -> IntArray:
        """Remaining lengths, of the shape of ``lot``; O(log n) each.

        Parameters
        ----------
        had
            (n,) tokens generated.
        lot
            (k, n) numbers from 0 to below 1.
        """
        lengths, count = self._sorted, self._count
        begin = lengths[:count].searchsorted(had, side="right")
        # Points: had, lengths[begin:], and the cap if it is larger than all of them.
        place = lot * ((count + self._capped) - begin)
        low = place.astype(np.int64)
        part = place - low
        index = begin + low
        first = np.where(low, lengths.take(index - 1), had)
        drawn = np.rint(first * (1.0 - part) + lengths.take(index) * part).astype(np.int64)
        left: IntArray = np.maximum(drawn - had, 0)
        if np.count_nonzero(had) < len(had):
            left = np.where(had, left, self.new(lot))
        return left

    def _bound(self) -> None:
        """Whether the cap is larger than all lengths, behind which it is put then."""
        longest = int(self._sorted[self._count - 1])
        self._capped = int(self.cap > longest)
        self.longest = self._sorted[self._count] = max(self.cap, longest)
