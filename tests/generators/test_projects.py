"""Random projects achieve the requested complexity, factors, strengths and feasibility."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.errors import InfeasibleError, OptionError
from makespan.core.graph import transitive_reduction
from makespan.core.graph_times import earliest_times
from makespan.core.validation import validate
from makespan.core.verify import verify
from makespan.core.vocabulary import INFINITY, ResourceKind
from makespan.generators import (
    planted_rcpsp_max,
    random_multimode_rcpsp,
    random_rcpsp,
    random_rcpsp_max,
)
from makespan.generators.draws import Draws
from makespan.generators.measures import (
    demand_matrix,
    network_complexity,
    resource_factor,
    resource_strength,
)
from makespan.generators.networks import random_network

SEEDS = st.integers(0, 10**6)


@pytest.mark.parametrize("activities", [10, 30, 60, 120])
@pytest.mark.parametrize("complexity", [1.1, 1.5, 1.8])
def test_network_complexity_is_exact(activities: int, complexity: float) -> None:
    """The number of non-redundant arcs is the request, rounded; no arc is redundant."""
    for seed in range(3):
        problem = random_rcpsp(activities, seed=seed, complexity=complexity)
        validate(problem)
        assert transitive_reduction(problem).all()
        wanted = round(complexity * (activities + 2)) / (activities + 2)
        assert network_complexity(problem) == pytest.approx(wanted)


@given(SEEDS, st.integers(16, 40), st.floats(1.2, 1.6), st.integers(2, 3), st.integers(2, 3))
@settings(max_examples=40)
def test_network_structure(
    seed: int, activities: int, complexity: float, starts: int, finishes: int
) -> None:
    """Starts, finishes and degrees are those asked for, and arcs ascend."""
    arcs = np.array(
        random_network(
            activities,
            complexity=complexity,
            draws=Draws(seed),
            starts=starts,
            finishes=finishes,
        )
    )
    into = np.bincount(arcs[:, 1], minlength=activities)
    out = np.bincount(arcs[:, 0], minlength=activities)
    assert (arcs[:, 0] < arcs[:, 1]).all()
    assert (into == 0).sum() == starts
    assert (out == 0).sum() == finishes
    assert max(into.max(), out.max()) <= 3


@given(SEEDS, st.integers(8, 40), st.floats(0, 1), st.floats(0, 1), st.integers(1, 5))
@settings(max_examples=40)
def test_factor_and_strength_are_met(
    seed: int, activities: int, factor: float, strength: float, resources: int
) -> None:
    """RF is exact up to whole pairs, RS up to whole units, and every activity fits alone."""
    problem = random_rcpsp(
        activities,
        seed=seed,
        complexity=1.3,
        resources=resources,
        factor=factor,
        strength=strength,
    )
    pairs = activities * resources
    assert resource_factor(problem) == pytest.approx(round(factor * pairs) / pairs)
    demand = demand_matrix(problem)
    if round(factor * pairs) >= activities:
        assert (demand > 0).any(axis=1).all()
    assert (demand.max(axis=0) <= problem.resources.capacity).all()
    at_one = random_rcpsp(
        activities, seed=seed, complexity=1.3, resources=resources, factor=factor, strength=1
    )
    span = at_one.resources.capacity - demand.max(axis=0)
    measured = resource_strength(problem)
    for k in range(resources):
        if span[k]:
            assert abs(measured[k] - strength) <= 0.5 / span[k] + 1e-9
        else:
            assert np.isnan(measured[k])


@given(SEEDS, st.integers(8, 25), st.integers(1, 4), st.floats(0, 1))
@settings(max_examples=30)
def test_modes_trade_time_for_demand(
    seed: int, activities: int, modes: int, strength: float
) -> None:
    """Slower modes demand no more, and all slowest modes together keep every budget."""
    problem = random_multimode_rcpsp(
        activities, seed=seed, modes=modes, complexity=1.3, nonrenewable_strength=strength
    )
    validate(problem)
    duration = problem.modes.duration.reshape(activities, modes)
    demand = demand_matrix(problem).reshape(activities, modes, -1)
    assert (np.diff(duration, axis=1) >= 0).all()
    assert (np.diff(demand, axis=1) <= 0).all()
    renewable = problem.resources.kind == ResourceKind.RENEWABLE
    slowest = demand[:, -1, :]
    assert (slowest[:, renewable].max(axis=0) <= problem.resources.capacity[renewable]).all()
    assert (slowest[:, ~renewable].sum(axis=0) <= problem.resources.capacity[~renewable]).all()
    low, high = slowest.sum(axis=0), demand[:, 0, :].sum(axis=0)
    wanted = low + np.rint(strength * (high - low))
    assert np.array_equal(problem.resources.capacity[~renewable], wanted[~renewable])


@given(SEEDS, st.integers(8, 40), st.floats(0, 1), st.floats(0, 2), st.floats(0, 1))
@settings(max_examples=40)
def test_planted_schedule_of_rcpsp_max_is_feasible(
    seed: int, activities: int, share: float, looseness: float, strength: float
) -> None:
    """The planted schedule satisfies every lag and capacity, so no cycle is positive."""
    problem, schedule = planted_rcpsp_max(
        activities,
        seed=seed,
        complexity=1.3,
        max_lag_share=share,
        looseness=looseness,
        strength=strength,
    )
    validate(problem)
    assert verify(problem, schedule) == []
    assert (earliest_times(problem).start <= schedule.start).all()
    capped = int((problem.precedences.maximum < INFINITY).sum())
    assert capped <= round(share * round(1.3 * (activities + 2)))


@given(SEEDS)
@settings(max_examples=30)
def test_rcpsp_max_without_resource_guarantee_has_no_positive_cycle(seed: int) -> None:
    """Tight lags measured on the earliest starts still leave those starts possible."""
    problem = random_rcpsp_max(
        30, seed=seed, max_lag_share=1.0, looseness=0, resource_feasible=False
    )
    try:
        earliest_times(problem)
    except InfeasibleError as error:  # pragma: no cover
        pytest.fail(str(error))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: random_rcpsp(30, seed=0, complexity=4.0), "no network of 30 .* exists"),
        (lambda: random_rcpsp(30, seed=0, complexity=0.9), "no network of 30 .* exists"),
        (lambda: random_rcpsp(12, seed=0, complexity=2.3), "no network of 12 .* found"),
        (lambda: random_rcpsp(5, seed=0), "need more than 5"),
        (lambda: random_rcpsp(30, seed=0, factor=1.1), "resource factor"),
        (lambda: random_rcpsp(30, seed=0, strength=-0.1), "resource strength"),
        (lambda: random_multimode_rcpsp(30, seed=0, modes=0), "modes must"),
        (lambda: random_multimode_rcpsp(30, seed=0, nonrenewables=-1), "nonrenewables"),
        (lambda: random_rcpsp_max(30, seed=0, max_lag_share=-1), "max_lag_share"),
        (lambda: random_rcpsp_max(30, seed=0, looseness=-1), "looseness"),
        (lambda: random_rcpsp_max(30, seed=0, factor=2), "factor 2"),
    ],
)
def test_parameters_out_of_range(call: Any, message: str) -> None:
    """Parameters out of range are refused, impossible complexities with the nearest reached."""
    with pytest.raises(OptionError, match=message):
        call()


def test_multimode_without_nonrenewables() -> None:
    """Projects with modes need no nonrenewable resource."""
    problem = random_multimode_rcpsp(12, seed=0, nonrenewables=0, complexity=1.3)
    validate(problem)
    assert resource_factor(problem, ResourceKind.CONSUMABLE) == 0.0
