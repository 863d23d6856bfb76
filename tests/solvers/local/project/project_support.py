"""What the tests of project search share: runs, small problems, serial schedules in plain Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba
import numpy as np

from makespan.core.builder import ProblemBuilder
from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.core.vocabulary import IntArray
from makespan.solvers.board import Board
from makespan.solvers.local.project import search
from makespan.solvers.local.project.cost import dates, weights
from makespan.solvers.local.project.network import Project
from makespan.solvers.workers import run_workers

TERMS = (
    "makespan",
    "total_completion",
    "total_flow_time",
    "total_tardiness",
    "max_tardiness",
    "tardy_count",
    "max_lateness",
)

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def compiled(function: Kernel) -> Kernel:
    """A kernel of a test, not cached, so that it never outlives the kernels it calls."""
    return cast("Kernel", numba.njit(nogil=True, error_model="numpy")(function))


def project_of(problem: Problem) -> Project:
    """The project that a problem is."""
    terms = weights(problem)
    assert terms is not None
    project = Project.of(problem, dates(problem, terms))
    assert project is not None
    return project


def run(
    problem: Problem, *, moves: int = 2000, seed: int = 1, hint: Schedule | None = None
) -> Board:
    """One worker's search; its schedule verifies, has the value it states, and obeys the bound."""
    board = Board(problem)
    board.adopt(hint)
    found = search(problem, board, seed=seed, workers=1, moves=moves)
    assert found is not None
    run_workers(board, [(found.name, found.work, 0)])
    assert board.schedule is not None
    assert verify(problem, board.schedule) == []
    assert board.values == evaluate(problem, board.schedule)
    bound = board.bounds[0]
    assert bound is not None
    assert bound <= board.values[0]
    return board


def declined(problem: Problem) -> bool:
    """Whether the search leaves the problem to others."""
    return search(problem, Board(problem), seed=1, workers=1, moves=10) is None


def random_list(project: Project, dice: np.random.Generator, *, backward: bool = False) -> IntArray:
    """A random list with predecessors first, or successors first if ``backward``."""
    net = project.network
    ptr, other = (net.after_ptr, net.after) if backward else (net.before_ptr, net.before)
    left = set(range(project.count))
    order: list[int] = []
    while left:
        free = [j for j in sorted(left) if not left & set(other[ptr[j] : ptr[j + 1]].tolist())]
        order.append(free[int(dice.integers(len(free)))])
        left.remove(order[-1])
    return np.array(order, dtype=np.int64)


def plain_serial(
    project: Project, order: IntArray, mode: IntArray, ready: IntArray, *, backward: bool = False
) -> list[int]:
    """Finishes by serial schedule generation, tick by tick, from the definition."""
    net = project.network
    ptr, other, lag = (
        (net.after_ptr, net.after, net.after_lag)
        if backward
        else (net.before_ptr, net.before, net.before_lag)
    )
    used: dict[tuple[int, int], int] = {}
    finish = [0] * project.count
    for j in order.tolist():
        t = int(ready[j])
        for k in range(int(ptr[j]), int(ptr[j + 1])):
            t = max(t, finish[int(other[k])] + int(lag[k]))
        d = int(net.duration[mode[j]])
        needs = [(r, u) for r, u in enumerate(project.units[mode[j]].tolist()) if u]
        while any(
            used.get((r, t + x), 0) + u > int(project.capacity[r])
            for x in range(d)
            for r, u in needs
        ):
            t += 1
        for x in range(d):
            for r, u in needs:
                used[r, t + x] = used.get((r, t + x), 0) + u
        finish[j] = t + d
    return finish


def small_project(
    activities: list[tuple[int, dict[str, int]]],
    capacities: dict[str, int],
    arcs: list[tuple[int, int]] = [],  # noqa: B006  # never changed
) -> Problem:
    """Activities (duration, demands) on renewables, and finish-to-start arcs; makespan."""
    builder = ProblemBuilder("small")
    pools = {name: builder.renewable(name, capacity=c) for name, c in capacities.items()}
    tasks = [
        builder.task(f"t{k}", duration=d, demands={pools[r]: u for r, u in needs.items()})
        for k, (d, needs) in enumerate(activities)
    ]
    for a, b in arcs:
        builder.precedence(tasks[a], tasks[b])
    return builder.build()


def dated_project(seed: int, *, activities: int = 9, several: bool = False) -> Problem:
    """A project with releases, due dates, weights, jobs, lags and a mix of regular terms."""
    dice = np.random.default_rng(seed)
    builder = ProblemBuilder("dated")
    pools = [builder.renewable(f"R{k}", capacity=int(dice.integers(3, 7))) for k in range(2)]
    machine = builder.machine("M")
    budget = builder.consumable("money", amount=3 * activities) if several else None
    jobs = [
        builder.job(
            f"J{k}",
            release=int(dice.integers(0, 5)),
            due=int(dice.integers(5, 30)) if k else None,
            weight=int(dice.integers(1, 4)),
        )
        for k in range(3)
    ]
    tasks = []
    for j in range(activities):
        task = builder.task(
            f"t{j}",
            job=jobs[int(dice.integers(0, 3))] if dice.integers(2) else None,
            release=int(dice.integers(0, 4)),
            due=int(dice.integers(3, 30)) if dice.integers(2) else None,
            weight=int(dice.integers(0, 4)),
        )
        for _ in range(1 + several * int(dice.integers(0, 3))):
            demands = {r: int(dice.integers(0, 4)) for r in pools}
            if budget is not None:
                demands[budget] = int(dice.integers(0, 5))
            task.mode(
                duration=int(dice.integers(1, 6)),
                demands=demands,
                machine=machine if dice.integers(3) == 0 else (),
            )
        tasks.append(task)
    for a in range(activities):
        for b in range(a + 1, activities):
            if dice.random() < 0.2:
                builder.precedence(tasks[a], tasks[b], min_lag=int(dice.integers(0, 3)))
    terms = dice.choice(TERMS, size=int(dice.integers(1, 4)), replace=False)
    builder.minimise({str(t): int(dice.integers(1, 5)) for t in terms})
    return builder.build()
