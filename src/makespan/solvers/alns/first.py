"""A first schedule by CP-SAT, where dispatch finds none."""

from __future__ import annotations

from functools import partial
from typing import Final

from makespan.core.horizon import horizon_bound
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import Status
from makespan.solvers.alns.model_repair import small_solver
from makespan.solvers.alns.patience import unless_over
from makespan.solvers.board import Board
from makespan.solvers.cpsat.backend import schedule_of, search, status_of
from makespan.solvers.cpsat.build import build
from makespan.solvers.cpsat.options import Shape, earliest_first

_CONFLICTS: Final = 2000
_SHARES: Final = (1 / 128, 1 / 32, 1 / 8, 1.0)
"""Parts of the safe horizon; with calendars that may be hundreds of times what is needed."""


def first_schedule(problem: Problem, board: Board, seed: int) -> tuple[Schedule | None, bool]:
    """Any schedule, looked for on short horizons first, and whether there is none at all."""
    low, high = problem.horizon_start, horizon_bound(problem)
    shape = Shape.of(problem)

    def ended() -> bool:
        return board.over

    for share in _SHARES:
        horizon = high if share == 1 else low + int((high - low) * share) + 1
        built = unless_over(board, partial(build, problem, horizon=horizon))
        if built is None:
            break
        for quick in (True, False) if share == 1 else (True,):
            if ended():
                break
            solver = small_solver(shape, effort=None, seconds=board.left, seed=seed)
            solver.parameters.stop_after_first_solution = True
            if quick:
                earliest_first(solver, _CONFLICTS)
            status = status_of(search(solver, built.model.cp, ended), built)
            if status in (Status.OPTIMAL, Status.FEASIBLE):
                return schedule_of(built, solver), False
            if status is Status.INFEASIBLE and share == 1:
                return None, True
    return None, False
