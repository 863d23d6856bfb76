"""Traces: what they refuse, and how a schedule becomes one and comes back."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.builder import ProblemBuilder
from makespan.core.errors import ProblemError
from makespan.core.problem import Problem
from makespan.core.schedule import ABSENT, Schedule
from makespan.core.trace import Counter, Event, Interval, IntervalKind, Trace
from makespan.core.tracing import occupancy_ends
from makespan.core.verify import ViolationKind, verify
from makespan.core.vocabulary import Blocking, DemandTiming, ResourceKind
from tests import oracle
from tests.strategies import problems, schedules

RUN, PAUSE = IntervalKind.RUN, IntervalKind.SUSPENDED


def trace(*, unit: str = "s", **parts: Any) -> Trace:
    """A trace of two tasks on one machine."""
    return Trace("run", unit, ("cut", "bore"), ("saw",), **parts)


def test_what_a_trace_may_hold() -> None:
    """Unsorted and empty intervals, no task or no resource, any time, several counters."""
    made = trace(
        intervals=(
            Interval("saw", "cut", RUN, 3.5, 7.25),
            Interval("saw", "", IntervalKind.DOWN, -2, 1),
            Interval("", "bore", RUN, 1, 1),
        ),
        events=(Event(-1.0, "start"), Event(-1.0, "retry", {"n": 1}), Event(4, "end")),
        counters=(Counter("load", 5, 1), Counter("queue", 0, 2), Counter("load", 5, 3)),
    )
    assert made.intervals[0].amount == 1
    assert made.events[0].payload == {}
    assert made == dataclasses.replace(made)
    assert made != trace()


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            {"intervals": (Interval("saw", "cut", RUN, 3, 2.5),)},
            "interval of task 'cut' on 'saw' ends at 2.5 before it starts at 3",
        ),
        (
            {"intervals": (Interval("saw", "cut", RUN, math.nan, 2),)},
            "interval of task 'cut' on 'saw'",
        ),
        (
            {"intervals": (Interval("saw", "cut", RUN, 0, math.nan),)},
            "interval of task 'cut' on 'saw'",
        ),
        ({"intervals": (Interval("saw", "drill", RUN, 0, 1),)}, "undeclared task 'drill'"),
        ({"intervals": (Interval("press", "cut", RUN, 0, 1),)}, "undeclared resource 'press'"),
        ({"events": (Event(3, "a"), Event(5, "b"), Event(4, "c"))}, "event 'c' goes back at 4"),
        ({"events": (Event(math.nan, "a"),)}, "event 'a' goes back at nan"),
        (
            {"counters": (Counter("n", 3, 0), Counter("m", 1, 0), Counter("n", 2, 0))},
            "counter 'n' goes back at 2",
        ),
        ({"counters": (Counter("n", math.nan, 0),)}, "counter 'n' goes back at nan"),
    ],
)
def test_what_a_trace_refuses(parts: dict[str, Any], message: str) -> None:
    """Time that goes back or is no number, and names nobody declared."""
    with pytest.raises(ProblemError) as caught:
        trace(**parts)
    assert str(caught.value).startswith(f"trace 'run': {message}")


times = st.lists(st.integers(-5, 5), max_size=6)


@given(times, times)
def test_time_is_monotone(events: list[int], counters: list[int]) -> None:
    """A trace is accepted exactly if events, and values of each counter, come in order of time."""
    parts = {
        "events": tuple(Event(t, "tick") for t in events),
        "counters": tuple(Counter("ab"[k % 2], t, k) for k, t in enumerate(counters)),
    }
    rows = (events, counters[::2], counters[1::2])
    if all(row == sorted(row) for row in rows):
        assert trace(**parts).events == parts["events"]
    else:
        with pytest.raises(ProblemError, match="goes back"):
            trace(**parts)


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (Interval("saw", "cut", RUN, 0, 1), "end"),
        (Event(0, "a"), "time"),
        (Counter("n", 0, 0), "value"),
        (trace(), "intervals"),
    ],
)
def test_records_cannot_be_changed(record: Any, field: str) -> None:
    """Nothing of a record is replaced after the fact."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, field, 5)


# Schedules as traces -----------------------------------------------------------------------------


