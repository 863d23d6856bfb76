"""Fits of linear costs to steps of an engine."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.errors import FormatError, OptionError
from makespan.io.text import Text
from makespan.serving.cost.calibration.linear_fit import (
    COEFFICIENTS,
    FittedLinearCost,
    Steps,
    fit_linear,
    read_steps,
    write_steps,
)
from makespan.serving.cost.calibration.operator_fits import FitLabel
from makespan.serving.cost.hardware import hardware
from makespan.serving.cost.models import model
from makespan.serving.cost.operator_cost import OperatorCost
from makespan.serving.cost.step import LinearCost, StepCost

LABEL = FitLabel("engine", "made up", "2026-11-26")
TRUE = LinearCost(17_000_000_000, 100_000_000, 161_000, 37_000_000, 2500)


def run(cost: StepCost, count: int = 800, noise: float = 0.0, pauses: int = 0) -> Steps:
    """Steps as an engine takes them: mostly decodes, a chunk now and then."""
    rng = np.random.default_rng(3)
    rows = []
    for _ in range(count):
        n = int(rng.integers(1, 200))
        context = int(rng.integers(50, 900)) * n
        if rng.random() < 0.3:
            chunk, past = int(rng.integers(2, 1800)), int(rng.integers(0, 3000))
            rows.append((n + chunk, n + 1, context + past + chunk, chunk * (2 * past + chunk)))
        else:
            rows.append((n, n, context, 0))
    seconds = np.array([cost.step(*row) for row in rows]) / 1e12
    seconds *= np.exp(rng.normal(0, noise, count))
    if pauses:
        seconds[rng.choice(count, pauses, replace=False)] *= 10
    tokens, sequences, contexts, pairs = np.array(rows, float).T
    return Steps(tokens, sequences, contexts, pairs, seconds)


def error_of(cost: FittedLinearCost) -> float:
    """The mean error that a fit states."""
    assert cost.calibration.error is not None
    return cost.calibration.error


def test_coefficients_are_recovered():
    """Without noise to a part in a thousand, held-out steps exactly."""
    found = fit_linear(run(TRUE), LABEL)
    for name in COEFFICIENTS:
        assert getattr(found, name) == pytest.approx(getattr(TRUE, name), rel=0.02), name
    assert found.calibration.held_out
    assert error_of(found) < 1e-3
    assert found.calibration.count == 800


def test_pauses_do_not_bend_the_fit():
    """3 % noise, and one step in twenty ten times too long."""
    found = fit_linear(run(TRUE, 1500, noise=0.03, pauses=75), LABEL)
    for name in ("floor", "per_token", "per_context"):
        assert getattr(found, name) == pytest.approx(getattr(TRUE, name), rel=0.08), name
    clean = run(TRUE)
    steps = np.array([found.step(*map(int, row)) for row in zip(
        clean.tokens, clean.sequences, clean.context, clean.pairs, strict=True)])  # fmt: skip
    assert np.median(np.abs(steps / 1e12 / clean.seconds - 1)) < 0.02


@settings(max_examples=8)
@given(
    floor=st.integers(0, 30), per_token=st.integers(1, 200), per_context=st.integers(0, 500),
    per_sequence=st.integers(0, 100), per_pair=st.integers(0, 5),
)  # fmt: skip
def test_any_linear_cost_is_fitted(
    floor: int, per_token: int, per_context: int, per_sequence: int, per_pair: int
):
    """Also with coefficients of zero; some are interchangeable, the times are not."""
    true = LinearCost(floor * 10**9, per_token * 10**6, per_context * 10**3,
                      per_sequence * 10**6, per_pair * 10**3)  # fmt: skip
    found = fit_linear(run(true, 300), LABEL)
    assert error_of(found) < 0.02
    assert all(getattr(found, name) >= 0 for name in COEFFICIENTS)


def test_five_coefficients_follow_the_operators():
    """The operators of a model are not linear; what is lost is said by the held-out error."""
    cost = OperatorCost.of(hardware("RTX-4090"), model("Llama-3.1-8B"), tokens=2048)
    found = fit_linear(run(cost), LABEL)
    assert 0.01 < error_of(found) < 0.15


def test_error_is_that_of_the_last_steps():
    """Steps that suddenly take twice as long are seen in the error, unless none are held out."""
    steps = run(TRUE)
    doubled = steps.seconds.copy()
    doubled[560:] *= 2
    changed = Steps(steps.tokens, steps.sequences, steps.context, steps.pairs, doubled)
    judged = fit_linear(changed, LABEL)
    assert judged.calibration.error == pytest.approx(np.log(2), rel=0.02)
    assert judged.floor == pytest.approx(TRUE.floor, rel=0.02)
    assert not fit_linear(changed, LABEL, held_out=0.0).calibration.held_out
    whole = fit_linear(changed, LABEL, whole_fit=True)
    assert whole.calibration.error == judged.calibration.error
    assert whole != judged


def test_it_is_a_linear_cost_with_a_record():
    """Steps are those of the plain cost; JSON keeps coefficients and record."""
    found = fit_linear(run(TRUE), LABEL)
    assert isinstance(found, LinearCost)
    plain = LinearCost(*(getattr(found, name) for name in COEFFICIENTS))
    assert found.step(100, 3, 5000, 7) == plain.step(100, 3, 5000, 7)
    assert FittedLinearCost.from_json(found.to_json()) == found
    assert "engine (error" in found.calibration.label


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"floor": -1}, "floor"),
        ({"floor": 0, "per_token": 0}, "no time"),
        ({"per_context": 1.5}, "per_context"),
        ({"calibration": None}, "'calibration' is missing"),
        ({"more": 1}, "unknown field"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(change: dict, message: str):
    """Every field is checked."""
    document = json.loads(fit_linear(run(TRUE, 50), LABEL).to_json())
    with pytest.raises(FormatError, match=message):
        FittedLinearCost.from_json(json.dumps({**document, **change}))


def test_steps_survive_csv():
    """Written and read, they are the same."""
    steps = run(TRUE, 20, noise=0.1)
    again = read_steps(Text(write_steps(steps), "steps.csv"))
    assert (again.seconds == steps.seconds).all()
    assert (again.context == steps.context).all()


def test_impossible_steps_are_refused():
    """Unequal lengths, no time, no tokens, too few."""
    one = np.ones(3)
    with pytest.raises(OptionError, match="differ in length"):
        Steps(one, one, one, one, np.ones(4))
    with pytest.raises(OptionError, match="took no time"):
        Steps(one, one, one, one, np.zeros(3))
    with pytest.raises(OptionError, match="finite"):
        Steps(one, one, one, one, np.array([1, np.nan, 1]))
    with pytest.raises(OptionError, match="at least 10"):
        fit_linear(Steps(one, one, one, one, one), LABEL)
    with pytest.raises(OptionError, match="held_out"):
        fit_linear(run(TRUE, 20), LABEL, held_out=1.0)
