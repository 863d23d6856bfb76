"""Working ticks counted without listing them: the verifier's own reading of calendars.

A calendar is a pattern overridden by exceptions. Between two neighbouring edges of exceptions
each calendar either works, rests or follows its pattern, so the ticks in which several calendars
all work are counted piece by piece, and within a piece by whole periods plus a remainder.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import lcm

import numpy as np

from makespan.core.calendar import Calendar
from makespan.core.vocabulary import INFINITY, IntArray

_MOST_INTERVALS = 1 << 21
_REST, _WORK, _PATTERN = 0, 1, 2


class _Pattern:
    """Sorted disjoint working intervals, repeated every ``period`` ticks (0: once)."""

    __slots__ = ("cumulated", "end", "period", "start")

    def __init__(self, start: IntArray, end: IntArray, period: int) -> None:
        self.start, self.end, self.period = start, end, period
        self.cumulated = np.concatenate(([0], np.cumsum(end - start)))

    def count(self, time: IntArray) -> IntArray:
        """Working ticks from a fixed origin to ``time``."""
        turns, inner = (time // self.period, time % self.period) if self.period else (0, time)
        place = np.searchsorted(self.start, inner, side="right")
        total = self.cumulated[place]
        inside = place > 0
        over = self.end[place[inside] - 1] - inner[inside]
        total[inside] -= np.maximum(over, 0)
        return np.asarray(total + turns * int(self.cumulated[-1]))

    def within(self, low: int, high: int) -> tuple[IntArray, IntArray]:
        """Working intervals clipped to ``[low, high)``."""
        start, end = self.start, self.end
        if self.period:
            turns = np.arange(low // self.period, -(-high // self.period)) * self.period
            start = (turns[:, None] + start[None, :]).ravel()
            end = (turns[:, None] + end[None, :]).ravel()
        start, end = np.maximum(start, low), np.minimum(end, high)
        keep = start < end
        return start[keep], end[keep]


def clip(
    start: IntArray, end: IntArray, pieces: tuple[IntArray, IntArray]
) -> tuple[IntArray, IntArray, IntArray]:
    """Each interval cut down to sorted disjoint pieces: row of the interval, start and end."""
    # Every interval meets a contiguous range of pieces.
    low = np.searchsorted(pieces[1], start, side="right")
    high = np.searchsorted(pieces[0], end, side="left")
    size = np.maximum(high - low, 0)
    row = np.repeat(np.arange(len(size)), size)
    piece = np.arange(len(row)) + np.repeat(low - (np.cumsum(size) - size), size)
    return row, np.maximum(start[row], pieces[0][piece]), np.minimum(end[row], pieces[1][piece])


def _joint_pattern(calendars: Sequence[Calendar], low: int, high: int) -> _Pattern:
    """Pattern of the ticks in which all calendars' patterns work, right at least in [low, high)."""
    parts = [_Pattern(c.working[:, 0], c.working[:, 1], c.period) for c in calendars]
    if not parts:
        return _Pattern(np.array([0]), np.array([1]), 1)
    if len(parts) == 1:
        return parts[0]
    once = [p for p in parts if not p.period]
    period = 0 if once else lcm(*(p.period for p in parts))
    if once:
        low = min((int(p.start[0]) for p in once if len(p.start)), default=0)
        high = max((int(p.end[-1]) for p in once if len(p.end)), default=0)
    elif sum(period // p.period * len(p.start) for p in parts) <= _MOST_INTERVALS:
        low, high = 0, period
    else:
        period = 0
    joint = parts[0].within(low, high)
    for part in parts[1:]:
        joint = clip(*joint, part.within(low, high))[1:]
    return _Pattern(joint[0], joint[1], period)


class WorkingTime:
    """Ticks in which all given calendars work.

    Parameters
    ----------
    calendars
        None of them means that every tick works.
    low, high
        Range that must be counted right whatever the periods.
    """

    __slots__ = ("_base", "_edges", "_patterns", "_state")

    def __init__(self, calendars: Sequence[Calendar], low: int, high: int) -> None:
        self._edges = np.unique(np.concatenate([c.exceptions.ravel() for c in calendars] + [[]]))
        self._edges = self._edges.astype(np.int64)
        rows = [self._states(c) for c in calendars]
        # Piece k lies between edges k - 1 and k; its key is the set of calendars whose patterns
        # rule there, -1 if one rests.
        key = np.zeros(len(self._edges) + 1, dtype=np.int64)
        for bit, row in enumerate(rows):
            key[row == _PATTERN] |= 1 << bit
        for row in rows:
            key[row == _REST] = -1
        self._state = key
        self._patterns = {
            int(k): _joint_pattern(
                [c for bit, c in enumerate(calendars) if int(k) >> bit & 1], low, high
            )
            for k in np.unique(key[key >= 0])
        }
        self._base = np.zeros(len(key), dtype=np.int64)
        if len(self._edges):
            whole = self._raw(self._edges[1:], key[1:-1]) - self._raw(self._edges[:-1], key[1:-1])
            self._base[2:] = np.cumsum(whole)

    def _states(self, calendar: Calendar) -> IntArray:
        state = np.full(len(self._edges) + 1, _PATTERN, dtype=np.int64)
        places = np.searchsorted(self._edges, calendar.exceptions)
        for (a, b), works in zip(places.tolist(), calendar.exception_working, strict=True):
            state[a + 1 : b + 1] = _WORK if works else _REST
        return state

    def _raw(self, time: IntArray, key: IntArray) -> IntArray:
        """Count of each time by the pattern of its key, 0 for rest."""
        if len(self._patterns) == 1 and (key >= 0).all():
            (only,) = self._patterns.values()
            return only.count(time)
        total = np.zeros(len(time), dtype=np.int64)
        for k, pattern in self._patterns.items():
            mine = key == k
            if mine.any():
                total[mine] = pattern.count(time[mine])
        return total

    def count(self, time: IntArray) -> IntArray:
        """Working ticks from a fixed origin to each time; differences are what matters."""
        time = np.asarray(time, dtype=np.int64)
        piece = np.searchsorted(self._edges, time, side="right")
        key = self._state[piece]
        if not len(self._edges):
            return self._raw(time, key)
        edge = self._edges[np.maximum(piece - 1, 0)]
        return self._base[piece] + self._raw(time, key) - self._raw(edge, key)

    def between(self, start: IntArray, end: IntArray) -> IntArray:
        """Working ticks in ``[start, end)``, row by row."""
        return self.count(end) - self.count(start)

    def reach(self, start: IntArray, work: IntArray) -> IntArray:
        """Least time with ``work`` > 0 working ticks since ``start``; INFINITY if there is none."""
        low = np.asarray(start, dtype=np.int64).copy()
        high = np.full(len(low), INFINITY, dtype=np.int64)
        target = self.count(low) + work
        never = self.count(high) < target
        while (high - low > 1).any():
            middle = low + (high - low) // 2
            enough = self.count(middle) >= target
            high = np.where(enough, middle, high)
            low = np.where(enough, low, middle)
        return np.where(never, INFINITY, high)

    def first_break(self, start: IntArray) -> IntArray:
        """First non-working tick at or after ``start``; INFINITY if there is none."""
        low = np.asarray(start, dtype=np.int64) - 1
        high = np.full(len(low), INFINITY, dtype=np.int64)
        base = self.count(low + 1) - (low + 1)
        never = self.count(high) - high == base
        while (high - low > 1).any():
            middle = low + (high - low) // 2
            broken = self.count(middle + 1) - (middle + 1) < base
            high = np.where(broken, middle, high)
            low = np.where(broken, low, middle)
        return np.where(never, INFINITY, high)

    def within(self, low: int, high: int) -> tuple[IntArray, IntArray]:
        """Working intervals inside ``[low, high)``: sorted, disjoint, possibly touching."""
        edges = self._edges[(self._edges > low) & (self._edges < high)]
        cuts = np.concatenate(([low], edges, [high])).tolist()
        starts, ends = [], []
        for a, b in pairwise(cuts):
            key = int(self._state[np.searchsorted(self._edges, a, side="right")])
            if key >= 0 and a < b:
                s, e = self._patterns[key].within(a, b)
                starts.append(s)
                ends.append(e)
        if not starts:
            none = np.empty(0, dtype=np.int64)
            return none, none
        return np.concatenate(starts), np.concatenate(ends)
