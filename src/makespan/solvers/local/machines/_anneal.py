"""Simulated annealing over the sequences of machines: jobs move alone, in blocks or in pairs.

Swaps and insertions together are the generalised pairwise interchanges with which iterated local
searches solve single-machine problems (Grosso, Della Croce and Tadei, "An enhanced dynasearch
neighborhood for the single-machine total weighted tardiness scheduling problem", OR Letters 32,
2004; Xu, Lü and Cheng, Journal of Scheduling 17, 2014, for blocks under setups); annealing is what
does best on parallel machines with setups (Santos, Toffolo, Silva and Vanden Berghe,
"Analysis of stochastic local search methods for the unrelated parallel machine scheduling
problem", International Transactions in Operational Research 26, 2019).
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.solvers.jit import inner, kernel
from makespan.solvers.local.draw import Stream, draw
from makespan.solvers.local.machines._rows import (
    ONE,
    ZERO,
    Rows,
    change,
    settle,
    total_of,
    value_of,
    weigh,
)
from makespan.solvers.local.machines._shape import FAR, Tables

_LOOK_EVERY: Final = 256
"""Moves between looks at the halt, and between steps of the temperature."""


_NEAR: Final = 200
"""Places within which half of the moves in one sequence stay: a walk costs what it is long."""


class Plan(NamedTuple):
    """Where each job is and when it ends, int64 (n,) each."""

    machine: IntArray
    place: IntArray
    end: IntArray

    @classmethod
    def room(cls, count: int) -> Plan:
        """A plan for ``count`` jobs, not filled yet."""
        machine, place, end = np.zeros((3, count), dtype=np.int64)
        return cls(machine, place, end)


@inner
def store(R: Rows, P: Plan) -> None:
    """Copy rows to a plan."""
    for i in range(len(P.end)):
        k = R.machine[i]
        P.machine[i] = k
        P.place[i] = R.place[i]
        P.end[i] = R.end[k, R.place[i]]


@inner
def load(T: Tables, R: Rows, P: Plan) -> None:
    """Fill rows from a plan's machines and places."""
    for k in range(len(R.size)):
        R.size[k] = 0
    for i in range(len(P.end)):
        k = P.machine[i]
        R.job[k, P.place[i]] = i
        R.size[k] += 1
    for k in range(len(R.size)):
        settle(T, R, k, ZERO)


@inner
def near(span: int, random: Stream) -> int:
    """A distance in 1 .. span, short ones more often."""
    u = draw(random) / 2147483648.0
    return 1 + int(span * u * u * u)


