"""Lower bounds of permutation flow shops: one machine, and two machines with lags between them."""

from __future__ import annotations

import numpy as np

from makespan.core.vocabulary import IntArray


def makespan_bound(duration: IntArray, release: IntArray) -> int:
    """A makespan that no sequence undercuts, O(m^2 n log n).

    For each pair of machines u < v the jobs form a two-machine shop in which a job waits between
    its two operations for the work on the machines between; Johnson's rule with such lags is
    optimal (L. Mitten 1959). The least head before u and the least tail behind v come on top. See
    B. Lageweg, J. Lenstra and A. Rinnooy Kan, "A general bounding scheme for the permutation
    flow-shop problem", Operations Research 26 (1978) 53-67.
    """
    m = duration.shape[1]
    done = np.cumsum(duration, axis=1)
    head = release[:, None] + done - duration
    tail = done[:, -1:] - done
    best = int((release + done[:, -1]).max())
    for u in range(m):
        best = max(best, int(duration[:, u].sum()) + _ends(head[:, u], tail[:, u]))
        for v in range(u + 1, m):
            lag = done[:, v] - done[:, u] - duration[:, v]
            length = _two_machines(duration[:, u], duration[:, v], lag)
            best = max(best, length + _ends(head[:, u], tail[:, v]))
    return best


def _ends(head: IntArray, tail: IntArray) -> int:
    """Least head of the first job plus least tail of the last one, who are two if there are two."""
    if len(head) == 1:
        return int(head[0] + tail[0])
    first, last = np.argsort(head, kind="stable")[:2], np.argsort(tail, kind="stable")[:2]
    return min(int(head[i] + tail[j]) for i in first for j in last if i != j)


def _two_machines(one: IntArray, two: IntArray, lag: IntArray) -> int:
    """Least makespan of a permutation of two operations per job with a lag between them."""
    a, b = one + lag, lag + two
    front = a <= b
    order = np.concatenate(
        (
            np.flatnonzero(front)[np.argsort(a[front], kind="stable")],
            np.flatnonzero(~front)[np.argsort(-b[~front], kind="stable")],
        )
    )
    # The longest path leaves the first machine at some job.
    ahead = np.cumsum(one[order])
    behind = np.cumsum(two[order][::-1])[::-1]
    return int((ahead + lag[order] + behind).max())


def completion_bound(duration: IntArray, release: IntArray, weight: IntArray) -> int:
    """A weighted sum of completion times that no sequence undercuts, O(m n log n).

    On each machine the jobs take at least as long as in Smith's order without waiting, and each of
    them has its tail still ahead.
    """
    done = np.cumsum(duration, axis=1)
    tail = done[:, -1:] - done
    head = (release[:, None] + done - duration).min(axis=0)
    best = int((weight * (release + done[:, -1])).sum())
    for i in range(duration.shape[1]):
        p = duration[:, i]
        order = np.argsort(p / np.maximum(weight, 1e-9), kind="stable")
        ends = int(head[i]) + np.cumsum(p[order])
        best = max(best, int((weight[order] * ends).sum() + (weight * tail[:, i]).sum()))
    return best
