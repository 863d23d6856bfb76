"""Disturbances as people type them on the command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from makespan.core.errors import OptionError

if TYPE_CHECKING:
    from makespan.solvers.repair import Disturbance

_SPAN: Final = re.compile(r"(-?\d+)-(-?\d+)")
_NUMBER: Final = re.compile(r"[+]?(\d+)")


def parse_disturbances(
    *,
    breakdown: Iterable[str],
    capacity: Iterable[str],
    late: Iterable[str],
    longer: Iterable[str],
    finished: Iterable[str],
    cancel: Iterable[str],
    add: Iterable[str],
    due: Iterable[str],
    deadline: Iterable[str],
    release: Iterable[str],
) -> list[Disturbance]:
    """What the options say has happened, new work first.

    Raises
    ------
    OptionError
        If a value does not have the form of its option.
    """
    from makespan.cli._sources import load_problem
    from makespan.solvers import repair as kinds

    found: list[Disturbance] = [kinds.NewWork(load_problem(file)[0]) for file in add]
    for text in breakdown:
        name, start, until = _span(text, "--breakdown", "M1:100-150")
        found.append(kinds.Breakdown(name, start, until))
    for text in capacity:
        head, _, units = text.rpartition("=")
        level = _number(units, text, "--capacity", "CREW:100-150=2")
        name, start, until = _span(head, "--capacity", "CREW:100-150=2")
        found.append(kinds.CapacityDrop(name, start, until, level))
    amounts: list[tuple[Iterable[str], str, Callable[[str, int], Disturbance]]] = [
        (late, "--late", kinds.Late),
        (longer, "--longer", kinds.Longer),
        (release, "--release", kinds.NewRelease),
    ]
    for texts, option, make in amounts:
        for text in texts:
            name, number = _named(text, option)
            found.append(make(name, number))
    for text in finished:
        name, _, time = text.rpartition(":")
        if name and _NUMBER.fullmatch(time):
            found.append(kinds.Finished(name, int(time)))
        else:
            found.append(kinds.Finished(text))
    found.extend(kinds.Cancelled(name) for name in cancel)
    found.extend(kinds.NewDue(*_dated(text, "--due")) for text in due)
    found.extend(kinds.NewDeadline(*_dated(text, "--deadline")) for text in deadline)
    return found


def parse_stability(text: str) -> int | None:
    """Weight of change; None for "after".

    Raises
    ------
    OptionError
        If it is neither a number nor "after".
    """
    if text == "after":
        return None
    if not text.isdecimal():
        raise OptionError(
            f"--stability: {text!r} is no weight",
            hint="write after, 0 for no concern, or what one unit of change costs",
        )
    return int(text)


def _span(text: str, option: str, example: str) -> tuple[str, int, int]:
    name, _, span = text.rpartition(":")
    match = _SPAN.fullmatch(span)
    if not name or match is None:
        raise OptionError(f"{option}: cannot read {text!r}", hint=f"write {example}")
    return name, int(match[1]), int(match[2])


def _number(digits: str, text: str, option: str, example: str) -> int:
    match = _NUMBER.fullmatch(digits)
    if match is None:
        raise OptionError(f"{option}: cannot read {text!r}", hint=f"write {example}")
    return int(match[1])


def _named(text: str, option: str) -> tuple[str, int]:
    name, _, digits = text.rpartition(":")
    if not name:
        raise OptionError(f"{option}: cannot read {text!r}", hint="write NAME:20")
    return name, _number(digits, text, option, "NAME:20")


def _dated(text: str, option: str) -> tuple[str, int | None]:
    name, _, digits = text.rpartition(":")
    if name and digits == "none":
        return name, None
    return _named(text, option)
