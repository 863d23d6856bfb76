"""Compiled loops of the graph modules; imported only for problems that are worth it."""

from __future__ import annotations

import numpy as np
from numba import njit

from makespan.core.vocabulary import IndexArray, IntArray


@njit(cache=True, nogil=True)
def order_and_depth(ptr: IntArray, task: IndexArray) -> tuple[IntArray, IntArray]:
    """Kahn's algorithm; see ``graph.order_and_depth``."""
    count = len(ptr) - 1
    waiting = np.zeros(count, dtype=np.int64)
    for k in range(len(task)):
        waiting[task[k]] += 1
    depth = np.zeros(count, dtype=np.int64)
    queue = np.empty(count, dtype=np.int64)
    tail = 0
    for i in range(count):
        if waiting[i] == 0:
            queue[tail] = i
            tail += 1
    head = 0
    while head < tail:
        i = queue[head]
        head += 1
        for k in range(ptr[i], ptr[i + 1]):
            j = task[k]
            waiting[j] -= 1
            depth[j] = max(depth[j], depth[i] + 1)
            if waiting[j] == 0:
                queue[tail] = j
                tail += 1
    return queue[:tail].copy(), depth
