"""Text of a file being read, and the whole numbers in it with the line each stands on.

The classic formats are rows of integers, and their files reach several megabytes, so numbers are
converted in one vectorised pass and line numbers are worked out only when a message or a
line-based format needs them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import PurePath

import numpy as np
import numpy.typing as npt

from makespan.core.errors import FormatError
from makespan.core.vocabulary import TICK_LIMIT, IntArray

_COMMENT = re.compile(r"#[^\n]*")
_FLOAT_THIRD = re.compile(r"\s*\d+[ \t]+\d+[ \t]+(\d+[.,]\d*|[.,]\d+)[ \t]*(?:\n|$)")
_BAD_SIGN = re.compile(r"(?<=[^ \t\n])-|-(?![0-9])")
_TOKEN = re.compile(r"[^ \t\n]+")
_INTEGER = re.compile(r"-?[0-9]+", re.ASCII)
_LARGEST_SHOWN = 40
_SUFFIXES = (
    ".gz", ".txt", ".json", ".rcp", ".sm", ".mm", ".sch", ".fjs", ".jsp", ".jss", ".tai", ".fsp",
    ".osp", ".oss", ".fajs",
)  # fmt: skip


class Numbers:
    """Integers of a text in reading order, with the line of each.

    Attributes
    ----------
    values
        The integers, int64 (k,), each at most ``TICK_LIMIT`` in magnitude.
    source
        Label of the text, for messages.
    """

    __slots__ = ("_first_line", "_line_no", "_raw", "_row_ptr", "_tokens", "source", "values")

    def __init__(self, body: str, source: str, *, first_line: int = 1) -> None:
        self.source = source
        self._first_line = first_line
        self._tokens: IntArray | None = None
        self._line_no: IntArray | None = None
        self._row_ptr: IntArray | None = None
        raw = body.encode("utf-8", "surrogatepass")
        self._raw = raw
        if raw.translate(None, b"0123456789 \t\n-") or ("-" in body and _BAD_SIGN.search(body)):
            self._complain(body)
        self.values: IntArray = (
            np.fromstring(body, dtype=np.int64, sep=" ")
            if raw.strip()
            else np.empty(0, dtype=np.int64)
        )
        large = (self.values > TICK_LIMIT) | (self.values < -TICK_LIMIT)
        if large.any():
            at = int(np.flatnonzero(large)[0])
            raise self.error(at, "a number is too large", f"at most {TICK_LIMIT} in magnitude")

    def _complain(self, body: str) -> None:
        for match in _TOKEN.finditer(body):
            if not _INTEGER.fullmatch(match.group()):
                line = self._first_line + body.count("\n", 0, match.start())
                raise FormatError(
                    f"{shown(match.group())} is not a whole number",
                    source=self.source,
                    line=line,
                    expected="integers separated by blanks",
                )

    def __len__(self) -> int:
        return len(self.values)

    def _locate(self) -> tuple[IntArray, IntArray]:
        if self._tokens is None or self._line_no is None:
            raw = np.frombuffer(self._raw, dtype=np.uint8)
            solid = raw > 32
            begins = solid.copy()
            begins[1:] &= ~solid[:-1]
            self._tokens = np.flatnonzero(begins)
            breaks = np.flatnonzero(raw == 10)  # "\n"
            self._line_no = np.searchsorted(breaks, self._tokens) + self._first_line
        return self._tokens, self._line_no

    def line(self, index: int) -> int:
        """Line of number ``index``; past the end, the last line that holds text."""
        if not len(self.values):
            return self._first_line
        return int(self._locate()[1][min(index, len(self.values) - 1)])

    @property
    def row_ptr(self) -> IntArray:
        """Row ``k`` (k-th line that holds numbers) is ``values[row_ptr[k]:row_ptr[k + 1]]``."""
        if self._row_ptr is None:
            lines = self._locate()[1]
            first = np.flatnonzero(np.diff(lines, prepend=-1))
            self._row_ptr = np.append(first, len(lines)).astype(np.int64)
        return self._row_ptr

    @property
    def row_sizes(self) -> IntArray:
        """How many numbers each line that holds numbers has."""
        return np.diff(self.row_ptr)

    def error(self, index: int, message: str, expected: str = "", hint: str = "") -> FormatError:
        """Error that points at the line of number ``index``."""
        return FormatError(
            message,
            source=self.source,
            line=self.line(index),
            expected=expected or None,
            hint=hint or None,
        )

    def need(self, stop: int, what: str) -> None:
        """Check that numbers ``0 .. stop-1`` exist, before anything of that size is made."""
        if stop > len(self.values):
            raise self.error(
                len(self.values),
                f"the text ends after {len(self.values)} numbers",
                f"{stop} for {what}",
            )

    def end(self, stop: int, what: str) -> None:
        """Check that exactly ``stop`` numbers exist."""
        self.need(stop, what)
        if stop < len(self.values):
            extra = len(self.values) - stop
            number = "number" if extra == 1 else "numbers"
            raise self.error(stop, f"{extra} {number} too many", f"the end after {what}")

    def check(
        self,
        low: int,
        high: int | None,
        index: IntArray | slice,
        what: str,
    ) -> None:
        """Check that the numbers at ``index`` lie in ``[low, high]``."""
        part = self.values[index]
        bad = part < low if high is None else (part < low) | (part > high)
        if bad.any():
            place = int(np.flatnonzero(bad)[0])
            at = (
                int(np.arange(len(self.values))[index][place])
                if isinstance(index, slice)
                else int(index[place])
            )
            limits = f"at least {low}" if high is None else f"{low} to {high}"
            raise self.error(at, f"{what} {int(self.values[at])} is out of range", limits)

    def header(self, names: str, count: int = 2, lowest: int = 1) -> list[int]:
        """The first ``count`` numbers, each at least ``lowest``; ``names`` says what they are."""
        self.need(count, f"the header ({names})")
        self.check(lowest, None, slice(0, count), f"header number ({names})")
        return [int(v) for v in self.values[:count]]


class Text:
    r"""A file's text with its label, split and converted once and shared by all formats.

    Attributes
    ----------
    source
        Path or label, for messages.
    body
        The text with line ends normalised to ``\\n`` and the byte order mark removed.
    exact
        Whether the bytes were valid UTF-8 (else they were read as Latin-1, which numeric formats
        accept since only comments can differ).
    instance
        Which instance to take (from 1) of a text that holds several; None if the caller made no
        choice.
    """

    def __init__(
        self, body: str, source: str, *, exact: bool = True, instance: int | None = None
    ) -> None:
        if "\0" in body:
            line = body.count("\n", 0, body.index("\0")) + 1
            raise FormatError(
                "a NUL byte: this is a binary file", source=source, line=line, expected="plain text"
            )
        if "\r" in body:
            body = body.replace("\r\n", "\n").replace("\r", "\n")
        self.source = source
        self.body = body.removeprefix("\ufeff").rstrip("\x1a")
        self.exact = exact
        self.instance = instance
        if not self.body.strip():
            raise FormatError("the text is empty", source=source, line=1, expected="an instance")

    @property
    def name(self) -> str:
        """Name for the problem: the file's name without folder and suffixes."""
        base = PurePath(self.source.replace("\\", "/")).name
        for suffix in _SUFFIXES:
            if base.lower().endswith(suffix):
                base = base[: -len(suffix)]
        return base or "problem"

    @cached_property
    def plain(self) -> str:
        """The body with ``#`` comments blanked out."""
        return _COMMENT.sub("", self.body) if "#" in self.body else self.body

    @cached_property
    def float_header(self) -> bool:
        """Whether the first line is two integers and a decimal fraction (flexible job shops)."""
        return _FLOAT_THIRD.match(self.plain) is not None

    @cached_property
    def _numbers(self) -> Numbers | FormatError:
        body = self.plain
        match = _FLOAT_THIRD.match(body)
        if match:
            start, stop = match.span(1)
            body = body[:start] + "0".ljust(stop - start) + body[stop:]
        try:
            return Numbers(body, self.source)
        except FormatError as error:
            return error

    def numbers(self, *, float_header: bool = False) -> Numbers:
        """All integers of the text.

        Parameters
        ----------
        float_header
            Accept a decimal fraction as third number of the first line and read it as 0.

        Raises
        ------
        FormatError
            If something else than integers occurs.
        """
        if isinstance(self._numbers, FormatError):
            raise self._numbers
        if not len(self._numbers):
            raise self.error(1, "there are only comments", "an instance")
        if self.float_header and not float_header:
            Numbers(self.plain, self.source)
        return self._numbers

    @cached_property
    def numeric(self) -> Numbers | None:
        """All integers of the text, or None if it holds anything else (for detection)."""
        if isinstance(self._numbers, FormatError) or not len(self._numbers):
            return None
        return self._numbers

    def pick(self, names: Sequence[str]) -> int:
        """0-based index of the chosen one of the instances called ``names``.

        Raises
        ------
        FormatError
            If there are several and none was chosen, or the choice does not exist.
        """
        count = len(names)
        if self.instance is None and count > 1:
            listed = ", ".join(names[:4]) + (", …" if count > 4 else "")
            raise FormatError(
                f"{count} instances in one file ({listed})",
                source=self.source,
                hint=f"choose one with instance=1 to {count}",
            )
        chosen = self.instance or 1
        if not 1 <= chosen <= count:
            raise FormatError(
                f"there is no instance {chosen}", source=self.source, expected=f"1 to {count}"
            )
        return chosen - 1

    def lines(self) -> list[str]:
        """Lines without their ends."""
        return self.body.split("\n")

    def error(self, line: int | None, message: str, expected: str = "") -> FormatError:
        """Error that points at ``line``."""
        return FormatError(message, source=self.source, line=line, expected=expected or None)


def shown(token: str) -> str:
    """``token`` quoted and cut to a length fit for a message."""
    return repr(token if len(token) <= _LARGEST_SHOWN else token[: _LARGEST_SHOWN - 1] + "…")


def rows(table: Iterable[Iterable[int]]) -> str:
    """Lines of blank-separated integers."""
    return "".join(" ".join(map(str, row)) + "\n" for row in table)


def matrix_text(table: npt.NDArray[np.int64]) -> str:
    """Lines of blank-separated integers of a matrix."""
    return rows(table.tolist())
