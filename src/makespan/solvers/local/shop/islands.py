"""What the workers of one search share: the champions of their finished populations."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from makespan.core.vocabulary import IntArray
from makespan.solvers.local.shop.layout import Int32, UInt32


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """A schedule as the kernels know it.

    Attributes
    ----------
    value
        Makespan, counted from the earliest release.
    order, option
        Topological list of the operations and chosen option of every row.
    trait
        Machine and operation before it on that machine, as one number per operation, int64 (n,).
    """

    value: int
    order: UInt32
    option: Int32
    trait: IntArray

    def distance(self, other: Solution) -> int:
        """Number of operations with another machine or another operation before them."""
        return int((self.trait != other.trait).sum())


@dataclass(slots=True)
class Champions:
    """Best solutions of past populations, safe to use from many threads."""

    solutions: list[Solution] = field(default_factory=list)
    populations: dict[int, list[Solution]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, solution: Solution) -> None:
        """Keep the solution unless an equal one is there."""
        with self.lock:
            if all(known.distance(solution) for known in self.solutions):
                self.solutions.append(solution)

    def latest(self, count: int) -> list[Solution]:
        """The ``count`` solutions added last."""
        with self.lock:
            return self.solutions[-count:]

    def settle(self, worker: int, population: list[Solution]) -> None:
        """Let others visit the worker's population, which it goes on changing in place."""
        with self.lock:
            self.populations[worker] = population

    def visitor(self, worker: int, lot: int) -> Solution | None:
        """Some member of another worker's population, None if there is none."""
        with self.lock:
            others = [p for w, p in sorted(self.populations.items()) if w != worker]
        if not others:
            return None
        population = others[lot % len(others)]
        return population[lot // len(others) % len(population)]
