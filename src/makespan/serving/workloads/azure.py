"""Azure's traces of LLM inference: when, and how many tokens in and out.

Columns ``TIMESTAMP,ContextTokens,GeneratedTokens``. The release of 2023 (Patel et al., Splitwise,
ISCA 2024) has seven fractional digits of seconds and names no time zone; that of 2024 (Stojkovic et
al., DynamoLLM, HPCA 2025) may state one. github.com/Azure/AzurePublicDataset, CC-BY-4.0.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.io.text import Text
from makespan.serving.workload import TOKEN_LIMIT
from makespan.serving.workloads._columns import Field, Table, header
from makespan.serving.workloads.assemble import assemble
from makespan.serving.workloads.trace import Trace

TICK: Final = 1000
"""A nanosecond."""

_COLUMNS: Final = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
_MONTH: Final = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_EXPECTED: Final = "a time such as 2023-11-16 18:17:03.9799600, perhaps with a zone such as +00:00"


def sniff(text: Text) -> bool:
    """Whether the header is Azure's."""
    names = {name.casefold() for name in header(text)}
    return {name.casefold() for name in _COLUMNS} <= names


def read(text: Text) -> Trace:
    """The requests; the first one arrives at 0.

    A request without a token of prompt or output is given one.

    Raises
    ------
    FormatError
        If a line breaks the format.
    """
    blocks = [
        (times(at), prompt.integers(0, TOKEN_LIMIT), output.integers(0, TOKEN_LIMIT))
        for at, prompt, output in Table(text).blocks(_COLUMNS)
    ]
    if not blocks:
        raise text.error(2, "there are no requests")
    at, prompt, output = (np.concatenate(part) for part in zip(*blocks, strict=True))
    empty = int(((prompt < 1) | (output < 1)).sum())
    return Trace(
        assemble(
            text.name.removesuffix(".csv"),
            arrival=at - at.min(),
            prompt=np.maximum(prompt, 1),
            output=np.maximum(output, 1),
            source=f"Azure LLM inference trace {text.source}"
            + (f"; {empty} requests without prompt or output given one token" if empty else ""),
        ),
        TICK,
    )


def times(entry: Field) -> IntArray:
    """Nanoseconds since 1970 of dates with a time of day, in UTC where a zone is stated."""
    parts = [_digits(entry, at, count) for at, count in _PLACES]
    year, month, day, hour, minute, second = parts
    bad = np.zeros(len(year), dtype=np.bool_)
    for at, allowed in ((4, "-"), (7, "-"), (10, " T"), (13, ":"), (16, ":")):
        bad |= ~np.isin(entry.at(at), [ord(c) for c in allowed])
    bad |= (month < 1) | (month > 12) | (hour > 23) | (minute > 59) | (second > 59)
    bad |= np.minimum.reduce(parts) < 0
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    length = _MONTH[np.clip(month, 1, 12) - 1] + (leap & (month == 2))
    bad |= (day < 1) | (day > length) | (year < 1970) | (year > 2200)
    place = np.full(len(year), 19, dtype=np.int64)
    point = entry.at(19) == ord(".")
    place += point
    fraction = np.zeros(len(year), dtype=np.int64)
    unit = 10**9
    running = point.copy()
    for _ in range(9):
        digit = entry.at(place) - np.uint8(48)
        running &= digit <= 9
        unit //= 10
        fraction += np.where(running, digit.astype(np.int64) * unit, 0)
        place += running
    bad |= point & (place == 20)
    zone, known = _zone(entry, place)
    entry.refuse(bad | ~known, _EXPECTED)
    days = _days(year, month, day)
    minutes = (days * 24 + hour) * 60 + minute - zone
    return (minutes * 60 + second) * 10**9 + fraction


_PLACES: Final = ((0, 4), (5, 2), (8, 2), (11, 2), (14, 2), (17, 2))


def _digits(entry: Field, at: int | IntArray, count: int) -> IntArray:
    """A number of ``count`` digits at an offset; negative where there is none."""
    value = np.zeros(len(entry.begin), dtype=np.int64)
    bad = np.zeros(len(entry.begin), dtype=np.bool_)
    for k in range(count):
        digit = entry.at(at + k) - np.uint8(48)
        bad |= digit > 9
        value = value * 10 + digit
    return np.where(bad, -1, value)


def _zone(entry: Field, place: IntArray) -> tuple[IntArray, np.typing.NDArray[np.bool_]]:
    """Minutes east of UTC, and whether what stands behind the seconds is a zone or nothing."""
    rest = entry.end - entry.begin - place
    sign = entry.at(place)
    known = (rest == 0) | ((rest == 1) & np.isin(sign, (ord("Z"), ord("z"))))
    zone = np.zeros(len(rest), dtype=np.int64)
    signed = np.isin(sign, (ord("+"), ord("-")))
    if signed.any():
        hours = _digits(entry, place + 1, 2)
        colon = entry.at(place + 3) == ord(":")
        minutes = np.where(rest == 3, 0, _digits(entry, place + 3 + colon, 2))
        fits = (rest == 3) | (rest == np.where(colon, 6, 5))
        fits &= signed & (hours >= 0) & (hours < 15) & (minutes >= 0) & (minutes < 60)
        zone = np.where(fits, (hours * 60 + minutes) * np.where(sign == ord("-"), -1, 1), 0)
        known |= fits
    return zone, known


def _days(year: IntArray, month: IntArray, day: IntArray) -> IntArray:
    """Days since 1970-01-01 of the Gregorian calendar; years count from March."""
    y = year - (month <= 2)
    since_march = (month + 9) % 12
    day_of_year = (153 * since_march + 2) // 5 + day - 1
    return y * 365 + y // 4 - y // 100 + y // 400 + day_of_year - 719468
