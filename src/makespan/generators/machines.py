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
    return np.maximum(draws.integers(low, high, jobs), 0)


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
) -> Problem:
    """Single machine, total weighted tardiness, as in Potts and Van Wassenhove.

    C. N. Potts and L. N. Van Wassenhove, "A branch and bound algorithm for the total weighted
    tardiness problem", Operations Research 33 (1985): times U[low, high], weights U[1,
    most_weight], due dates U[P (1 - T - R/2), P (1 - T + R/2)] with P the sum of times, T the
    tardiness factor and R the due-date range. Here negative due dates become 0.

    Raises
    ------
    OptionError
        If a parameter is out of range.
    """
    require_sizes(jobs=jobs, most_weight=most_weight)
    require_range("the time", low, high)
    _check(tardiness_factor, due_range)
    draws = Draws(seed, "single_machine")
    duration = draws.stream("times").integers(low, high, jobs)
    every = np.arange(jobs + 1, dtype=np.int64)
    plain = shop(
        f"single_machine {jobs} seed {seed}", every, every, np.zeros_like(duration), duration, 1
    )
    return with_job_dates(
        plain,
        due=_due_dates(
            draws.stream("due"), float(duration.sum()), jobs, tardiness_factor, due_range
        ),
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
    return with_job_dates(
        plain,
        due=_due_dates(draws.stream("due"), total, jobs, tardiness_factor, due_range),
        weight=draws.stream("weights").integers(1, most_weight, jobs),
        objective=minimise(ObjectiveKind.TOTAL_TARDINESS),
    )
