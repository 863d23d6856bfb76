"""Reading and writing schedules by name or by content."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from makespan.core.errors import FormatError, OptionError, ProblemError
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.io import schedule_csv, schedule_json, schedule_matrix
from makespan.io.files import decode, load_from, replace_file
from makespan.io.text import Text


@dataclass(frozen=True, slots=True)
class ScheduleFormat:
    """A layout of schedules made of plain functions; ``write`` is None if it is only read."""

    name: str
    description: str
    extensions: tuple[str, ...]
    sniff: Callable[[Text, Problem], float]
    read: Callable[[Text, Problem], Schedule]
    write: Callable[[Problem, Schedule], str] | None = None


SCHEDULE_FORMATS: tuple[ScheduleFormat, ...] = (
    ScheduleFormat(
        "json",
        "makespan's own JSON; also the JSON that a solve prints",
        (".json",),
        schedule_json.sniff,
        schedule_json.read,
        schedule_json.write,
    ),
    ScheduleFormat(
        "csv",
        "table with the columns " + ", ".join(schedule_csv.COLUMNS),
        (".csv",),
        schedule_csv.sniff,
        schedule_csv.read,
        schedule_csv.write,
    ),
    ScheduleFormat(
        "machine-orders",
        "a line per machine with the jobs in their order",
        (),
        schedule_matrix.sniff_orders,
        schedule_matrix.read_orders,
    ),
    ScheduleFormat(
        "start-times",
        "a line per job with the start of each task",
        (),
        schedule_matrix.sniff_starts,
        schedule_matrix.read_starts,
    ),
)


def _named(name: str) -> ScheduleFormat:
    for item in SCHEDULE_FORMATS:
        if item.name == name:
            return item
    known = ", ".join(item.name for item in SCHEDULE_FORMATS)
    raise OptionError(f"there is no schedule format {name!r}", hint=f"known formats: {known}")


def read_schedule(
    source: str | os.PathLike[str] | IO[str] | IO[bytes],
    problem: Problem,
    *,
    format: str | None = None,
) -> Schedule:
    """Schedule for ``problem`` in a file or open stream.

    Only what a schedule says is checked: names, modes, numbers. Whether it keeps the problem's
    constraints is for :func:`makespan.verify`.

    Parameters
    ----------
    format
        ``json``, ``csv``, ``start-times`` or ``machine-orders``; default is to tell by content.

    Raises
    ------
    FormatError
        If the content is damaged or does not belong to the problem.
    OSError
        If the file cannot be read.
    """
    return _read(load_from(source), problem, format)


def read_schedule_text(
    text: str | bytes, problem: Problem, *, source: str = "text", format: str | None = None
) -> Schedule:
    """Schedule for ``problem`` in a string; see :func:`read_schedule`."""
    content = decode(text, source) if isinstance(text, bytes) else Text(text, source)
    return _read(content, problem, format)


def _read(text: Text, problem: Problem, name: str | None) -> Schedule:
    if name is not None:
        item = _named(name)
    else:
        found = [(item.sniff(text, problem), item) for item in SCHEDULE_FORMATS]
        best, item = max(found, key=lambda pair: pair[0])
        if best <= 0:
            raise FormatError(
                "not a schedule of any known layout",
                source=text.source,
                expected="one of " + ", ".join(item.name for item in SCHEDULE_FORMATS),
            )
    try:
        return item.read(text, problem)
    except ProblemError as error:
        raise FormatError(error.message, source=text.source, hint=error.hint) from error


def schedule_to_text(problem: Problem, schedule: Schedule, format: str) -> str:
    """Text of a schedule, ``json`` or ``csv``.

    Raises
    ------
    FormatError
        If the schedule has another number of tasks than the problem, or the layout is only read.
    """
    item = _named(format)
    if item.write is None:
        raise FormatError(f"the schedule format {format} can only be read")
    if len(schedule) != problem.tasks.count:
        raise FormatError(
            f"the schedule has {len(schedule)} tasks", expected=f"{problem.tasks.count}"
        )
    return item.write(problem, schedule)


def write_schedule(
    schedule: Schedule,
    problem: Problem,
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
) -> None:
    """Write a schedule; the file is replaced whole or left as it was.

    Parameters
    ----------
    path
        A name that ends in ``.gz`` is compressed.
    format
        ``json`` or ``csv``; default is told by the file name's ending.

    Raises
    ------
    OptionError
        If neither the format nor the ending says which layout is meant.
    """
    if format is not None:
        replace_file(path, schedule_to_text(problem, schedule, format))
        return
    ending = Path(os.fspath(path).removesuffix(".gz")).suffix.lower()
    for item in SCHEDULE_FORMATS:
        if ending in item.extensions:
            replace_file(path, schedule_to_text(problem, schedule, item.name))
            return
    raise OptionError(
        f"no schedule format is known by the ending {ending!r}", hint="use .json or .csv"
    )
