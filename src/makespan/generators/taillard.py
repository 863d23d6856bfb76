"""Taillard's benchmark generator: job, flow and open shops made from published seeds.

Source: E. Taillard, "Benchmarks for basic scheduling problems", European Journal of Operational
Research 64 (1993) 278-285. The instances are those of the data files, number for number.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.problem import Problem
from makespan.core.vocabulary import IntArray
from makespan.generators.assembly import flow_shop, job_shop, open_shop
from makespan.generators.taillard_seeds import FLOW_SHOP, JOB_SHOP, OPEN_SHOP

MODULUS: Final = 2**31 - 1
MULTIPLIER: Final = 16807


class Lehmer:
    """The uniform generator of the paper: ``x <- 16807 x mod (2^31 - 1)``.

    The paper computes the product by Schrage's decomposition (127773, 2836) because its integers
    had 32 bits; Python's do not overflow, so the product is taken directly.

    Raises
    ------
    OptionError
        If the seed is not in 1 .. 2^31 - 2.
    """

    def __init__(self, seed: int) -> None:
        if not 0 < seed < MODULUS:
            raise OptionError(f"seed {seed} of the Lehmer generator is not in 1 .. 2^31 - 2")
        self.state = seed

    def integer(self, low: int, high: int) -> int:
        """A number of U[low, high]."""
        self.state = MULTIPLIER * self.state % MODULUS
        # The paper truncates state/m * width in floating point. state * width is never a multiple
        # of the prime m, so the exact integer quotient is the same number.
        return low + self.state * (high - low + 1) // MODULUS

    def matrix(self, rows: int, columns: int, low: int = 1, high: int = 99) -> IntArray:
        """Numbers of U[low, high] drawn row by row, int64 (rows, columns)."""
        drawn = [self.integer(low, high) for _ in range(rows * columns)]
        return np.array(drawn, dtype=np.int64).reshape(rows, columns)

    def permutations(self, rows: int, size: int) -> IntArray:
        """One permutation of 0 .. size-1 per row, by the paper's forward swaps."""
        result = np.empty((rows, size), dtype=np.int64)
        for row in range(rows):
            order = list(range(size))
            for i in range(size):
                k = self.integer(i, size - 1)
                order[i], order[k] = order[k], order[i]
            result[row] = order
        return result


def taillard_job_shop(
    jobs: int, machines: int, *, time_seed: int, machine_seed: int, name: str | None = None
) -> Problem:
    """Job shop of the paper: times U[1, 99], a random machine order per job."""
    return job_shop(
        name or f"taillard job shop {jobs}x{machines} {time_seed} {machine_seed}",
        machine=Lehmer(machine_seed).permutations(jobs, machines),
        duration=Lehmer(time_seed).matrix(jobs, machines),
    )


def taillard_flow_shop(
    jobs: int,
    machines: int,
    *,
    time_seed: int,
    permutation: bool = True,
    name: str | None = None,
) -> Problem:
    """Flow shop of the paper: times U[1, 99], drawn machine by machine.

    The paper asks for permutation schedules: all machines take the jobs in the same order. Without
    ``permutation`` jobs may overtake each other between machines.
    """
    return flow_shop(
        name or f"taillard flow shop {jobs}x{machines} {time_seed}",
        Lehmer(time_seed).matrix(machines, jobs).T,
        permutation=permutation,
    )


def taillard_open_shop(
    jobs: int, machines: int, *, time_seed: int, machine_seed: int, name: str | None = None
) -> Problem:
    """Open shop of the paper: the k-th time drawn for a job goes to the k-th machine of its order.

    The order is irrelevant to an open shop, but the published files place the times by it.
    """
    drawn = Lehmer(time_seed).matrix(jobs, machines)
    order = Lehmer(machine_seed).permutations(jobs, machines)
    duration = np.empty_like(drawn)
    np.put_along_axis(duration, order, drawn, axis=1)
    return open_shop(
        name or f"taillard open shop {jobs}x{machines} {time_seed} {machine_seed}", duration
    )


def taillard_names() -> list[str]:
    """Canonical names: ta01-ta80, tfs001-tfs120, tos4x4_1-tos20x20_10."""
    names = [f"ta{k:02d}" for k in range(1, 81)]
    names += [f"tfs{k:03d}" for k in range(1, 121)]
    names += [f"tos{m}x{m}_{k}" for m, seeds in OPEN_SHOP for k in range(1, len(seeds) + 1)]
    return names


_ALIASES: Final = (
    (re.compile(r"ta(\d{2})js"), "ta{}"),
    (re.compile(r"ta(\d{3})"), "tfs{}"),
    (re.compile(r"ta(\d+x\d+_\d+)os"), "tos{}"),
)


def canonical_name(name: str) -> str:
    """The canonical form of ``name``: aliases are ta01js, ta001 (flow shop) and ta4x4_1os."""
    folded = name.strip().lower()
    for pattern, form in _ALIASES:
        match = pattern.fullmatch(folded)
        if match:
            return form.format(match.group(1))
    return folded


def taillard_instance(name: str) -> Problem | None:
    """The benchmark called ``name`` in canonical form, or None if the paper has none."""
    if match := re.fullmatch(r"ta(\d{2})", name):
        k = int(match.group(1)) - 1
        if not 0 <= k < 80:
            return None
        jobs, machines, pairs = JOB_SHOP[k // 10]
        times, orders = pairs[k % 10]
        return taillard_job_shop(jobs, machines, time_seed=times, machine_seed=orders, name=name)
    if match := re.fullmatch(r"tfs(\d{3})", name):
        k = int(match.group(1)) - 1
        if not 0 <= k < 120:
            return None
        jobs, machines, seeds = FLOW_SHOP[k // 10]
        return taillard_flow_shop(jobs, machines, time_seed=seeds[k % 10], name=name)
    if match := re.fullmatch(r"tos(\d+)x\1_([1-9]\d*)", name):
        pairs = dict(OPEN_SHOP).get(int(match.group(1)), ())
        k = int(match.group(2)) - 1
        if k >= len(pairs):
            return None
        size = int(match.group(1))
        times, orders = pairs[k]
        return taillard_open_shop(size, size, time_seed=times, machine_seed=orders, name=name)
    return None
