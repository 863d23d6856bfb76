"""What a local search is, and which ones there are."""

from __future__ import annotations

from importlib import import_module
from typing import Final, Protocol

from makespan.core.problem import Problem
from makespan.solvers.board import Board


class Search(Protocol):
    """One search over one problem, run by one or more workers in threads of their own."""

    @property
    def name(self) -> str:
        """Word for the history and the report, e.g. "tabu"."""
        ...

    def work(self, worker: int) -> None:
        """Search as worker 0 .. workers-1 until ``board.halt`` is raised or the moves are spent.

        Starts from the board's incumbent too if there is one, offers every better schedule to the
        board, and picks up better ones that others offered.
        """
        ...


class Factory(Protocol):
    """Makes a search for a problem, or says that the problem is not of its shape."""

    def __call__(
        self, problem: Problem, board: Board, *, seed: int, workers: int, moves: int | None
    ) -> Search | None:
        """A search that ``workers`` threads will run, or None.

        Parameters
        ----------
        moves
            Moves (schedules, iterations: the search's own unit) per worker after which it ends.
            With it and one worker the result depends on the seed alone, not on the clock.
        """
        ...


MEMBERS: Final = (
    "makespan.solvers.local.machines:search",
    "makespan.solvers.local.flowshop:search",
    "makespan.solvers.local.openshop:search",
    "makespan.solvers.local.shop:search",
    "makespan.solvers.local.regular:search",
    "makespan.solvers.local.project:search",
)
"""Factories, the most special first; each is imported only when its turn comes."""


def find_search(
    problem: Problem, board: Board, *, seed: int, workers: int, moves: int | None
) -> Search | None:
    """The most special search that takes the problem as it is, None if none does."""
    for place in MEMBERS:
        module, _, name = place.partition(":")
        factory: Factory = getattr(import_module(module), name)
        found = factory(problem, board, seed=seed, workers=workers, moves=moves)
        if found is not None:
            return found
    return None
