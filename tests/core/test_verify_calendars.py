"""Working time in the verifier: forbidding, suspending, released renewables, counting of ticks."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.builder import ProblemBuilder
from makespan.core.calendar import Calendar
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.verification.working import WorkingTime
from makespan.core.verify import Violation, ViolationKind, verify
from makespan.core.vocabulary import INFINITY
from tests import oracle


def plan(problem: Problem, *rows: tuple[int, int]) -> Schedule:
    """A schedule of first modes from (start, end) per task."""
    start, end = np.array(rows).T
    return Schedule(start, end, problem.tasks.mode_ptr[:-1])


def only(problem: Problem, *rows: tuple[int, int]) -> Violation:
    """The one violation of a schedule."""
    found = verify(problem, plan(problem, *rows))
    assert len(found) == 1, found
    return found[0]


def day(breaks: str) -> Problem:
    """One task of 4 ticks on a machine that works 8 of every 24 ticks, and from 30 to 31 not."""
    b = ProblemBuilder("day")
    shift = b.calendar("shift", working=[(0, 8)], period=24, exceptions=[(30, 31, False)])
    b.task("mill", duration=4, machine=b.machine("mill 1", calendar=shift, breaks=breaks))
    return b.build()


def test_forbidding_calendar() -> None:
    """A task lies wholly in working time."""
    p = day("forbid")
    for start in (0, 4, 24, 26):
        assert verify(p, plan(p, (start, start + 4))) == []
    v = only(p, (5, 9))
    assert (v.kind, v.tasks, v.resource, v.amount) == (
        ViolationKind.CALENDAR,
        ("mill",),
        "mill 1",
        1,
    )
    assert v.sentence == (
        "task 'mill' runs in [5, 9), 1 tick of it outside the working time of 'mill 1', the first "
        "at 8"
    )
    assert only(p, (27, 31)).sentence.endswith("the first at 30")
    assert only(p, (10, 14)).amount == 4


def test_suspending_calendar() -> None:
    """Work pauses in breaks, starts in working time, and ends with its last working tick."""
    p = day("suspend")
    assert verify(p, plan(p, (0, 4))) == []
    assert verify(p, plan(p, (5, 25))) == []
    assert verify(p, plan(p, (28, 49))) == []
    v = only(p, (5, 26))
    assert (v.kind, v.tasks, v.amount) == (ViolationKind.DURATION, ("mill",), 1)
    assert v.sentence == (
        "task 'mill' starts at 5 and needs 4 ticks of common working time, so it ends at 25, not "
        "at 26 (1 tick too late)"
    )
    assert only(p, (5, 9)).amount == 16
    assert only(p, (4, 24)).amount == 16  # the work is done at 8, not after the break


def test_suspended_task_starts_in_working_time() -> None:
    """A start in a break is told with the time when work begins again."""
    p = day("suspend")
    v = only(p, (20, 28))
    assert (v.kind, v.resource, v.amount) == (ViolationKind.CALENDAR, "mill 1", 4)
    assert v.sentence == (
        "task 'mill' starts at 20, when 'mill 1' does not work; it works again from 24 "
        "(4 ticks too early)"
    )


def test_work_that_never_ends() -> None:
    """A calendar that stops for ever cannot finish the work."""
    b = ProblemBuilder("end")
    last = b.calendar("last days", working=[(0, 3), (5, 6)])
    b.task("mill", duration=5, machine=b.machine("M", calendar=last, breaks="suspend"))
    p = b.build()
    v = only(p, (0, 7))
    assert (v.kind, v.amount) == (ViolationKind.DURATION, 1)
    assert v.sentence.endswith("which its resources never have again")
    found = verify(p, plan(p, (9, 14)))
    assert found[1].sentence == "task 'mill' starts at 9, when 'M' does not work; it never does"
    assert [v.amount for v in found] == [5, 1]


def test_suspension_needs_all_resources() -> None:
    """Work progresses only when all resources work; a forbidding one must work throughout."""
    b = ProblemBuilder("both")
    odd = b.calendar("odd", working=[(1, 2)], period=2)
    early = b.calendar("early", working=[(0, 8)])
    m = b.machine("M", calendar=odd, breaks="suspend")
    worker = b.renewable("worker", capacity=1, calendar=early)
    b.task("mill", duration=3, machine=m, demands={worker: 1})
    p = b.build()
    assert verify(p, plan(p, (1, 6))) == []
    assert verify(p, plan(p, (3, 8))) == []
    found = verify(p, plan(p, (5, 10)))
    assert {v.kind for v in found} == {ViolationKind.CALENDAR, ViolationKind.DURATION}
    assert [v.resource for v in found] == [None, "worker"]


def test_milestones_ignore_calendars() -> None:
    """A milestone may stand in a break."""
    b = ProblemBuilder("night")
    never = b.calendar("never", working=[])
    b.task("ship", duration=0, machine=b.machine("M", calendar=never))
    p = b.build()
    assert verify(p, plan(p, (3, 3))) == []


@pytest.mark.parametrize("released", [False, True])
def test_released_in_breaks(released: bool) -> None:
    """A suspended task gives its renewable back in breaks only if the renewable says so."""
    b = ProblemBuilder("released")
    pause = b.calendar("pause", exceptions=[(2, 5, False)])
    crew = b.renewable(
        "crew", capacity=1, calendar=pause, breaks="suspend", released_in_breaks=released
    )
    other = b.renewable("other", capacity=1)
    b.task("long", duration=4, demands={crew: 1, other: 1})
    b.task("short", duration=1, demands={crew: 1})
    p = b.build()
    # [2, 5) is a break of the crew, in which `short` cannot start either.
    assert verify(p, plan(p, (0, 7), (7, 8))) == []
    v = only(p, (0, 7), (5, 6))
    assert (v.kind, v.tasks, v.resource, v.amount) == (
        ViolationKind.CAPACITY,
        ("long", "short"),
        "crew",
        1,
    )


@pytest.mark.parametrize("released", [False, True])
def test_another_task_may_use_what_is_released(released: bool) -> None:
    """What one task releases in the break of its machine, another task may use."""
    b = ProblemBuilder("released")
    pause = b.calendar("pause", exceptions=[(2, 5, False)])
    always = b.calendar("always")
    m = b.machine("M", calendar=pause, breaks="suspend")
    crew = b.renewable(
        "crew", capacity=1, calendar=always, breaks="suspend", released_in_breaks=released
    )
    b.task("long", duration=4, machine=m, demands={crew: 1})
    b.task("short", duration=3, demands={crew: 1})
    p = b.build()
    found = verify(p, plan(p, (0, 7), (2, 5)))
    if released:
        assert found == []
    else:
        assert [(v.kind, v.amount) for v in found] == [(ViolationKind.CAPACITY, 1)]
        assert "in [2, 5)" in found[0].sentence


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    """Any calendar around the origin."""
    spans = st.tuples(st.integers(-15, 15), st.integers(1, 9)).map(lambda p: (p[0], p[0] + p[1]))
    period = draw(st.sampled_from([0, 0, 1, 2, 3, 5, 6, 12]))
    if period:
        inside = st.tuples(st.integers(0, period), st.integers(0, period)).map(sorted)
        pairs = draw(st.lists(inside.filter(lambda p: p[0] < p[1]), max_size=3))
    else:
        pairs = draw(st.lists(spans, max_size=4))
    breaks = draw(st.lists(st.tuples(spans, st.booleans()), max_size=4))
    return Calendar.create(
        "any",
        working=[(a, b) for a, b in pairs],
        period=period,
        exceptions=[(a, b, works) for (a, b), works in breaks],
    )


@settings(max_examples=100)
@given(st.lists(calendars(), min_size=1, max_size=3))
def test_working_time_counts_the_ticks_that_all_calendars_work(group: list[Calendar]) -> None:
    """Counting, listing and searching agree with asking each tick."""
    low, high = -40, 40
    clock = WorkingTime(group, low, high)
    ticks = [t for t in range(low, high) if all(oracle.works(c, t) for c in group)]
    times = np.arange(low, high + 1)
    counted = clock.count(times) - clock.count(np.array([low]))
    assert counted.tolist() == [sum(t < x for t in ticks) for x in times.tolist()]
    starts, ends = clock.within(low, high)
    listed = [t for a, b in zip(starts, ends, strict=True) for t in range(a, b)]
    assert listed == ticks
    begin = np.arange(-20, 21, 5)
    reached = clock.reach(begin, np.full(len(begin), 3))
    first = clock.first_break(begin)
    for start, end, rest in zip(begin.tolist(), reached.tolist(), first.tolist(), strict=True):
        later = [t for t in ticks if t >= start]
        assert end == later[2] + 1 if len(later) > 2 else end > high
        rests = [t for t in range(start, high) if t not in ticks]
        assert rest == rests[0] if rests else rest >= high


def test_absurd_times_cost_no_more() -> None:
    """Ticks between far-away times are counted by whole periods, not listed."""
    p = day("suspend")
    before = time.perf_counter()
    v = only(p, (0, 1 << 55))
    assert v.kind is ViolationKind.DURATION
    assert v.amount == (1 << 55) - 4
    assert time.perf_counter() - before < 1


def test_calendars_without_a_small_common_period() -> None:
    """Periods whose common multiple is huge are counted within the range asked for."""
    primes = [99_991, 99_989, 99_971]
    group = [Calendar.create(f"p{p}", working=[(0, p - 1)], period=p) for p in primes]
    clock = WorkingTime(group, 0, 1_000_000)
    rests = {k * p - 1 for p in primes for k in range(1, 11) if k * p - 1 < 1_000_000}
    total = clock.between(np.array([0]), np.array([1_000_000]))
    assert int(total[0]) == 1_000_000 - len(rests)


def test_time_without_end() -> None:
    """Without a break there is none to find."""
    clock = WorkingTime([Calendar.create("always")], 0, 1)
    assert int(clock.first_break(np.array([5]))[0]) == INFINITY


def test_released_over_ages() -> None:
    """A suspended task with an absurd end is reported without listing its breaks."""
    b = ProblemBuilder("ages")
    odd = b.calendar("odd", working=[(1, 2)], period=2)
    crew = b.renewable("crew", capacity=1, calendar=odd, breaks="suspend", released_in_breaks=True)
    b.task("long", duration=3, demands={crew: 1})
    p = b.build()
    assert verify(p, plan(p, (1, 6))) == []
    assert only(p, (1, 1 << 50)).kind is ViolationKind.DURATION


def test_no_working_time() -> None:
    """Nothing is listed where nothing works."""
    clock = WorkingTime([Calendar.create("off", exceptions=[(0, 9, False)])], 0, 9)
    assert [len(part) for part in clock.within(2, 7)] == [0, 0]


def test_each_task_follows_its_own_calendars() -> None:
    """Tasks that depend on different sets of calendars are judged each by its own."""
    b = ProblemBuilder("sets")
    offs = [(2, 3), (4, 6), (8, 11)]
    workers = []
    for k, (low, high) in enumerate(offs):
        calendar = b.calendar(f"c{k}", exceptions=[(low, high, False)])
        workers.append(b.renewable(f"w{k}", capacity=9, calendar=calendar, breaks="suspend"))
    subsets = [[0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2], [1]]
    rows = []
    for number, subset in enumerate(subsets):
        b.task(f"t{number}", duration=9, demands={workers[k]: 1 for k in subset})
        away = {t for k in subset for t in range(*offs[k])}
        rows.append((0, [t for t in range(30) if t not in away][8] + 1))
    p = b.build()
    assert verify(p, plan(p, *rows)) == []
    later = [(s, e + 1) for s, e in rows]
    found = verify(p, plan(p, *later))
    assert sorted(v.tasks for v in found) == [(f"t{k}",) for k in range(len(subsets))]
    assert {(v.kind, v.amount) for v in found} == {(ViolationKind.DURATION, 1)}
