"""Kernels for plain shops: each task is one operation on one of its machines.

They know only releases and finish-to-start lags and are therefore short: they dispatch a million
operations in about a second, and tests compare them with plain references and each other.
"""

from __future__ import annotations

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.solvers.dispatch import _fit as fit
from makespan.solvers.dispatch._layout import (
    ARC_FROM,
    ARC_TO,
    DEMAND_FROM,
    DONE,
    DURATION,
    END,
    FAR,
    HALTED,
    MODE,
    MODE_FROM,
    MODE_TO,
    NEXT_FROM,
    NEXT_TO,
    OTHER,
    PLACED,
    RELEASE,
    RESOURCE,
    SENSE,
    START,
    WAITS,
    WEIGHT,
    State,
    Tables,
)
from makespan.solvers.dispatch._score import LENGTH, STATIC, WINQ, Facts, noisy
from makespan.solvers.jit import inner, kernel


@inner
def _machine(T: Tables, m: int) -> int:
    return T.demand[T.mode[m, DEMAND_FROM], RESOURCE]


@inner
def _begin(T: Tables, S: State) -> None:
    # Plain loops: assignments to slices take seconds to compile.
    for r in range(len(S.queued)):
        S.queued[r] = 0
    for k in range(3):
        S.report[k] = 0
    for i in range(len(T.task)):
        S.place[i, PLACED] = 0
        S.waits[i] = T.block[i, WAITS]
        S.floor[i] = T.task[i, RELEASE]


@inner
def _take(T: Tables, S: State, F: Facts, i: int, m: int, s: int) -> None:
    """Fix the task and tell its successors from when on they may start (in ``floor``)."""
    e = s + T.mode[m, DURATION]
    S.place[i, START], S.place[i, END], S.place[i, MODE], S.place[i, PLACED] = s, e, m, 1
    if F.code >= WINQ:
        S.queued[_machine(T, T.task[i, MODE_FROM])] -= int(F.task[i, LENGTH])
    for k in range(T.task[i, ARC_FROM], T.task[i, ARC_TO]):
        # Row "I must not end later than the other's start - lag", read from the other's side.
        if T.arc[k, SENSE] == -1:
            o = T.arc[k, OTHER]
            S.floor[o] = max(S.floor[o], e - T.arc[k, WEIGHT])


@inner
def _arrive(T: Tables, S: State, F: Facts, i: int) -> None:
    # With alternative machines the work counts at the first, wherever it goes in the end.
    if F.code >= WINQ:
        S.queued[_machine(T, T.task[i, MODE_FROM])] += int(F.task[i, LENGTH])


@kernel
def non_delay(T: Tables, S: State, F: Facts) -> int:
    """Whenever a machine is free and an operation waits for it, start the one of least score.

    For one mode per task. One heap holds the times at which a task becomes ready (items 0 .. n-1)
    or a machine free (items n ..); each machine keeps its waiting tasks, heaped by score if the
    rule is static and scanned if not. O(n log n) for static rules.
    """
    _begin(T, S)
    n, machines = len(T.task), len(T.resource)
    static = F.code == STATIC
    event_time = np.empty(n + machines + 1)
    event = np.empty(n + machines + 1, dtype=np.int64)
    wait_key = np.empty(int(T.busy_at[machines]))
    wait = np.empty(int(T.busy_at[machines]), dtype=np.int64)
    waiting = np.zeros(machines, dtype=np.int64)
    busy = np.zeros(machines, dtype=np.uint8)
    marked = np.zeros(machines, dtype=np.uint8)
    touched = np.empty(machines, dtype=np.int64)
    size = 0
    for i in range(n):
        if S.waits[i] == 0:
            _arrive(T, S, F, i)
            size = fit.heap_push(event_time, event, size, float(S.floor[i]), i)
    while size > 0:
        if S.halt[0] != 0:
            return HALTED
        now = event_time[0]
        count = 0
        while size > 0 and event_time[0] == now:
            item = event[0]
            size = fit.heap_pop(event_time, event, size)
            if item < n:
                r = _machine(T, T.task[item, MODE_FROM])
                low = T.busy_at[r]
                key = noisy(F, item, now, now, S.queued, S.dice) if static else 0.0
                fit.heap_push(wait_key[low:], wait[low:], waiting[r], key, item)
                waiting[r] += 1
            else:
                r = item - n
                busy[r] = 0
            if marked[r] == 0:
                marked[r] = 1
                touched[count] = r
                count += 1
        for k in range(count):
            r = touched[k]
            marked[r] = 0
            if busy[r] == 1 or waiting[r] == 0:
                continue
            low = T.busy_at[r]
            if static:
                i = wait[low]
                fit.heap_pop(wait_key[low:], wait[low:], waiting[r])
            else:
                i = _pick(S, F, wait[low : low + waiting[r]], now)
            waiting[r] -= 1
            busy[r] = 1
            m = T.task[i, MODE_FROM]
            _take(T, S, F, i, m, int(now))
            size = fit.heap_push(event_time, event, size, float(S.place[i, END]), n + r)
            for q in range(T.block[i, NEXT_FROM], T.block[i, NEXT_TO]):
                j = T.follower[q]
                S.waits[j] -= 1
                if S.waits[j] == 0:
                    _arrive(T, S, F, j)
                    size = fit.heap_push(event_time, event, size, float(S.floor[j]), j)
    return DONE


