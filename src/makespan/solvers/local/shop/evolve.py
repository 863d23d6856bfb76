"""One worker: populations of tabu-searched schedules joined by path relinking.

After Peng, Lü & Cheng (2015), "A tabu search/path relinking algorithm to solve the job shop
scheduling problem".
"""

from __future__ import annotations

from typing import Final

import numpy as np

from makespan.core.errors import EngineError
from makespan.core.vocabulary import IntArray
from makespan.solvers.board import Board
from makespan.solvers.local.draw import stream
from makespan.solvers.local.shapes import Shop
from makespan.solvers.local.shop.graph import build
from makespan.solvers.local.shop.initial import dispatch
from makespan.solvers.local.shop.islands import Champions, Solution
from makespan.solvers.local.shop.layout import (
    Int32,
    Tables,
    UInt32,
    state,
)
from makespan.solvers.local.shop.tabu import descend

_PATIENCE: Final = 12_500
_TRIAL: Final = 500
_SHARES: Final = (0.3, 0.5, 0.7)
_LARGEST: Final = 40
_CLOCK_LIMIT: Final = 1 << 30


class Evolution:
    """One worker's populations."""

    def __init__(
        self,
        board: Board,
        shop: Shop,
        tables: Tables,
        champions: Champions,
        *,
        factor: int,
        name: str,
        seed: int,
        worker: int,
        moves: int | None,
    ) -> None:
        self.board, self.shop, self.tables, self.champions = board, shop, tables, champions
        self.factor, self.name = factor, name
        self.state = state(tables)
        self.rng = stream(seed, worker)
        self.random = np.random.default_rng([seed, worker])
        self.clock: IntArray = np.zeros(1, dtype=np.int64)
        self.left = moves
        jobs, machines = len(tables.first), len(tables.line_ptr) - 1
        self.tenure = 10 + jobs // machines
        self.origin = int(shop.release.min())
        self.serial = 0

    def run(self) -> None:
        """Populations one after the other until the board is over or the moves are spent."""
        size, rounds = 10, 0
        while not self.over():
            rounds += 1
            merged = self.champions.latest(size // 2) if rounds % 2 == 0 else []
            population = self.found(size, merged)
            if len(population) > 1:
                self.evolve(population)
            if population:
                self.champions.add(min(population, key=lambda s: s.value))
            size = min(2 * size, _LARGEST)

    def over(self) -> bool:
        """Whether to end now."""
        return self.board.over or (self.left is not None and self.left <= 0)

    def found(self, size: int, members: list[Solution]) -> list[Solution]:
        """A population of the given members and of improved random schedules."""
        population = list(members)
        n, rows = self.shop.count, len(self.tables.chain)
        while len(population) < size and not self.over():
            order, option = np.zeros(n, dtype=np.uint32), np.zeros(rows, dtype=np.int32)
            dispatch(self.tables, order, option, 0.2 + self.random.random(), self.rng)
            population.append(self.improve(order, option, _PATIENCE // 2))
        return population

    def evolve(self, population: list[Solution]) -> None:
        """Replace members by offspring until nothing has improved for a while."""
        fails = 0
        near = max(1, self.shop.count // 50)
        while not self.over() and fails < 3 * len(population):
            i, j = self.random.choice(len(population), 2, replace=False)
            child = self.offspring(population[i], population[j])
            distances = [child.distance(s) for s in population]
            closest = int(np.argmin(distances))
            worst = max(range(len(population)), key=lambda r: population[r].value)
            fails += 1
            if distances[closest] <= near:
                if child.value < population[closest].value:
                    population[closest] = child
                    fails = 0
            elif child.value <= population[worst].value and distances[closest] > 0:
                if child.value < population[worst].value:
                    fails = 0
                population[worst] = child

    def offspring(self, a: Solution, b: Solution) -> Solution:
        """The most promising of three schedules between the parents, improved."""
        starts_a, starts_b = self.starts(a), self.starts(b)
        best: Solution | None = None
        for share in _SHARES:
            mix = (1 - share) * starts_a + share * starts_b
            base = b.order if self.random.random() < 0.5 else a.order
            order = base[np.argsort(mix[base], kind="stable")]
            from_b = self.random.random(len(mix)) < share
            option = np.where(from_b, b.option, a.option)
            found = self.improve(order, option, _TRIAL, budget=_TRIAL)
            if best is None or found.value < best.value:
                best = found
        assert best is not None
        return self.improve(best.order.copy(), best.option.copy(), _PATIENCE)

    def starts(self, solution: Solution) -> IntArray:
        build(self.tables, self.state, solution.order, solution.option)
        return self.state.head.astype(np.int64) - self.state.duration

    def improve(
        self, order: UInt32, option: Int32, patience: int, budget: int = 1 << 40
    ) -> Solution:
        """Tabu search from a schedule, whose arrays it takes over."""
        if self.clock[0] > _CLOCK_LIMIT:
            self.state.forbidden[:] = 0
            self.state.barred[:] = 0
            self.clock[0] = 0
        if self.left is not None:
            budget = min(budget, max(1, self.left))
        began = int(self.clock[0])
        value = descend(
            self.tables,
            self.state,
            order,
            option,
            patience,
            budget,
            0,
            self.tenure,
            self.clock,
            self.rng,
            self.board.halt,
        )
        if value < 0:
            raise EngineError("a move closed a cycle", hint="this is a bug; please report it")
        tried = int(self.clock[0]) - began
        self.clock[0] += 2 * self.tenure
        self.board.count(self.name, tried)
        if self.left is not None:
            self.left -= max(1, tried)
        solution = self.solution(order, option)
        self.offer(solution)
        return solution

    def solution(self, order: UInt32, option: Int32) -> Solution:
        value = int(build(self.tables, self.state, order, option))
        rows = self.tables.operation
        machine = self.tables.option_machine[option[rows]].astype(np.int64)
        trait = machine * len(self.tables.chain) + self.state.before[rows]
        return Solution(value, order, option, trait)

    def offer(self, solution: Solution) -> None:
        """Show a solution to the board if it beats the incumbent."""
        values = (self.factor * (solution.value + self.origin),)
        if not self.board.improves(values):
            return
        build(self.tables, self.state, solution.order, solution.option)
        rows = self.tables.operation
        start = self.state.head[rows].astype(np.int64) - self.state.duration[rows] + self.origin
        option = self.tables.shop_option[solution.option[rows]]
        self.board.offer(values, self.shop.schedule(start, option), by=self.name)
