"""Arrays that the kernels of this package read and write.

A shop becomes rows: row 0 stands for "no operation", every chain starts with a row of its own that
only separates it from the chain before, and its operations follow in their order. So the operation
before x in its job is x - 1 and the one after is x + 1, and rows that are not operations have
head and tail 0. A solution is a topological list of the operations together with the chosen
option of each; machine orders follow from the list.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from makespan.core.vocabulary import IntArray
from makespan.solvers.local.shapes import Shop

Int32 = npt.NDArray[np.int32]
UInt32 = npt.NDArray[np.uint32]
UInt8 = npt.NDArray[np.uint8]

TIME_LIMIT: Final = 1 << 29
"""Longest schedule, all operations one after the other, that 32-bit arithmetic takes."""

_TABU_SLOTS: Final = 1 << 22
"""Largest tabu list; beyond, entries share slots, which at worst forbids a move now and then."""


class Tables(NamedTuple):
    """The shop; never written.

    Attributes
    ----------
    operation
        Rows of the operations in the order of the Shop, (n,).
    first, last
        First and last operation of every chain.
    chain
        Chain of every row.
    option_ptr, option_machine, option_duration
        Options of row x are ``option_ptr[x] .. option_ptr[x+1]-1``, each on a machine of its own.
    shop_option
        Option of the Shop behind each option.
    release
        Earliest start of every row, at least 0.
    line_ptr
        Machine k has room for its operations at ``line_ptr[k] .. line_ptr[k+1]-1`` of State.line.
    strict
        int64 (1,): 1 if some duration is 0, where equal tails do not rule out a path.
    """

    operation: UInt32
    first: UInt32
    last: UInt32
    chain: Int32
    option_ptr: Int32
    option_machine: UInt32
    option_duration: Int32
    shop_option: IntArray
    release: Int32
    line_ptr: IntArray
    strict: IntArray


class State(NamedTuple):
    """One worker's current schedule and its scratch space.

    Attributes
    ----------
    head, tail
        Earliest end of every row given the machine orders, and the longest path from its start to
        the end of the schedule; 0 for rows that are no operations.
    duration, release
        Ticks by the chosen option, and earliest start.
    before, after, machine, place
        Operation before and after on the machine (0: none), the machine, and the index in line.
    topo, at
        Operations in a topological order, and the index there of every row (-1: no operation).
    line, length
        Operations of each machine in their order, and their number.
    option
        Chosen option of every row.
    fence
        Row before the first and after the last operation of each machine: 0, whose head and tail
        are 0, unless the shop is a part of a larger schedule (see :mod:`.windows`).
    forbidden, barred
        Tabu lists: iteration until which operation a must not come before chain c again, and
        until which an operation must not return to a machine; sizes are powers of two.
    path, ahead, mark, buffer, best, spare
        Scratch: critical path, heads along a block, marked rows, rows moved, best move that is not
        tabu, some move that is.
    """

    head: Int32
    tail: Int32
    duration: Int32
    release: Int32
    before: UInt32
    after: UInt32
    machine: UInt32
    place: UInt32
    topo: UInt32
    at: Int32
    line: UInt32
    length: IntArray
    option: Int32
    fence: UInt32
    forbidden: Int32
    barred: Int32
    path: UInt32
    ahead: IntArray
    mark: UInt8
    buffer: UInt32
    best: IntArray
    spare: IntArray


def fits(shop: Shop) -> bool:
    """Whether 32-bit times are wide enough for every schedule a search may visit."""
    slowest = np.maximum.reduceat(shop.option_duration, shop.option_ptr[:-1])
    if int(shop.release.max()) - min(0, int(shop.release.min())) >= TIME_LIMIT:
        return False
    late = int(shop.release.max()) - int(shop.release.min())
    return late + float(slowest.sum(dtype=np.float64)) < TIME_LIMIT


def tables(shop: Shop) -> Tables:
    """The shop as rows; releases are counted from the earliest one. O(n + options)."""
    n, chains = shop.count, len(shop.chain_ptr) - 1
    sizes = np.diff(shop.chain_ptr)
    owner = np.repeat(np.arange(chains), sizes)
    operation = np.arange(n) + owner + 2
    rows = n + chains + 2
    chain = np.zeros(rows, dtype=np.int32)
    chain[operation] = owner
    kept = _fastest(shop)
    owner_of = np.repeat(np.arange(n), np.diff(shop.option_ptr))[kept]
    count = np.zeros(rows + 1, dtype=np.int64)
    count[operation + 1] = np.bincount(owner_of, minlength=n)
    release = np.zeros(rows, dtype=np.int32)
    release[operation] = shop.release - shop.release.min()
    room = np.zeros(shop.machines + 1, dtype=np.int64)
    room[1:] = np.cumsum(np.bincount(shop.option_machine[kept], minlength=shop.machines))
    return Tables(
        operation=operation.astype(np.uint32),
        first=operation[shop.chain_ptr[:-1]].astype(np.uint32),
        last=operation[shop.chain_ptr[1:] - 1].astype(np.uint32),
        chain=chain,
        option_ptr=np.cumsum(count).astype(np.int32),
        option_machine=shop.option_machine[kept].astype(np.uint32),
        option_duration=shop.option_duration[kept].astype(np.int32),
        shop_option=kept,
        release=release,
        line_ptr=room,
        strict=np.array([int((shop.option_duration == 0).any())], dtype=np.int64),
    )


def _fastest(shop: Shop) -> IntArray:
    """Options of the shop without those slower than another of the operation on the machine."""
    owner = np.repeat(np.arange(shop.count), np.diff(shop.option_ptr))
    order = np.lexsort((shop.option_duration, shop.option_machine, owner))
    key = owner[order] * shop.machines + shop.option_machine[order]
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = key[1:] != key[:-1]
    return order[fresh].astype(np.int64)


def state(tables: Tables) -> State:
    """Scratch of one worker; its size is proportional to the shop's."""
    rows, n = len(tables.chain), len(tables.operation)
    machines = len(tables.line_ptr) - 1
    return State(
        head=np.zeros(rows, dtype=np.int32),
        tail=np.zeros(rows, dtype=np.int32),
        duration=np.zeros(rows, dtype=np.int32),
        release=tables.release,
        before=np.zeros(rows, dtype=np.uint32),
        after=np.zeros(rows, dtype=np.uint32),
        machine=np.zeros(rows, dtype=np.uint32),
        place=np.zeros(rows, dtype=np.uint32),
        topo=np.zeros(n, dtype=np.uint32),
        at=np.full(rows, -1, dtype=np.int32),
        line=np.zeros(int(tables.line_ptr[-1]) + 1, dtype=np.uint32),
        length=np.zeros(machines, dtype=np.int64),
        option=np.zeros(rows, dtype=np.int32),
        fence=np.zeros(machines, dtype=np.uint32),
        forbidden=np.zeros(_slots(rows * len(tables.first)), dtype=np.int32),
        barred=np.zeros(_slots(rows * machines), dtype=np.int32),
        path=np.zeros(n, dtype=np.uint32),
        ahead=np.zeros(n + 2, dtype=np.int64),
        mark=np.zeros(rows, dtype=np.uint8),
        buffer=np.zeros(n, dtype=np.uint32),
        best=np.zeros(5, dtype=np.int64),
        spare=np.zeros(5, dtype=np.int64),
    )


def _slots(pairs: int) -> int:
    return int(min(_TABU_SLOTS, 1 << int(pairs).bit_length()))
