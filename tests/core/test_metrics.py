"""Every objective term on a hand-computed schedule, exactness, and measures of use."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.builder import ProblemBuilder
from makespan.core.errors import ProblemError
from makespan.core.metrics import (
    evaluate,
    job_times,
    machine_sequences,
    resource_use,
    term_value,
)
from makespan.core.problem import Objective, ObjectiveTerm, Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import ObjectiveKind
from tests import oracle
from tests.strategies import broken_schedules, problems, schedules


def plant() -> tuple[Problem, Schedule]:
    """Two jobs and two lone tasks, one of them left out.

    =======  ====  =======  =========  ========================================
    task     job   [s, e)   mode       remarks
    =======  ====  =======  =========  ========================================
    a        X     [2, 5)   1 of 2     family 0, baseline start 2 in mode 0
    b        X     [6, 8)   only       family 1, task due 7 (weight 2)
    c        Y     [9, 13)  only       family 1, baseline start 11
    point    Y     [4, 4)   only       milestone on M, setups do not see it
    lone     -     [0, 6)   only       release 0, weight 3, due 10
    gone     -     absent   -          reward 7
    =======  ====  =======  =========  ========================================
    """
    b = ProblemBuilder("plant")
    s = b.setups(
        "s", [[0, 1], [2, 1]], initial_time=[2, 0], cost=[[0, 5], [9, 3]], initial_cost=[4, 8]
    )
    m = b.machine("M", setup=s, rate=2)
    crew = b.renewable("crew", capacity=3, steps=[(4, 2)], rate=1)
    gold = b.consumable("gold", amount=99, rate=10)
    x = b.job("X", release=1, due=6, weight=2)
    y = b.job("Y", release=3, due=20)
    a = b.task("a", job=x, family=0, baseline=(2, 0))
    a.mode(9, m, cost=1).mode(3, m, demands={crew: 2, gold: 1}, cost=4)
    b.task("b", duration=2, machine=m, job=x, family=1, due=7, weight=2)
    b.task("c", duration=4, machine=m, job=y, family=1, baseline=11, demands={gold: 2})
    b.task("point", duration=0, machine=m, job=y, demands={crew: 3, gold: 1})
    b.task("lone", duration=6, demands={crew: 1}, weight=3, due=10)
    b.task("gone", duration=5, machine=m, optional=True, reward=7, due=1, baseline=3)
    problem = b.build()
    schedule = Schedule(
        np.array([2, 6, 9, 4, 0, 0]), np.array([5, 8, 13, 4, 6, 0]), np.array([1, 2, 3, 4, 5, -1])
    )
    return problem, schedule


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("makespan", 13),
        ("total_completion", 2 * 8 + 13 + 3 * 6),
        ("total_flow_time", 2 * (8 - 1) + (13 - 3) + 3 * 6),
        # X is 2 late (weight 2), b 1 late (weight 2); Y and lone are early.
        ("total_tardiness", 2 * 2 + 2 * 1),
        ("max_tardiness", 4),
        ("tardy_count", 2 + 2),
        ("max_lateness", 2),
        ("total_earliness", (20 - 13) + 3 * (10 - 6)),
        # M: 2 per tick over 3 + 2 + 4; crew: 2 x 3 + 1 x 6; gold: 10 x (1 + 2 + 1).
        ("resource_cost", 2 * 9 + 12 + 40),
        ("mode_cost", 4),
        ("setup_time", 2 + 1 + 1),
        ("setup_cost", 4 + 5 + 3),
        ("unplaced", 7),
        ("change", 2),
        ("moved", 2),
    ],
)
def test_terms(kind: str, expected: int) -> None:
    """Each term has the value one computes by hand."""
    problem, schedule = plant()
    assert term_value(problem, schedule, kind) == expected


def test_every_term_is_covered() -> None:
    """No kind of term lacks a value."""
    problem, schedule = plant()
    for kind in ObjectiveKind:
        assert isinstance(term_value(problem, schedule, kind), int)


def test_levels() -> None:
    """A level is the weighted sum of its terms; levels come in order."""
    problem, schedule = plant()
    objective = Objective(
        (
            (ObjectiveTerm(ObjectiveKind.MAKESPAN, 10), ObjectiveTerm(ObjectiveKind.UNPLACED, 3)),
            (ObjectiveTerm(ObjectiveKind.MODE_COST),),
            (ObjectiveTerm(ObjectiveKind.MAKESPAN, 0),),
        )
    )
    problem = dataclasses.replace(problem, objective=objective)
    assert evaluate(problem, schedule) == (130 + 21, 4, 0)


def test_nothing_present() -> None:
    """An empty schedule is worth 0 but for what it leaves out."""
    problem, _ = plant()
    nothing = Schedule(np.zeros(6), np.zeros(6), np.full(6, -1))
    values = {kind.value: term_value(problem, nothing, kind) for kind in ObjectiveKind}
    assert values.pop("unplaced") == 7
    assert set(values.values()) == {0}


def test_lateness_may_be_negative() -> None:
    """The largest lateness is negative if everything is early, and 0 if nothing has a due date."""
    b = ProblemBuilder("early")
    b.task("a", duration=2, due=9)
    p = b.build()
    assert term_value(p, Schedule([0], [2], [0]), "max_lateness") == -7
    b = ProblemBuilder("undated")
    b.task("a", duration=2)
    assert term_value(b.build(), Schedule([0], [2], [0]), "max_lateness") == 0


def test_sums_beyond_64_bits_are_exact() -> None:
    """Weights, times and rates at their limits do not wrap around."""
    big = 1 << 44
    b = ProblemBuilder("big")
    m = b.machine("M", rate=big)
    r = b.renewable("R", capacity=big, rate=big)
    b.task("a", duration=big, machine=m, demands={r: big}, weight=big, due=0)
    p = b.build()
    s = Schedule([0], [big], [0])
    assert term_value(p, s, "total_completion") == big * big
    assert term_value(p, s, "max_tardiness") == big * big
    assert term_value(p, s, "resource_cost") == big * big + big * big * big
    assert resource_use(p, s).utilisation == (1.0, 1.0)


@settings(max_examples=100)
@given(st.data())
def test_values_are_those_of_the_semantics(data: st.DataObject) -> None:
    """On random problems and schedules, every level has the value of the literal definitions."""
    problem = data.draw(problems())
    schedule = data.draw(schedules(problem))
    for kind in ObjectiveKind:
        level = ((ObjectiveTerm(kind, 2),),)
        single = dataclasses.replace(problem, objective=Objective(level))
        assert evaluate(single, schedule) == oracle.value(single, schedule), kind
    assert evaluate(problem, schedule) == oracle.value(problem, schedule)


@settings(max_examples=50)
@given(st.data())
def test_sequences_hold_each_task_once(data: st.DataObject) -> None:
    """A machine's sequence is its tasks that take time, by start, ties by index."""
    problem = data.draw(problems())
    schedule = data.draw(broken_schedules(problem))
    plan, reader = oracle.plan_of(problem, schedule), oracle.Reader(problem)
    if len(plan) < schedule.present.sum():
        with pytest.raises(ProblemError, match="not one of its own"):
            machine_sequences(problem, schedule)
        return
    found = machine_sequences(problem, schedule)
    machines = [r for r, kind in enumerate(reader.kind) if kind == 0]
    assert list(found) == machines
    for machine in machines:
        assert found[machine].tolist() == oracle.sequence(reader, plan, machine)


