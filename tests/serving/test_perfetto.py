"""Traces of serving: the format's rules, and times that are those of the record."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.perfetto import serving_perfetto
from makespan.serving.policy import Policy
from makespan.serving.record import Events, Fate, Kind, Record
from makespan.serving.stays import Phase, stays
from makespan.serving.timeline import Timeline
from makespan.serving.workload import Workload
from tests.serving.engine.cases import Drops, Interrupts, random_case
from tests.serving.records import records


def nano(microseconds: float) -> int:
    """Nanoseconds, of which a time has a whole number."""
    nanoseconds = round(microseconds * 1000)
    assert microseconds == nanoseconds / 1000
    return nanoseconds


def read(text: str) -> list[dict[str, Any]]:
    """Events of a trace, after the checks that a reader of the format would make."""
    document = json.loads(text)
    events: list[dict[str, Any]] = document["traceEvents"]
    processes = {e["pid"] for e in events if e["name"] == "process_name"}
    threads = {(e["pid"], e["tid"]) for e in events if e["name"] == "thread_name"}
    slices: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    open_tracks: dict[tuple[int, str], dict[str, Any]] = {}
    flows: dict[int, list[dict[str, Any]]] = defaultdict(list)
    last: dict[tuple[int, str], float] = {}
    for e in events:
        assert e["pid"] in processes
        if e["ph"] == "X":
            assert (e["pid"], e["tid"]) in threads
            assert e["dur"] > 0
            slices[e["pid"], e["tid"]].append((nano(e["ts"]), nano(e["ts"]) + nano(e["dur"])))
        elif e["ph"] == "i":
            # Shorter than a nanosecond, which no engine is, but a random record may be.
            assert (e["pid"], e["tid"]) in threads
            slices[e["pid"], e["tid"]].append((nano(e["ts"]), nano(e["ts"])))
        elif e["ph"] == "b":
            key = e["pid"], e["id2"]["local"]
            assert key not in open_tracks
            open_tracks[key] = e
        elif e["ph"] == "e":
            begun = open_tracks[e["pid"], e["id2"]["local"]]
            assert (begun["name"], begun["pid"]) == (e["name"], e["pid"])
            assert begun["ts"] <= e["ts"]
        elif e["ph"] in "sf":
            flows[e["id"]].append(e)
        elif e["ph"] == "C":
            assert e["ts"] >= last.get((e["pid"], e["name"]), e["ts"])
            last[e["pid"], e["name"]] = e["ts"]
        else:
            assert e["ph"] == "M"
    for pieces in slices.values():
        pieces.sort()
        # To the nanosecond: of two that overlap Perfetto drops one.
        assert all(start >= end for (_, end), (start, _) in pairwise(pieces))
    for pair in flows.values():
        assert [e["ph"] for e in pair] == ["s", "f"]
        for e in pair:
            around = slices[e["pid"], e["tid"]]
            assert any(a <= nano(e["ts"]) <= b for a, b in around)
        assert pair[0]["ts"] <= pair[1]["ts"]
    return events


@settings(max_examples=25)
@given(st.dictionaries(st.text(max_size=5), records(), max_size=2))
def test_any_record_gives_a_valid_trace(made: dict[str, Record]) -> None:
    """Several policies, refusals, programs, with and without events."""
    read(serving_perfetto(made))


@settings(max_examples=40)
@given(records())
def test_stays_are_the_time_between_sending_and_the_end(record: Record) -> None:
    """Without a gap or an overlap, for each request; the phases are in their order."""
    own: dict[int, list[Any]] = defaultdict(list)
    for stay in stays(record):
        own[stay.request].append(stay)
    for r in np.flatnonzero(record.finished).tolist():
        pieces = own[r]
        assert pieces[0].begin == record.sent[r]
        assert pieces[-1].end == record.last[r]
        assert all(a.end == b.begin for a, b in pairwise(pieces))
        length = dict.fromkeys(Phase, 0)
        for piece in pieces:
            length[piece.phase] += piece.end - piece.begin
        assert length[Phase.QUEUED] == record.queued[r]
        assert length[Phase.PREFILL] == record.first[r] - record.admitted[r]
        assert length[Phase.DECODE] == record.last[r] - record.first[r]


@pytest.mark.parametrize("policy", [Policy, Interrupts, Drops])
def test_simulated_runs_are_told_without_a_gap(policy: type[Policy]) -> None:
    """Preempted, interrupted, dropped; programs; several instances; what is waiting is not run."""
    seen = set()
    for seed in range(12):
        record = simulate_serving(**random_case(seed), policy=policy, events=True, timeline=True)
        own: dict[int, list[Any]] = defaultdict(list)
        for stay in stays(record):
            own[stay.request].append(stay)
            seen.add(stay.phase)
        for r in np.flatnonzero(record.finished).tolist():
            pieces = own[r]
            assert (pieces[0].begin, pieces[-1].end) == (record.sent[r], record.last[r])
            assert all(a.end == b.begin for a, b in pairwise(pieces))
            assert sum(p.phase is Phase.PREEMPTED for p in pieces) <= record.preemptions[r]
        read(serving_perfetto({"a": record, "b": record}))
    assert {Phase.QUEUED, Phase.PREFILL, Phase.DECODE} <= seen
    assert policy is Drops or {Phase.PREEMPTED, Phase.RESUMED} <= seen


def preempted(unit: int = 1) -> Record:
    """One request that loses its memory twice: before its first token and after it."""
    load = Workload("two", np.array([5, 6]), np.array([4, 4]), np.array([3, 1]))
    rows = [
        (10, Kind.ADMIT, 0), (20, Kind.PREEMPT, 0), (30, Kind.ADMIT, 0),
        (60, Kind.PREEMPT, 0), (70, Kind.ADMIT, 0), (90, Kind.FINISH, 0),
    ]  # fmt: skip
    table = np.array(rows, dtype=np.int64)
    return Record(
        load, "by hand", False,
        fate=np.array([Fate.FINISHED, Fate.UNFINISHED]), sent=unit * np.array([5, 6]),
        admitted=np.array([10 * unit, -1]), first=np.array([40 * unit, -1]),
        last=np.array([90 * unit, -1]),
        gap=np.array([40 * unit, 0]), preemptions=np.array([2, 0]), hit=np.array([0, 0]),
        hits=np.array([0, 0]), instance=np.array([0, -1]), steps=9,
        events=Events(unit * table[:, 0], table[:, 1], table[:, 2]),
        timeline=Timeline(
            *(np.array(v) for v in (
                [0, 0], [10 * unit, 70 * unit], [60 * unit, 90 * unit], [5, 2], [1, 1], [1, 0], [3, 2], [8, 4], [1, 2],
            ))
        ),
    )  # fmt: skip


def test_preemptions_are_where_they_happened() -> None:
    """By hand: lost before the first token, resumed after it; who never runs waits to the end."""
    found = [(s.request, s.phase.value, s.begin, s.end) for s in stays(preempted())]
    assert found == [
        (0, "queued", 5, 10),
        (0, "prefill", 10, 20),
        (0, "preempted", 20, 30),
        (0, "prefill", 30, 40),
        (0, "decode", 40, 60),
        (0, "preempted", 60, 70),
        (0, "resumed", 70, 90),
        (1, "queued", 6, 90),
    ]


def test_counters_fall_to_zero_between_stretches() -> None:
    """What is not computing shows nothing."""
    events = read(serving_perfetto({"fcfs": preempted(unit=1000)}, calibration="a table"))

    def values(name: str) -> list[tuple[float, float]]:
        own = [e for e in events if e["ph"] == "C" and e["name"] == name]
        return [(nano(e["ts"]), e["args"]["value"]) for e in own]

    assert values("running") == [(10, 1), (60, 0), (70, 1), (90, 0)]
    assert values("blocks in use") == [(10, 3), (60, 0), (70, 2), (90, 0)]


def test_what_is_known_of_the_times_is_in_the_file() -> None:
    """Simulated or measured, and by which constants; preemptions without events are mentioned."""
    record = preempted()
    other = json.loads(serving_perfetto({"fcfs": record}, calibration="a table"))["otherData"]
    assert other["times"] == "simulated"
    assert other["calibration"] == "a table"
    assert other["notes"] == []
    rows = {name: getattr(record, name) for name in record.__slots__}
    bare = Record(**{**rows, "events": None})
    other = json.loads(serving_perfetto({"fcfs": bare}))["otherData"]
    assert other["notes"] == ["fcfs: preemptions are counted but not placed in time"]
