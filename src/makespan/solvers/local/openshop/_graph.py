"""The disjunctive graph of an open shop, in which machines and jobs play the same part.

Every operation lies in one clique of class 0 (its machine) and one of class 1 (its job); a
selection puts each clique in sequence. ``before[c, i]`` and ``after[c, i]`` are the neighbours of
operation i in its clique of class c, ``n`` standing for none. Heads are kept as ends (longest path
up to and including i) and tails include i too, so that the graph read backwards has the same form:
``sweep`` serves both directions, with ``before`` and ``after``, releases and deliveries exchanged.

Row n of ends and tails is a sentinel that never counts; durations are positive.
"""

from __future__ import annotations

from makespan.core.vocabulary import IndexArray, IntArray
from makespan.solvers.jit import inner


@inner
def link(
    clique: IndexArray, order: IndexArray, before: IndexArray, after: IndexArray, last: IndexArray
) -> None:
    """Put every clique in the sequence of a topological order; ``last`` is scratch per clique."""
    n = len(order)
    for c in range(2):
        for k in range(len(last)):
            last[k] = n
        for k in range(n):
            i = order[k]
            p = last[clique[c, i]]
            before[c, i] = p
            after[c, p] = i
            after[c, i] = n
            last[clique[c, i]] = i


@inner
def sweep(
    order: IndexArray,
    first: int,
    step: int,
    before: IndexArray,
    duration: IntArray,
    release: IntArray,
    end: IntArray,
) -> None:
    """Ends of the operations from place ``first`` on in steps of +1, or tails in steps of -1."""
    n = len(order)
    k = first
    while 0 <= k < n:
        i = order[k]
        t = max(release[i], end[before[0, i]], end[before[1, i]])
        end[i] = t + duration[i]
        k += step


@inner
def take_out(u: int, before: IndexArray, after: IndexArray) -> None:
    """Join the neighbours of u in both classes; u still knows them."""
    for c in range(2):
        p, s = before[c, u], after[c, u]
        after[c, p] = s
        before[c, s] = p


@inner
def put_in(u: int, before: IndexArray, after: IndexArray) -> None:
    """Make u the neighbour of those it names as its own."""
    for c in range(2):
        after[c, before[c, u]] = u
        before[c, after[c, u]] = u


@inner
def mend(
    u: int,
    order: IndexArray,
    place: IndexArray,
    before: IndexArray,
    moved: IndexArray,
    room: IndexArray,
) -> bool:
    """Make ``order`` topological again after u alone was put elsewhere. O(n).

    u goes right behind the later of its predecessors, and what depends on u but stood before that
    follows it. Returns whether the graph is acyclic; if not, it is of no use any more.

    Parameters
    ----------
    moved
        int32 (2 n,), whose second half marks dependants and holds -1 before and after.
    room
        Scratch, int32 (n,).
    """
    n = len(order)
    latest = -1
    for c in range(2):
        p = before[c, u]
        if p < n:
            latest = max(latest, place[p])
    free = count = 0
    acyclic = True
    if latest < 0:
        room[0] = u
        free = 1
    for k in range(n):
        x = order[k]
        if x != u:
            later = False
            if k <= latest:
                a, b = before[0, x], before[1, x]
                later = a == u or b == u
                later = later or (a < n and moved[n + a] >= 0) or (b < n and moved[n + b] >= 0)
            if later:
                moved[count] = x
                moved[n + x] = 0
                count += 1
            else:
                room[free] = x
                free += 1
        if k == latest:
            acyclic = not (
                (before[0, u] < n and moved[n + before[0, u]] >= 0)
                or (before[1, u] < n and moved[n + before[1, u]] >= 0)
            )
            room[free] = u
            free += 1
            for m in range(count):
                moved[n + moved[m]] = -1
                room[free] = moved[m]
                free += 1
    for k in range(n):
        order[k] = room[k]
        place[order[k]] = k
    return acyclic
