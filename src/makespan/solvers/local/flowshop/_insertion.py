"""What every place for a job in a sequence costs, all places at once.

Makespan: E. Taillard, "Some efficient heuristic methods for the flow shop sequencing problem",
European Journal of Operational Research 47 (1990) 65-74. With the heads of the jobs before and the
tails of the jobs behind, all places take O(n m). Machines are the outer loop here and places the
inner one, for places do not depend on each other: it runs in vector registers, in blocks of a fixed
length so that no rest is left to be done one by one.

Other objectives: the jobs behind are carried on for every place, O(n^2 m), again with places as
the inner loop.

Arrays of times have the dtype of the durations, int32 where all sums fit. ``ready`` and ``tail``
have machines as rows: ``ready[i, t]`` is when machine i is done with the first t jobs, and
``tail[m - 1 - i, t]`` the longest path from the start of the job at place t on machine i to the
end. Beyond the sequence they hold anything.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from makespan.solvers.jit import inner

Times = npt.NDArray[Any]
"""int32 or int64."""

Order = npt.NDArray[np.int64]
"""Jobs in their sequence; longer than the sequence where that grows."""


class Shop(NamedTuple):
    """A permutation flow shop to the kernels, times from its earliest release on.

    Attributes
    ----------
    duration
        Ticks of each job on each machine in the order of the route, (n, m).
    mirror
        The same in the opposite order of machines.
    release
        Earliest start of each job, (n,).
    """

    duration: Times
    mirror: Times
    release: Times


class Prices(NamedTuple):
    """What completion costs where it is not the makespan alone that counts.

    Attributes
    ----------
    due
        Due date of each job, int64 (n,).
    job
        Cost of a job per tick of completion, per tick of tardiness and for being tardy, int64
        (n, 3).
    weight
        Weight of each job in the maximum tardiness, int64 (n,), -1 for one that is never due.
    worst
        Cost per tick of makespan, of maximum tardiness and of maximum lateness, int64 (3,).
    """

    due: npt.NDArray[np.int64]
    job: npt.NDArray[np.int64]
    weight: npt.NDArray[np.int64]
    worst: npt.NDArray[np.int64]


class Room(NamedTuple):
    """Working memory of one worker; the tables have a column for every place.

    Attributes
    ----------
    ready, tail
        Of the current sequence, or of that without the job that moves.
    front
        End on each machine of the job in question, or of one behind it, per place, (m, places).
    row
        Times on each machine, (m,).
    found
        Makespan per place, (places,).
    cost, late, tardy
        Cost, largest lateness and weighted tardiness per place, int64 (places,).
    order, left, back, chosen, out
        Sequences: the current one, without the job that moves, before jobs were taken out, its
        jobs in a random order, and jobs that wait for a place.
    """

    ready: Times
    tail: Times
    front: Times
    row: Times
    found: Times
    cost: npt.NDArray[np.int64]
    late: npt.NDArray[np.int64]
    tardy: npt.NDArray[np.int64]
    order: Order
    left: Order
    back: Order
    chosen: Order
    out: Order


BLOCK = 32
"""Places that are done at once."""

NEVER = -(1 << 61)
"""Lateness of nobody."""


def room(shop: Shop) -> Room:
    """Working memory for a shop."""
    n, m = shop.duration.shape
    places = (n // BLOCK + 2) * BLOCK

    def rows() -> Times:
        return np.zeros((m, places), dtype=shop.duration.dtype)

    def line() -> Order:
        return np.zeros(places, dtype=np.int64)

    return Room(
        ready=rows(),
        tail=rows(),
        front=rows(),
        row=np.zeros(m, dtype=shop.duration.dtype),
        found=np.zeros(places, dtype=shop.duration.dtype),
        cost=line(),
        late=line(),
        tardy=line(),
        order=line(),
        left=line(),
        back=line(),
        chosen=line(),
        out=line(),
    )


@inner
def heads(shop: Shop, order: Order, count: int, first: int, ready: Times, row: Times) -> None:
    """Bring ``ready`` up to date behind place ``first``; earlier places are right."""
    duration, release = shop.duration, shop.release
    machines = len(row)
    for i in range(machines):
        row[i] = ready[i, first]
    for t in range(first, count):
        j = order[t]
        at = release[j]
        for i in range(machines):
            at = max(at, row[i]) + duration[j, i]
            row[i] = at
            ready[i, t + 1] = at


@inner
def tails(shop: Shop, order: Order, count: int, last: int, tail: Times, row: Times) -> None:
    """Bring ``tail`` up to date from place ``last`` down; later places are right."""
    mirror = shop.mirror
    machines = len(row)
    if last == count - 1:
        for i in range(machines):
            tail[i, count] = 0
    for i in range(machines):
        row[i] = tail[i, last + 1]
    for k in range(last + 1):
        t = last - k
        j = order[t]
        at = mirror[j, 0] * 0
        for i in range(machines):
            at = max(at, row[i]) + mirror[j, i]
            row[i] = at
            tail[i, t] = at


@inner
def makespans(
    shop: Shop,
    job: int,
    order: Order,
    count: int,
    ready: Times,
    tail: Times,
    front: Times,
    found: Times,
) -> None:
    """Makespan with ``job`` at each place 0 .. count of a sequence."""
    duration, release = shop.duration, shop.release
    machines = duration.shape[1]
    kind = duration.dtype.type
    # Paths that begin with the release of a later job do not touch the one put in.
    latest = kind(0)
    found[count] = 0
    for k in range(count):
        t = count - 1 - k
        latest = max(latest, kind(release[order[t]] + tail[machines - 1, t]))
        found[t] = latest
    start, end = release[job], front[0]
    for first in range(0, count + 1, BLOCK):
        for t in range(BLOCK):
            end[t] = start
        makespan = found[first : first + BLOCK]
        for i in range(machines):
            step = duration[job, i]
            before = ready[i, first : first + BLOCK]
            behind = tail[machines - 1 - i, first : first + BLOCK]
            for t in range(BLOCK):
                end[t] = kind(max(end[t], before[t]) + step)
                makespan[t] = max(makespan[t], kind(end[t] + behind[t]))


@inner
def costs(
    shop: Shop,
    prices: Prices,
    job: int,
    order: Order,
    count: int,
    ready: Times,
    front: Times,
    cost: npt.NDArray[np.int64],
    late: npt.NDArray[np.int64],
    tardy: npt.NDArray[np.int64],
) -> None:
    """Cost with ``job`` at each place 0 .. count of a sequence."""
    duration, release = shop.duration, shop.release
    machines = duration.shape[1]
    kind = duration.dtype.type
    worst = prices.worst[1] > 0 or prices.worst[2] > 0
    last = front[machines - 1]
    total, lateness, tardiness = 0, NEVER, 0
    # Place u is opened when the jobs before it are counted; blocks run on over places not yet open.
    for u in range(count + 1):
        at = np.int64(release[job])
        for i in range(machines):
            at = max(at, np.int64(ready[i, u])) + duration[job, i]
            front[i, u] = at
        over = at - prices.due[job]
        cost[u] = total + price_of(prices, job, at)
        if worst:
            late[u], tardy[u] = lateness, tardiness
            if prices.weight[job] >= 0:
                late[u] = max(lateness, over)
                tardy[u] = max(tardiness, prices.weight[job] * max(0, over))
        if u == count:
            break
        v = order[u]
        end = np.int64(ready[machines - 1, u + 1])
        total += price_of(prices, v, end)
        if prices.weight[v] >= 0:
            over = end - prices.due[v]
            lateness = max(lateness, over)
            tardiness = max(tardiness, prices.weight[v] * max(0, over))
        start, due, weight = release[v], prices.due[v], prices.weight[v]
        each, more, once = prices.job[v, 0], prices.job[v, 1], prices.job[v, 2]
        for first in range(0, u + 1, BLOCK):
            here, step = front[0, first : first + BLOCK], duration[v, 0]
            for t in range(BLOCK):
                here[t] = kind(max(start, here[t]) + step)
            for i in range(1, machines):
                step = duration[v, i]
                above = here
                here = front[i, first : first + BLOCK]
                for t in range(BLOCK):
                    here[t] = kind(max(above[t], here[t]) + step)
            sums = cost[first : first + BLOCK]
            if each:
                for t in range(BLOCK):
                    sums[t] += each * here[t]
            if more:
                for t in range(BLOCK):
                    sums[t] += more * max(0, np.int64(here[t]) - due)
            if once:
                for t in range(BLOCK):
                    sums[t] += once if here[t] > due else 0
        if worst and weight >= 0:
            for t in range(u + 1):
                over = np.int64(last[t]) - due
                late[t] = max(late[t], over)
                tardy[t] = max(tardy[t], weight * max(0, over))
    for t in range(count + 1):
        cost[t] += prices.worst[0] * last[t]
        if worst:
            cost[t] += prices.worst[1] * tardy[t]
            cost[t] += prices.worst[2] * (late[t] if late[t] > NEVER else 0)


@inner
def price_of(prices: Prices, job: int, end: np.int64) -> Any:
    """What the completion of one job costs."""
    over = end - prices.due[job]
    price = prices.job[job, 0] * end + prices.job[job, 1] * max(0, over)
    return price + (prices.job[job, 2] if over > 0 else 0)
