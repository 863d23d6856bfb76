"""Reports on schedules: orders that hold, slack that is real, levers that keep their word."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.solvers.cpsat_support import best_schedule, run
from tests.strategies import ALL, problems

from makespan import Blocking, ProblemBuilder, explain
from makespan.core.errors import ProblemError
from makespan.core.graph_times import earliest_times
from makespan.core.metrics import term_value
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.core.vocabulary import ObjectiveKind
from makespan.generators import named_instance, planted_everything
from makespan.solvers.explain import ScheduleReport, explain_schedule
from makespan.solvers.explain._orders import ordered, orders
from makespan.solvers.explain._shares import shares

TIMELESS = ALL - {"calendars", "suspend", "released", "forbidden", "steps", "milestones"}
"""Features under which lags and orders say all there is to say about feasibility."""

SUMS = set(ObjectiveKind) - {
    ObjectiveKind.MAKESPAN,
    ObjectiveKind.MAX_LATENESS,
    ObjectiveKind.MAX_TARDINESS,
}


def some_schedule(problem: Problem) -> Schedule:
    """A feasible schedule; the example is passed over where there is none."""
    schedule = run(problem).schedule
    assume(schedule is not None)
    assert schedule is not None
    return schedule


def lengths(schedule: Schedule) -> np.ndarray:
    """Ticks each task is held."""
    return schedule.end - schedule.start


@settings(max_examples=60)
@given(problems(max_tasks=6))
def test_a_schedule_keeps_its_own_orders(problem: Problem) -> None:
    """No task starts before what its orders allow: they were read off the schedule."""
    schedule = some_schedule(problem)
    whole = ordered(problem, orders(problem, schedule))
    times = earliest_times(whole, duration=lengths(schedule), present=schedule.present)
    here = schedule.present
    assert (times.start[here] <= schedule.start[here]).all()


@settings(max_examples=60)
@given(problems(max_tasks=6, features=TIMELESS))
def test_whoever_keeps_the_orders_keeps_the_capacities(problem: Problem) -> None:
    """Moving everything as early as the orders allow gives a schedule that verifies."""
    schedule = some_schedule(problem)
    whole = ordered(problem, orders(problem, schedule))
    times = earliest_times(whole, duration=lengths(schedule), present=schedule.present)
    early = Schedule(times.start, times.end, schedule.mode)
    assert [v for v in verify(problem, early) if v.kind.value != "swap"] == []


def test_what_fills_a_full_reservoir_stays_with_what_drains_it() -> None:
    """The vessel holds nothing over: who fills it may move neither ahead nor away."""
    builder = ProblemBuilder()
    vessel = builder.reservoir("vessel", maximum=0)
    drain = builder.task("drain", duration=1, ends_with={vessel: -2})
    builder.task("fill", duration=1, starts_with={vessel: 2})
    last = builder.task("last", duration=3)
    builder.precedence(drain, last)
    problem = builder.build()
    schedule = Schedule(np.array([0, 1, 1]), np.array([1, 2, 4]), np.arange(3, dtype=np.int32))
    assert verify(problem, schedule) == []
    whole = ordered(problem, orders(problem, schedule))
    times = earliest_times(whole, duration=lengths(schedule), present=schedule.present)
    assert times.start.tolist() == [0, 1, 1]
    assert explain_schedule(problem, schedule).slack.tolist() == [0, 0, 0]


@settings(max_examples=60)
@given(problems(max_tasks=6, features=TIMELESS), st.data())
def test_a_task_can_slip_by_its_slack(problem: Problem, data: st.DataObject) -> None:
    """Delayed by its slack, with everyone behind it pushed along, the end and deadlines stand."""
    schedule = some_schedule(problem)
    here = np.flatnonzero(schedule.present)
    assume(len(here))
    report = explain_schedule(problem, schedule)
    task = data.draw(st.sampled_from(here.tolist()))
    whole = ordered(problem, orders(problem, schedule))
    release = whole.tasks.release.copy()
    release[task] = schedule.start[task] + report.slack[task]
    from dataclasses import replace

    late = replace(whole, tasks=replace(whole.tasks, release=release))
    times = earliest_times(late, duration=lengths(schedule), present=schedule.present)
    assert times.end[here].max() <= schedule.makespan
    moved = Schedule(times.start, times.end, schedule.mode)
    assert [v for v in verify(problem, moved) if v.kind.value != "swap"] == []


@settings(max_examples=60)
@given(problems(max_tasks=6))
def test_reports_of_random_schedules_are_consistent(problem: Problem) -> None:
    """Critical tasks have no slack, absent ones none either, and the text can be printed."""
    schedule = some_schedule(problem)
    report = explain_schedule(problem, schedule)
    assert report.makespan == schedule.makespan
    assert (report.slack >= 0).all()
    assert not report.slack[report.critical].any()
    assert not report.slack[~schedule.present].any()
    assert all(lever.gain > 0 for lever in report.levers)
    assert len(report.chain) == len(report.names)
    assert str(report).startswith("Ends at")


@settings(max_examples=60)
@given(problems(max_tasks=6))
def test_contributions_add_up(problem: Problem) -> None:
    """Shares of a sum add up to its value; shares of a maximum all attain it."""
    schedule = some_schedule(problem)
    for kind in ObjectiveKind:
        found, value = shares(problem, schedule, kind), term_value(problem, schedule, kind)
        if kind in SUMS:
            assert sum(amount for _, amount in found) == value, kind
            assert [a for _, a in found] == sorted((a for _, a in found), reverse=True)
        else:
            assert {amount for _, amount in found} <= {value}, kind


@pytest.mark.parametrize("seed", range(12))
def test_reports_of_planted_schedules(seed: int) -> None:
    """Larger schedules over the whole vocabulary keep their own orders and can be reported on."""
    problem, schedule = planted_everything(40, seed=seed)
    whole = ordered(problem, orders(problem, schedule))
    times = earliest_times(whole, duration=lengths(schedule), present=schedule.present)
    here = schedule.present
    assert (times.start[here] <= schedule.start[here]).all()
    report = explain_schedule(problem, schedule)
    for term in report.terms:
        assert term.value == term_value(problem, schedule, term.kind)


def workshop(blocking: Blocking = Blocking.NONE) -> Problem:
    """Three pieces sawn and painted; the saw is the bottleneck."""
    b = ProblemBuilder("workshop")
    saw, booth = b.machine("saw", blocking=blocking), b.machine("booth")
    for name, cut, paint in (("table", 6, 3), ("chair", 5, 1), ("shelf", 4, 4)):
        job = b.job(name, due=12)
        b.chain(
            b.task(f"saw {name}", duration=cut, machine=saw, job=job),
            b.task(f"paint {name}", duration=paint, machine=booth, job=job),
        )
    b.minimise("makespan")
    b.then_minimise("total_tardiness")
    return b.build()


def test_a_small_report_by_hand() -> None:
    """Saw table 0-6, shelf 6-10, chair 10-15, painted right after: every figure worked out."""
    problem = workshop()
    index = problem.tasks.names.find
    start = np.zeros(6, dtype=np.int64)
    for name, at in {
        "saw table": 0, "paint table": 6, "saw shelf": 6, "paint shelf": 10,
        "saw chair": 10, "paint chair": 15,
    }.items():  # fmt: skip
        start[index(name)] = at
    report = explain(problem, Schedule.from_starts(problem, start))
    assert isinstance(report, ScheduleReport)
    assert report.makespan == 16
    assert report.names == ("saw table", "saw shelf", "saw chair", "paint chair")
    assert {
        n: int(report.slack[index(n)]) for n in ("saw table", "paint table", "paint shelf")
    } == {
        "saw table": 0,
        "paint table": 2,  # shelf must be painted by 15, so the booth is free until 11
        "paint shelf": 1,  # the chair is painted from 15 on
    }
    assert [(b.resource, b.waits) for b in report.bottlenecks] == [("saw", 2), ("booth", 0)]
    assert report.bottlenecks[0].utilisation == pytest.approx(15 / 16)
    gains = {(lever.kind, lever.name): lever.gain for lever in report.levers}
    # Without the saw the paint booth needs 6 + 3 + 4 + 1; without a task what it held up moves.
    assert gains["resource", "saw"] == 2
    assert gains["task", "saw chair"] == 1
    tardiness = report.terms[1]
    assert tardiness.contributors == (("chair", 4), ("shelf", 2))
    text = str(report)
    assert "saw shelf  6-10  waits for saw" in text
    assert "paint chair  15-16  after the one before, by precedence" in text
    assert "total_tardiness 6: chair 4, shelf 2" in text
    assert "no waiting for 'saw': 2 sooner" in text


def test_a_blocked_machine_is_followed_from_the_next_start_on() -> None:
    """Under blocking the saw is free when the booth takes the piece, not when sawing ends."""
    problem = workshop(Blocking.SWAP)
    schedule = best_schedule(problem)
    found = orders(problem, schedule)
    kinds = set(found.kind[found.line == problem.resources.names.find("saw")].tolist())
    assert kinds == {0, 1}


def test_long_chains_are_abridged() -> None:
    """A chain of a hundred tasks is told in some thirty lines."""
    b = ProblemBuilder("chain")
    machine = b.machine("m")
    b.chain(*(b.task(f"t{k}", duration=1, machine=machine) for k in range(100)))
    problem = b.build()
    report = explain_schedule(problem, best_schedule(problem))
    assert len(report.names) == 100
    assert len(report.chain) == 31
    assert "… 70 more …" in report.chain


def test_the_empty_schedule() -> None:
    """Nothing present, nothing to report, and nothing fails."""
    b = ProblemBuilder("empty")
    b.task("t", duration=1, optional=True)
    problem = b.build()
    report = explain_schedule(problem, Schedule(np.zeros(1), np.zeros(1), np.array([-1])))
    assert (report.makespan, report.names, report.levers) == (0, (), ())
    assert str(report).startswith("Ends at 0")


def test_a_schedule_of_another_problem_is_refused() -> None:
    """The length tells them apart."""
    problem = named_instance("ft06")
    with pytest.raises(ProblemError):
        explain(problem, Schedule(np.zeros(2), np.ones(2), np.zeros(2)))