@inner
def _pick(S: State, F: Facts, queue: IntArray, now: float) -> int:
    """Take the task of least score out of an unordered queue."""
    best, best_key = 0, 0.0
    for k in range(len(queue)):
        i = queue[k]
        key = noisy(F, i, now, float(S.floor[i]), S.queued, S.dice)
        if k == 0 or key < best_key or (key == best_key and i < queue[best]):
            best, best_key = k, key
    i = queue[best]
    queue[best] = queue[len(queue) - 1]
    return i


@inner
def _tree_set(tree: IntArray, leaves: int, at: int, value: int) -> None:
    """Change a leaf of a tournament tree of minima."""
    at += leaves
    tree[at] = value
    at >>= 1
    while at >= 1:
        least = min(tree[2 * at], tree[2 * at + 1])
        if tree[at] == least:
            break
        tree[at] = least
        at >>= 1


@kernel
def giffler_thompson(T: Tables, S: State, F: Facts) -> int:
    """Active schedule: branch only on the machine where the earliest completion occurs.

    Giffler & Thompson, Operations Research 8(4), 1960: of all waiting operations take the one
    that could complete first, at time c on machine M; among those on M that could start before c
    start the one of least score. With alternative machines an operation waits on each of them.
    O(n (log machines + queue length)).
    """
    _begin(T, S)
    n, machines = len(T.task), len(T.resource)
    leaves = 1
    while leaves < machines:
        leaves *= 2
    tree = np.full(2 * leaves, FAR)
    free = np.full(machines, -FAR)
    first = np.full(machines, -1)
    after = np.full(len(T.mode), -1)
    before = np.full(len(T.mode), -1)
    owner = np.empty(len(T.mode), dtype=np.int64)
    for i in range(n):
        for m in range(T.task[i, MODE_FROM], T.task[i, MODE_TO]):
            owner[m] = i
    for i in range(n):
        if S.waits[i] == 0:
            _queue_up(T, S, F, i, tree, leaves, free, first, after, before)
    while tree[1] < FAR:
        if S.halt[0] != 0:
            return HALTED
        at = 1
        while at < leaves:
            at = 2 * at if tree[2 * at] == tree[at] else 2 * at + 1
        r = at - leaves
        complete = tree[1]
        best, best_key = -1, 0.0
        m = first[r]
        while m >= 0:
            i = owner[m]
            s = max(free[r], S.floor[i])
            if s < complete:
                key = noisy(F, i, float(s), float(S.floor[i]), S.queued, S.dice)
                if best < 0 or key < best_key or (key == best_key and m < best):
                    best, best_key = m, key
            m = after[m]
        i = owner[best]
        _take(T, S, F, i, best, max(free[r], S.floor[i]))
        free[r] = S.place[i, END]
        for m in range(T.task[i, MODE_FROM], T.task[i, MODE_TO]):
            other = _machine(T, m)
            if before[m] >= 0:
                after[before[m]] = after[m]
            else:
                first[other] = after[m]
            if after[m] >= 0:
                before[after[m]] = before[m]
            _refresh(T, S, other, owner, tree, leaves, free, first, after)
        for q in range(T.block[i, NEXT_FROM], T.block[i, NEXT_TO]):
            j = T.follower[q]
            S.waits[j] -= 1
            if S.waits[j] == 0:
                _queue_up(T, S, F, j, tree, leaves, free, first, after, before)
    return DONE


@inner
def _queue_up(
    T: Tables,
    S: State,
    F: Facts,
    i: int,
    tree: IntArray,
    leaves: int,
    free: IntArray,
    first: IntArray,
    after: IntArray,
    before: IntArray,
) -> None:
    """Put a ready task into the queue of each of its machines."""
    _arrive(T, S, F, i)
    for m in range(T.task[i, MODE_FROM], T.task[i, MODE_TO]):
        r = _machine(T, m)
        after[m], before[m] = first[r], -1
        if first[r] >= 0:
            before[first[r]] = m
        first[r] = m
        end = max(free[r], S.floor[i]) + T.mode[m, DURATION]
        if end < tree[leaves + r]:
            _tree_set(tree, leaves, r, end)


@inner
def _refresh(
    T: Tables,
    S: State,
    r: int,
    owner: IntArray,
    tree: IntArray,
    leaves: int,
    free: IntArray,
    first: IntArray,
    after: IntArray,
) -> None:
    """Recompute the earliest completion among the tasks that wait for machine r."""
    least = FAR
    m = first[r]
    while m >= 0:
        least = min(least, max(free[r], S.floor[owner[m]]) + T.mode[m, DURATION])
        m = after[m]
    _tree_set(tree, leaves, r, least)
