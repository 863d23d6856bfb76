"""Tabu search that takes an operation out of its machine's and its job's sequence at once.

With the operation out, heads and tails of the others are exact, so every way to put it back is
valued exactly in O(1): the idea of Mastrolilli and Gambardella, "Effective neighbourhood functions
for the flexible job shop problem", Journal of Scheduling 3 (2000), carried to open shops, where the
second sequence is the job's. Blocks on machines and in jobs (Brucker, Hurink, Jurisch and
Wöstmann, Discrete Applied Mathematics 76, 1997) say that only operations of a critical path need
be moved. On open shops it finds in thousands of steps what moves in one sequence alone (Liaw,
"A tabu search algorithm for the open shop scheduling problem", Computers & OR 26, 1999) miss in
millions.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from makespan.core.vocabulary import IndexArray, IntArray
from makespan.solvers.jit import inner, kernel
from makespan.solvers.local.draw import Stream, draw
from makespan.solvers.local.openshop._graph import link, mend, put_in, sweep, take_out

FAR: Final = 1 << 62


class Tables(NamedTuple):
    """What does not change during a search.

    Attributes
    ----------
    clique
        Number of the clique of each operation per class, int32 (2, n).
    rank
        Number of the operation within that clique, int32 (2, n).
    duration, release, delivery
        Ticks, int64 (n + 1,); the delivery is the time needed after the end.
    """

    clique: IndexArray
    rank: IndexArray
    duration: IntArray
    release: IntArray
    delivery: IntArray


class State(NamedTuple):
    """The current selection and room to work in; one per worker.

    Attributes
    ----------
    before, after
        Neighbours per class, int32 (2, n + 1).
    order, place
        A topological order and its inverse, int32 (n,).
    end, tail
        Ticks, int64 (n + 1,).
    end_without, tail_without
        The same with one operation taken out.
    row, tabu_gap
        Its cliques without it, in sequence, int32 (2, n), and whether it may not be put before
        their k-th operation, bool (2, n + 1).
    aim, worth
        The best way seen to move an operation: it and its new neighbours before and after per
        class, int32 (5,); makespan, longest path through it and number of ties, int64 (3,).
    last
        int32, one per clique of the class with more.
    moved, path
        int32 (2 n,), second half -1; operations of a critical path, the last of the array last.
    tabu
        Until when i must not come before j in class c: ``tabu[c, i, rank[c, j]]``, int64.
    clock
        Iterations done, int64 (1,).
    """

    before: IndexArray
    after: IndexArray
    order: IndexArray
    place: IndexArray
    end: IntArray
    tail: IntArray
    end_without: IntArray
    tail_without: IntArray
    row: IndexArray
    tabu_gap: IndexArray
    aim: IndexArray
    worth: IntArray
    last: IndexArray
    moved: IndexArray
    path: IndexArray
    tabu: IntArray
    clock: IntArray

    @classmethod
    def room(cls, tables: Tables) -> State:
        """Arrays for the operations of ``tables``."""
        n = tables.clique.shape[1]
        end, tail, end_without, tail_without = np.zeros((4, n + 1), dtype=np.int64)
        end[n] = tail[n] = end_without[n] = tail_without[n] = -FAR
        return cls(
            before=np.full((2, n + 1), n, dtype=np.int32),
            after=np.full((2, n + 1), n, dtype=np.int32),
            order=np.zeros(n, dtype=np.int32),
            place=np.zeros(n, dtype=np.int32),
            end=end,
            tail=tail,
            end_without=end_without,
            tail_without=tail_without,
            row=np.zeros((2, n), dtype=np.int32),
            tabu_gap=np.zeros((2, n + 1), dtype=np.int32),
            aim=np.zeros(5, dtype=np.int32),
            worth=np.zeros(3, dtype=np.int64),
            last=np.zeros(int(tables.clique.max()) + 1, dtype=np.int32),
            moved=np.full(2 * n, -1, dtype=np.int32),
            path=np.zeros(n, dtype=np.int32),
            tabu=np.zeros((2, n, int(tables.rank.max()) + 1), dtype=np.int64),
            clock=np.zeros(1, dtype=np.int64),
        )


@inner
def measure(T: Tables, S: State) -> None:
    """Ends and tails of all operations."""
    first, last = 0, len(S.order) - 1
    sweep(S.order, first, 1, S.before, T.duration, T.release, S.end)
    sweep(S.order, last, -1, S.after, T.duration, T.delivery, S.tail)


@inner
def critical_path(T: Tables, S: State, random: Stream) -> tuple[int, int]:
    """Makespan and where in ``S.path`` a random critical path begins."""
    n = len(S.order)
    longest = -FAR
    seen = 0
    x = 0
    for i in range(n):
        t = S.end[i] + T.delivery[i]
        if t >= longest:
            if t > longest:
                longest, seen = t, 0
            seen += 1
            if seen == 1 or draw(random) % seen == 0:
                x = i
    k = n - 1
    S.path[k] = x
    while True:
        start = S.end[x] - T.duration[x]
        zero = S.end[S.before[0, x]] == start
        one = S.end[S.before[1, x]] == start
        if not (zero or one):
            return longest, k
        c = 0 if zero else 1
        if zero and one:
            c = draw(random) & 1
        x = S.before[c, x]
        k -= 1
        S.path[k] = x


@inner
def list_gaps(T: Tables, S: State, c: int, u: int, now: int) -> int:
    """Fill ``S.row`` and ``S.tabu_gap`` of class c for u; how many others its clique has."""
    n = len(S.order)
    x = u
    while S.before[c, x] < n:
        x = S.before[c, x]
    size = 0
    lowest = 0
    highest = n
    while x < n:
        if x != u:
            S.row[c, size] = x
            if S.tabu[c, x, T.rank[c, u]] > now:
                highest = min(highest, size)
            size += 1
            if S.tabu[c, u, T.rank[c, x]] > now:
                lowest = size
        x = S.after[c, x]
    for g in range(size + 1):
        S.tabu_gap[c, g] = 0 if lowest <= g <= highest else 1
    return size


@inner
def try_out(T: Tables, S: State, u: int, now: int, least: int, random: Stream) -> None:
    """Value every way to move u and enter the best in ``S.aim`` and ``S.worth``.

    A gap on the machine and one in the job go together if no operation behind one must precede the
    other, which is certain if it ends after the latter starts. Orders that are tabu are passed
    over unless the schedule gets shorter than ``least``, the best so far.
    """
    n = len(S.order)
    end, tail = S.end_without, S.tail_without
    take_out(u, S.before, S.after)
    for i in range(n):
        end[i] = S.end[i]
        tail[i] = S.tail[i]
    sweep(S.order, S.place[u] + 1, 1, S.before, T.duration, T.release, end)
    sweep(S.order, S.place[u] - 1, -1, S.after, T.duration, T.delivery, tail)
    put_in(u, S.before, S.after)
    end[u] = -FAR
    rest = -FAR
    for i in range(n):
        rest = max(rest, end[i] + T.delivery[i])
    if rest > S.worth[0]:
        return
    size = others = 0
    for c in range(2):
        size, others = others, list_gaps(T, S, c, u, now)
    low = 0
    for g in range(size + 1):
        p = S.row[0, g - 1] if g > 0 else n
        s = S.row[0, g] if g < size else n
        while low < others and g > 0 and end[S.row[1, low]] <= end[p] - T.duration[p]:
            low += 1
        for h in range(low, others + 1):
            q = S.row[1, h - 1] if h > 0 else n
            r = S.row[1, h] if h < others else n
            if h > 0 and g < size and end[q] - T.duration[q] >= end[s]:
                break
            if p == S.before[0, u] and q == S.before[1, u]:
                continue
            head = max(end[p], end[q], T.release[u])
            value = head + T.duration[u] + max(tail[s], tail[r], T.delivery[u])
            total = max(value, rest)
            if total >= least and S.tabu_gap[0, g] + S.tabu_gap[1, h] > 0:
                continue
            if total > S.worth[0] or (total == S.worth[0] and value > S.worth[1]):
                continue
            if total < S.worth[0] or value < S.worth[1]:
                S.worth[0], S.worth[1], S.worth[2] = total, value, 0
            S.worth[2] += 1
            if S.worth[2] == 1 or draw(random) % S.worth[2] == 0:
                S.aim[0], S.aim[1], S.aim[2], S.aim[3], S.aim[4] = u, p, s, q, r


@inner
def forbid(T: Tables, S: State, c: int, u: int, successor: int, until: int) -> None:
    """Make the orders tabu that putting u before ``successor`` (n: last) in class c undoes."""
    n = len(S.order)
    x = u
    while x < n and x != successor:
        x = S.after[c, x]
    if x == successor:
        x = S.after[c, u]
        while x != successor:
            S.tabu[c, u, T.rank[c, x]] = until
            x = S.after[c, x]
    else:
        while x != successor:
            x = S.before[c, u] if x == n else S.before[c, x]
            S.tabu[c, x, T.rank[c, u]] = until


@inner
def move(T: Tables, S: State) -> bool:
    """Carry out ``S.aim``; the makespan is then exactly ``S.worth[0]``, unless there is a cycle."""
    u = S.aim[0]
    take_out(u, S.before, S.after)
    for c in range(2):
        S.before[c, u] = S.aim[1 + 2 * c]
        S.after[c, u] = S.aim[2 + 2 * c]
    put_in(u, S.before, S.after)
    acyclic = mend(u, S.order, S.place, S.before, S.moved, S.path)
    measure(T, S)
    return acyclic


@inner
def load(T: Tables, S: State) -> None:
    """Sequence every clique by ``S.order``."""
    link(T.clique, S.order, S.before, S.after, S.last)
    for k in range(len(S.order)):
        S.place[S.order[k]] = k
    measure(T, S)


@kernel
def descend(
    T: Tables,
    S: State,
    best: IntArray,
    bound: int,
    patience: int,
    most: int,
    tenure: int,
    random: Stream,
    halt: IntArray,
) -> int:
    """Search from the sequences of ``S.order``; the least makespan found.

    Parameters
    ----------
    best
        Receives the starts of the best schedule, (n,).
    bound
        Ends when this makespan is met.
    patience, most
        Iterations without a better schedule, and in all, after which it ends.
    tenure
        Least number of iterations for which a reversed order stays tabu; up to twice that.
    """
    n = len(S.order)
    load(T, S)
    least = FAR
    now = S.clock[0]
    stale = now
    finish = now + most
    while True:
        makespan, first = critical_path(T, S, random)
        if makespan < least:
            least = makespan
            stale = now
            for i in range(n):
                best[i] = S.end[i] - T.duration[i]
        if least <= bound or now - stale >= patience or now >= finish or halt[0] != 0:
            break
        now += 1
        S.worth[0] = S.worth[1] = FAR
        for k in range(first, n):
            try_out(T, S, S.path[k], now, least, random)
        if S.worth[0] < FAR:
            until = now + tenure + draw(random) % (tenure + 1)
            for c in range(2):
                forbid(T, S, c, S.aim[0], S.aim[2 + 2 * c], until)
            move(T, S)
    S.clock[0] = now
    return least
