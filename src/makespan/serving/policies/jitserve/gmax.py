"""GMAX: which requests form a batch (JITServe, arXiv 2504.20068, section 4).

The B-th best priority sets a bar; what is near or above it is sorted by length, and of all windows
of B neighbours the one with the largest sum of priorities is the batch, so that its sequences are
of like length. The artifact has two more ways to be content with less: to keep a multiple of B
instead of what is near the bar, and bins of lengths instead of a window.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from makespan.core.vocabulary import IntArray

FloatArray = npt.NDArray[np.float64]


def candidates(
    priority: FloatArray, size: int, cutoff: float, keep: float | None = None
) -> IntArray:
    """Indices of what is at least ``cutoff`` times the ``size``-th best priority, best first.

    With ``keep``, the best ``keep * size`` instead. Equal priorities keep their order; with a
    cutoff of 1 the best ``size`` are kept and none that equals the last of them.
    """
    order = np.argsort(-priority, kind="stable")
    if len(order) <= size:
        return order
    if keep is not None:
        return order[: max(size, round(keep * size))]
    if cutoff == 1.0:
        return order[:size]
    bar = priority[order[size - 1]]
    # A negative bar times a number below 1 would lie above itself.
    bar = min(bar * cutoff, bar)
    return order[: int(np.searchsorted(-priority[order], -bar, side="right"))]


def window(priority: FloatArray, length: IntArray, size: int) -> IntArray:
    """Indices of the window of ``size`` neighbours in length whose priorities sum to most.

    Of equal sums the shortest lengths win. O(n log n).
    """
    order = np.argsort(length, kind="stable")
    if len(order) <= size:
        return order
    total = np.concatenate(([0.0], np.cumsum(priority[order])))
    best = int(np.argmax(total[size:] - total[:-size]))
    return order[best : best + size]


def binned(priority: FloatArray, length: IntArray, size: int, bins: int) -> IntArray:
    """Indices of the best bin of lengths, widened to its neighbours until ``size`` are there.

    Bins hold equal numbers of requests; the best has the largest mean priority, a neighbour is
    taken before the other if its mean is larger, and of the last bin only the best enter.
    """
    order = np.argsort(length, kind="stable")
    if len(order) <= size:
        return order
    parts = [part for part in np.array_split(order, bins) if len(part)]
    mean = [float(priority[part].mean()) for part in parts]
    low = high = int(np.argmax(mean))
    chosen = [parts[low]]
    while sum(map(len, chosen)) < size:
        left = mean[low - 1] if low else -np.inf
        right = mean[high + 1] if high + 1 < len(parts) else -np.inf
        if left >= right:
            low -= 1
            chosen.append(parts[low])
        else:
            high += 1
            chosen.append(parts[high])
    rest = chosen[-1][np.argsort(-priority[chosen[-1]], kind="stable")]
    more = size - sum(map(len, chosen[:-1]))
    return np.concatenate((*chosen[:-1], rest[:more]))


def complete(
    chosen: IntArray,
    priority: FloatArray,
    task: IntArray,
    need: FloatArray,
    frame: float,
    size: int,
) -> IntArray:
    """The batch after tasks that would get too little of the frame have got more calls in.

    A call in the batch is served for the whole frame. A task whose calls together need more than
    that gets further calls, by priority. Whom they displace is ours: the worst of the others.

    Parameters
    ----------
    task
        (n,) number of the task of each request, -1 for none.
    need
        (n,) seconds of service that the task of each request needs in the frame.
    """
    inside = np.zeros(len(priority), dtype=np.bool_)
    inside[chosen] = True
    calls = np.flatnonzero(task >= 0)
    numbers, first, which = np.unique(task[calls], return_index=True, return_inverse=True)
    got = np.bincount(which, weights=inside[calls], minlength=len(numbers))
    short = np.where(got > 0, np.ceil(need[calls][first] / frame - 1e-9) - got, 0)
    wanted = np.zeros(len(priority), dtype=np.bool_)
    for k in np.flatnonzero(short > 0).tolist():
        mine = calls[which == k]
        outside = mine[~inside[mine]]
        inside[outside[np.argsort(-priority[outside], kind="stable")][: int(short[k])]] = True
        wanted[mine] = True
    members = np.flatnonzero(inside)
    if len(members) <= size:
        return members
    order = np.lexsort((members, -priority[members], ~wanted[members]))
    return np.sort(members[order[:size]])


class Cutoff:
    """The share of the bar that still counts, found by trying values and watching goodput.

    Values are tried in turn, an epoch each; the one with the best smoothed goodput is used then,
    and one of the others is tried again every few epochs. The paper adapts p online around 0.95;
    values, epochs and smoothing are ours. With 1 there is no grouping by length, so that an engine
    for which grouping does not pay finds out.
    """

    def __init__(
        self,
        values: Sequence[float] = (0.95, 0.8, 1.0),
        *,
        epoch: int = 20,
        again: int = 8,
        weight: float = 0.3,
    ) -> None:
        self.values, self.epoch, self.again, self.weight = tuple(values), epoch, again, weight
        self.rate: list[float | None] = [None] * len(self.values)
        self.at = self.frames = self.epochs = 0
        self.gained, self.begun = 0.0, 0.0

    @property
    def value(self) -> float:
        """The value in use."""
        return self.values[self.at]

    def gain(self, tokens: float) -> None:
        """Tokens that count were served."""
        self.gained += tokens

    def frame(self, now: float) -> None:
        """A frame begins at ``now``, in seconds."""
        self.frames += 1
        if self.frames % self.epoch or now <= self.begun:
            return
        seen = self.gained / (now - self.begun)
        past = self.rate[self.at]
        self.rate[self.at] = seen if past is None else past + self.weight * (seen - past)
        self.gained, self.begun = 0.0, now
        self.epochs += 1
        unknown = [k for k, rate in enumerate(self.rate) if rate is None]
        if unknown:
            self.at = unknown[0]
        elif self.epochs % self.again == 0:
            self.at = self.epochs // self.again % len(self.values)
        else:
            self.at = max(range(len(self.values)), key=lambda k: (self.rate[k] or 0.0, -k))
