"""First plans for machines: jobs dealt in an order, or one by one by apparent tardiness cost."""

from __future__ import annotations

import math

from makespan.core.vocabulary import IntArray
from makespan.solvers.jit import kernel
from makespan.solvers.local.machines._anneal import Plan
from makespan.solvers.local.machines._rows import end_of
from makespan.solvers.local.machines._shape import FAR, Tables


@kernel
def deal(
    T: Tables, P: Plan, order: IntArray, free: IntArray, last: IntArray, size: IntArray
) -> None:
    """Append the jobs in the given order, each where it ends first. O(n m).

    ``free``, ``last`` and ``size`` hold the starts, -1 and 0 of each machine and are used up.
    """
    for i in order:
        chosen = -1
        soonest = FAR
        for k in range(len(free)):
            if T.duration[k, i] >= 0:
                t = end_of(T, k, last[k], free[k], i)
                if t < soonest:
                    soonest, chosen = t, k
        P.machine[i] = chosen
        P.place[i] = size[chosen]
        free[chosen] = soonest
        last[chosen] = i
        size[chosen] += 1


@kernel
def dispatch(
    T: Tables,
    P: Plan,
    ahead: float,
    patience: float,
    order: IntArray,
    free: IntArray,
    last: IntArray,
    size: IntArray,
) -> None:
    """Append to the machine free first its most urgent job, one by one. O(n^2 + n m).

    Urgency is the apparent tardiness cost of Vepsalainen and Morton, "Priority rules for job shops
    with weighted tardiness costs", Management Science 33 (1987), weight over time and fading with
    the slack; and fading with setup and wait, as in Lee, Bhaskaran and Pinedo, "A heuristic to
    minimize the total weighted tardiness with sequence-dependent setups", IIE Transactions 29
    (1997).

    Parameters
    ----------
    ahead
        Ticks of slack over which urgency falls by e.
    patience
        Ticks of setup or wait over which it does.
    order
        The jobs in any order; used up, like ``free``, ``last`` and ``size``.
    """
    n = len(order)
    left = n
    while left > 0:
        k = -1
        for x in range(len(free)):
            if free[x] < FAR and (k < 0 or free[x] < free[k]):
                k = x
        chosen = -1
        highest = 0.0
        for x in range(left):
            i = order[x]
            d = T.duration[k, i]
            if d < 0:
                continue
            t = end_of(T, k, last[k], free[k], i)
            slack = max(T.due[i] - t, 0)
            weight = T.slope[i] + (T.steep[i] + T.step[i] / (d + 1.0)) * math.exp(-slack / ahead)
            if T.slope[i] + T.steep[i] + T.step[i] == 0:
                weight = math.exp(-max(T.target[i] - t, 0) / ahead)
            rank = math.log(weight + 1e-300) - math.log(d + 1.0)
            rank -= (t - free[k] - d) / patience
            if chosen < 0 or rank > highest:
                highest, chosen = rank, x
        if chosen < 0:
            free[k] = FAR  # nothing left for this machine
            continue
        i = order[chosen]
        left -= 1
        order[chosen] = order[left]
        P.machine[i] = k
        P.place[i] = size[k]
        free[k] = end_of(T, k, last[k], free[k], i)
        last[k] = i
        size[k] += 1
