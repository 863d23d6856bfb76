"""What a builder's calls put into the tables, and that a built problem stands on its own."""

from __future__ import annotations

import dataclasses
import warnings
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.builder import ProblemBuilder
from makespan.core.errors import ProblemError
from makespan.core.handles import ResourceHandle, TaskHandle
from makespan.core.problem import Objective, ObjectiveTerm, Problem
from makespan.core.validation import ModelWarning
from makespan.core.vocabulary import (
    INFINITY,
    Blocking,
    DemandTiming,
    LinkKind,
    ObjectiveKind,
    PrecedenceKind,
    ResourceKind,
    SelectionKind,
)
from tests.strategies import problems


def arrays(value: Any) -> list[np.ndarray]:
    """Every array inside a problem."""
    if isinstance(value, np.ndarray):
        return [value]
    if dataclasses.is_dataclass(value):
        parts = [getattr(value, item.name) for item in dataclasses.fields(value)]
        return [a for part in parts for a in arrays(part)]
    if isinstance(value, tuple):
        return [a for part in value for a in arrays(part)]
    return []


def test_resources() -> None:
    """Each kind of resource fills its row and leaves the other columns at their defaults."""
    b = ProblemBuilder()
    shift = b.calendar("shift", working=[(0, 8)], period=24)
    matrix = b.setups("paint", [[0, 1], [2, 0]])
    b.machine("saw", calendar=shift, breaks="suspend", blocking=Blocking.SWAP, setup=matrix, rate=3)
    b.renewable(
        "crew",
        capacity=4,
        steps=[(5, 2), (9, 0)],
        calendar=shift,
        breaks="suspend",
        released_in_breaks=True,
        rate=1,
    )
    b.consumable("gold", amount=7, rate=2)
    b.reservoir("tank", initial=1, minimum=-1, maximum=6)
    b.reservoir("sink")
    r = b.build().resources
    assert list(r.names) == ["saw", "crew", "gold", "tank", "sink"]
    assert [ResourceKind(k).name for k in r.kind] == [
        *("MACHINE", "RENEWABLE", "CONSUMABLE", "RESERVOIR", "RESERVOIR")
    ]
    assert r.capacity.tolist() == [1, 4, 7, 6, INFINITY]
    assert r.minimum.tolist() == [0, 0, 0, -1, 0]
    assert r.initial.tolist() == [0, 0, 0, 1, 0]
    assert r.calendar.tolist() == [0, 0, -1, -1, -1]
    assert r.suspend.tolist() == [True, True, False, False, False]
    assert r.released_in_breaks.tolist() == [False, True, False, False, False]
    assert r.blocking.tolist() == [Blocking.SWAP, 0, 0, 0, 0]
    assert r.rate.tolist() == [3, 1, 2, 0, 0]
    assert r.setup.tolist() == [0, -1, -1, -1, -1]
    assert r.step_ptr.tolist() == [0, 0, 2, 2, 2, 2]
    assert r.step_time.tolist() == [5, 9]
    assert r.step_capacity.tolist() == [2, 0]


def test_tables_of_setups() -> None:
    """A setup matrix keeps times and costs; what is not given is zero."""
    b = ProblemBuilder()
    b.setups(
        "all", [[0, 1], [2, 0]], initial_time=[3, 4], cost=[[5, 6], [7, 8]], initial_cost=[9, 1]
    )
    b.setups("times", np.array([[1]]))
    full, plain = b.build().setups
    assert (full.name, full.time.tolist(), full.initial_time.tolist()) == (
        *("all", [[0, 1], [2, 0]], [3, 4]),
    )
    assert (full.cost.tolist(), full.initial_cost.tolist()) == ([[5, 6], [7, 8]], [9, 1])
    assert (plain.initial_time.tolist(), plain.cost.tolist(), plain.initial_cost.tolist()) == (
        *([0], [[0]], [0]),
    )


