"""Schedules as CSV with the columns task, job, start, end, mode, resources.

Columns may come in any order; only ``task`` and ``start`` are required. A task with an empty start
is absent. Resources are joined by ``|``. Comma, semicolon and tab are accepted as separators.
"""

from __future__ import annotations

import csv
import io
import re

import numpy as np

from makespan.core.errors import FormatError
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.io.schedule_rows import UNSTATED, Stated, assemble, resource_names
from makespan.io.text import Text, shown

COLUMNS = ("task", "job", "start", "end", "mode", "resources")
_JOIN = "|"
_DIGITS = 18
_WHOLE = re.compile(rf"[ \t]*-?[0-9]{{1,{_DIGITS}}}[ \t]*", re.ASCII)
_HEAD = re.compile(r"(?:^|[,;\t\"])\s*(task|start)\b")


def sniff(text: Text, _problem: Problem) -> float:
    """A first line that names the columns."""
    head = text.body.lstrip().split("\n", 1)[0].lower()
    return 0.9 if {"task", "start"} <= set(_HEAD.findall(head)) else 0.0


def _delimiter(head: str) -> str:
    return max(",;\t", key=head.count)


def read(text: Text, problem: Problem) -> Schedule:
    """Schedule of a CSV text."""
    body = text.body
    skipped = len(body) - len(body.lstrip("\n"))
    head = body[skipped:].split("\n", 1)[0]
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=_delimiter(head), strict=True)
    table: _Table | None = None
    try:
        for cells in reader:
            if table is not None and cells:
                table.add(reader.line_num, cells)
            elif any(cell.strip() for cell in cells):
                table = _Table(text, _columns(text, reader.line_num, cells))
    except csv.Error as error:
        raise text.error(reader.line_num, f"not CSV: {error}") from error
    if table is None:
        raise text.error(1, "no line of column names", "task,start,...")
    return assemble(problem, table.stated(), text.source)


def _columns(text: Text, line: int, cells: list[str]) -> list[str]:
    columns = [cell.strip().lower() for cell in cells]
    for k, column in enumerate(columns):
        if column not in COLUMNS:
            raise text.error(
                line, f"unknown column {shown(column)}", "out of " + ", ".join(COLUMNS)
            )
        if column in columns[:k]:
            raise text.error(line, f"the column {column!r} occurs twice", "distinct columns")
    for needed in ("task", "start"):
        if needed not in columns:
            raise text.error(line, f"the column {needed!r} is missing", "task, start, ...")
    return columns


class _Table:
    """Rows of a CSV text as columns, present and absent tasks apart, with the line of each."""

    def __init__(self, text: Text, columns: list[str]) -> None:
        self._text = text
        self._columns = columns
        self._width = len(columns)
        place = {column: k for k, column in enumerate(columns)}
        # A column that is not there is read from an empty cell put behind the others.
        self._task, self._job, self._start, self._end, self._mode, self._resources = (
            place.get(column, self._width) for column in COLUMNS
        )
        self._lines: list[int] = []
        self._names: list[str] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._modes: list[int] = []
        self._jobs: list[str | None] = []
        self._used: list[list[str] | None] = []
        self._absent: list[str] = []
        self._absent_lines: list[int] = []

    def add(self, line: int, cells: list[str]) -> None:
        """Take a row; one of blank cells only is skipped."""
        if len(cells) != self._width:
            if not any(cell.strip() for cell in cells):
                return
            raise self._text.error(line, f"{len(cells)} cells", f"{self._width}, one per column")
        cells.append("")
        start = self._whole(line, "start", cells[self._start])
        end = self._whole(line, "end", cells[self._end])
        mode = self._whole(line, "mode", cells[self._mode])
        if start == UNSTATED:
            if end != UNSTATED or mode != UNSTATED:
                raise self._text.error(
                    line, "an end or mode without a start", "all of them, or none if left out"
                )
            if any(cell.strip() for cell in cells):
                self._absent.append(cells[self._task])
                self._absent_lines.append(line)
            return
        self._lines.append(line)
        self._names.append(cells[self._task])
        self._starts.append(start)
        self._ends.append(end)
        self._modes.append(mode)
        self._jobs.append(cells[self._job] or None)
        used = cells[self._resources] if mode == UNSTATED else ""
        self._used.append([part.strip() for part in used.split(_JOIN)] if used else None)

    def _whole(self, line: int, column: str, cell: str) -> int:
        if cell.isdecimal() and cell.isascii() and len(cell) <= _DIGITS:
            return int(cell)
        if not cell.strip():
            return UNSTATED
        if not _WHOLE.fullmatch(cell):
            raise self._text.error(
                line, f"the {column} {shown(cell)} is not a whole number", "an integer"
            )
        return int(cell)

    def stated(self) -> Stated:
        """The columns."""
        text, lines, absent_lines = self._text, self._lines, self._absent_lines
        return Stated(
            task=self._names,
            start=np.array(self._starts, dtype=np.int64),
            end=np.array(self._ends, dtype=np.int64),
            mode=np.array(self._modes, dtype=np.int64),
            job=self._jobs,
            resources=self._used,
            absent=self._absent,
            fail=lambda k, message, expected: text.error(lines[k], message, expected),
            fail_absent=lambda k, message, expected: text.error(absent_lines[k], message, expected),
        )


def write(problem: Problem, schedule: Schedule) -> str:
    """CSV with one row per task in the problem's order; absent tasks have empty cells."""
    tasks = problem.tasks
    job_names = [*problem.jobs.names, ""]
    joined = [_JOIN.join(names) for names in resource_names(problem)]
    local = (schedule.mode - tasks.mode_ptr[:-1]).tolist()
    mode = schedule.mode.tolist()
    start: list[int | str] = schedule.start.tolist()
    end: list[int | str] = schedule.end.tolist()
    place: list[int | str] = list(local)
    resources = [joined[m] if m >= 0 else "" for m in mode]
    for i, m in enumerate(mode):
        if m < 0:
            start[i] = end[i] = place[i] = ""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    jobs = (job_names[k] for k in tasks.job.tolist())
    writer.writerows(zip(tasks.names, jobs, start, end, place, resources, strict=True))
    content = buffer.getvalue()
    for character in ("\r", "\0"):
        if character in content:
            raise FormatError(
                f"a name holds the control character {character!r}, which CSV files lose",
                hint="write the schedule as json instead",
            )
    return content
