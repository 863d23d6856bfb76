"""The arrays that all drawings share say what the schedule says."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan import ProblemBuilder
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.trace import IntervalKind, Trace
from makespan.core.verify import verify
from makespan.core.vocabulary import ResourceKind
from makespan.viz.lanes import pack_lanes
from makespan.viz.picture import Spans, consumed, picture_of, steps_from_changes, time_range
from tests.strategies import problems, schedules
from tests.viz.plans import job_shop, project, workshop

PLANS = {"workshop": workshop, "project": project, "job shop": lambda: job_shop(8, 5)}


@pytest.mark.parametrize("name", PLANS)
def test_example_plans_are_feasible(name: str) -> None:
    """The plans that the drawing tests draw violate nothing."""
    assert verify(*PLANS[name]()) == []


def rows(problem: Problem, spans: Spans) -> set[tuple[str, str, int, int]]:
    """Intervals by name."""
    return {
        (problem.tasks.names[i], problem.resources.names[r], a, b)
        for i, r, a, b in zip(
            spans.task.tolist(),
            spans.resource.tolist(),
            spans.start.tolist(),
            spans.end.tolist(),
            strict=True,
        )
    }


def assert_like_trace(problem: Problem, schedule: Schedule) -> None:
    """Compare with the trace, which is made task by task elsewhere."""
    picture, trace = picture_of(problem, schedule), Trace.from_schedule(problem, schedule)
    for spans, kind in (
        (picture.setup, IntervalKind.SETUP),
        (picture.blocked, IntervalKind.BLOCKED),
    ):
        wanted = {
            (v.task, v.resource, int(v.start), int(v.end))
            for v in trace.intervals
            if v.kind is kind
        }
        assert rows(problem, spans) == wanted
    runs: dict[str, set[tuple[int, int]]] = {}
    for v in trace.intervals:
        if v.kind is IntervalKind.RUN:
            runs.setdefault(v.task, set()).add((int(v.start), int(v.end)))
    rests = {
        (name, a[1], b[0])
        for name, pieces in runs.items()
        for a, b in pairwise(sorted(pieces))
        if b[0] > a[1]
    }
    drawn = picture.suspended
    assert rests == {
        (problem.tasks.names[i], a, b)
        for i, a, b in zip(
            drawn.task.tolist(), drawn.start.tolist(), drawn.end.tolist(), strict=True
        )
    }


@pytest.mark.parametrize("name", PLANS)
def test_pieces_agree_with_the_trace(name: str) -> None:
    """Setups, blocked intervals and breaks are those of the trace."""
    assert_like_trace(*PLANS[name]())


@settings(max_examples=60)
@given(st.data())
def test_pieces_of_random_plans_agree_with_the_trace(data: st.DataObject) -> None:
    """The same over the whole vocabulary."""
    problem = data.draw(problems(most_features=9))
    assert_like_trace(problem, data.draw(schedules(problem)))


def test_workshop_by_hand() -> None:
    """Every special interval of the workshop is where the plan says."""
    problem, schedule = workshop()
    picture = picture_of(problem, schedule)
    assert rows(problem, picture.setup) == {("paint chair", "paint booth", 59, 62)}
    assert rows(problem, picture.blocked) == {("glue chair", "line A", 42, 50)}
    assert picture.suspended.start.tolist() == [16]
    assert picture.suspended.end.tolist() == [24]
    tank, crew, budget = (
        list(problem.resources.names).index(name) for name in ("lacquer tank", "crew", "budget")
    )
    assert picture.level[tank].time.tolist() == [0, 33, 36, 62]
    assert picture.level[tank].value.tolist() == [3, 10, 6, 4]
    assert picture.limit[crew].time.tolist() == [0, 20, 60]
    assert picture.limit[crew].value.tolist() == [4, 3, 5]
    assert consumed(picture, budget) == 20
    loose = {problem.tasks.names[i] for i in picture.loose.tolist()}
    assert loose == {"table done", "audit"}
    assert "polish" not in {problem.tasks.names[i] for i in picture.bars.task.tolist()}


def test_load_is_the_sum_of_running_demands() -> None:
    """At every tick the load profile equals a count by brute force."""
    problem, schedule = project(40)
    picture = picture_of(problem, schedule)
    for r, load in picture.load.items():
        mine = picture.bars.resource == r
        for t in range(picture.end):
            running = mine & (picture.bars.start <= t) & (t < picture.bars.end)
            k = int(np.searchsorted(load.time, t, side="right")) - 1
            assert load.value[k] == picture.bar_amount[running].sum()


def test_released_renewable_is_free_in_breaks() -> None:
    """A crew that goes home in breaks is not in use then; a machine is held."""
    b = ProblemBuilder("night")
    days = b.calendar("days", working=[(0, 6)], period=10)
    crew = b.renewable("crew", capacity=2, calendar=days, breaks="suspend", released_in_breaks=True)
    b.task("long", duration=9, demands={crew: 2})
    problem = b.build()
    schedule = Schedule.from_starts(problem, np.array([2]))
    load = picture_of(problem, schedule).load[0]
    assert schedule.end.tolist() == [15]
    assert load.time.tolist() == [0, 2, 6, 10, 15]
    assert load.value.tolist() == [0, 2, 0, 2, 0]


def test_empty_and_absent_plans_have_a_picture() -> None:
    """No tasks, or none present, still gives a time axis of length one."""
    b = ProblemBuilder("nothing")
    b.machine("M")
    b.task("maybe", duration=3, optional=True)
    problem = b.build()
    schedule = Schedule(np.zeros(1), np.zeros(1), np.array([-1]))
    assert time_range(problem, schedule) == (0, 1)
    late = Schedule(np.array([1_000_000]), np.array([1_000_003]), np.array([0]))
    assert time_range(problem, late) == (1_000_000, 1_000_003)
    assert time_range(problem, Schedule(np.array([4]), np.array([7]), np.array([0]))) == (0, 7)
    picture = picture_of(problem, schedule)
    assert len(picture.bars) == len(picture.loose) == 0


def test_machine_with_overlap_gets_a_second_lane() -> None:
    """A violated schedule is shown as it is: bars that overlap lie in different lanes."""
    problem, schedule = job_shop(3, 2)
    bad = Schedule(np.zeros_like(schedule.start), schedule.end - schedule.start, schedule.mode)
    picture = picture_of(problem, bad)
    machines = picture.bars.resource[
        problem.resources.kind[picture.bars.resource] == ResourceKind.MACHINE
    ]
    assert picture.bar_lane.max() == np.bincount(machines).max() - 1


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 30), st.integers(0, 9)), min_size=0, max_size=40
    )
)
def test_lanes_are_disjoint_and_fewest(items: list[tuple[int, int, int]]) -> None:
    """No two intervals of a lane overlap, and no row uses more lanes than its deepest overlap."""
    row = np.array([r for r, _, _ in items], dtype=np.int32)
    start = np.array([a for _, a, _ in items], dtype=np.int64)
    end = start + np.array([d for _, _, d in items], dtype=np.int64)
    lane = pack_lanes(row, start, end)
    for r in range(3):
        mine = np.flatnonzero(row == r)
        depth = max(
            (int(((start[mine] <= t) & (t < end[mine])).sum()) for t in range(40)), default=0
        )
        long = mine[end[mine] > start[mine]]
        if len(long) == len(mine):
            assert int(lane[mine].max(initial=-1)) + 1 == depth
        for x in mine:
            for y in mine:
                if x < y and lane[x] == lane[y]:
                    assert end[x] <= start[y] or end[y] <= start[x]


def test_simultaneous_changes_are_summed_first() -> None:
    """A level that falls and rises at one instant shows only the sum."""
    steps = steps_from_changes(np.array([5, 5, 9]), np.array([-3, 4, -1]), 0, 2)
    assert steps.time.tolist() == [0, 5, 9]
    assert steps.value.tolist() == [2, 3, 2]
