"""Every regular objective of a shop as one flat table of points.

A point is an operation whose end some term looks at: the last operation of a job, one with a due
date of its own, one without a job, the last of a chain. The value of a schedule with ends C is ::

    constant + sum_p [slope C + tardy max(0, C - due) + late (C > due)]
             + span max_p C + worst max(0, max_p peak (C - due)) + lateness max_p (C - due)

with the sums and the first maximum over all points that carry the coefficient. One kernel thus
serves every objective of :data:`REGULAR` and their weighted sums. This is the general approach to
regular criteria of Mati, Dauzere-Peres & Lahlou, "A general approach for optimizing regular
criteria in the job-shop scheduling problem", EJOR 212 (2011), section 2.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from makespan.core.problem import Problem
from makespan.core.vocabulary import INFINITY, BoolArray, IntArray, ObjectiveKind
from makespan.solvers.jit import inner
from makespan.solvers.local.shapes import Shop

REGULAR: Final = frozenset(
    {
        ObjectiveKind.MAKESPAN,
        ObjectiveKind.TOTAL_COMPLETION,
        ObjectiveKind.TOTAL_FLOW_TIME,
        ObjectiveKind.TOTAL_TARDINESS,
        ObjectiveKind.MAX_TARDINESS,
        ObjectiveKind.TARDY_COUNT,
        ObjectiveKind.MAX_LATENESS,
    }
)
"""Terms that never fall when an end grows."""

END: Final = 6
"""Column of an operation's end in the rows of a plan (see ``_plan``)."""

SLOPE: Final = 0
DUE: Final = 1
TARDY: Final = 2
LATE: Final = 3
PEAK: Final = 4
DATED: Final = 5
SPAN: Final = 6
COLUMNS: Final = 7

NEVER: Final = -(1 << 61)
"""A time, or a maximum over nothing, below all others."""

_SAFE: Final = 1 << 59
"""Values stay below it, so that their sums and differences stay in int64."""


FloatArray = npt.NDArray[np.float64]


class Points(NamedTuple):
    """What an objective asks of the operations' ends.

    Attributes
    ----------
    ptr
        Points of operation k are rows ``ptr[k] .. ptr[k+1]-1``, int64 (n+2,); row n is for the
        operation that stands for none.
    op
        Operation of each point, int64 (p,).
    row
        Slope, due date, coefficients of tardiness and of being late, weight in the largest
        tardiness, and whether the point counts for lateness and for the makespan, int64 (p, 7).
    maxima
        Coefficients of makespan, largest tardiness and largest lateness, and the part of the
        value that no schedule changes, int64 (4,).
    guide
        What a search may add to the value to tell equal schedules apart (see :mod:`.guide`):
        weight, due date and half-way excess of each point, float64 (p, 3); zeros at first.
    """

    ptr: IntArray
    op: IntArray
    row: IntArray
    maxima: IntArray
    guide: FloatArray


def points_of(problem: Problem, shop: Shop) -> Points | None:
    """The problem's objective as points of ``shop``.

    None if it has several levels, a term that is not regular, a job whose tasks lie in more than
    one chain, or values that may leave the safe range of int64.
    """
    if len(problem.objective.levels) != 1 or not problem.objective.kinds <= REGULAR:
        return None
    chains = len(shop.chain_ptr) - 1
    chain = np.repeat(np.arange(chains), np.diff(shop.chain_ptr))
    t, jobs = problem.tasks, problem.jobs
    owner = t.job[shop.task]
    last = np.full(jobs.count, -1, dtype=np.int64)
    owned = np.flatnonzero(owner >= 0)
    last[owner[owned]] = owned  # the last assignment wins, and operations of a chain are in order
    if not (chain[last[owner[owned]]] == chain[owned]).all():
        return None
    here = np.flatnonzero(last >= 0)
    alone = np.flatnonzero(owner < 0)
    inside = np.flatnonzero((owner >= 0) & (t.due[shop.task] < INFINITY))
    ends = shop.chain_ptr[1:] - 1
    task, mine, none = shop.task[alone], shop.task[inside], np.zeros(chains, dtype=np.int64)
    # Jobs and lone tasks count for everything; a due date on a task of a job for its terms only.
    op = np.concatenate((last[here], alone, inside, ends))
    due = np.concatenate((jobs.due[here], t.due[task], t.due[mine], none + INFINITY))
    weight = np.concatenate((jobs.weight[here], t.weight[task], t.weight[mine], none))
    release = np.concatenate((jobs.release[here], t.release[task], 0 * mine, none))
    unit = np.zeros(len(op), dtype=np.bool_)
    unit[: len(here) + len(alone)] = True
    return _assemble(problem, shop, op, due, weight, release, unit)


