"""One semi-active schedule as a graph that is changed and measured move by move.

A plan holds the order on every machine as a doubly linked list, the ends of all operations (the
longest paths), and a topological order of the graph of chains and machine orders. A move takes an
operation out and puts it elsewhere. It costs what it changes: the topological order is mended
within the window between the two places (after D. Pearce & P. Kelly, "A dynamic topological sort
algorithm for directed acyclic graphs", JEA 11 (2006)), which also tells whether the move would
close a cycle, and new ends spread from the places touched through a set of pending positions kept
as bits, lowest first, so that no operation is seen twice. Ends are exact, not the estimates usual
in the literature (Mati et al. 2011, section 4), and a move is undone from the trail it left.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from makespan.core.vocabulary import IntArray
from makespan.solvers.jit import inner, kernel
from makespan.solvers.local.regular.objective import (
    NEVER,
    FloatArray,
    Points,
    find_maxima,
    guide_value,
    point_value,
)
from makespan.solvers.local.shapes import Shop

BitArray = npt.NDArray[np.uint64]

_DE_BRUIJN: Final = np.uint64(0x03F79D71B4CB0A89)
_LOWEST: Final = np.array(
    [
        bit
        for _, bit in sorted((((0x03F79D71B4CB0A89 << b) % (1 << 64)) >> 58, b) for b in range(64))
    ],
    dtype=np.int64,
)
"""Number of the only bit set in a word, by the top six bits of its product with a de Bruijn
sequence (Leiserson, Prokop & Randall 1998)."""

IMPOSSIBLE: Final = -(1 << 62)
"""Value of a move that would close a cycle."""

# Entries of an operation's row in Plan.node, which fills one cache line.
CHAIN_BEFORE: Final = 0
CHAIN_AFTER: Final = 1
BEFORE: Final = 2
AFTER: Final = 3
RELEASE: Final = 4
DURATION: Final = 5
END: Final = 6
PLACE: Final = 7

# Entries of Plan.number; SPAN_NOW and the two after it are the maxima of the schedule.
VALUE: Final = 0
SPAN_NOW: Final = 1
STAMP: Final = 4
TRAIL: Final = 5
WINDOW_FROM: Final = 6
WINDOW_TO: Final = 7
NUMBERS: Final = 8


class Plan(NamedTuple):
    """A schedule of n operations; number n stands for "none".

    Few wide arrays, because every array costs time on each call between compiled functions.

    Attributes
    ----------
    node
        Rows of eight, one per operation and one for "none", flat, int64 (8n + 8): neighbours in
        the chain and on the machine, release, ticks, earliest end, and place in ``order``.
    order
        Operations so that all neighbours before one come earlier, then "none", int64 (n+1,).
    option
        Chosen option of each operation, int64 (n,).
    first
        First operation of each machine, int64 (m,).
    option_ptr, options
        Options of operation k are rows ``option_ptr[k] .. option_ptr[k+1]-1``: machine, ticks.
    pending
        Places whose operations must be looked at, as bits; all 0 between moves.
    room
        What a move leaves for its undoing: rows of marks, operations moved in the order, those
        that stayed, the window before, operations with new ends, their old ends; int64 (6, n+1).
    number
        Value and maxima of the schedule, and counters.
    guided
        By how much the guide grew in the last move, float64 (1,).
    """

    node: IntArray
    order: IntArray
    option: IntArray
    first: IntArray
    option_ptr: IntArray
    options: IntArray
    pending: BitArray
    room: IntArray
    number: IntArray
    guided: FloatArray

    @classmethod
    def of(cls, shop: Shop) -> Plan:
        """A plan for the shop, to be filled by :func:`load`."""
        n = shop.count
        node = np.zeros((n + 1, 8), dtype=np.int64)
        node[:, : AFTER + 1] = n
        inside = np.ones(n, dtype=np.bool_)
        inside[shop.chain_ptr[:-1]] = False
        late = np.flatnonzero(inside)
        node[late, CHAIN_BEFORE], node[late - 1, CHAIN_AFTER] = late - 1, late
        node[:n, RELEASE] = shop.release
        node[n, END], node[n, PLACE] = NEVER, n
        return cls(
            node=node.ravel(),
            order=np.full(n + 1, n, dtype=np.int64),
            option=shop.option_ptr[:-1].copy(),
            first=np.full(shop.machines, n, dtype=np.int64),
            option_ptr=shop.option_ptr,
            options=np.stack((shop.option_machine, shop.option_duration), axis=1).astype(np.int64),
            pending=np.zeros((n >> 6) + 1, dtype=np.uint64),
            room=np.zeros((6, n + 1), dtype=np.int64),
            number=np.zeros(NUMBERS, dtype=np.int64),
            guided=np.zeros(1),
        )

    def starts(self) -> IntArray:
        """Start of every operation, int64 (n,)."""
        rows = self.node.reshape(-1, 8)[:-1]
        return rows[:, END] - rows[:, DURATION]


@kernel
def load(plan: Plan, points: Points, order: IntArray, option: IntArray) -> int:
    """Fill the plan: operations in ``order`` (chains respected) with ``option``; its value."""
    node = plan.node
    n = len(plan.order) - 1
    last = np.full(len(plan.first), n, dtype=np.int64)
    plan.first[:] = n
    for k in range(n):
        x = order[k]
        o = option[x]
        m = plan.options[o, 0]
        b = last[m]
        at = x << 3
        plan.order[k] = x
        plan.option[x] = o
        node[at + PLACE] = k
        node[at + DURATION] = plan.options[o, 1]
        node[at + BEFORE] = b
        node[at + AFTER] = n
        if b == n:
            plan.first[m] = x
        else:
            node[(b << 3) + AFTER] = x
        last[m] = x
        node[at + END] = _end(node, at)
    value = points.maxima[3] + find_maxima(points, node, plan.number, SPAN_NOW)
    for p in range(len(points.op)):
        value += point_value(points.row, p, node[(points.op[p] << 3) + END])
    plan.number[VALUE] = value
    return value


@inner
def _end(node: IntArray, at: int) -> int:
    """Earliest end of the operation whose row begins at ``at``, by its neighbours' ends."""
    chain = node[(node[at + CHAIN_BEFORE] << 3) + END]
    machine = node[(node[at + BEFORE] << 3) + END]
    return max(chain, machine, node[at + RELEASE]) + node[at + DURATION]


