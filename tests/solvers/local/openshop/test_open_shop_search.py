"""Search in open shops: optima of small ones, verified schedules, bounds, determinism."""

from __future__ import annotations

import threading
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan import ProblemBuilder, Schedule, Status, verify
from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.generators import random_open_shop
from makespan.solvers.board import Board
from makespan.solvers.local.engine import LocalOptions, LocalSolver
from makespan.solvers.local.openshop import search
from makespan.solvers.local.openshop._shape import OpenShop


def solve(
    problem: Problem,
    moves: int = 3_000,
    *,
    seed: int = 0,
    hint: Schedule | None = None,
    threads: int = 1,
) -> Result:
    """The engine on one thread, ended by the number of moves."""
    solver = LocalSolver(LocalOptions(moves=moves))
    return solver.solve(
        problem,
        time_limit=None,
        threads=threads,
        seed=seed,
        hint=hint,
        on_progress=None,
        stop=threading.Event(),
    )


def takes(problem: Problem) -> bool:
    """Whether the search is for this problem."""
    return search(problem, Board(problem), seed=0, workers=1, moves=1) is not None


def least_makespan(problem: Problem) -> int:
    """The best semi-active schedule: every order of all tasks, each as early as then possible."""
    t, m = problem.tasks, problem.modes
    sets = [set(members.tolist()) for members in problem.no_overlaps]
    least = 1 << 62
    for order in permutations(range(t.count)):
        start: dict[int, int] = {}
        for i in order:
            at = max(int(t.release[i]), problem.horizon_start)
            for k, s in start.items():
                if m.demand_resource[k] == m.demand_resource[i] or any(
                    i in group and k in group for group in sets
                ):
                    at = max(at, s + int(m.duration[k]))
            start[i] = at
        least = min(least, max(s + int(m.duration[i]) for i, s in start.items()))
    return least


@st.composite
def open_shops(draw: st.DrawFn, most: int = 6, most_jobs: int = 3) -> Problem:
    """Tasks on machines and in sets, some in none, with gaps in the matrix and releases."""
    b = ProblemBuilder(horizon=(draw(st.sampled_from((0, -5))), None))
    machines = [b.machine() for _ in range(draw(st.integers(1, 3)))]
    places = [(j, k) for j in range(most_jobs) for k in range(len(machines))]
    chosen = draw(st.lists(st.sampled_from(places), unique=True, min_size=1, max_size=most))
    released = draw(st.booleans())
    tasks: dict[int, list[object]] = {}
    for j, k in chosen:
        task = b.task(
            duration=draw(st.integers(0, 9)),
            machine=machines[k],
            release=draw(st.integers(0, 12)) if released else None,
        )
        tasks.setdefault(j, []).append(task)
    for members in tasks.values():
        b.no_overlap(members)
    b.minimise({"makespan": draw(st.integers(1, 3))})
    return b.build()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(open_shops(most=5))
def test_small_shops_are_solved_to_optimality(problem: Problem) -> None:
    """With at most 5 tasks the best of all orders is found."""
    if not problem.modes.duration.any():
        assert not takes(problem)
        return
    result = solve(problem, 500)
    coefficient = problem.objective.levels[0][0].coefficient
    assert result.schedule is not None
    assert not verify(problem, result.schedule)
    assert result.objectives == (coefficient * least_makespan(problem),)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(open_shops(most=30, most_jobs=12), st.integers(0, 99))
def test_schedules_are_feasible_and_repeatable(problem: Problem, seed: int) -> None:
    """Verified, with the stated objective and a bound not above it, the same for the same seed."""
    if not problem.modes.duration.any():
        return
    result = solve(problem, seed=seed)
    assert result.schedule is not None
    assert not verify(problem, result.schedule)
    assert result.objectives == tuple(evaluate(problem, result.schedule))
    assert result.bounds[0] is not None
    assert result.bounds[0] <= result.objectives[0]
    assert solve(problem, seed=seed).schedule == result.schedule
    assert solve(problem, 10, seed=seed + 1, hint=result.schedule).objectives <= result.objectives


@pytest.mark.parametrize(("size", "seed"), [(10, 1), (12, 2), (15, 3)])
def test_large_shops_meet_their_load(size: int, seed: int) -> None:
    """Square shops of uniform times are as long as their largest load: proven optimal."""
    problem = random_open_shop(size, size, seed=seed)
    result = solve(problem, 20_000)
    assert result.status is Status.OPTIMAL


