"""Lower bounds on the makespan of a shop, exact integers, without search."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.solvers.local.shapes import Shop

_SETS: Final = 256
"""Most sets of machines looked at."""

_LARGE: Final = 100_000
"""Operations beyond which only bounds that take no more than some passes are computed."""

_PROGRAM: Final = 50_000
"""Options up to which a linear program over them takes a fraction of a second."""


def bounds(shop: Shop) -> Iterator[int]:
    """Ever better lower bounds, the quick ones first; times as in the Shop."""
    least = np.minimum.reduceat(shop.option_duration, shop.option_ptr[:-1])
    head, tail = _heads(shop, least), _tails(shop, least)
    yield int((head + least + tail).max())
    for members, width in _sets(shop):
        if width == 1 and shop.count <= _LARGE:
            yield one_machine(head[members], least[members], tail[members])
        else:
            yield parallel(head[members], least[members], tail[members], width)
    if shop.flexible and len(shop.option_mode) <= _PROGRAM:
        bound = _weighted(shop, head, tail)
        if bound is not None:
            yield bound


def _weighted(shop: Shop, head: IntArray, tail: IntArray) -> int | None:
    """The best weighted mean of the machines' loads, wherever the work goes."""
    # Not before it is needed: the import takes longer than all other bounds together.
    from makespan.solvers.cpsat.balance import Load, balanced

    owner = np.repeat(np.arange(shop.count), np.diff(shop.option_ptr))
    loads = []
    for k in range(shop.machines):
        option = np.flatnonzero(shop.option_machine == k)
        operation = owner[option]
        work: dict[int, dict[int, int]] = {}
        for a, x in zip(option.tolist(), operation.tolist(), strict=True):
            work.setdefault(x, {})[a] = int(shop.option_duration[a])
        # No schedule ends before the least head and tail, even if the machine stands still.
        loads.append(Load(1, int(head[operation].min() + tail[operation].min()), work))
    starts = shop.option_ptr.tolist()
    return balanced(loads, {x: list(range(a, b)) for x, (a, b) in enumerate(pairwise(starts))})


def _heads(shop: Shop, least: IntArray) -> IntArray:
    """Earliest start of every operation by releases and its chain."""
    return _along(shop, shop.release, least)


def _tails(shop: Shop, least: IntArray) -> IntArray:
    """Least time from the end of every operation to the end of its chain."""
    total = np.cumsum(least)
    return np.repeat(total[shop.chain_ptr[1:] - 1], np.diff(shop.chain_ptr)) - total


def _along(shop: Shop, release: IntArray, least: IntArray) -> IntArray:
    # start[i] - work before i = max over j <= i in the chain of release[j] - work before j.
    before = np.cumsum(least) - least
    slack = release - before
    owner = np.repeat(np.arange(len(shop.chain_ptr) - 1), np.diff(shop.chain_ptr))
    # Chains are kept apart by offsets that exceed all differences within them.
    step = int(slack.max()) - int(slack.min()) + 1
    if step * len(shop.chain_ptr) < 1 << 62:
        lifted = slack + owner * step
        return np.maximum.accumulate(lifted) - owner * step + before
    parts = np.split(slack, shop.chain_ptr[1:-1])
    return np.concatenate([np.maximum.accumulate(part) for part in parts]) + before


def _sets(shop: Shop) -> Iterator[tuple[IntArray, int]]:
    """Operations confined to a set of machines, and the size of the set.

    The sets are those of the operations' options and unions of overlapping ones: where work can
    move between machines only inside a set, its mean load is a bound.
    """
    sizes = np.diff(shop.option_ptr)
    alone = np.flatnonzero(sizes == 1)
    machine = shop.option_machine[shop.option_ptr[alone]]
    order = np.argsort(machine, kind="stable")
    cuts = np.flatnonzero(np.diff(machine[order])) + 1
    for members in np.split(alone[order], cuts):
        if len(members):
            yield members, 1
    if len(alone) == shop.count or shop.count > _LARGE:
        return
    words = (shop.machines + 62) // 63
    mask = np.zeros((shop.count, words), dtype=np.int64)
    owner = np.repeat(np.arange(shop.count), sizes)
    bit = np.int64(1) << (shop.option_machine.astype(np.int64) % 63)
    np.bitwise_or.at(mask, (owner, shop.option_machine // 63), bit)
    kinds, kind = np.unique(mask, axis=0, return_inverse=True)
    kind = kind.reshape(-1)
    if len(kinds) > 20 * _SETS:
        kinds = kinds[:0]
    least = np.minimum.reduceat(shop.option_duration, shop.option_ptr[:-1])
    work = np.bincount(kind, weights=least, minlength=len(kinds)).astype(np.int64)
    seen: set[bytes] = set()
    frontier = [np.bitwise_or.reduce(mask, axis=0)]
    frontier.extend(kinds[np.argsort(-work[: len(kinds)], kind="stable")][:_SETS])
    while frontier and len(seen) < _SETS:
        group = frontier.pop(0)
        if group.tobytes() in seen:
            continue
        seen.add(group.tobytes())
        width = sum(int(word).bit_count() for word in group)
        inside = (mask & ~group == 0).all(axis=1)
        members = np.flatnonzero(inside)
        yield members, width
        if len(kinds) and len(frontier) < _SETS:
            union = kinds | group
            grown = np.unique(union[(kinds & group).any(axis=1)], axis=0)
            frontier.extend(list(grown[:8]))


def one_machine(head: IntArray, duration: IntArray, tail: IntArray) -> int:
    """Jackson's preemptive schedule of one machine: its latest end plus tail is a bound.

    At any time the available operation with the longest tail runs (Carlier & Pinson 1989).
    O(n log n).
    """
    order = np.argsort(head, kind="stable").tolist()
    heads, left, tails = head.tolist(), duration.tolist(), tail.tolist()
    ready: list[tuple[int, int]] = []
    now, best, i = 0, 0, 0
    while i < len(order) or ready:
        if not ready:
            now = max(now, heads[order[i]]) if i else heads[order[0]]
        while i < len(order) and heads[order[i]] <= now:
            heapq.heappush(ready, (-tails[order[i]], order[i]))
            i += 1
        longest, job = ready[0]
        until = heads[order[i]] if i < len(order) else now + left[job]
        if now + left[job] <= until:
            now += left[job]
            heapq.heappop(ready)
            best = max(best, now - longest)
        else:
            left[job] -= until - now
            now = until
    return best


def parallel(head: IntArray, duration: IntArray, tail: IntArray, width: int) -> int:
    """Mean load of ``width`` machines between the least heads and tails (Carlier 1987).

    The sum of the ``width`` smallest heads and tails counts where some operation has at least
    the ``width``-th smallest of both; that is sure from 2 ``width`` - 1 operations on.
    """
    if len(head) >= 2 * width - 1:
        idle = int(np.partition(head, width - 1)[:width].sum())
        idle += int(np.partition(tail, width - 1)[:width].sum())
    else:
        idle = width * (int(head.min()) + int(tail.min()))
    return -(-(int(duration.sum()) + idle) // width)
