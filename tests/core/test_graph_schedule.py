"""Criticality of schedules: by hand, against a disjunctive graph, and by moving tasks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan import Blocking, ProblemBuilder
from makespan.core.graph_next import next_starts
from makespan.core.graph_schedule import Cause, criticality
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.verify import ViolationKind, verify
from makespan.core.vocabulary import INFINITY, ResourceKind
from makespan.generators.everything import planted_everything
from makespan.generators.shops import random_job_shop


def starts(problem: Problem, *values: int) -> Schedule:
    """Schedule of first modes from starts."""
    return Schedule.from_starts(problem, np.array(values))


def semi_active(problem: Problem, seed: int) -> Schedule:
    """Job shop schedule that appends tasks in a random order of jobs, each as early as it fits."""
    jobs, operations = problem.jobs.count, problem.tasks.count // problem.jobs.count
    order = np.repeat(np.arange(jobs), operations)
    np.random.default_rng(seed).shuffle(order)
    machine, duration = problem.modes.demand_resource, problem.modes.duration
    start = np.zeros(problem.tasks.count, dtype=np.int64)
    free = np.zeros(problem.resources.count, dtype=np.int64)
    ready = np.zeros(jobs, dtype=np.int64)
    done = np.zeros(jobs, dtype=np.int64)
    for j in order:
        i = j * operations + done[j]
        start[i] = max(ready[j], free[machine[i]])
        ready[j] = free[machine[i]] = start[i] + duration[i]
        done[j] += 1
    return Schedule.from_starts(problem, start)


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 5))
def test_job_shop_criticality_equals_disjunctive_graph(seed: int, jobs: int, machines: int) -> None:
    """A task is critical exactly if its longest path over all machine and job pairs spans Cmax."""
    problem = random_job_shop(jobs, machines, seed=seed, high=9)
    schedule = semi_active(problem, seed)
    found = criticality(problem, schedule)
    start, end = schedule.start, schedule.end
    machine = problem.modes.demand_resource
    follows = (start[None, :] >= end[:, None]) & (
        (machine[:, None] == machine[None, :])
        | (problem.tasks.job[:, None] == problem.tasks.job[None, :])
    )
    tail = np.zeros(len(start), dtype=np.int64)
    for i in np.argsort(-start):
        after = np.flatnonzero(follows[i])
        tail[i] = problem.modes.duration[i] + (tail[after].max() if len(after) else 0)
    assert np.array_equal(found.critical, start + tail == schedule.makespan)


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 5))
def test_job_shop_chain_covers_the_makespan(seed: int, jobs: int, machines: int) -> None:
    """In a semi-active schedule the chain starts at 0 and its tasks follow without a gap."""
    problem = random_job_shop(jobs, machines, seed=seed, high=9)
    schedule = semi_active(problem, seed)
    chain = list(criticality(problem, schedule).chain)
    assert schedule.start[chain[0]] == 0
    assert schedule.end[chain[-1]] == schedule.makespan
    assert (schedule.start[chain[1:]] == schedule.end[chain[:-1]]).all()


def without_windows(problem: Problem) -> Problem:
    """The problem without deadlines, forbidden intervals, horizon end and limits of stocks.

    Each of several tasks that end at one instant may have room in a stock, and all together not.
    """
    tasks, jobs, r = problem.tasks, problem.jobs, problem.resources
    none = np.empty(0, dtype=np.int64)
    wide = np.where(r.kind == ResourceKind.RESERVOIR, INFINITY, 10**6)
    return replace(
        problem,
        tasks=replace(
            tasks,
            deadline=np.full(tasks.count, INFINITY),
            forbidden_ptr=np.zeros(tasks.count + 1, dtype=np.int64),
            forbidden_start=none,
            forbidden_end=none,
        ),
        jobs=replace(jobs, deadline=np.full(jobs.count, INFINITY)),
        resources=replace(
            r,
            capacity=np.where(r.kind == ResourceKind.MACHINE, 1, wide),
            minimum=np.full(r.count, -(10**6)),
            step_ptr=np.zeros(r.count + 1, dtype=np.int64),
            step_time=none,
            step_capacity=none,
        ),
        horizon_end=INFINITY,
    )


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 25))
def test_tasks_that_are_not_critical_move_together(seed: int, tasks: int) -> None:
    """All non-critical tasks one tick later still make a feasible schedule of the same makespan."""
    planted, schedule = planted_everything(tasks, seed=seed, breaks=False)
    problem = without_windows(planted)
    found = criticality(problem, schedule)
    shift = (schedule.present & ~found.critical).astype(np.int64)
    moved = Schedule(schedule.start + shift, schedule.end + shift, schedule.mode)
    # Which exchanges of machines happen at one instant is not part of the order that is kept.
    broken = [v for v in verify(problem, moved) if v.kind is not ViolationKind.SWAP]
    assert not broken, [v.sentence for v in broken]
    assert moved.makespan == schedule.makespan


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 25))
def test_a_critical_task_alone_cannot_move(seed: int, tasks: int) -> None:
    """One critical task at its next place breaks a rule or ends after the makespan."""
    problem, schedule = planted_everything(tasks, seed=seed)
    found = criticality(problem, schedule)
    later = next_starts(problem, schedule)
    for i in np.flatnonzero(found.critical):
        start, end = schedule.start.copy(), schedule.end.copy()
        start[i], end[i] = later.start[i], later.end[i]
        moved = Schedule(start, end, schedule.mode)
        # A milestone or a jump over a break may pass a whole task, which changes the order.
        passed = (schedule.start >= schedule.start[i]) & (schedule.end <= start[i])
        passed &= schedule.present & (np.arange(len(schedule)) != i)
        assert moved.makespan > schedule.makespan or passed.any() or verify(problem, moved)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 25))
def test_next_places_are_the_next(seed: int, tasks: int) -> None:
    """No start between a task's own and its next place satisfies its calendars and windows."""
    problem, schedule = planted_everything(tasks, seed=seed)
    later = next_starts(problem, schedule)
    kinds = {ViolationKind.CALENDAR, ViolationKind.FORBIDDEN, ViolationKind.DURATION}
    for i in np.flatnonzero(schedule.present)[:8].tolist():
        mode = np.full(len(schedule), -1, dtype=np.int32)
        mode[i] = schedule.mode[i]
        tick = int(schedule.start[i]) + 1
        while tick < later.start[i] and tick <= schedule.makespan:
            start = np.where(np.arange(len(schedule)) == i, tick, 0)
            tried = Schedule.from_starts(problem, start, mode)
            kept = {v.kind for v in verify(problem, tried)} & kinds
            assert kept or tried.makespan > schedule.makespan
            tick += 1
        if later.end[i] <= schedule.makespan:
            start = np.where(np.arange(len(schedule)) == i, later.start, 0)
            tried = Schedule.from_starts(problem, start, mode)
            assert not {v.kind for v in verify(problem, tried)} & kinds
            assert tried.end[i] == later.end[i]


