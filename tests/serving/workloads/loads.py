"""Random valid workloads for property tests, and what they share worked out the slow way."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from makespan.serving.workload import TIME_LIMIT, TOKEN_LIMIT, Slo, Workload

NAMES = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=6)
SMALL = st.integers(1, 200)
GRAINS = st.sampled_from([1, 2, 16])


@st.composite
def slo_classes(draw):
    """A tuple of SLO classes with different names."""
    names = draw(st.lists(NAMES, max_size=3, unique=True))
    limit = st.none() | st.integers(1, TIME_LIMIT)
    return tuple(Slo(name, *(draw(limit) for _ in range(4))) for name in names)


@st.composite
def workloads(draw, *, most=8, tokens=SMALL, grains=GRAINS):
    """A valid workload with everything that one may have."""
    n = draw(st.integers(0, most))
    arrival = sorted(draw(st.lists(st.integers(0, 50), min_size=n, max_size=n)))
    prompt = draw(st.lists(tokens, min_size=n, max_size=n))
    output = draw(st.lists(tokens, min_size=n, max_size=n))
    extra = draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))
    slos = draw(slo_classes())
    labels = tuple(draw(st.lists(NAMES, max_size=3, unique=True)))
    grain = draw(grains)
    parents, delays, content, ptr, content_ptr = [], [], [], [0], [0]
    for r in range(n):
        own = draw(st.lists(st.integers(0, r - 1), max_size=2, unique=True)) if r else []
        parents += sorted(own)
        delays += [draw(st.integers(0, 10**13)) for _ in own]
        ptr.append(len(parents))
        room = (prompt[r] + output[r]) // grain
        # Names imply what is before them: a path in a tree of two branches per node.
        path, node = [], 1
        for step in draw(st.lists(st.integers(0, 1), max_size=min(room, 5))):
            node = 2 * node + step
            path.append(node)
        content += path
        content_ptr.append(len(content))

    def column(strategy):
        """Column."""
        return np.array(draw(st.lists(strategy, min_size=n, max_size=n)), dtype=np.int64)

    return Workload(
        draw(st.text(max_size=5)),
        arrival=np.array(arrival, dtype=np.int64),
        prompt=np.array(prompt, dtype=np.int64),
        output=np.array(output, dtype=np.int64),
        cap=np.minimum(np.array(output, dtype=np.int64) + np.array(extra, np.int64), TOKEN_LIMIT),
        priority=column(st.integers(-(10**9), 10**9)),
        slo=column(st.integers(-1, len(slos) - 1)),
        program=column(st.integers(-1, 3)),
        label=column(st.integers(-1, len(labels) - 1)),
        parent_ptr=np.array(ptr),
        parent=np.array(parents, dtype=np.int64),
        delay=np.array(delays, dtype=np.int64),
        content_ptr=np.array(content_ptr),
        content=np.array(content, dtype=np.int64),
        grain=grain,
        slos=slos,
        labels=labels,
        source=draw(st.text(max_size=5)),
    )


def same(one: Workload, other: Workload, *, but: tuple[str, ...] = ()) -> bool:
    """Whether two workloads are equal in every term, except those named."""
    for key in Workload.__slots__:
        if key in but:
            continue
        a, b = getattr(one, key), getattr(other, key)
        if isinstance(a, np.ndarray):
            if not np.array_equal(a, b):
                return False
        elif a != b:
            return False
    return True


def shared(load: Workload, a: int, b: int) -> int:
    """Leading pieces that two requests have in common."""
    count = 0
    for x, y in zip(load.contents(a).tolist(), load.contents(b).tolist(), strict=False):
        if x != y:
            break
        count += 1
    return count
