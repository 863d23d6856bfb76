"""Lines of JSON objects with typed access to their fields; numbers with a point stay exact."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np

from makespan.core.errors import FormatError
from makespan.core.vocabulary import IntArray
from makespan.io.text import Text, shown
from makespan.serving.workloads._lines import lines

WHOLE_LIMIT: Final = (1 << 63) - 1
"""Largest id or count that fits an array."""

_LONGEST_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Entry:
    """An object with the place it was read from."""

    values: dict[str, Any]
    source: str
    line: int

    def error(self, message: str, expected: str = "") -> FormatError:
        """Error that points at the line."""
        return FormatError(message, source=self.source, line=self.line, expected=expected or None)

    def has(self, key: str) -> bool:
        """Whether the field is there and not null."""
        return self.values.get(key) is not None

    def get(self, key: str) -> Any:
        """The value of a field that must be there."""
        if key not in self.values:
            raise self.error(f"there is no field {key!r}")
        return self.values[key]

    def _wrong(self, key: str, value: object, expected: str) -> FormatError:
        text = repr(value)
        return self.error(
            f"{key} is {text if len(text) < _LONGEST_SHOWN else shown(text)}", expected
        )

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number in [low, high]."""
        if default is not None and not self.has(key):
            return default
        value = self.get(key)
        if type(value) is not int or not low <= value <= high:
            raise self._wrong(key, value, f"a whole number from {low} to {high}")
        return int(value)

    def scaled(self, key: str, places: int, high: int) -> int:
        """A number of at least 0 and at most ``high``, times ``10 ** places`` and rounded."""
        value = self.get(key)
        if type(value) is int and 0 <= value <= high:
            return int(value) * int(10**places)
        if type(value) is not Decimal or not 0 <= value <= high:
            raise self._wrong(key, value, f"a number from 0 to {high}")
        return round(value.scaleb(places))

    def text(self, key: str, default: str | None = None) -> str:
        """A string."""
        if default is not None and not self.has(key):
            return default
        value = self.get(key)
        if type(value) is not str:
            raise self._wrong(key, value, "a string")
        return value

    def wholes(self, key: str, low: int = 0, high: int = WHOLE_LIMIT) -> IntArray:
        """A list of whole numbers in [low, high]."""
        value = self.get(key)
        if type(value) is not list:
            raise self._wrong(key, value, "a list")
        for item in value:
            if type(item) is not int or not low <= item <= high:
                raise self._wrong(key, item, f"whole numbers from {low} to {high}")
        return np.array(value, dtype=np.int64)

    def objects(self, key: str) -> list[Entry]:
        """A list of objects."""
        value = self.get(key)
        if type(value) is not list or not all(type(item) is dict for item in value):
            raise self._wrong(key, value, "a list of objects")
        return [Entry(item, self.source, self.line) for item in value]


def entries(text: Text) -> Iterator[Entry]:
    """The objects of the lines that are not blank.

    Raises
    ------
    FormatError
        At a line that is no JSON object, or has a field twice.
    """
    decoder = json.JSONDecoder(
        object_pairs_hook=_unique, parse_float=_decimal, parse_constant=_no_number
    )
    for number, line in lines(text):
        if line.strip():
            yield _entry(decoder, line.strip(), text.source, number)


def document(text: Text) -> Entry:
    """The one object that the text is."""
    decoder = json.JSONDecoder(
        object_pairs_hook=_unique, parse_float=_decimal, parse_constant=_no_number
    )
    return _entry(decoder, text.body.strip(), text.source, 1)


def first_keys(text: Text) -> set[str]:
    """Fields of the object on the first line, for telling formats apart; empty if there is none."""
    try:
        return set(next(entries(text)).values)
    except (FormatError, StopIteration):
        return set()


def _entry(decoder: json.JSONDecoder, body: str, source: str, line: int) -> Entry:
    try:
        value = decoder.decode(body)
    except json.JSONDecodeError as error:
        at = line + body.count("\n", 0, error.pos)
        raise FormatError(
            f"no JSON object: {error.msg} at column {error.colno}",
            source=source,
            line=at,
            expected="a JSON object",
        ) from error
    except (ValueError, RecursionError) as error:
        raise FormatError(
            f"no JSON object: {str(error)[:_LONGEST_SHOWN]}",
            source=source,
            line=line,
            expected="a JSON object",
        ) from error
    if type(value) is not dict:
        raise FormatError(
            f"{type(value).__name__} instead of an object",
            source=source,
            line=line,
            expected="a JSON object",
        )
    return Entry(value, source, line)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for k, (key, _) in enumerate(pairs) if key in dict(pairs[:k]))
        raise ValueError(f"field {twice!r} occurs twice")
    return found


def _decimal(text: str) -> Decimal:
    if len(text) > _LONGEST_SHOWN:
        raise ValueError(f"the number {text[:20]}… is too long")
    value = Decimal(text)
    if not -400 <= value.adjusted() <= 400:
        raise ValueError(f"the number {text} is out of range")
    return value


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")
