"""Search on machines: optima of small problems, verified schedules, bounds, determinism."""

from __future__ import annotations

import threading
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan import ProblemBuilder, Schedule, Status, verify
from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.generators import random_parallel_machines, random_single_machine
from makespan.solvers.board import Board
from makespan.solvers.local.engine import LocalOptions, LocalSolver
from makespan.solvers.local.machines import search

TERMS = (
    "makespan",
    "total_completion",
    "total_flow_time",
    "total_tardiness",
    "max_tardiness",
    "tardy_count",
    "max_lateness",
)


def solve(
    problem: Problem, moves: int = 20_000, *, seed: int = 0, hint: Schedule | None = None
) -> Result:
    """The engine on one thread, ended by the number of moves."""
    solver = LocalSolver(LocalOptions(moves=moves))
    return solver.solve(
        problem,
        time_limit=None,
        threads=1,
        seed=seed,
        hint=hint,
        on_progress=None,
        stop=threading.Event(),
    )


def takes(problem: Problem) -> bool:
    """Whether the search is for this problem."""
    return search(problem, Board(problem), seed=0, workers=1, moves=1) is not None


def best_by_force(problem: Problem) -> int:
    """Least objective over all assignments and sequences, each started as early as possible."""
    t, m, r = problem.tasks, problem.modes, problem.resources
    least = 1 << 62
    choices = [range(t.mode_ptr[i], t.mode_ptr[i + 1]) for i in range(t.count)]
    for order in permutations(range(t.count)):
        for modes in product(*choices):
            free: dict[int, tuple[int, int]] = {}
            start = np.zeros(t.count, dtype=np.int64)
            for i in order:
                machine = int(m.demand_resource[m.demand_ptr[modes[i]]])
                at, before = free.get(machine, (problem.horizon_start, -1))
                if r.setup[machine] >= 0:
                    table = problem.setups[r.setup[machine]]
                    f = t.family[i]
                    at += int(table.initial_time[f] if before < 0 else table.time[before, f])
                release = int(t.release[i])
                if t.job[i] >= 0:
                    release = max(release, int(problem.jobs.release[t.job[i]]))
                start[i] = max(at, release)
                free[machine] = (int(start[i] + m.duration[modes[i]]), int(t.family[i]))
            plan = Schedule.from_starts(problem, start, np.array(modes, dtype=np.int32))
            least = min(least, evaluate(problem, plan)[0])
    return least


@st.composite
def machine_problems(draw: st.DrawFn, most: int = 7, most_machines: int = 3) -> Problem:
    """Jobs with or without a job row, due dates, releases, setups and a weighted objective."""
    b = ProblemBuilder()
    machines = draw(st.integers(1, most_machines))
    families = draw(st.integers(1, 3)) if draw(st.booleans()) else 0
    table = None
    if families:
        # With the triangle inequality, as the builder wants: all in [5, 10].
        row = st.lists(st.integers(5, 10), min_size=families, max_size=families)
        times = [draw(row) for _ in range(families)]
        table = b.setups("S", times, initial_time=draw(row))
    rooms = [
        b.machine(setup=table if table is not None and draw(st.integers(0, 3)) else None)
        for _ in range(machines)
    ]
    released = draw(st.booleans())
    for _ in range(draw(st.integers(1, most))):
        row_: dict[str, Any] = {}
        if draw(st.integers(0, 4)):
            row_["due"] = draw(st.integers(0, 40))
        row_["weight"] = draw(st.integers(0, 5))
        if released:
            row_["release"] = draw(st.integers(0, 30))
        shortest = 1 if families else 0
        able = draw(st.lists(st.sampled_from(rooms), min_size=1, unique_by=id))
        modes = [(draw(st.integers(shortest, 12)), room) for room in able]
        own: dict[str, Any] = {} if draw(st.booleans()) else row_
        task = b.task(
            job=b.job(**row_) if not own else None,
            family=draw(st.integers(0, families - 1)) if families else 0,
            **own,
        )
        for duration, room in modes:
            task.mode(duration, room)
    peak = draw(st.sampled_from(("makespan", "max_tardiness", "max_lateness", "")))
    sums = draw(st.lists(st.sampled_from(TERMS[1:4] + TERMS[5:6]), unique=True, max_size=3))
    kinds = [*sums, *([peak] if peak else [])] or ["total_tardiness"]
    b.minimise({kind: draw(st.integers(1, 4)) for kind in kinds})
    return b.build()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(machine_problems(most=4, most_machines=2))