@inner
def propose_within(R: Rows, k: int, p: int, random: Stream) -> tuple[int, int, int]:
    """A new place for the job in place p of row k, or a partner to swap with.

    Returns low, count and resume as :func:`weigh` takes them, with the stretch filled in; a count
    of 0 stands for no move.
    """
    size = R.size[k]
    kind = draw(random) % 4
    length = 1
    if kind == 0:
        length = 1 + near(min(size // 2, 20), random)
    if p + length > size:
        p = size - length
    room = size - length
    if p < 0 or room < 1:
        return 0, 0, 0
    span = room if draw(random) % 2 == 0 else min(room, _NEAR)
    q = p + near(span, random) * (1 if draw(random) % 2 == 0 else -1)
    if q < 0:
        q = -q
    if q > room:
        q = 2 * room - q
    if q < 0 or q > room or q == p:
        return 0, 0, 0
    low, high = min(p, q), max(p, q)
    if kind == 1 or kind == 2:
        high = min(high, size - 1)
        for x in range(low, high + 1):
            R.stretch[x - low] = R.job[k, x]
        R.stretch[0] = R.job[k, high]
        R.stretch[high - low] = R.job[k, low]
        return low, high - low + 1, high + 1
    gap = high - low
    if q < p:
        for x in range(length):
            R.stretch[x] = R.job[k, p + x]
        for x in range(gap):
            R.stretch[length + x] = R.job[k, q + x]
    else:
        for x in range(gap):
            R.stretch[x] = R.job[k, p + length + x]
        for x in range(length):
            R.stretch[gap + x] = R.job[k, p + x]
    return low, gap + length, high + length


@inner
def propose_across(T: Tables, R: Rows, i: int, random: Stream) -> tuple[int, int, int]:
    """Another machine for job i: it, the place there and how many jobs come back (0 or 1).

    Half the time the place is about where the other machine is as far as its own. The machine is
    -1 if it, or the job to come back, cannot change over.
    """
    m = len(R.size)
    k = R.machine[i]
    other = draw(random) % (m - 1)
    if other >= k:
        other += 1
    size = R.size[other]
    if T.duration[other, i] < 0:
        return -1, 0, 0
    q = 0
    if draw(random) % 2 == 0:
        low, high = 0, size
        t = R.end[k, R.place[i]]
        while low < high:
            middle = (low + high) // 2
            if R.end[other, middle] < t:
                low = middle + 1
            else:
                high = middle
        q = min(max(low - 2 + draw(random) % 5, 0), size)
    else:
        q = draw(random) % (size + 1)
    back = draw(random) % 2
    if back == 1 and (q >= size or T.duration[k, R.job[other, q]] < 0):
        return -1, 0, 0
    return other, q, back


@inner
def peak_with(R: Rows, k: int, one: int, other: int, two: int) -> int:
    """Largest cost of all rows if rows k and other (-1: none) have these."""
    peak = max(one, two)
    for x in range(len(R.size)):
        if x != k and x != other and R.size[x] > 0:
            peak = max(peak, R.after[x, 0])
    return peak


@inner
def weigh_within(
    T: Tables, R: Rows, largest: int, sums: int, k: int, low: int, count: int, resume: int
) -> int:
    """Objective after a change of one row; ``sums`` is the sum of costs now."""
    weigh(T, R, k, low, count, resume)
    value = sums - total_of(R, k) + R.found[0]
    if largest > 0:
        value += largest * peak_with(R, k, R.found[1], k, -FAR)
    return value


@inner
def weigh_across(
    T: Tables, R: Rows, largest: int, sums: int, i: int, other: int, q: int, back: int
) -> int:
    """Objective after job i changed over to place q of another machine."""
    k, p = R.machine[i], R.place[i]
    if back == 1:
        R.stretch[0] = R.job[other, q]
    weigh(T, R, k, p, back, p + 1)
    value = sums - total_of(R, k) - total_of(R, other) + R.found[0]
    one = R.found[1]
    R.stretch[0] = i
    weigh(T, R, other, q, ONE, q + back)
    value += R.found[0]
    if largest > 0:
        value += largest * peak_with(R, k, one, other, R.found[1])
    return value


@inner
def change_over(T: Tables, R: Rows, i: int, other: int, q: int, back: int) -> None:
    """Make the move that :func:`weigh_across` tells the value of."""
    k, p = R.machine[i], R.place[i]
    if back == 1:
        R.stretch[0] = R.job[other, q]
    change(T, R, k, p, back, p + 1)
    R.stretch[0] = i
    change(T, R, other, q, ONE, q + back)


@kernel
def anneal(
    T: Tables,
    R: Rows,
    P: Plan,
    largest: int,
    bound: int,
    moves: int,
    hot: float,
    cold: float,
    random: Stream,
    halt: IntArray,
) -> tuple[int, int]:
    """Anneal from the plan for ``moves`` moves and leave the best in it; its value, moves made.

    Values are without the objective's constant. The temperature falls geometrically from ``hot``
    to ``cold``; it ends early at ``bound``.
    """
    n = len(P.end)
    m = len(R.size)
    load(T, R, P)
    store(R, P)
    value = value_of(R, largest)
    best = value
    unsaved = False
    sums = ZERO
    for k in range(m):
        sums += total_of(R, k)
    heat = hot
    cooling = (cold / hot) ** (_LOOK_EVERY / max(moves, 1))
    made = 0
    while made < moves and best > bound:
        if made % _LOOK_EVERY == 0:
            if halt[0] != 0:
                break
            if made > 0:
                heat *= cooling
        made += 1
        i = draw(random) % n
        if largest > 0 and m > 1 and draw(random) % 2 == 0:
            # Only the machine of the largest cost can lower it.
            peak = peak_with(R, ZERO - 1, -FAR, ZERO - 1, -FAR)
            k = R.machine[i]
            if R.after[k, 0] < peak:
                k = 0
                while R.size[k] == 0 or R.after[k, 0] < peak:
                    k += 1
                i = R.job[k, draw(random) % R.size[k]]
        k, p = R.machine[i], R.place[i]
        slack = -heat * math.log((draw(random) + 1) / 2147483648.0)
        other = ZERO - 1
        q = back = low = count = resume = ZERO
        if m > 1 and draw(random) % 2 == 0:
            other, q, back = propose_across(T, R, i, random)
            if other < 0:
                continue
            found = weigh_across(T, R, largest, sums, i, other, q, back)
        else:
            low, count, resume = propose_within(R, k, p, random)
            if count == 0:
                continue
            found = weigh_within(T, R, largest, sums, k, low, count, resume)
        if found - value > slack:
            continue
        if unsaved and found > value:
            store(R, P)
            unsaved = False
        sums -= total_of(R, k)
        if other >= 0:
            sums -= total_of(R, other)
            change_over(T, R, i, other, q, back)
            sums += total_of(R, other)
        else:
            change(T, R, k, low, count, resume)
        sums += total_of(R, k)
        value = found
        if value < best:
            best = value
            unsaved = True
    if unsaved:
        store(R, P)
    return best, made
