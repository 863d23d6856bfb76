"""Schedules and results: what they hold, that they stay so, and the gap."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.builder import ProblemBuilder
from makespan.core.errors import InfeasibleError, ProblemError
from makespan.core.problem import Problem
from makespan.core.result import Progress, Result
from makespan.core.schedule import ABSENT, Schedule
from makespan.core.vocabulary import Status
from tests import oracle
from tests.strategies import problems, schedules

rows = st.lists(
    st.tuples(st.integers(-50, 50), st.integers(-50, 50), st.integers(-3, 9)), max_size=8
)


def columns(table: list[tuple[int, int, int]]) -> tuple[list[int], list[int], list[int]]:
    """Starts, ends and modes of some rows."""
    start, end, mode = ([row[k] for row in table] for k in range(3))
    return start, end, mode


@given(rows)
def test_absent_tasks_have_one_form(table: list[tuple[int, int, int]]) -> None:
    """Any negative mode is ABSENT with times 0; present tasks are as they were given."""
    s = Schedule(*columns(table))  # type: ignore[arg-type]
    held = list(zip(s.start.tolist(), s.end.tolist(), s.mode.tolist(), strict=True))
    assert held == [row if row[2] >= 0 else (0, 0, ABSENT) for row in table]
    assert s.present.tolist() == [row[2] >= 0 for row in table]
    assert len(s) == len(table)
    assert [a.dtype.name for a in (s.start, s.end, s.mode)] == ["int64", "int64", "int32"]


@given(rows)
def test_the_makespan_is_the_latest_end_of_a_present_task(
    table: list[tuple[int, int, int]],
) -> None:
    """Absent tasks do not count; without present ones it is 0; it may be negative."""
    ends = [end for _, end, mode in table if mode >= 0]
    s = Schedule(*columns(table))  # type: ignore[arg-type]
    assert s.makespan == max(ends, default=0)
    assert repr(s) == f"Schedule({len(ends)} of {len(table)} tasks, makespan {s.makespan})"


@given(rows, rows)
def test_schedules_are_equal_if_they_say_the_same(
    one: list[tuple[int, int, int]], other: list[tuple[int, int, int]]
) -> None:
    """Equality is by content, whatever was written for absent tasks."""

    def said(table: list[tuple[int, int, int]]) -> list[tuple[int, int, int] | None]:
        return [row if row[2] >= 0 else None for row in table]

    a, b = Schedule(*columns(one)), Schedule(*columns(other))  # type: ignore[arg-type]
    assert (a == b) == (said(one) == said(other))
    gone = [(9, 99, -2) if row[2] < 0 else row for row in one]
    assert a == Schedule(*columns(gone))  # type: ignore[arg-type]
    assert a != "a schedule"
    with pytest.raises(TypeError, match="unhashable"):
        hash(a)


def test_schedules_cannot_be_changed() -> None:
    """Neither through their arrays nor through the arrays they were made of."""
    start, end, mode = np.array([1, 2]), np.array([3, 4]), np.array([0, -1])
    s = Schedule(start, end, mode)
    start[:], end[:], mode[:] = 7, 8, 9
    assert (s.start.tolist(), s.end.tolist(), s.mode.tolist()) == ([1, 0], [3, 0], [0, -1])
    for array in (s.start, s.end, s.mode):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5
    with pytest.raises(dataclasses.FrozenInstanceError):
        s.start = start  # type: ignore[misc]


@pytest.mark.parametrize(
    ("start", "end", "mode"),
    [([0], [1, 2], [0, 0]), ([0, 1], [1], [0, 0]), ([0, 1], [1, 2], [0]), ([[0]], [[1]], [[0]])],
)
def test_columns_have_equal_lengths(start: Any, end: Any, mode: Any) -> None:
    """Columns of different lengths, or tables, are refused."""
    with pytest.raises(ProblemError, match="must have one entry per task"):
        Schedule(start, end, mode)


@pytest.mark.parametrize("wrong", [0.5, float("nan"), float("inf"), 1e19])
def test_times_are_whole(wrong: float) -> None:
    """A float that is no tick is refused, not cut off; one that is a tick is taken."""
    for place, name in enumerate(("start", "end", "mode")):
        parts: list[Any] = [[0.0, 1.0], [1.0, 2.0], [0.0, 1.0]]
        assert Schedule(*parts).end.tolist() == [1, 2]
        parts[place] = [0.0, wrong]
        with pytest.raises(ProblemError, match=f"schedule's {name} holds what is not a whole"):
            Schedule(*parts)


# Ends that follow from starts --------------------------------------------------------------------


def shifts() -> Problem:
    """A task that pauses outside [0, 4) of every 10 ticks or does without, and a milestone."""
    b = ProblemBuilder("shifts")
    shift = b.calendar("shift", working=[(0, 4)], period=10)
    slow = b.machine("slow", calendar=shift, breaks="suspend")
    b.task("mill", duration=6, machine=slow).mode(5)
    b.task("look", duration=0, machine=slow)
    b.task("gone", duration=3, optional=True)
    return b.build()


def test_ends_follow_from_starts() -> None:
    """First modes by default; breaks are waited through; what is absent is absent."""
    p = shifts()
    s = Schedule.from_starts(p, np.array([2, 7, 1]))
    assert s == Schedule(np.array([2, 7, 1]), np.array([14, 7, 4]), np.array([0, 2, 3]))
    s = Schedule.from_starts(p, np.array([2, 7, 1]), np.array([1, 2, ABSENT]))
    assert s == Schedule(np.array([2, 7, 0]), np.array([7, 7, 0]), np.array([1, 2, ABSENT]))


@settings(max_examples=100)
@given(st.data())
def test_valid_schedules_follow_from_their_starts(data: st.DataObject) -> None:
    """On random problems, the starts and modes of a valid schedule give it back."""
    problem = data.draw(problems())
    schedule = data.draw(schedules(problem))
    if oracle.is_feasible(problem, schedule):
        assert Schedule.from_starts(problem, schedule.start, schedule.mode) == schedule


def test_starts_fit_the_problem() -> None:
    """One start and one mode per task, of modes that exist, or the problem is named."""
    p = shifts()
    with pytest.raises(ProblemError, match=r"starts of shape \(2,\) for 3 tasks of 'shifts'"):
        Schedule.from_starts(p, np.array([1, 2]))
    with pytest.raises(ProblemError, match=r"modes of shape \(1,\) for 3 tasks of 'shifts'"):
        Schedule.from_starts(p, np.array([1, 2, 3]), np.array([0]))
    with pytest.raises(ProblemError, match="mode 4 does not exist: 'shifts' has 4 modes"):
        Schedule.from_starts(p, np.array([1, 2, 3]), np.array([0, 4, 3]))


def test_work_that_never_ends_is_an_error() -> None:
    """A start after the last working time has no end."""
    b = ProblemBuilder()
    once = b.calendar("once", working=[(0, 4)])
    b.task(duration=3, machine=b.machine(calendar=once, breaks="suspend"))
    assert Schedule.from_starts(b.build(), np.array([1])).end.tolist() == [4]
    with pytest.raises(InfeasibleError, match="calendars 'once' never offer"):
        Schedule.from_starts(b.build(), np.array([2]))


# Results -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("objectives", "bounds", "gap"),
    [
        ((), (), None),
        ((), (3,), None),
        ((10,), (), None),
        ((10,), (None,), None),
        ((10,), (10,), 0.0),
        ((10,), (8,), 0.2),
        ((10,), (0,), 1.0),
        ((0,), (0,), 0.0),
        ((0,), (-3,), 3.0),
        ((-4,), (-4,), 0.0),
        ((-4,), (-6,), 0.5),
        ((1,), (-1,), 2.0),
        # Levels: the first that is not closed counts, and nothing is known without its bound.
        ((10, 5), (10, 4), 0.2),
        ((10, 5), (8, 5), 0.2),
        ((10, 5), (10, 5), 0.0),
        ((10, 5), (10,), None),
        ((10, 5), (10, None), None),
        ((10, 5), (None, 5), None),
        ((10, 5), (8, None), 0.2),
        ((10, -5, 7), (10, -5, 0), 1.0),
    ],
)
def test_gap(
    objectives: tuple[int, ...], bounds: tuple[int | None, ...], gap: float | None
) -> None:
    """Distance to the bound relative to the value, at least 1, of the first level not closed."""
    assert Result(Status.FEASIBLE, objectives=objectives, bounds=bounds).gap == gap


levels = st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 9)), min_size=1, max_size=4)


@given(levels)
def test_the_gap_is_zero_exactly_if_every_level_is_closed(parts: list[tuple[int, int]]) -> None:
    """Otherwise it is positive, and gives the bound back."""
    values, missing = [v for v, _ in parts], [d for _, d in parts]
    bounds = tuple(v - d for v, d in parts)
    gap = Result(Status.FEASIBLE, objectives=tuple(values), bounds=bounds).gap
    assert gap is not None
    assert (gap == 0) == (not any(missing))
    if gap:
        value, distance = next((v, d) for v, d in parts if d)
        assert round(gap * max(1, abs(value)), 9) == distance


def test_results() -> None:
    """A result is true if it has a schedule; value and bound are those of the first level."""
    nothing = Result(Status.UNKNOWN)
    assert not nothing
    assert (nothing.objective, nothing.bound, nothing.gap) == (None, None, None)
    assert (nothing.history, nothing.conflict, nothing.cancelled) == ((), (), False)
    empty = Schedule([], [], [])  # type: ignore[arg-type]
    some = Result(Status.FEASIBLE, schedule=empty, objectives=(7, 3), bounds=(5, None))
    assert some
    assert (some.objective, some.bound) == (7, 5)
    assert Result(Status.INFEASIBLE, bounds=(None,)).bound is None
    assert nothing.machine == some.machine != ""


def test_results_are_values() -> None:
    """Equal parts make equal results; no part can be replaced."""
    step = Progress(0.5, 0, 9, 3, "cpsat")
    schedule = Schedule([0], [1], [0])  # type: ignore[arg-type]
    one, two = (Result(Status.OPTIMAL, schedule, (1,), (1,), (step,)) for _ in range(2))
    assert one == two
    assert one != dataclasses.replace(two, seed=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.status = Status.UNKNOWN  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        step.objective = 1  # type: ignore[misc]
