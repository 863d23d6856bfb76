"""Lists of lengths drawn for a batch, and who can join it without it ever outgrowing the memory.

The peak of a list is that of :mod:`makespan.serving.policies.peak`. It is worked out only as far as
a limit asks for: not at all while even outputs of the greatest length would fit; in tokens, which
bound the blocks from both sides, once for a batch and in O(k n) for each request that joins it; in
blocks only within one block per request of the limit.
"""

from __future__ import annotations

from operator import add
from typing import Self

import numpy as np
import numpy.typing as npt

from makespan.core.vocabulary import IntArray
from makespan.serving.policies.past import Past
from makespan.serving.policies.peak import peak_blocks


class Drawn:
    """Lists of lengths for one batch, one for each row of the lots that were drawn.

    Parameters
    ----------
    past
        Gives the length that belongs to a lot.
    prompt, had
        Tokens of those in the batch, and tokens they have generated.
    lot
        (k, n) numbers from 0 to below 1.
    size
        Tokens of a block; 1 counts tokens.

    Attributes
    ----------
    batch
        The requests.
    lists
        How many lists there are, k.
    """

    def __init__(
        self,
        past: Past,
        batch: list[int],
        prompt: list[int],
        had: list[int],
        lot: npt.NDArray[np.float64],
        size: int,
    ) -> None:
        self.batch, self.lists = batch, len(lot)
        self._past, self._size = past, size
        self._held, self._known, self._lots = list(map(add, prompt, had)), had, [lot]
        # Tokens of full blocks if all were as long as they may be, at once.
        longest = max(past.longest, *had) if had else 0
        self._worst = sum(prompt) + len(batch) * (longest + size - 1)
        self._peaks: _Peaks | None = None

    def join(
        self, request: int, held: int, known: int, lot: npt.NDArray[np.float64], limit: int
    ) -> bool:
        """Let a request into the batch, if all lists stay below so many blocks then.

        Parameters
        ----------
        held, known
            Tokens it holds, and what its remaining length is drawn given.
        lot
            (k, 1) numbers from 0 to below 1.
        """
        past, size, peaks = self._past, self._size, self._peaks
        worst = self._worst + held + past.longest + size - 1
        if worst >= limit * size:
            if peaks is None:
                lots = np.concatenate((*self._lots, lot), axis=1)
                left = past.left(np.array([*self._known, known]), lots)
                peaks = _Peaks(np.array([*self._held, held]), left, size)
            else:
                left = past.left(np.array([known]), lot) if known else past.new(lot)
                peaks = peaks.with_one(held, left)
            if not peaks.stay_below(limit):
                return False
            self._peaks = peaks
        self.batch.append(request)
        self._held.append(held)
        self._known.append(known)
        self._lots.append(lot)
        self._worst = worst
        return True


class _Peaks:
    """Tokens of full blocks that each list needs as each request ends.

    Parameters
    ----------
    held
        (n,) tokens in memory.
    left
        (k, n) tokens yet to come.
    """

    __slots__ = ("_held", "_left", "_need", "_size")

    def __init__(self, held: IntArray, left: IntArray, size: int) -> None:
        self._size = size
        order = (-left).argsort(axis=1)
        # A block less a token more than each holds: no request has more blocks than that fills.
        self._held: IntArray = (held + (size - 1))[order]
        self._left: IntArray = left[np.arange(len(left))[:, None], order]
        count = np.arange(1, len(held) + 1)
        self._need: IntArray = self._held.cumsum(axis=1) + count * self._left

    def with_one(self, held: int, left: IntArray) -> Self:
        """The same with a further request, which has ``left`` (k, 1) tokens to come."""
        held += self._size - 1
        others = self._left
        # Who is left when the new one ends, with what they have grown to; and the new one, grown to
        # what it is when others end.
        own = ((self._held + left) * (others >= left)).sum(axis=1, keepdims=True) + (left + held)
        more = (others + held) * (others <= left)
        joined = object.__new__(type(self))
        joined._size = self._size
        joined._need = np.concatenate((self._need + more, own), axis=1)
        joined._left = np.concatenate((others, left), axis=1)
        joined._held = np.concatenate((self._held, np.full_like(left, held)), axis=1)
        return joined

    def stay_below(self, limit: int) -> bool:
        """Whether all lists need fewer blocks than that at any time."""
        size, most = self._size, int(self._need.max())
        if most < limit * size:
            return True
        if most - self._need.shape[1] * (size - 1) >= limit * size:
            return False
        held = self._held - (size - 1)
        lists = zip(held, self._left, strict=True)
        return all(peak_blocks(*one, size) < limit for one in lists)
