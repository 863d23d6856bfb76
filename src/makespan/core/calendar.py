"""Working time of a resource: explicit intervals or a periodic pattern, with exceptions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from makespan.core._checks import interval_of, nonnegative
from makespan.core.errors import ProblemError
from makespan.core.vocabulary import IntArray


def _intervals(pairs: Iterable[tuple[int, int]] | IntArray) -> IntArray:
    array = np.array(list(pairs), dtype=np.int64).reshape(-1, 2)
    array.flags.writeable = False
    return array


def merge_intervals(intervals: IntArray) -> IntArray:
    """Sorted, disjoint, non-touching union of half-open intervals, shape (k, 2); O(k log k)."""
    kept = intervals[intervals[:, 1] > intervals[:, 0]]
    if len(kept) < 2:
        return kept
    kept = kept[np.argsort(kept[:, 0], kind="stable")]
    reach = np.maximum.accumulate(kept[:, 1])
    first = np.empty(len(kept), dtype=bool)
    first[0] = True
    first[1:] = kept[1:, 0] > reach[:-1]
    starts = kept[first, 0]
    last = np.append(np.flatnonzero(first)[1:] - 1, len(kept) - 1)
    return np.column_stack((starts, reach[last]))


def complement(intervals: IntArray, start: int, end: int) -> IntArray:
    """Gaps of sorted disjoint ``intervals`` inside ``[start, end)``, shape (k, 2)."""
    if end <= start:
        return np.empty((0, 2), dtype=np.int64)
    lows = np.concatenate(([start], np.clip(intervals[:, 1], start, end)))
    highs = np.concatenate((np.clip(intervals[:, 0], start, end), [end]))
    gaps = np.column_stack((lows, highs))
    return gaps[gaps[:, 1] > gaps[:, 0]]


def intersect(a: IntArray, b: IntArray, start: int, end: int) -> IntArray:
    """Intersection of two sorted disjoint interval sets inside ``[start, end)``."""
    gaps = np.concatenate((complement(a, start, end), complement(b, start, end)))
    return complement(merge_intervals(gaps), start, end)


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """Set of working ticks.

    Parameters
    ----------
    name
        Name used in messages.
    working
        Working intervals, half-open, shape (k, 2). With a period they lie in ``[0, period)`` and
        repeat for ever in both directions; without one they are all the working time there is.
    period
        Length of the repeating pattern in ticks; 0 for explicit intervals.
    exceptions
        Intervals that override the pattern, shape (e, 2); later ones override earlier ones.
    exception_working
        Whether each exception is working time, shape (e,).
    """

    name: str
    working: IntArray
    period: int
    exceptions: IntArray
    exception_working: tuple[bool, ...]

    @classmethod
    def create(
        cls,
        name: str,
        *,
        working: Iterable[tuple[int, int]] | None = None,
        period: int = 0,
        exceptions: Iterable[tuple[int, int, bool]] = (),
    ) -> Calendar:
        """Validated calendar; without ``working`` every tick works but for the exceptions.

        Raises
        ------
        ProblemError
            If a time is not a whole number, an interval is empty or reversed, or leaves the period.
        """
        where = f"calendar {name!r}"
        period = nonnegative(period, f"{where}: period")
        if working is None:
            working, period = [(0, 1)], 1
        pattern = _intervals(interval_of(pair, f"{where}: interval") for pair in working)
        listed = []
        for entry in exceptions:
            try:
                start, end, works = entry
            except (TypeError, ValueError):
                raise ProblemError(
                    f"{where}: exception {entry!r} is not a start, an end and whether it works"
                ) from None
            listed.append((*interval_of((start, end), f"{where}: interval"), bool(works)))
        breaks = _intervals((a, b) for a, b, _ in listed)
        pattern = merge_intervals(pattern)
        if period and len(pattern) and (pattern[0, 0] < 0 or pattern[-1, 1] > period):
            raise ProblemError(f"{where}: working interval leaves the period [0, {period})")
        pattern.flags.writeable = False
        return cls(name, pattern, period, breaks, tuple(w for _, _, w in listed))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Calendar):
            return NotImplemented
        return (
            self.name == other.name
            and self.period == other.period
            and np.array_equal(self.working, other.working)
            and np.array_equal(self.exceptions, other.exceptions)
            and self.exception_working == other.exception_working
        )

    def __hash__(self) -> int:
        return hash((self.name, self.period, len(self.working), self.exception_working))

    def working_in(self, start: int, end: int) -> IntArray:
        """Working intervals inside ``[start, end)``, sorted, disjoint, merged, shape (k, 2).

        O(k log k) for k intervals met.
        """
        if end <= start:
            return np.empty((0, 2), dtype=np.int64)
        if self.period:
            whole = len(self.working) == 1 and tuple(self.working[0]) == (0, self.period)
            if whole:
                base = np.array([[start, end]], dtype=np.int64)
            else:
                turns = np.arange(start // self.period, -(-end // self.period), dtype=np.int64)
                shifted = self.working[None, :, :] + (turns * self.period)[:, None, None]
                base = shifted.reshape(-1, 2)
        else:
            base = self.working
        base = merge_intervals(np.clip(base, start, end))
        for (a, b), works in zip(self.exceptions.tolist(), self.exception_working, strict=True):
            low, high = max(a, start), min(b, end)
            if high <= low:
                continue
            patch = np.array([[low, high]], dtype=np.int64)
            if works:
                base = merge_intervals(np.concatenate((base, patch)))
            else:
                base = intersect(base, complement(patch, start, end), start, end)
        return base

    def breaks_in(self, start: int, end: int) -> IntArray:
        """Non-working intervals inside ``[start, end)``, shape (k, 2)."""
        return complement(self.working_in(start, end), start, end)
