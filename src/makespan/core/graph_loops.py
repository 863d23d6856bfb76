"""Loops of the graph modules: plain Python on small graphs, compiled by numba on large ones.

Every function works in place on the sequences it is given, so the same text runs on lists and on
arrays. :func:`run` chooses, and imports numba only when the graph is worth it.
"""

from __future__ import annotations

from collections.abc import Callable, MutableSequence, Sequence
from functools import cache
from typing import Any

import numpy as np

COMPILED_ABOVE = 4000
"""Nodes plus arcs from which loading compiled code beats interpreting."""

UNREACHED = -(1 << 61)
"""Value of a node no path reaches; far below every time, far above overflow."""


def topological(
    ptr: Sequence[int],
    head: Sequence[int],
    waiting: MutableSequence[int],
    depth: MutableSequence[int],
    queue: MutableSequence[int],
) -> int:
    """Kahn's algorithm with a queue; returns how many nodes were ordered. O(nodes + arcs)."""
    count = len(ptr) - 1
    for k in range(len(head)):
        waiting[head[k]] += 1
    tail = 0
    for i in range(count):
        if waiting[i] == 0:
            queue[tail] = i
            tail += 1
    first = 0
    while first < tail:
        i = queue[first]
        first += 1
        for k in range(ptr[i], ptr[i + 1]):
            j = head[k]
            waiting[j] -= 1
            if depth[i] + 1 > depth[j]:
                depth[j] = depth[i] + 1
            if waiting[j] == 0:
                queue[tail] = j
                tail += 1
    return tail


def bucket(
    key: Sequence[int],
    item: Sequence[int],
    place: MutableSequence[int],
    result: MutableSequence[int],
) -> int:
    """Stable counting sort of ``item`` by ``key[item]``; ``place`` starts at 0. O(keys + items)."""
    for k in range(len(item)):
        place[key[item[k]] + 1] += 1
    for i in range(1, len(place)):
        place[i] += place[i - 1]
    for k in range(len(item)):
        i = key[item[k]]
        result[place[i]] = item[k]
        place[i] += 1
    return 0


def longest(
    order: Sequence[int],
    ptr: Sequence[int],
    head: Sequence[int],
    weight: Sequence[int],
    value: MutableSequence[int],
) -> int:
    """Longest paths of a DAG from initial values, nodes in topological order. O(nodes + arcs)."""
    for i in order:
        for k in range(ptr[i], ptr[i + 1]):
            reach = value[i] + weight[k]
            if reach > value[head[k]]:
                value[head[k]] = reach
    return 0


def relax(
    sequence: Sequence[int],
    ptr: Sequence[int],
    head: Sequence[int],
    weight: Sequence[int],
    value: MutableSequence[int],
    parent: MutableSequence[int],
    active: MutableSequence[int],
) -> int:
    """One label-correcting pass over active nodes; returns how many values rose.

    ``parent`` becomes the arc that gave a node its value. Arcs that point forward in ``sequence``
    are settled by a single pass.
    """
    raised = 0
    for u in sequence:
        if active[u] == 0:
            continue
        active[u] = 0
        for k in range(ptr[u], ptr[u + 1]):
            v = head[k]
            reach = value[u] + weight[k]
            if reach > value[v]:
                value[v] = reach
                parent[v] = k
                active[v] = 1
                raised += 1
    return raised


def parent_cycle(parent: Sequence[int], tail: Sequence[int], mark: MutableSequence[int]) -> int:
    """A node on a cycle of parent arcs, or -1; ``mark`` starts at 0. O(nodes)."""
    for root in range(len(parent)):
        if mark[root] != 0:
            continue
        u = root
        while mark[u] == 0:
            mark[u] = root + 1
            if parent[u] < 0:
                break
            u = tail[parent[u]]
        if mark[u] == root + 1 and parent[u] >= 0:
            return u
    return -1


def reach(
    ptr: Sequence[int],
    head: Sequence[int],
    mark: MutableSequence[int],
    stack: MutableSequence[int],
    filled: Sequence[int],
) -> int:
    """Marks all nodes reachable from the first ``filled[0]`` of ``stack``. O(nodes + arcs)."""
    top = filled[0]
    while top > 0:
        top -= 1
        u = stack[top]
        for k in range(ptr[u], ptr[u + 1]):
            v = head[k]
            if mark[v] == 0:
                mark[v] = 1
                stack[top] = v
                top += 1
    return 0


def redundant(
    order: Sequence[int],
    position: Sequence[int],
    ptr: Sequence[int],
    head: Sequence[int],
    through: Sequence[int],
    mark: MutableSequence[int],
    stack: MutableSequence[int],
    result: MutableSequence[int],
) -> int:
    """Marks arcs i -> j for which another path i -> k -> ... -> j exists, k with ``through``.

    Depth-first from each node, cut at the topological position of its last successor: O(n p) at
    worst, linear on chains and on layered graphs with short arcs.
    """
    for step in range(len(order)):
        i = order[step]
        if ptr[i + 1] - ptr[i] < 2:
            continue
        last = 0
        top = 0
        for k in range(ptr[i], ptr[i + 1]):
            j = head[k]
            if position[j] > last:
                last = position[j]
        for k in range(ptr[i], ptr[i + 1]):
            j = head[k]
            if through[j] and (k == ptr[i] or head[k - 1] != j):
                stack[top] = j
                top += 1
        while top > 0:
            top -= 1
            u = stack[top]
            for k in range(ptr[u], ptr[u + 1]):
                v = head[k]
                if mark[v] != i + 1 and position[v] <= last:
                    mark[v] = i + 1
                    if through[v]:
                        stack[top] = v
                        top += 1
        for k in range(ptr[i], ptr[i + 1]):
            if mark[head[k]] == i + 1:
                result[k] = 1
    return 0


@cache
def _compiled(loop: Callable[..., int]) -> Callable[..., int]:
    from numba import njit

    made: Callable[..., int] = njit(cache=True, nogil=True)(loop)
    return made


def run(loop: Callable[..., int], size: int, *arrays: np.ndarray[Any, Any]) -> int:
    """Runs ``loop`` on ``arrays``, interpreted on lists or compiled on the arrays themselves.

    Parameters
    ----------
    size
        Nodes plus arcs, which decides.
    """
    if size > COMPILED_ABOVE:
        return _compiled(loop)(*arrays)
    lists = [array.tolist() for array in arrays]
    outcome = loop(*lists)
    for array, values in zip(arrays, lists, strict=True):
        if array.flags.writeable:
            array[:] = values
    return outcome
