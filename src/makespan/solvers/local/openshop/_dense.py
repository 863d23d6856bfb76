"""First schedules of an open shop: an operation at a time, where it starts soonest."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from makespan.core.vocabulary import IndexArray, IntArray
from makespan.solvers.jit import kernel
from makespan.solvers.local.openshop._tabu import FAR, Tables


@kernel
def dispatch(
    T: Tables,
    patience: float,
    bias: npt.NDArray[np.float64],
    load: IntArray,
    free: IntArray,
    order: IndexArray,
) -> None:
    """Fill ``order`` with the operations as they are dispatched: a topological order. O(n^2).

    Of the operations that can start within ``patience`` of the way from the earliest start to the
    earliest end, the one with the most work left in its job and on its machine goes next: dense
    schedules for patience 0 (no machine idles while it could work on a job that is free; Liaw,
    "An iterative improvement approach for the nonpreemptive open shop scheduling problem", EJOR
    111, 1998; Guéret and Prins, EJOR 107, 1998), active ones up to 1.

    Parameters
    ----------
    bias
        Factors on the operations' priorities, (n,).
    load, free
        Work of each clique, and the time from which it is free; both (2, cliques) and used up.
    """
    n = len(order)
    for i in range(n):
        order[i] = i
    for k in range(n):
        soonest = first_end = FAR
        for m in range(k, n):
            i = order[m]
            t = max(free[0, T.clique[0, i]], free[1, T.clique[1, i]], T.release[i])
            soonest = min(soonest, t)
            first_end = min(first_end, t + T.duration[i])
        latest = soonest + int(patience * (first_end - soonest))
        chosen = k
        highest = -1.0
        for m in range(k, n):
            i = order[m]
            a, b = T.clique[0, i], T.clique[1, i]
            t = max(free[0, a], free[1, b], T.release[i])
            if t <= latest:
                rank = bias[i] * (load[0, a] + load[1, b] - T.duration[i])
                if rank > highest:
                    highest, chosen = rank, m
        i = order[chosen]
        order[chosen] = order[k]
        order[k] = i
        a, b = T.clique[0, i], T.clique[1, i]
        t = max(free[0, a], free[1, b], T.release[i]) + T.duration[i]
        free[0, a] = free[1, b] = t
        load[0, a] -= T.duration[i]
        load[1, b] -= T.duration[i]
