"""Columns of large CSV files, converted byte by byte in vectorised passes with exact decimals.

Traces of serving reach millions of rows. The text is taken in blocks of whole lines, so that memory
beyond the columns themselves stays small, and a number that is none is reported with its line.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import numpy as np
import numpy.typing as npt

from makespan.core.errors import FormatError
from makespan.core.vocabulary import IntArray
from makespan.io.text import Text, shown
from makespan.serving.workloads._lines import first_line

_BLOCK: Final = 1 << 22
_NEWLINE: Final = 10
_UNIT: Final = "\x1f"
_MOST_BLANKS: Final = 64
_MOST_DIGITS: Final = 18
_FEW: Final = 8
_SCIENTIFIC: Final = re.compile(r"[0-9]{1,30}(\.[0-9]{0,30})?[eE][-+]?[0-9]{1,3}", re.ASCII)

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Field:
    """One column within a block of text: where its entries begin and end, and on which line."""

    name: str
    source: str
    text: Bytes
    begin: IntArray
    end: IntArray
    line: IntArray

    def error(self, row: int, expected: str) -> FormatError:
        """Error that shows an entry."""
        raw = self.text[self.begin[row] : self.end[row]].tobytes()
        return FormatError(
            f"{self.name} is {shown(raw.decode('utf-8', 'replace'))}",
            source=self.source,
            line=int(self.line[row]),
            expected=expected,
        )

    def refuse(self, bad: npt.NDArray[np.bool_], expected: str) -> None:
        """Raise at the first bad entry, if there is one."""
        if bad.any():
            raise self.error(int(np.argmax(bad)), expected)

    def at(self, offset: int | IntArray) -> Bytes:
        """Bytes at an offset from the beginnings; a newline beyond the ends."""
        place = self.begin + offset
        inside = place < self.end
        return np.where(inside, self.text[np.where(inside, place, 0)], np.uint8(_NEWLINE))

    def integers(self, low: int, high: int) -> IntArray:
        """Whole numbers in [low, high]."""
        return self.decimals(0, low, high)

    def decimals(self, places: int, low: int, high: int) -> IntArray:
        """Numbers times ``10 ** places``, rounded to whole ones; each within [low, high]."""
        expected = f"a {'whole ' if not places else ''}number from {low} to {high}"
        width = self.end - self.begin
        self.refuse(width == 0, expected)
        value = np.zeros(len(width), dtype=np.int64)
        # Digits after the point so far; -1 before the point.
        after = np.full(len(width), -1, dtype=np.int64)
        digits = np.zeros(len(width), dtype=np.int64)
        bad = np.zeros(len(width), dtype=np.bool_)
        round_up = np.zeros(len(width), dtype=np.bool_)
        for offset in range(int(width.max(initial=0))):
            if offset > 40:
                bad |= width > offset
                break
            inside = offset < width
            byte = self.at(offset)
            digit = byte - np.uint8(48)
            point = inside & (byte == ord("."))
            bad |= point & ((after >= 0) | (not places))
            number = inside & (digit <= 9)
            bad |= inside & ~number & ~point
            # Later digits than asked for only decide about rounding, the first of them alone.
            round_up |= number & (after == places) & (digit >= 5)
            used = number & (after < places)
            bad |= used & (value >= 10 ** (_MOST_DIGITS - 1))
            value = np.where(used & ~bad, value * 10 + digit, value)
            digits += number
            after += np.where(point, 1, np.where((after >= 0) & number, 1, 0))
        bad |= digits == 0
        value = np.where(bad, 0, value)
        for row in np.flatnonzero(bad).tolist():
            value[row] = self._scientific(row, places, expected)
            after[row] = places
        missing = places - np.clip(after, 0, places)
        bad = value > (10**_MOST_DIGITS) // 10**missing
        self.refuse(bad, expected)
        value = value * 10**missing + round_up
        self.refuse((value < low * 10**places) | (value > high * 10**places), expected)
        return value

    def _scientific(self, row: int, places: int, expected: str) -> int:
        """A number with an exponent, as programs write small fractions."""
        raw = self.text[self.begin[row] : self.end[row]].tobytes().decode("utf-8", "replace")
        if not places or not _SCIENTIFIC.fullmatch(raw):
            raise self.error(row, expected)
        value = Decimal(raw).scaleb(places)
        if not value <= 10**_MOST_DIGITS:
            raise self.error(row, expected)
        return round(value)

    def words(self, known: dict[bytes, int], *, empty: bool = False) -> IntArray:
        """Numbers of the entries in ``known``, which grows; -1 for empty ones if allowed."""
        width = self.end - self.begin
        if not empty:
            self.refuse(width == 0, "a word")
        self.refuse(width > 200, "at most 200 bytes")
        longest = -(-max(int(width.max(initial=0)), 1) // 8) * 8
        table = np.zeros((len(width), longest), dtype=np.uint8)
        for offset in range(int(width.max(initial=0))):
            table[:, offset] = np.where(offset < width, self.at(offset), 0)
        eights = table.view(np.uint64)
        codes = np.empty(len(width), dtype=np.int64)
        left = np.arange(len(width))
        # Models and kinds are few: compare with the first one left, which costs less than sorting.
        for _ in range(_FEW):
            if not len(left):
                return codes
            equal = (eights[left] == eights[left[0]]).all(axis=1)
            word = table[left[0], : width[left[0]]].tobytes()
            codes[left[equal]] = known.setdefault(word, len(known)) if word else -1
            left = left[~equal]
        entries = table[left].view(f"S{longest}").ravel()
        distinct, first, inverse = np.unique(entries, return_index=True, return_inverse=True)
        numbers = np.empty(len(distinct), dtype=np.int64)
        for k in np.argsort(first, kind="stable").tolist():
            word = bytes(distinct[k])
            numbers[k] = known.setdefault(word, len(known)) if word else -1
        codes[left] = numbers[inverse]
        return codes


@dataclass(slots=True)
class Table:
    """A CSV text with a header: blocks of rows, each with the columns that were asked for.

    Attributes
    ----------
    names
        Header names without blanks around them.
    """

    text: Text
    names: list[str] = field(default_factory=list)
    header: bool = True

    def __post_init__(self) -> None:
        if self.header:
            self.names = header(self.text)
            twice = {name for name in self.names if self.names.count(name) > 1}
            if twice:
                raise self.text.error(1, f"column {min(twice)!r} occurs twice")

    def column(self, name: str) -> int:
        """Place of a column; letters' case does not matter."""
        folded = [item.casefold() for item in self.names]
        if name.casefold() not in folded:
            raise self.text.error(
                1, f"there is no column {name!r}", f"a header with it, not {self.names}"
            )
        return folded.index(name.casefold())

    def has(self, name: str) -> bool:
        """Whether there is a column of that name."""
        return name.casefold() in {item.casefold() for item in self.names}

    def blocks(self, wanted: Sequence[str]) -> Iterator[list[Field]]:
        """The wanted columns of the rows, block by block."""
        places = [self.column(name) for name in wanted]
        raw, delimiter = _plain(self.text)
        start = 0
        line = 1
        if self.header:
            # Blank lines before the header were skipped when it was read.
            while True:
                stop = raw.index(b"\n", start)
                filled = raw[start:stop].strip()
                start, line = stop + 1, line + 1
                if filled:
                    break
        while start < len(raw):
            stop = raw.rfind(b"\n", start, start + _BLOCK) + 1
            if not stop:
                stop = raw.index(b"\n", start) + 1
            block = np.frombuffer(raw, dtype=np.uint8, count=stop - start, offset=start)
            fields = self._fields(block, delimiter, line, places)
            if fields and len(fields[0].begin):
                yield fields
            line += int(np.count_nonzero(block == _NEWLINE))
            start = stop

    def _fields(self, block: Bytes, delimiter: int, start: int, places: list[int]) -> list[Field]:
        ends = np.flatnonzero((block == delimiter) | (block == _NEWLINE))
        last = np.flatnonzero(block[ends] == _NEWLINE)
        fields = np.diff(last, prepend=-1)
        breaks = ends[last]
        begins = np.concatenate(([0], breaks[:-1] + 1))
        full = _filled(block, begins, breaks)
        line = np.flatnonzero(full) + start
        count = len(self.names)
        wrong = full & (fields != count)
        if wrong.any():
            k = int(np.argmax(wrong))
            raise self.text.error(
                k + start, f"{fields[k]} fields", f"{count}: {', '.join(self.names)}"
            )
        if not full.all():
            # Blank lines have no delimiters: their only entry is their end.
            ends = ends[np.repeat(full, fields)]
            begins, breaks = begins[full], breaks[full]
        table = ends.reshape(len(breaks), count)
        found = []
        for name, place in zip([self.names[p] for p in places], places, strict=True):
            begin = begins.copy() if place == 0 else table[:, place - 1] + 1
            end = table[:, place].copy()
            _trim(block, begin, end)
            found.append(Field(name, self.text.source, block, begin, end, line))
        return found