def test_jobs_and_tasks() -> None:
    """Windows, weights and the rest reach their columns; jobs list their tasks in order."""
    b = ProblemBuilder()
    b.machine("M")
    j = b.job("J", release=1, due=20, deadline=30, weight=4)
    b.task("lone", duration=1)
    b.task(
        "full",
        duration=1,
        job=j,
        release=2,
        deadline=25,
        due=9,
        weight=5,
        optional=True,
        reward=8,
        family=3,
        blocking=Blocking.NO_SWAP,
        forbidden=[(3, 5), (9, 10)],
        baseline=(4, 0),
    )
    b.task("last", duration=1, job=j, baseline=6)
    p = b.build()
    assert (p.jobs.release.tolist(), p.jobs.due.tolist()) == ([1], [20])
    assert (p.jobs.deadline.tolist(), p.jobs.weight.tolist()) == ([30], [4])
    assert (p.jobs.task_ptr.tolist(), p.jobs.task.tolist()) == ([0, 2], [1, 2])
    t = p.tasks
    assert list(t.names) == ["lone", "full", "last"]
    assert t.job.tolist() == [-1, 0, 0]
    assert t.release.tolist() == [0, 2, 0]
    assert t.deadline.tolist() == [INFINITY, 25, INFINITY]
    assert t.due.tolist() == [INFINITY, 9, INFINITY]
    assert t.weight.tolist() == [1, 5, 1]
    assert t.optional.tolist() == [False, True, False]
    assert t.reward.tolist() == [0, 8, 0]
    assert t.family.tolist() == [0, 3, 0]
    assert t.blocking.tolist() == [0, Blocking.NO_SWAP, 0]
    assert t.forbidden_ptr.tolist() == [0, 0, 2, 2]
    assert (t.forbidden_start.tolist(), t.forbidden_end.tolist()) == ([3, 9], [5, 10])
    assert t.baseline_start.tolist() == [INFINITY, 4, 6]
    assert t.baseline_mode.tolist() == [-1, 0, -1]


def test_modes() -> None:
    """Modes keep the order of the calls and their demands; demands of 0 are left out."""
    b = ProblemBuilder()
    saw, drill = b.machine("saw"), b.machine("drill")
    crew, gold = b.renewable("crew", capacity=3), b.consumable("gold", amount=9)
    tank = b.reservoir("tank", maximum=5)
    first = b.task("first", duration=3, machine=saw, demands={crew: 2, gold: 0}, cost=7)
    second = b.task("second")
    assert second.mode(5, [saw, drill], starts_with={tank: -1}, ends_with={tank: 2}) is second
    assert first.mode(0, demands={drill: 1, gold: 4}) is first
    m = b.build().modes
    assert m.task.tolist() == [0, 0, 1]
    assert m.duration.tolist() == [3, 0, 5]
    assert m.cost.tolist() == [7, 0, 0]
    assert m.demand_ptr.tolist() == [0, 2, 4, 8]
    assert m.demand_resource.tolist() == [0, 2, 1, 3, 0, 1, 4, 4]
    assert m.demand_amount.tolist() == [1, 2, 1, 4, 1, 1, -1, 2]
    assert m.demand_timing.tolist() == [
        *[DemandTiming.DURING] * 6,
        *(DemandTiming.AT_START, DemandTiming.AT_END),
    ]


def test_precedences() -> None:
    """Kinds go by name in either case or by code; chains join neighbours."""
    b = ProblemBuilder()
    w, x, y, z = (b.task(name, duration=1) for name in "wxyz")
    b.precedence(w, x)
    b.precedence(w, y, kind="sf", min_lag=-3, max_lag=4)
    b.precedence(w, z, kind=PrecedenceKind.FF, min_lag=2)
    b.chain(w, x, y, lag=5)
    b.no_wait(x, y, z)
    assert z.after(w, x, lag=-1) is z
    b.chain()
    b.chain(w)
    q = b.build().precedences
    rows = zip(q.source, q.target, q.kind, q.minimum, q.maximum, strict=True)
    assert [tuple(int(v) for v in row) for row in rows] == [
        (0, 1, PrecedenceKind.FS, 0, INFINITY),
        (0, 2, PrecedenceKind.SF, -3, 4),
        (0, 3, PrecedenceKind.FF, 2, INFINITY),
        (0, 1, PrecedenceKind.FS, 5, INFINITY),
        (1, 2, PrecedenceKind.FS, 5, INFINITY),
        (1, 2, PrecedenceKind.FS, 0, 0),
        (2, 3, PrecedenceKind.FS, 0, 0),
        (0, 3, PrecedenceKind.FS, -1, INFINITY),
        (1, 3, PrecedenceKind.FS, -1, INFINITY),
    ]


