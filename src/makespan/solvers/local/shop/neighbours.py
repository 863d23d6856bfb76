"""Kernels that look for the best move: block moves and changes of machine on a critical path.

Block moves are N7 of Zhang, Li, Guan & Rao (2007): an operation of a block moves to either end of
it, or the operation at an end moves inside. They are judged by the estimate of Balas & Vazacopoulos
(1998), exact for adjacent swaps, and given up as soon as they exceed the best move so far. An
operation may also move to another machine, anywhere between the operations that must come before
and those that must come after it (Mastrolilli & Gambardella 2000); it is judged by the longest path
through it.
"""

from __future__ import annotations

from typing import Final

from makespan.core.vocabulary import IntArray
from makespan.solvers.local.draw import Stream, draw
from makespan.solvers.local.shop.compiled import inner
from makespan.solvers.local.shop.layout import State, Tables

FAR: Final = 1 << 40
"""Estimate of no move."""

# Columns of the candidates: what is moved, the option it gets, and its new index in the line.
ESTIMATE: Final = 0
MOVED: Final = 1
OPTION: Final = 2
TARGET: Final = 3
TIES: Final = 4
"""Candidates as good as the one noted, of which each is kept with equal probability."""


@inner
def critical_path(T: Tables, S: State, end: int, rng: Stream) -> int:
    """Write a random critical path to the end of ``path``; returns where it begins.

    Traced backwards, so that it may begin with an operation that waits for its release.
    """
    ties = 0
    x = 0
    for c in range(len(T.last)):
        if S.head[T.last[c]] == end:
            ties += 1
            if ties == 1 or draw(rng) % ties == 0:
                x = T.last[c]
    if S.fence[0] != 0:
        x = _last_operation(T, S, end, rng)
    i = len(S.path)
    while True:
        i -= 1
        S.path[i] = x
        begin = S.head[x] - S.duration[x]
        if begin == S.release[x]:
            return i
        by_machine = S.head[S.before[x]] == begin
        if by_machine and S.head[x - 1] == begin:
            by_machine = draw(rng) & 1 == 0
        x = S.before[x] if by_machine else x - 1
        if S.at[x] < 0:
            return i


@inner
def _last_operation(T: Tables, S: State, end: int, rng: Stream) -> int:
    """The last operation of a random critical path where fences and chains have tails."""
    ties = 0
    x = 0
    for c in range(len(T.last)):
        y = T.last[c]
        if S.head[y] + S.tail[y + 1] == end:
            ties += 1
            if ties == 1 or draw(rng) % ties == 0:
                x = y
    for k in range(len(S.length)):
        if S.length[k] > 0:
            y = S.line[T.line_ptr[k] + S.length[k] - 1]
            if S.head[y] + S.tail[S.fence[k]] == end:
                ties += 1
                if ties == 1 or draw(rng) % ties == 0:
                    x = y
    return x


@inner
def note(best: IntArray, estimate: int, u: int, a: int, target: int, rng: Stream) -> None:
    """Keep the candidate if it is better than the best one, or by lot if it is as good."""
    if estimate < best[ESTIMATE]:
        best[TIES] = 0
    best[TIES] += 1
    if best[TIES] == 1 or draw(rng) % best[TIES] == 0:
        best[ESTIMATE] = estimate
        best[MOVED] = u
        best[OPTION] = a
        best[TARGET] = target


