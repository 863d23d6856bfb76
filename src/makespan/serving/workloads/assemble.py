"""Workload from columns in any order: requests are sorted by arrival and parents follow them."""

from __future__ import annotations

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.serving.workload import Slo, Workload
from makespan.serving.workloads.pieces import rows


def assemble(
    name: str,
    *,
    arrival: IntArray,
    prompt: IntArray,
    output: IntArray,
    cap: IntArray | None = None,
    priority: IntArray | None = None,
    slo: IntArray | None = None,
    program: IntArray | None = None,
    label: IntArray | None = None,
    parents: tuple[IntArray, IntArray, IntArray] | None = None,
    contents: tuple[IntArray, IntArray] | None = None,
    grain: int = 16,
    slos: tuple[Slo, ...] = (),
    labels: tuple[str, ...] = (),
    source: str = "",
) -> Workload:
    """The load of the requests, sorted by arrival; equal arrivals keep their order.

    Parameters
    ----------
    parents
        ``child``, ``parent`` and ``delay`` of every dependence, by the given order of requests.
    contents
        Pointers and names of pieces, rows as requests are given.

    Raises
    ------
    ProblemError
        If a workload breaks a rule; requests are counted by arrival.
    """
    n = len(arrival)
    order = np.argsort(arrival, kind="stable")
    none = np.zeros(0, dtype=np.int64)

    def sorted_(column: IntArray | None) -> IntArray:
        return none if column is None else column[order]

    child, parent, delay = parents if parents is not None else (none, none, none)
    place = np.empty(n, dtype=np.int64)
    place[order] = np.arange(n)
    child, parent = place[child], place[parent]
    by_child = np.lexsort((parent, child))
    size = np.bincount(child, minlength=n).astype(np.int64)
    content_ptr, content = contents if contents is not None else (none, none)
    if contents is not None:
        new_ptr, owner, at = rows(np.diff(content_ptr)[order])
        content, content_ptr = content[content_ptr[order][owner] + at], new_ptr
    return Workload(
        name,
        arrival=arrival[order],
        prompt=prompt[order],
        output=output[order],
        cap=sorted_(cap),
        priority=sorted_(priority),
        slo=sorted_(slo),
        program=sorted_(program),
        label=sorted_(label),
        parent_ptr=np.concatenate(([0], np.cumsum(size))).astype(np.int64),
        parent=parent[by_child],
        delay=delay[by_child],
        content_ptr=content_ptr,
        content=content,
        grain=grain,
        slos=slos,
        labels=labels,
        source=source,
    )
