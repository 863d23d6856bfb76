"""Populations of tabu-searched schedules of an open shop, bred by path relinking."""

from __future__ import annotations

from typing import Final

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.solvers.board import Board
from makespan.solvers.local.draw import stream
from makespan.solvers.local.openshop._dense import dispatch
from makespan.solvers.local.openshop._shape import OpenShop
from makespan.solvers.local.openshop._tabu import State, descend

_NAME: Final = "open shop"
_UNLIMITED: Final = 1 << 60
_PATIENCE: Final = 1_000
"""Iterations without a better schedule after which one tabu search ends."""
_TENURE: Final = 3
"""Least iterations for which a reversed order stays tabu."""
_SMALLEST: Final = 20
_GROWTH: Final = 5
_LARGEST: Final = 40
"""Sizes of populations: that of the first, by how much the next ones are larger, the limit."""
_FRUITLESS: Final = 3
"""Children per member, none of them better than a member, after which a population is given up."""

_Individual = tuple[int, IntArray]
"""Makespan and operation starts."""


class OpenShopSearch:
    """Tabu search and path relinking over the machine and job sequences of an open shop."""

    name = _NAME

    def __init__(self, shop: OpenShop, board: Board, *, seed: int, moves: int | None) -> None:
        self._shop = shop
        self._board = board
        self._seed = seed
        self._moves = _UNLIMITED if moves is None else moves

    def work(self, worker: int) -> None:
        """Breed populations until the board is over or the moves are spent."""
        self._board.raise_bound(self._shop.coefficient * self._shop.bound, by=self.name)
        island = _Island(self._shop, self._board, seed=self._seed, worker=worker, moves=self._moves)
        island.run()


class _Island:
    """One worker's populations.

    One after the other grows from dense schedules and is bred until it is stuck; then the best of
    those before joins it and it is bred on (Peng, Lü and Cheng, "A tabu search/path relinking
    algorithm to solve the job shop scheduling problem", Computers & OR 53, 2015, for the frame).
    """

    def __init__(self, shop: OpenShop, board: Board, *, seed: int, worker: int, moves: int) -> None:
        self.shop, self.board, self.moves = shop, board, moves
        self.state = State.room(shop.tables)
        self.random = np.random.default_rng([seed, worker])
        self.stream = stream(seed, worker)
        self.load = np.zeros((2, int(shop.tables.clique.max()) + 1), dtype=np.int64)
        for c in range(2):
            np.add.at(self.load[c], shop.tables.clique[c], shop.tables.duration[:-1])
        self.reversible = not shop.tables.release.any()
        self.population: list[_Individual] = []
        self.serial = 0

    @property
    def over(self) -> bool:
        """Whether to end."""
        return self.board.over or int(self.state.clock[0]) >= self.moves

    def run(self) -> None:
        """Grow and breed populations until it is over."""
        size = _SMALLEST
        champion: _Individual | None = None
        while not self.over:
            self.population = [self.construct()]
            while len(self.population) < size and not self.over:
                self.population.append(self.construct())
            self.breed()
            if champion is not None:
                self.enter(champion)
                self.breed()
            champion = min(self.population, key=lambda one: one[0])
            size = min(_LARGEST, size + _GROWTH)
        self.board.count(_NAME, int(self.state.clock[0]))

    def breed(self) -> None:
        """Replace the worst by better children until none has come for long."""
        fruitless = 0
        while not self.over and fruitless < _FRUITLESS * len(self.population):
            self.meet()
            fruitless = 0 if self.enter(self.relink()) else fruitless + 1

    def meet(self) -> None:
        """Let a schedule of another member of the solve, or a hint, into the population."""
        if self.board.serial != self.serial:
            self.serial = self.board.serial
            schedule = self.board.schedule
            if schedule is not None:
                self.enter((schedule.makespan, self.shop.starts_of(schedule)))

    def construct(self) -> _Individual:
        """Tabu search from a random dense or active schedule."""
        n = self.shop.count
        patience = 0.0 if self.random.random() < 0.5 else self.random.random()
        bias = 1.0 + self.random.random() * self.random.random(n)
        free = np.zeros_like(self.load)
        dispatch(self.shop.tables, patience, bias, self.load.copy(), free, self.state.order)
        return self.improve()

    def relink(self) -> _Individual:
        """Tabu search from a schedule between two members.

        Operations go in the order of starts mixed of both parents', which keeps every order that
        the parents share. Without releases a schedule read backwards is one too, so the second
        parent is turned round if that brings it nearer to the first.
        """
        one, two = self.random.choice(len(self.population), 2, replace=len(self.population) < 2)
        (_, a), (makespan, b) = self.population[one], self.population[two]
        if self.reversible:
            turned = makespan - b - self.shop.tables.duration[:-1]
            if np.abs(a - turned).sum() < np.abs(a - b).sum():
                b = turned
        share = 0.3 + 0.4 * self.random.random()
        self.state.order[:] = np.argsort(share * a + (1 - share) * b, kind="stable")
        return self.improve()

    def improve(self) -> _Individual:
        """Tabu search from the order at hand; what is better than all before goes on the board."""
        best = np.zeros(self.shop.count, dtype=np.int64)
        value = descend(
            self.shop.tables,
            self.state,
            best,
            self.shop.bound,
            _PATIENCE,
            self.moves - int(self.state.clock[0]),
            _TENURE,
            self.stream,
            self.board.halt,
        )
        total = (self.shop.coefficient * value,)
        if self.board.improves(total):
            self.board.offer(total, self.shop.schedule(best), by=_NAME)
        return value, best

    def enter(self, one: _Individual) -> bool:
        """Put one in the place of the worst if it is better and not there yet."""
        value, starts = one
        if any(
            value == known and np.array_equal(starts, other) for known, other in self.population
        ):
            return False
        worst = max(range(len(self.population)), key=lambda k: self.population[k][0])
        if value >= self.population[worst][0]:
            return False
        self.population[worst] = one
        return True