@inner
def _relink(plan: Plan, x: int, option: int, a: int) -> None:
    """Take x out of its machine and put it behind ``a`` (none: in front) on its option's."""
    node, first = plan.node, plan.first
    n = len(plan.order) - 1
    p, s = node[(x << 3) + BEFORE], node[(x << 3) + AFTER]
    if p == n:
        first[plan.options[plan.option[x], 0]] = s
    node[(p << 3) + AFTER] = s
    node[(s << 3) + BEFORE] = p
    b = node[(a << 3) + AFTER]
    if a == n:
        m = plan.options[option, 0]
        b = first[m]
        first[m] = x
    node[(a << 3) + AFTER] = x
    node[(x << 3) + BEFORE] = a
    node[(x << 3) + AFTER] = b
    node[(b << 3) + BEFORE] = x
    plan.option[x] = option
    node[(x << 3) + DURATION] = plan.options[option, 1]


@inner
def _put_behind(plan: Plan, a: int, x: int) -> bool:
    """Mend the order for a new arc from a to x; False, and nothing done, if it closes a cycle."""
    node, order, room = plan.node, plan.order, plan.room
    i, j = node[(x << 3) + PLACE], node[(a << 3) + PLACE]
    plan.number[STAMP] += 1
    stamp = plan.number[STAMP]
    room[0, x] = stamp
    room[1, 0] = x
    room[3, 0] = x
    moved, kept = 1, 0
    for k in range(i + 1, j + 1):
        y = order[k]
        room[3, k - i] = y
        at = y << 3
        if room[0, node[at + CHAIN_BEFORE]] == stamp or room[0, node[at + BEFORE]] == stamp:
            room[0, y] = stamp
            room[1, moved] = y
            moved += 1
        else:
            room[2, kept] = y
            kept += 1
    if room[0, a] == stamp:
        return False
    for k in range(kept):
        y = room[2, k]
        order[i + k] = y
        node[(y << 3) + PLACE] = i + k
    for k in range(moved):
        y = room[1, k]
        order[i + kept + k] = y
        node[(y << 3) + PLACE] = i + kept + k
    plan.number[WINDOW_FROM] = i
    plan.number[WINDOW_TO] = j + 1
    return True


