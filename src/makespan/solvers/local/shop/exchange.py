"""The kernel that looks for exchanges: two operations at work at the same time swap machines.

Where every machine is full, moving one operation only makes another machine late. An operation on
a critical path exchanged for a shorter one of another machine makes both fit. Two operations that
overlap in time are not connected by any path, neither before nor after the exchange, so that the
longest paths through either are told exactly: nothing before or after the two changes.
"""

from __future__ import annotations

from makespan.solvers.local.draw import Stream
from makespan.solvers.local.shop.compiled import inner
from makespan.solvers.local.shop.graph import move
from makespan.solvers.local.shop.layout import State, Tables
from makespan.solvers.local.shop.neighbours import ESTIMATE, note


@inner
def exchanges(T: Tables, S: State, begin: int, now: int, rng: Stream) -> None:
    """Note the best exchange of an operation on the path that is not tabu.

    The target noted is -1 minus the partner's place.
    """
    machines = len(S.length)
    slots = len(S.barred) - 1
    for i in range(begin, len(S.path)):
        u = S.path[i]
        if T.option_ptr[u + 1] - T.option_ptr[u] < 2:
            continue
        k = S.machine[u] + 0
        start = S.head[u] - S.duration[u]
        ready = max(S.head[u - 1], S.release[u])
        tail_next = S.tail[u + 1]
        free = S.head[S.before[u]]
        tail_after = S.tail[S.after[u]]
        for a in range(T.option_ptr[u], T.option_ptr[u + 1]):
            there = T.option_machine[a]
            if there == k or ready + T.option_duration[a] + tail_next > S.best[ESTIMATE]:
                continue
            if S.barred[(u * machines + there) & slots] >= now:
                continue
            low = T.line_ptr[there]
            top = low + S.length[there]
            high = top
            while low < high:
                middle = (low + high) >> 1
                if S.head[S.line[middle]] <= start:
                    low = middle + 1
                else:
                    high = middle
            while low < top:
                v = S.line[low] + 0
                if S.head[v] - S.duration[v] >= S.head[u]:
                    break
                estimate = max(ready, S.head[S.before[v]]) + T.option_duration[a]
                estimate += max(tail_next, S.tail[S.after[v]])
                if estimate <= S.best[ESTIMATE]:
                    b = _option_on(T, v, k)
                    if b >= 0 and S.barred[(v * machines + k) & slots] < now:
                        other = max(S.head[v - 1], S.release[v], free) + T.option_duration[b]
                        other += max(S.tail[v + 1], tail_after)
                        estimate = max(estimate, other)
                        if estimate <= S.best[ESTIMATE]:
                            note(S.best, estimate, u, a + 0, -1 - low, rng)
                low += 1


@inner
def _option_on(T: Tables, v: int, k: int) -> int:
    """Option of v on machine k, -1 if there is none."""
    for b in range(T.option_ptr[v], T.option_ptr[v + 1]):
        if T.option_machine[b] == k:
            return b
    return -1


@inner
def step(T: Tables, S: State, u: int, a: int, target: int) -> bool:
    """Make a move of any neighbourhood; see :func:`~makespan.solvers.local.shop.graph.move`.

    In an exchange the partner goes to the place of u first. False, with the schedule destroyed,
    if a cycle would close.
    """
    x, b, place = u, a, target
    if target < 0:
        x = S.line[-1 - target] + 0
        b = _option_on(T, x, S.machine[u] + 0)
        place = S.place[u] + 0
    # One call in a loop is compiled in half the time of two.
    while move(T, S, x, b, place):
        if x == u:
            return True
        x, b, place = u, a, -1 - target
    return False
