"""Serial schedule generation: activities in a list, each as early as its resources allow.

Two profiles of free capacity, with equal results. By tick: one word per tick, for short
durations and renewables that share a word. By piece: a sorted list of pieces of equal capacity
with any number of words each, for any length of time.
Source: Kelley (1963); Kolisch, "Serial and parallel resource-constrained project scheduling
methods revisited" (1996).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.solvers.jit import inner
from makespan.solvers.local.project.network import Words


class Profile(NamedTuple):
    """Room for a profile of either kind; the other one's arrays have length 0.

    Attributes
    ----------
    tick
        Free capacity of every tick, uint64 (span + 1,).
    time, free
        Begins of pieces, int64 (2 n + 3,), and their free capacity, uint64 (2 n + 3, words).
    """

    tick: Words
    time: IntArray
    free: Words


def make_profile(count: int, words: int, span: int, *, by_tick: bool) -> Profile:
    """An empty profile for ``count`` activities and times up to ``span``."""
    pieces = 0 if by_tick else 2 * count + 3
    return Profile(
        np.zeros(span + 1 if by_tick else 0, dtype=np.uint64),
        np.zeros(pieces, dtype=np.int64),
        np.zeros((pieces, words), dtype=np.uint64),
    )


@inner
def fit_tick(tick: Words, filled: int, guard: int, need: int, t: int, d: int) -> int:
    """Earliest start >= t at which ``need`` fits for d ticks; ticks from ``filled`` on are idle.

    Each window is looked at from its end, so a conflict skips all starts up to it, and ticks
    found free are not looked at again.
    """
    known = t
    end = t + d
    u = min(end, filled) - 1
    while u >= known:
        if ((tick[u] - need) & guard) != guard:
            known = end
            t = u + 1
            end = t + d
            u = min(end, filled) - 1
        else:
            u -= 1
    return t


@inner
def serial_tick(
    order: IntArray,
    duration: IntArray,
    need: Words,
    ptr: IntArray,
    other: IntArray,
    lag: IntArray,
    ready: IntArray,
    full: int,
    guard: int,
    tick: Words,
    finish: IntArray,
) -> None:
    """Set ``finish`` of every activity; ``order`` has predecessors (``other``) first."""
    filled = 0
    for i in range(len(order)):
        j = order[i]
        t = ready[j]
        for k in range(ptr[j], ptr[j + 1]):
            t = max(t, finish[other[k]] + lag[k])
        d = duration[j]
        if d > 0:
            w = need[j]
            t = fit_tick(tick, filled, guard, w, t, d)
            end = t + d
            while filled < end:
                tick[filled] = full
                filled += 1
            for u in range(t, end):
                tick[u] -= w
        finish[j] = t + d


@inner
def fit_piece(
    time: IntArray, free: Words, pieces: int, guard: Words, need: Words, m: int, t: int, d: int
) -> tuple[int, int, int]:
    """Earliest start >= t of mode m, and the pieces ``[first, last)`` the activity then lies in.

    The last piece is idle and never ends.
    """
    first, high = 0, pieces
    while high - first > 1:
        middle = (first + high) // 2
        if time[middle] <= t:
            first = middle
        else:
            high = middle
    last = first
    while last < pieces and (last == first or time[last] < t + d):
        fits = True
        for w in range(len(guard)):
            if ((free[last, w] - need[m, w]) & guard[w]) != guard[w]:
                fits = False
        last += 1
        if not fits:
            t = time[last]
            first = last
    return t, first, last


@inner
def take_pieces(
    time: IntArray,
    free: Words,
    pieces: int,
    need: Words,
    m: int,
    t: int,
    d: int,
    first: int,
    last: int,
) -> int:
    """Take mode m out of ``[t, t + d)``, which lies in pieces first..last-1; new piece count."""
    for side in range(2):
        # Cut the first piece at t, then the last one at t + d.
        k, at = (first, t) if side == 0 else (last - 1, t + d)
        if time[k] >= at or (k + 1 < pieces and time[k + 1] <= at):
            continue
        for q in range(pieces, k, -1):
            time[q] = time[q - 1]
            for w in range(free.shape[1]):
                free[q, w] = free[q - 1, w]
        time[k + 1] = at
        pieces += 1
        if side == 0:
            first += 1
            last += 1
    for q in range(first, last):
        for w in range(free.shape[1]):
            free[q, w] -= need[m, w]
    return pieces
