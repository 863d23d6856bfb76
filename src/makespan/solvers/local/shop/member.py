"""The search as the engine sees it."""

from __future__ import annotations

import threading
from typing import Final

from makespan.solvers.board import Board
from makespan.solvers.local.draw import stream
from makespan.solvers.local.shapes import Shop
from makespan.solvers.local.shop.bounds import bounds
from makespan.solvers.local.shop.evolve import Evolution
from makespan.solvers.local.shop.islands import Champions
from makespan.solvers.local.shop.large import LARGE, Sweep, Whole
from makespan.solvers.local.shop.layout import tables

_WAIT: Final = 0.02


class ShopSearch:
    """Islands of populations that share their champions; large shops, stretch by stretch.

    Parameters
    ----------
    factor
        Coefficient of the makespan in the objective.
    """

    name = "tabu"

    def __init__(
        self,
        board: Board,
        shop: Shop,
        *,
        factor: int,
        seed: int,
        workers: int = 1,
        moves: int | None,
    ) -> None:
        self.board, self.shop, self.factor = board, shop, factor
        self.seed, self.workers, self.moves = seed, workers, moves
        self.tables = tables(shop)
        self.champions = Champions()
        self.whole = (
            Whole(board, shop, self.tables, factor=factor, name=self.name)
            if shop.count > LARGE
            else None
        )
        self.begun = threading.Event()

    def work(self, worker: int) -> None:
        """Search as one worker; the first also computes the bounds."""
        if self.whole is not None:
            self._work_on(self.whole, worker)
            return
        if worker == 0:
            self._bound()
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

    def _work_on(self, whole: Whole, worker: int) -> None:
        if worker == 0:
            whole.begin(stream(self.seed))
            self.begun.set()
            self._bound()
        while not self.begun.wait(_WAIT):
            if self.board.over:
                return
        Sweep(whole, seed=self.seed, worker=worker, workers=self.workers, moves=self.moves).run()

    def _bound(self) -> None:
        for bound in bounds(self.shop):
            self.board.raise_bound(self.factor * bound, by=self.name)
            if self.board.over:
                return
