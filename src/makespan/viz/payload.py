"""Columnar JSON of a picture, embedded in the interactive Gantt.

Every column is written in its shortest form: null (no values), one number (constant), a list
(null for a missing value), or ``{"first", "delta"}`` where differences are shorter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from makespan.core.graph_schedule import Push
from makespan.core.names import NameTable
from makespan.core.problem import Problem
from makespan.core.vocabulary import INFINITY, BoolArray, IntArray, ResourceKind
from makespan.viz.palette import HATCHES, INKS, PALETTE
from makespan.viz.picture import Picture, Spans, Steps, consumed
from makespan.viz.timescale import offset_text, tick_microseconds, unit_words, wall_clock_ms

Json = Any


def payload(
    picture: Picture,
    *,
    critical: BoolArray | None = None,
    chain: Sequence[Push] = (),
    slack: IntArray | None = None,
    grouping: str = "resource",
) -> dict[str, Json]:
    """Everything the script of the Gantt needs, as JSON-ready values."""
    problem, schedule = picture.problem, picture.schedule
    tick = tick_microseconds(problem.time_unit)
    dated = problem.origin is not None and tick is not None
    return {
        "name": problem.name,
        "unit": problem.time_unit,
        "unitWords": unit_words(problem.time_unit),
        "tickMs": None if tick is None else tick / 1000,
        "origin": wall_clock_ms(problem.origin) if dated and problem.origin else None,
        "zone": offset_text(problem.origin) if dated and problem.origin else "",
        "start": picture.start,
        "end": picture.end,
        "makespan": schedule.makespan,
        "grouping": grouping,
        "palette": list(PALETTE),
        "inks": list(INKS),
        "hatches": HATCHES,
        "jobs": {
            "n": problem.jobs.count,
            "names": _names(problem.jobs.names),
            "release": _column(problem.jobs.release),
            "due": _column(problem.jobs.due),
            "deadline": _column(problem.jobs.deadline),
        },
        "tasks": _tasks(picture, critical, slack),
        "chain": [[p.before, p.after, p.cause.value, p.subject] for p in chain],
        "resources": _resources(picture),
        "bars": {
            "n": len(picture.bars),
            "task": _column(picture.bars.task),
            "resource": _column(picture.bars.resource),
            "lane": _column(picture.bar_lane),
            "amount": _column(picture.bar_amount),
        },
        "loose": {
            "n": len(picture.loose),
            "task": _column(picture.loose),
            "lane": _column(picture.loose_lane),
        },
        "setup": _spans(picture.setup),
        "blocked": _spans(picture.blocked),
        "suspended": _spans(picture.suspended),
        "demands": _other_demands(picture),
        "calendars": [gaps.reshape(-1).tolist() for gaps in picture.breaks],
        "load": _steps(picture.load),
        "limit": _steps(picture.limit),
        "level": _steps(picture.level),
        "precedences": {
            "n": problem.precedences.count,
            "source": _column(problem.precedences.source),
            "target": _column(problem.precedences.target),
            "kind": _column(problem.precedences.kind),
            "minimum": _column(problem.precedences.minimum),
            "maximum": _column(problem.precedences.maximum),
        },
    }


def script_json(value: Mapping[str, Json]) -> str:
    """JSON that is safe inside a script element: no ``<``, ``>`` or ``&``, ASCII only."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _tasks(picture: Picture, critical: BoolArray | None, slack: IntArray | None) -> dict[str, Json]:
    problem, schedule = picture.problem, picture.schedule
    tasks = problem.tasks
    here = schedule.present
    local = np.where(here, schedule.mode - tasks.mode_ptr[:-1], -1)
    work = np.where(here, problem.modes.duration[np.maximum(schedule.mode, 0)], 0)
    length = np.where(here, schedule.end - schedule.start, 0)
    return {
        "n": tasks.count,
        "names": _names(tasks.names, problem),
        "job": _column(tasks.job),
        "start": _column(schedule.start),
        "length": _column(length),
        "rest": _column(length - work),
        "mode": _column(local),
        "modes": _column(np.diff(tasks.mode_ptr)),
        "jobLane": _column(picture.job_lane),
        "release": _column(tasks.release),
        "due": _column(tasks.due),
        "deadline": _column(tasks.deadline),
        "slack": None if slack is None else _column(np.asarray(slack)),
        "critical": None if critical is None else np.flatnonzero(critical & here).tolist(),
    }