def test_setup_makes_a_gap_critical() -> None:
    """Two tasks with a setup between them push each other through it."""
    b = ProblemBuilder()
    colours = b.setups("colours", [[0, 4], [4, 0]])
    m = b.machine("press", setup=colours)
    b.task("red", duration=3, machine=m, family=0)
    b.task("blue", duration=2, machine=m, family=1)
    problem = b.build()
    found = criticality(problem, starts(problem, 0, 7))
    assert found.critical.tolist() == [True, True]
    assert [(p.cause, p.subject) for p in found.pushes] == [(Cause.MACHINE, "press")]
    found = criticality(problem, starts(problem, 0, 8))
    assert found.critical.tolist() == [False, True]
    assert found.chain == (1,)


def test_blocking_names_the_task_that_frees_the_machine() -> None:
    """A machine held by a blocked job is freed by the start of the job's next task."""
    b = ProblemBuilder()
    m1, m2 = b.machine("M1", blocking=Blocking.SWAP), b.machine("M2")
    one, two = b.job("one"), b.job("two")
    b.task("hold", duration=2, machine=m2)
    b.chain(
        b.task("a", duration=1, machine=m1, job=one), b.task("b", duration=3, machine=m2, job=one)
    )
    b.task("c", duration=6, machine=m1, job=two)
    problem = b.build()
    found = criticality(problem, starts(problem, 0, 0, 2, 2))
    assert found.critical.tolist() == [True, False, True, True]
    assert found.chain == (0, 2, 3)
    assert [p.subject for p in found.pushes] == ["M2", "M1"]


