"""Fitting a step cost to the latencies of a recorded run, by replaying it many times.

What is known before counts: the cost of the model on the device, from published operators, is bent
by a few factors, each with a prior around one (the error of the operators). The level is free. So
what a part of a run says nothing of (how long large batches take, where load was light) stays what
the operators say, and seven numbers cannot follow the accidents of a hundred requests.

The factors minimise the squared logarithmic errors per request, large ones counting less (Huber,
Annals of Mathematical Statistics 35, 1964), so that the first requests of an engine that is not yet
warm do not bend the fit, plus the prior. Means do not count by themselves: those of a queue are
made by few requests, and by what held up the engine long before. The method is that of Levenberg
and Marquardt (SIAM Journal on Applied Mathematics 11, 1963) with differences of replays for
derivatives, then a walk at random. Requests before and after the fitted ones are simulated, too,
since they share the queue, but do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from makespan.serving.cost.knots import KnotCost
from makespan.serving.cost.scaled import ScaledCost
from makespan.serving.cost.step import StepCost
from makespan.serving.fidelity.replay import METRICS, Replay, Timings

FloatArray = npt.NDArray[np.float64]

KNOTS: Final = (1, 64, 512, 2048)
"""Tokens of a step at which it has a factor: a few decodes, many, a chunk, a whole budget."""

_GENERIC: Final = (
    KnotCost((1, 16, 64, 256, 1024, 4096), tuple(int(15e9 * t) for t in
             (1.0, 1.01, 1.03, 1.33, 5.33, 20.33)), 120_000, 25_000_000, 1000),
    KnotCost((1, 16, 64, 256, 1024, 4096), tuple(int(15e9 * t) for t in
             (1.0, 2.0, 3.5, 5.0, 8.0, 18.0)), 120_000, 25_000_000, 1000),
)  # fmt: skip
"""Shapes where no operators are known, their level free. Of a dense model reading the weights binds
first, then arithmetic; of a mixture of experts every few tokens touch more of them."""

SHAPE: Final = 0.07
"""Deviation of the logarithm of a factor from the others: the error of published operators."""

_GENERIC_SHAPE: Final = 0.5
_ATTENTION: Final = 2.0
"""Deviation of the factors of attention, in units of that of the shape: fits of attention are that
much worse than those of products."""

_DELAY: Final = (1.5, 1.5)
"""Mean and deviation of the delay, ms: the way of a token from the GPU to the client's view of it.
Inferred; small against steps of 10 ms and more."""

_EVIDENCE: Final = 5000.0
"""Weight of mean squared errors against the prior: ten independent observations, 3 % off each.
Requests share a queue, so that they are fewer than they seem."""

_CORNER: Final = 0.1
"""Logarithmic error of a request from which on it counts linearly."""

_STEP: Final = np.array([0.02] * (len(KNOTS) + 2) + [0.5])
_LEVELS: Final = 6
_ROUNDS: Final = 6
_TRIES: Final = 4
_LEAST: Final = 0.05


@dataclass(frozen=True, slots=True)
class Fit:
    """A cost model fitted to a run.

    Attributes
    ----------
    cost
        The cost known before, scaled.
    delay
        Picoseconds between the end of a step and its tokens being seen.
    loss
        What was minimised: half the mean squared errors, and the prior.
    replays
        Simulations it took.
    """

    cost: ScaledCost
    delay: int
    loss: float
    replays: int


def fit_run(
    replay: Replay,
    chosen: npt.NDArray[np.bool_],
    prior: StepCost | None = None,
    *,
    replays: int = 1500,
    seed: int = 0,
) -> Fit:
    """Fit the time of steps to the latencies of the chosen requests; deterministic for a seed.

    Parameters
    ----------
    replay
        The run.
    chosen
        (n,) requests that count.
    prior
        Step cost of the model on the device; its level need not be right. None: nothing is known.
    replays
        Simulations of the whole run at most, each of a few hundredths of a second for hundreds of
        requests; about a hundred are usual.
    """
    bases = _GENERIC if prior is None else (prior,)
    shape = _GENERIC_SHAPE if prior is None else SHAPE
    searches = [_Search(replay, chosen, base, shape, replays // len(bases)) for base in bases]
    best = min((search.run(seed) for search in searches), key=lambda fit: fit.loss)
    return Fit(best.cost, best.delay, best.loss, sum(search.replays for search in searches))


class _Search:
    """A descent from one base."""

    def __init__(
        self,
        replay: Replay,
        chosen: npt.NDArray[np.bool_],
        base: StepCost,
        shape: float,
        most: int,
    ) -> None:
        self.replay, self.chosen, self.base, self.most = replay, chosen, base, most
        self.replays = 0
        self._prior, self._wanted = _prior(shape)
        self.point, self.loss = np.zeros(len(KNOTS) + 3), np.inf

    def run(self, seed: int) -> Fit:
        """The best factors that were found."""
        point = self._level(np.array([*[0.0] * (len(KNOTS) + 2), _DELAY[0]]))
        rows, weights = self._rows(point)
        self.point, self.loss = point, self._loss(point, rows, weights)
        damping, curved = 1e-2, self._prior.T @ self._prior
        for _ in range(_ROUNDS):
            if self.replays + len(point) + 1 > self.most:
                break
            before, slopes = self.loss, self._slopes(self.point, rows)
            curved = slopes.T @ (weights[:, None] * slopes) + self._prior.T @ self._prior
            for _ in range(_TRIES):
                trial = self._step(rows, weights, slopes, curved, damping)
                if (found := self._try(trial)) is not None:
                    rows, weights = found
                    damping = max(damping / 5, 1e-4)
                    break
                damping *= 5
            if self.loss > 0.99 * before:
                break
        self._wander(curved, np.random.default_rng(seed))
        cost, delay = self._model(self.point)
        return Fit(cost, delay, self.loss, self.replays)

    def _try(self, trial: FloatArray) -> tuple[FloatArray, FloatArray] | None:
        """Move there if it is better; its rows and weights then."""
        rows, weights = self._rows(trial)
        loss = self._loss(trial, rows, weights)
        if loss >= self.loss:
            return None
        self.point, self.loss = trial, loss
        return rows, weights

    def _wander(self, curved: FloatArray, random: np.random.Generator) -> None:
        """Try points at random, further in directions in which little is known.

        Queues make latencies a rough function of the factors: derivatives end before the best.
        """
        root = np.linalg.inv(np.linalg.cholesky(curved)).T
        size = 1.0
        while self.replays < self.most and size > _LEAST:
            trial = self.point + size * (root @ random.normal(size=len(self.point)))
            trial[-1] = max(trial[-1], 0.0)
            size *= 1.5 if self._try(trial) is not None else 0.93

    def _level(self, point: FloatArray) -> FloatArray:
        """All factors in proportion, until tokens come as fast as they did."""
        goal = np.nanmedian(self.replay.real.tpot[self.chosen])
        for _ in range(_LEVELS):
            found = np.nanmedian(self._seen(point).tpot[self.chosen])
            point[:-1] += np.log(goal / found)
            if abs(np.log(goal / found)) < 0.03:
                break
        return point

    def _model(self, point: FloatArray) -> tuple[ScaledCost, int]:
        factors = np.exp(np.clip(point[:-1], -12.0, 12.0)).tolist()
        count = len(KNOTS)
        cost = ScaledCost(self.base, KNOTS, tuple(factors[:count]), *factors[count:])
        return cost, round(max(float(point[-1]), 0.0) * 1e9)

    def _seen(self, point: FloatArray) -> Timings:
        self.replays += 1
        return self.replay.simulated(*self._model(point))[0]

    def _rows(self, point: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Logarithmic errors per request, one latency after the other, and the weight of each."""
        seen, real, chosen = self._seen(point), self.replay.real, self.chosen
        rows, weights = [], []
        for name in METRICS:
            ours, theirs = getattr(seen, name)[chosen], getattr(real, name)[chosen]
            both = ~np.isnan(ours) & ~np.isnan(theirs)
            error = np.log(np.maximum(ours[both], 1e-9) / np.maximum(theirs[both], 1e-9))
            rows.append(error)
            robust = np.minimum(1.0, _CORNER / np.maximum(np.abs(error), 1e-12))
            weights.append(robust * _EVIDENCE / max(len(error), 1))
        return np.concatenate(rows), np.concatenate(weights)

    def _slopes(self, point: FloatArray, rows: FloatArray) -> FloatArray:
        columns = []
        for k, step in enumerate(_STEP):
            moved = point.copy()
            moved[k] += step
            columns.append((self._rows(moved)[0] - rows) / step)
        return np.stack(columns, axis=1)

    def _loss(self, point: FloatArray, rows: FloatArray, weights: FloatArray) -> float:
        # A robust weight times the square is short of Huber's loss by a linear part.
        size = np.abs(rows)
        bent = np.where(size < _CORNER, size**2, size * (2 * size - _CORNER))
        off = self._prior @ point - self._wanted
        return float(weights @ bent + off @ off) / 2

    def _step(
        self,
        rows: FloatArray,
        weights: FloatArray,
        slopes: FloatArray,
        curved: FloatArray,
        damping: float,
    ) -> FloatArray:
        """Where the least would be if everything were linear; nearer, the more it is damped."""
        off = self._prior @ self.point - self._wanted
        down = -slopes.T @ (weights * rows) - self._prior.T @ off
        move = np.linalg.solve(curved + damping * np.diag(np.diag(curved)), down)
        limit = np.array([0.3] * (len(move) - 1) + [3.0])
        trial: FloatArray = self.point + np.clip(move, -limit, limit)
        trial[-1] = max(trial[-1], 0.0)
        return trial


def _prior(shape: float) -> tuple[FloatArray, FloatArray]:
    """(A, b): the prior is ``|A x - b|^2`` of the logarithms and the delay."""
    knots, size = len(KNOTS), len(KNOTS) + 3
    level = np.zeros(size)
    level[:knots] = 1.0 / knots
    rows = [(np.eye(size)[k] - level) / shape for k in range(knots)]
    rows += [(np.eye(size)[knots + k] - level) / (_ATTENTION * shape) for k in range(2)]
    rows.append(np.eye(size)[-1] / _DELAY[1])
    wanted = np.array([0.0] * (knots + 2) + [_DELAY[0] / _DELAY[1]])
    return np.stack(rows), wanted