def test_tasks_without_duration_are_no_burden() -> None:
    """They lie strictly inside no task of their machine and never after the makespan."""
    b = ProblemBuilder()
    machine, other = b.machine(), b.machine()
    tasks = [b.task(duration=4, machine=machine), b.task(duration=0, machine=other, release=2)]
    b.no_overlap(tasks)
    b.task(duration=5, machine=other)
    b.task(duration=0, machine=machine, release=1)
    problem = b.build()
    result = solve(problem, 10)
    assert result.objectives == (5,)
    assert result.status is Status.OPTIMAL
    assert result.schedule is not None
    assert not verify(problem, result.schedule)


def test_huge_times() -> None:
    """Times of 2^40 are exact; sums that could leave 64 bits are declined."""
    times = np.array([[3, 5, 2], [4, 1, 6], [2, 7, 3]], dtype=np.int64)
    small = _of_matrix(times)
    large = _of_matrix(times << 40)
    assert solve(large).objectives == (solve(small).objectives[0] << 40,)
    b = ProblemBuilder()
    machines = [b.machine() for _ in range(300)]
    for _ in range(300):
        b.no_overlap([b.task(duration=1 << 44, machine=machine) for machine in machines])
    assert not takes(b.build())


def test_one_task() -> None:
    """A single task runs at its release."""
    b = ProblemBuilder()
    b.no_overlap([b.task(duration=3, machine=b.machine(), release=4)])
    result = solve(b.build(), 5)
    assert result.objectives == (7,)
    assert result.status is Status.OPTIMAL


def test_a_stop_ends_it() -> None:
    """A stop set beforehand leaves at most a first schedule."""
    stop = threading.Event()
    stop.set()
    problem = random_open_shop(8, 8, seed=1)
    result = LocalSolver().solve(
        problem, time_limit=60, threads=2, seed=0, hint=None, on_progress=None, stop=stop
    )
    assert result.cancelled
    assert result.schedule is None or not verify(problem, result.schedule)


def test_two_threads() -> None:
    """Two islands share a board."""
    problem = random_open_shop(6, 6, seed=5)
    result = solve(problem, 5_000, threads=2)
    assert result.schedule is not None
    assert not verify(problem, result.schedule)


def test_the_bound_counts_releases() -> None:
    """A machine cannot end before its releases let it, nor a job."""
    b = ProblemBuilder()
    machine, other = b.machine(), b.machine()
    b.no_overlap(
        [b.task(duration=2, machine=machine, release=9), b.task(duration=3, machine=other)]
    )
    b.task(duration=4, machine=machine, release=8)
    shop = OpenShop.of(b.build())
    assert shop is not None
    assert shop.bound == 14


@pytest.mark.parametrize(
    "change",
    [
        "flow time",
        "precedence",
        "two sets",
        "same machine",
        "modes",
        "deadline",
        "levels",
        "no set",
    ],
)
def test_other_problems_are_declined(change: str) -> None:
    """What the search cannot keep or value is left to others."""
    assert takes(_variant("none"))
    assert not takes(_variant(change))


def _of_matrix(times: np.ndarray) -> Problem:
    b = ProblemBuilder()
    machines = [b.machine() for _ in range(times.shape[1])]
    for row in times.tolist():
        b.no_overlap([b.task(duration=d, machine=k) for d, k in zip(row, machines, strict=True)])
    return b.build()


def _variant(change: str) -> Problem:
    b = ProblemBuilder()
    machines = [b.machine(), b.machine()]
    grid = [
        [b.task(duration=3 + j + k, machine=machines[k], due=9) for k in range(2)] for j in range(2)
    ]
    if change != "no set":
        for row in grid:
            b.no_overlap(row)
    if change == "precedence":
        b.precedence(grid[0][0], grid[0][1])
    elif change == "two sets":
        b.no_overlap([grid[0][0], grid[1][1]])
    elif change == "same machine":
        b.no_overlap([b.task(duration=1, machine=machines[0]) for _ in range(2)])
    elif change == "modes":
        grid[0][0].mode(2, machines[1])
    elif change == "deadline":
        b.task(duration=1, machine=machines[0], deadline=30)
    b.minimise("total_flow_time" if change == "flow time" else "makespan")
    if change == "levels":
        b.then_minimise("total_tardiness")
    return b.build()
