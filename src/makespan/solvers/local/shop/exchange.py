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
        k = S.machine[u]
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
                v = S.line[low]
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
                            note(S.best, estimate, u, a, -1 - low, rng)
                low += 1


@inner
def _option_on(T: Tables, v: int, k: int) -> int:
    """Option of v on machine k, -1 if there is none."""
    for b in range(T.option_ptr[v], T.option_ptr[v + 1]):
        if T.option_machine[b] == k:
            return b
    return -1


@inner
def exchange(T: Tables, S: State, u: int, a: int, place: int) -> bool:
    """Put u in the place of the operation at ``place`` and that one in the place of u.

    False, with the schedule destroyed, if that would close a cycle.
    """
    v = S.line[place]
    b = _option_on(T, v, S.machine[u])
    return move(T, S, v, b, S.place[u]) and move(T, S, u, a, place)