@inner
def block_moves(T: Tables, S: State, begin: int, now: int, record: int, rng: Stream) -> None:
    """Note the best block move that is not tabu, or is but promises less than ``record``.

    ``spare`` receives a random one of the tabu moves.
    """
    chains = len(T.first)
    slots = len(S.forbidden) - 1
    strict = T.strict[0]
    stop = len(S.path)
    i = begin
    while i < stop:
        k = S.machine[S.path[i]]
        j = i + 1
        while j < stop and S.machine[S.path[j]] == k:
            j += 1
        if j - i > 1:
            a0 = S.place[S.path[i]] + 0
            b0 = a0 + (j - i) - 1
            front = i == begin and S.head[S.path[i]] == S.duration[S.path[i]]
            back = j == stop and S.tail[S.path[j - 1]] == S.duration[S.path[j - 1]]
            for s in range(a0, b0):
                if back and s > a0:
                    break
                u = S.line[s]
                closest = s + 1 if s == a0 and not front else b0
                tail_next = S.tail[u + 1]
                head = S.head[S.before[u]] + 0
                own = max(S.head[u - 1], S.release[u])
                for t in range(s + 1, b0 + 1):
                    w = S.line[t]
                    if w == u + 1:
                        break
                    head = max(head, S.head[w - 1], S.release[w])
                    S.ahead[t - s] = head
                    head += S.duration[w]
                    if t < closest or S.tail[w] < tail_next + strict:
                        continue
                    tail = max(S.tail[S.after[w]], tail_next) + S.duration[u]
                    estimate = max(own, head) + tail
                    v = t
                    while v > s and estimate <= S.best[ESTIMATE]:
                        x = S.line[v]
                        tail = max(tail, S.tail[x + 1]) + S.duration[x]
                        estimate = max(estimate, S.ahead[v - s] + tail)
                        v -= 1
                    if estimate > S.best[ESTIMATE]:
                        continue
                    tabu = False
                    if estimate >= record:
                        c = T.chain[u]
                        for v in range(s + 1, t + 1):
                            if S.forbidden[(S.line[v] * chains + c) & slots] >= now:
                                tabu = True
                                break
                    if tabu:
                        S.spare[ESTIMATE] = 0
                        note(S.spare, S.spare[ESTIMATE], u, S.option[u] + 0, t, rng)
                    else:
                        note(S.best, estimate, u, S.option[u] + 0, t, rng)
            for s in range(b0, a0, -1):
                if front and s < b0:
                    break
                u = S.line[s]
                # The swap with the neighbour has been looked at from the neighbour's side.
                closest = s - 2 if s == b0 and not back else a0
                if closest > s - 2:
                    continue
                head_before = max(S.head[u - 1], S.release[u])
                bound = S.head[u - 1] + strict
                tail = S.tail[S.after[u]] + 0
                own = S.tail[u + 1]
                for t in range(s - 1, a0 - 1, -1):
                    w = S.line[t]
                    if w == u - 1:
                        break
                    tail = max(tail, S.tail[w + 1])
                    S.ahead[s - t] = tail
                    tail += S.duration[w]
                    if t > closest or S.head[w] < bound:
                        continue
                    head = max(S.head[S.before[w]], head_before) + S.duration[u]
                    estimate = head + max(own, tail)
                    v = t
                    while v < s and estimate <= S.best[ESTIMATE]:
                        x = S.line[v]
                        head = max(head, S.head[x - 1], S.release[x]) + S.duration[x]
                        estimate = max(estimate, head + S.ahead[s - v])
                        v += 1
                    if estimate > S.best[ESTIMATE]:
                        continue
                    tabu = False
                    if estimate >= record:
                        for v in range(t, s):
                            if S.forbidden[(u * chains + T.chain[S.line[v]]) & slots] >= now:
                                tabu = True
                                break
                    if tabu:
                        S.spare[ESTIMATE] = 0
                        note(S.spare, S.spare[ESTIMATE], u, S.option[u] + 0, t, rng)
                    else:
                        note(S.best, estimate, u, S.option[u] + 0, t, rng)
        i = j


@inner
def machine_moves(T: Tables, S: State, begin: int, end: int, now: int, rng: Stream) -> None:
    """Note the best change of machine of an operation on the path that is not tabu.

    There is no aspiration: the estimate sees only paths through the operation and would grant it
    most of the time. An operation entered and left along the machine leaves a path of length
    ``end - duration`` behind, which no insertion elsewhere undercuts.
    """
    machines = len(S.length)
    slots = len(S.barred) - 1
    stop = len(S.path)
    for i in range(begin, stop):
        u = S.path[i]
        if T.option_ptr[u + 1] - T.option_ptr[u] < 2:
            continue
        k0 = S.machine[u]
        floor = 0
        if (i == begin or S.machine[S.path[i - 1]] == k0) and (
            i == stop - 1 or S.machine[S.path[i + 1]] == k0
        ):
            floor = end - S.duration[u]
        enter = S.head[u - 1] - S.duration[u - 1]
        ready = max(S.head[u - 1], S.release[u])
        tail_next = S.tail[u + 1]
        leave = (
            S.head[u + 1] - S.duration[u + 1] if T.option_ptr[u + 2] > T.option_ptr[u + 1] else FAR
        )
        for a in range(T.option_ptr[u], T.option_ptr[u + 1]):
            k = T.option_machine[a]
            if k == k0:
                continue
            duration = T.option_duration[a]
            if max(floor, ready + duration + tail_next) > S.best[ESTIMATE]:
                continue
            base = T.line_ptr[k]
            top = base + S.length[k]
            low, high = base, top
            while low < high:
                middle = (low + high) >> 1
                if S.head[S.line[middle]] <= enter:
                    low = middle + 1
                else:
                    high = middle
            if S.machine[u - 1] == k and S.head[u - 1] > 0:
                low = max(low, S.place[u - 1] + 1)
            first, high = low, top
            if first > base:
                # An operation of length 0 may end by ``enter`` and yet start at ``leave``, so that
                # it may have to come after u as well: times alone do not tell.
                y = S.line[first - 1]
                if S.head[y] - S.duration[y] >= leave:
                    continue
            while low < high:
                middle = (low + high) >> 1
                y = S.line[middle]
                if S.head[y] - S.duration[y] < leave:
                    low = middle + 1
                else:
                    high = middle
            until = low
            if leave < FAR and S.machine[u + 1] == k:
                until = min(until, S.place[u + 1] + 0)
            least = FAR
            target = 0
            free = S.head[S.line[first - 1]] + 0 if first > base else S.head[S.fence[k]] + 0
            for t in range(first, until + 1):
                tail = S.tail[S.fence[k]] + 0
                head = 0
                if t < top:
                    tail = S.tail[S.line[t]] + 0
                    head = S.head[S.line[t]] + 0
                estimate = max(ready, free) + duration + max(tail_next, tail)
                if estimate < least:
                    least = estimate
                    target = t
                free = head
                if free >= least:
                    break
            if least == FAR:
                continue
            estimate = max(least, floor)
            if S.barred[(u * machines + k) & slots] >= now:
                S.spare[ESTIMATE] = 0
                note(S.spare, S.spare[ESTIMATE], u, a + 0, target, rng)
            elif estimate <= S.best[ESTIMATE]:
                note(S.best, estimate, u, a + 0, target, rng)
