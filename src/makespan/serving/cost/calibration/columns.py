"""Columns of numbers in a CSV text, checked, with the line of each row for messages."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Sequence
from typing import IO, Final

import numpy as np
import numpy.typing as npt

from makespan.core.errors import FormatError
from makespan.io.files import load_from
from makespan.io.text import Text, shown

FloatArray = npt.NDArray[np.float64]
Source = str | os.PathLike[str] | IO[str] | IO[bytes] | Text

_LARGEST: Final = 1e15


def load_text(source: Source) -> Text:
    """Text of a file, or the text that was given."""
    return source if isinstance(source, Text) else load_from(source)


class Columns:
    """Named columns of a CSV text, with the line of each row.

    Parameters
    ----------
    text
        With names in its first line; blank lines are skipped.
    needed
        Columns that must be there; others are not looked at.
    """

    def __init__(self, text: Text, needed: Sequence[str]) -> None:
        self._text = text
        self._rows: list[list[str]] = []
        self._lines: list[int] = []
        names: list[str] | None = None
        reader = csv.reader(io.StringIO(text.body, newline=""), strict=True)
        try:
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                if names is None:
                    names = [cell.strip() for cell in cells]
                    continue
                if len(cells) != len(names):
                    raise self.error(
                        reader.line_num, f"{len(cells)} cells", f"{len(names)}, as named above"
                    )
                self._rows.append(cells)
                self._lines.append(reader.line_num)
        except csv.Error as error:
            raise self.error(reader.line_num, f"not CSV: {error}") from error
        self._place = {name: k for k, name in enumerate(names or [])}
        for name in needed:
            if name not in self._place:
                raise self.error(1, f"the column {name!r} is missing", ", ".join(needed))
        if not self._rows:
            raise self.error(1, "no rows below the names of the columns")

    def error(self, line: int, message: str, expected: str = "") -> FormatError:
        """Error that points at a line."""
        return FormatError(message, source=self._text.source, line=line, expected=expected or None)

    def words(self, name: str) -> list[str]:
        """Cells of a column without blanks around them."""
        k = self._place[name]
        return [row[k].strip() for row in self._rows]

    def numbers(self, name: str, low: float = 0.0, *, above: bool = False) -> FloatArray:
        """Finite numbers of at least ``low``, or above it."""
        k = self._place[name]
        found = np.empty(len(self._rows))
        for i, row in enumerate(self._rows):
            try:
                value = float(row[k])
            except ValueError:
                value = math.nan
            fits = value > low if above else value >= low
            if not (fits and value <= _LARGEST):
                bound = f"above {low:g}" if above else f"of at least {low:g}"
                raise self.error(self._lines[i], f"{name} is {shown(row[k])}", f"a number {bound}")
            found[i] = value
        return found

    def line(self, row: int) -> int:
        """Line of the text on which a row ends."""
        return self._lines[row]
