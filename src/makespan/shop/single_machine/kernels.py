"""The rules as compiled loops over times and due dates; floats as in the reference, bit for bit.

Arrays come in the order that breaks ties, shortest first for MDDC; results are places in them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from makespan.core.vocabulary import IntArray
from makespan.solvers.jit import kernel

FloatArray = npt.NDArray[np.float64]

MDD: Final = 0
MDDC: Final = 1
ATC: Final = 2


@kernel
def dispatch_order(rule: int, p: FloatArray, d: FloatArray, base: FloatArray, k: float) -> IntArray:
    """Order of a list rule; O(n^2).

    Parameters
    ----------
    base
        Part of the score of ATC that does not depend on the clock; may be infinite.
    k
        Look-ahead of ATC.
    """
    n = len(p)
    order = np.empty(n, dtype=np.int64)
    left = np.empty(n, dtype=np.int64)
    lp, ld, lb, score = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    total = 0.0
    for i in range(n):
        left[i] = i
        lp[i] = p[i]
        ld[i] = d[i]
        lb[i] = base[i]
        total += p[i]
    t = 0.0
    for done in range(n):
        u = n - done
        if rule == MDDC:
            most = t + lp[u - 1]
            mean = t + total / u
            if most <= 0:
                for i in range(u):
                    score[i] = max(1.1 * lp[i] + t, ld[i])
            else:
                for i in range(u):
                    share = lp[i] / most
                    square = share * share
                    modified = max(1.1 * lp[i] + t, ld[i])
                    modified = modified * (1.0 + square / (1.0 + square))
                    score[i] = modified + lp[i] / mean
        elif rule == MDD:
            for i in range(u):
                score[i] = max(lp[i] + t, ld[i])
        else:
            scale = k * (total / u)
            for i in range(u):
                wait = max(ld[i] - lp[i] - t, 0.0) / scale if scale > 0 else 0.0
                score[i] = lb[i] + wait
        place = 0
        least = score[0]
        for i in range(1, u):
            if score[i] < least:
                least = score[i]
                place = i
        order[done] = left[place]
        t += lp[place]
        total -= lp[place]
        for i in range(place, u - 1):
            left[i], lp[i], ld[i], lb[i] = left[i + 1], lp[i + 1], ld[i + 1], lb[i + 1]
    return order


@kernel
def psk_order(p: IntArray, d: IntArray) -> IntArray:
    """Panwalkar, Smith and Koulamas; O(n^2)."""
    n = len(p)
    order = np.empty(n, dtype=np.int64)
    left = np.empty(n, dtype=np.int64)
    for i in range(n):
        left[i] = i
    t = 0
    for done in range(n):
        u = n - done
        active = 0
        if t + p[left[0]] < d[left[0]]:
            for other in range(1, u):
                job, follower = left[active], left[other]
                if d[job] <= t + p[follower]:
                    break
                if d[follower] < d[job]:
                    active = other
                    if t + p[follower] >= d[follower]:
                        break
        order[done] = left[active]
        t += p[left[active]]
        for i in range(active, u - 1):
            left[i] = left[i + 1]
    return order


@kernel
def eddc_order(p: IntArray, d: IntArray) -> IntArray:
    """Backward insertion by due dates as long as they fall; O(n^2)."""
    n = len(p)
    order = np.empty(n, dtype=np.int64)
    total = 0
    for i in range(n):
        order[i] = i
        before = total
        j = i
        while j > 0 and d[order[j]] < d[order[j - 1]]:
            after = before - p[order[j - 1]]
            if d[order[j - 1]] > before:
                order[j - 1], order[j] = order[j], order[j - 1]
                after = before - p[order[j]]
            before = after
            j -= 1
        total += p[i]
    return order


@kernel
def augment_order(order: IntArray, p: IntArray, d: IntArray, w: IntArray) -> IntArray:
    """Moves to the end of the growing front; O(n^3) at worst, a move is tried in O(jobs behind)."""
    n = len(order)
    front = np.empty(n, dtype=np.int64)
    end = np.empty(n, dtype=np.int64)
    clock = 0
    for m in range(n):
        front[m] = order[m]
        clock += p[front[m]]
        end[m] = clock
        i = 0
        for _ in range(m):
            mover = front[i]
            gain = max(0, end[i] - d[mover]) * w[mover]
            gain -= max(0, clock - d[mover]) * w[mover]
            for k in range(i + 1, m + 1):
                late = end[k] - d[front[k]]
                if late > 0:
                    gain += min(late, p[mover]) * w[front[k]]
            if gain > 0:
                for k in range(i, m):
                    front[k] = front[k + 1]
                    end[k] = end[k + 1] - p[mover]
                front[m] = mover
                end[m] = clock
            else:
                i += 1
    return front