def test_job_times() -> None:
    """Jobs begin with their first task and complete with their last; absent jobs hold 0."""
    problem, schedule = plant()
    jobs = job_times(problem, schedule)
    assert jobs.present.tolist() == [True, True]
    assert jobs.start.tolist() == [2, 4]
    assert jobs.completion.tolist() == [8, 13]
    assert jobs.flow_time.tolist() == [7, 10]
    assert jobs.lateness.tolist() == [2, -7]
    assert jobs.tardiness.tolist() == [2, 0]
    nothing = job_times(problem, Schedule(np.zeros(6), np.zeros(6), np.full(6, -1)))
    assert not nothing.present.any()
    assert nothing.completion.tolist() == nothing.start.tolist() == [0, 0]


def test_resource_use() -> None:
    """Busy and idle time add up to what is available until the makespan."""
    problem, schedule = plant()
    use = resource_use(problem, schedule)
    # crew: 3 units for 4 ticks, 2 units for the other 9; gold is not a matter of time.
    assert use.busy == (9, 12, 0)
    assert use.available == (13, 3 * 4 + 2 * 9, 0)
    assert use.idle == (4, 18, 0)
    assert use.utilisation == (9 / 13, 12 / 30, 0.0)


def test_sequences() -> None:
    """Milestones and other resources have no place in a sequence."""
    problem, schedule = plant()
    assert {r: tasks.tolist() for r, tasks in machine_sequences(problem, schedule).items()} == {
        0: [0, 1, 2]
    }


def test_unfit_schedules_are_refused() -> None:
    """A schedule of another problem is refused with the task at fault."""
    problem, schedule = plant()
    with pytest.raises(ProblemError, match="2 tasks, the problem 6"):
        evaluate(problem, Schedule(np.zeros(2), np.zeros(2), np.zeros(2)))
    astray = Schedule(schedule.start, schedule.end, np.array([2, 2, 3, 4, 5, -1]))
    with pytest.raises(ProblemError, match="task 'a' is scheduled in mode 2"):
        term_value(problem, astray, "makespan")
