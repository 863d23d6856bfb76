"""Every objective term on a case small enough to work out by hand, and levels in order."""

from __future__ import annotations

import pytest
from tests.solvers.cpsat_support import best_schedule, optimum

from makespan.core.builder import ProblemBuilder


def line(**jobs: tuple[int, int, int]) -> tuple[ProblemBuilder, list[str]]:
    """One machine; jobs of one task given as (duration, due, weight)."""
    b = ProblemBuilder("line")
    m = b.machine("M")
    for name, (duration, due, weight) in jobs.items():
        job = b.job(name, due=due, weight=weight)
        b.task(f"{name}.t", duration=duration, machine=m, job=job)
    return b, list(jobs)


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        ("makespan", 9),
        ("total_completion", 2 * 3 + 5 + 9),  # by duration over weight: b, a, c
        ("total_flow_time", 2 * 3 + 5 + 9),
        ("total_tardiness", 3),  # c last, at 9
        ("max_tardiness", 3),
        ("max_lateness", 3),
        ("tardy_count", 1),
    ],
)
def test_regular_terms(objective: str, expected: int) -> None:
    """Three jobs on one machine with durations 2, 3, 4."""
    b, _ = line(a=(2, 6, 1), b=(3, 6, 2), c=(4, 6, 1))
    b.minimise(objective)
    assert optimum(b.build()) == (expected,)


def test_total_completion_uses_weights_and_smith_order() -> None:
    """Jobs run by duration over weight."""
    b, _ = line(a=(2, 9, 1), b=(3, 9, 3), c=(4, 9, 3))
    b.minimise("total_completion")
    assert best_schedule(b.build()).start.tolist() == [7, 0, 3]


def test_flow_time_counts_from_release() -> None:
    """Flow time subtracts each job's release."""
    b = ProblemBuilder("flow")
    m = b.machine("M")
    for k, release in enumerate((0, 4)):
        b.task(f"t{k}", duration=3, machine=m, job=b.job(f"J{k}", release=release))
    b.minimise("total_flow_time")
    assert optimum(b.build()) == (6,)


def test_job_completes_with_its_latest_task() -> None:
    """A job of two parallel tasks is tardy by the later one."""
    b = ProblemBuilder("parallel")
    job = b.job("J", due=3)
    b.task("short", duration=2, job=job)
    b.task("long", duration=5, job=job)
    b.minimise("total_tardiness")
    assert optimum(b.build()) == (2,)


def test_max_lateness_may_be_negative() -> None:
    """Everything done early gives a negative maximum lateness."""
    b, _ = line(a=(2, 10, 1), b=(3, 12, 1))
    b.minimise("max_lateness")
    assert optimum(b.build()) == (-7,)


def test_max_tardiness_is_weighted() -> None:
    """The heavier job goes first although both are equally late."""
    b, _ = line(a=(4, 0, 1), b=(4, 0, 2))
    b.minimise("max_tardiness")
    assert optimum(b.build()) == (8,)


def test_due_dates_of_tasks_inside_jobs_count() -> None:
    """A task's own due date adds to its job's."""
    b = ProblemBuilder("dates")
    job = b.job("J", due=1)
    b.task("t", duration=4, job=job, due=2, weight=3)
    b.minimise("total_tardiness")
    assert optimum(b.build()) == (3 + 3 * 2,)


def test_earliness_of_a_job_uses_its_latest_task() -> None:
    """One late task is enough to keep a job from being early."""
    b = ProblemBuilder("early", horizon=(0, 20))
    job = b.job("J", due=10)
    b.task("first", duration=2, job=job, deadline=5)
    b.task("second", duration=2, job=job)
    b.minimise("total_earliness")
    assert optimum(b.build()) == (0,)
    assert best_schedule(b.build()).end.max() >= 10


def test_earliness_and_tardiness_meet_at_the_due_date() -> None:
    """Just-in-time: two jobs due together on one machine cost one duration."""
    b, _ = line(a=(3, 8, 1), b=(3, 8, 1))
    b.minimise({"total_earliness": 1, "total_tardiness": 1})
    assert optimum(b.build()) == (3,)


def test_costs_of_modes_and_resources() -> None:
    """The cheap mode costs 6 by its rate, the fast one 2 + 5; consumables cost once."""
    b = ProblemBuilder("cost")
    slow = b.machine("slow", rate=1)
    power = b.consumable("power", amount=9, rate=2)
    b.task("t", duration=6, machine=slow).mode(2, demands={power: 1}, cost=5)
    b.minimise({"resource_cost": 1, "mode_cost": 1})
    assert optimum(b.build()) == (6,)
    b.minimise("makespan")
    b.then_minimise({"resource_cost": 1, "mode_cost": 1})
    assert optimum(b.build()) == (2, 7)


def test_change_and_moved_keep_a_plan() -> None:
    """Inserting an urgent task shifts the plan as little as possible."""
    b = ProblemBuilder("repair")
    m = b.machine("M")
    for k in range(3):
        b.task(f"t{k}", duration=3, machine=m, baseline=3 * k)
    b.task("urgent", duration=2, machine=m, deadline=5)
    b.minimise("change")
    assert optimum(b.build()) == (4,)
    b.minimise("moved")
    assert optimum(b.build()) == (1,)


def test_moved_counts_a_change_of_mode() -> None:
    """Keeping the start but not the mode is a move."""
    b = ProblemBuilder("mode")
    m, other = b.machine("M"), b.machine("N")
    b.task("t", duration=4, machine=m, baseline=(0, 0)).mode(2, other)
    b.minimise({"makespan": 1, "moved": 1})
    assert optimum(b.build()) == (3,)
    b.minimise({"makespan": 1, "moved": 5})
    assert optimum(b.build()) == (4,)


def test_later_levels_keep_earlier_ones_at_their_best() -> None:
    """The shortest schedule comes first; completion is improved without lengthening it."""
    b = ProblemBuilder("levels")
    fast, slow = b.machine("fast"), b.machine("slow")
    b.task("a", duration=4, machine=fast, cost=9).mode(6, slow)
    b.task("b", duration=4, machine=fast, cost=9).mode(6, slow)
    b.minimise("makespan")
    b.then_minimise("mode_cost")
    assert optimum(b.build()) == (6, 9)
    b.minimise("mode_cost")
    b.then_minimise("makespan")
    assert optimum(b.build()) == (0, 12)


def test_makespan_of_nothing_is_zero() -> None:
    """With every task left out the makespan is 0, also when the horizon starts earlier."""
    b = ProblemBuilder("nothing", horizon=(-5, 5))
    b.task("t", duration=2, optional=True)
    b.minimise("makespan")
    assert optimum(b.build()) == (-3,)
    b = ProblemBuilder("nothing", horizon=(0, 5))
    b.task("t", duration=2, optional=True)
    assert optimum(b.build()) == (0,)
