"""Which experts tokens are sent to, and how many distinct ones a step touches.

With every token choosing k of E experts independently of the others, T tokens touch
``A(T) = sum_e 1 - (1 - p_e)^T`` of them, p_e being the probability that a token chooses e. Uniform
choice gives the most. The weights of A(T) experts are what a step reads; skewed popularity lowers
the traffic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from makespan.core.errors import OptionError
from makespan.serving.cost.models import ModelShape

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Popularity:
    """Probabilities that a token is sent to an expert, by layer.

    Attributes
    ----------
    chosen
        (layers, experts), each row sums to the experts per token; one row stands for all layers
        if there is only one.
    """

    chosen: FloatArray

    def __post_init__(self) -> None:
        if self.chosen.ndim != 2 or not len(self.chosen):
            raise OptionError("popularity must be a table of layers by experts")
        if not (np.isfinite(self.chosen).all() and (self.chosen >= 0).all()
                and (self.chosen <= 1 + 1e-12).all()):  # fmt: skip
            raise OptionError("popularity must consist of probabilities")

    def distinct(self, tokens: npt.ArrayLike) -> FloatArray:
        """Distinct experts touched, (layers, *shape of tokens)."""
        count = np.asarray(tokens, float)
        # Experts are grouped by probability: uniform popularity costs one term, not hundreds.
        rows = []
        for row in self.chosen:
            values, times = np.unique(row, return_counts=True)
            total = np.zeros(count.shape)
            with np.errstate(divide="ignore"):
                logs = np.log1p(-np.minimum(values, 1.0))
            for log, number in zip(logs, times, strict=True):
                # An expert that everybody chooses: log is -inf, and 0 * -inf is nobody.
                power = np.where(count > 0, log, 0.0) * np.where(count > 0, count, 1.0)
                total += number * -np.expm1(power)
            rows.append(total)
        return np.array(rows)


def uniform(model: ModelShape) -> Popularity:
    """Every expert equally likely."""
    moe = _experts(model)
    return Popularity(np.full((1, moe[0]), moe[1] / moe[0]))


def zipf(model: ModelShape, exponent: float, *, seed: int = 0) -> Popularity:
    """Popularity of rank r proportional to ``1 / r^exponent``, ranks shuffled in each layer."""
    if not (np.isfinite(exponent) and exponent >= 0):
        raise OptionError(f"exponent is {exponent}", hint="it must be at least 0")
    count, _ = _experts(model)
    weights = 1.0 / np.arange(1, count + 1, dtype=float) ** exponent
    rng = np.random.default_rng(seed)
    return _capped(np.array([rng.permutation(weights) for _ in range(model.moe_layers)]), model)


def dirichlet(model: ModelShape, concentration: float, *, seed: int = 0) -> Popularity:
    """Popularity drawn anew for each layer; the smaller the concentration, the more skewed."""
    if not (np.isfinite(concentration) and concentration > 0):
        raise OptionError(f"concentration is {concentration}", hint="it must be above 0")
    count, _ = _experts(model)
    rng = np.random.default_rng(seed)
    # Gamma variates of tiny shape underflow to 0; a floor keeps every expert reachable.
    weights = np.maximum(rng.gamma(concentration, size=(model.moe_layers, count)), 1e-12)
    return _capped(weights, model)


def _experts(model: ModelShape) -> tuple[int, int]:
    if model.experts is None:
        raise OptionError(f"model {model.name!r} has no experts")
    return model.experts.count, model.experts.per_token


def _capped(weights: FloatArray, model: ModelShape) -> Popularity:
    """Probabilities in proportion to ``weights`` that sum to k, none above 1."""
    count, k = _experts(model)
    chosen = np.empty_like(weights)
    for row, weight in enumerate(weights):
        full = np.zeros(count, dtype=bool)
        for _ in range(count):
            free = weight * ~full
            share = np.where(full, 1.0, (k - full.sum()) * free / max(free.sum(), 1e-300))
            over = (share > 1.0) & ~full
            if not over.any():
                break
            full |= over
        chosen[row] = np.minimum(share, 1.0)
    return Popularity(chosen)
