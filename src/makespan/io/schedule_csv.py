"""Schedules as CSV with the columns task, job, start, end, mode, resources.

Columns may come in any order; only ``task`` and ``start`` are required. A task with an empty start
is absent. Resources are joined by ``|``. Comma, semicolon and tab are accepted as separators.
"""

from __future__ import annotations

import csv
import io
import re

from makespan.core.errors import FormatError
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.io.schedule_rows import Assembly, ScheduleRow, resource_names
from makespan.io.text import Text, shown

COLUMNS = ("task", "job", "start", "end", "mode", "resources")
_JOIN = "|"
_WHOLE = re.compile(r"[ \t]*-?[0-9]{1,18}[ \t]*", re.ASCII)
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
    assembly = Assembly(problem, text.source)
    columns: list[str] | None = None
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = _columns(text, reader.line_num, cells)
            else:
                _add(assembly, text, reader.line_num, columns, cells)
    except csv.Error as error:
        raise text.error(reader.line_num, f"not CSV: {error}") from error
    if columns is None:
        raise text.error(1, "no line of column names", "task,start,...")
    return assembly.schedule()


def _columns(text: Text, line: int, cells: list[str]) -> list[str]:
    columns = [cell.strip().lower() for cell in cells]
    for k, column in enumerate(columns):
        if column not in COLUMNS:
            raise text.error(
                line, f"unknown column {shown(column)}", "out of " + ", ".join(COLUMNS)
            )
        if column in columns[:k]:
            raise text.error(line, f"the column {column!r} occurs twice")
    for needed in ("task", "start"):
        if needed not in columns:
            raise text.error(line, f"the column {needed!r} is missing")
    return columns


def _add(assembly: Assembly, text: Text, line: int, columns: list[str], cells: list[str]) -> None:
    if len(cells) != len(columns):
        raise text.error(line, f"{len(cells)} cells", f"{len(columns)}, one per column")
    found = dict(zip(columns, cells, strict=True))

    def fail(message: str, expected: str) -> FormatError:
        return text.error(line, message, expected)

    def whole(column: str) -> int | None:
        cell = found.get(column, "")
        if not cell.strip():
            return None
        if not _WHOLE.fullmatch(cell):
            raise fail(f"the {column} {shown(cell)} is not a whole number", "an integer")
        return int(cell)

    start = whole("start")
    if start is None:
        if whole("end") is not None or whole("mode") is not None:
            raise fail("an end or mode without a start", "all of them, or none if left out")
        assembly.leave_out(found["task"], fail)
        return
    mode = whole("mode")
    resources = found.get("resources")
    listed = None
    if mode is None and resources:
        listed = [part.strip() for part in resources.split(_JOIN)]
    assembly.add(
        ScheduleRow(
            task=found["task"],
            start=start,
            end=whole("end"),
            mode=mode,
            job=found.get("job") or None,
            resources=listed,
            fail=fail,
        )
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
