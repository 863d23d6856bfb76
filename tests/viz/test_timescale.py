"""Units, dates and round axis steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan import ProblemBuilder
from makespan.viz.timescale import (
    axis_ticks,
    date_of,
    length_text,
    nice_step,
    number,
    offset_text,
    tick_microseconds,
    unit_words,
    wall_clock_ms,
)


@pytest.mark.parametrize(
    ("unit", "length", "plural"),
    [
        ("second", 1e6, "seconds"),
        ("Minutes", 60e6, "Minutes"),
        ("h", 3600e6, "h"),
        ("ms", 1e3, "ms"),
        ("nanosecond", 1e-3, "nanoseconds"),
        ("week", 604_800e6, "weeks"),
        ("cycle", None, "cycles"),
        ("", None, "ticks"),
    ],
)
def test_units(unit: str, length: float | None, plural: str) -> None:
    """Known units have a length, unknown ones only a name."""
    assert tick_microseconds(unit) == length
    assert unit_words(unit) == plural


def test_lengths_in_words() -> None:
    """One hour, many hours, and bare numbers with thin spaces and a true minus."""
    assert length_text(1, "hour") == "1 hour"
    assert length_text(-12345, "hour") == "\u221212\u202f345 hours"
    assert length_text(1234567, "") == number(1234567) == "1\u202f234\u202f567"


def test_dates_keep_the_wall_clock_of_the_origin() -> None:
    """Two hours east of Greenwich stay two hours east."""
    origin = datetime(2026, 3, 2, 6, 30, tzinfo=timezone(timedelta(hours=2)))
    assert offset_text(origin) == "+02:00"
    assert (
        offset_text(origin.replace(tzinfo=timezone(timedelta(hours=-3, minutes=-30)))) == "-03:30"
    )
    assert offset_text(origin.replace(tzinfo=None)) == ""
    assert wall_clock_ms(origin) == wall_clock_ms(origin.replace(tzinfo=None))
    assert wall_clock_ms(datetime(1970, 1, 2, tzinfo=UTC)) == 86_400_000
    b = ProblemBuilder("dated", time_unit="hour", origin=origin)
    b.task("t", duration=1, machine=b.machine("M"))
    problem = b.build()
    assert date_of(problem, 20) == datetime(2026, 3, 3, 2, 30, tzinfo=origin.tzinfo)
    assert date_of(problem, 1 << 43) is None, "beyond the last year a date can have"


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**12), st.integers(2, 30))
def test_axis_ticks_are_round_and_few(start: int, length: int, most: int) -> None:
    """Ticks are multiples of a nice step inside the range, no more than asked for plus one."""
    ticks = axis_ticks(start, start + length, most)
    step = nice_step(length / most)
    assert all(t % step == 0 and start <= t <= start + length for t in ticks)
    assert len(ticks) <= most + 1
    assert str(step).rstrip("0") in ("1", "2", "5")
