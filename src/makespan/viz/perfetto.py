"""Chrome trace event JSON of a plan or a trace, to open in Perfetto (ui.perfetto.dev).

Format: "Trace Event Format" (JSON object form) as read by Perfetto. Processes group what is
alike (machines, renewables, reservoirs, tasks without a resource), threads are machines or lanes
of a renewable, tasks are complete events (``ph: X``), milestones are instants (``ph: i``), usage
and levels are counters (``ph: C``).

Times of that format are microseconds. A tick of a known unit (see
:func:`~makespan.viz.timescale.tick_microseconds`) keeps its true length; a tick without a unit
counts as one millisecond. Seconds of a trace count as seconds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.core.trace import IntervalKind, Trace
from makespan.core.vocabulary import INFINITY, ResourceKind
from makespan.viz._arguments import plan_of
from makespan.viz.lanes import pack_lanes
from makespan.viz.picture import Picture, Steps, picture_of
from makespan.viz.timescale import tick_microseconds
from makespan.viz.trace_events import (
    Event,
    document,
    interval,
    microseconds,
    process,
    sample,
    thread,
)

_UNNAMED_TICK: Final = 1000.0
_MACHINES, _RENEWABLES, _RESERVOIRS, _LOOSE = 1, 2, 3, 4
_PROCESSES: Final = {
    _MACHINES: "machines",
    _RENEWABLES: "renewables",
    _RESERVOIRS: "reservoirs",
    _LOOSE: "no resource",
}


def write_perfetto(
    source: Trace | tuple[Problem, Schedule | Result],
    path: str | Path,
    *,
    microseconds_per_tick: float | None = None,
) -> None:
    """Write the trace of :func:`perfetto_json` to ``path``."""
    text = perfetto_json(source, microseconds_per_tick=microseconds_per_tick)
    Path(path).write_text(text, encoding="utf-8", newline="\n")


def perfetto_json(
    source: Trace | tuple[Problem, Schedule | Result],
    *,
    microseconds_per_tick: float | None = None,
) -> str:
    """Chrome trace event JSON of a trace, or of a problem's schedule; same input, same text.

    Parameters
    ----------
    source
        A trace, or (problem, schedule). The pair shows more: demands, due dates, jobs, counters.
    microseconds_per_tick
        Overrides the length of a tick in the picture.

    Raises
    ------
    OptionError
        If the scale is not positive, or the result holds no schedule.
    """
    if microseconds_per_tick is not None and not microseconds_per_tick > 0:
        raise OptionError(f"microseconds_per_tick is {microseconds_per_tick}, must be above 0")
    if isinstance(source, Trace):
        default = 1e6 if source.time_unit == "s" else _UNNAMED_TICK
        scale = microseconds_per_tick or tick_microseconds(source.time_unit) or default
        events = list(_events_of_trace(source, scale))
        name = source.name
    else:
        problem, schedule = source
        plan, _ = plan_of(problem, schedule)
        scale = microseconds_per_tick or tick_microseconds(problem.time_unit) or _UNNAMED_TICK
        events = list(_events_of_picture(picture_of(problem, plan), scale))
        name = problem.name
    return document(events, {"name": name, "microseconds_per_tick": scale})


def _events_of_picture(picture: Picture, scale: float) -> Iterable[Event]:
    resources = picture.problem.resources
    used = {
        _MACHINES: bool((resources.kind == ResourceKind.MACHINE).any()),
        _RENEWABLES: bool((resources.kind == ResourceKind.RENEWABLE).any()),
        _RESERVOIRS: bool(picture.level),
        _LOOSE: len(picture.loose) > 0,
    }
    for pid, word in _PROCESSES.items():
        if used[pid]:
            yield from process(pid, word)
    threads = _threads(picture)
    for (r, lane), (pid, tid) in threads.items():
        label = "no resource" if r < 0 else resources.names[r]
        several = (r, lane + 1) in threads or lane > 0
        yield from thread(pid, tid, f"{label} · {lane + 1}" if several else label)
    arguments = {
        int(i): _arguments(picture, int(i)) for i in np.flatnonzero(picture.schedule.present)
    }
    place: dict[tuple[int, int], tuple[int, int]] = {}
    bars = picture.bars
    for k in range(len(bars)):
        i, r = int(bars.task[k]), int(bars.resource[k])
        pid, tid = place[i, r] = threads[r, int(picture.bar_lane[k])]
        yield _task_event(picture, i, pid, tid, scale, arguments[i])
    for k, i in enumerate(picture.loose.tolist()):
        pid, tid = threads[-1, int(picture.loose_lane[k])]
        yield _task_event(picture, i, pid, tid, scale, arguments[i])
    yield from _side_events(picture, place, scale)
    for r, load in picture.load.items():
        yield from _counter(_RENEWABLES, f"{resources.names[r]} in use", load, scale)
    for r, limit in picture.limit.items():
        if len(limit.time) > 1:
            yield from _counter(_RENEWABLES, f"{resources.names[r]} capacity", limit, scale)
    for r, level in picture.level.items():
        yield from _counter(_RESERVOIRS, f"{resources.names[r]} level", level, scale)


def _threads(picture: Picture) -> dict[tuple[int, int], tuple[int, int]]:
    """(process, thread) of every (resource, lane); resource -1 stands for none."""
    kind = picture.problem.resources.kind
    lanes: dict[int, int] = {}
    for r in np.flatnonzero(kind == ResourceKind.MACHINE).tolist():
        lanes[r] = 1
    for r, lane in zip(picture.bars.resource.tolist(), picture.bar_lane.tolist(), strict=True):
        lanes[r] = max(lanes.get(r, 0), lane + 1)
    if len(picture.loose):
        lanes[-1] = int(picture.loose_lane.max()) + 1
    found: dict[tuple[int, int], tuple[int, int]] = {}
    tid = 0
    for r in sorted(lanes, key=lambda v: (v < 0, v)):
        pid = _LOOSE if r < 0 else _MACHINES if kind[r] == ResourceKind.MACHINE else _RENEWABLES
        for lane in range(lanes[r]):
            tid += 1
            found[r, lane] = (pid, tid)
    return found


def _arguments(picture: Picture, i: int) -> dict[str, Any]:
    problem, schedule = picture.problem, picture.schedule
    tasks, job = problem.tasks, int(problem.tasks.job[i])
    mode = int(schedule.mode[i])
    part = slice(int(problem.modes.demand_ptr[mode]), int(problem.modes.demand_ptr[mode + 1]))
    values: dict[str, Any] = {
        "start": int(schedule.start[i]),
        "end": int(schedule.end[i]),
        "mode": mode - int(tasks.mode_ptr[i]) + 1,
    }
    if job >= 0:
        values["job"] = problem.jobs.names[job]
    demands = zip(
        problem.modes.demand_resource[part].tolist(),
        problem.modes.demand_amount[part].tolist(),
        strict=True,
    )
    held = {problem.resources.names[r]: amount for r, amount in demands if amount}
    if held:
        values["demands"] = held
    for word, limit in (("due", tasks.due), ("deadline", tasks.deadline)):
        if limit[i] < INFINITY:
            values[word] = int(limit[i])
    if job >= 0 and problem.jobs.due[job] < INFINITY:
        values["job due"] = int(problem.jobs.due[job])
    return values


def _task_event(
    picture: Picture, i: int, pid: int, tid: int, scale: float, arguments: dict[str, Any]
) -> Event:
    start, end = int(picture.schedule.start[i]), int(picture.schedule.end[i])
    job = int(picture.problem.tasks.job[i])
    name = picture.problem.tasks.names[i]
    kind = "task" if job < 0 else picture.problem.jobs.names[job]
    return {**interval(name, kind, start, end, pid, tid, scale), "args": arguments}


def _side_events(
    picture: Picture, place: dict[tuple[int, int], tuple[int, int]], scale: float
) -> Iterable[Event]:
    """Blocked time and setups, cut to the gaps between tasks: slices of a thread may not overlap.

    In a schedule that verifies there is nothing to cut.
    """
    bars = picture.bars
    taken: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for k in np.flatnonzero(bars.end > bars.start).tolist():
        where = place[int(bars.task[k]), int(bars.resource[k])]
        taken.setdefault(where, []).append((int(bars.start[k]), int(bars.end[k])))
    for pieces in taken.values():
        pieces.sort()
    left: dict[tuple[tuple[int, int], int], int] = {}
    for kind, spans in (("blocked", picture.blocked), ("setup", picture.setup)):
        for k in range(len(spans)):
            i = int(spans.task[k])
            where = place[i, int(spans.resource[k])]
            pieces = taken.get(where, [])
            start, end = int(spans.start[k]), int(spans.end[k])
            if kind == "blocked":
                after = bisect_left(pieces, (start, start))
                end = min(end, pieces[after][0]) if after < len(pieces) else end
                left[where, after - 1] = end
            else:
                before = bisect_left(pieces, (end, end)) - 1
                if before >= 0:
                    start = max(start, pieces[before][1], left.get((where, before), start))
            if start < end:
                name = f"{kind}: {picture.problem.tasks.names[i]}"
                yield interval(name, kind, start, end, *where, scale)


def _events_of_trace(trace: Trace, scale: float) -> Iterable[Event]:
    resources = {name: k for k, name in enumerate(trace.resources)}
    row = np.array(
        [resources.get(v.resource, len(resources)) for v in trace.intervals], dtype=np.int32
    )
    start = np.array([v.start for v in trace.intervals], dtype=np.float64)
    end = np.array([v.end for v in trace.intervals], dtype=np.float64)
    lane = pack_lanes(row, start, end)
    yield from process(1, trace.name or "trace")
    threads: dict[tuple[int, int], int] = {}
    for key in sorted(set(zip(row.tolist(), lane.tolist(), strict=True))):
        threads[key] = len(threads) + 1
        label = trace.resources[key[0]] if key[0] < len(trace.resources) else "no resource"
        several = key[1] > 0 or (row[lane > 0] == key[0]).any()
        yield from thread(1, threads[key], f"{label} · {key[1] + 1}" if several else label)
    for k, item in enumerate(trace.intervals):
        tid = threads[int(row[k]), int(lane[k])]
        name = item.task or item.kind.value
        if item.kind is not IntervalKind.RUN and item.task:
            name = f"{item.kind.value}: {item.task}"
        event = interval(name, item.kind.value, item.start, item.end, 1, tid, scale)
        event["args"] = {"amount": item.amount} | (
            {"mode": item.mode + 1} if item.mode >= 0 else {}
        )
        yield event
    for happening in trace.events:
        yield {
            "name": happening.kind,
            "cat": "event",
            "ph": "i",
            "s": "p",
            "ts": microseconds(happening.time, scale),
            "pid": 1,
            "tid": 0,
            "args": dict(happening.payload),
        }
    for counter in trace.counters:
        yield sample(1, counter.name, counter.time, counter.value, scale)


def _counter(pid: int, name: str, steps: Steps, scale: float) -> Iterable[Event]:
    for time, value in zip(steps.time.tolist(), steps.value.tolist(), strict=True):
        yield sample(pid, name, time, value, scale)
