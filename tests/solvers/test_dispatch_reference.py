"""Kernels build the very schedules of plain-Python references, rule by rule."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.solvers.dispatch_support import (
    Plain,
    dated,
    giffler_thompson,
    parallel,
    scores,
    serial,
    starts,
)

from makespan.core.problem import Problem
from makespan.generators import (
    named_instance,
    random_flow_shop,
    random_job_shop,
    random_rcpsp,
)
from makespan.solvers.dispatch import RULES
from makespan.solvers.dispatch._score import STATIC

STATEFUL = {"WINQ", "PT+WINQ", "RANDOM"}
PLAIN = sorted(set(RULES) - STATEFUL)
STATIC_RULES = [name for name in PLAIN if RULES[name].code == STATIC]

SEEDS = st.integers(0, 1 << 16)


@st.composite
def shops(draw: st.DrawFn) -> Problem:
    """Small job and flow shops, some with due dates and weights."""
    jobs, machines, seed = draw(st.integers(1, 5)), draw(st.integers(1, 4)), draw(SEEDS)
    if draw(st.booleans()):
        problem = random_job_shop(jobs, machines, seed=seed)
    else:
        problem = random_flow_shop(jobs, machines, seed=seed, permutation=False)
    return dated(problem, seed) if draw(st.booleans()) else problem


@st.composite
def projects(draw: st.DrawFn) -> Problem:
    """Small projects with renewable resources, dummies included."""
    return random_rcpsp(draw(st.integers(7, 13)), seed=draw(SEEDS), resources=2)


@settings(max_examples=60)
@given(shops(), st.sampled_from(STATIC_RULES))
def test_serial_shop(problem: Problem, rule: str) -> None:
    """The serial scheme on shops is the reference's."""
    plain = Plain(problem)
    assert starts(problem, rule, "serial") == serial(plain, scores(plain, rule))


@settings(max_examples=100)
@given(shops(), st.sampled_from(PLAIN))
def test_parallel_shop(problem: Problem, rule: str) -> None:
    """The parallel scheme on shops is the reference's, for static and dynamic rules."""
    plain = Plain(problem)
    assert starts(problem, rule, "parallel") == parallel(plain, scores(plain, rule))


@settings(max_examples=100)
@given(shops(), st.sampled_from(PLAIN))
def test_giffler_thompson_shop(problem: Problem, rule: str) -> None:
    """The active scheme on shops is the reference's, for static and dynamic rules."""
    plain = Plain(problem)
    found = starts(problem, rule, "giffler-thompson")
    assert found == giffler_thompson(plain, scores(plain, rule))


@settings(max_examples=60)
@given(shops(), st.sampled_from(STATIC_RULES))
def test_shop_kernel_equals_general_one(problem: Problem, rule: str) -> None:
    """Non-delay dispatching of a plain shop and the general parallel scheme agree."""
    fast = starts(problem, rule, "parallel")
    assert fast == starts(problem, rule, "parallel", general=True)


@settings(max_examples=60)
@given(projects(), st.sampled_from(STATIC_RULES))
def test_serial_project(problem: Problem, rule: str) -> None:
    """The serial scheme on projects is the reference's."""
    plain = Plain(problem)
    assert starts(problem, rule, "serial") == serial(plain, scores(plain, rule))


@settings(max_examples=60)
@given(projects(), st.sampled_from(STATIC_RULES))
def test_parallel_project(problem: Problem, rule: str) -> None:
    """The parallel scheme on projects is the reference's."""
    plain = Plain(problem)
    assert starts(problem, rule, "parallel") == parallel(plain, scores(plain, rule))


@pytest.mark.parametrize("rule", PLAIN)
def test_ft06(rule: str) -> None:
    """All three schemes on ft06 are the references', for every rule they are defined for."""
    problem = named_instance("ft06")
    plain = Plain(problem)
    score = scores(plain, rule)
    assert starts(problem, rule, "parallel") == parallel(plain, score)
    assert starts(problem, rule, "giffler-thompson") == giffler_thompson(plain, score)
    if RULES[rule].code == STATIC:
        assert starts(problem, rule, "serial") == serial(plain, score)


@settings(max_examples=30)
@given(shops())
def test_active_schedules_are_active(problem: Problem) -> None:
    """No operation of an active schedule could start earlier with the others left as they are."""
    plain = Plain(problem)
    found = dict(enumerate(starts(problem, "MWKR", "giffler-thompson")))
    for i, s in found.items():
        others = {k: v for k, v in found.items() if k != i}
        first = plain.ready(i, others)
        assert first is not None
        assert not any(plain.fits(i, t, others) for t in range(first, s))
