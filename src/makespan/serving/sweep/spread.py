"""What the seeds of a sweep have in common: mean and spread of every figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from makespan.serving.sweep.cases import Value
from makespan.serving.sweep.results import CaseResult


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over the seeds.

    Attributes
    ----------
    deviation
        Sample standard deviation, 0 of one seed.
    """

    count: int
    mean: float
    deviation: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Group:
    """All seeds of one combination.

    Attributes
    ----------
    figures
        Over the seeds that have the figure; left out where none has.
    errors
        Of the cases that cannot be simulated.
    calibrations
        Where step times come from; several if they differ between seeds.
    """

    varied: tuple[tuple[str, Value], ...]
    seeds: tuple[int, ...]
    figures: Mapping[str, Spread]
    errors: tuple[str, ...]
    calibrations: tuple[str, ...]


def groups(results: Iterable[CaseResult]) -> list[Group]:
    """Results by combination, in the order in which combinations first appear."""
    found: dict[tuple[tuple[str, Value], ...], list[CaseResult]] = {}
    for result in results:
        found.setdefault(result.varied, []).append(result)
    return [_group(varied, own) for varied, own in found.items()]


def _group(varied: tuple[tuple[str, Value], ...], results: list[CaseResult]) -> Group:
    results = sorted(results, key=lambda r: r.seed)
    values: dict[str, list[float]] = {}
    for result in results:
        for name, value in result.figures.items():
            if value is not None:
                values.setdefault(name, []).append(float(value))
    return Group(
        varied,
        tuple(r.seed for r in results),
        {name: _spread(np.array(own)) for name, own in values.items()},
        tuple(r.error for r in results if r.error),
        tuple(dict.fromkeys(r.calibration for r in results if r.calibration)),
    )


def _spread(values: npt.NDArray[np.float64]) -> Spread:
    deviation = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return Spread(
        len(values), float(values.mean()), deviation, float(values.min()), float(values.max())
    )