def test_small_problems_are_solved_to_optimality(problem: Problem) -> None:
    """With at most 4 jobs on 2 machines the best of all plans is found, bounds below it."""
    result = solve(problem, 4_000)
    assert result.schedule is not None
    assert not verify(problem, result.schedule)
    assert result.objectives == tuple(evaluate(problem, result.schedule))
    assert result.objectives[0] == best_by_force(problem)
    assert result.bounds[0] is not None
    assert result.bounds[0] <= result.objectives[0]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(machine_problems(most=25), st.integers(0, 99))
def test_schedules_are_feasible_and_repeatable(problem: Problem, seed: int) -> None:
    """Verified, with the stated objective and a bound not above it, the same for the same seed."""
    result = solve(problem, 3_000, seed=seed)
    assert result.schedule is not None
    assert not verify(problem, result.schedule)
    assert result.objectives == tuple(evaluate(problem, result.schedule))
    assert result.bounds[0] is not None
    assert result.bounds[0] <= result.objectives[0]
    again = solve(problem, 3_000, seed=seed)
    assert again.schedule == result.schedule
    hinted = solve(problem, 100, seed=seed + 1, hint=result.schedule)
    assert hinted.objectives <= result.objectives


@pytest.mark.parametrize("seed", range(8))
def test_weighted_tardiness_of_seven_jobs(seed: int) -> None:
    """The optimum over all 5,040 sequences."""
    problem = random_single_machine(7, seed=seed, tardiness_factor=0.7, due_range=0.6)
    orders = np.array(list(permutations(range(7))))
    ends = np.cumsum(problem.modes.duration[orders], axis=1)
    late = np.maximum(ends - problem.jobs.due[orders], 0)
    least = int((late * problem.jobs.weight[orders]).sum(axis=1).min())
    assert solve(problem, 10_000).objectives == (least,)


@pytest.mark.parametrize(
    "kind", ["makespan", "total_completion", "max_tardiness", "max_lateness", "tardy_count"]
)
@pytest.mark.parametrize("seed", range(3))
def test_solved_by_theory(kind: str, seed: int) -> None:
    """Objectives with a polynomial rule are proven optimal, and no worse than all sequences."""
    drawn = random_single_machine(7, seed=seed, tardiness_factor=0.7)
    b = ProblemBuilder()
    machine = b.machine()
    for i in range(7):
        weight = int(drawn.jobs.weight[i]) if kind == "total_completion" else 1
        b.task(
            duration=int(drawn.modes.duration[i]),
            machine=machine,
            due=int(drawn.jobs.due[i]) if i else None,
            weight=weight,
        )
    b.minimise(kind)
    problem = b.build()
    result = solve(problem, 10)
    assert result.status is Status.OPTIMAL
    orders = np.array(list(permutations(range(7))))
    ends = np.cumsum(problem.modes.duration[orders], axis=1)
    due, weight = problem.tasks.due[orders], problem.tasks.weight[orders]
    lateness = np.where(due < 1 << 60, ends - due, -(1 << 40))
    values = {
        "makespan": ends.max(axis=1),
        "total_completion": (weight * ends).sum(axis=1),
        "max_tardiness": np.maximum(lateness, 0).max(axis=1),
        "max_lateness": lateness.max(axis=1),
        "tardy_count": (lateness > 0).sum(axis=1),
    }
    assert result.objectives == (int(values[kind].min()),)


