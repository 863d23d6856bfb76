"""Events of the Chrome trace format, one function per kind, for whatever is to be shown.

Format: "Trace Event Format" (JSON object form) as read by Perfetto. A process (``pid``) groups
threads (``tid``), each a row of slices that must not overlap; tracks of one name and category hold
slices that may. Times are microseconds; every function takes times in units of its caller and the
microseconds in one of them. They are written to whole nanoseconds, which Perfetto counts in:
a slice whose end and the next one's beginning are rounded apart overlap there, and one is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

Event = dict[str, Any]


def interval(
    name: str, kind: str, start: float, end: float, pid: int, tid: int, scale: float
) -> Event:
    """A slice of a thread (``ph: X``), or an instant (``ph: i``) where it has no length."""
    begin = _nanoseconds(start, scale)
    length = _nanoseconds(end, scale) - begin
    event: Event = {
        "name": name,
        "cat": kind,
        "ph": "X",
        "ts": _told(begin),
        "pid": pid,
        "tid": tid,
    }
    if length > 0:
        return {**event, "dur": _told(length)}
    return {**event, "ph": "i", "s": "t"}


def track_slice(
    name: str,
    kind: str,
    key: int,
    start: float,
    end: float,
    pid: int,
    scale: float,
    args: Mapping[str, Any],
) -> Iterable[Event]:
    """A slice beside others of its name that may overlap it (``ph: b`` and ``e``).

    The key tells slices of one process apart; one of all processes (``id``) would take them out of
    theirs.
    """
    shared = {"name": name, "cat": kind, "id2": {"local": hex(key)}, "pid": pid, "tid": 0}
    yield {**shared, "ph": "b", "ts": microseconds(start, scale), "args": dict(args)}
    yield {**shared, "ph": "e", "ts": microseconds(end, scale)}


def flow(
    name: str,
    key: int,
    source: tuple[int, int, float],
    target: tuple[int, int, float],
    scale: float,
) -> Iterable[Event]:
    """An arrow between two slices, each named by (pid, tid, a time within it)."""
    for phase, (pid, tid, time) in (("s", source), ("f", target)):
        yield {
            "name": name,
            "cat": "flow",
            "ph": phase,
            "id": key,
            "ts": microseconds(time, scale),
            "pid": pid,
            "tid": tid,
            # Without it an arrow ends at the next slice that begins.
            **({"bp": "e"} if phase == "f" else {}),
        }


def sample(pid: int, name: str, time: float, value: float, scale: float) -> Event:
    """Value of a counter from a time on (``ph: C``)."""
    at = microseconds(time, scale)
    return {"name": name, "ph": "C", "ts": at, "pid": pid, "args": {"value": value}}


def process(pid: int, name: str) -> Iterable[Event]:
    """Name and place of a process."""
    yield {"name": "process_name", "ph": "M", "pid": pid, "args": {"name": name}}
    yield {"name": "process_sort_index", "ph": "M", "pid": pid, "args": {"sort_index": pid}}


def thread(pid: int, tid: int, name: str) -> Iterable[Event]:
    """Name and place of a thread."""
    yield {"name": "thread_name", "ph": "M", "pid": pid, "tid": tid, "args": {"name": name}}
    yield {
        "name": "thread_sort_index",
        "ph": "M",
        "pid": pid,
        "tid": tid,
        "args": {"sort_index": tid},
    }


def document(events: Iterable[Event], other: Mapping[str, Any]) -> str:
    """The JSON of a whole trace; same events, same text."""
    whole = {"traceEvents": list(events), "displayTimeUnit": "ms", "otherData": dict(other)}
    # Perfetto shows escapes of names as they are written, so that there must be none.
    text = json.dumps(whole, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "replace").decode("utf-8")


def microseconds(value: float, scale: float) -> int | float:
    """Microseconds to the nanosecond, as an integer where it is one."""
    return _told(_nanoseconds(value, scale))


def _nanoseconds(value: float, scale: float) -> int:
    return round(float(value) * scale * 1000)


def _told(nanoseconds: int) -> int | float:
    whole, rest = divmod(nanoseconds, 1000)
    return nanoseconds / 1000 if rest else whole
