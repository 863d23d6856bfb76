"""Random jobs of one machine for the tests of its rules and exact methods."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import strategies as st

from makespan.shop.single_machine import Jobs


def brute_force(jobs: Jobs) -> int:
    """Least total tardiness over all orders."""
    return min(jobs.total_tardiness(order) for order in itertools.permutations(range(len(jobs))))


@st.composite
def some_jobs(draw, most: int = 12, weighted: bool = False, largest: int = 40) -> Jobs:
    """Jobs with many ties, zeros and due dates before 0."""
    n = draw(st.integers(0, most))
    top = draw(st.sampled_from([1, 3, largest]))
    p = draw(st.lists(st.integers(0, top), min_size=n, max_size=n))
    d = draw(st.lists(st.integers(-top, max(1, sum(p)) + top), min_size=n, max_size=n))
    w = draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)) if weighted else None
    if w is not None:
        w = np.array(w, dtype=np.int64)
    return Jobs(np.array(p, dtype=np.int64), np.array(d, dtype=np.int64), w)


def drawn_jobs(seed: int, n: int, tardiness_factor: float = 0.6, due_range: float = 0.4) -> Jobs:
    """Jobs as Potts and Van Wassenhove draw them."""
    rng = np.random.default_rng(seed)
    p = rng.integers(1, 101, n)
    low = p.sum() * (1 - tardiness_factor - due_range / 2)
    high = p.sum() * (1 - tardiness_factor + due_range / 2)
    return Jobs(p, rng.integers(round(low), round(high) + 1, n))
