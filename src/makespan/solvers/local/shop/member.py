"""The search as the engine sees it."""

from __future__ import annotations

from makespan.solvers.board import Board
from makespan.solvers.local.shapes import Shop
from makespan.solvers.local.shop.bounds import bounds
from makespan.solvers.local.shop.evolve import Evolution
from makespan.solvers.local.shop.islands import Champions
from makespan.solvers.local.shop.layout import tables


class ShopSearch:
    """Islands of populations that share their champions.

    Parameters
    ----------
    factor
        Coefficient of the makespan in the objective.
    """

    name = "tabu"

    def __init__(
        self, board: Board, shop: Shop, *, factor: int, seed: int, moves: int | None
    ) -> None:
        self.board, self.shop, self.factor = board, shop, factor
        self.seed, self.moves = seed, moves
        self.tables = tables(shop)
        self.champions = Champions()

    def work(self, worker: int) -> None:
        """Search as one worker; the first also computes the bounds."""
        if worker == 0:
            for bound in bounds(self.shop):
                self.board.raise_bound(self.factor * bound, by=self.name)
                if self.board.over:
                    return
        Evolution(
            self.board,
            self.shop,
            self.tables,
            self.champions,
            factor=self.factor,
            name=self.name,
            seed=self.seed,
            worker=worker,
            moves=self.moves,
        ).run()
