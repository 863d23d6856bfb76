"""Sequences on machines with the cost of every prefix, and what a changed stretch would cost.

Row k holds the jobs of machine k in their sequence. All moves are told as "after the first ``low``
jobs of a row come these, then the row's own from place ``resume`` on"; the evaluation walks from
the change until a job ends when it did before, which without releases and setups is right after
the change whenever the same jobs were only reordered.
"""

from __future__ import annotations

from typing import Final, NamedTuple, cast

import numpy as np

from makespan.core.vocabulary import IndexArray, IntArray
from makespan.solvers.jit import inner
from makespan.solvers.local.machines._shape import FAR, Tables

ZERO: Final = cast("int", np.int64(0))
ONE: Final = cast("int", np.int64(1))
"""Numbers that kernels pass on; as literals, each would have the callee compiled once more."""


class Rows(NamedTuple):
    """Sequences and their costs.

    Attributes
    ----------
    job
        Jobs of machine k in sequence at the front of ``[k]``, int32 (m, n).
    size
        Jobs per machine, int64 (m,).
    end, total, before, after
        Per place: end of the job, sum of costs up to it, largest cost up to it and from it on,
        int64 (m, n).
    machine, place
        Where each job is, int64 (n,).
    stretch
        Room for the changed stretch of a row, int32 (n,).
    found
        Sum and largest cost of a row as just evaluated, int64 (2,).
    """

    job: IndexArray
    size: IntArray
    end: IntArray
    total: IntArray
    before: IntArray
    after: IntArray
    machine: IntArray
    place: IntArray
    stretch: IndexArray
    found: IntArray

    @classmethod
    def room(cls, tables: Tables) -> Rows:
        """Empty rows."""
        m, n = tables.duration.shape
        end, total, before, after = np.zeros((4, m, n), dtype=np.int64)
        return cls(
            job=np.zeros((m, n), dtype=np.int32),
            size=np.zeros(m, dtype=np.int64),
            end=end,
            total=total,
            before=before,
            after=after,
            machine=np.zeros(n, dtype=np.int64),
            place=np.zeros(n, dtype=np.int64),
            stretch=np.zeros(n, dtype=np.int32),
            found=np.zeros(2, dtype=np.int64),
        )


@inner
def end_of(T: Tables, k: int, last: int, t: int, i: int) -> int:
    """End of job i on machine k after job ``last`` (-1: none) that ended at t."""
    if T.setup.shape[2] > 1 or T.setup.shape[1] > 1:
        f = T.setup.shape[2] if last < 0 else T.family[last]
        t += T.setup[k, f, T.family[i]]
    return max(t, T.release[i]) + T.duration[k, i]


@inner
def cost_of(T: Tables, i: int, t: int) -> int:
    """What job i adds to the sum when it ends at t."""
    cost = T.slope[i] * t
    if t > T.due[i]:
        cost += T.steep[i] * (t - T.due[i]) + T.step[i]
    return cost


@inner
def peak_of(T: Tables, i: int, t: int) -> int:
    """The largest cost is at least this when job i ends at t."""
    if T.scale[i] == 0:
        return -FAR
    return T.scale[i] * max(t - T.target[i], T.least[i])


@inner
def weigh(T: Tables, R: Rows, k: int, low: int, count: int, resume: int) -> None:
    """Sum and largest cost of row k in ``R.found`` were it changed.

    After its first ``low`` jobs come ``count`` jobs of ``R.stretch``, then its own from
    place ``resume`` on.
    """
    t = T.start[k]
    last = ZERO - 1
    total = ZERO
    peak = -FAR
    if low > 0:
        t = R.end[k, low - 1]
        last = ZERO + R.job[k, low - 1]
        total = R.total[k, low - 1]
        peak = R.before[k, low - 1]
    for x in range(count):
        i = ZERO + R.stretch[x]
        t = end_of(T, k, last, t, i)
        total += cost_of(T, i, t)
        peak = max(peak, peak_of(T, i, t))
        last = i
    size = R.size[k]
    for x in range(resume, size):
        i = ZERO + R.job[k, x]
        t = end_of(T, k, last, t, i)
        if t == R.end[k, x]:
            total += R.total[k, size - 1] + cost_of(T, i, t) - R.total[k, x]
            peak = max(peak, R.after[k, x])
            break
        total += cost_of(T, i, t)
        peak = max(peak, peak_of(T, i, t))
        last = i
    R.found[0] = total
    R.found[1] = peak


@inner
def settle(T: Tables, R: Rows, k: int, low: int) -> None:
    """Costs, machines and places of row k from place ``low`` on."""
    t = T.start[k]
    last = ZERO - 1
    total = ZERO
    peak = -FAR
    size = R.size[k]
    if low > 0:
        t = R.end[k, low - 1]
        last = ZERO + R.job[k, low - 1]
        total = R.total[k, low - 1]
        peak = R.before[k, low - 1]
    for x in range(low, size):
        i = ZERO + R.job[k, x]
        t = end_of(T, k, last, t, i)
        total += cost_of(T, i, t)
        peak = max(peak, peak_of(T, i, t))
        R.end[k, x] = t
        R.total[k, x] = total
        R.before[k, x] = peak
        R.machine[i] = k
        R.place[i] = x
        last = i
    peak = -FAR
    for x in range(size - 1, -1, -1):
        peak = max(peak, peak_of(T, R.job[k, x], R.end[k, x]))
        if x < low and R.after[k, x] == peak:
            break  # so are those before
        R.after[k, x] = peak


@inner
def change(T: Tables, R: Rows, k: int, low: int, count: int, resume: int) -> None:
    """Make the change that :func:`weigh` tells the cost of."""
    size = R.size[k]
    shift = low + count - resume
    if shift > 0:
        for x in range(size - 1, resume - 1, -1):
            R.job[k, x + shift] = R.job[k, x]
    elif shift < 0:
        for x in range(resume, size):
            R.job[k, x + shift] = R.job[k, x]
    for x in range(count):
        R.job[k, low + x] = R.stretch[x]
    R.size[k] = size + shift
    settle(T, R, k, low)


@inner
def total_of(R: Rows, k: int) -> int:
    """Sum of costs of row k."""
    return R.total[k, R.size[k] - 1] if R.size[k] > 0 else 0


@inner
def value_of(R: Rows, largest: int) -> int:
    """Objective without its constant."""
    total = 0
    peak = -FAR
    for k in range(len(R.size)):
        if R.size[k] > 0:
            total += R.total[k, R.size[k] - 1]
            peak = max(peak, R.after[k, 0])
    return total + largest * peak if largest > 0 else total
