"""Fit of a cost with a free shape in the tokens to measured steps of an engine.

``time(T) + per_context C + per_sequence S + per_pair P`` with ``time`` linear between knots and
never falling is linear in its rises from knot to knot, all of which must not be negative: least
squares on relative residuals, large ones counting less (Huber, Annals of Mathematical Statistics
35, 1964). Relative residuals of noisy times favour short ones; what adds up in a queue is their
sum. So the level is set at last: the sum of the fitted times is that of the measured ones, but for
pauses of the machine, which are no property of the engine.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from makespan.core.errors import OptionError
from makespan.serving.cost.calibration.linear_fit import Steps
from makespan.serving.cost.calibration.search import nonnegative_least_squares
from makespan.serving.cost.knots import KnotCost
from makespan.serving.record import Steps as Log
from makespan.serving.workload import PICOSECONDS

FloatArray = npt.NDArray[np.float64]

CANDIDATES: Final = (4, 16, 64, 256, 1024, 4096)
"""Tokens at which the slope may change, where there are steps on both sides."""

_FEWEST: Final = 12
"""Steps in an interval below which it is joined with the next."""

_PAUSE: Final = 5.0
"""Multiple of its fitted time from which on a step was held up by something else."""

_HUBER: Final = 1.345
_ROUNDS: Final = 12


def steps_of(log: Log) -> Steps:
    """Steps of a recorded run, each up to the beginning of the next.

    What the loop around the engine does between two steps is part of the time that the second has
    to wait. Before a pause, in which nobody was there to be served, the median of that is taken.
    """
    seconds = (log.end - log.begin) / PICOSECONDS
    if len(log) < 2:
        raise OptionError(f"a log of {len(log)} steps", hint="a fit needs many")
    between = (log.begin[1:] - log.end[:-1]) / PICOSECONDS
    usual = float(np.median(between))
    idle = between > 10 * usual + 1e-3
    between = np.append(np.where(idle, usual, between), usual)
    counts = (np.asarray(v, dtype=float) for v in (log.tokens, log.sequences, log.context))
    tokens, sequences, context = counts
    return Steps(tokens, sequences, context, log.pairs.astype(float), seconds + between)


def fit_knots(steps: Steps) -> KnotCost:
    """Cost of measured steps.

    Parameters
    ----------
    steps
        At least twenty, prefills and decodes mixed as in use.
    """
    if len(steps) < 20:
        raise OptionError(f"{len(steps)} steps", hint="a fit needs at least 20")
    knots = _knots(steps.tokens)
    columns = np.stack(
        [*_rises(steps.tokens, knots), steps.context, steps.sequences, steps.pairs], axis=1
    )
    relative = columns / steps.seconds[:, None]
    weight = np.ones(len(steps))
    x = np.zeros(columns.shape[1])
    for _ in range(_ROUNDS):
        root = np.sqrt(weight)
        before, x = x, nonnegative_least_squares(relative * root[:, None], root)
        residual = np.abs(relative @ x - 1.0)
        spread = max(1.4826 * float(np.median(residual)), 1e-6)
        weight = np.minimum(1.0, _HUBER * spread / np.maximum(residual, 1e-300))
        if np.allclose(before, x, rtol=1e-5, atol=0.0):
            break
    fitted = columns @ x
    kept = steps.seconds < _PAUSE * fitted
    level = float(steps.seconds[kept].sum() / fitted[kept].sum())
    scaled = [round(float(value) * level * PICOSECONDS) for value in x]
    rises, (context, sequence, pair) = scaled[: len(knots)], scaled[len(knots) :]
    times = np.cumsum([max(rises[0], 1), *rises[1:]]).tolist()
    return KnotCost(knots, tuple(times), context, sequence, pair)


def _knots(tokens: FloatArray) -> tuple[int, ...]:
    """Candidates with enough steps between each and the next."""
    chosen = [1]
    last = int(tokens.max())
    for knot in CANDIDATES:
        inside = ((tokens > chosen[-1]) & (tokens <= knot)).sum()
        if knot < last and inside >= _FEWEST and (tokens > knot).sum() >= _FEWEST:
            chosen.append(knot)
    return (*chosen, max(last, chosen[-1] + 1))


def _rises(tokens: FloatArray, knots: tuple[int, ...]) -> list[FloatArray]:
    """Of each rise of the time the share that a step of so many tokens has."""
    shares = [np.ones(len(tokens))]
    for k in range(1, len(knots)):
        share = (tokens - knots[k - 1]) / (knots[k] - knots[k - 1])
        shares.append(np.clip(share, 0.0, None if k == len(knots) - 1 else 1.0))
    return shares
