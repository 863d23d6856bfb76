"""Same-order sets through the engines and in explanations."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.solvers.cpsat_support import run
from tests.strategies import ALL, problems

from makespan.core.builder import ProblemBuilder
from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.verify import verify
from makespan.core.vocabulary import Status
from makespan.generators import random_flow_shop
from makespan.solvers.cpsat.same_orders import relations
from makespan.solvers.dispatch import dispatch, sample
from makespan.solvers.dispatch._runner import SCHEMES, Scheme
from makespan.solvers.explain import explain_infeasibility


def best_permutation(times: np.ndarray) -> int:
    """Least makespan over all orders of jobs, by the textbook recursion."""
    best = int(times.sum())
    for order in permutations(range(len(times))):
        done = [0] * times.shape[1]
        for j in order:
            at = 0
            for k, d in enumerate(times[j].tolist()):
                at = max(at, done[k]) + d
                done[k] = at
        best = min(best, done[-1])
    return best


@pytest.mark.parametrize("seed", range(6))
def test_cpsat_finds_the_best_permutation(seed: int) -> None:
    """And it differs from the optimum with overtaking on some of these."""
    problem = random_flow_shop(5, 5, seed=seed, low=0, high=9)
    result = run(problem)
    assert result.status is Status.OPTIMAL
    assert result.objectives == (best_permutation(problem.modes.duration.reshape(5, 5)),)


def test_overtaking_would_help() -> None:
    """Of two jobs, each is fast where the other is slow; with one order somebody waits."""
    b = ProblemBuilder("overtake")
    machines = [b.machine(f"M{k}") for k in range(4)]
    for name, times in (("x", (1, 4, 4, 1)), ("y", (4, 1, 1, 4))):
        job = b.job(name)
        pairs = enumerate(zip(times, machines, strict=True))
        b.chain(*(b.task(f"{name}{k}", duration=d, machine=m, job=job) for k, (d, m) in pairs))
    free = run(b.build()).objectives
    b.same_order(*machines)
    assert run(b.build()).objectives == (14,)
    assert free == (12,)


def test_modes_decide_who_is_compared() -> None:
    """A job may leave a machine of the set by another mode, and then overtakes."""
    b = ProblemBuilder("detour")
    a, c, road = b.machine("A"), b.machine("C"), b.machine("road")
    for name, first, second in (("x", 0, 5), ("y", 2, 0)):
        job = b.job(name)
        one = b.task(f"{name}1", duration=1, machine=a, job=job, release=first)
        two = b.task(f"{name}2", duration=1, machine=c, job=job, release=second)
        if name == "y":
            two.mode(1, road)
        b.chain(one, two)
    b.same_order(a, c)
    b.minimise("total_completion")
    result = run(b.build())
    assert result.objectives == (6 + 4,)
    assert result.schedule is not None
    assert result.schedule.mode[3] == 4


def test_relations_are_counted() -> None:
    """Two per machine and pair of jobs."""
    assert relations(random_flow_shop(7, 3, seed=1)) == 3 * 7 * 6
    assert relations(random_flow_shop(7, 3, seed=1, permutation=False)) == 0


def crossing(*, line: bool) -> Problem:
    """Two jobs whose windows make the second overtake the first."""
    b = ProblemBuilder("crossing")
    a, c = b.machine("A"), b.machine("C")
    x, y = b.job("x"), b.job("y")
    b.chain(
        b.task("x1", duration=1, machine=a, job=x, deadline=1),
        b.task("x2", duration=1, machine=c, job=x, release=6),
    )
    b.chain(
        b.task("y1", duration=1, machine=a, job=y),
        b.task("y2", duration=1, machine=c, job=y, deadline=4),
    )
    if line:
        b.same_order(a, c, name="line")
    return b.build()


def test_conflicts_name_the_set() -> None:
    """Windows that force a job to overtake clash with the set, and with it alone they fit."""
    assert explain_infeasibility(crossing(line=False)).status is Status.FEASIBLE
    found = explain_infeasibility(crossing(line=True))
    assert found.status is Status.INFEASIBLE
    assert found.minimal
    assert any("same-order set 'line'" in sentence for sentence in found.sentences)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_dispatch_keeps_the_order(scheme: Scheme) -> None:
    """Every scheme and some rules, on shops where overtaking is tempting."""
    for seed in range(3):
        problem = random_flow_shop(8, 4, seed=seed)
        for rule in ("SPT", "MWKR", "FIFO"):
            assert verify(problem, dispatch(problem, rule=rule, scheme=scheme, seed=seed)) == []


def test_sampling_keeps_the_order_and_repeats() -> None:
    """Same seed, same schedule; the value is the schedule's."""
    problem = random_flow_shop(8, 4, seed=3)
    one, two = (sample(problem, iterations=30, seed=5) for _ in range(2))
    assert one.schedule is not None
    assert verify(problem, one.schedule) == []
    assert evaluate(problem, one.schedule) == one.objectives == two.objectives


def test_dispatch_says_that_orders_clash() -> None:
    """A job ready first everywhere, but stated to come second on the first machine."""
    b = ProblemBuilder("clash")
    a, c = b.machine("A"), b.machine("C")
    x, y = b.job("x"), b.job("y")
    x1 = b.task("x1", duration=1, machine=a, job=x)
    x2 = b.task("x2", duration=1, machine=c, job=x, release=20)
    y1 = b.task("y1", duration=1, machine=a, job=y)
    y2 = b.task("y2", duration=1, machine=c, job=y)
    b.chain(x1, y1)
    b.chain(y2, x2)
    b.same_order(a, c)
    result = sample(b.build(), iterations=3)
    assert result.status is Status.UNKNOWN
    assert "same-order" in result.message


@settings(max_examples=60)
@given(problems(features=ALL - {"reservoirs", "calendars", "suspend"}, max_tasks=7), st.booleans())
def test_dispatch_never_breaks_a_set(problem: Problem, parallel: bool) -> None:
    """What comes back verifies, over most of the vocabulary."""
    result = sample(problem, iterations=4, schemes=["parallel" if parallel else "serial"])
    if result.schedule is not None:
        assert verify(problem, result.schedule) == []


def test_chains_hold_whatever_modes_a_run_takes() -> None:
    """Two ways around each machine and optional tasks in between."""
    for seed in range(4):
        draw = np.random.default_rng(seed)
        b = ProblemBuilder("flexible")
        machines = [b.machine(f"M{k}") for k in range(4)]
        for j in range(7):
            job, tasks = b.job(f"J{j}"), []
            for stage in range(2):
                optional = bool(draw.integers(0, 4) == 0)
                task = b.task(f"t{j}.{stage}", job=job, optional=optional, reward=9)
                for m in machines[2 * stage : 2 * stage + 2]:
                    task.mode(int(draw.integers(0, 9)), m)
                tasks.append(task)
            b.chain(*tasks)
        b.same_order(machines[0], machines[2])
        b.same_order(*machines[1:], name="others")
        b.minimise({"makespan": 1, "unplaced": 3})
        problem = b.build()
        result = sample(problem, iterations=40, seed=seed)
        assert result.schedule is not None
        assert verify(problem, result.schedule) == []