def paint_shop() -> tuple[Problem, Schedule]:
    """Setups, breaks, blocking, a milestone, an absent task and one without resources."""
    b = ProblemBuilder("paint shop")
    day = b.calendar("day", working=[(0, 8)], period=10)
    booth = b.machine("booth", setup=b.setups("colour", [[0, 2], [1, 0]], initial_time=[0, 1]))
    oven = b.machine("oven", calendar=day, breaks="suspend", blocking=Blocking.SWAP)
    gas = b.renewable("gas", capacity=9, calendar=day, breaks="suspend", released_in_breaks=True)
    job = b.job("J")
    b.task("red", duration=3, machine=booth, family=1, job=job)
    b.task("bake", job=job).mode(9, booth).mode(4, oven, demands={gas: 5})
    b.task("blue", duration=2, machine=booth, job=job)
    b.task("look", duration=0, machine=booth)
    b.task("gone", duration=1, machine=booth, optional=True)
    b.task("think", duration=4)
    p = b.build()
    mode = np.array([0, 2, 3, 4, ABSENT, 6])
    return p, Schedule(np.array([1, 6, 14, 4, 0, 2]), np.array([4, 12, 16, 4, 0, 6]), mode)


def test_a_schedule_as_a_trace() -> None:
    """Every interval of the hand-made plan, in order of start."""
    p, s = paint_shop()
    assert verify(p, s) == []
    made = Trace.from_schedule(p, s)
    assert (made.name, made.time_unit) == ("paint shop", "tick")
    assert made.tasks == tuple(p.tasks.names)
    assert made.resources == ("booth", "oven", "gas")
    assert [dataclasses.astuple(v) for v in made.intervals] == [
        ("booth", "red", IntervalKind.SETUP, 0, 1, 1, -1),
        ("booth", "red", RUN, 1, 4, 1, 0),
        ("", "think", RUN, 2, 6, 1, 0),
        ("booth", "look", RUN, 4, 4, 1, 0),
        ("gas", "bake", RUN, 6, 8, 5, 1),
        ("oven", "bake", RUN, 6, 8, 1, 1),
        ("oven", "bake", PAUSE, 8, 10, 1, 1),
        ("gas", "bake", RUN, 10, 12, 5, 1),
        ("oven", "bake", RUN, 10, 12, 1, 1),
        ("oven", "bake", IntervalKind.BLOCKED, 12, 14, 1, 1),
        ("booth", "blue", IntervalKind.SETUP, 13, 14, 1, -1),
        ("booth", "blue", RUN, 14, 16, 1, 0),
    ]
    assert made.to_schedule(p) == s


ASTRAY = {ViolationKind.MODE, ViolationKind.CALENDAR, ViolationKind.DURATION}


@settings(max_examples=200)
@given(st.data())
def test_schedules_survive_as_traces(data: st.DataObject) -> None:
    """Times and modes come back exactly if tasks start and end at work, valid or not otherwise."""
    problem = data.draw(problems(most_features=9))
    schedule = data.draw(schedules(problem))
    if not ASTRAY & {v.kind for v in verify(problem, schedule)}:
        assert Trace.from_schedule(problem, schedule).to_schedule(problem) == schedule


@settings(max_examples=150)
@given(st.data())
def test_places_and_times_are_those_of_the_semantics(data: st.DataObject) -> None:
    """On valid schedules, intervals are what the definitions say of runs, breaks, blocking, setups."""
    problem = data.draw(problems(most_features=9))
    schedule = data.draw(schedules(problem))
    if not oracle.is_feasible(problem, schedule):
        return
    reader, plan = oracle.Reader(problem), oracle.plan_of(problem, schedule)
    made = Trace.from_schedule(problem, schedule)
    assert [v.start for v in made.intervals] == sorted(v.start for v in made.intervals)
    ticks: dict[tuple[str, str, IntervalKind], list[int]] = {}
    amounts: dict[tuple[str, str], set[int]] = {}
    for v in made.intervals:
        ticks.setdefault((v.task, v.resource, v.kind), []).extend(range(int(v.start), int(v.end)))
        if v.kind in (RUN, PAUSE):
            amounts.setdefault((v.task, v.resource), set()).add(v.amount)
    expected: dict[tuple[str, str, IntervalKind], list[int]] = {}
    places: dict[tuple[str, str], set[int]] = {}
    table = problem.resources
    for i, placed in plan.items():
        name, span = problem.tasks.names[i], range(placed.start, placed.end)
        works = [
            t for t in span if not reader.pauses(placed.mode) or reader.progresses(placed.mode, t)
        ]
        rests = [t for t in span if t not in works]
        held = [
            (r, amount)
            for r, amount, timing in reader.demands[placed.mode]
            if timing == DemandTiming.DURING
            and reader.kind[r] in (ResourceKind.MACHINE, ResourceKind.RENEWABLE)
        ]
        for r, amount in held:
            label = table.names[r]
            places[name, label] = {amount}
            expected[name, label, RUN] = works
            if rests and not table.released_in_breaks[r]:
                expected[name, label, PAUSE] = rests
            leave = reader.leave(plan, i, r)
            if reader.kind[r] == ResourceKind.MACHINE and leave > placed.end:
                expected[name, label, IntervalKind.BLOCKED] = list(range(placed.end, leave))
        if not held:
            places[name, ""], expected[name, "", RUN] = {1}, works
    for r, kind in enumerate(reader.kind):
        if kind != ResourceKind.MACHINE or table.setup[r] < 0:
            continue
        matrix, before = problem.setups[int(table.setup[r])], None
        for i in oracle.sequence(reader, plan, r):
            family = int(problem.tasks.family[i])
            row = matrix.initial_time if before is None else matrix.time[before]
            if row[family]:
                start = plan[i].start
                key = problem.tasks.names[i], table.names[r], IntervalKind.SETUP
                expected[key] = list(range(start - int(row[family]), start))
            before = family
    assert ticks == expected
    assert amounts == places


