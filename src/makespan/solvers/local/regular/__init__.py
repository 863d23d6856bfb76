"""Local search for job shops and flexible job shops under regular objectives.

Total and largest tardiness, tardy count, lateness, completion and flow time, weighted, and their
weighted sums with the makespan; the makespan alone is for :mod:`makespan.solvers.local.shop`.
"""

from __future__ import annotations

from makespan.core.problem import Problem
from makespan.core.vocabulary import ObjectiveKind
from makespan.solvers.board import Board
from makespan.solvers.local.regular.islands import RegularSearch
from makespan.solvers.local.regular.objective import REGULAR, points_of
from makespan.solvers.local.search import Search
from makespan.solvers.local.shapes import Shop


def search(
    problem: Problem,
    board: Board,
    *,
    seed: int,
    workers: int,  # noqa: ARG001  # islands need not know how many they are
    moves: int | None,
) -> Search | None:
    """Annealing islands for a shop whose only level is regular and more than the makespan."""
    kinds = problem.objective.kinds
    if not kinds <= REGULAR or kinds == {ObjectiveKind.MAKESPAN}:
        return None
    shop = Shop.of(problem)
    points = None if shop is None else points_of(problem, shop)
    if shop is None or points is None:
        return None
    return RegularSearch(shop, points, board, seed=seed, moves=moves)
