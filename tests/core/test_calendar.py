"""Calendars and interval sets against a reading of them tick by tick."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.calendar import Calendar, complement, intersect, merge_intervals
from makespan.core.errors import ProblemError
from makespan.core.vocabulary import TICK_LIMIT

Pair = tuple[int, int]


@dataclasses.dataclass
class Spec:
    """What a calendar is made of, as plain values."""

    working: list[Pair] | None
    period: int
    exceptions: list[tuple[int, int, bool]]

    def calendar(self, name: str = "c") -> Calendar:
        """The calendar under test."""
        return Calendar.create(
            name, working=self.working, period=self.period, exceptions=self.exceptions
        )

    def works(self, tick: int) -> bool:
        """The definition: the last exception that holds the tick, else the pattern."""
        for a, b, works in reversed(self.exceptions):
            if a <= tick < b:
                return works
        if self.working is None:
            return True
        inner = tick % self.period if self.period else tick
        return any(a <= inner < b for a, b in self.working)


def pairs(low: int, high: int) -> st.SearchStrategy[Pair]:
    """Intervals that are not empty inside [low, high)."""
    return st.tuples(st.integers(low, high), st.integers(low, high)).map(
        lambda p: (min(p), max(p) + 1 if min(p) == max(p) else max(p))
    )


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """Every kind of calendar: always working, a list, a pattern; with exceptions that overlap."""
    kind = draw(st.sampled_from(["always", "list", "pattern", "pattern"]))
    exceptions = draw(
        st.lists(st.tuples(pairs(-25, 40), st.booleans()).map(lambda e: (*e[0], e[1])), max_size=5)
    )
    if kind == "always":
        return Spec(None, 0, exceptions)
    if kind == "list":
        return Spec(draw(st.lists(pairs(-25, 40), max_size=5)), 0, exceptions)
    period = draw(st.integers(1, 9))
    return Spec(draw(st.lists(pairs(0, period - 1), max_size=3)), period, exceptions)


def ticks(intervals: Iterable[Iterable[int]]) -> list[int]:
    """Ticks of some intervals in their order."""
    return [t for a, b in intervals for t in range(a, b)]


def assert_clean(intervals: np.ndarray, start: int, end: int) -> None:
    """Sorted, disjoint, not touching, not empty, inside the window."""
    assert intervals.shape[1:] == (2,)
    flat = intervals.reshape(-1).tolist()
    assert flat == sorted(set(flat))
    assert all(start <= t <= end for t in flat)


windows = st.tuples(st.integers(-40, 50), st.integers(-5, 45)).map(lambda w: (w[0], w[0] + w[1]))


@given(specs(), windows)
def test_working_time_is_what_the_definition_says(spec: Spec, window: Pair) -> None:
    """In any window, at negative times too, the working ticks are those of the definition."""
    start, end = window
    calendar = spec.calendar()
    work, rest = calendar.working_in(start, end), calendar.breaks_in(start, end)
    assert_clean(work, start, end)
    assert_clean(rest, start, end)
    assert ticks(work.tolist()) == [t for t in range(start, end) if spec.works(t)]
    assert ticks(rest.tolist()) == [t for t in range(start, end) if not spec.works(t)]


@given(specs(), st.integers(-3, 3), windows)
def test_patterns_repeat_in_both_directions(spec: Spec, turns: int, window: Pair) -> None:
    """Without exceptions, the working time some periods later is the same."""
    start, end = window
    calendar = dataclasses.replace(spec, exceptions=[]).calendar()
    shift = turns * calendar.period
    later = calendar.working_in(start + shift, end + shift)
    assert (later - shift).tolist() == calendar.working_in(start, end).tolist()


def test_later_exceptions_win() -> None:
    """A shift on a holiday in a week of five days."""
    week = [(0, 5)]
    holiday, shift = (7, 9, False), (8, 9, True)
    calendar = Calendar.create("c", working=week, period=7, exceptions=[holiday, shift])
    assert calendar.working_in(-7, 14).tolist() == [[-7, -2], [0, 5], [8, 12]]
    calendar = Calendar.create("c", working=week, period=7, exceptions=[shift, holiday])
    assert calendar.working_in(0, 14).tolist() == [[0, 5], [9, 12]]
    assert calendar.breaks_in(0, 14).tolist() == [[5, 9], [12, 14]]


def test_calendars_without_a_pattern() -> None:
    """No working time given is all time; an empty list is none; far away costs nothing."""
    always, never = Calendar.create("always"), Calendar.create("never", working=[])
    asleep = Calendar.create("asleep", working=[], period=9, exceptions=[(3, 4, True)])
    far = TICK_LIMIT - 5
    for start, end in ((-far, far), (far, far + 5)):
        assert always.working_in(start, end).tolist() == [[start, end]]
        assert never.working_in(start, end).tolist() == []
        assert never.breaks_in(start, end).tolist() == [[start, end]]
    assert asleep.working_in(-50, 50).tolist() == [[3, 4]]


@given(specs(), specs())
def test_equal_calendars_are_equal(one: Spec, other: Spec) -> None:
    """Calendars are equal if their parts are, whoever made them, and then hash alike."""
    a, b = one.calendar(), other.calendar()
    assert a == one.calendar()
    assert hash(a) == hash(one.calendar())
    assert a != one.calendar("another name")
    if a == b:
        assert [one.works(t) for t in range(-50, 50)] == [other.works(t) for t in range(-50, 50)]
    assert a != "c"


def test_order_and_overlap_of_intervals_do_not_matter() -> None:
    """Working intervals are kept sorted and merged."""
    tidy = Calendar.create("c", working=[(0, 5), (7, 9)])
    assert Calendar.create("c", working=[(7, 9), (3, 5), (0, 4)]) == tidy
    assert Calendar.create("c", working=np.array([[0, 3], [3, 5], [7, 9]])) == tidy  # type: ignore[arg-type]
    assert tidy.working.tolist() == [[0, 5], [7, 9]]


def test_calendars_are_read_only() -> None:
    """Neither their parts nor their arrays change, and the caller's array is not theirs."""
    given_array = np.array([[0, 3]])
    calendar = Calendar.create("c", working=given_array, exceptions=[(1, 2, False)])  # type: ignore[arg-type]
    given_array[0, 1] = 9
    assert calendar.working_in(0, 9).tolist() == [[0, 1], [2, 3]]
    for array in (calendar.working, calendar.exceptions):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 7
    with pytest.raises(dataclasses.FrozenInstanceError):
        calendar.period = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"working": [(3, 3)]}, "interval [3, 3) is empty or reversed (intervals are half-open"),
        ({"working": [(0, 1), (5, 2)]}, "interval [5, 2) is empty or reversed"),
        ({"exceptions": [(4, 4, True)]}, "interval [4, 4) is empty or reversed"),
        ({"working": [(0, 9)], "period": 8}, "working interval leaves the period [0, 8)"),
        ({"working": [(-1, 3)], "period": 8}, "working interval leaves the period [0, 8)"),
        ({"working": [(0, 1)], "period": -8}, "period: -8 is negative"),
        (
            {"working": [(0, 1)], "period": 8.0},
            "period: got 8.0, not a whole number (choose a finer",
        ),
        ({"working": [(0, 2.5)]}, "interval: got 2.5, not a whole number (choose a finer unit"),
        ({"exceptions": [(0.0, 2, True)]}, "interval: got 0.0, not a whole number"),
        ({"working": [(False, 2)]}, "interval: got False, not a whole number"),
        ({"working": [(0, 1 << 70)]}, f"interval: {1 << 70} is beyond ±2^44"),
        ({"working": [0, 2]}, "interval: got 0, not a start and an end"),
        ({"working": [(0, 1, 2)]}, "interval: got (0, 1, 2), not a start and an end"),
        ({"exceptions": [(0, 1)]}, "exception (0, 1) is not a start, an end and whether it works"),
    ],
)
def test_mistakes_are_named(parts: dict[str, Any], message: str) -> None:
    """Each message begins with the calendar."""
    with pytest.raises(ProblemError) as caught:
        Calendar.create("shift", **parts)
    assert str(caught.value).startswith(f"calendar 'shift': {message}")


