"""Experiments with a real engine, on a simulated one in its place: what they measure and judge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest

from makespan.claims import Conditions, Verdict
from makespan.claims import batchllm_experiments as batchllm
from makespan.claims import continuum_experiments as continuum
from makespan.claims import past_future_experiments as past_future
from makespan.claims.real_engine import Said, unlike, unmeasured
from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.policy import Policy
from makespan.serving.record import Fate, Record
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import Workload

HERE = Conditions(quick=True, model=Path("a-model"))
COST = LinearCost(floor=10**10, per_token=2 * 10**9, per_context=10**6, per_sequence=10**8)
"""Two milliseconds per token: what a small model takes on a processor."""


class Pretended:
    """An engine that simulates, and says what it is told to.

    Attributes
    ----------
    lies
        Whether answers depend on the policy.
    patient
        Whether it ends within its time.
    """

    lies = False
    patient = True

    def __init__(self, _model: Path, settings: EngineSettings) -> None:
        self.settings = settings

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_rest: object) -> None:
        pass

    def serve(
        self, workload: Workload, make: Callable[[], Policy], *, time_limit: float
    ) -> tuple[Record, Said]:
        """A record in virtual time."""
        assert time_limit > 0
        record = simulate_serving(workload, self.settings, COST, policy=make)
        if not self.patient:
            fate, last = record.fate.copy(), record.last.copy()
            fate[-1], last[-1] = Fate.UNFINISHED, -1  # nobody waits for the one sent last
            record = replace(record, fate=fate, last=last)
        word = len(type(make()).__name__) if self.lies else 0
        return record, {r: [word, r] for r in range(workload.count)}


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> type[Pretended]:
    """A kind of engine of its own for a test, in the place of the real one."""

    class Engine(Pretended):
        """For one test."""

    for module in (batchllm, continuum, past_future):
        monkeypatch.setattr(module, "Listening", Engine)
    return Engine


EXPERIMENTS = pytest.mark.parametrize("module", [batchllm, continuum, past_future])


@EXPERIMENTS
@pytest.mark.parametrize("quick", [True, False])
def test_what_a_fast_engine_shows(module: Any, quick: bool, pretended: type[Pretended]) -> None:
    """Measured with figures for every policy, and not against the claim."""
    measurement = module.serve_for_real(replace(HERE, quick=quick))
    assert measurement.verdict in (Verdict.REPRODUCED, Verdict.PARTLY)
    assert len(measurement.measured) >= 6


@EXPERIMENTS
def test_answers_that_depend_on_the_policy_are_seen(
    module: Any, pretended: type[Pretended]
) -> None:
    """Nothing is reproduced then, and the figures say so."""
    pretended.lies = True
    measurement = module.serve_for_real(HERE)
    assert measurement.verdict is not Verdict.REPRODUCED
    assert any(
        figure.value > 0 for name, figure in measurement.measured.items() if "unlike" in name
    )


@EXPERIMENTS
def test_a_run_that_does_not_end_confirms_nothing(module: Any, pretended: type[Pretended]) -> None:
    """And leaves no figures behind."""
    pretended.patient = False
    measurement = module.serve_for_real(HERE)
    assert measurement.verdict is Verdict.UNCONFIRMED
    assert not measurement.measured


@EXPERIMENTS
def test_without_a_model_nothing_is_tried(module: Any) -> None:
    """The variable to set is named."""
    assert module.serve_for_real(Conditions(quick=True)) == unmeasured()
    assert "MAKESPAN_MODEL" in unmeasured().explanation


def test_answers_are_compared_request_by_request() -> None:
    """One that is missing counts, too."""
    assert unlike({0: [1], 1: [2]}, {0: [1], 1: [2]}) == 0
    assert unlike({0: [1], 1: [2]}, {0: [1, 3], 2: [2]}) == 3
