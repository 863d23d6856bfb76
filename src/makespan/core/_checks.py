"""Checks of single values: names, whole numbers in range, intervals, codes of closed sets."""

from __future__ import annotations

import operator
from enum import IntEnum
from numbers import Real
from typing import SupportsIndex, TypeVar

import numpy as np

from makespan.core.errors import ProblemError
from makespan.core.vocabulary import TICK_LIMIT, PrecedenceKind

Code = TypeVar("Code", bound=IntEnum)

_LARGEST_INDEX = np.iinfo(np.int32).max


def name_of(value: object, what: str) -> str:
    """A name: text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ProblemError(f"the name of a {what} is {value!r}", hint="give it a text as its name")
    return value


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
            hint="choose a finer unit, in which it is whole" if isinstance(value, Real) else None,
        ) from None
    if abs(number) > TICK_LIMIT:
        # Python refuses to write very long numbers out.
        shown = str(number) if number.bit_length() < 256 else f"{number.bit_length()} bits"
        raise ProblemError(f"{what}: {shown} is beyond ±2^44", hint="choose a coarser unit")
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


def index_of(value: SupportsIndex, what: str) -> int:
    """A number >= 0 that tables hold as int32."""
    number = nonnegative(value, what)
    if number > _LARGEST_INDEX:
        raise ProblemError(f"{what}: {number} is beyond 2^31")
    return number


def interval_of(pair: tuple[SupportsIndex, SupportsIndex], what: str) -> tuple[int, int]:
    """A half-open interval that is not empty."""
    try:
        low, high = pair
    except (TypeError, ValueError):
        raise ProblemError(f"{what}: got {pair!r}, not a start and an end") from None
    start, end = ticks_of(low, what), ticks_of(high, what)
    if end <= start:
        raise ProblemError(
            f"{what} [{start}, {end}) is empty or reversed",
            hint="intervals are half-open, start before end",
        )
    return start, end


def code_of(kind: type[Code], value: Code | int, what: str) -> Code:
    """A member of a closed set of codes."""
    try:
        # True and 1.0 equal codes, but nobody means them.
        if isinstance(value, bool):
            raise TypeError
        return kind(operator.index(value))
    except (TypeError, ValueError):
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
