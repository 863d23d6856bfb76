"""Two small optimisers, deterministic and in NumPy alone, for fits of a handful of parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def minimise(
    loss: Callable[[FloatArray], float],
    starts: Sequence[Sequence[float]],
    low: Sequence[float],
    high: Sequence[float],
    *,
    evaluations: int = 2000,
) -> tuple[FloatArray, float]:
    """Positive parameters within bounds with the least loss that was found.

    The simplex method of Nelder and Mead (The Computer Journal 7, 1965) on the logarithms of the
    parameters, clipped to their bounds, from each start and once again from where that ended.

    Parameters
    ----------
    loss
        Of the parameters; need not be smooth.
    starts
        At least one; the result is the best over all, the first of equals.
    low, high
        Bounds, positive.
    evaluations
        Of the loss, at most, per start and run.
    """
    bottom, top = np.log(np.asarray(low, float)), np.log(np.asarray(high, float))

    def inside(point: FloatArray) -> FloatArray:
        return np.clip(point, bottom, top)

    def value(point: FloatArray) -> float:
        found = float(loss(np.exp(point)))
        return found if np.isfinite(found) else np.inf

    best, least = inside(np.log(np.asarray(starts[0], float))), np.inf
    for start in starts:
        point = inside(np.log(np.asarray(start, float)))
        for scale in (0.3, 0.1):
            point, reached = _simplex(value, inside, point, scale, evaluations)
        if reached < least:
            best, least = point, reached
    return np.exp(best), least


def _simplex(
    value: Callable[[FloatArray], float],
    inside: Callable[[FloatArray], FloatArray],
    start: FloatArray,
    scale: float,
    evaluations: int,
) -> tuple[FloatArray, float]:
    size = len(start)
    points = [start]
    for k in range(size):
        moved = start.copy()
        moved[k] += scale
        moved = inside(moved)
        if moved[k] == start[k]:  # at the upper bound already
            moved[k] -= scale
        points.append(inside(moved))
    values = [value(point) for point in points]
    used = size + 1
    while used < evaluations:
        order = sorted(range(size + 1), key=values.__getitem__)
        points, values = [points[k] for k in order], [values[k] for k in order]
        spread = max(float(np.abs(point - points[0]).max()) for point in points[1:])
        if spread < 1e-6 or values[-1] - values[0] < 1e-9:
            break
        centre = np.mean(points[:-1], axis=0)
        mirrored = inside(2 * centre - points[-1])
        reached = value(mirrored)
        used += 1
        if reached < values[0]:
            further = inside(3 * centre - 2 * points[-1])
            beyond = value(further)
            used += 1
            if beyond < reached:
                mirrored, reached = further, beyond
        elif reached >= values[-2]:
            side = mirrored if reached < values[-1] else points[-1]
            mirrored = inside((centre + side) / 2)
            reached = value(mirrored)
            used += 1
            if reached >= min(values[-1], value(side) if side is not points[-1] else values[-1]):
                points = [points[0]] + [inside((points[0] + point) / 2) for point in points[1:]]
                values = [values[0]] + [value(point) for point in points[1:]]
                used += size
                continue
        points[-1], values[-1] = mirrored, reached
    lowest = min(range(size + 1), key=values.__getitem__)
    return points[lowest], values[lowest]


def nonnegative_least_squares(columns: FloatArray, target: FloatArray) -> FloatArray:
    """Coefficients x >= 0 that minimise ``|columns @ x - target|``.

    Every subset of the columns is tried unless all of them together do, so that the answer is the
    true optimum; meant for at most about ten columns. Columns of zeros get 0.

    Parameters
    ----------
    columns
        (n, k).
    target
        (n,).
    """
    scale = np.sqrt((columns**2).sum(axis=0))
    usable = np.flatnonzero(scale > 0)
    x = np.zeros(columns.shape[1])
    if not len(usable):
        return x
    scaled = columns[:, usable] / scale[usable]
    gram, projected = scaled.T @ scaled, scaled.T @ target
    whole = np.linalg.lstsq(gram, projected, rcond=1e-12)[0]
    if (whole >= 0).all():  # the problem is convex: nothing better has zeros
        x[usable] = whole / scale[usable]
        return x
    least = 0.0
    for size in range(1, len(usable) + 1):
        for chosen in combinations(range(len(usable)), size):
            part = list(chosen)
            solution = np.linalg.lstsq(gram[np.ix_(part, part)], projected[part], rcond=1e-12)[0]
            if (solution < 0).any():
                continue
            reached = float(-projected[part] @ solution)
            # A longer list of columns must be worth it, so that ties leave coefficients at 0.
            if reached < least - 1e-12 * max(1.0, -least):
                least = reached
                x[:] = 0.0
                x[usable[part]] = solution / scale[usable[part]]
    return x
