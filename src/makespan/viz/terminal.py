"""Small text Gantt chart for terminals."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Final

import numpy as np

from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import IndexArray, ResourceKind
from makespan.viz._arguments import plan_of
from makespan.viz.lanes import pack_lanes
from makespan.viz.palette import INKS, PALETTE, style_of
from makespan.viz.picture import Picture, Steps, picture_of
from makespan.viz.timescale import axis_ticks, number, unit_words

_LEVELS: Final = " ▁▂▃▄▅▆▇█"
_RESET: Final = "\x1b[0m"
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def terminal_gantt(
    problem: Problem,
    schedule: Schedule | Result,
    *,
    width: int | None = None,
    colour: bool = False,
    rows: int = 40,
) -> str:
    """Gantt chart in block characters, one line per machine or lane.

    Parameters
    ----------
    width
        Columns; default is the terminal's width. At least 40.
    colour
        Whether to use ANSI 24-bit colours. Without them, letters tell jobs apart.
        Setups are ``~``, breaks inside a task ``·``, blocked machines ``▒``.
    rows
        Most rows to print; the last line says how many are left out.

    Raises
    ------
    OptionError
        If the result holds no schedule.
    """
    plan, _ = plan_of(problem, schedule)
    picture = picture_of(problem, plan)
    columns = max(40, width or shutil.get_terminal_size((100, 24)).columns)
    lines = _rows(picture)
    margin = min(max((len(row.label) for row in lines), default=0), columns // 4, 20)
    room = columns - margin - 2
    out = [" " * (margin + 1) + _ruler(picture, room)]
    for row in lines[:rows]:
        name = row.label if len(row.label) <= margin else row.label[: margin - 1] + "…"
        cells = (
            _load(picture, row.resource, room) if row.load else _bars(picture, row, room, colour)
        )
        out.append(f"{name:<{margin}} {cells}".rstrip())
    if len(lines) > rows:
        out.append(f"{'':<{margin}} … and {len(lines) - rows} more rows")
    out.append(" " * (margin + 1) + _foot(picture, colour, room))
    return "\n".join(out)


@dataclass(frozen=True, slots=True)
class _Row:
    """One line: the tasks of a machine or lane, or the load of a renewable."""

    label: str
    tasks: IndexArray
    resource: int = -1
    load: bool = False


def _rows(picture: Picture) -> list[_Row]:
    resources, bars, schedule = picture.problem.resources, picture.bars, picture.schedule
    machine = resources.kind[bars.resource] == ResourceKind.MACHINE
    found = [
        _Row(_safe(resources.names[r]), bars.task[bars.resource == r], r)
        for r in np.flatnonzero(resources.kind == ResourceKind.MACHINE).tolist()
    ]
    none = np.empty(0, dtype=np.int32)
    found += [_Row(_safe(resources.names[r]), none, r, load=True) for r in picture.load]
    on_machine = np.zeros(picture.problem.tasks.count, dtype=np.bool_)
    on_machine[bars.task[machine]] = True
    rest = np.flatnonzero(schedule.present & ~on_machine).astype(np.int32)
    lane = pack_lanes(np.zeros_like(rest), schedule.start[rest], schedule.end[rest])
    for k in range(int(lane.max(initial=-1)) + 1):
        found.append(_Row("tasks" if k == 0 else "", rest[lane == k]))
    return found


def _bars(picture: Picture, row: _Row, room: int, colour: bool) -> str:
    schedule, problem = picture.schedule, picture.problem
    owner = np.full(room, -1, dtype=np.int64)
    cells = [" "] * room
    for spans, sign in ((picture.setup, "~"), (picture.blocked, "▒")):
        mine = spans.where(spans.resource == row.resource)
        for start, end in zip(mine.start.tolist(), mine.end.tolist(), strict=True):
            a, b = max(0, _cell(picture, start, room)), _cell(picture, end, room)
            cells[a:b] = [sign] * (b - a)
    order = row.tasks[np.lexsort((row.tasks, schedule.start[row.tasks]))]
    for i in order.tolist():
        start, end = int(schedule.start[i]), int(schedule.end[i])
        a = min(_cell(picture, start, room), room - 1)
        if start == end:
            if owner[a] < 0:
                owner[a], cells[a] = i, "◆"
            continue
        b = min(max(_cell(picture, end, room), a + 1), room)
        owner[a:b] = i
        cells[a:b] = _bar(problem, i, b - a, colour)
        pauses = picture.suspended.where(picture.suspended.task == i)
        for low, high in zip(pauses.start.tolist(), pauses.end.tolist(), strict=True):
            x, y = _cell(picture, low, room), min(_cell(picture, high, room), b)
            cells[x:y] = ["·"] * (y - x)
    if not colour:
        return "".join(cells)
    out, current = [], -1
    for k in range(room):
        if owner[k] != current:
            current = int(owner[k])
            plain = current < 0 or cells[k] == "◆"
            out.append(_RESET if plain else _paint(problem, current))
        out.append(cells[k])
    return "".join(out) + _RESET


def _bar(problem: Problem, i: int, width: int, colour: bool) -> list[str]:
    """Characters of a bar: its name if it fits, on the job's letter or colour."""
    text = _safe(problem.tasks.names[i])
    if colour:
        return list(f"{text:^{width}}") if len(text) <= width else [" "] * width
    job = int(problem.tasks.job[i])
    mark = "█" if job < 0 else _LETTERS[job % len(_LETTERS)]
    if width >= len(text) + 2:
        return list(f"{'[' + text:{mark}<{width - 1}}]")
    return ["[", *[mark] * (width - 2), "]"] if width >= 2 else [mark]


