"""Problems and calls at the edge: huge numbers, nothing to do, no time, bad hints, Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from tests.solvers.cpsat_support import PLAIN, infeasible, optimum, run

from makespan.core.builder import ProblemBuilder
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import TICK_LIMIT, Blocking, Status
from makespan.generators import named_instance, random_job_shop
from makespan.solvers.cpsat import CpSatOptions, CpSatSolver, cross_check
from makespan.solvers.solving import solve

SHOP = random_job_shop(12, 12, seed=3)
ZEROS = np.zeros(144, dtype=np.int64)


def in_a_row(duration: int, count: int, weight: int = 1) -> Problem:
    """Tasks of one length on one machine, all due at once."""
    b = ProblemBuilder("row")
    m = b.machine("M")
    for k in range(count):
        b.task(f"t{k}", duration=duration, machine=m, due=1, weight=weight)
    return b.build()


def replace_objective(problem: Problem, *kinds: str) -> Problem:
    """The problem with other levels of its objective."""
    b = ProblemBuilder("levels")
    b.task("t", duration=1)
    b.minimise(kinds[0])
    for kind in kinds[1:]:
        b.then_minimise(kind)
    return replace(problem, objective=b.build().objective)


# Huge numbers


def test_times_up_to_the_limit_are_exact() -> None:
    """Two tasks that fill all ticks there are: no rounding in objective or bound."""
    assert optimum(in_a_row(TICK_LIMIT // 2, 2)) == (TICK_LIMIT,)


def test_a_schedule_that_no_tick_can_end_is_not_called_infeasible() -> None:
    """Time runs out before the work does; that is a matter of units, not of constraints."""
    result = run(in_a_row(TICK_LIMIT, 2))
    assert result.status is Status.UNKNOWN
    assert "coarser time unit" in result.message


def test_large_weights_on_large_times() -> None:
    """Weighted sums near the limit of 64 bits are exact."""
    b = ProblemBuilder("weighty")
    m = b.machine("M")
    for k in range(3):
        b.task(f"t{k}", duration=1 << 40, machine=m, due=0, weight=1 << 16)
    b.minimise("total_tardiness")
    assert optimum(b.build()) == (6 << 56,)


def test_large_demands_on_large_capacities() -> None:
    """Demands just above half of a huge capacity exclude one another."""
    b = ProblemBuilder("crowd")
    r = b.renewable("R", capacity=1 << 44)
    for k in range(4):
        b.task(f"t{k}", duration=1 << 20, demands={r: (1 << 43) + 1})
    assert optimum(b.build()) == (4 << 20,)


@pytest.mark.parametrize(("kind", "steps"), [(Blocking.SWAP, 3), (Blocking.NO_SWAP, 5)])
def test_blocking_with_large_times(kind: Blocking, steps: int) -> None:
    """Refined instants of moves stay within 64 bits."""
    b = ProblemBuilder("ring")
    machines = [b.machine(f"M{k}") for k in range(3)]
    for j in range(3):
        job = b.job(f"J{j}")
        b.chain(
            *(
                b.task(
                    f"{j}.{k}",
                    duration=1 << 40,
                    machine=machines[(j + k) % 3],
                    job=job,
                    blocking=kind,
                )
                for k in range(3)
            )
        )
    assert optimum(b.build()) == (steps << 40,)


# Nothing to do


@pytest.mark.parametrize(
    "kind",
    ["makespan", "total_tardiness", "max_lateness", "total_earliness", "unplaced", "setup_cost"],
)
def test_no_tasks(kind: str) -> None:
    """Every objective of an empty problem is 0."""
    b = ProblemBuilder("empty")
    b.machine("M")
    b.minimise(kind)
    assert optimum(b.build()) == (0,)


def test_milestones_alone() -> None:
    """A chain of tasks without duration on one machine takes no time."""
    b = ProblemBuilder("instants")
    m = b.machine("M", blocking=Blocking.NO_SWAP)
    job = b.job("J")
    b.chain(*(b.task(f"t{k}", duration=0, machine=m, job=job) for k in range(6)))
    assert optimum(b.build()) == (0,)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("makespan", 0), ("total_tardiness", 0), ("unplaced", 0), ("max_lateness", -1)],
)
def test_everything_optional(kind: str, value: int) -> None:
    """All are left out, or put in, whichever the objective likes better."""
    b = ProblemBuilder("optional")
    m = b.machine("M")
    for k in range(4):
        b.task(f"t{k}", duration=3, machine=m, optional=True, reward=5, due=4)
    b.minimise(kind)
    assert optimum(b.build()) == (value,)


@pytest.mark.parametrize("breaks", ["forbid", "suspend"])
@pytest.mark.parametrize("kind", ["machine", "renewable"])
def test_a_calendar_that_never_works(kind: str, breaks: str) -> None:
    """Nothing runs on it, optional tasks stay away, and milestones do not mind."""

    def problem(optional: bool) -> Problem:
        b = ProblemBuilder("closed")
        never = b.calendar("never", working=[])
        if kind == "machine":
            demands = {b.machine("M", calendar=never, breaks=breaks): 1}
        else:
            demands = {b.renewable("R", capacity=2, calendar=never, breaks=breaks): 1}
        b.task("work", duration=2, optional=optional, reward=3, demands=demands)
        b.task("instant", duration=0, demands=demands)
        b.minimise("unplaced" if optional else "makespan")
        return b.build()

    assert infeasible(problem(False))
    assert cross_check(problem(False)).status is Status.INFEASIBLE
    assert optimum(problem(True)) == (3,)


# No time


@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize("limit", [1e-9, 0.01])
def test_hardly_any_time(limit: float, threads: int) -> None:
    """A limit that is over at once ends at once, with whatever there is."""
    began = time.perf_counter()
    result = run(SHOP, time_limit=limit, threads=threads)
    assert time.perf_counter() - began < 5.0
    assert result.status in (Status.FEASIBLE, Status.UNKNOWN)


@pytest.mark.parametrize("limit", [0.05, 1.0])
def test_time_ends_in_the_first_level(limit: float) -> None:
    """Later levels are stated, as values of the schedule and as bounds, but never as proved."""
    problem = replace_objective(SHOP, "makespan", "total_completion")
    duration = problem.modes.duration
    start = np.concatenate(([0], np.cumsum(duration)[:-1]))
    result = run(problem, hint=Schedule.from_starts(problem, start), time_limit=limit, threads=2)
    assert result.status is Status.FEASIBLE
    assert len(result.objectives) == len(result.bounds) == 2
    assert result.bounds[0] is None or result.bounds[0] <= result.objectives[0]


# Hints


@pytest.mark.parametrize(
    "hint",
    [
        Schedule(ZEROS, ZEROS, np.full(144, -1, dtype=np.int32)),
        Schedule(ZEROS, ZEROS, np.full(144, 9999, dtype=np.int32)),
        Schedule.from_starts(SHOP, np.full(144, -5, dtype=np.int64)),
        Schedule.from_starts(SHOP, np.full(144, 1 << 62, dtype=np.int64)),
    ],
    ids=["absent", "modes of nobody", "negative", "beyond all horizons"],
)
def test_a_bad_hint_does_no_harm(hint: Schedule) -> None:
    """Whatever the hint says, a schedule is found and verifies."""
    assert run(SHOP, hint=hint, time_limit=3.0).schedule is not None


def test_a_feasible_hint_far_away_is_pulled_in() -> None:
    """A schedule that starts late is valid, kept, and improved on."""
    duration = SHOP.modes.duration
    start = (1 << 43) + np.concatenate(([0], np.cumsum(duration)[:-1]))
    result = run(SHOP, hint=Schedule.from_starts(SHOP, start), time_limit=3.0)
    assert result.objectives[0] < duration.sum()


# Stopping


def interrupted(after: float, threads: int) -> tuple[Status, bool, float]:
    """Status, cancellation and seconds of a long solve that gets a Ctrl-C."""
    shop = random_job_shop(30, 15, seed=1)
    timer = threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    began = time.perf_counter()
    result = solve(shop, engine=CpSatSolver(PLAIN), time_limit=40.0, threads=threads)
    timer.join()
    return result.status, result.cancelled, time.perf_counter() - began


@pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="signals need the main thread"
)
@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_reaches_a_running_search(threads: int) -> None:
    """The main thread is not lost in C++: one Ctrl-C ends the search within seconds."""
    _, cancelled, seconds = interrupted(2.0, threads)
    assert cancelled
    assert seconds < 15.0


def test_stop_from_the_first_progress_report() -> None:
    """A callback may end the search it hears from."""
    stop = threading.Event()
    result = CpSatSolver(PLAIN).solve(
        SHOP,
        time_limit=30.0,
        threads=2,
        seed=0,
        hint=None,
        on_progress=lambda point: stop.set(),
        stop=stop,
    )
    assert result.cancelled
    assert result.seconds < 15.0


def test_stop_ends_a_cross_check_without_an_answer() -> None:
    """A second opinion can be cancelled too."""
    stop = threading.Event()
    stop.set()
    assert cross_check(random_job_shop(30, 30, seed=2), stop=stop).status is Status.UNKNOWN


@pytest.mark.slow
def test_equal_seeds_give_equal_results_on_eight_threads() -> None:
    """More workers than cores do not bring the clock back in."""
    options = CpSatOptions(deterministic_limit=0.1)
    first, second = (
        run(named_instance("la02"), options=options, threads=8, time_limit=None, seed=4)
        for _ in range(2)
    )
    assert first.schedule == second.schedule
    assert first.bounds == second.bounds
