"""Checks of single values: whole numbers in range, codes of closed sets."""

from __future__ import annotations

import operator
from enum import IntEnum
from typing import SupportsIndex, TypeVar

from makespan.core.errors import ProblemError
from makespan.core.vocabulary import TICK_LIMIT, PrecedenceKind

Code = TypeVar("Code", bound=IntEnum)


def amount_of(value: SupportsIndex, what: str) -> int:
    """``value`` as an int within +-TICK_LIMIT.

    Raises
    ------
    ProblemError
        If it is not a whole number or too large.
    """
    if isinstance(value, bool):
        raise ProblemError(f"{what}: got {value}, not a whole number")
    try:
        number = operator.index(value)
    except TypeError:
        raise ProblemError(
            f"{what}: got {value!r}, not a whole number",
            hint="choose a finer time unit so that every time is a whole number of ticks",
        ) from None
    if abs(number) > TICK_LIMIT:
        raise ProblemError(f"{what}: {number} is beyond ±2^44", hint="choose a coarser unit")
    return number


def ticks_of(value: SupportsIndex, what: str) -> int:
    """A time in ticks; the same rules as any amount."""
    return amount_of(value, what)


def nonnegative(value: SupportsIndex, what: str) -> int:
    """A whole number >= 0."""
    number = amount_of(value, what)
    if number < 0:
        raise ProblemError(f"{what}: {number} is negative")
    return number


def code_of(kind: type[Code], value: Code | int, what: str) -> Code:
    """A member of a closed set of codes."""
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(f"{kind.__name__}.{member.name}" for member in kind)
        raise ProblemError(f"{what}: unknown value {value!r}", hint=f"known: {known}") from None


def kind_of(value: str | PrecedenceKind, what: str) -> PrecedenceKind:
    """A precedence kind from its name or code."""
    if isinstance(value, str):
        try:
            return PrecedenceKind[value.upper()]
        except KeyError:
            raise ProblemError(
                f"{what}: unknown kind {value!r}", hint='known: "FS", "SS", "FF", "SF"'
            ) from None
    return code_of(PrecedenceKind, value, what)