def test_huge_times() -> None:
    """Times up to 2^40 are exact; where a cost could leave 64 bits the problem is declined."""
    b = ProblemBuilder()
    one, two = b.machine(), b.machine()
    for k in range(6):
        task = b.task(due=1 << 40)
        task.mode((1 << 40) - k, one)
        task.mode((1 << 40) + k, two)
    b.minimise("total_tardiness")
    result = solve(b.build())
    assert result.objectives == (best_by_force(b.build()),)
    b = ProblemBuilder()
    machine = b.machine()
    for _ in range(40):
        b.task(duration=1 << 44, machine=machine, due=0, weight=1 << 30)
    b.minimise("total_tardiness")
    assert not takes(b.build())


def test_the_load_proves_a_makespan() -> None:
    """Equal machines: the load, or three jobs of which two must share, are bounds."""
    problem = random_parallel_machines(30, 3, seed=4)
    b = ProblemBuilder()
    rooms = [b.machine() for _ in range(3)]
    for i in range(30):
        task = b.task()
        for room in rooms:
            task.mode(int(problem.modes.duration[3 * i]), room)
    result = solve(b.build(), 200_000)
    assert result.status is Status.OPTIMAL
    b = ProblemBuilder()
    rooms = [b.machine(), b.machine()]
    for _ in range(3):
        task = b.task()
        for room in rooms:
            task.mode(5, room)
    assert solve(b.build(), 100).status is Status.OPTIMAL


def test_a_stop_ends_it() -> None:
    """A stop set beforehand leaves at most a first schedule."""
    stop = threading.Event()
    stop.set()
    problem = random_single_machine(50, seed=1)
    result = LocalSolver().solve(
        problem, time_limit=60, threads=2, seed=0, hint=None, on_progress=None, stop=stop
    )
    assert result.cancelled
    assert result.schedule is None or not verify(problem, result.schedule)


def test_two_threads() -> None:
    """Two workers share a board."""
    problem = random_parallel_machines(20, 3, seed=2, unrelated=True)
    result = LocalSolver(LocalOptions(moves=20_000)).solve(
        problem,
        time_limit=None,
        threads=2,
        seed=0,
        hint=None,
        on_progress=None,
        stop=threading.Event(),
    )
    assert result.schedule is not None
    assert not verify(problem, result.schedule)


def _variant(change: str) -> Problem:
    b = ProblemBuilder()
    one, two = b.machine(), b.machine()
    job = b.job(due=9)
    first = b.task(duration=3, machine=one, due=4)
    second = b.task(duration=2, machine=one, due=4, job=job if change == "two dues" else None)
    if change == "precedence":
        b.precedence(first, second)
    elif change == "operations":
        b.task(duration=2, machine=two, job=job)
        b.task(duration=2, machine=one, job=job)
    elif change == "deadline":
        b.task(duration=1, machine=one, deadline=50)
    elif change == "two machines at once":
        b.task(duration=1, machine=(one, two))
    elif change == "optional":
        b.task(duration=1, machine=one, optional=True, reward=3)
    if change == "levels":
        b.minimise("total_tardiness")
        b.then_minimise("makespan")
    elif change == "two maxima":
        b.minimise({"makespan": 1, "max_lateness": 1})
    elif change == "earliness":
        b.minimise("total_earliness")
    else:
        b.minimise("total_tardiness")
    return b.build()


@pytest.mark.parametrize(
    "change",
    [
        "precedence",
        "operations",
        "deadline",
        "two machines at once",
        "optional",
        "levels",
        "two maxima",
        "earliness",
        "two dues",
    ],
)
def test_other_problems_are_declined(change: str) -> None:
    """What the search cannot keep or value is left to others."""
    assert takes(_variant("none"))
    assert not takes(_variant(change))
