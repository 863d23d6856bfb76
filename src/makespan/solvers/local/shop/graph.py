"""Kernels on the disjunctive graph: building, moving operations, heads and tails.

The arcs of a schedule run along the jobs and along the machines. A topological order of them is
kept through all moves; after a move only the stretch of it between the moved operation's old and
new neighbours is rearranged, and heads and tails are recomputed from there until nothing changes
any more (Nowicki & Smutnicki 2005, "An advanced tabu search algorithm for the job shop problem",
section 4, keep such an order for the same reason).
"""

from __future__ import annotations

from makespan.solvers.local.shop.compiled import inner, kernel
from makespan.solvers.local.shop.layout import Int32, State, Tables, UInt32

_SMALL = 2500
"""Operations up to which heads and tails are recomputed to the end without asking whether they
still change: the loops without branches are faster than shorter ones with them."""


@kernel
def build(T: Tables, S: State, order: UInt32, option: Int32) -> int:
    """Make (order, option) the current schedule; returns its makespan.

    ``order`` need only respect the chains. O(n).
    """
    n = len(order)
    for k in range(len(S.length)):
        S.length[k] = 0
    for i in range(n):
        x = order[i]
        a = option[x]
        k = T.option_machine[a]
        S.option[x] = a
        S.duration[x] = T.option_duration[a]
        place = T.line_ptr[k] + S.length[k]
        before = S.line[place - 1] if S.length[k] > 0 else S.fence[k]
        S.before[x] = before
        S.after[x] = S.fence[k]
        if before != 0:
            S.after[before] = x
        S.machine[x] = k
        S.place[x] = place
        S.line[place] = x
        S.length[k] += 1
        S.topo[i] = x
        S.at[x] = i
        S.head[x] = _head(S, x)
    for i in range(n - 1, -1, -1):
        x = S.topo[i]
        S.tail[x] = _tail(S, x)
    return latest(T, S)


@inner
def _head(S: State, x: int) -> int:
    begin = max(S.release[x], S.head[x - 1], S.head[S.before[x]])
    return begin + S.duration[x]


@inner
def _tail(S: State, x: int) -> int:
    return max(S.tail[x + 1], S.tail[S.after[x]]) + S.duration[x]


@inner
def latest(T: Tables, S: State) -> int:
    """Makespan: the largest head of the chains' last operations.

    Where there are fences, the longest path through any operation.
    """
    end = 0
    if S.fence[0] == 0:
        for c in range(len(T.last)):
            end = max(end, S.head[T.last[c]])
        return end
    for c in range(len(T.last)):
        x = T.last[c]
        end = max(end, S.head[x] + S.tail[x + 1])
    for k in range(len(S.length)):
        if S.length[k] > 0:
            x = S.line[T.line_ptr[k] + S.length[k] - 1]
            end = max(end, S.head[x] + S.tail[S.fence[k]])
    return end