def test_a_task_off_work_keeps_its_times() -> None:
    """A plan that starts or ends a task in a break is drawn, and comes back, as it is."""
    b = ProblemBuilder()
    shift = b.calendar("shift", working=[(2, 4)], period=10)
    b.task("mill", duration=2, machine=b.machine("M", calendar=shift, breaks="suspend"))
    p = b.build()
    for start, end in ((0, 4), (3, 9), (5, 9), (0, 14)):
        s = Schedule([start], [end], [0])  # type: ignore[arg-type]
        assert verify(p, s) != []
        assert Trace.from_schedule(p, s).to_schedule(p) == s


def test_when_blocked_tasks_leave() -> None:
    """With the start of the job's next present task, and not before their own end."""
    b = ProblemBuilder()
    job, other = b.job(), b.job()
    for k in range(5):
        b.task(duration=2, job=[job, other, job, job, None][k], optional=True)
    s = Schedule(*(np.array(c) for c in ([0, 1, 0, 9, 4], [2, 3, 0, 11, 6], [0, 1, ABSENT, 3, 4])))
    assert occupancy_ends(b.build(), s).tolist() == [9, 3, 0, 11, 6]
    s = Schedule(*(np.array(c) for c in ([4, 1, 5, 1, 4], [6, 3, 7, 3, 6], [0, 1, 2, 3, 4])))
    assert occupancy_ends(b.build(), s).tolist() == [6, 3, 7, 3, 6]


# Traces as schedules -----------------------------------------------------------------------------


def shop() -> Problem:
    """The problem of two tasks that traces above ran."""
    b = ProblemBuilder("shop")
    saw = b.machine("saw")
    b.task("cut", duration=3, machine=saw).mode(5, saw)
    b.task("bore", duration=2, machine=saw)
    return b.build()


def test_a_trace_as_a_schedule() -> None:
    """A task lasts from its first to its last run or pause, in any order; other kinds do not count."""
    made = trace(
        intervals=(
            Interval("saw", "cut", RUN, 6.0, 8, mode=1),
            Interval("saw", "cut", PAUSE, 4, 6, mode=1),
            Interval("saw", "cut", RUN, 2, 4.0, mode=1),
            Interval("saw", "cut", IntervalKind.SETUP, 0, 2),
            Interval("saw", "", IntervalKind.DOWN, 9, 12),
            Interval("saw", "bore", IntervalKind.WAIT, 0, 5),
        )
    )
    assert made.to_schedule(shop()) == Schedule(*map(np.array, ([2, 0], [8, 0], [1, ABSENT])))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("", 0, 1, 0)], "ran '', which is no task here"),
        ([("drill", 0, 1, 0)], "ran 'drill', which is no task here"),
        ([("cut", 0, 1, 2)], "ran 'cut' in an unknown mode"),
        ([("cut", 0, 1, -1)], "ran 'cut' in an unknown mode"),
        ([("cut", 0, 1, 0), ("cut", 2, 3, 1)], "ran 'cut' in two modes"),
        ([("bore", 0.5, 2, 0)], r"ran 'bore' in \[0.5, 2\), which are not whole ticks"),
        ([("bore", 0, math.inf, 0)], r"ran 'bore' in \[0, inf\), which are not whole ticks"),
    ],
)
def test_traces_that_are_no_schedule(
    rows: list[tuple[str, float, float, int]], message: str
) -> None:
    """What cannot be said of a task of the problem is named with the trace and the task."""
    made = Trace(
        *("run", "s", ("cut", "bore", "drill"), ("saw",)),
        intervals=tuple(Interval("saw", name, RUN, a, e, mode=m) for name, a, e, m in rows),
    )
    with pytest.raises(ProblemError, match=f"trace 'run' {message}"):
        made.to_schedule(shop())
