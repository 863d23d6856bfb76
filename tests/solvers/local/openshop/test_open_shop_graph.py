"""The kernels of the open shop against longest paths computed from scratch."""

from __future__ import annotations

import numpy as np
import pytest

from makespan.core.vocabulary import IntArray
from makespan.solvers.jit import kernel
from makespan.solvers.local.draw import Stream, draw, stream
from makespan.solvers.local.openshop._shape import _tables
from makespan.solvers.local.openshop._tabu import (
    FAR,
    State,
    Tables,
    critical_path,
    forbid,
    load,
    move,
    try_out,
)


@kernel
def longest(T: Tables, S: State, end: IntArray) -> int:
    """Makespan by relaxing every arc until nothing changes; -1 if that never ends. Slow."""
    n = len(S.order)
    for i in range(n):
        end[i] = T.release[i] + T.duration[i]
    for _ in range(n + 1):
        changed = False
        for i in range(n):
            for c in range(2):
                p = S.before[c, i]
                if p < n and end[p] + T.duration[i] > end[i]:
                    end[i] = end[p] + T.duration[i]
                    changed = True
        if not changed:
            top = 0
            for i in range(n):
                top = max(top, end[i] + T.delivery[i])
            return top
    return -1


@kernel
def wander(T: Tables, S: State, moves: int, tenure: int, end: IntArray, random: Stream) -> int:
    """Random exact moves; the number of the first one that was valued or made wrongly, else -1."""
    n = len(S.order)
    load(T, S)
    for number in range(moves):
        makespan, first = critical_path(T, S, random)
        if makespan != longest(T, S, end):
            return number
        for i in range(n):
            if end[i] != S.end[i]:
                return number
        if S.tail[S.path[first]] + S.end[S.path[first]] - T.duration[S.path[first]] != makespan:
            return number
        S.worth[0] = S.worth[1] = FAR
        # Any operation, not only critical ones; sometimes tabu ones too.
        try_out(T, S, draw(random) % n, number, makespan * (draw(random) % 2), random)
        if S.worth[0] == FAR:
            continue
        for c in range(2):
            forbid(T, S, c, S.aim[0], S.aim[2 + 2 * c], number + tenure)
        if not move(T, S):
            return number
        if longest(T, S, end) != S.worth[0]:
            return number
        for k in range(n):
            if S.place[S.order[k]] != k:
                return number
    return -1


def tables(jobs: int, machines: int, high: int, release: int, seed: int) -> Tables:
    """A full open shop of random times and releases."""
    random = np.random.default_rng(seed)
    job, machine = (a.ravel() for a in np.mgrid[0:jobs, 0:machines])
    n = jobs * machines
    return _tables(
        np.stack((machine, job)),
        random.integers(1, high + 1, n),
        random.integers(0, release + 1, n),
    )


@pytest.mark.parametrize("high", [1, 3, 99, 1 << 40])
@pytest.mark.parametrize(("jobs", "machines"), [(1, 2), (3, 3), (2, 6), (6, 4), (7, 7)])
@pytest.mark.parametrize("release", [0, 50])
def test_every_move_is_valued_exactly(jobs: int, machines: int, high: int, release: int) -> None:
    """40 x 30,000 random moves: makespan, ends, order and acyclicity are those of a slow count."""
    T = tables(jobs, machines, high, release, seed=jobs * 31 + machines)
    S = State.room(T)
    random = np.random.default_rng(high % 1009)
    S.order[:] = random.permutation(jobs * machines)
    end = np.zeros(jobs * machines, dtype=np.int64)
    assert wander(T, S, 30_000, int(random.integers(0, 8)), end, stream(high, release)) == -1


def test_a_reversed_order_stays_tabu() -> None:
    """After u went behind others, gaps before them are closed to it, and those behind are open."""
    T = tables(1, 4, 5, 0, seed=2)
    S = State.room(T)
    S.order[:] = np.arange(4)
    end = np.zeros(4, dtype=np.int64)
    assert wander(T, S, 0, 0, end, stream(1)) == -1
    _forbid(T, S, 1, 0, 3, 7)
    assert S.tabu[1, 0, T.rank[1, 1]] == S.tabu[1, 0, T.rank[1, 2]] == 7
    assert S.tabu[1, 0, T.rank[1, 3]] == 0
    _forbid(T, S, 1, 3, 1, 9)
    assert S.tabu[1, 1, T.rank[1, 3]] == S.tabu[1, 2, T.rank[1, 3]] == 9
    assert S.tabu[1, 0, T.rank[1, 3]] == 0
    _forbid(T, S, 1, 1, 4, 11)
    assert S.tabu[1, 1, T.rank[1, 2]] == S.tabu[1, 1, T.rank[1, 3]] == 11


@kernel
def _forbid(T: Tables, S: State, c: int, u: int, successor: int, until: int) -> None:
    forbid(T, S, c, u, successor, until)