def test_relations() -> None:
    """Sets, groups, links and selections hold the tasks and resources they were given."""
    b = ProblemBuilder()
    saw, drill = b.machine("saw"), b.machine("drill")
    x, y, z = (b.task(name, duration=1, machine=saw, optional=True) for name in "xyz")
    b.no_overlap([z, x], name="corner")
    b.no_overlap([y])
    tools, other = b.group("tools", [drill, saw]), b.group("other", [saw])
    b.same_resource(x, z, tools)
    b.different_resource(y, x, other)
    b.exactly_one([x, y])
    b.at_most_one(iter([z]))
    b.all_or_none([y, z])
    b.implies(z, x, y)
    p = b.build()
    assert list(p.no_overlaps.names) == ["corner", "no-overlap 2"]
    assert [members.tolist() for members in p.no_overlaps] == [[2, 0], [1]]
    assert list(p.groups.names) == ["tools", "other"]
    assert [members.tolist() for members in p.groups] == [[1, 0], [0]]
    assert p.links.kind.tolist() == [LinkKind.SAME, LinkKind.DIFFERENT]
    assert (p.links.first.tolist(), p.links.second.tolist()) == ([0, 1], [2, 0])
    assert p.links.group.tolist() == [0, 1]
    assert p.selections.kind.tolist() == [
        *(SelectionKind.EXACTLY_ONE, SelectionKind.AT_MOST_ONE),
        *(SelectionKind.ALL_OR_NONE, SelectionKind.IMPLIES),
    ]
    assert p.selections.ptr.tolist() == [0, 2, 3, 5, 8]
    assert p.selections.task.tolist() == [0, 1, 2, 1, 2, 2, 0, 1]


def test_objective() -> None:
    """The makespan by default; minimise starts anew, then_minimise adds a level."""
    b = ProblemBuilder()
    assert b.build().objective == Objective()
    b.minimise("total_tardiness")
    b.then_minimise(ObjectiveKind.MAKESPAN)
    b.minimise({"makespan": 10, "unplaced": 0})
    b.then_minimise({ObjectiveKind.MODE_COST: 2})
    b.then_minimise("change")
    assert b.build().objective.levels == (
        (ObjectiveTerm(ObjectiveKind.MAKESPAN, 10), ObjectiveTerm(ObjectiveKind.UNPLACED, 0)),
        (ObjectiveTerm(ObjectiveKind.MODE_COST, 2),),
        (ObjectiveTerm(ObjectiveKind.CHANGE, 1),),
    )


def test_names_are_made_up_where_none_is_given() -> None:
    """Resources by kind and place, jobs and tasks by place."""
    b = ProblemBuilder()
    named = [b.machine(), b.renewable(capacity=1), b.consumable(amount=1), b.reservoir()]
    assert [handle.name for handle in named] == ["M1", "R2", "C3", "R4"]
    assert [b.job().name, b.job("X").name, b.job().name] == ["J1", "X", "J3"]
    assert [b.task(duration=1).name, b.task(duration=1).name] == ["T1", "T2"]
    p = b.build()
    assert list(p.tasks.names) == ["T1", "T2"]
    assert p.name == "problem"


def test_display_and_horizon() -> None:
    """Name, unit, date and horizon are the problem's; releases begin with the horizon."""
    date = datetime(2025, 3, 1, tzinfo=UTC)
    b = ProblemBuilder("plan", time_unit="hour", origin=date, horizon=(-7, 50))
    job = b.job()
    b.task(duration=1, job=job)
    b.task(duration=1, job=b.job(release=0), release=-2)
    p = b.build()
    assert (p.name, p.time_unit, p.origin) == ("plan", "hour", date)
    assert (p.horizon_start, p.horizon_end) == (-7, 50)
    assert p.tasks.release.tolist() == [-7, -2]
    assert p.jobs.release.tolist() == [-7, 0]
    assert ProblemBuilder(horizon=(3, None)).build().horizon_end == INFINITY


def test_infinity_stands_for_none() -> None:
    """Limits may be copied from one problem to another as they are."""
    given, left_out = ProblemBuilder(horizon=(0, INFINITY)), ProblemBuilder()
    none = np.int64(INFINITY)
    for b, value in ((given, none), (left_out, None)):
        b.reservoir(maximum=value)  # type: ignore[arg-type]
        job = b.job(due=value, deadline=value)  # type: ignore[arg-type]
        x = b.task(duration=1, job=job, due=value, deadline=value, baseline=value)  # type: ignore[arg-type]
        b.precedence(x, b.task(duration=1), max_lag=value)  # type: ignore[arg-type]
    assert given.build() == left_out.build()


