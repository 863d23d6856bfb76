"""Policies remember the latest programs, however many a server has seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.policies import remembering
from makespan.serving.policies.autellix import Autellix
from makespan.serving.policies.continuum import Continuum
from makespan.serving.policies.ordering import EarliestDeadline
from makespan.serving.policies.slos_serve import SlosServe
from makespan.serving.policies.told import ToldByWorkload
from makespan.serving.policy import Policy
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import PICOSECONDS, Slo, Workload

PROGRAMS = 9
LOAD = Workload(
    "many",
    np.arange(PROGRAMS) * PICOSECONDS,
    np.full(PROGRAMS, 4),
    np.ones(PROGRAMS, dtype=np.int64),
    program=np.arange(PROGRAMS),
    slo=np.zeros(PROGRAMS, dtype=np.int64),
    slos=(Slo("program", deadline=8 * PICOSECONDS),),
)


def served(policy: Policy) -> None:
    """One program after the other."""
    record = simulate_serving(
        LOAD, EngineSettings(20), LinearCost(10**9, 0, 0, 0), policy=lambda: policy
    )
    assert record.finished.all()


@pytest.mark.parametrize(
    ("make", "known"),
    [
        (EarliestDeadline, "begun"),
        (SlosServe, "begun"),
        (lambda _: Autellix(), "attained"),
        (lambda told: Continuum(told, rule="fixed", fixed=100.0), "programs"),
    ],
)
def test_an_engine_forgets_the_oldest_programs(
    make: Callable[[ToldByWorkload], Policy], known: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server runs for months."""
    monkeypatch.setattr(remembering, "MOST_PROGRAMS", 3)
    policy: Any = make(ToldByWorkload(LOAD))
    served(policy)
    assert list(getattr(policy, known)) == [6, 7, 8]


def test_what_a_load_has_told_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no longer than the load."""
    monkeypatch.setattr(remembering, "MOST_PROGRAMS", 3)
    policy = EarliestDeadline(LOAD)
    served(policy)
    assert list(policy.begun) == list(range(PROGRAMS))