def _assemble(
    problem: Problem,
    shop: Shop,
    op: IntArray,
    due: IntArray,
    weight: IntArray,
    release: IntArray,
    unit: BoolArray,
) -> Points | None:
    """Points with the coefficients of the objective's terms, sorted by operation."""
    (level,) = problem.objective.levels
    factor = dict.fromkeys(REGULAR, 0)
    for term in level:
        factor[term.kind] += term.coefficient
    if not _is_safe(shop, due, weight, sum(factor.values())):
        return None
    kinds = ObjectiveKind
    dated = due < INFINITY
    steady = factor[kinds.TOTAL_COMPLETION] + factor[kinds.TOTAL_FLOW_TIME]
    row = np.zeros((len(op), COLUMNS), dtype=np.int64)
    row[:, SLOPE] = np.where(unit, weight * steady, 0)
    row[:, DUE] = due
    row[:, TARDY] = np.where(dated, weight * factor[kinds.TOTAL_TARDINESS], 0)
    row[:, LATE] = np.where(dated, weight * factor[kinds.TARDY_COUNT], 0)
    row[:, PEAK] = np.where(dated, weight, 0)
    row[:, DATED] = dated
    row[-(len(shop.chain_ptr) - 1) :, SPAN] = 1
    maxima = [factor[k] for k in (kinds.MAKESPAN, kinds.MAX_TARDINESS, kinds.MAX_LATENESS)]
    if not dated.any():
        maxima[1:] = [0, 0]
    keep = row[:, SLOPE] + row[:, TARDY] + row[:, LATE] > 0
    keep |= (row[:, SPAN] > 0) & (maxima[0] > 0)
    keep |= (row[:, PEAK] > 0) & (maxima[1] > 0) | dated & (maxima[2] > 0)
    fixed = -factor[kinds.TOTAL_FLOW_TIME] * int((weight * release)[unit].sum())
    order = np.flatnonzero(keep)
    order = order[np.argsort(op[order], kind="stable")]
    ptr = np.zeros(shop.count + 2, dtype=np.int64)
    np.cumsum(np.bincount(op[order], minlength=shop.count + 1), out=ptr[1:])
    return Points(
        ptr=ptr,
        op=op[order],
        row=row[order],
        maxima=np.array([*maxima, fixed], dtype=np.int64),
        guide=np.zeros((len(order), 3)),
    )


def _is_safe(shop: Shop, due: IntArray, weight: IntArray, factor: int) -> bool:
    """Whether every value of every schedule without needless waiting stays in int64."""
    longest = np.maximum.reduceat(shop.option_duration, shop.option_ptr[:-1])
    dated = due[due < INFINITY]
    reach = (
        float(np.abs(shop.release).max())
        + float(longest.astype(np.float64).sum())
        + float(np.abs(dated.astype(np.float64)).max(initial=0))
    )
    heavy = float(weight.astype(np.float64).sum()) + 1
    return reach < _SAFE and float(factor) * heavy * (reach + 1) < _SAFE


@inner
def point_value(row: IntArray, p: int, end: int) -> int:
    """What point p adds to the sum when its operation ends at ``end``."""
    value = row[p, SLOPE] * end
    over = end - row[p, DUE]
    if over > 0:
        value += row[p, TARDY] * over + row[p, LATE]
    return value


@inner
def guide_value(guide: FloatArray, p: int, end: int) -> float:
    """What the guide of point p says of an end: weight times an excess that saturates."""
    over = end - guide[p, 1]
    return guide[p, 0] * over / (over + guide[p, 2]) if over > 0.0 else 0.0


@inner
def find_maxima(points: Points, node: IntArray, out: IntArray, at: int) -> int:
    """Latest end, largest weighted tardiness and lateness into ``out[at:]``; their weighted sum."""
    span, worst, most = NEVER, 0, NEVER
    op, row, maxima = points.op, points.row, points.maxima
    for p in range(len(op)):
        c = node[(op[p] << 3) + END]
        if row[p, SPAN] > 0:
            span = max(span, c)
        if row[p, DATED] > 0:
            over = c - row[p, DUE]
            worst = max(worst, row[p, PEAK] * over)
            most = max(most, over)
    out[at], out[at + 1], out[at + 2] = span, worst, most
    value = 0
    for k in range(3):
        if maxima[k] > 0:
            value += maxima[k] * out[at + k]
    return value
