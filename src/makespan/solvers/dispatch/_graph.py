"""Compiled passes over precedence arcs: order, cycles, heads and tails, successors."""

from __future__ import annotations

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.solvers.jit import kernel


@kernel
def csr(owner: IntArray, count: int) -> tuple[IntArray, IntArray]:
    """Pointers and stable order of entries by owner (counting sort), O(n)."""
    ptr = np.zeros(count + 1, dtype=np.int64)
    for o in owner:
        ptr[o + 1] += 1
    for i in range(count):
        ptr[i + 1] += ptr[i]
    order = np.empty(len(owner), dtype=np.int64)
    fill = ptr[:-1].copy()
    for k in range(len(owner)):
        order[fill[owner[k]]] = k
        fill[owner[k]] += 1
    return ptr, order


@kernel
def topological(ptr: IntArray, target: IntArray) -> IntArray:
    """Nodes in an order that respects all arcs (Kahn); shorter than the graph if it is cyclic."""
    n = len(ptr) - 1
    waits = np.zeros(n, dtype=np.int64)
    for t in target:
        waits[t] += 1
    order = np.empty(n, dtype=np.int64)
    size = 0
    for i in range(n):
        if waits[i] == 0:
            order[size] = i
            size += 1
    at = 0
    while at < size:
        i = order[at]
        at += 1
        for k in range(ptr[i], ptr[i + 1]):
            t = target[k]
            waits[t] -= 1
            if waits[t] == 0:
                order[size] = t
                size += 1
    return order[:size]


@kernel
def components(count: int, a: IntArray, b: IntArray) -> IntArray:
    """Label of each node when every pair (a[k], b[k]) is joined; labels are least members."""
    root = np.arange(count)
    for k in range(len(a)):
        x, y = a[k], b[k]
        while root[x] != x:
            root[x] = root[root[x]]
            x = root[x]
        while root[y] != y:
            root[y] = root[root[y]]
            y = root[y]
        if x < y:
            root[y] = x
        else:
            root[x] = y
    for i in range(count):
        x = i
        while root[x] != x:
            x = root[x]
        root[i] = x
    return root


@kernel
def strong_components(ptr: IntArray, target: IntArray) -> IntArray:
    """Least member of each node's strongly connected component (Tarjan, without recursion)."""
    n = len(ptr) - 1
    label = np.full(n, -1, dtype=np.int64)
    number = np.full(n, -1, dtype=np.int64)
    low = np.zeros(n, dtype=np.int64)
    at = ptr[:-1].copy()
    stack = np.empty(n, dtype=np.int64)
    path = np.empty(n, dtype=np.int64)
    size = depth = count = 0
    for first in range(n):
        if number[first] >= 0:
            continue
        path[0] = first
        depth = 1
        number[first] = low[first] = count
        count += 1
        stack[size] = first
        size += 1
        while depth > 0:
            i = path[depth - 1]
            if at[i] < ptr[i + 1]:
                t = target[at[i]]
                at[i] += 1
                if number[t] < 0:
                    number[t] = low[t] = count
                    count += 1
                    stack[size] = t
                    size += 1
                    path[depth] = t
                    depth += 1
                elif label[t] < 0:
                    low[i] = min(low[i], number[t])
                continue
            depth -= 1
            if depth > 0:
                low[path[depth - 1]] = min(low[path[depth - 1]], low[i])
            if low[i] == number[i]:
                least = i
                start = size
                while True:
                    start -= 1
                    least = min(least, stack[start])
                    if stack[start] == i:
                        break
                for k in range(start, size):
                    label[stack[k]] = least
                size = start
    return label