def _load(picture: Picture, resource: int, room: int) -> str:
    """Usage of a renewable relative to its largest capacity; ``!`` where it exceeds it."""
    load, limit = picture.load[resource], picture.limit[resource]
    top = max(1, int(limit.value.max()))
    out = []
    for k in range(room):
        a = picture.start + k * (picture.end - picture.start) // room
        b = max(a + 1, picture.start + (k + 1) * (picture.end - picture.start) // room)
        used = _most(load, a, b)
        if used > _most(limit, a, b):
            out.append("!")
        else:
            out.append(_LEVELS[-(-used * 8 // top) if used else 0])
    return "".join(out)


def _most(steps: Steps, a: int, b: int) -> int:
    low = int(np.searchsorted(steps.time, a, side="right")) - 1
    high = int(np.searchsorted(steps.time, b, side="left"))
    return int(steps.value[max(0, low) : max(high, low + 1)].max())


def _cell(picture: Picture, time: int, room: int) -> int:
    return round((time - picture.start) * room / (picture.end - picture.start))


def _ruler(picture: Picture, room: int) -> str:
    line = [" "] * (room + 8)
    free = 0
    for tick in axis_ticks(picture.start, picture.end, max(2, room // 12)):
        text = number(tick)
        at = _cell(picture, tick, room)
        if at >= free and at + len(text) <= room:
            line[at : at + len(text)] = list(text)
            free = at + len(text) + 1
    return "".join(line).rstrip()


def _foot(picture: Picture, colour: bool, room: int) -> str:
    problem = picture.problem
    text = f"makespan {number(picture.schedule.makespan)}"
    if problem.time_unit:
        text += f" {unit_words(problem.time_unit)}"
    if colour or not 0 < problem.jobs.count <= len(_LETTERS):
        return text
    names = (f"{_LETTERS[j]} {_safe(problem.jobs.names[j])}" for j in range(problem.jobs.count))
    full = text + " · " + ", ".join(names)
    return full if len(full) <= room else full[: room - 1] + "…"


def _paint(problem: Problem, i: int) -> str:
    colour, _ = style_of(int(problem.tasks.job[i]), i)
    fill, ink = _rgb(PALETTE[colour]), _rgb(INKS[colour])
    return f"\x1b[48;2;{fill}m\x1b[38;2;{ink}m"


def _rgb(colour: str) -> str:
    return ";".join(str(int(colour[k : k + 2], 16)) for k in (1, 3, 5))


def _safe(text: str) -> str:
    """Names without control characters, which could command the terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