def program(b: ProblemBuilder, steps: list[tuple[int, int]]) -> None:
    """Run a random series of calls; every number is a call and a choice."""
    resources: list[ResourceHandle] = [b.machine()]
    tasks: list[TaskHandle] = []
    for what, k in steps:
        if what == 0:
            resources.append(b.machine(blocking=Blocking(k % 3)))
        elif what == 1:
            resources.append(b.renewable(capacity=k, steps=[(k, 2)]))
        elif what == 2:
            b.calendar(f"c{len(b._calendars)}", working=[(0, k + 1)])
        elif what == 3 or len(tasks) < 2:
            job = b.job(due=k) if k % 2 else None
            demands = {resources[k % len(resources)]: 1}
            tasks.append(b.task(duration=k, demands=demands, job=job, optional=k % 3 == 0))
        elif what == 4:
            tasks[k % len(tasks)].mode(k, cost=1)
        elif what == 5:
            b.chain(*tasks[-2:], lag=k)
        elif what == 6:
            b.no_overlap(tasks[: k + 2])
        elif what == 7:
            b.exactly_one(tasks[-k - 1 :])
        else:
            b.minimise({"makespan": k, "unplaced": 1})


steps = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 5)), max_size=12)


@settings(max_examples=60)
@given(steps, steps)
def test_a_built_problem_stands_on_its_own(
    first: list[tuple[int, int]], later: list[tuple[int, int]]
) -> None:
    """Building twice gives equal problems, and what the builder does later changes neither."""
    b = ProblemBuilder()
    program(b, first)
    one, two = b.build(), b.build()
    assert one == two
    program(b, later)
    assert one == two
    changed = b.build()
    assert changed.resources.count > one.resources.count
    assert changed != one


@settings(max_examples=60)
@given(problems())
def test_arrays_are_read_only(problem: Problem) -> None:
    """No array of a built problem can be written to."""
    found = arrays(problem)
    assert len(found) > 50
    for array in found:
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        problem.tasks = problem.tasks  # type: ignore[misc]


def test_what_the_caller_keeps_is_not_shared() -> None:
    """Lists, dictionaries and arrays may be changed once they have been given."""
    b = ProblemBuilder()
    matrix, working = np.array([[1, 2], [3, 4]]), [(0, 4)]
    matrix_of, shift = (
        b.setups("s", matrix, cost=matrix),
        b.calendar("c", working=working, period=9),
    )
    crew = b.renewable(capacity=3)
    demands, forbidden = {crew: 2}, [(1, 2)]
    task = b.task(
        duration=1,
        machine=b.machine(setup=matrix_of, calendar=shift),
        demands=demands,
        forbidden=forbidden,
    )
    together = [task]
    b.no_overlap(together)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ModelWarning)
        before = b.build()
        matrix[...] = 0
        working.append((5, 6))
        demands[crew] = 1
        forbidden.clear()
        together.clear()
        assert b.build() == before


def test_handles_are_told_apart_by_their_builder() -> None:
    """Equal names and places in two builders are different things; a handle cannot be changed."""
    one, two = ProblemBuilder(), ProblemBuilder()
    mine, other = one.machine("saw"), two.machine("saw")
    assert mine != other
    assert len({mine, other, mine}) == 2
    assert repr(mine) == "ResourceHandle(name='saw', index=0, kind=<ResourceKind.MACHINE: 0>)"
    with pytest.raises(dataclasses.FrozenInstanceError):
        mine.index = 1  # type: ignore[misc]


def test_a_problem_that_contradicts_itself_is_not_built() -> None:
    """Rules between the parts are checked when building; mending them is enough."""
    b = ProblemBuilder()
    task = b.task("cut")
    with pytest.raises(ProblemError, match=r"task 'cut' has no mode \(give a duration or call"):
        b.build()
    task.mode(3)
    assert b.build().modes.count == 1
    b.machine("saw")
    b.machine("saw")
    with pytest.raises(ProblemError, match=r"two resources are named 'saw' \(names must be"):
        b.build()


def test_warnings_point_at_the_callers_line() -> None:
    """A model that is probably not meant is told where it was built."""
    b = ProblemBuilder()
    b.setups("s", [[0, 9, 1], [0, 0, 0], [0, 1, 0]])
    with pytest.warns(ModelWarning, match="setups 's' break the triangle inequality") as caught:
        b.build()
    assert [entry.filename for entry in caught] == [__file__]
