"""What tells schedules of equal value apart: how nearly the late are on time, and the runners-up.

A tardy count or a maximum is flat almost everywhere. The search therefore anneals the value plus
a guide, while the best schedule is chosen by the value alone. For every job that counts when late
the guide grows from 0 to the job's coefficient as its excess grows, half of it within a few
operations' time, so that jobs that are nearly on time are pulled and hopeless ones pushed back.
For every job that may make a maximum it grows with the excess over a bound of that maximum.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.solvers.local.regular.objective import DATED, DUE, LATE, PEAK, SPAN, Points

_NEAR: Final = 2.0
"""Excess, in mean operation times, that gives half of a late job's guide."""

_RUNNERS: Final = 0.1
"""Slope of the guide for maxima, relative to the maximum itself."""


def guided(points: Points, bound: IntArray, ticks: float) -> Points:
    """The points with a guide, given bounds of the three maxima and the mean operation time."""
    row, maxima = points.row, points.maxima
    guide = np.zeros_like(points.guide)
    late = row[:, LATE] > 0
    guide[late] = np.stack(
        (row[late, LATE], row[late, DUE], np.full(late.sum(), _NEAR * max(ticks, 1.0))), axis=1
    )
    far = 1e6 * max(ticks, 1.0)  # so far off that the guide is straight
    for term, counts, offset in (
        (0, row[:, SPAN] > 0, np.zeros(len(row))),
        (1, row[:, PEAK] > 0, row[:, DUE]),
        (2, row[:, DATED] > 0, row[:, DUE]),
    ):
        if maxima[term] > 0:
            mine = counts & (guide[:, 0] == 0)
            slope = _RUNNERS * float(maxima[term])
            weight = row[mine, PEAK] if term == 1 else np.ones(int(mine.sum()))
            limit = bound[term] / np.maximum(weight, 1.0)
            guide[mine] = np.stack(
                (slope * weight * far, offset[mine] + limit, np.full(int(mine.sum()), far)), axis=1
            )
    return points._replace(guide=guide)
