"""Iterated greedy search over sequences of jobs.

- Construction: M. Nawaz, E. Enscore and I. Ham, "A heuristic algorithm for the m-machine, n-job
  flow-shop sequencing problem", Omega 11 (1983) 91-95: job after job at its best place.
- Search: R. Ruiz and T. Stützle, "A simple and effective iterated greedy algorithm for the
  permutation flowshop scheduling problem", European Journal of Operational Research 177 (2007)
  2033-2049: take some jobs out, put them in again greedily, improve by insertion, accept as
  simulated annealing at constant temperature does.
- Improvement of what is left before the jobs return: J. Dubois-Lacoste, F. Pagnozzi and
  T. Stützle, "An iterated greedy algorithm with optimization of partial solutions for the makespan
  permutation flowshop problem", Computers & Operations Research 81 (2017) 160-166.

The same code serves the makespan and sums of completion and tardiness; only the cost of places
differs. Which it is shows in a type (``prices`` or None), so that only one of both is compiled.
Unlike the sources, local search accepts moves to places of equal cost, drawn at random among all
of them: the rule of Fernandez-Viagas and Framinan (2014), which takes the place of least idle
time, led to slightly longer schedules in the same time (measured).
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from makespan.solvers.jit import inner, kernel
from makespan.solvers.local.draw import Stream, draw
from makespan.solvers.local.flowshop._insertion import (
    Order,
    Prices,
    Room,
    Shop,
    costs,
    heads,
    makespans,
    tails,
)

BUILD: Final = 0
TAKE: Final = 1
GO_ON: Final = 2

COST_LIMIT: Final = 1 << 60
"""Costs below this fit int64 with room to add two."""


@inner
def best_place(
    shop: Shop,
    room: Room,
    job: int,
    order: Order,
    count: int,
    prices: Prices | None,
    random: Stream,
) -> tuple[int, np.int64]:
    """Place of least cost for ``job`` in a sequence with right tables; draws among equals."""
    ready, tail = room.ready, room.tail
    if prices is not None:
        costs(shop, prices, job, order, count, ready, room.front, room.cost, room.late, room.tardy)
        least, place, equal = room.cost[0], 0, 1
        for t in range(1, count + 1):
            if room.cost[t] < least:
                least, place, equal = room.cost[t], t, 1
            elif room.cost[t] == least:
                equal += 1
                if draw(random) % equal == 0:
                    place = t
        return place, least
    makespans(shop, job, order, count, ready, tail, room.front, room.found)
    found = room.found
    low = found[0]
    for t in range(1, count + 1):
        low = min(low, found[t])
    place, equal = -1, 0
    for t in range(count + 1):
        if found[t] == low:
            equal += 1
            if equal == 1 or draw(random) % equal == 0:
                place = t
    return place, np.int64(low)


@kernel
def iterate(
    shop: Shop,
    room: Room,
    prices: Prices | None,
    begin: int,
    queue: Order,
    best: Order,
    state: npt.NDArray[np.int64],
    taken: int,
    temperature: float,
    random: Stream,
    halt: npt.NDArray[np.int64],
    budget: int,
) -> int:
    """Iterated greedy for about ``budget`` moves; the number of moves.

    A move finds the best place for one job: one that waits for a place, or one that is taken out
    of the sequence for the move. Local search ends when no move out of as many as there are jobs
    has made the sequence better; then the jobs that wait are put in, or if there are none the
    iteration is over.

    Heads in ``room.ready`` are kept right for the places before ``sure``. From one job that moves
    to the next the tables change only between the place where the one went and the place where the
    other is, so nothing is done again after a move.

    Parameters
    ----------
    begin
        ``BUILD`` a sequence by putting in the jobs of ``queue`` one by one, ``TAKE`` the sequence
        in ``queue``, or ``GO_ON`` with the one in ``room.order``.
    best, state
        Best sequence; cost of the current sequence and of the best one, and the cost at which
        nothing is left to find. All but the last are kept up to date.
    taken
        Jobs taken out per iteration, fewer than all.
    """
    n = len(best)
    order, left, chosen, out = room.order, room.left, room.chosen, room.out
    room.ready[:, 0] = 0
    count, waiting, placed, moves = n, 0, 0, 0
    if begin == BUILD:
        count, waiting = 0, n
        for t in range(n):
            out[t] = queue[t]
    for t in range(n):
        if begin == TAKE:
            order[t] = queue[t]
        chosen[t] = order[t]
    # A new iteration begins where local search of the sequence it starts from is done.
    tried = n if begin == GO_ON else 0
    cost: Any = COST_LIMIT
    sure, went, at = 0, -1, n
    if begin == GO_ON:
        cost = state[0]
    else:
        state[0] = COST_LIMIT
    while halt[0] == 0:
        if placed == waiting and tried >= count:
            if count < n:  # local search of what was left is done
                waiting = taken
                continue
            if cost < state[1]:
                state[1] = cost
                for t in range(n):
                    best[t] = order[t]
            worse = cost - state[0]
            if worse > 0 and draw(random) >= 2147483648.0 * math.exp(-worse / temperature):
                for t in range(n):
                    order[t] = room.back[t]
            else:
                state[0] = cost
            if moves >= budget or state[1] <= state[2]:
                break
            for t in range(n):
                room.back[t] = order[t]
            for k in range(taken):
                here = draw(random) % count
                out[k] = order[here]
                count -= 1
                for t in range(here, count):
                    order[t] = order[t + 1]
            for t in range(count):
                chosen[t] = order[t]
            waiting, placed, tried, cost, sure, went, at = 0, 0, 0, COST_LIMIT, 0, -1, count
        if placed < waiting:
            job, here, rest = out[placed], count, count
            for t in range(count):
                left[t] = order[t]
            first, last = sure, count - 1
        else:
            if at == count:
                for t in range(count - 1, 0, -1):
                    k = draw(random) % (t + 1)
                    chosen[t], chosen[k] = chosen[k], chosen[t]
                at = 0
            job, here, rest = chosen[at], 0, count - 1
            at += 1
            while order[here] != job:
                left[here] = order[here]
                here += 1
            for t in range(here, rest):
                left[t] = order[t + 1]
            first, last = min(sure, here), rest - 1
            if went >= 0:
                last = max(went, here) - 1
        heads(shop, left, rest, first, room.ready, room.row)
        if prices is None:
            tails(shop, left, rest, last, room.tail, room.row)
        place, found = best_place(shop, room, job, left, rest, prices, random)
        moves += 1
        if placed < waiting:
            placed += 1
            count += 1
            cost, went = found, -1
            chosen[rest] = job
            if placed == waiting:
                tried, at = 0, count
        else:
            tried += 1
            if found > cost:
                place = here
            elif found < cost:
                cost, tried = found, 0
            went = place
        if place != here:
            for t in range(min(here, place), max(here, place) + 1):
                order[t] = left[t - 1] if t > place else left[t]
        order[place] = job
        sure = place
    if count == n and placed == waiting and cost < state[1]:
        state[1] = cost
        for t in range(n):
            best[t] = order[t]
    return moves
