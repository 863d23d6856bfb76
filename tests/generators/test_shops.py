"""Random shops and machine problems have the structure and the statistics they promise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.core.validation import validate
from makespan.core.vocabulary import Blocking, ObjectiveKind
from makespan.generators import (
    random_blocking_job_shop,
    random_due_date_job_shop,
    random_flexible_job_shop,
    random_flow_shop,
    random_job_shop,
    random_open_shop,
    random_parallel_machines,
    random_setup_job_shop,
    random_single_machine,
)

SIZES = st.integers(1, 8)
SEEDS = st.integers(0, 10**6)


@given(SIZES, SIZES, SEEDS)
def test_job_shop(jobs: int, machines: int, seed: int) -> None:
    """Every job visits every machine once, in a chain, with times in range."""
    problem = random_job_shop(jobs, machines, seed=seed, low=3, high=7)
    validate(problem)
    machine = problem.modes.demand_resource.reshape(jobs, machines)
    assert (np.sort(machine, axis=1) == np.arange(machines)).all()
    assert problem.modes.duration.min() >= 3
    assert problem.modes.duration.max() <= 7
    assert problem.precedences.count == jobs * (machines - 1)


@given(SIZES, SIZES, SEEDS)
def test_flow_and_open_shop(jobs: int, machines: int, seed: int) -> None:
    """Flow shops share one machine order; open shops have no order but exclude within a job."""
    flow = random_flow_shop(jobs, machines, seed=seed)
    validate(flow)
    assert (flow.modes.demand_resource.reshape(jobs, -1) == np.arange(machines)).all()
    assert [members.tolist() for members in flow.same_orders] == [list(range(machines))]
    free = random_flow_shop(jobs, machines, seed=seed, permutation=False)
    assert free.same_orders.count == 0
    assert free.modes == flow.modes
    opened = random_open_shop(jobs, machines, seed=seed)
    validate(opened)
    assert opened.precedences.count == 0
    assert opened.no_overlaps.count == jobs
    assert (np.diff(opened.no_overlaps.ptr) == machines).all()


@given(SIZES, SIZES, SEEDS, st.floats(0, 1), st.floats(0, 1))
def test_flexible_job_shop(
    jobs: int, machines: int, seed: int, share: float, spread: float
) -> None:
    """Mean flexibility is met exactly, machines differ per operation, times stay in the spread."""
    flexibility = 1 + share * (machines - 1)
    problem = random_flexible_job_shop(
        jobs, machines, seed=seed, operations=5, flexibility=flexibility, spread=spread, low=10
    )
    validate(problem)
    n = problem.tasks.count
    assert n == 5 * jobs
    assert problem.modes.count == n + round((flexibility - 1) * n)
    pairs = problem.modes.task * machines + problem.modes.demand_resource
    assert len(np.unique(pairs)) == problem.modes.count
    starts = problem.tasks.mode_ptr[:-1]
    fastest = np.minimum.reduceat(problem.modes.duration, starts)
    slowest = np.maximum.reduceat(problem.modes.duration, starts)
    # Both are a base time times a factor in the spread, rounded.
    assert (slowest * (1 - spread) <= (fastest + 1) * (1 + spread) + 1).all()
    assert fastest.min() >= 10


def test_blocking_codes() -> None:
    """The swap parameter chooses the blocking rule of every task."""
    for swap, code in ((True, Blocking.SWAP), (False, Blocking.NO_SWAP)):
        problem = random_blocking_job_shop(3, 3, seed=0, swap=swap)
        validate(problem)
        assert (problem.tasks.blocking == code).all()


@given(SIZES, SIZES, SEEDS, st.integers(1, 6))
def test_setups_obey_the_triangle_inequality(
    jobs: int, machines: int, seed: int, families: int
) -> None:
    """Setups have no detour shorter than the direct way, so validation does not warn."""
    problem = random_setup_job_shop(jobs, machines, seed=seed, families=families)
    validate(problem)
    table = problem.setups[0].time
    detour = (table[:, :, None] + table[None, :, :]).min(axis=1)
    assert (table <= detour).all()
    assert (np.diag(table) == 0).all()
    per_job = problem.tasks.family.reshape(jobs, machines)
    assert (per_job == per_job[:, :1]).all()


@given(SIZES, SIZES, SEEDS, st.floats(0, 3))
def test_due_dates_are_multiples_of_work(
    jobs: int, machines: int, seed: int, tightness: float
) -> None:
    """Due minus release is the floor of tightness times work; weights are those of the source."""
    problem = random_due_date_job_shop(
        jobs, machines, seed=seed, tightness=tightness, latest_release=50
    )
    validate(problem)
    work = problem.modes.duration.reshape(jobs, machines).sum(axis=1)
    slack = problem.jobs.due - problem.jobs.release
    assert np.array_equal(slack, np.floor(tightness * work).astype(np.int64))
    assert (np.diff(problem.jobs.weight) <= 0).all()
    assert problem.objective.kinds == {ObjectiveKind.TOTAL_TARDINESS}
    ten = random_due_date_job_shop(10, 2, seed=seed).jobs.weight
    assert ten.tolist() == [4, 4, 2, 2, 2, 2, 2, 2, 1, 1]


@pytest.mark.parametrize(("factor", "width"), [(0.2, 0.2), (0.6, 0.4), (1.0, 1.0)])
def test_single_machine_due_dates_fill_their_range(factor: float, width: float) -> None:
    """Due dates are uniform around P (1 - T) with width P R, cut at 0."""
    problem = random_single_machine(4000, seed=3, tardiness_factor=factor, due_range=width)
    validate(problem)
    total = problem.modes.duration.sum()
    low, high = total * (1 - factor - width / 2), total * (1 - factor + width / 2)
    due = problem.jobs.due
    assert due.min() >= max(0, round(low))
    assert due.max() <= round(high)
    middle = np.clip(np.linspace(low, high, 10_001), 0, None).mean()
    assert abs(due.mean() - middle) < 0.02 * total
    assert set(problem.jobs.weight.tolist()) == set(range(1, 11))


@pytest.mark.parametrize("unrelated", [False, True])
def test_parallel_machines(unrelated: bool) -> None:
    """Every job may run on every machine, in the same time unless machines are unrelated."""
    problem = random_parallel_machines(50, 4, seed=1, unrelated=unrelated)
    validate(problem)
    duration = problem.modes.duration.reshape(50, 4)
    assert (problem.modes.demand_resource.reshape(50, 4) == np.arange(4)).all()
    assert (duration == duration[:, :1]).all() != unrelated


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: random_job_shop(0, 3, seed=0), "jobs must be at least 1"),
        (lambda: random_job_shop(3, 3, seed=0, low=5, high=2), "low <= high"),
        (lambda: random_job_shop(3, 3, seed=0, low=-1), "low <= high"),
        (lambda: random_flexible_job_shop(3, 3, seed=0, flexibility=4), "flexibility 4"),
        (lambda: random_flexible_job_shop(3, 3, seed=0, spread=-0.1), "spread"),
        (lambda: random_single_machine(3, seed=0, tardiness_factor=2), "tardiness_factor"),
        (lambda: random_single_machine(3, seed=0, due_range=-1), "due_range"),
        (lambda: random_due_date_job_shop(3, 3, seed=0, tightness=-1), "tightness"),
        (lambda: random_due_date_job_shop(3, 3, seed=0, latest_release=-1), "latest_release"),
        (lambda: random_setup_job_shop(3, 3, seed=0, families=0), "families"),
    ],
)
def test_parameters_out_of_range(call: Any, message: str) -> None:
    """Parameters out of range are refused by name."""
    with pytest.raises(OptionError, match=message):
        call()


@pytest.mark.slow
@settings(max_examples=1)
@given(st.just(0))
def test_a_million_operations(seed: int) -> None:
    """A 1000 x 1000 job shop is made whole, names included."""
    problem = random_job_shop(1000, 1000, seed=seed)
    assert problem.tasks.names[999_999] == "J1000.1000"
