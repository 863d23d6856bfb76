"""The engine ``local``: the search that suits the problem's shape, on every thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

from makespan.core.errors import OptionError
from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import Status
from makespan.solvers.board import Board
from makespan.solvers.engine import ProgressCallback
from makespan.solvers.local.search import find_search
from makespan.solvers.workers import run_workers

_DEFAULT_SECONDS: Final = 60.0
"""Time for a problem whose optimum the search cannot prove, where the caller set no limit."""


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """How the engine searches.

    Attributes
    ----------
    moves
        Moves per thread after which each search ends; None: the clock decides. With it, one
        thread and no time limit, equal seeds give equal results on any machine.
    """

    moves: int | None = None

    def __post_init__(self) -> None:
        if self.moves is not None and self.moves < 1:
            raise OptionError(f"moves is {self.moves}; it must be at least 1")


class LocalSolver:
    """Local search for the classic shapes; UNKNOWN with a message for other problems."""

    name = "local"

    def __init__(self, options: LocalOptions | None = None) -> None:
        self.options = options if options is not None else LocalOptions()

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
        search = find_search(problem, board, seed=seed, workers=threads, moves=moves)
        if search is None:
            return Result(
                Status.UNKNOWN,
                engine=self.name,
                message="no local search takes this kind of problem as it is; use engine 'auto'",
            )
        run_workers(board, [(search.name, search.work, k) for k in range(threads)])
        return board.result(engine=self.name, seed=seed, threads=threads)