# Sets of intervals -------------------------------------------------------------------------------

interval_lists = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), max_size=7)


def array(rows: list[Pair]) -> np.ndarray:
    """Intervals as engines hold them."""
    return np.array(rows, dtype=np.int64).reshape(-1, 2)


@given(interval_lists)
def test_merged_intervals_hold_the_same_ticks(rows: list[Pair]) -> None:
    """Merging sorts, joins what touches, and drops what is empty or reversed."""
    merged = merge_intervals(array(rows))
    assert_clean(merged, -9, 9)
    assert ticks(merged.tolist()) == sorted(set(ticks(rows)))


@given(interval_lists, windows)
def test_the_complement_is_the_rest_of_the_window(rows: list[Pair], window: Pair) -> None:
    """Every tick of the window is in the set or in its complement, never in both."""
    start, end = window
    gaps = complement(merge_intervals(array(rows)), start, end)
    assert_clean(gaps, start, end)
    assert ticks(gaps.tolist()) == [t for t in range(start, end) if t not in set(ticks(rows))]


@given(interval_lists, interval_lists, windows)
def test_the_intersection_holds_common_ticks(a: list[Pair], b: list[Pair], window: Pair) -> None:
    """A tick of the window is in the intersection if it is in both sets."""
    start, end = window
    both = intersect(merge_intervals(array(a)), merge_intervals(array(b)), start, end)
    assert_clean(both, start, end)
    common = set(ticks(a)) & set(ticks(b))
    assert ticks(both.tolist()) == [t for t in range(start, end) if t in common]
