"""Fits of free shapes to measured steps."""

from __future__ import annotations

import numpy as np
import pytest

from makespan.core.errors import OptionError
from makespan.serving.cost.calibration.knot_fit import fit_knots, steps_of
from makespan.serving.cost.calibration.linear_fit import Steps
from makespan.serving.cost.knots import KnotCost
from makespan.serving.record import Steps as Log

TRUTH = KnotCost((1, 16, 256, 1024), (10**10, 3 * 10**10, 10**11, 5 * 10**11), 10**6, 3 * 10**8, 90)


def measured(count: int, *, noise: float = 0.0, pauses: float = 0.0, seed: int = 1) -> Steps:
    """Steps of the TRUTH, decodes and chunks."""
    random = np.random.default_rng(seed)
    sequences = random.integers(1, 33, count)
    chunk = np.where(random.random(count) < 0.4, random.integers(2, 700, count), 0)
    tokens, context = sequences + chunk, sequences * random.integers(20, 300, count) + chunk
    rows = zip(tokens, sequences + (chunk > 0), context, chunk**2, strict=True)
    seconds = np.array([TRUTH.step(*map(int, row)) / 1e12 for row in rows])
    seconds = seconds * np.exp(random.normal(0, noise, count))
    seconds = np.where(random.random(count) < pauses, seconds * 20, seconds)
    return Steps(tokens, sequences + (chunk > 0), context, chunk**2, seconds)


def foretold(cost: KnotCost, steps: Steps) -> np.ndarray:
    """Seconds of the steps by a cost."""
    names = ("tokens", "sequences", "context", "pairs")
    rows = np.stack([getattr(steps, name) for name in names], axis=1).astype(int).tolist()
    return np.array([cost.step(*row) / 1e12 for row in rows])


def test_other_steps_of_a_known_cost_are_foretold() -> None:
    """Within 2 %, though the knots are not where those of the cost are."""
    cost = fit_knots(measured(800))
    held_out = measured(300, seed=2)
    assert np.abs(foretold(cost, held_out) / held_out.seconds - 1).max() < 0.06
    assert foretold(cost, held_out).sum() == pytest.approx(held_out.seconds.sum(), rel=0.01)


def test_noise_and_pauses_do_not_bend_the_shape() -> None:
    """The sum stays that of the engine, with a fifth of the time in pauses."""
    cost = fit_knots(measured(800, noise=0.1, pauses=0.01))
    clean = measured(300, seed=2)
    assert foretold(cost, clean).sum() == pytest.approx(clean.seconds.sum(), rel=0.06)


def test_few_kinds_of_steps_need_few_knots() -> None:
    """Decodes alone have a knot or two, and no coefficient is negative."""
    steps = measured(400)
    decodes = steps.take(np.flatnonzero(steps.tokens == steps.sequences))
    cost = fit_knots(decodes)
    assert cost.knots[0] == 1
    assert cost.knots[-1] == decodes.tokens.max()
    assert cost.per_pair == 0
    assert np.abs(foretold(cost, decodes) / decodes.seconds - 1).max() < 0.03


def test_time_between_steps_belongs_to_them() -> None:
    """But not the wait for the next request."""
    begin = np.array([0, 12, 24, 10_036]) * 10**9
    log = Log(begin, begin + 10 * 10**9, [3] * 4, [1] * 4, [3] * 4, [9] * 4)
    assert steps_of(log).seconds == pytest.approx([0.012] * 4)


def test_too_few_steps_are_refused() -> None:
    """A fit of ten steps is none."""
    with pytest.raises(OptionError, match="at least 20"):
        fit_knots(measured(10))
    with pytest.raises(OptionError, match="a log of 1 steps"):
        steps_of(Log([0], [1], [1], [1], [1], [0]))