@inner
def _await(pending: BitArray, k: int) -> None:
    """Note that the operation at place k must be looked at."""
    pending[k >> 6] |= np.uint64(1) << np.uint64(k & 63)


@inner
def _spread(plan: Plan, points: Points, w: int) -> int:
    """Bring ends up to date from word w of the pending places on; growth of the sum over points."""
    node, order, pending, room = plan.node, plan.order, plan.pending, plan.room
    n = len(order) - 1
    delta, trail, guided = 0, 0, 0.0
    _await(pending, n)  # ends the loop
    while True:
        while pending[w] == 0:
            w += 1
        word = pending[w]
        low = word & (~word + np.uint64(1))
        pending[w] = word ^ low
        x = order[(w << 6) + _LOWEST[(low * _DE_BRUIJN) >> np.uint64(58)]]
        if x == n:
            break
        at = x << 3
        new = _end(node, at)
        old = node[at + END]
        if new != old:
            room[4, trail] = x
            room[5, trail] = old
            trail += 1
            node[at + END] = new
            for p in range(points.ptr[x], points.ptr[x + 1]):
                delta += point_value(points.row, p, new) - point_value(points.row, p, old)
                if points.guide[p, 0] > 0.0:
                    guided += guide_value(points.guide, p, new)
                    guided -= guide_value(points.guide, p, old)
            _await(pending, node[(node[at + CHAIN_AFTER] << 3) + PLACE])
            _await(pending, node[(node[at + AFTER] << 3) + PLACE])
    plan.number[TRAIL] = trail
    plan.guided[0] = guided
    return delta


@inner
def move(plan: Plan, points: Points, x: int, option: int, a: int, maxima: IntArray) -> int:
    """Put x behind ``a`` with ``option``; the new value, or IMPOSSIBLE and no change.

    ``maxima`` receives the maxima of the new schedule. The caller makes the move permanent by
    :func:`keep` or takes it back by :func:`undo`, given where x was.
    """
    node = plan.node
    n = len(plan.order) - 1
    was_before, was_after = node[(x << 3) + BEFORE], node[(x << 3) + AFTER]
    was_option = plan.option[x]
    _relink(plan, x, option, a)
    b = node[(x << 3) + AFTER]
    plan.number[WINDOW_TO] = 0
    here = node[(x << 3) + PLACE]
    fits = True
    if a != n and node[(a << 3) + PLACE] > here:
        fits = _put_behind(plan, a, x)
    elif node[(b << 3) + PLACE] < here:
        fits = _put_behind(plan, x, b)
    if not fits:
        _relink(plan, x, was_option, was_before)
        return IMPOSSIBLE
    here = node[(x << 3) + PLACE]
    left, right = node[(was_after << 3) + PLACE], node[(b << 3) + PLACE]
    _await(plan.pending, here)
    _await(plan.pending, left)
    _await(plan.pending, right)
    value = plan.number[VALUE] + _spread(plan, points, min(here, left, right) >> 6)
    if points.maxima[0] + points.maxima[1] + points.maxima[2] > 0:
        for k in range(3):
            if points.maxima[k] > 0:
                value -= points.maxima[k] * plan.number[SPAN_NOW + k]
        value += find_maxima(points, node, maxima, 0)
    return value


@inner
def keep(plan: Plan, value: int, maxima: IntArray) -> None:
    """Make the last move permanent."""
    plan.number[VALUE] = value
    for k in range(3):
        plan.number[SPAN_NOW + k] = maxima[k]


@inner
def undo(plan: Plan, x: int, option: int, a: int) -> None:
    """Take back the last move, which took x from behind ``a``, where it had ``option``."""
    node, room = plan.node, plan.room
    for k in range(plan.number[TRAIL]):
        node[(room[4, k] << 3) + END] = room[5, k]
    _relink(plan, x, option, a)
    i = plan.number[WINDOW_FROM]
    for k in range(i, plan.number[WINDOW_TO]):
        y = room[3, k - i]
        plan.order[k] = y
        node[(y << 3) + PLACE] = k