def _filled(block: Bytes, begins: IntArray, breaks: IntArray) -> npt.NDArray[np.bool_]:
    """Whether lines have more than blanks."""
    full = breaks > begins
    for k in np.flatnonzero(full & np.isin(block[begins], (32, 9))).tolist():
        full[k] = bool(block[begins[k] : breaks[k]].tobytes().strip())
    return full


def header(text: Text) -> list[str]:
    """Fields of the first line that is not blank."""
    try:
        cells = next(iter(csv.reader([first_line(text)], strict=True)), [])
    except csv.Error:
        return []
    return [cell.strip() for cell in cells]


def _plain(text: Text) -> tuple[bytes, int]:
    """The text with a newline at its end, and the byte between fields; quotes are resolved."""
    body = text.body
    if '"' not in body:
        raw = body.encode("utf-8", "surrogatepass")
        return (raw if raw.endswith(b"\n") else raw + b"\n"), ord(",")
    if _UNIT in body:
        raise text.error(body.count("\n", 0, body.index(_UNIT)) + 1, "a control character")
    lines = []
    for number, line in enumerate(body.split("\n"), 1):
        try:
            cells = next(iter(csv.reader([line], strict=True)), [])
        except csv.Error as error:
            raise text.error(number, f"quotes: {error}", "each row on one line") from error
        lines.append(_UNIT.join(cells))
    return "\n".join([*lines, ""]).encode("utf-8", "surrogatepass"), ord(_UNIT)


def _trim(block: Bytes, begin: IntArray, end: IntArray) -> None:
    """Leave out blanks around entries, in place."""
    for _ in range(_MOST_BLANKS):
        left = (begin < end) & np.isin(block[np.minimum(begin, len(block) - 1)], (32, 9))
        right = (begin < end) & np.isin(block[end - 1], (32, 9)) & ~left
        if not (left.any() or right.any()):
            return
        begin += left
        end -= right
