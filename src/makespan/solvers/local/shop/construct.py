"""Schedules from priorities, by active and non-delay simulation forward or backward.

Giffler & Thompson (1960) with the delay parameter of Storer, Wu & Vaccari (1992): the machine
whose next operation could end first takes, among the operations that could start early enough,
the one of the highest rank. Between forward and backward passes, in which ranks are the longest
paths to the end (to the beginning) in the schedule before, makespans fall quickly, as with
forward-backward improvement of projects (Li & Willis 1992); where some machine is much fuller
than most, often to the bound.
"""

from __future__ import annotations

from typing import Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from makespan.core.vocabulary import IntArray
from makespan.solvers.local.shop.compiled import kernel
from makespan.solvers.local.shop.initial import pop, push
from makespan.solvers.local.shop.layout import Int32, Tables, UInt32

_BITS: Final = 31
_LOW: Final = (1 << _BITS) - 1
_NEVER: Final = 1 << 31
_ROOT = cast("int", np.int64(0))
_POLL: Final = 1023
_QUEUES: Final = 2_000_000_000
"""Operations times chains per machine beyond which looking through the queues takes too long."""


class Bench(NamedTuple):
    """Scratch of a pass.

    Attributes
    ----------
    ready, queue
        Time from which row x can start; the waiting operations of machine k from
        ``line_ptr[k]`` on.
    free, waiting, soonest
        End of the last operation of each machine, number of waiting operations, and the earliest
        end of any of them.
    events
        Heap of (earliest end, machine); an entry counts while it agrees with ``soonest``.
    """

    ready: Int32
    queue: UInt32
    free: IntArray
    waiting: IntArray
    soonest: IntArray
    events: IntArray


def bench(tables: Tables) -> Bench:
    """Scratch for :func:`giffler_thompson`, some 30 bytes per operation."""
    machines = len(tables.line_ptr) - 1
    return Bench(
        ready=np.zeros(len(tables.chain), dtype=np.int32),
        queue=np.zeros(int(tables.line_ptr[-1]), dtype=np.uint32),
        free=np.zeros(machines, dtype=np.int64),
        waiting=np.zeros(machines, dtype=np.int64),
        soonest=np.zeros(machines, dtype=np.int64),
        events=np.zeros(2 * len(tables.operation) + machines, dtype=np.int64),
    )


def affordable(tables: Tables) -> bool:
    """Whether a pass takes seconds at most."""
    machines = len(tables.line_ptr) - 1
    return len(tables.operation) * len(tables.first) < _QUEUES * machines


@kernel
def giffler_thompson(
    T: Tables,
    B: Bench,
    step: int,
    rank: Int32,
    option: Int32,
    delay: float,
    order: UInt32,
    halt: npt.NDArray[np.int64],
) -> bool:
    """Fill ``order`` with a schedule of the given options; False if ``halt`` came first.

    Parameters
    ----------
    step
        1: forward in time. -1: backward, without regard to releases; the order is still written
        from the first operation to the last.
    rank
        Priority of every row, at least 0; the highest goes first.
    delay
        0: no machine waits while it could start something (non-delay); 1: as long as no operation
        could be completed meanwhile (active).
    """
    n, machines = len(order), len(B.free)
    pending = 0
    for k in range(machines):
        B.free[k] = B.waiting[k] = 0
        B.soonest[k] = _NEVER
    for c in range(len(T.first)):
        x = T.first[c] + 0 if step > 0 else T.last[c] + 0
        k = T.option_machine[option[x]]
        B.ready[x] = T.release[x] if step > 0 else 0
        B.queue[T.line_ptr[k] + B.waiting[k]] = x
        B.waiting[k] += 1
        B.soonest[k] = min(B.soonest[k], B.ready[x] + T.option_duration[option[x]])
    for k in range(machines):
        if B.waiting[k] > 0:
            push(B.events, _ROOT, pending, (B.soonest[k] << _BITS) | k)
            pending += 1
    done = 0
    while done < n:
        if done & _POLL == 0 and halt[0] != 0:
            return False
        key = pop(B.events, _ROOT, pending)
        pending -= 1
        k = key & _LOW
        soonest = key >> _BITS
        if B.soonest[k] != soonest:
            continue
        base, waiting, free = T.line_ptr[k], B.waiting[k], B.free[k]
        begin = _NEVER
        for q in range(base, base + waiting):
            begin = min(begin, B.ready[B.queue[q]])
        begin = max(begin, free)
        latest = begin + np.int64(delay * (soonest - begin))
        chosen = base
        highest = -1
        for q in range(base, base + waiting):
            x = B.queue[q]
            start = max(free, B.ready[x])
            if start <= latest and (start < soonest or start == begin) and rank[x] > highest:
                highest = rank[x]
                chosen = q
        x = B.queue[chosen] + 0
        waiting -= 1
        B.queue[chosen] = B.queue[base + waiting]
        B.waiting[k] = waiting
        order[done if step > 0 else n - 1 - done] = x
        done += 1
        free = max(free, B.ready[x]) + T.option_duration[option[x]]
        B.free[k] = free
        y = x + 1 if step > 0 else x - 1
        if T.option_ptr[y + 1] > T.option_ptr[y]:
            B.ready[y] = max(free, T.release[y]) if step > 0 else free
            other = T.option_machine[option[y]]
            B.queue[T.line_ptr[other] + B.waiting[other]] = y
            B.waiting[other] += 1
            end = max(B.free[other], B.ready[y]) + T.option_duration[option[y]]
            if other != k and end < B.soonest[other]:
                B.soonest[other] = end
                push(B.events, _ROOT, pending, (end << _BITS) | other)
                pending += 1
        soonest = _NEVER
        for q in range(base, base + B.waiting[k]):
            x = B.queue[q]
            soonest = min(soonest, max(free, B.ready[x]) + T.option_duration[option[x]])
        B.soonest[k] = soonest
        if soonest < _NEVER:
            push(B.events, _ROOT, pending, (soonest << _BITS) | k)
            pending += 1
    return True
