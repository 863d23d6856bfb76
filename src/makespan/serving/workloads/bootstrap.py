"""A longer load from blocks of time of a load, drawn with replacement (block bootstrap)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.vocabulary import BoolArray, IntArray
from makespan.serving.workload import PICOSECONDS, TIME_LIMIT, Workload
from makespan.serving.workloads.assemble import assemble
from makespan.serving.workloads.draws import Stream
from makespan.serving.workloads.pieces import rows
from makespan.serving.workloads.transform import leaders


def bootstrap(load: Workload, seconds: float, *, block: float = 60.0, seed: int = 0) -> Workload:
    """A longer load of blocks of time drawn at random, with replacement, from a load.

    Repeating a file would repeat its very bursts at equal distances; blocks keep what happens
    within ``block`` seconds and draw anew beyond. Requests are taken with the block in which
    their program begins; what a repeated block shares, it shares within itself alone (its
    pieces are renamed from the second time on), since another hour has other users.

    Parameters
    ----------
    seconds
        Length of the result.
    block
        Seconds of a block, at most the span of the load.
    """
    if not load.count or not 0 < block <= load.span / PICOSECONDS:
        raise OptionError(
            f"blocks of {block} s from a load of {load.span / PICOSECONDS:g} s",
            hint="the load must last at least a block",
        )
    if not block <= seconds <= TIME_LIMIT / PICOSECONDS / 2:
        raise OptionError(f"a load of {seconds} s from blocks of {block} s")
    size = round(block * PICOSECONDS)
    length = round(seconds * PICOSECONDS)
    count = -(-length // size)
    stream = Stream(seed, "bootstrap")
    begins = np.rint(stream.reals(count) * (load.span - size)).astype(np.int64)
    begins += int(load.arrival[0])
    leader = leaders(load)
    start = load.arrival[leader]
    order = np.argsort(start, kind="stable")
    sorted_start = start[order]
    low = np.searchsorted(sorted_start, begins)
    high = np.searchsorted(sorted_start, begins + size)
    _, copy, at = rows(high - low)
    chosen = order[low[copy] + at]
    parts = _copies(load, chosen, copy)
    arrival = load.arrival[chosen] - begins[copy] + copy * size
    kept = load.arrival[leader[chosen]] - begins[copy] + copy * size < length
    built = _built(load, chosen, arrival, parts, f"{load.name}-bootstrap")
    if not kept.all():
        built = built.take(np.sort(np.argsort(np.argsort(arrival, kind="stable"))[kept]))
    return replace(
        built,
        source=f"{load.source}, bootstrapped to {seconds:g} s from blocks of {block:g} s, "
        f"seed {seed}",
    )


def _copies(load: Workload, chosen: IntArray, copy: IntArray) -> dict[str, IntArray]:
    """Programs, dependences and pieces of copies of requests, apart from copy to copy."""
    distinct, number = np.unique(load.program, return_inverse=True)
    programs = len(distinct)
    program = np.where(load.program < 0, -1, number)[chosen]
    place = np.arange(len(chosen), dtype=np.int64)
    # Request r of copy c is known by c * n + r.
    key = copy * load.count + chosen
    order = np.argsort(key, kind="stable")
    size = np.diff(load.parent_ptr)[chosen]
    _, owner, at = rows(size)
    parent = load.parent[load.parent_ptr[chosen][owner] + at]
    delay = load.delay[load.parent_ptr[chosen][owner] + at]
    wanted = copy[owner] * load.count + parent
    found = np.minimum(np.searchsorted(key[order], wanted), max(len(key) - 1, 0))
    there: BoolArray = key[order][found] == wanted if len(key) else np.zeros(0, dtype=np.bool_)
    pieces = np.diff(load.content_ptr)[chosen]
    ptr, content_owner, content_at = rows(pieces)
    content = load.content[load.content_ptr[chosen][content_owner] + content_at]
    distinct, code = np.unique(content, return_inverse=True)
    return {
        "program": np.where(program < 0, -1, program + copy * programs),
        "child": place[owner[there]],
        "parent": order[found[there]],
        "delay": delay[there],
        "content_ptr": ptr,
        "content": code + _visit(chosen, copy)[content_owner] * max(len(distinct), 1),
    }


def _visit(chosen: IntArray, copy: IntArray) -> IntArray:
    """How often the request has been taken in earlier copies, the greatest within each copy.

    Pieces keep their names the first time a stretch of the load is taken; a copy that repeats any
    request has all its pieces renamed.
    """
    order = np.lexsort((copy, chosen))
    ordered = chosen[order]
    new = np.concatenate(([True], ordered[1:] != ordered[:-1])) if len(order) else np.zeros(0, bool)
    start = np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
    visit = np.empty(len(order), dtype=np.int64)
    visit[order] = np.arange(len(order)) - start
    greatest = np.zeros(int(copy.max(initial=0)) + 1, dtype=np.int64)
    np.maximum.at(greatest, copy, visit)
    # Copies that repeat something are told apart by their own number, not by how often.
    number = np.where(greatest > 0, np.arange(len(greatest)) + 1, 0)
    return number[copy]


def _built(
    load: Workload, chosen: IntArray, arrival: IntArray, parts: dict[str, IntArray], name: str
) -> Workload:
    return assemble(
        name,
        arrival=arrival,
        **{key: getattr(load, key)[chosen] for key in ("prompt", "output", "cap")},
        priority=load.priority[chosen],
        slo=load.slo[chosen],
        label=load.label[chosen],
        program=parts["program"],
        parents=(parts["child"], parts["parent"], parts["delay"]),
        contents=(parts["content_ptr"], parts["content"]),
        grain=load.grain,
        slos=load.slos,
        labels=load.labels,
        source=load.source,
    )
