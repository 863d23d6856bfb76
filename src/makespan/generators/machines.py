"""Random single and parallel machine problems with due dates."""

from __future__ import annotations

import numpy as np

from makespan.core.problem import Problem
from makespan.core.vocabulary import IntArray, ObjectiveKind
from makespan.generators.assembly import minimise, shop, with_job_dates
from makespan.generators.draws import Draws, require, require_range, require_sizes


def _due_dates(
    draws: Draws, total: float, jobs: int, tardiness_factor: float, due_range: float
) -> IntArray:
    middle = 1 - tardiness_factor
    low = round(total * (middle - due_range / 2))
    high = round(total * (middle + due_range / 2))
    return draws.integers(low, high, jobs)


def _bell(draws: Draws, mean: float, deviation: float, jobs: int) -> IntArray:
    """Normal times by Box and Muller, rounded, at least 1."""
    u, v = draws.reals(2, jobs)
    normal = np.sqrt(-2 * np.log1p(-u)) * np.cos(2 * np.pi * v)
    return np.asarray(np.maximum(np.rint(mean + deviation * normal), 1), dtype=np.int64)


def _check(tardiness_factor: float, due_range: float) -> None:
    require(0 <= tardiness_factor <= 1, f"tardiness_factor {tardiness_factor} is not in 0 .. 1")
    require(due_range >= 0, f"due_range {due_range} is negative")


def random_single_machine(
    jobs: int,
    *,
    seed: int,
    tardiness_factor: float = 0.6,
    due_range: float = 0.4,
    low: int = 1,
    high: int = 100,
    most_weight: int = 10,
    mean_time: float = 0.0,
    time_deviation: float = 20.0,
    negative_due: bool = False,
) -> Problem:
    """Single machine, total weighted tardiness, as in Potts and Van Wassenhove.

    C. N. Potts and L. N. Van Wassenhove, "A branch and bound algorithm for the total weighted
    tardiness problem", Operations Research 33 (1985): times U[low, high], weights U[1,
    most_weight], due dates U[P (1 - T - R/2), P (1 - T + R/2)] with P the sum of times, T the
    tardiness factor and R the due-date range. Their twenty classes are T of 0.2, 0.4, 0.6, 0.8
    with R of 0.2, 0.4, ..., 1.0.

    Parameters
    ----------
    most_weight
        1 makes it total tardiness without weights.
    mean_time
        Above 0, times are normal with this mean, rounded and at least 1, in place of U[low, high].
    time_deviation
        Standard deviation of normal times.
    negative_due
        Whether due dates before 0 stay as they are drawn; else they become 0.

    Raises
    ------
    OptionError
        If a parameter is out of range.
    """
    require_sizes(jobs=jobs, most_weight=most_weight)
    require_range("the time", low, high)
    _check(tardiness_factor, due_range)
    draws = Draws(seed, "single_machine")
    for name, value in (("mean_time", mean_time), ("time_deviation", time_deviation)):
        require(0 <= value < 1 << 40, f"{name} {value} is not in 0 .. 2^40")
    times = draws.stream("times")
    if mean_time > 0:
        duration = _bell(times, mean_time, time_deviation, jobs)
    else:
        duration = times.integers(low, high, jobs)
    every = np.arange(jobs + 1, dtype=np.int64)
    plain = shop(
        f"single_machine {jobs} seed {seed}", every, every, np.zeros_like(duration), duration, 1
    )
    total = float(duration.sum())
    due = _due_dates(draws.stream("due"), total, jobs, tardiness_factor, due_range)
    return with_job_dates(
        plain,
        due=due if negative_due else np.maximum(due, 0),
        weight=draws.stream("weights").integers(1, most_weight, jobs),
        objective=minimise(ObjectiveKind.TOTAL_TARDINESS),
    )


def random_parallel_machines(
    jobs: int,
    machines: int,
    *,
    seed: int,
    unrelated: bool = False,
    tardiness_factor: float = 0.6,
    due_range: float = 0.4,
    low: int = 1,
    high: int = 100,
    most_weight: int = 10,
) -> Problem:
    """Parallel machines, total weighted tardiness; due dates as for a single machine.

    P, the scale of the due dates, is the sum of times divided by the number of machines (for
    unrelated machines, of each job's mean time).

    Parameters
    ----------
    unrelated
        Whether a job's times on the machines are independent draws, or all the same.

    Raises
    ------
    OptionError
        If a parameter is out of range.
    """
    require_sizes(jobs=jobs, machines=machines, most_weight=most_weight)
    require_range("the time", low, high)
    _check(tardiness_factor, due_range)
    draws = Draws(seed, "parallel_machines")
    columns = machines if unrelated else 1
    drawn = draws.stream("times").integers(low, high, jobs, columns)
    duration = np.broadcast_to(drawn, (jobs, machines))
    plain = shop(
        f"parallel_machines {jobs}x{machines} seed {seed}",
        np.arange(jobs + 1, dtype=np.int64),
        np.arange(jobs + 1, dtype=np.int64) * machines,
        np.tile(np.arange(machines, dtype=np.int64), jobs),
        np.ascontiguousarray(duration).ravel(),
        machines,
    )
    total = float(duration.mean(axis=1).sum()) / machines
    due = _due_dates(draws.stream("due"), total, jobs, tardiness_factor, due_range)
    return with_job_dates(
        plain,
        due=np.maximum(due, 0),
        weight=draws.stream("weights").integers(1, most_weight, jobs),
        objective=minimise(ObjectiveKind.TOTAL_TARDINESS),
    )
