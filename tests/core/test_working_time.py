"""Common working time of calendars, and the ends that follow from it, against a naive loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from makespan.core.builder import ProblemBuilder
from makespan.core.calendar import Calendar
from makespan.core.errors import InfeasibleError
from makespan.core.problem import Problem
from makespan.core.working_time import WorkingTime, mode_calendars, mode_ends
from tests import oracle
from tests.core.test_calendar import Spec, assert_clean, specs, ticks, windows
from tests.strategies import problems

FAR = 60
"""No exception and no explicit interval of ``specs`` lies beyond this tick."""

clocks = st.lists(specs(), max_size=3)


def working_time(parts: list[Spec]) -> WorkingTime:
    """The common working time of some calendars."""
    return WorkingTime(tuple(spec.calendar(f"c{k}") for k, spec in enumerate(parts)))


def works(parts: list[Spec], tick: int) -> bool:
    """Whether all calendars work in a tick."""
    return all(spec.works(tick) for spec in parts)


def common_period(parts: list[Spec]) -> int:
    """Length after which all patterns repeat, 0 if some calendar has none."""
    periods = [spec.period if spec.working is not None else 1 for spec in parts]
    return math.lcm(1, *periods)


def end(parts: list[Spec], start: int, work: int) -> int | None:
    """The end of some work, ticking; None if working time runs out."""
    last = max(start, FAR) + (work + 1) * max(1, common_period(parts))
    tick = start
    while work and tick < last:
        work -= works(parts, tick)
        tick += 1
    return None if work else tick


@given(clocks, windows)
def test_a_tick_counts_if_all_calendars_work(parts: list[Spec], window: tuple[int, int]) -> None:
    """The common working time of a window is that of each calendar, all at once."""
    low, high = window
    found = working_time(parts).intervals(low, high)
    assert_clean(found, low, high)
    assert ticks(found.tolist()) == [t for t in range(low, high) if works(parts, t)]


@settings(max_examples=300)
@given(clocks, st.lists(st.tuples(st.integers(-40, 70), st.integers(0, 12)), max_size=6))
def test_ends_are_those_of_the_naive_loop(parts: list[Spec], tasks: list[tuple[int, int]]) -> None:
    """Each end is the least tick by which the work is done; work that never ends is an error."""
    start = np.array([s for s, _ in tasks], dtype=np.int64)
    work = np.array([w for _, w in tasks], dtype=np.int64)
    expected = [end(parts, s, w) for s, w in tasks]
    time = working_time(parts)
    if None in expected:
        with pytest.raises(InfeasibleError, match="'c0'.*never offer the working time asked for"):
            time.ends(start, work)
    else:
        assert time.ends(start, work).tolist() == expected
    assert start.tolist() == [s for s, _ in tasks]


@given(clocks, st.integers(0, 20), st.integers(0, 30))
def test_the_span_is_long_enough(parts: list[Spec], work: int, later: int) -> None:
    """From any tick at which only patterns rule, the work fits into the span."""
    time = working_time(parts)
    assert time.period == common_period(parts)
    assert time.settled <= FAR
    span = time.span(work)
    start = time.settled + later
    if time.period == 0:
        assert span == 0
        assert not any(works(parts, t) for t in range(start, start + 100))
        return
    pattern = [works(parts, t) for t in range(start, start + time.period)]
    assert [works(parts, t + time.period) for t in range(start, start + time.period)] == pattern
    if span is None:
        assert not any(pattern)
    else:
        assert sum(works(parts, t) for t in range(start, start + span)) >= work


def never(*parts: tuple[list[tuple[int, int]], int]) -> WorkingTime:
    """Calendars that have no working time in common, at least from some tick on."""
    made = [Calendar.create(f"c{k}", working=w, period=p) for k, (w, p) in enumerate(parts)]
    return WorkingTime(tuple(made))


@pytest.mark.parametrize(
    "time",
    [
        never(([], 0)),
        never(([], 7)),
        never(([(0, 3), (5, 6)], 0)),
        never(([(0, 1)], 2), ([(1, 2)], 2)),
        never(([(0, 1)], 4), ([(1, 2)], 6)),
        never(([(0, 1)], 1), ([(0, 1)], 0)),
        never(([(0, 1)], 2), ([(0, 8)], 0)),
    ],
)
def test_calendars_that_never_work_say_so_at_once(time: WorkingTime) -> None:
    """Whether patterns never meet or lists end, the error names the calendars; the search is short."""
    with pytest.raises(InfeasibleError) as caught:
        time.ends(np.array([0, 0]), np.array([0, 5]))
    assert caught.value.message.startswith("calendars 'c0'")
    assert caught.value.hint == "give them more working time, or start earlier"
    assert time.ends(np.array([3, 9]), np.array([0, 0])).tolist() == [3, 9]


def test_long_work_and_long_periods() -> None:
    """Work of many periods ends exactly; so does what waits for two long periods to meet."""
    day = WorkingTime((Calendar.create("day", working=[(0, 8)], period=24),))
    assert day.ends(np.array([5]), np.array([80_003])).tolist() == [24 * 10_000 + 8]
    rare = never(([(0, 1)], 4001), ([(0, 1)], 4003))
    assert rare.period == 4001 * 4003
    assert rare.ends(np.array([1]), np.array([1])).tolist() == [4001 * 4003 + 1]
    span = rare.span(1)
    assert span is not None
    assert span >= 4001 * 4003


# Modes -------------------------------------------------------------------------------------------


def test_which_calendars_rule_a_mode() -> None:
    """Those of its machines and renewables, once each; none for milestones and stocks."""
    b = ProblemBuilder()
    early, late = b.calendar("early", working=[(0, 8)]), b.calendar("late", working=[(4, 12)])
    strict = b.machine("strict", calendar=early)
    pausing = b.machine("pausing", calendar=early, breaks="suspend")
    crew = b.renewable("crew", capacity=1, calendar=late)
    free, gold = b.machine("free"), b.consumable("gold", amount=5)
    b.task(duration=2, machine=strict)
    b.task(duration=2, machine=[pausing, strict], demands={crew: 1})
    b.task(duration=2, machine=free, demands={gold: 1}).mode(2, pausing)
    b.task(duration=0, machine=pausing)
    b.task(duration=2, machine=strict, demands={crew: 1})
    rules = mode_calendars(b.build())
    named = [rules.sets[k] if k >= 0 else () for k in rules.key.tolist()]
    assert named == [(0,), (0, 1), (), (0,), (), (0, 1)]
    assert rules.suspends.tolist() == [False, True, False, True, False, False]
    assert len(set(rules.sets)) == len(rules.sets)


def test_without_calendars_nothing_rules() -> None:
    """Modes of resources that always work have no calendar."""
    b = ProblemBuilder()
    b.task(duration=2, machine=b.machine()).mode(3)
    rules = mode_calendars(b.build())
    assert (rules.key.tolist(), rules.suspends.tolist(), rules.sets) == ([-1, -1], [False] * 2, ())


@settings(max_examples=150)
@given(
    problems(
        features={"calendars", "suspend", "released", "renewables", "modes", "multi", "milestones"}
    ),
    st.data(),
)
def test_ends_of_modes_are_those_of_the_semantics(problem: Problem, data: st.DataObject) -> None:
    """Each present task ends when the definitions say; absent ones end where they start."""
    reader = oracle.Reader(problem)
    start, mode, expected = [], [], []
    for i in reader.tasks:
        start.append(data.draw(st.integers(-9, 30)))
        mode.append(data.draw(st.sampled_from([-1, *reader.modes(i)])))
        expected.append(start[i] if mode[i] < 0 else reader.end(mode[i], start[i], until=500))
    begin, chosen = np.array(start, dtype=np.int64), np.array(mode, dtype=np.int32)
    if None in expected:
        with pytest.raises(InfeasibleError):
            mode_ends(problem, begin, chosen)
    else:
        assert mode_ends(problem, begin, chosen).tolist() == expected


@given(problems(features={"modes", "milestones", "calendars"}), st.integers(-9, 30))
def test_without_breaks_ends_are_starts_plus_durations(problem: Problem, start: int) -> None:
    """Calendars that forbid do not move an end."""
    mode = problem.tasks.mode_ptr[1:].astype(np.int32) - 1
    assume(not mode_calendars(problem).suspends.any())
    begin = np.full(len(mode), start, dtype=np.int64)
    assert (mode_ends(problem, begin, mode) - begin).tolist() == problem.modes.duration[
        mode
    ].tolist()
