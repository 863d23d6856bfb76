"""Values of every rule on a shop and a project small enough to compute by hand."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from tests.solvers.dispatch_support import place

from makespan.core.builder import ProblemBuilder
from makespan.core.problem import Problem
from makespan.generators import named_instance, random_flexible_job_shop
from makespan.solvers.dispatch import RULES, dispatch
from makespan.solvers.dispatch._runner import Attempt, Runner, Scheme
from makespan.solvers.dispatch._score import STATIC, score


def shop(*, due: bool = True) -> Problem:
    """Job 1 visits A for 3, B for 5, A for 2; job 2 visits B for 4, A for 7."""
    b = ProblemBuilder("by hand")
    machine = {name: b.machine(name) for name in "AB"}
    for weight, date, route in ((2, 20, "A3 B5 A2"), (1, 12, "B4 A7")):
        job = b.job(weight=weight, due=date if due else None)
        tasks = [
            b.task(machine=machine[step[0]], duration=int(step[1:]), job=job)
            for step in route.split()
        ]
        for before, after in pairwise(tasks):
            b.precedence(before, after)
    return b.build()


def project() -> Problem:
    """Tasks of 1, 2, 3, 4, 5 ticks; 0 before 1 and 2, both before 3, 4 on its own, lag 2 to 3."""
    b = ProblemBuilder("project")
    tasks = [b.task(duration=d) for d in (1, 2, 3, 4, 5)]
    b.precedence(tasks[0], tasks[1])
    b.precedence(tasks[0], tasks[2])
    b.precedence(tasks[1], tasks[3], min_lag=2)
    b.precedence(tasks[2], tasks[3])
    return b.build()


SHOP_VALUES: dict[str, list[float]] = {
    "SPT": [3, 5, 2, 4, 7],
    "LPT": [-3, -5, -2, -4, -7],
    "WSPT": [1.5, 2.5, 1, 4, 7],
    "MWKR": [-10, -7, -2, -11, -7],
    "LWKR": [10, 7, 2, 11, 7],
    "MOPNR": [-3, -2, -1, -2, -1],
    "LOPNR": [3, 2, 1, 2, 1],
    "EDD": [20, 20, 20, 12, 12],
    "SPT/TWKR": [0.3, 0.5, 0.2, 4 / 11, 7 / 11],
    "EST": [0, 3, 8, 0, 4],
    "LST": [1, 4, 9, 0, 4],
    "LFT": [4, 9, 11, 4, 11],
    "MINSLK": [1, 1, 1, 0, 0],
    "MTS": [-2, -1, 0, -1, 0],
    "MIS": [-1, -1, 0, -1, 0],
    "GRPW": [-8, -7, -2, -11, -7],
    "GRPW*": [-10, -7, -2, -11, -7],
    "RANDOM": [0, 0, 0, 0, 0],  # noise is all there is to it
}
PROJECT_VALUES: dict[str, list[float]] = {
    "MWKR": [-9, -8, -7, -4, -5],
    "EST": [0, 1, 1, 5, 0],
    "LST": [0, 1, 2, 5, 4],
    "LFT": [1, 3, 5, 9, 9],
    "MINSLK": [0, 0, 1, 0, 4],
    "MTS": [-3, -1, -1, 0, 0],
    "MIS": [-2, -1, -1, 0, 0],
    "GRPW": [-6, -6, -7, -4, -5],
    "GRPW*": [-10, -6, -7, -4, -5],
    "MOPNR": [-1, -1, -1, -1, -1],
    # Nothing is due: what may follow the critical path of 9 ticks.
    "EDD": [9, 9, 9, 9, 9],
}
AT, READY = 4.0, 2.0
DYNAMIC_VALUES: dict[str, list[float]] = {
    "FIFO": [2, 2, 2, 2, 2],
    "LIFO": [-2, -2, -2, -2, -2],
    "MDD": [20, 20, 20, 15, 12],
    "CR": [16 / 10, 16 / 7, 16 / 2, 8 / 11, 8 / 7],
    "SLACK": [6, 9, 14, -3, 1],
    "S/RO": [2, 4.5, 14, -1.5, 1],
    "WINQ": [6, 9, 0, 9, 0],
    "PT+WINQ": [9, 14, 2, 13, 7],
    "COVERT": [
        -2 / 3 * (1 - 6 / 40),
        -2 / 5 * (1 - 9 / 28),
        0,
        -1 / 4,
        -1 / 7 * (1 - 1 / 28),
    ],
}


def test_tables_cover_every_rule() -> None:
    """No rule is left without a value by hand."""
    assert set(SHOP_VALUES) | set(DYNAMIC_VALUES) | {"ATC"} == set(RULES)
    assert {name for name, rule in RULES.items() if rule.code == STATIC} == set(SHOP_VALUES)
    assert all(rule.dynamic == (name not in SHOP_VALUES) for name, rule in RULES.items())


@pytest.mark.parametrize("rule", sorted(SHOP_VALUES))
def test_static_rules_on_the_shop(rule: str) -> None:
    """Static values in a job shop with due dates and weights."""
    values = Runner(shop()).attributes.base(RULES[rule])
    np.testing.assert_allclose(values, SHOP_VALUES[rule], rtol=1e-12)


@pytest.mark.parametrize("rule", sorted(PROJECT_VALUES))
def test_static_rules_on_the_project(rule: str) -> None:
    """Static values without jobs and due dates, with a lag."""
    values = Runner(project()).attributes.base(RULES[rule])
    np.testing.assert_allclose(values, PROJECT_VALUES[rule], rtol=1e-12)


def dynamic(problem: Problem, rule: str) -> list[float]:
    """Values of a dynamic rule for all tasks at one time, with 9 and 6 ticks waiting for A, B."""
    runner = Runner(problem)
    facts = runner._facts(Attempt(RULES[rule]))
    formula = score.py_func  # type: ignore[attr-defined]
    queued = np.array([9, 6])
    return [formula(facts, i, AT, READY, queued) for i in range(problem.tasks.count)]


@pytest.mark.parametrize("rule", sorted(DYNAMIC_VALUES))
def test_dynamic_rules(rule: str) -> None:
    """Values at tick 4 of tasks that could start at tick 2."""
    np.testing.assert_allclose(dynamic(shop(), rule), DYNAMIC_VALUES[rule], rtol=1e-12)


def test_atc() -> None:
    """ATC orders by its index; the value is minus its logarithm, which does not underflow."""
    slack, mean = [6, 9, 14, 0, 1], 21 / 5
    index = [
        w / p * math.exp(-s / (2 * mean))
        for w, p, s in zip([2, 2, 2, 1, 1], [3, 5, 2, 4, 7], slack, strict=True)
    ]
    np.testing.assert_allclose(np.exp(-np.array(dynamic(shop(), "ATC"))), index, rtol=1e-12)


def test_due_dates_by_default() -> None:
    """Without due dates all jobs of a shop are due at the length of the longest."""
    values = Runner(shop(due=False)).attributes.base(RULES["EDD"])
    assert values.tolist() == [11] * 5


def test_queue_counts_what_waits_now() -> None:
    """WINQ prefers the task whose next machine has less work waiting."""
    b = ProblemBuilder("queues")
    first, busy, idle = b.machine("first"), b.machine("busy"), b.machine("idle")
    for _ in range(3):
        b.task(machine=busy, duration=9)
    for then in (busy, idle):
        job = b.job()
        one = b.task(f"to {then.name}", machine=first, duration=5, job=job)
        b.precedence(one, b.task(machine=then, duration=1, job=job))
    problem = b.build()
    for rule in ("WINQ", "PT+WINQ"):
        for scheme in ("serial", "parallel", "giffler-thompson"):
            schedule = dispatch(problem, rule=rule, scheme=scheme)
            start = dict(zip(problem.tasks.names, schedule.start.tolist(), strict=True))
            assert (start["to idle"], start["to busy"]) == (0, 5)


@pytest.mark.parametrize("scheme", ["serial", "parallel", "giffler-thompson"])
def test_queues_are_empty_at_the_end(scheme: Scheme) -> None:
    """Work that came to wait has left when all is placed, also where machines are alternatives."""
    for problem in (named_instance("ft06"), random_flexible_job_shop(6, 4, seed=2)):
        runner = Runner(problem)
        assert place(runner, Attempt(RULES["WINQ"], scheme)) is not None
        assert not runner.state.queued.any()


def test_longer_closures() -> None:
    """Sums over all successors are right beyond 64 tasks, where sets are handled in pieces."""
    b = ProblemBuilder("ladder")
    random = np.random.default_rng(5)
    lengths = random.integers(0, 9, 200).tolist()
    tasks = [b.task(duration=d) for d in lengths]
    after: list[set[int]] = [set() for _ in tasks]
    for i in range(199, -1, -1):
        for j in sorted({int(j) for j in random.integers(i + 1, i + 30, 2) if j < 200}):
            b.precedence(tasks[i], tasks[j])
            after[i] |= {j} | after[j]
    attributes = Runner(b.build()).attributes
    assert attributes.base(RULES["MTS"]).tolist() == [-len(s) for s in after]
    totals = [-(lengths[i] + sum(lengths[j] for j in s)) for i, s in enumerate(after)]
    assert attributes.base(RULES["GRPW*"]).tolist() == totals


def test_random_rule_follows_the_seed() -> None:
    """RANDOM gives the same schedule for the same seed and others for others."""
    problem = named_instance("ft10")
    made = {s: dispatch(problem, rule="RANDOM", seed=s).start.tolist() for s in range(4)}
    assert all(dispatch(problem, rule="RANDOM", seed=s).start.tolist() == made[s] for s in made)
    assert len({tuple(m) for m in made.values()}) == 4