@kernel
def heads_and_tails(
    order: IntArray,
    ptr: IntArray,
    target: IntArray,
    kind: IntArray,
    lag: IntArray,
    release: IntArray,
    shortest: IntArray,
    rigid: IntArray,
    rounds: int,
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Earliest start and end, and least time from start and end to the end of everything.

    ``kind`` holds 2 * (from the source's end) + (to the target's end). ``rigid`` is the longest
    duration of a task whose length does not depend on its start, else -1. Each pass is O(n + p);
    one is enough unless arcs form cycles.
    """
    n = len(order)
    es = release.copy()
    ee = release + shortest
    ts = shortest.copy()
    te = np.zeros(n, dtype=np.int64)
    for _ in range(rounds):
        changed = False
        for i in order:
            if es[i] + shortest[i] > ee[i]:
                ee[i] = es[i] + shortest[i]
            if rigid[i] >= 0 and ee[i] - rigid[i] > es[i]:
                es[i] = ee[i] - rigid[i]
            for k in range(ptr[i], ptr[i + 1]):
                j = target[k]
                x = (ee[i] if kind[k] >= 2 else es[i]) + lag[k]
                if kind[k] % 2 == 0:
                    if x > es[j]:
                        es[j] = x
                        changed = True
                elif x > ee[j]:
                    ee[j] = x
                    changed = True
        if not changed:
            break
    for _ in range(rounds):
        changed = False
        for at in range(n - 1, -1, -1):
            i = order[at]
            for k in range(ptr[i], ptr[i + 1]):
                j = target[k]
                x = lag[k] + (te[j] if kind[k] % 2 == 1 else ts[j])
                if kind[k] >= 2:
                    if x > te[i]:
                        te[i] = x
                        changed = True
                elif x > ts[i]:
                    ts[i] = x
                    changed = True
            if te[i] + shortest[i] > ts[i]:
                ts[i] = te[i] + shortest[i]
                changed = True
        if not changed:
            break
    return es, ee, ts, te


@kernel
def successor_totals(
    order: IntArray, ptr: IntArray, target: IntArray, length: IntArray
) -> tuple[IntArray, IntArray]:
    """Number and total length of all (not only immediate) successors of each task.

    O(n + p) where no task has two successors. Otherwise sets of 64 successors at a time, whose
    sizes and lengths are looked up byte by byte, O(n (n + p) / 64).
    """
    n = len(ptr) - 1
    count = np.zeros(n, dtype=np.int64)
    total = np.zeros(n, dtype=np.int64)
    simple = True
    for i in range(n):
        if ptr[i + 1] - ptr[i] > 1:
            simple = False
            break
    if simple:
        for at in range(len(order) - 1, -1, -1):
            i = order[at]
            if ptr[i + 1] > ptr[i]:
                j = target[ptr[i]]
                count[i] = count[j] + 1
                total[i] = total[j] + length[j]
        return count, total
    mask = np.empty(n, dtype=np.uint64)
    sizes = np.zeros(256, dtype=np.int64)
    for byte in range(1, 256):
        sizes[byte] = sizes[byte >> 1] + (byte & 1)
    lengths = np.zeros((8, 256), dtype=np.int64)
    one, low_byte = np.uint64(1), np.uint64(255)
    for base in range(0, len(order), 64):
        top = min(base + 64, len(order))
        for i in range(n):
            mask[i] = 0
        for k in range(8):
            for byte in range(1, 256):
                high = 7
                while byte >> high == 0:
                    high -= 1
                at = base + 8 * k + high
                own_length = length[order[at]] if at < top else 0
                lengths[k, byte] = lengths[k, byte - (1 << high)] + own_length
        for at in range(top - 1, -1, -1):
            i = order[at]
            own = np.uint64(0)
            for k in range(ptr[i], ptr[i + 1]):
                own |= mask[target[k]]
            left = own
            k = 0
            while left != np.uint64(0):
                byte = int(left & low_byte)
                count[i] += sizes[byte]
                total[i] += lengths[k, byte]
                left >>= np.uint64(8)
                k += 1
            if at >= base:
                own |= one << np.uint64(at - base)
            mask[i] = own
    return count, total
