"""Fitting a step cost to the latencies of a recorded run, by replaying it many times.

The engine's queue makes latencies a rough function of the coefficients, so that derivatives are of
no use: a (1 + 1) evolution strategy walks in the logarithms. Requests before and after the fitted
ones are simulated, too, since they share the queue, but do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from makespan.serving.cost.knots import KnotCost
from makespan.serving.fidelity.replay import Replay, Timings

KNOTS: Final = (1, 16, 64, 256, 1024, 4096)
"""Tokens of a step at which its time is fitted."""

_STARTS: Final = (
    (1.0, 0.01, 0.02, 0.3, 4.0, 15.0),
    (1.0, 1.0, 1.5, 1.5, 3.0, 10.0),
)
"""Time at the first knot and what each further one adds, relative to the first. Of a dense model
reading the weights binds first, then arithmetic; of a mixture of experts every few tokens touch
more of them."""

_TRIAL: Final = 0.15
"""Share of the replays for each start, of which the better goes on."""

_SCALINGS: Final = 6
_STEP: Final = (0.4, 0.01, 0.6)
"""Size of a step in the logarithm: first, least, largest."""

_GROW: Final = 1.3
_SHRINK: Final = 0.985
_SPEAK: Final = 10**9
"""First guess of the time between a token and its being seen, ps."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A cost model fitted to a run.

    Attributes
    ----------
    delay
        Picoseconds between the end of a step and its tokens being seen: detokenising, the way
        back. It holds nobody up, and is most of what a lightly loaded engine adds.
    loss
        Mean absolute logarithmic error over figures and requests of the fitted part.
    replays
        Simulations it took.
    """

    cost: KnotCost
    delay: int
    loss: float
    replays: int


def fit_run(
    replay: Replay, chosen: npt.NDArray[np.bool_], *, replays: int = 1500, seed: int = 0
) -> Fit:
    """Fit the time of steps to the latencies of the chosen requests.

    Deterministic for a seed. Takes ``replays`` simulations of the whole run, each of milliseconds
    for hundreds of requests.
    """
    random = np.random.default_rng(seed)
    real = replay.real.figures(chosen)
    walks = [_Walk(replay, chosen, real, start) for start in _STARTS]
    trial = max(1, int(_TRIAL * replays))
    for walk in walks:
        walk.go(trial, random)
    best = min(walks, key=lambda walk: walk.loss)
    best.go(max(0, replays - trial * len(walks)), random)
    cost, delay = _model(best.point)
    return Fit(cost, delay, best.loss, sum(walk.replays for walk in walks))


class _Walk:
    """An evolution strategy from one start."""

    def __init__(
        self,
        replay: Replay,
        chosen: npt.NDArray[np.bool_],
        real: npt.NDArray[np.float64],
        start: tuple[float, ...],
    ) -> None:
        self.replay, self.chosen, self.real = replay, chosen, real
        self.point = np.log(np.array([*(15e9 * np.array(start)), 1.2e5, 2.5e7, 1e3, _SPEAK]))
        for _ in range(_SCALINGS):
            seen, _ = replay.simulated(*_model(self.point))
            # All times but the delay in proportion, until tokens come as fast as they did.
            self.point[:-1] += np.log(real[1, 0] / seen.figures(chosen)[1, 0])
        self.loss = _loss(replay, self.point, chosen, real)
        self.size = _STEP[0]
        self.replays = _SCALINGS + 1

    def go(self, replays: int, random: np.random.Generator) -> None:
        """Try so many more points."""
        _, least, largest = _STEP
        for _ in range(replays):
            moved = random.random(len(self.point)) < 0.4
            trial = self.point + self.size * random.normal(size=len(self.point)) * moved
            loss = _loss(self.replay, trial, self.chosen, self.real)
            if loss < self.loss:
                self.point, self.loss = trial, loss
                self.size = min(self.size * _GROW, largest)
            else:
                self.size = max(self.size * _SHRINK, least)
        self.replays += replays


def _model(point: npt.NDArray[np.float64]) -> tuple[KnotCost, int]:
    values = [max(1, round(v)) for v in np.exp(np.clip(point, 0.0, 35.0))]
    times = np.cumsum(values[: len(KNOTS)]).tolist()
    context, sequence, pair, delay = values[len(KNOTS) :]
    return KnotCost(KNOTS, tuple(times), context, sequence, pair), delay


def _loss(
    replay: Replay,
    point: npt.NDArray[np.float64],
    chosen: npt.NDArray[np.bool_],
    real: npt.NDArray[np.float64],
) -> float:
    seen, _ = replay.simulated(*_model(point))
    figures = np.abs(np.log(seen.figures(chosen) / real)).mean()
    return float(figures + 0.5 * _apart(seen, replay.real, chosen))


def _apart(seen: Timings, real: Timings, chosen: npt.NDArray[np.bool_]) -> float:
    """Mean absolute logarithmic error per request of the first and the last token."""
    total = 0.0
    for name in ("ttft", "e2e"):
        ratio = getattr(seen, name)[chosen] / np.maximum(getattr(real, name)[chosen], 1e-9)
        total += float(np.abs(np.log(ratio)).mean())
    return total
