"""Rules of one machine: golden orders, kernels equal their references, edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from tests.shop.single_machine_support import brute_force, drawn_jobs, some_jobs

from makespan.core.errors import InfeasibleError, OptionError, UnsupportedError
from makespan.core.metrics import evaluate
from makespan.core.verify import verify
from makespan.generators import random_job_shop, random_single_machine
from makespan.shop.single_machine import (
    RULES,
    Jobs,
    atc,
    augment,
    dispatch,
    edd,
    eddc,
    eddc_as_printed,
    mdd,
    mddc,
    order_by,
    problem_of,
    recognise,
    schedule_single_machine,
    spt,
    subset_order,
)
from makespan.shop.single_machine.orders import augmented, panneerselvam, psk

EXAMPLE = Jobs(np.array([10, 11, 10, 10, 11, 10]), np.array([15, 11, 13, 11, 12, 11]))
"""The worked example of the source."""

REFERENCES = {
    "EDD": lambda jobs: dispatch(jobs, edd),
    "SPT": lambda jobs: dispatch(jobs, spt),
    "MDD": lambda jobs: dispatch(jobs, mdd, by_index=True),
    "MDD-SPT": lambda jobs: dispatch(jobs, mdd),
    "PSK": psk,
    "ATC": lambda jobs: dispatch(jobs, atc),
    "GREEDY": panneerselvam,
    "EDDC-PRINTED": eddc_as_printed,
    "EDDC": eddc,
    "MDDC": lambda jobs: dispatch(jobs, mddc),
    "AUG-MDD": lambda jobs: augment(jobs, dispatch(jobs, mdd, by_index=True)),
    "AUG-MDDC": lambda jobs: augmented(jobs, mddc),
}


def test_every_rule_has_a_reference() -> None:
    """None is left untested."""
    assert set(REFERENCES) == set(RULES)


def test_the_worked_example() -> None:
    """MDDC finds the optimum 141, MDD with ties by index 144."""
    assert order_by(EXAMPLE, "MDDC").tolist() == [3, 5, 2, 0, 1, 4]
    assert order_by(EXAMPLE, "MDD").tolist() == [1, 0, 2, 3, 5, 4]
    assert EXAMPLE.total_tardiness([3, 5, 2, 0, 1, 4]) == 141
    assert EXAMPLE.total_tardiness([1, 0, 2, 3, 5, 4]) == 144
    assert EXAMPLE.total_tardiness(subset_order(EXAMPLE)) == 141


@pytest.mark.parametrize("name", RULES)
@given(jobs=some_jobs(most=9))
@settings(max_examples=60, deadline=None)
def test_kernels_equal_their_references(name: str, jobs: Jobs) -> None:
    """On small jobs with ties, zeros and negative due dates."""
    assert order_by(jobs, name).tolist() == REFERENCES[name](jobs).tolist()


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("seed", range(4))
def test_kernels_equal_their_references_on_drawn_jobs(name: str, seed: int) -> None:
    """On the instances the rules are measured on."""
    jobs = drawn_jobs(seed, 45, (0.2, 0.4, 0.6, 0.8)[seed], (0.2, 1.0, 0.6, 0.4)[seed])
    assert order_by(jobs, name).tolist() == REFERENCES[name](jobs).tolist()


@given(jobs=some_jobs(most=9, weighted=True))
@settings(max_examples=60, deadline=None)
def test_weights_reach_atc_and_the_augmentation(jobs: Jobs) -> None:
    """The kernels weigh as the references do."""
    assert order_by(jobs, "ATC").tolist() == dispatch(jobs, atc).tolist()
    order = dispatch(jobs, mddc)
    assert order_by(jobs, "AUG-MDDC").tolist() == augment(jobs, order).tolist()


def test_the_printed_challenger_is_edd() -> None:
    """The trap of the listing: its loop never runs."""
    for seed in range(20):
        jobs = drawn_jobs(seed, 25)
        assert eddc_as_printed(jobs).tolist() == order_by(jobs, "EDD").tolist()
    assert any(
        eddc(drawn_jobs(seed, 25)).tolist() != order_by(drawn_jobs(seed, 25), "EDD").tolist()
        for seed in range(5)
    )


@given(jobs=some_jobs(most=9))
@settings(max_examples=60, deadline=None)
def test_augmentation_never_costs(jobs: Jobs) -> None:
    """The augmented order is at most as tardy."""
    for name in ("MDD", "MDDC"):
        plain = jobs.total_tardiness(order_by(jobs, name))
        assert jobs.total_tardiness(order_by(jobs, f"AUG-{name}")) <= plain


@pytest.mark.parametrize("name", RULES)
def test_edges(name: str) -> None:
    """No job, one job, all times zero, and times near the limit."""
    none = np.empty(0, dtype=np.int64)
    assert order_by(Jobs(none, none), name).tolist() == []
    assert order_by(Jobs(np.array([5]), np.array([-3])), name).tolist() == [0]
    still = Jobs(np.zeros(4, dtype=np.int64), np.array([3, -2, 0, 3]))
    assert sorted(order_by(still, name).tolist()) == [0, 1, 2, 3]
    huge = Jobs(np.array([1 << 44, 1 << 43, 1]), np.array([1 << 44, -(1 << 44), 0]))
    assert sorted(order_by(huge, name).tolist()) == [0, 1, 2]
    assert order_by(huge, name).tolist() == REFERENCES[name](huge).tolist()


def test_input_is_checked() -> None:
    """Fractions, negative times, lengths, overflow, orders that are none."""
    good = np.array([1, 2])
    for processing, due, weight in (
        ([1.5, 2], good, None),
        ([np.nan, 2], good, None),
        ([-1, 2], good, None),
        ([1, 2, 3], good, None),
        (good, good, [1]),
        (good, good, [-1, 1]),
        ([1 << 60, 1 << 60], good, None),
        (good, good, [1 << 60, 1]),
        (["a", "b"], good, None),
        ([[1], [2]], good, None),
    ):
        with pytest.raises(OptionError):
            Jobs(processing, due, weight)
    assert Jobs([1.0, 2.0], [3, 4]).processing.dtype == np.int64
    for order in ([0], [0, 0], [0, 2], [0.0, 1.0], [[0, 1]]):
        with pytest.raises(OptionError):
            Jobs(good, good).total_tardiness(order)
    with pytest.raises(ValueError, match="read-only"):
        Jobs(good, good).processing[0] = 3


def test_a_rule_of_ones_own_sees_read_only_candidates() -> None:
    """Priorities by job, limits, and what goes wrong with either."""
    jobs = drawn_jobs(3, 8)
    first = dispatch(jobs, lambda now: -(now.job == 5).astype(float))
    assert first[0] == 5
    late = dispatch(jobs, mdd, may_go=lambda now: (now.job != first[1]) | (len(now.job) == 1))
    assert late[-1] == first[1]
    with pytest.raises(InfeasibleError, match="none of the 8 jobs"):
        dispatch(jobs, mdd, may_go=lambda now: now.job < 0)
    for bad in (lambda now: now.due[:1], lambda now: now.due * np.nan):
        with pytest.raises(OptionError, match="8 numbers"):
            dispatch(jobs, bad)

    def spoil(now):
        now.processing[0] = 0

    with pytest.raises(ValueError, match="read-only"):
        dispatch(jobs, spoil)


def test_names_of_rules() -> None:
    """Any case; unknown ones are answered with close ones; limits go with functions."""
    jobs = drawn_jobs(1, 6)
    assert order_by(jobs, "mddc").tolist() == order_by(jobs, mddc).tolist()
    with pytest.raises(OptionError, match="MDDC"):
        order_by(jobs, "MDDX")
    with pytest.raises(OptionError, match="limit"):
        order_by(jobs, "MDD", may_go=lambda now: now.job >= 0)
    with pytest.raises(OptionError, match="limits"):
        order_by(jobs, mdd, may_go=lambda now: now.job >= 0, augment_it=True)
    assert order_by(jobs, mddc, augment_it=True).tolist() == order_by(jobs, "AUG-MDDC").tolist()


@given(jobs=some_jobs(most=6, weighted=True))
@settings(max_examples=40, deadline=None)
def test_subsets_find_the_optimum(jobs: Jobs) -> None:
    """Dynamic programming equals trying every order."""
    assert jobs.total_tardiness(subset_order(jobs)) == brute_force(jobs)


def test_subsets_stop_and_decline() -> None:
    """A raised flag ends it; too many jobs are named."""
    assert subset_order(drawn_jobs(1, 16), halt=np.ones(1, dtype=np.int64)) is None
    with pytest.raises(OptionError, match="at most 22"):
        subset_order(drawn_jobs(1, 23))


@given(jobs=some_jobs(weighted=True))
@settings(max_examples=60, deadline=None)
def test_jobs_survive_as_a_problem(jobs: Jobs) -> None:
    """Recognised, scheduled, verified, and of the value the order has."""
    problem = problem_of(jobs)
    found = recognise(problem)
    assert found is not None
    timed = jobs.processing > 0
    assert np.array_equal(found.jobs.processing, jobs.processing[timed])
    for name in ("MDDC", "ATC"):
        schedule = schedule_single_machine(problem, name)
        assert not verify(problem, schedule)
        order = order_by(found.jobs, name)
        assert evaluate(problem, schedule) == (found.jobs.total_tardiness(order) + found.constant,)


def test_generated_problems_are_recognised_and_others_declined() -> None:
    """A job shop is no single machine."""
    problem = random_single_machine(12, seed=2)
    assert not verify(problem, schedule_single_machine(problem))
    shop = random_job_shop(3, 2, seed=1)
    assert recognise(shop) is None
    with pytest.raises(UnsupportedError, match="one machine"):
        schedule_single_machine(shop)
