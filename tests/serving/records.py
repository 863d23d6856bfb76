"""Hypothesis strategies: small workloads over all of their vocabulary, and records of them.

A record drawn here is one that an engine could have made: every request is served at times that
respect its arrival, its parents and its own tokens, though by no particular policy.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st

from makespan.serving.record import Events, Fate, Kind, Record
from makespan.serving.workload import Slo, Workload


@st.composite
def slos(draw: st.DrawFn, name: str = "class") -> Slo:
    """A class with any of its terms."""
    term = st.none() | st.integers(1, 300)
    return Slo(name, ttft=draw(term), tpot=draw(term), gap=draw(term), deadline=draw(term))


@st.composite
def workloads(
    draw: st.DrawFn,
    *,
    most: int = 8,
    tokens: int = 12,
    grains: tuple[int, ...] = (1, 2, 3, 4),
    last_arrival: int = 60,
    parents: bool = True,
) -> Workload:
    """A load of up to ``most`` requests that share prefixes, wait for each other, have classes."""
    n = draw(st.integers(0, most))
    size = st.lists(st.integers(1, tokens), min_size=n, max_size=n)
    arrival = sorted(draw(st.lists(st.integers(0, last_arrival), min_size=n, max_size=n)))
    prompt, output = draw(size), draw(size)
    spare = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    grain = draw(st.sampled_from(grains))
    classes = tuple(draw(slos(f"class {k}")) for k in range(draw(st.integers(0, 2))))
    parent_ptr, parent, delay = [0], [], []
    names: dict[tuple[int, ...], int] = {}
    content_ptr, content = [0], []
    for r in range(n):
        if parents and r and draw(st.integers(0, 3)) == 0:
            chosen = draw(st.lists(st.integers(0, r - 1), min_size=1, max_size=2, unique=True))
            parent += chosen
            delay += [draw(st.integers(0, 20)) for _ in chosen]
        parent_ptr.append(len(parent))
        # A name stands for all that comes before it, so it is that of a path in a tree.
        path: tuple[int, ...] = ()
        for _ in range(draw(st.integers(0, (prompt[r] + output[r]) // grain))):
            path = (*path, draw(st.integers(0, 1)))
            content.append(names.setdefault(path, len(names)))
        content_ptr.append(len(content))

    def column(values: list[int]) -> Any:
        return np.array(values, dtype=np.int64)

    def among(end: int) -> Any:
        return column(draw(st.lists(st.integers(-1, end - 1), min_size=n, max_size=n)))

    return Workload(
        "drawn",
        arrival=column(arrival),
        prompt=column(prompt),
        output=column(output),
        cap=column([o + s for o, s in zip(output, spare, strict=True)]),
        priority=among(3),
        slo=among(len(classes)),
        program=among(2),
        parent_ptr=column(parent_ptr),
        parent=column(parent),
        delay=column(delay),
        content_ptr=column(content_ptr),
        content=column(content),
        grain=grain,
        slos=classes,
    )


@st.composite
def records(draw: st.DrawFn, *, refusals: bool = True) -> Record:
    """A record of a drawn workload."""
    load = draw(workloads())
    n = load.count
    rows: dict[str, list[int]] = {name: [-1] * n for name in ("sent", "admitted", "first", "last")}
    rows |= {name: [0] * n for name in ("gap", "preemptions", "hit", "hits", "fate")}
    rows["instance"] = [-1] * n
    events: list[tuple[int, int, int]] = []
    for r in range(n):
        before = load.parents(r)
        if any(rows["fate"][p] != Fate.FINISHED for p in before):
            rows["fate"][r] = Fate.ORPHAN
            continue
        waits = zip(before, load.delay[load.parent_ptr[r] :], strict=False)
        ready = max([int(load.arrival[r])] + [rows["last"][p] + int(d) for p, d in waits])
        rows["sent"][r] = ready
        if refusals and draw(st.integers(0, 5)) == 0:
            rows["fate"][r] = Fate.TOO_LONG
            continue
        admitted = ready + draw(st.integers(0, 50))
        times = [admitted + draw(st.integers(1, 200))]
        for _ in range(int(load.output[r]) - 1):
            times.append(times[-1] + draw(st.integers(1, 200)))
        rows["admitted"][r], rows["first"][r], rows["last"][r] = admitted, times[0], times[-1]
        rows["gap"][r] = max((b - a for a, b in pairwise(times)), default=0)
        rows["hit"][r] = draw(st.integers(0, int(load.prompt[r]) - 1))
        rows["preemptions"][r] = draw(st.integers(0, 2))
        rows["hits"][r] = rows["hit"][r] + draw(st.integers(0, 9))
        rows["instance"][r] = draw(st.integers(0, 2))
        events += [(admitted, Kind.ADMIT, r), (times[-1], Kind.FINISH, r)]
    table = np.array(sorted(events), dtype=np.int64).reshape(-1, 3)
    return Record(
        workload=load,
        engine="drawn",
        measured=False,
        steps=draw(st.integers(0, 99)),
        events=draw(st.none() | st.just(Events(table[:, 0], table[:, 1], table[:, 2]))),
        **{name: np.array(row, dtype=np.int64) for name, row in rows.items()},
    )