def test_blocking_keeps_clear_of_milestones() -> None:
    """The task that frees a blocked machine also pushes a milestone at that instant."""
    b = ProblemBuilder()
    m1, m2 = b.machine("M1", blocking=Blocking.SWAP), b.machine("M2")
    job = b.job()
    b.chain(
        b.task("a", duration=1, machine=m1, job=job), b.task("b", duration=1, machine=m2, job=job)
    )
    sign = b.task("sign", duration=0, machine=m1)
    b.chain(sign, b.task("c", duration=4))
    problem = b.build()
    found = criticality(problem, starts(problem, 0, 3, 3, 3))
    assert found.critical.tolist() == [False, True, True, True]


def test_maximum_lag_pulls_the_earlier_task() -> None:
    """With no-wait, delaying the second task delays the first, so both are critical or neither."""
    b = ProblemBuilder()
    first, second = b.task("first", duration=2), b.task("second", duration=1)
    last = b.task("last", duration=4)
    b.no_wait(first, second)
    b.precedence(first, last)
    problem = b.build()
    assert criticality(problem, starts(problem, 0, 2, 2)).critical.tolist() == [True, True, True]


def test_reservoir_links_producer_and_consumer() -> None:
    """What waits for a delivery is pushed by the delivery."""
    b = ProblemBuilder()
    tank = b.reservoir("tank")
    b.task("fill", duration=3, ends_with={tank: 2})
    b.task("drain", duration=5, starts_with={tank: -2})
    problem = b.build()
    found = criticality(problem, starts(problem, 0, 3))
    assert found.critical.all()
    assert found.pushes[0].cause is Cause.RESERVOIR


def test_renewable_and_no_overlap_causes() -> None:
    """The cause names the renewable that is full and the set whose members exclude each other."""
    b = ProblemBuilder()
    crew = b.renewable("crew", capacity=3)
    one = b.task("one", duration=2, demands={crew: 2})
    b.task("two", duration=3, demands={crew: 2})
    three = b.task("three", duration=1)
    b.no_overlap([one, three], name="oven")
    problem = b.build()
    found = criticality(problem, starts(problem, 1, 3, 0))
    assert found.chain == (2, 0, 1)
    assert [(p.cause, p.subject) for p in found.pushes] == [
        (Cause.NO_OVERLAP, "oven"),
        (Cause.RENEWABLE, "crew"),
    ]


def test_breaks_count_as_pushing() -> None:
    """A task that ends at a break pushes the one that starts after it."""
    b = ProblemBuilder()
    day = b.calendar("day", working=[(0, 8)], period=24)
    m = b.machine("saw", calendar=day)
    b.task("one", duration=8, machine=m)
    b.task("two", duration=8, machine=m)
    problem = b.build()
    assert criticality(problem, starts(problem, 0, 24)).critical.all()


def test_nothing_present() -> None:
    """A schedule without tasks has no critical ones."""
    b = ProblemBuilder()
    b.task(duration=3, optional=True)
    problem = b.build()
    found = criticality(problem, Schedule(np.zeros(1), np.zeros(1), np.array([-1])))
    assert not found.critical.any()
    assert found.chain == ()


@pytest.mark.slow
def test_large_schedules_are_quick() -> None:
    """A hundred thousand operations take about a second."""
    problem = random_job_shop(100, 1000, seed=0)
    schedule = semi_active(problem, 0)
    assert criticality(problem, schedule).critical.any()