def _resources(picture: Picture) -> dict[str, Json]:
    resources = picture.problem.resources
    total = [
        consumed(picture, r) if resources.kind[r] == ResourceKind.CONSUMABLE else 0
        for r in range(resources.count)
    ]
    return {
        "n": resources.count,
        "names": _names(resources.names),
        "kind": _column(resources.kind),
        "calendar": _column(resources.calendar),
        "capacity": _plain(resources.capacity),
        "minimum": _plain(resources.minimum),
        "used": total,
    }


def _other_demands(picture: Picture) -> dict[str, Json]:
    """Demands that no bar shows: on consumables and reservoirs."""
    kind = picture.problem.resources.kind[picture.demand_resource]
    other = (kind == ResourceKind.CONSUMABLE) | (kind == ResourceKind.RESERVOIR)
    return {
        "n": int(other.sum()),
        "task": _column(picture.demand_task[other]),
        "resource": _column(picture.demand_resource[other]),
        "amount": _column(picture.demand_amount[other]),
        "timing": _column(picture.demand_timing[other]),
    }


def _spans(spans: Spans) -> dict[str, Json]:
    return {
        "n": len(spans),
        "task": _column(spans.task),
        "resource": _column(spans.resource),
        "start": _column(spans.start),
        "end": _column(spans.end),
    }


def _steps(steps: Mapping[int, Steps]) -> dict[str, Json]:
    return {
        str(r): {"time": s.time.tolist(), "value": s.value.tolist()}
        for r, s in sorted(steps.items())
    }


def _plain(values: IntArray) -> list[int | None]:
    return [None if abs(v) >= INFINITY else v for v in values.tolist()]


def _column(array: np.ndarray[Any, np.dtype[Any]]) -> Json:
    values = np.asarray(array)
    if len(values) == 0:
        return []
    if values.dtype.kind in "ui":
        values = values.astype(np.int64)
    missing = np.abs(values) >= INFINITY
    if missing.all():
        return None
    if (values == values[0]).all():
        return int(values[0])
    if missing.any():
        return _plain(values)
    plain = values.tolist()
    steps = np.diff(values)
    if (steps == steps[0]).all():
        return {"first": plain[0], "delta": int(steps[0])}
    if _digits(steps) + 20 < _digits(values):
        return {"first": plain[0], "delta": steps.tolist()}
    return plain


def _digits(values: IntArray) -> int:
    """Characters of the numbers written out."""
    size = np.abs(values)
    digits = np.floor(np.log10(np.maximum(size, 1))).astype(np.int64) + 1
    return int(digits.sum() + (values < 0).sum())


def _names(names: NameTable, problem: Problem | None = None) -> Json:
    """Names as a list, or as the pattern that makes them."""
    texts = list(names)
    if len(texts) < 2:
        return texts
    if problem is not None and _numbered_by_job(texts, problem):
        return {"perJob": True}
    prefix = texts[0].rstrip("0123456789")
    digits = texts[0][len(prefix) :]
    if digits.isascii() and digits.isdigit() and len(digits) < 16 and str(int(digits)) == digits:
        first = int(digits)
        if all(text == f"{prefix}{first + i}" for i, text in enumerate(texts)):
            return {"prefix": prefix, "first": first}
    return texts


def _numbered_by_job(texts: Sequence[str], problem: Problem) -> bool:
    count: dict[int, int] = {}
    job_names = list(problem.jobs.names)
    for text, j in zip(texts, problem.tasks.job.tolist(), strict=True):
        if j < 0:
            return False
        count[j] = count.get(j, 0) + 1
        if text != f"{job_names[j]}.{count[j]}":
            return False
    return True
