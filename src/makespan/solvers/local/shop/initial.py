"""First schedules: a randomised non-delay simulation of the shop, O((n + options) log n).

Operations wait in front of machines by priority; a machine that falls idle takes the best waiting
one. An operation with a choice joins the machine where it would end first if the queue there were
worked off before it. Priorities are the work remaining in the chain, blurred by noise, the rule
that does best for makespans (Haupt 1989).
"""

from __future__ import annotations

from typing import cast

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.solvers.jit import inner, kernel
from makespan.solvers.local.draw import Stream, draw
from makespan.solvers.local.shop.layout import Int32, Tables, UInt32

_BITS = 31
_LOW = (1 << _BITS) - 1
_ROOT = cast("int", np.int64(0))
"""Not a literal, for which the heaps would be compiled once more."""

TOP = 1 << 31
"""Exceeds every blurred priority, since noise is at most 2."""


@inner
def push(heap: IntArray, base: int, size: int, key: int) -> None:
    """Add a key to the binary heap of ``size`` keys at ``base``."""
    i = size
    while i > 0:
        up = (i - 1) >> 1
        if heap[base + up] <= key:
            break
        heap[base + i] = heap[base + up]
        i = up
    heap[base + i] = key


@inner
def pop(heap: IntArray, base: int, size: int) -> int:
    """Remove and return the least of the ``size`` keys at ``base``."""
    least = heap[base]
    key = heap[base + size - 1]
    size -= 1
    i = 0
    while True:
        down = 2 * i + 1
        if down >= size:
            break
        if down + 1 < size and heap[base + down + 1] < heap[base + down]:
            down += 1
        if heap[base + down] >= key:
            break
        heap[base + i] = heap[base + down]
        i = down
    heap[base + i] = key
    return least


@kernel
def dispatch(T: Tables, order: UInt32, option: Int32, noise: float, rng: Stream) -> None:
    """Fill (order, option) with a randomised schedule; noise 0 follows the priorities exactly."""
    rows, machines = len(T.chain), len(T.line_ptr) - 1
    remaining = np.zeros(rows, dtype=np.int64)
    for c in range(len(T.first)):
        rest = 0
        for x in range(T.last[c], T.first[c] - 1, -1):
            shortest = T.option_duration[T.option_ptr[x]] + 0
            for a in range(T.option_ptr[x] + 1, T.option_ptr[x + 1]):
                shortest = min(shortest, T.option_duration[a])
            rest += shortest
            remaining[x] = rest
    events = np.empty(2 * len(T.first) + machines + 2, dtype=np.int64)
    queue = np.empty(T.line_ptr[-1], dtype=np.int64)
    waiting = np.zeros(machines, dtype=np.int64)
    load = np.zeros(machines, dtype=np.int64)
    running = np.zeros(machines, dtype=np.int64)
    touched = np.empty(machines, dtype=np.int64)
    is_touched = np.zeros(machines, dtype=np.uint8)
    pending = 0
    # An event is (time, row, whether the row's operation ends rather than becomes ready).
    for c in range(len(T.first)):
        x = T.first[c] + 0
        push(events, _ROOT, pending, (T.release[x] << (_BITS + 1)) | (x << 1))
        pending += 1
    done = 0
    while pending > 0:
        now = events[0] >> (_BITS + 1)
        touches = 0
        while pending > 0 and events[0] >> (_BITS + 1) == now:
            key = pop(events, _ROOT, pending)
            pending -= 1
            x = (key >> 1) & _LOW
            if key & 1:
                k = np.int64(T.option_machine[option[x]])
                running[k] = 0
                if T.option_ptr[x + 2] > T.option_ptr[x + 1]:
                    ready = max(now, T.release[x + 1])
                    push(events, _ROOT, pending, (ready << (_BITS + 1)) | ((x + 1) << 1))
                    pending += 1
            else:
                a = _choose(T, x, now, load, noise, rng)
                option[x] = a
                k = np.int64(T.option_machine[a])
                load[k] = max(load[k], now) + T.option_duration[a]
                blur = 1.0 + noise * (draw(rng) & 1023) / 1024.0
                rank = int(TOP - remaining[x] * blur)
                push(queue, T.line_ptr[k], waiting[k], (rank << _BITS) | x)
                waiting[k] += 1
            if is_touched[k] == 0:
                is_touched[k] = 1
                touched[touches] = k
                touches += 1
        for i in range(touches):
            k = touched[i]
            is_touched[k] = 0
            if running[k] == 0 and waiting[k] > 0:
                x = pop(queue, T.line_ptr[k], waiting[k]) & _LOW
                waiting[k] -= 1
                running[k] = 1
                order[done] = x
                done += 1
                end = now + T.option_duration[option[x]]
                push(events, _ROOT, pending, (end << (_BITS + 1)) | (x << 1) | 1)
                pending += 1


@inner
def _choose(T: Tables, x: int, now: int, load: IntArray, noise: float, rng: Stream) -> int:
    """Option of x that would end first behind the queues, durations blurred by ``noise``."""
    best = T.option_ptr[x] + 0
    if T.option_ptr[x + 1] - best < 2:
        return best
    least = np.inf
    for a in range(best, T.option_ptr[x + 1]):
        k = T.option_machine[a]
        duration = T.option_duration[a] * (1.0 + noise * (draw(rng) & 1023) / 1024.0)
        end = max(load[k], now) + duration
        if end < least:
            least = end
            best = a
    return best
