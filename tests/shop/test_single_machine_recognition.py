"""What is recognised as one machine really is: over the whole vocabulary, and feature by feature."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from tests.strategies import problems

from makespan.core.builder import ProblemBuilder
from makespan.core.metrics import evaluate
from makespan.core.problem import Objective, ObjectiveTerm, Problem
from makespan.core.verify import verify
from makespan.core.vocabulary import ObjectiveKind
from makespan.generators import random_parallel_machines, random_single_machine
from makespan.shop.single_machine import order_by, recognise

TARDINESS = Objective(((ObjectiveTerm(ObjectiveKind.TOTAL_TARDINESS),),))


def _check(problem: Problem) -> None:
    found = recognise(problem)
    if found is not None:
        order = order_by(found.jobs, "MDDC")
        schedule = found.schedule(order)
        assert not verify(problem, schedule)
        value = found.jobs.total_tardiness(order) + found.constant
        assert evaluate(problem, schedule) == (value,)


@given(problem=problems())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_over_the_whole_vocabulary(problem: Problem) -> None:
    """With its objective replaced by total tardiness: declined, or scheduled to the stated value."""
    _check(replace(problem, objective=TARDINESS))


@given(problem=problems(features=frozenset({"jobs", "milestones", "horizon"})))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_over_plain_features(problem: Problem) -> None:
    """Where more is recognised."""
    _check(replace(problem, objective=TARDINESS))


def test_jobs_and_lone_tasks_mix() -> None:
    """A task without a job counts with its own due date and weight; milestones cost what they must."""
    builder = ProblemBuilder("mixed")
    machine = builder.machine("M")
    job = builder.job("J", due=3, weight=2)
    builder.task("a", duration=4, machine=machine, job=job)
    builder.task("b", duration=2, machine=machine, due=1)
    builder.task("c", duration=0, machine=machine, due=-5)
    builder.task("d", duration=1, machine=machine)
    builder.minimise("total_tardiness")
    problem = builder.build()
    found = recognise(problem)
    assert found is not None
    assert found.task.tolist() == [0, 1, 3]
    assert found.constant == 5
    _check(problem)


@pytest.mark.parametrize("seed", range(3))
def test_two_machines_are_declined(seed: int) -> None:
    """Modes on several machines are another problem; other objectives too."""
    assert recognise(random_parallel_machines(4, 2, seed=seed)) is None
    single = random_single_machine(4, seed=seed)
    assert recognise(single) is not None
    makespan = Objective(((ObjectiveTerm(ObjectiveKind.MAKESPAN),),))
    assert recognise(replace(single, objective=makespan)) is None
    twice = Objective(((ObjectiveTerm(ObjectiveKind.TOTAL_TARDINESS, 2),),))
    assert recognise(replace(single, objective=twice)) is None
    late = replace(single.tasks, deadline=np.full(4, 10_000))
    assert recognise(replace(single, tasks=late)) is None
