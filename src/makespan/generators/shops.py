"""Random shops: job, flexible job, flow and open shops, with blocking, setups or due dates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from makespan.core.problem import Problem, SetupMatrix
from makespan.core.vocabulary import Blocking, IntArray, ObjectiveKind
from makespan.generators.assembly import (
    flow_shop,
    job_shop,
    minimise,
    open_shop,
    pointers,
    shop,
    with_job_dates,
)
from makespan.generators.draws import Draws, require, require_range, require_sizes


def random_job_shop(
    jobs: int, machines: int, *, seed: int, low: int = 1, high: int = 99
) -> Problem:
    """Job shop: every job visits every machine once in a random order, times U[low, high].

    O(size log machines); a million operations take well below a second.

    Raises
    ------
    OptionError
        If a parameter is out of range.
    """
    require_sizes(jobs=jobs, machines=machines)
    require_range("the time", low, high)
    draws = Draws(seed, "job_shop")
    return job_shop(
        f"job_shop {jobs}x{machines} seed {seed}",
        machine=draws.stream("machines").permutations(jobs, machines),
        duration=draws.stream("times").integers(low, high, jobs, machines),
    )


def random_flow_shop(
    jobs: int,
    machines: int,
    *,
    seed: int,
    permutation: bool = True,
    low: int = 1,
    high: int = 99,
) -> Problem:
    """Flow shop: every job visits M1, M2, ... in turn, times U[low, high].

    Parameters
    ----------
    permutation
        Whether all machines take the jobs in the same order; else jobs may overtake each other
        between machines.

    Raises
    ------
    OptionError
        If a parameter is out of range.
    """
    require_sizes(jobs=jobs, machines=machines)
    require_range("the time", low, high)
    times = Draws(seed, "flow_shop", "times").integers(low, high, jobs, machines)
    rule = "" if permutation else " overtaking"
    name = f"flow_shop {jobs}x{machines}{rule} seed {seed}"
    return flow_shop(name, times, permutation=permutation)


def random_open_shop(
    jobs: int, machines: int, *, seed: int, low: int = 1, high: int = 99
) -> Problem:
    """Open shop: every job visits every machine once, in any order; times U[low, high].

    Raises
    ------
    OptionError
        If a parameter is out of range.
    """
    require_sizes(jobs=jobs, machines=machines)
    require_range("the time", low, high)
    times = Draws(seed, "open_shop", "times").integers(low, high, jobs, machines)
    return open_shop(f"open_shop {jobs}x{machines} seed {seed}", times)


def random_flexible_job_shop(
    jobs: int,
    machines: int,
    *,
    seed: int,
    operations: int | None = None,
    flexibility: float = 2.0,
    spread: float = 0.25,
    low: int = 1,
    high: int = 99,
) -> Problem:
    """Flexible job shop: each operation may run on several machines.

    Parameters
    ----------
    operations
        Operations per job; default: as many as machines.
    flexibility
        Mean number of machines an operation may use, 1 to ``machines``; met exactly up to
        rounding over all operations.
    spread
        The time of an operation on a machine is its base time U[low, high] times a factor
        U[1 - spread, 1 + spread], rounded, at least ``low``; 0 gives equal times (as in Hurink's
        sets), 0 <= spread <= 1.

    Raises
    ------
    OptionError
        If a parameter is out of range.
    """
    per_job = machines if operations is None else operations
    require_sizes(jobs=jobs, machines=machines, operations=per_job)
    require_range("the time", low, high)
    require(1 <= flexibility <= machines, f"flexibility {flexibility} is not in 1 .. {machines}")
    require(0 <= spread <= 1, f"spread {spread} is not in 0 .. 1")
    draws = Draws(seed, "flexible_job_shop")
    n = jobs * per_job
    extra = round((flexibility - 1) * n)
    options = np.ones(n, dtype=np.int64)
    if extra:
        options += draws.stream("options").shares(extra, n, machines - 1)
    # The first options[i] machines of a random order are the eligible ones, listed ascending.
    rank = np.argsort(draws.stream("machines").permutations(n, machines), axis=1)
    task, machine = np.nonzero(rank < options[:, None])
    base = draws.stream("times").integers(low, high, n)[task]
    factor = 1 - spread + 2 * spread * draws.stream("factors").reals(len(task))
    return shop(
        f"flexible_job_shop {jobs}x{machines} seed {seed}",
        np.arange(jobs + 1, dtype=np.int64) * per_job,
        pointers(options),
        machine.astype(np.int64),
        np.maximum(np.rint(base * factor).astype(np.int64), low),
        machines,
    )


def random_blocking_job_shop(
    jobs: int, machines: int, *, seed: int, swap: bool = True, low: int = 1, high: int = 99
) -> Problem:
    """Job shop without buffers: a job holds its machine until its next operation starts.

    Parameters
    ----------
    swap
        Whether jobs may exchange machines at one instant. Without, some orders deadlock, but a
        feasible schedule always exists: one job after the other.

    Raises
    ------
    OptionError
        If a parameter is out of range.
    """
    plain = random_job_shop(jobs, machines, seed=seed, low=low, high=high)
    code = Blocking.SWAP if swap else Blocking.NO_SWAP
    rule = "swap" if swap else "no swap"
    return replace(
        plain,
        name=f"blocking_job_shop {jobs}x{machines} {rule} seed {seed}",
        tasks=replace(plain.tasks, blocking=np.full(plain.tasks.count, code, dtype=np.uint8)),
    )


def triangular(times: IntArray) -> IntArray:
    """Largest matrix below ``times`` that obeys the triangle inequality, O(f^3)."""
    closed = times.copy()
    for k in range(len(closed)):
        np.minimum(closed, closed[:, k : k + 1] + closed[k : k + 1], out=closed)
    return closed


def random_setup_job_shop(
    jobs: int,
    machines: int,
    *,
    seed: int,
    families: int = 5,
    setup_low: int = 10,
    setup_high: int = 50,
    low: int = 1,
    high: int = 99,
) -> Problem:
    """Job shop with sequence-dependent setups: one family per job, one matrix for all machines.

    Setups are U[setup_low, setup_high], reduced to obey the triangle inequality, 0 within a
    family; the first setup of a machine is U[setup_low, setup_high].

    Raises
    ------
    OptionError
        If a parameter is out of range.
    """
    require_sizes(families=families)
    require_range("the setup time", setup_low, setup_high)
    plain = random_job_shop(jobs, machines, seed=seed, low=low, high=high)
    draws = Draws(seed, "setup_job_shop")
    times = draws.stream("setups").integers(setup_low, setup_high, families, families)
    np.fill_diagonal(times, 0)
    first = draws.stream("initial").integers(setup_low, setup_high, families)
    family = draws.stream("families").integers(0, families - 1, jobs)
    none = np.zeros_like(times)
    matrix = SetupMatrix("setups", triangular(times), first, none, none[0])
    return replace(
        plain,
        name=f"setup_job_shop {jobs}x{machines} seed {seed}",
        tasks=replace(plain.tasks, family=family[plain.tasks.job].astype(np.int32)),
        resources=replace(plain.resources, setup=np.zeros(plain.resources.count, dtype=np.int32)),
        setups=(matrix,),
    )


def random_due_date_job_shop(
    jobs: int,
    machines: int,
    *,
    seed: int,
    tightness: float = 1.5,
    weighted: bool = True,
    latest_release: int = 0,
    low: int = 1,
    high: int = 99,
) -> Problem:
    """Job shop with due dates by total work: due = release + floor(tightness * work of the job).

    The TWK rule, with the weights of M. Singer and M. Pinedo, "A computational study of branch and
    bound techniques for minimizing the total weighted tardiness in job shops", IIE Transactions 30
    (1998): the first fifth of the jobs weighs 4, the next three fifths 2, the rest 1 (fractions
    rounded). They used tightness 1.3, 1.5 and 1.6.

    Parameters
    ----------
    weighted
        Whether jobs weigh 4, 2 and 1 as Singer and Pinedo do, or all weigh 1.
    latest_release
        Jobs are released at U[0, latest_release].

    Raises
    ------
    OptionError
        If a parameter is out of range.
    """
    require(tightness >= 0, f"tightness {tightness} is negative")
    require(latest_release >= 0, f"latest_release {latest_release} is negative")
    plain = random_job_shop(jobs, machines, seed=seed, low=low, high=high)
    work = plain.modes.duration.reshape(jobs, machines).sum(axis=1)
    release = Draws(seed, "due_date_job_shop", "releases").integers(0, latest_release, jobs)
    weight = np.ones(jobs, dtype=np.int64)
    if weighted:
        weight[: round(0.8 * jobs)] = 2
        weight[: round(0.2 * jobs)] = 4
    dated = with_job_dates(
        plain,
        due=release + np.floor(tightness * work).astype(np.int64),
        weight=weight,
        release=release,
        objective=minimise(ObjectiveKind.TOTAL_TARDINESS),
    )
    return replace(dated, name=f"due_date_job_shop {jobs}x{machines} seed {seed}")
