"""Makespan search for job shops and flexible job shops: tabu search and path relinking."""

from __future__ import annotations

from makespan.core.problem import Problem
from makespan.core.vocabulary import ObjectiveKind
from makespan.solvers.board import Board
from makespan.solvers.local.search import Search
from makespan.solvers.local.shapes import Shop
from makespan.solvers.local.shop.layout import fits


def search(
    problem: Problem,
    board: Board,
    *,
    seed: int,
    workers: int,
    moves: int | None,
) -> Search | None:
    """The search if ``problem`` is a shop whose only objective is the makespan."""
    levels = problem.objective.levels
    if len(levels) != 1 or any(term.kind is not ObjectiveKind.MAKESPAN for term in levels[0]):
        return None
    factor = sum(term.coefficient for term in levels[0])
    shop = Shop.of(problem)
    if shop is None or factor < 1 or not fits(shop):
        return None
    from makespan.solvers.local.shop.member import ShopSearch

    return ShopSearch(board, shop, factor=factor, seed=seed, workers=workers, moves=moves)
