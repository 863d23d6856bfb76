"""Search for open shops: machine and job sequences in one disjunctive graph."""

from __future__ import annotations

from makespan.core.problem import Problem
from makespan.solvers.board import Board
from makespan.solvers.local.openshop._search import OpenShopSearch
from makespan.solvers.local.openshop._shape import OpenShop
from makespan.solvers.local.search import Search


def search(
    problem: Problem,
    board: Board,
    *,
    seed: int,
    workers: int,  # noqa: ARG001  # islands need not know how many there are
    moves: int | None,
) -> Search | None:
    """Tabu search if the problem is an open shop with the makespan to minimise, else None."""
    shop = OpenShop.of(problem)
    return None if shop is None else OpenShopSearch(shop, board, seed=seed, moves=moves)
