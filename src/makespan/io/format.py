"""What a problem format is: a name, a way to recognise its text, a reader and perhaps a writer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from makespan.core.problem import Problem
from makespan.io.text import Text


class Format(Protocol):
    """A problem format; third parties offer theirs through the entry points ``makespan.formats``.

    Attributes
    ----------
    name
        Lower-case name for ``format=``.
    description
        One line for listings.
    extensions
        File name endings such as ``.rcp``; they choose the format to write and break ties
        between formats that a text fits equally well.
    several
        Whether one file may hold several instances (chosen with ``instance=``).
    write
        Text of a problem, raising FormatError for what the format cannot hold; None if the format
        is only read.
    """

    @property
    def name(self) -> str:
        """Lower-case name."""
        ...

    @property
    def description(self) -> str:
        """One line for listings."""
        ...

    @property
    def extensions(self) -> tuple[str, ...]:
        """File name endings."""
        ...

    @property
    def several(self) -> bool:
        """Whether one file may hold several instances."""
        ...

    @property
    def write(self) -> Callable[[Problem], str] | None:
        """Function that makes the text of a problem, or None."""
        ...

    def sniff(self, text: Text) -> float:
        """How surely the text is in this format, 0 (no) to 1 (nothing else fits)."""
        ...

    def read(self, text: Text) -> Problem:
        """Problem in the text; raises FormatError."""
        ...


@dataclass(frozen=True, slots=True)
class ProblemFormat:
    """A format made of plain functions."""

    name: str
    description: str
    extensions: tuple[str, ...]
    sniff: Callable[[Text], float]
    read: Callable[[Text], Problem]
    write: Callable[[Problem], str] | None = None
    several: bool = False
