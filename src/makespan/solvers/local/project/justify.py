"""Justification: shift all activities right, then left, as long as the schedule gets better.

Activities go right in order of their finishes, latest first, each no further than its allowance;
then left in order of their new starts. No pass worsens the schedule, since every activity could
stay where it is.
Source: Valls, Ballestin, Quintanilla, "Justification and RCPSP: a technique that pays" (2005);
allowances extend it from the makespan to every regular objective. Modes are improved by the
multi-mode left shifts of Hartmann, "Project scheduling with multiple modes: a genetic algorithm"
(2001), here within the generation of the schedule.
"""

from __future__ import annotations

from typing import Final

from makespan.core.vocabulary import IntArray
from makespan.solvers.jit import inner
from makespan.solvers.local.draw import draw
from makespan.solvers.local.project.cost import Price, allow, cost_of
from makespan.solvers.local.project.desk import Desk
from makespan.solvers.local.project.network import Network
from makespan.solvers.local.project.placing import (
    fit_piece,
    fit_tick,
    serial_tick,
    take_pieces,
)

_WORST: Final = 1 << 62


@inner
def order_by(key: IntArray, count: IntArray, out: IntArray, backward: bool) -> None:
    """Set ``out`` to the activities by ``key`` (all >= 0), ties topologically.

    ``backward`` means that successors come first among equals. Counting sort where ``count`` has
    room for the largest key, else Shell's sort.
    """
    n = len(key)
    if len(count):
        top = 0
        for j in range(n):
            top = max(top, key[j])
        for t in range(top + 2):
            count[t] = 0
        for j in range(n):
            count[key[j] + 1] += 1
        for t in range(1, top + 1):
            count[t] += count[t - 1]
        if backward:
            for j in range(n - 1, -1, -1):
                out[count[key[j]]] = j
                count[key[j]] += 1
        else:
            for j in range(n):
                out[count[key[j]]] = j
                count[key[j]] += 1
        return
    sign = -1 if backward else 1
    for j in range(n):
        out[j] = j
    gap = 1
    while gap < n // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, n):
            j = out[i]
            q = i
            while q >= gap:
                k = out[q - gap]
                if key[k] < key[j] or (key[k] == key[j] and sign * k < sign * j):
                    break
                out[q] = k
                q -= gap
            out[q] = j
        gap //= 3


@inner
def serial(N: Network, D: Desk, backward: bool, choose: bool) -> None:
    """Schedule the list on the desk, in the mirrored project if ``backward``; any profile.

    With ``choose``, half of the activities take the mode in which they end earliest among those
    that the consumables allow, given the modes of all others.
    """
    ptr = N.after_ptr if backward else N.before_ptr
    other = N.after if backward else N.before
    lag = N.after_lag if backward else N.before_lag
    ready = D.tail if backward else N.ready
    finish = D.mirror if backward else D.finish
    by_tick = len(D.profile.tick) > 0
    tick, time, free = D.profile.tick, D.profile.time, D.profile.free
    D.passes[0] += 1
    if by_tick and not choose:
        serial_tick(
            D.order, D.duration, D.word, ptr, other, lag, ready, N.full[0], N.guard[0], tick, finish
        )
        return
    filled, pieces = 0, 1
    if not by_tick:
        time[0] = 0
        for w in range(len(N.full)):
            free[0, w] = N.full[w]
    for i in range(len(D.order)):
        j = D.order[i]
        earliest = ready[j]
        for k in range(ptr[j], ptr[j + 1]):
            earliest = max(earliest, finish[other[k]] + lag[k])
        a, b = D.mode[j], D.mode[j] + 1
        if choose and draw(D.state) & 1:
            a, b = N.mode_ptr[j], N.mode_ptr[j + 1]
        best, t, first, last = -1, 0, 0, 0
        for m in range(a, b):
            allowed = True
            for c in range(len(D.use)):
                more = N.spend[m, c] - N.spend[D.mode[j], c]
                if more > 0 and D.use[c] + more > N.amount[c]:
                    allowed = False
            if not allowed:
                continue
            s, d, q, r = earliest, N.duration[m], 0, 0
            if d > 0 and by_tick:
                s = fit_tick(tick, filled, N.guard[0], N.need[m, 0], s, d)
            elif d > 0:
                s, q, r = fit_piece(time, free, pieces, N.guard, N.need, m, s, d)
            end = t + N.duration[best]
            if best < 0 or s + d < end or (s + d == end and m == D.mode[j]):
                best, t, first, last = m, s, q, r
        if best != D.mode[j]:
            for c in range(len(D.use)):
                D.use[c] += N.spend[best, c] - N.spend[D.mode[j], c]
            D.mode[j] = best
            D.duration[j] = N.duration[best]
            D.word[j] = N.need[best, 0]
        d = D.duration[j]
        if d > 0 and by_tick:
            while filled < t + d:
                tick[filled] = N.full[0]
                filled += 1
            for u in range(t, t + d):
                tick[u] -= D.word[j]
        elif d > 0:
            pieces = take_pieces(time, free, pieces, N.need, best, t, d, first, last)
        finish[j] = t + d


@inner
def justify(N: Network, P: Price, D: Desk, mirrored: bool, improve: bool) -> int:
    """Schedule the list on the desk, of the mirrored project if so, and justify; the cost.

    ``finish`` is left with a left-justified schedule of that cost. With ``improve``, other modes
    are tried once in the end and kept if the cost does not rise.
    """
    n = len(D.order)
    for j in range(n):
        D.duration[j] = N.duration[D.mode[j]]
        D.word[j] = N.need[D.mode[j], 0]
    best, kept = _WORST, _WORST
    backward, choose = mirrored, False
    while True:
        serial(N, D, backward, choose)
        end = 0
        if backward:
            for j in range(n):
                end = max(end, D.mirror[j])
            for j in range(n):
                D.key[j] = end - D.mirror[j]
            backward = False
        else:
            value, end = cost_of(P, D.finish, D.at, D.tick[0])
            if choose:
                choose = False
            elif value >= best:
                if not improve:
                    break
                improve, choose = False, True
                kept = value
                for j in range(n):
                    D.kept[j] = D.finish[j]
                    D.kept_mode[j] = D.mode[j]
                    D.key[j] = D.finish[j] - D.duration[j]
            best = value
            if not choose:
                allow(P, D.at, end, D.latest)
                for j in range(n):
                    D.tail[j] = end - D.latest[j]
                    D.key[j] = end - D.finish[j]
                backward = True
        order_by(D.key, D.bucket, D.order, backward)
    if kept < best:
        best = kept
        for j in range(n):
            D.finish[j] = D.kept[j]
            D.mode[j] = D.kept_mode[j]
            D.duration[j] = N.duration[D.mode[j]]
    return best
