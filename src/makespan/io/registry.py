"""The registry of problem formats, and reading and writing by name or by content."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import IO

from makespan.core.errors import FormatError, OptionError, ProblemError
from makespan.core.problem import Problem
from makespan.core.validation import validate
from makespan.io import (
    bel,
    dct,
    fajsp,
    fjsplib,
    flowshop,
    jsplib,
    openshop,
    patterson,
    problem_json,
    progen_max,
    psplib,
    taillard,
)
from makespan.io.files import decode, load_from, replace_file
from makespan.io.format import Format
from makespan.io.text import Text

GROUP = "makespan.formats"
"""Entry-point group whose members are :class:`~makespan.io.format.Format` objects."""

_BUILT_IN: tuple[Format, ...] = (
    problem_json.FORMAT,
    jsplib.FORMAT,
    openshop.FORMAT,
    flowshop.FORMAT,
    taillard.FORMAT,
    fjsplib.FORMAT,
    fajsp.FORMAT,
    dct.FORMAT,
    bel.FORMAT,
    patterson.FORMAT,
    psplib.SINGLE,
    psplib.MULTI,
    progen_max.FORMAT,
)
_CERTAIN = 0.94
_LEAST = 0.2
_TIE = 0.02
_NAMED = 0.3
_NUMBERS = re.compile(r"[0-9][-0-9.,; \t]*")
_LARGE_FILE = "version https://git-lfs"


class FormatRegistry:
    """Formats by name, in the order of their registration, which also settles equal claims."""

    def __init__(self, formats: Iterable[Format] = ()) -> None:
        self._formats: dict[str, Format] = {}
        for item in formats:
            self.register(item)

    def register(self, item: Format) -> None:
        """Add a format.

        Raises
        ------
        OptionError
            If its name is taken.
        """
        if item.name in self._formats:
            raise OptionError(f"a format {item.name!r} is already registered")
        self._formats[item.name] = item

    def get(self, name: str) -> Format:
        """The format called ``name``.

        Raises
        ------
        OptionError
            If there is none.
        """
        try:
            return self._formats[name]
        except KeyError:
            known = ", ".join(self._formats)
            raise OptionError(
                f"there is no format {name!r}", hint=f"known formats: {known}"
            ) from None

    def __iter__(self) -> Iterator[Format]:
        return iter(self._formats.values())

    def __len__(self) -> int:
        return len(self._formats)

    def __contains__(self, name: object) -> bool:
        return name in self._formats

    def detect(self, text: Text) -> Format:
        """The format that fits the text best.

        Formats are asked in turn until one is certain. If several fit equally well the file
        name's ending decides, then the order of registration.

        Raises
        ------
        FormatError
            If none fits.
        """
        found: list[tuple[float, Format]] = []
        for item in self:
            sure = item.sniff(text)
            if sure >= _CERTAIN:
                return item
            found.append((sure, item))
        best = max((sure for sure, _ in found), default=0.0)
        ending = _ending(text.source)
        if best < _NAMED:
            # Nothing in the text speaks clearly: a damaged file may still say by its name what
            # it was meant to be, and that format's reader then says what is wrong with it.
            for _, item in found:
                if ending in item.extensions:
                    return item
        if best < _LEAST:
            raise self._unknown(text)
        close = [item for sure, item in found if sure >= best - _TIE]
        return next((item for item in close if ending in item.extensions), close[0])

    def _unknown(self, text: Text) -> FormatError:
        """Error about a text that no format claims."""
        start = next(line.strip() for line in text.lines() if line.strip())
        if start.startswith(_LARGE_FILE):
            return FormatError(
                "a pointer of Git LFS instead of the file itself",
                source=text.source,
                hint="fetch the content with 'git lfs pull'",
            )
        if _NUMBERS.fullmatch(start.partition("#")[0]) and text.numeric is None:
            # All layouts of bare numbers are out because of one word: point at that word.
            try:
                text.numbers()
            except FormatError as error:
                return error
        shorter = start if len(start) <= 60 else start[:59] + "…"
        return FormatError(
            f"no known format fits the text that starts with {shorter!r}",
            source=text.source,
            expected=f"one of {', '.join(self._formats)}",
            hint="say format= if you know it",
        )


def _ending(source: str) -> str:
    return Path(source.removesuffix(".gz")).suffix.lower()


@cache
def formats() -> FormatRegistry:
    """All formats: the built-in ones and those of installed packages.

    Raises
    ------
    OptionError
        If a package offers a format whose name is taken, or something that is no format.
    """
    registry = FormatRegistry(_BUILT_IN)
    for point in sorted(entry_points(group=GROUP), key=lambda p: (p.name, p.value)):
        item = point.load()
        if not all(hasattr(item, part) for part in ("name", "sniff", "read", "extensions")):
            raise OptionError(f"entry point {point.value} of {GROUP} is not a format")
        registry.register(item)
    return registry


def detect(text: str | Text) -> str:
    """Name of the format that fits the content best.

    Raises
    ------
    FormatError
        If none fits.
    """
    body = text if isinstance(text, Text) else Text(text, "text")
    return formats().detect(body).name


def read(
    source: str | os.PathLike[str] | IO[str] | IO[bytes],
    *,
    format: str | None = None,
    instance: int | None = None,
) -> Problem:
    """Problem in a file or open stream; gzip is unpacked.

    Parameters
    ----------
    source
        Path, or an object with ``read``.
    format
        Name of the format; default is to detect it from the content.
    instance
        Which instance to take, from 1, of a file that holds several.

    Raises
    ------
    FormatError
        If the content breaks the rules of its format or of the vocabulary.
    OptionError
        If there is no such format.
    OSError
        If the file cannot be read.
    """
    text = load_from(source)
    text.instance = instance
    return read_from(text, format=format)


def read_text(
    text: str | bytes,
    *,
    source: str = "text",
    format: str | None = None,
    instance: int | None = None,
) -> Problem:
    """Problem in a string; see :func:`read`.

    Parameters
    ----------
    source
        Label for messages; the problem is named after it.
    """
    content = decode(text, source) if isinstance(text, bytes) else Text(text, source)
    content.instance = instance
    return read_from(content, format=format)


def read_from(text: Text, *, format: str | None = None) -> Problem:
    """Problem in a prepared text; see :func:`read`."""
    registry = formats()
    item = registry.get(format) if format is not None else registry.detect(text)
    if not item.several and text.instance not in (None, 1):
        raise FormatError(
            f"there is no instance {text.instance}: a {item.name} file holds one",
            source=text.source,
        )
    try:
        problem = item.read(text)
        validate(problem)
    except ProblemError as error:
        raise FormatError(error.message, source=text.source, hint=error.hint) from error
    return problem


def to_text(problem: Problem, format: str) -> str:
    """Text of ``problem`` in a format.

    Raises
    ------
    FormatError
        If the format cannot hold a term of the problem (named) or has no writer.
    """
    item = formats().get(format)
    if item.write is None:
        raise FormatError(f"the format {format} can only be read")
    return item.write(problem)


def write(problem: Problem, path: str | os.PathLike[str], *, format: str | None = None) -> None:
    """Write ``problem``; the file is replaced whole or left as it was.

    Parameters
    ----------
    path
        A name that ends in ``.gz`` is compressed.
    format
        Name of the format; default is the one that the file name's ending belongs to.

    Raises
    ------
    FormatError
        If the format cannot hold a term of the problem.
    OptionError
        If the format is unknown or the ending belongs to none.
    """
    if format is None:
        ending = _ending(os.fspath(path))
        writers = [item for item in formats() if item.write and ending in item.extensions]
        if not writers:
            known = ", ".join(sorted({e for item in formats() for e in item.extensions}))
            raise OptionError(
                f"no format is written to files that end in {ending!r}",
                hint=f"say format=, or use one of {known}",
            )
        replace_file(path, to_text(problem, writers[0].name))
    else:
        replace_file(path, to_text(problem, format))
