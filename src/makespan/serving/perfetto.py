"""Chrome trace event JSON of simulated or measured serving, to open in Perfetto (ui.perfetto.dev).

A process is an instance under a policy. Its threads are places in the batch, with a slice per
request: prefill, decode, resumed after a preemption. Requests that wait are on tracks of their own
beside them, where slices may overlap. Counters are the requests running and waiting, the blocks in
use, and the tokens computed per second, if the record has a timeline. Arrows lead from a request to
those that waited for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from makespan._version import __version__
from makespan.serving.record import Record
from makespan.serving.stays import Phase, Stay, stays
from makespan.serving.timeline import Timeline
from makespan.serving.workload import PICOSECONDS
from makespan.viz.lanes import pack_lanes
from makespan.viz.trace_events import (
    Event,
    document,
    flow,
    interval,
    process,
    sample,
    thread,
    track_slice,
)

_SCALE: Final = 1e-6
"""Microseconds in a picosecond."""


def serving_perfetto(records: Mapping[str, Record], *, calibration: str = "") -> str:
    """Trace of one load under one or several policies; same records, same text.

    About 1.4 KB a request, counters included.

    Parameters
    ----------
    records
        By the name of the policy, which is shown if there are several.
    calibration
        Where simulated times come from, kept in the file.
    """
    events: list[Event] = []
    notes = []
    pid = 1
    for name, record in records.items():
        engines = _instances(record)
        for i in range(engines):
            label = f"instance {i}"
            events += process(pid + i, f"{name} · {label}" if len(records) > 1 else label)
        events += _requests(record, pid)
        if record.timeline is not None:
            events += _counters(record.timeline, pid)
        if record.events is None and record.preemptions.any():
            notes.append(f"{name}: preemptions are counted but not placed in time")
        pid += engines
    one = next(iter(records.values()), None)
    return document(
        events,
        {
            "name": one.workload.name if one else "",
            "source": one.workload.source if one else "",
            "engine": one.engine if one else "",
            "times": "measured" if one and one.measured else "simulated",
            "calibration": calibration,
            "notes": notes,
            "makespan version": __version__,
        },
    )


def _instances(record: Record) -> int:
    """How many instances the record names, one at least."""
    highest = [0, int(record.instance.max(initial=-1))]
    if record.timeline is not None and len(record.timeline):
        highest.append(int(record.timeline.instance.max()))
    if record.events is not None and len(record.events):
        highest.append(int(record.events.instance.max()))
    return max(highest) + 1


def _places(served: Sequence[Stay]) -> list[int]:
    """Of each stay in a batch its place there; prefill and decode of one admission share it."""
    visits: list[tuple[int, int, int]] = []
    visit: list[int] = []
    before: Stay | None = None
    for stay in served:
        if (
            before is not None
            and before.phase is Phase.PREFILL
            and (before.request, before.instance, before.end)
            == (stay.request, stay.instance, stay.begin)
        ):
            visits[-1] = (stay.instance, visits[-1][1], stay.end)
        else:
            visits.append((stay.instance, stay.begin, stay.end))
        visit.append(len(visits) - 1)
        before = stay
    table = np.array(visits, dtype=np.int64).reshape(-1, 3)
    lanes = pack_lanes(table[:, 0].astype(np.int32), table[:, 1], table[:, 2]).tolist()
    return [lanes[k] for k in visit]


def _requests(record: Record, pid: int) -> Iterator[Event]:
    """Slices of those that run and of those that wait, and arrows to who waited for whom."""
    waiting: list[Stay] = []
    served: list[Stay] = []
    for stay in stays(record):
        (waiting if stay.phase.waits else served).append(stay)
    places = _places(served)
    for instance, place in sorted({(s.instance, p) for s, p in zip(served, places, strict=True)}):
        yield from thread(pid + instance, place + 1, f"place {place + 1}")
    said = [_arguments(record, r) for r in range(record.count)]
    first: dict[int, tuple[int, int, float]] = {}
    last: dict[int, tuple[int, int, float]] = {}
    for stay, place in zip(served, places, strict=True):
        where = pid + stay.instance, place + 1
        name = f"{stay.phase.value} {stay.request}"
        event = interval(name, stay.phase.value, stay.begin, stay.end, *where, _SCALE)
        event["args"] = said[stay.request]
        yield event
        first.setdefault(stay.request, (*where, stay.begin))
        # Arrows leave from the middle of a slice: its end may be the begin of another.
        last[stay.request] = (*where, (stay.begin + stay.end) / 2)
    for key, stay in enumerate(waiting):
        yield from track_slice(
            stay.phase.value,
            "waiting",
            key,
            stay.begin,
            stay.end,
            pid + max(stay.instance, 0),
            _SCALE,
            said[stay.request],
        )
    load = record.workload
    owner = np.repeat(np.arange(load.count), np.diff(load.parent_ptr))
    for key, (child, parent) in enumerate(zip(owner.tolist(), load.parent.tolist(), strict=True)):
        if child in first and parent in last and record.finished[parent]:
            yield from flow("waits for", pid << 32 | key, last[parent], first[child], _SCALE)


def _arguments(record: Record, r: int) -> dict[str, Any]:
    """What is shown of a request that is selected."""
    load = record.workload
    values: dict[str, Any] = {
        "request": r,
        "prompt": int(load.prompt[r]),
        "output": int(load.output[r]),
    }
    for name, seen in (("found in cache", record.hit), ("preemptions", record.preemptions)):
        if seen[r]:
            values[name] = int(seen[r])
    if load.program[r] >= 0:
        values["program"] = int(load.program[r])
    if load.label[r] >= 0:
        values["label"] = load.labels[load.label[r]]
    if load.slo[r] >= 0:
        values["class"] = load.slos[load.slo[r]].name
    return values


def _counters(timeline: Timeline, pid: int) -> Iterator[Event]:
    """Values of each stretch of steps, 0 in between; blocks are those at its end."""
    for i in sorted(set(timeline.instance.tolist())):
        own = np.flatnonzero(timeline.instance == i)
        begin, end = timeline.begin[own], timeline.end[own]
        idle = np.append(begin[1:] > end[:-1], True)
        seconds = np.maximum(end - begin, 1) / PICOSECONDS
        columns = (
            ("running", timeline.running[own]),
            ("waiting", timeline.waiting[own]),
            ("blocks in use", timeline.used[own]),
            ("prompt tokens/s", np.rint(timeline.prompt[own] / seconds)),
            ("decoded tokens/s", np.rint(timeline.decode[own] / seconds)),
        )
        for name, values in columns:
            known = None
            for a, b, value, empty in zip(
                begin.tolist(), end.tolist(), values.tolist(), idle.tolist(), strict=True
            ):
                if value != known:
                    yield sample(pid + i, name, a, value, _SCALE)
                known = value
                if empty and value:
                    yield sample(pid + i, name, b, 0, _SCALE)
                    known = 0
