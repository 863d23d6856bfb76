"""Fitting a step cost to the latencies of a recorded run, by replaying it many times.

What is known before counts: the cost of the model on the device, from published operators, is bent
by a few factors, each with a prior around one (the error of the operators). The level is free, or
nearly so. So what a part of a run says nothing of (how long large batches take, where load was
light) stays what the operators say, and eight numbers cannot follow the accidents of a hundred
requests. Of few requests the evidence weighs less: a fit to ten is little more than the prior.

The factors minimise the squared logarithmic errors per request, large ones counting less (Huber,
Annals of Mathematical Statistics 35, 1964), so that the first requests of an engine that is not yet
warm do not bend the fit, plus the prior. Means do not count by themselves: those of a queue are
made by few requests, and by what held up the engine long before. The method is that of Levenberg
and Marquardt (SIAM Journal on Applied Mathematics 11, 1963) with differences of replays for
derivatives, then a walk at random; what was tried is averaged by its likelihood. Requests before
and after the fitted ones are simulated, too, since they share the queue, but do not count; those
that arrived after the last of the fitted had ended are left out. Of a long run the first
:data:`MOST` of the requests that count are fitted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from makespan.core.errors import OptionError
from makespan.serving.cost.knots import KnotCost
from makespan.serving.cost.scaled import ScaledCost
from makespan.serving.cost.step import StepCost
from makespan.serving.fidelity.replay import METRICS, Replay, Timings
from makespan.serving.workload import PICOSECONDS

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

CHUNKED: Final = (3.0, 2.0)
"""Mean and deviation of what a step with part of a prompt takes longer than its operators, ms.

