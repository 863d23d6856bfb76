"""Total tardiness as a mixed-integer program over positions, solved by HiGHS.

The model of the source (Cetinkaya et al. 2025, after Keha, Khowala & Fowler, "Mixed integer
programming formulations for single machine scheduling problems", Computers & Industrial
Engineering 56 (2009)): u[j,k] = 1 if job j is k-th, c[k] the completion of position k, C[j] and
T[j] completion and tardiness of job j, C[j] >= c[k] unless u[j,k] = 0.

Valid inequality [paper]: C[j] >= p[j] + sum over k of pi[j,k] u[j,k], where pi[j,k] is the sum of
the k shortest times of the other jobs, the least work before position k (from 0). The same bound
on tardiness, T[j] >= sum over k of max(0, pi[j,k] + p[j] - d[j]) u[j,k], is ours; it holds because
u[j,.] is a unit vector in every solution.

HiGHS prints its licence line to standard output once per process, whatever its options.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from makespan.core.errors import EngineError, OptionError
from makespan.core.vocabulary import IntArray
from makespan.shop.single_machine.dispatching import shortest_first
from makespan.shop.single_machine.jobs import Jobs

if TYPE_CHECKING:
    import highspy

MOST_JOBS: Final = 60
"""The program has n^2 binary variables; beyond a dozen jobs it seldom ends soon."""

_EXACT: Final = 1 << 40
"""Values above are not told apart by doubles with a tolerance of a millionth."""


@dataclass(frozen=True, slots=True, eq=False)
class MipOutcome:
    """What HiGHS found.

    Attributes
    ----------
    order
        Best order, int64 (n,); None if none was found.
    value
        Its total tardiness.
    bound
        Proven lower bound.
    nodes
        Nodes of its branch and bound.
    """

    order: IntArray | None
    value: int | None
    bound: int
    nodes: int

    @property
    def proved(self) -> bool:
        """Whether the order is optimal."""
        return self.value is not None and self.value <= self.bound


def least_work_before(jobs: Jobs) -> IntArray:
    """pi[j, k]: sum of the k shortest times of the jobs other than j, int64 (n, n)."""
    n = len(jobs)
    first = shortest_first(jobs)
    rank = np.empty(n, dtype=np.int64)
    rank[first] = np.arange(n)
    before = np.concatenate(([0], np.cumsum(jobs.processing[first])))
    k = np.arange(n)[None, :]
    # With the job itself among the k + 1 shortest, it is left out of their sum.
    inside = rank[:, None] < k
    longer = before[np.minimum(k + 1, n)] - jobs.processing[:, None]
    return np.asarray(np.where(inside, longer, before[k]), dtype=np.int64)


class _Rows:
    """Rows of a sparse matrix as they are added."""

    def __init__(self) -> None:
        self.start: list[int] = [0]
        self.index: list[int] = []
        self.value: list[float] = []
        self.low: list[float] = []
        self.high: list[float] = []

    def add(self, entries: list[tuple[int, float]], low: float, high: float) -> None:
        self.index += [column for column, _ in entries]
        self.value += [value for _, value in entries]
        self.start.append(len(self.index))
        self.low.append(low)
        self.high.append(high)


def _model(jobs: Jobs, *, inequality: bool) -> highspy.HighsLp:
    import highspy

    n = len(jobs)
    p, d = jobs.processing.astype(np.float64), jobs.due.astype(np.float64)
    weight = np.ones(n) if jobs.weight is None else jobs.weight.astype(np.float64)
    total = float(p.sum())
    end, done, late = n * n, n * n + n, n * n + 2 * n
    rows = _Rows()
    for j in range(n):
        rows.add([(j * n + k, 1.0) for k in range(n)], 1, 1)
        rows.add([(k * n + j, 1.0) for k in range(n)], 1, 1)
    for k in range(n):
        work = [(j * n + k, -p[j]) for j in range(n)]
        before = [(end + k - 1, -1.0)] if k else []
        rows.add([(end + k, 1.0), *before, *work], 0, 0)
    for j in range(n):
        for k in range(n):
            rows.add([(done + j, 1.0), (end + k, -1.0), (j * n + k, -total)], -total, np.inf)
        rows.add([(late + j, 1.0), (done + j, -1.0)], -d[j], np.inf)
    if inequality:
        least = least_work_before(jobs) + jobs.processing[:, None]
        tardy = np.maximum(least - jobs.due[:, None], 0)
        for j in range(n):
            for variable, coefficient in ((done, least), (late, tardy)):
                sums = [(j * n + k, -float(coefficient[j, k])) for k in range(n)]
                rows.add([(variable + j, 1.0), *sums], 0, np.inf)
    columns = n * n + 3 * n
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = columns, len(rows.low)
    cost = np.zeros(columns)
    cost[late:] = weight
    model.col_cost_ = cost
    model.col_lower_ = np.zeros(columns)
    upper = np.full(columns, np.inf)
    upper[:end] = 1
    model.col_upper_ = upper
    model.row_lower_, model.row_upper_ = np.array(rows.low), np.array(rows.high)
    matrix: Any = model.a_matrix_
    matrix.format_ = highspy.MatrixFormat.kRowwise
    matrix.start_ = np.array(rows.start)
    matrix.index_ = np.array(rows.index)
    matrix.value_ = np.array(rows.value)
    whole = highspy.HighsVarType.kInteger
    real = highspy.HighsVarType.kContinuous
    model.integrality_ = [whole] * end + [real] * (3 * n)
    return model


def solve_positional(
    jobs: Jobs,
    *,
    time_limit: float | None = None,
    threads: int = 1,
    seed: int = 0,
    inequality: bool = True,
    stop: threading.Event | None = None,
) -> MipOutcome:
    """Solve the positional program; O(n^2) binary variables.

    Parameters
    ----------
    time_limit
        Wall seconds; None for no limit.
    inequality
        Whether to add the valid inequality and the bound on tardiness.
    stop
        Set it to end with the best order so far.

    Raises
    ------
    OptionError
        If there are more than 60 jobs, or times too large for doubles.
    EngineError
        If HiGHS fails, or returns what is no order.
    """
    import highspy

    n = len(jobs)
    if n > MOST_JOBS:
        raise OptionError(f"{n} jobs are too many for the positional program")
    if n == 0:
        return MipOutcome(np.empty(0, dtype=np.int64), 0, 0, 0)
    top = float(np.abs(jobs.due).max()) + float(jobs.processing.sum())
    heaviest = 1 if jobs.weight is None else int(jobs.weight.max())
    if top * heaviest * n >= _EXACT:
        raise OptionError("these times are too large for the arithmetic of HiGHS")
    solver = highspy.Highs()
    solver.silent()
    solver.setOptionValue("threads", threads)
    solver.setOptionValue("random_seed", seed)
    solver.setOptionValue("mip_rel_gap", 0.0)
    # All values are whole: a gap below one closes it.
    solver.setOptionValue("mip_abs_gap", 0.999)
    if time_limit is not None:
        solver.setOptionValue("time_limit", time_limit)
    if solver.passModel(_model(jobs, inequality=inequality)) == highspy.HighsStatus.kError:
        raise EngineError("HiGHS rejects the positional program")
    if stop is not None:
        wish = stop

        def look(event: Any) -> None:
            if wish.is_set():
                event.interrupt()

        solver.cbMipInterrupt += look
        solver.cbSimplexInterrupt += look
    if solver.run() == highspy.HighsStatus.kError:
        raise EngineError("HiGHS failed on the positional program")
    found = solver.getInfo()
    known = found.valid and np.isfinite(found.mip_dual_bound)
    bound = max(0, int(np.ceil(found.mip_dual_bound - 1e-4))) if known else 0
    if found.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return MipOutcome(None, None, bound, int(found.mip_node_count))
    place: npt.NDArray[np.float64] = np.asarray(solver.getSolution().col_value)[: n * n]
    order = jobs.require_order(np.argmax(place.reshape(n, n), axis=0))
    value = jobs.total_tardiness(order)
    if solver.getModelStatus() == highspy.HighsModelStatus.kOptimal:
        bound = value
    return MipOutcome(order, value, min(bound, value), int(found.mip_node_count))
