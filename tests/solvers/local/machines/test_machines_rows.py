"""The kernels of the machines against costs added up from scratch."""

from __future__ import annotations

import numpy as np
import pytest

from makespan.solvers.jit import kernel
from makespan.solvers.local.draw import Stream, draw, stream
from makespan.solvers.local.machines._anneal import (
    Plan,
    change_over,
    load,
    propose_across,
    propose_within,
    weigh_across,
    weigh_within,
)
from makespan.solvers.local.machines._rows import Rows, change, total_of
from makespan.solvers.local.machines._shape import FAR, Tables


@kernel
def slow_value(T: Tables, R: Rows, largest: int) -> int:
    """Objective of the sequences by the definition of every term."""
    total = 0
    peak = -FAR
    families = T.setup.shape[2]
    for k in range(len(R.size)):
        t = T.start[k]
        family = families
        for x in range(R.size[k]):
            i = R.job[k, x]
            begin = t + T.setup[k, family, T.family[i]]
            if begin < T.release[i]:
                begin = T.release[i]
            t = begin + T.duration[k, i]
            family = T.family[i]
            total += T.slope[i] * t
            if t > T.due[i]:
                total += T.steep[i] * (t - T.due[i])
                total += T.step[i]
            if T.scale[i] > 0:
                late = t - T.target[i]
                if late < T.least[i]:
                    late = T.least[i]
                if T.scale[i] * late > peak:
                    peak = T.scale[i] * late
    return total + largest * peak if largest > 0 else total


@kernel
def wander(
    T: Tables, R: Rows, P: Plan, largest: int, moves: int, random: Stream
) -> tuple[int, int]:
    """Random moves; the first that was valued or made wrongly, else -1; and how many were made."""
    n = len(P.end)
    m = len(R.size)
    load(T, R, P)
    made = 0
    for number in range(moves):
        sums = 0
        for k in range(m):
            sums += total_of(R, k)
        i = draw(random) % n
        k = R.machine[i]
        if m > 1 and draw(random) % 2 == 0:
            other, q, back = propose_across(T, R, i, random)
            if other < 0:
                continue
            value = weigh_across(T, R, largest, sums, i, other, q, back)
            change_over(T, R, i, other, q, back)
        else:
            low, count, resume = propose_within(R, k, R.place[i], random)
            if count == 0:
                continue
            value = weigh_within(T, R, largest, sums, k, low, count, resume)
            change(T, R, k, low, count, resume)
        made += 1
        if value != slow_value(T, R, largest):
            return number, made
        seen = 0
        for k in range(m):
            seen += R.size[k]
            for x in range(R.size[k]):
                i = R.job[k, x]
                if R.machine[i] != k or R.place[i] != x or T.duration[k, i] < 0:
                    return number, made
        if seen != n:
            return number, made
    return -1, made


def tables(
    jobs: int, machines: int, *, seed: int, release: int = 0, setup: int = 0, low: int = 1
) -> Tables:
    """Jobs with costs of every kind, some of them 0, and machines that some cannot use."""
    random = np.random.default_rng(seed)
    duration = random.integers(low, 21, (machines, jobs))
    if machines > 1:
        closed = random.random((machines, jobs)) < 0.2
        closed[random.integers(0, machines, jobs), np.arange(jobs)] = False
        duration[closed] = -1
    span = 12 * jobs // machines + release
    families = 3 if setup else 1
    dated = random.random(jobs) < 0.8
    return Tables(
        duration=duration,
        release=random.integers(0, release + 1, jobs),
        due=np.where(dated, random.integers(0, span + 1, jobs), 1 << 60),
        slope=random.integers(0, 3, jobs),
        steep=np.where(dated, random.integers(0, 9, jobs), 0),
        step=np.where(dated, random.integers(0, 30, jobs), 0),
        target=random.integers(0, span + 1, jobs),
        scale=random.integers(0, 4, jobs),
        least=np.full(jobs, random.integers(-5, 1)),
        family=random.integers(0, families, jobs).astype(np.int32),
        start=np.full(machines, random.integers(-3, 4)),
        setup=random.integers(0, setup + 1, (machines, families + 1, families)),
    )


@pytest.mark.parametrize("largest", [0, 7])
@pytest.mark.parametrize(
    ("jobs", "machines", "release", "setup"),
    [
        (1, 1, 0, 0),
        (2, 1, 0, 0),
        (12, 1, 0, 0),
        (12, 1, 60, 0),
        (15, 1, 0, 9),
        (50, 1, 300, 9),
        (1, 3, 0, 0),
        (9, 4, 0, 0),
        (20, 2, 90, 0),
        (20, 3, 0, 9),
        (40, 5, 50, 5),
    ],
)
def test_every_move_is_valued_exactly(
    jobs: int, machines: int, release: int, setup: int, largest: int
) -> None:
    """22 x 60,000 random moves, whatever they cost: values, machines and places are right."""
    T = tables(jobs, machines, seed=jobs, release=release, setup=setup, low=0 if not setup else 1)
    R, P = Rows.room(T), Plan.room(jobs)
    for i in range(jobs):
        P.machine[i] = int(np.flatnonzero(T.duration[:, i] >= 0)[0])
        P.place[i] = int((P.machine[:i] == P.machine[i]).sum())
    wrong, made = wander(T, R, P, largest, 60_000, stream(jobs, machines))
    assert wrong == -1
    assert made > 15_000 or jobs == 1
