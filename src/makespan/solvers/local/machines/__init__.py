"""Search for single and parallel machines with regular objectives, releases and setups."""

from __future__ import annotations

from makespan.core.problem import Problem
from makespan.solvers.board import Board
from makespan.solvers.local.machines._search import MachinesSearch
from makespan.solvers.local.machines._shape import Machines
from makespan.solvers.local.search import Search


def search(
    problem: Problem,
    board: Board,
    *,
    seed: int,
    workers: int,  # noqa: ARG001  # annealers need not know how many there are
    moves: int | None,
) -> Search | None:
    """Annealing if every job is one task with a choice of machines, else None."""
    machines = Machines.of(problem)
    return None if machines is None else MachinesSearch(machines, board, seed=seed, moves=moves)
