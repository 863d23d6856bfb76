"""Small text Gantt chart for terminals."""

from __future__ import annotations

import shutil
from typing import Final

import numpy as np

from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import ResourceKind
from makespan.viz._arguments import plan_of
from makespan.viz.lanes import pack_lanes
from makespan.viz.palette import INKS, PALETTE, style_of
from makespan.viz.picture import Picture, Steps, picture_of
from makespan.viz.timescale import axis_ticks, number, unit_words

_LEVELS: Final = " ▁▂▃▄▅▆▇█"
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
    labels, lines = _lines(picture)
    margin = min(max((len(text) for text in labels), default=0), columns // 4, 20)
    room = columns - margin - 2
    out = [" " * (margin + 1) + _ruler(picture, room)]
    for label, line in list(zip(labels, lines, strict=True))[:rows]:
        name = label if len(label) <= margin else label[: margin - 1] + "…"
        cells = (
            _bars(picture, line, room, colour)
            if isinstance(line, np.ndarray)
            else _load(picture, line, room)
        )
        out.append(f"{name:<{margin}} {cells}".rstrip())
    if len(lines) > rows:
        out.append(f"{'':<{margin}} … and {len(lines) - rows} more rows")
    out.append(" " * (margin + 1) + _foot(picture, colour, room))
    return "\n".join(out)


def _lines(picture: Picture) -> tuple[list[str], list[np.ndarray | int]]:
    """Label of each row with its tasks, or with the renewable whose load it shows."""
    resources, bars = picture.problem.resources, picture.bars
    labels: list[str] = []
    lines: list[np.ndarray | int] = []
    for r in np.flatnonzero(resources.kind == ResourceKind.MACHINE).tolist():
        labels.append(_safe(resources.names[r]))
        lines.append(bars.task[bars.resource == r])
    for r in picture.load:
        labels.append(_safe(resources.names[r]))
        lines.append(r)
    on_machine = np.zeros(picture.problem.tasks.count, dtype=np.bool_)
    on_machine[bars.task[resources.kind[bars.resource] == ResourceKind.MACHINE]] = True
    rest = np.flatnonzero(picture.schedule.present & ~on_machine)
    if len(rest):
        lane = _pack(picture, rest)
        for k in range(int(lane.max()) + 1):
            labels.append("tasks" if k == 0 else "")
            lines.append(rest[lane == k])
    return labels, lines


def _pack(picture: Picture, tasks: np.ndarray) -> np.ndarray:
    schedule = picture.schedule
    return pack_lanes(
        np.zeros(len(tasks), dtype=np.int32), schedule.start[tasks], schedule.end[tasks]
    )


def _bars(picture: Picture, tasks: np.ndarray, room: int, colour: bool) -> str:
    schedule, problem = picture.schedule, picture.problem
    owner = np.full(room, -1, dtype=np.int64)
    label = [" "] * room
    order = tasks[np.lexsort((tasks, schedule.start[tasks]))]
    for i in order.tolist():
        a, b = (
            _cell(picture, int(schedule.start[i]), room),
            _cell(picture, int(schedule.end[i]), room),
        )
        if schedule.start[i] == schedule.end[i]:
            a = min(a, room - 1)
            if owner[a] < 0:
                owner[a], label[a] = i, "◆"
            continue
        b = min(max(b, a + 1), room)
        owner[a:b] = i
        mark = _mark(problem, i)
        label[a:b] = [mark] * (b - a)
        text = _safe(problem.tasks.names[i])
        if colour:
            label[a:b] = (
                list(f"{text:^{b - a}}"[: b - a]) if len(text) <= b - a else [" "] * (b - a)
            )
        elif b - a >= len(text) + 2:
            label[a:b] = list(f"{'[' + text:{mark}<{b - a - 1}}]")
        elif b - a >= 2:
            label[a], label[b - 1] = "[", "]"
    if not colour:
        return "".join(label)
    out, current = [], -1
    for k in range(room):
        if owner[k] != current:
            current = int(owner[k])
            out.append("\x1b[0m" if current < 0 or label[k] == "◆" else _paint(problem, current))
        out.append(label[k])
    out.append("\x1b[0m")
    return "".join(out)


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


def _mark(problem: Problem, i: int) -> str:
    job = int(problem.tasks.job[i])
    if problem.jobs.count > len(_LETTERS) or job < 0:
        return "█" if job < 0 else _LETTERS[job % len(_LETTERS)]
    return _LETTERS[job]


def _paint(problem: Problem, i: int) -> str:
    colour, _ = style_of(int(problem.tasks.job[i]), i)
    fill, ink = _rgb(PALETTE[colour]), _rgb(INKS[colour])
    return f"\x1b[48;2;{fill}m\x1b[38;2;{ink}m"


def _rgb(colour: str) -> str:
    return ";".join(str(int(colour[k : k + 2], 16)) for k in (1, 3, 5))


def _safe(text: str) -> str:
    """Names without control characters, which could command the terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