Not published; seen in recorded runs of vLLM 0.19, where steps of decodes alone take what the
operators say within 1 % and others 2 to 6 ms more, whatever their number of tokens: the errors per
request of three runs on two GPUs are least at 3 to 4.5 ms in each half of each, or do not care."""

_LEVEL: Final = 1.0
"""Deviation of the logarithm of the common level: next to free, yet it stays near one where a run
says nothing at all."""

_DELAY: Final = (1.5, 1.5)
"""Mean and deviation of the delay, ms: the way of a token from the GPU to the client's view of it.
Inferred; small against steps of 10 ms and more."""

_EVIDENCE: Final = 2000.0
"""Weight of the mean squared errors of a latency against the prior: two independent observations,
3 % off each. Requests share a queue, so that they are far fewer than they seem. Chosen by fits to
halves and quarters of three recorded runs, each judged on the rest of its run: with half as much or
with two and a half times, means and 99th percentiles are worse."""

_CORNER: Final = 0.1
"""Logarithmic error of a request from which on it counts linearly."""

ENOUGH: Final = 50
"""Requests from which on the evidence has that weight; that of fewer is in proportion."""

_MANY: Final = 150
"""Requests from which on the evidence grows with them; the recorded halves have as many."""

MOST: Final = 3000
"""Requests that are fitted at most, the first ones: replays take time in proportion."""

_FACTORS: Final = len(KNOTS) + 2
_SIZE: Final = _FACTORS + 2
"""Of the vector that is sought: logarithms of the factors, delay and ``chunked`` in ms."""

_STEP: Final = np.array([0.02] * _FACTORS + [0.5, 0.5])
_SCALES: Final = (4.0, 1.0)
"""Steps of derivatives where there are twice as many and more: far ones first, since those of a
rough function are noise nearby, which many requests take for knowledge. Where the operators are
known, fits to 75 and 150 requests are as good without."""

_LIMIT: Final = np.array([0.3] * _FACTORS + [3.0, 3.0])
_LEVELS: Final = 6
_ROUNDS: Final = 6
_TRIES: Final = 4
_LEAST: Final = 0.05
_WIDEST: Final = 9.0
"""Logarithm of the largest factor that is tried."""


def as_served(operators: StepCost) -> ScaledCost:
    """Published operators as an engine runs them, nothing fitted to the run."""
    return ScaledCost(operators, (1,), (1.0,), chunked=round(CHUNKED[0] * 1e9))


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
        What was minimised, at its least: half the mean squared errors, and the prior.
    replays
        Simulations it took.
    requests
        Requests that counted.
    """

    cost: ScaledCost
    delay: int
    loss: float
    replays: int
    requests: int


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

    Raises
    ------
    OptionError
        If no requests are chosen.
    """
    if not chosen.any():
        raise OptionError("no requests to fit to", hint="the run is too short")
    replay, chosen = _cut(replay, chosen)
    bases = _GENERIC if prior is None else (prior,)
    shape = _GENERIC_SHAPE if prior is None else SHAPE
    searches = [_Search(replay, chosen, base, shape, replays // len(bases)) for base in bases]
    best = min((search.run(seed) for search in searches), key=lambda fit: fit.loss)
    return replace(best, replays=sum(search.replays for search in searches))


def _cut(replay: Replay, chosen: npt.NDArray[np.bool_]) -> tuple[Replay, npt.NDArray[np.bool_]]:
    """The beginning of a run, up to the last arrival that those who count can have felt."""
    counted = np.flatnonzero(chosen)[:MOST]
    arrival = replay.workload.arrival
    last = arrival[counted] + (replay.real.e2e[counted] * PICOSECONDS).astype(np.int64)
    # Some slack, since a queue of the simulation may be longer for a while.
    until = last.max() + (last.max() - arrival[0]) // 4
    count = int(np.searchsorted(arrival, until, side="right"))
    kept = np.zeros(count, dtype=bool)
    kept[counted] = True
    return replay.head(count), kept


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
        self.point, self.loss = np.zeros(_SIZE), np.inf
        self._tried: list[tuple[FloatArray, float]] = []
        count = int(chosen.sum())
        self._evidence = _EVIDENCE * max(min(1.0, count / ENOUGH), count / _MANY)

    def run(self, seed: int) -> Fit:
        """The factors that are likely."""
        point = self._level(np.array([*[0.0] * _FACTORS, _DELAY[0], CHUNKED[0]]))
        rows, weights = self._rows(point)
        self.point, self.loss = point, self._loss(point, rows, weights)
        damping, curved = 1e-2, self._prior.T @ self._prior
        many = int(self.chosen.sum()) >= 2 * _MANY
        for scale in _SCALES if many else _SCALES[-1:]:
            for _ in range(_ROUNDS):
                if self.replays + len(point) + 1 > self.most:
                    break
                before, slopes = self.loss, self._slopes(self.point, rows, scale)
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
            damping = 1e-2
        self._wander(curved, np.random.default_rng(seed))
        cost, delay = self._model(self._mean())
        return Fit(cost, delay, self.loss, self.replays, int(self.chosen.sum()))

    def _mean(self) -> FloatArray:
        """Mean of what was tried, each point by its likelihood.

        The best of a rough function is where accidents favour it; its neighbours that are as good
        but for those know as much.
        """
        points = np.stack([self.point, *(point for point, _ in self._tried)])
        losses = np.array([self.loss, *(loss for _, loss in self._tried)])
        likely = np.exp(np.maximum(self.loss - losses, -50.0))
        mean: FloatArray = likely @ points / likely.sum()
        return mean

    def _try(self, trial: FloatArray) -> tuple[FloatArray, FloatArray] | None:
        """Move there if it is better; its rows and weights then."""
        rows, weights = self._rows(trial)
        loss = self._loss(trial, rows, weights)
        self._tried.append((trial, loss))
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
            trial[_FACTORS:] = np.maximum(trial[_FACTORS:], 0.0)
            size *= 1.5 if self._try(trial) is not None else 0.93

    def _level(self, point: FloatArray) -> FloatArray:
        """All factors in proportion, until tokens come as fast as they did.

        Where all answers are of one token, until answers do.
        """
        name = "tpot" if np.any(self.replay.real.tpot[self.chosen] > 0) else "e2e"
        goal = np.nanmedian(getattr(self.replay.real, name)[self.chosen])
        for _ in range(_LEVELS):
            found = np.nanmedian(getattr(self._seen(point), name)[self.chosen])
            off = float(np.clip(np.log(max(goal, 1e-9) / max(found, 1e-9)), -3.0, 3.0))
            point[:_FACTORS] = np.clip(point[:_FACTORS] + off, -_WIDEST, _WIDEST)
            if abs(off) < 0.03:
                break
        return point

    def _model(self, point: FloatArray) -> tuple[ScaledCost, int]:
        factors = np.exp(np.clip(point[:_FACTORS], -_WIDEST, _WIDEST)).tolist()
        delay, chunked = (round(max(float(ms), 0.0) * 1e9) for ms in point[_FACTORS:])
        *factors, per_context, per_pair = factors
        cost = ScaledCost(self.base, KNOTS, tuple(factors), per_context, per_pair, chunked)
        return cost, delay

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
            weights.append(robust * self._evidence / max(len(error), 1))
        return np.concatenate(rows), np.concatenate(weights)

    def _slopes(self, point: FloatArray, rows: FloatArray, scale: float) -> FloatArray:
        columns = []
        for k, step in enumerate(scale * _STEP):
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
        trial: FloatArray = self.point + np.clip(move, -_LIMIT, _LIMIT)
        trial[_FACTORS:] = np.maximum(trial[_FACTORS:], 0.0)
        return trial


def _prior(shape: float) -> tuple[FloatArray, FloatArray]:
    """(A, b): the prior is ``|A x - b|^2`` of what is sought."""
    knots, unit = len(KNOTS), np.eye(_SIZE)
    level = np.zeros(_SIZE)
    level[:knots] = 1.0 / knots
    rows = [(unit[k] - level) / shape for k in range(knots)]
    rows += [(unit[k] - level) / (_ATTENTION * shape) for k in range(knots, _FACTORS)]
    rows.append(level / _LEVEL)
    wanted = [0.0] * (_FACTORS + 1)
    for k, (mean, deviation) in enumerate((_DELAY, CHUNKED)):
        rows.append(unit[_FACTORS + k] / deviation)
        wanted.append(mean / deviation)
    return np.stack(rows), np.array(wanted)