@inner
def move(
    T: Tables,
    S: State,
    u: int,
    a: int,
    target: int,
) -> bool:
    """Put operation u with option a at index ``target`` of its machine's line.

    On its own machine the operations between close up, so u ends at ``target`` either way; on
    another machine those from ``target`` on step back. Heads and tails are brought up to date.
    False, with the schedule destroyed, if the move would close a cycle.
    """
    k = S.machine[u]
    place = S.place[u]
    f, g = S.before[u], S.after[u]
    if f != 0:
        S.after[f] = g
    if g != 0:
        S.before[g] = f
    if a == S.option[u]:
        if target > place:
            for z in range(place, target):
                y = S.line[z + 1]
                S.line[z] = y
                S.place[y] = z
        else:
            for z in range(place, target, -1):
                y = S.line[z - 1]
                S.line[z] = y
                S.place[y] = z
    else:
        end = T.line_ptr[k] + S.length[k] - 1
        for z in range(place, end):
            y = S.line[z + 1]
            S.line[z] = y
            S.place[y] = z
        S.length[k] -= 1
        k = T.option_machine[a]
        end = T.line_ptr[k] + S.length[k]
        for z in range(end, target, -1):
            y = S.line[z - 1]
            S.line[z] = y
            S.place[y] = z
        S.length[k] += 1
        S.machine[u] = k
        S.option[u] = a
        S.duration[u] = T.option_duration[a]
    S.line[target] = u
    S.place[u] = target
    p = S.line[target - 1] if target > T.line_ptr[k] else S.fence[k]
    s = S.line[target + 1] if target < T.line_ptr[k] + S.length[k] - 1 else S.fence[k]
    S.before[u] = p
    S.after[u] = s
    if p != 0:
        S.after[p] = u
    if s != 0:
        S.before[s] = u
    low = high = S.at[u]
    if S.at[p] > low:
        high = S.at[p]
        if not _push_back(S, u, p):
            return False
    elif 0 <= S.at[s] < high:
        low = S.at[s]
        if not _pull_forward(S, u, s):
            return False
    # Rows that are no operations have index -1, so they never widen a sweep.
    _sweep_heads(S, low, max(high, S.at[g], S.at[s]))
    first = low
    if S.at[f] >= 0:
        first = min(first, S.at[f])
    if S.at[p] >= 0:
        first = min(first, S.at[p])
    _sweep_tails(S, high, first)
    return True


@inner
def _push_back(S: State, u: int, p: int) -> bool:
    """Move u and what it leads to behind p, its new predecessor, in the topological order."""
    write = S.at[u]
    high = S.at[p]
    S.mark[u] = 1
    S.buffer[0] = u
    moved = 1
    for z in range(write + 1, high + 1):
        y = S.topo[z]
        if S.mark[y - 1] | S.mark[S.before[y]]:
            S.mark[y] = 1
            S.buffer[moved] = y
            moved += 1
        else:
            S.topo[write] = y
            S.at[y] = write
            write += 1
    sound = S.mark[p] == 0
    for z in range(moved):
        y = S.buffer[z]
        S.mark[y] = 0
        S.topo[write] = y
        S.at[y] = write
        write += 1
    return sound


@inner
def _pull_forward(S: State, u: int, s: int) -> bool:
    """Move u and what leads to it before s, its new successor, in the topological order."""
    write = S.at[u]
    low = S.at[s]
    S.mark[u] = 1
    S.buffer[0] = u
    moved = 1
    for z in range(write - 1, low - 1, -1):
        y = S.topo[z]
        if S.mark[y + 1] | S.mark[S.after[y]]:
            S.mark[y] = 1
            S.buffer[moved] = y
            moved += 1
        else:
            S.topo[write] = y
            S.at[y] = write
            write -= 1
    sound = S.mark[s] == 0
    for z in range(moved):
        y = S.buffer[z]
        S.mark[y] = 0
        S.topo[write] = y
        S.at[y] = write
        write -= 1
    return sound


@inner
def _sweep_heads(S: State, z: int, until: int) -> None:
    """Recompute heads from index z on, as far as ``until`` and as changes reach."""
    if len(S.topo) <= _SMALL:
        for i in range(z, len(S.topo)):
            x = S.topo[i]
            S.head[x] = _head(S, x)
        return
    while z <= until:
        x = S.topo[z]
        head = _head(S, x)
        if head != S.head[x]:
            S.head[x] = head
            until = max(until, S.at[x + 1], S.at[S.after[x]])
        z += 1


@inner
def _sweep_tails(S: State, z: int, until: int) -> None:
    """Recompute tails from index z down, as far as ``until`` and as changes reach."""
    if len(S.topo) <= _SMALL:
        for i in range(z, -1, -1):
            x = S.topo[i]
            S.tail[x] = _tail(S, x)
        return
    while z >= until:
        x = S.topo[z]
        tail = _tail(S, x)
        if tail != S.tail[x]:
            S.tail[x] = tail
            before = S.at[x - 1]
            if 0 <= before < until:
                until = before
            before = S.at[S.before[x]]
            if 0 <= before < until:
                until = before
        z -= 1
