"""Taillard's layouts with lines of words between the numbers; one file may hold several instances.

::

    Nb of jobs, Nb of Machines, Time seed, Machine seed, Upper bound, Lower bound
              4           4  1166510396   164000672         193         186
    Times
     54 34 61  2
     ...
    Machines
      3  1  4  2
     ...

The line of words above the sizes may be missing; numbers after the first two are not used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.io.text import Numbers, Text, shown

_WORD_LINE = re.compile(r"^.*[A-Za-z].*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Part:
    """A matrix of the text with the numbers it was made of."""

    numbers: Numbers
    matrix: IntArray


@dataclass(frozen=True, slots=True)
class Sections:
    """One instance: its name and the matrices in the order of their headings."""

    name: str
    parts: tuple[Part, ...]

    def check_machines(self) -> None:
        """Check that every row of the last matrix lists machines 1 to m once."""
        part = self.parts[-1]
        check_permutations(part.numbers, part.matrix, 0)


def check_permutations(numbers: Numbers, matrix: IntArray, first: int) -> None:
    """Check that each row of ``matrix`` lists 1 to m once.

    ``numbers.values[first:]`` begins with the matrix.
    """
    m = matrix.shape[1]
    numbers.check(1, m, slice(first, first + matrix.size), "machine")
    bad = (np.sort(matrix, axis=1) != np.arange(1, m + 1)).any(axis=1)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise numbers.error(
            first + row * m, f"job {row + 1} visits a machine twice", "every machine once"
        )


@dataclass(frozen=True, slots=True)
class _Block:
    """Numbers between two lines of words; ``title`` is the line of words above."""

    title: str
    line: int
    body: str


def has_words(text: Text, *headings: re.Pattern[str]) -> bool:
    """Whether each heading stands on a line of its own, in this order."""
    at = 0
    lines = [match.group().strip() for match in _WORD_LINE.finditer(text.plain)]
    for heading in headings:
        while at < len(lines) and not heading.fullmatch(lines[at]):
            at += 1
        if at == len(lines):
            return False
        at += 1
    return True


def _blocks(text: Text) -> list[_Block]:
    body = text.plain
    blocks: list[_Block] = []
    title, start, line = "", 0, 1
    for match in _WORD_LINE.finditer(body):
        if body[start : match.start()].strip():
            blocks.append(_Block(title, line, body[start : match.start()]))
        line += body.count("\n", start, match.end())
        title, start = match.group().strip(), match.end()
    if body[start:].strip():
        blocks.append(_Block(title, line, body[start:]))
    return blocks


def sections(
    text: Text,
    headings: tuple[re.Pattern[str], ...],
    labels: tuple[str, ...],
    *,
    transposed: bool = False,
) -> Sections:
    """The chosen instance of a text with words.

    Parameters
    ----------
    headings, labels
        Pattern and plain name of each matrix's heading.
    transposed
        Whether matrices are machines x jobs (else jobs x machines).

    Raises
    ------
    FormatError
        If headings, sizes or matrices are not as they should be.
    """
    blocks = _blocks(text)
    if not blocks:
        raise text.error(1, "there are no numbers", "jobs and machines")
    step = 1 + len(headings)
    count = -(-len(blocks) // step)
    names = [text.name if count == 1 else f"{text.name}-{k + 1}" for k in range(count)]
    chosen = text.pick(names)
    mine = blocks[chosen * step : (chosen + 1) * step]
    size = Numbers(mine[0].body, text.source, first_line=mine[0].line)
    jobs, machines = size.header("jobs and machines")
    if len(size.row_sizes) > 1:
        raise size.error(
            int(size.row_ptr[1]), "more than one line of sizes", f"the heading {labels[0]!r}"
        )
    parts = []
    for k, (heading, label) in enumerate(zip(headings, labels, strict=True), start=1):
        if k >= len(mine):
            raise size.error(
                0, f"the matrix {label!r} of this instance is missing", f"the heading {label!r}"
            )
        block = mine[k]
        if not heading.fullmatch(block.title):
            raise text.error(
                block.line, f"the heading reads {shown(block.title)}", f"the heading {label!r}"
            )
        numbers = Numbers(block.body, text.source, first_line=block.line)
        shape = (machines, jobs) if transposed else (jobs, machines)
        parts.append(Part(numbers, matrix_of(numbers, 0, shape, label)))
        if k == 1:
            numbers.check(0, None, slice(0, None), "duration")
    return Sections(names[chosen], tuple(parts))


def matrix_of(numbers: Numbers, first: int, shape: tuple[int, int], label: str) -> IntArray:
    """Matrix that fills ``numbers.values[first:]``; the wrong row is blamed if it does not."""
    height, width = shape
    if len(numbers) != first + height * width:
        header_rows = int(np.searchsorted(numbers.row_ptr, first))
        sizes = numbers.row_sizes[header_rows:]
        for row in range(min(len(sizes), height)):
            if sizes[row] != width:
                raise numbers.error(
                    int(numbers.row_ptr[header_rows + row]),
                    f"row {row + 1} of {label} has {int(sizes[row])} numbers",
                    f"{width}",
                )
    numbers.end(first + height * width, f"{height} rows of {label}")
    return numbers.values[first:].reshape(height, width)
