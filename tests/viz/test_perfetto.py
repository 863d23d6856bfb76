"""Chrome trace events follow the format Perfetto reads."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.core.result import Result
from makespan.core.trace import Counter, Event, Interval, IntervalKind, Trace
from makespan.core.vocabulary import Status
from makespan.viz import perfetto_json, write_perfetto
from tests.strategies import problems, schedules
from tests.viz.plans import job_shop, project, workshop

PLANS = {"workshop": workshop, "project": project, "job shop": lambda: job_shop(8, 5)}


def check_structure(text: str) -> list[dict[str, Any]]:
    """Events of a document, after the checks a reader of the format would make."""
    document = json.loads(text)
    assert set(document) == {"traceEvents", "displayTimeUnit", "otherData"}
    assert document["displayTimeUnit"] in ("ms", "ns")
    events: list[dict[str, Any]] = document["traceEvents"]
    processes = {e["pid"] for e in events if e["name"] == "process_name"}
    threads = [(e["pid"], e["tid"]) for e in events if e["name"] == "thread_name"]
    assert len(threads) == len(set(threads))
    slices: dict[tuple[int, int], list[tuple[float, float]]] = defaultdict(list)
    last: dict[tuple[int, str], float] = {}
    for e in events:
        assert e["ph"] in ("M", "X", "i", "C")
        assert isinstance(e["name"], str)
        assert e["pid"] in processes
        if e["ph"] == "M":
            continue
        assert isinstance(e["ts"], int | float)
        if e["ph"] == "X":
            assert e["dur"] > 0
            assert (e["pid"], e["tid"]) in threads
            slices[e["pid"], e["tid"]].append((e["ts"], e["ts"] + e["dur"]))
        elif e["ph"] == "i":
            assert e["s"] in ("t", "p", "g")
        else:
            assert all(isinstance(v, int | float) for v in e["args"].values())
            key = (e["pid"], e["name"])
            assert e["ts"] >= last.get(key, e["ts"])
            last[key] = e["ts"]
    for pieces in slices.values():
        pieces.sort()
        for (_, end), (start, _) in pairwise(pieces):
            assert end <= start, "slices of a thread must not overlap"
    return events


@pytest.mark.parametrize("name", PLANS)
def test_plans_give_valid_events(name: str) -> None:
    """Plans of every kind of resource pass the checks, also by way of a trace."""
    problem, schedule = PLANS[name]()
    check_structure(perfetto_json((problem, schedule)))
    Trace.from_schedule(problem, schedule)


@settings(max_examples=50)
@given(st.data())
def test_random_plans_give_valid_events(data: st.DataObject) -> None:
    """The same over the whole vocabulary, feasible or not in its jobs and windows."""
    problem = data.draw(problems(most_features=9))
    schedule = data.draw(schedules(problem))
    check_structure(perfetto_json((problem, schedule)))


def test_tasks_are_complete_events_with_arguments() -> None:
    """Times are scaled from the unit, arguments hold what the tooltip would."""
    events = check_structure(perfetto_json(workshop()))
    hour = 3_600_000_000
    (event,) = [e for e in events if e["name"] == "press table"]
    assert (event["ts"], event["dur"]) == (28 * hour, 5 * hour)
    assert event["cat"] == "table"
    assert event["args"] == {
        "start": 28,
        "end": 33,
        "mode": 1,
        "job": "table",
        "demands": {"press": 1},
        "job due": 40,
    }
    twice = [e for e in events if e["name"] == "saw table"]
    assert len(twice) == 2, "one on the machine, one on a lane of the crew"
    assert {e["name"] for e in events if e["ph"] == "i"} == {"table done", "gate of the press"}
    assert [e["dur"] for e in events if e["name"] == "setup: paint chair"] == [3 * hour]
    assert [e["dur"] for e in events if e["name"] == "blocked: glue chair"] == [8 * hour]
    level = [
        (e["ts"] // hour, e["args"]["value"]) for e in events if e["name"] == "lacquer tank level"
    ]
    assert level == [(0, 3), (33, 10), (36, 6), (62, 4)]


def test_scale_of_ticks() -> None:
    """A nameless tick is a millisecond unless the caller says otherwise."""
    plan = job_shop(3, 2)
    default = check_structure(perfetto_json(plan))
    finer = check_structure(perfetto_json(plan, microseconds_per_tick=0.5))
    for a, b in zip(default, finer, strict=True):
        if "ts" in a:
            assert a["ts"] == b["ts"] * 2000
    with pytest.raises(OptionError, match="must be above 0"):
        perfetto_json(plan, microseconds_per_tick=0)
    with pytest.raises(OptionError, match="holds no schedule"):
        perfetto_json((plan[0], Result(Status.UNKNOWN)))


def test_trace_of_an_execution() -> None:
    """Intervals, events and counters of a trace in seconds keep their times and order."""
    trace = Trace(
        name="run",
        time_unit="s",
        tasks=("a", "b"),
        resources=("gpu",),
        intervals=(
            Interval("gpu", "a", IntervalKind.RUN, 0.25, 1.5),
            Interval("gpu", "b", IntervalKind.RUN, 1.0, 2.0, amount=2),
            Interval("gpu", "b", IntervalKind.TRANSFER, 2.0, 2.5),
            Interval("", "a", IntervalKind.RUN, 3.0, 3.0),
        ),
        events=(Event(0.5, "arrival", {"request": 7}),),
        counters=(Counter("queue", 0.0, 2), Counter("queue", 1.0, 0.5)),
    )
    events = check_structure(perfetto_json(trace))
    found = {e["name"]: e for e in events if e["ph"] == "X"}
    assert found["a"]["ts"] == 250_000
    assert found["a"]["dur"] == 1_250_000
    assert found["transfer: b"]["cat"] == "transfer"
    assert found["a"]["tid"] != found["b"]["tid"]
    labels = [e["args"]["name"] for e in events if e["name"] == "thread_name"]
    assert labels == ["gpu · 1", "gpu · 2", "no resource"]
    assert [e["args"] for e in events if e["name"] == "arrival"] == [{"request": 7}]


def test_file_is_the_text(tmp_path: Path) -> None:
    """Writing twice gives the same bytes, and they are the document."""
    for name in ("a.json", "b.json"):
        write_perfetto(workshop(), tmp_path / name)
    text = perfetto_json(workshop())
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == text
