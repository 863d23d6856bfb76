"""The engine ``alns``: adaptive large neighbourhood search on every thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

from makespan.core.errors import OptionError
from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import Status
from makespan.solvers.alns.search import LargeNeighbourhoodSearch
from makespan.solvers.board import Board
from makespan.solvers.engine import ProgressCallback
from makespan.solvers.workers import run_workers

_DEFAULT_SECONDS: Final = 60.0
"""Time for a problem whose optimum the search does not prove, where the caller set no limit."""


@dataclass(frozen=True, slots=True)
class AlnsOptions:
    """How the engine searches.

    Attributes
    ----------
    moves
        Repairs per thread after which the search ends; None: the clock decides. With it, one
        thread and no time limit, equal seeds give equal results.
    """

    moves: int | None = None

    def __post_init__(self) -> None:
        if self.moves is not None and self.moves < 1:
            raise OptionError(f"moves is {self.moves}; it must be at least 1")


class AlnsSolver:
    """Large neighbourhood search for every problem; proves optima of small ones only."""

    name = "alns"

    def __init__(self, options: AlnsOptions | None = None) -> None:
        self.options = options if options is not None else AlnsOptions()

    def solve(
        self,
        problem: Problem,
        *,
        time_limit: float | None,
        threads: int,
        seed: int,
        hint: Schedule | None,
        on_progress: ProgressCallback | None,
        stop: threading.Event,
    ) -> Result:
        """Solve as :class:`makespan.solvers.engine.Solver` describes."""
        moves = self.options.moves
        if time_limit is None and moves is None:
            time_limit = _DEFAULT_SECONDS
        board = Board(problem, time_limit=time_limit, stop=stop, on_progress=on_progress)
        board.adopt(hint)
        search = LargeNeighbourhoodSearch(problem, board, seed=seed, moves=moves)
        run_workers(board, [(search.name, search.work, k) for k in range(threads)])
        found = board.result(
            engine=self.name,
            seed=seed,
            threads=threads,
            message=f"{sum(board.moves.values()):,} repairs",
        )
        if search.infeasible and found.schedule is None:
            return Result(
                Status.INFEASIBLE, engine=self.name, seed=seed, threads=threads,
                seconds=board.seconds,
            )  # fmt: skip
        return found
