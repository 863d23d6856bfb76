"""What a tick means to a reader: its length, its unit's name, dates, and round axis steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from makespan.core.problem import Problem

_MICROSECONDS: Final = {
    ("ns", "nanosecond"): 0.001,
    ("us", "µs", "μs", "microsecond"): 1.0,
    ("ms", "millisecond"): 1e3,
    ("s", "sec", "second"): 1e6,
    ("min", "minute"): 60e6,
    ("h", "hr", "hour"): 3600e6,
    ("d", "day"): 86400e6,
    ("week",): 7 * 86400e6,
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def tick_microseconds(unit: str) -> float | None:
    """Length of a tick of the named unit in microseconds, None for an unknown unit."""
    word = unit.strip().lower()
    for names, length in _MICROSECONDS.items():
        if word in names or (word.endswith("s") and word[:-1] in names[-1:]):
            return length
    return None


def unit_words(unit: str) -> str:
    """The unit as a plural for axis titles: "minutes", "ms", "ticks"."""
    word = unit.strip()
    if not word:
        return "ticks"
    if word.lower() in {name for names in _MICROSECONDS for name in names[:-1]}:
        return word
    return word if word.endswith("s") else word + "s"


def wall_clock_ms(origin: datetime) -> int:
    """Wall-clock time of ``origin`` as if it were UTC, in milliseconds since 1970."""
    return round((origin.replace(tzinfo=UTC) - _EPOCH) / timedelta(milliseconds=1))


def offset_text(origin: datetime) -> str:
    """Offset from UTC like "+02:00", '' for a date without a zone."""
    offset = origin.utcoffset()
    if offset is None:
        return ""
    minutes = int(offset.total_seconds() // 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def date_of(problem: Problem, tick: int) -> datetime | None:
    """Date of a tick, None if the problem has no origin, no known unit, or the date overflows."""
    length = tick_microseconds(problem.time_unit)
    if problem.origin is None or length is None:
        return None
    try:
        return problem.origin + timedelta(microseconds=tick * length)
    except OverflowError:
        return None


def nice_step(least: float) -> int:
    """Smallest of 1, 2, 5, 10, 20, 50, ... that is at least ``least``."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if factor * power >= least:
                return factor * power
        power *= 10


def axis_ticks(start: int, end: int, most: int) -> list[int]:
    """Round ticks inside ``[start, end]``, about ``most`` of them at most."""
    step = nice_step((end - start) / max(1, most))
    return list(range(-(-start // step) * step, end + 1, step))


def number(value: int) -> str:
    """Integer with thin spaces between thousands."""
    return f"{value:,}".replace(",", "\u202f").replace("-", "\u2212")


def length_text(ticks: int, unit: str) -> str:
    """Number of ticks with its unit: "1 hour", "72 hours", "15"."""
    if not unit:
        return number(ticks)
    return f"{number(ticks)} {unit if abs(ticks) == 1 else unit_words(unit)}"
