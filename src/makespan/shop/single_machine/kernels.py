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
def dispatch_order(rule: int, p: FloatArray, d: FloatArray, w: FloatArray, k: float) -> IntArray:
    """Order of a list rule; O(n^2). ``k`` is the look-ahead of ATC."""
    n = len(p)
    order = np.empty(n, dtype=np.int64)
    left = np.arange(n)
    lp, ld, lw = p.copy(), d.copy(), w.copy()
    log_p, log_w = np.empty(n), np.empty(n)
    if rule == ATC:
        for i in range(n):
            log_p[i] = np.log(p[i]) if p[i] > 0 else -np.inf
            log_w[i] = np.log(w[i]) if w[i] > 0 else -np.inf
    score = np.empty(n)
    total = 0.0
    for i in range(n):
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
                if lp[i] == 0:
                    score[i] = -np.inf
                elif lw[i] == 0:
                    score[i] = np.inf
                else:
                    score[i] = log_p[left[i]] - log_w[left[i]] + wait
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
            left[i], lp[i], ld[i], lw[i] = left[i + 1], lp[i + 1], ld[i + 1], lw[i + 1]
    return order


@kernel
def psk_order(p: IntArray, d: IntArray) -> IntArray:
    """Panwalkar, Smith and Koulamas; O(n^2)."""
    n = len(p)
    order = np.empty(n, dtype=np.int64)
    left = np.arange(n)
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
    order = np.arange(n)
    total = 0
    for i in range(n):
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
def greedy_order(p: IntArray, d: IntArray, w: IntArray) -> IntArray:
    """The job next after which the rest, kept in the given order, is least tardy; O(n^3)."""
    n = len(p)
    order = np.empty(n, dtype=np.int64)
    left = np.arange(n)
    t = 0
    for done in range(n):
        u = n - done
        best, choice = -1, 0
        for k in range(u):
            clock = t + p[left[k]]
            late = max(0, clock - d[left[k]]) * w[left[k]]
            for i in range(u):
                if i != k:
                    clock += p[left[i]]
                    late += max(0, clock - d[left[i]]) * w[left[i]]
                if best >= 0 and late >= best:
                    break
            if best < 0 or late < best:
                best, choice = late, k
        order[done] = left[choice]
        t += p[left[choice]]
        for i in range(choice, u - 1):
            left[i] = left[i + 1]
    return order


@kernel
def augment_order(order: IntArray, p: IntArray, d: IntArray, w: IntArray) -> IntArray:
    """Moves to the end of the growing front; O(n^3) at worst, a move is tried in O(jobs behind)."""
    n = len(order)
    front = order.copy()
    end = np.empty(n, dtype=np.int64)
    clock = 0
    for m in range(n):
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
