"""The engine: rules first, then the exact method that fits, for Problems that are 1||sum (w) T."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import numpy as np

from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import IntArray
from makespan.shop.single_machine import decomposition, subsets
from makespan.shop.single_machine.jobs import Jobs, Recognised, require_recognised
from makespan.shop.single_machine.rules import RULES
from makespan.solvers.board import Board
from makespan.solvers.engine import ProgressCallback
from makespan.solvers.workers import run_workers

_FIRST: Final = ("MDD-SPT", "MDDC", "ATC")
_QUADRATIC: Final = 20_000
"""Jobs beyond which rules of O(n^2) are left out."""

_CUBIC: Final = 2_000
"""Jobs beyond which the augmentation is left out."""


def lower_bound(jobs: Jobs) -> int:
    """Sum over k of the tardiness of the k-th completion, shortest first, by the k-th due date.

    A lower bound, O(n log n): the k-th completion of any order is at least that of the
    shortest-first order, and pairing completions with due dates, both rising, is least tardy.
    Weighted jobs take their least weight.
    """
    completion = np.cumsum(np.sort(jobs.processing))
    late = np.maximum(completion - np.sort(jobs.due), 0)
    least = 1 if jobs.weight is None else int(jobs.weight.min(initial=1 << 40))
    return int(late.sum()) * (least if len(jobs) else 0)


class TotalTardinessSolver:
    """Total tardiness on one machine, to the proof.

    Without weights by decomposition (hundreds of jobs in seconds); with weights by dynamic
    programming up to 22 jobs, and beyond by rules and a bound only.

    >>> from makespan import solve
    >>> from makespan.generators import random_single_machine
    >>> problem = random_single_machine(100, seed=1, most_weight=1)
    >>> solve(problem, engine=TotalTardinessSolver()).status.value
    'OPTIMAL'
    """

    name = "total-tardiness"

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
        """Solve as :class:`makespan.solvers.engine.Solver` describes; uses one thread.

        Raises
        ------
        UnsupportedError
            If the Problem is not one machine with total (weighted) tardiness alone.
        """
        found = require_recognised(problem)
        board = Board(problem, time_limit=time_limit, stop=stop, on_progress=on_progress)
        board.adopt(hint)
        run_workers(board, [(self.name, lambda _: _work(board, found), 0)])
        return board.result(engine=self.name, seed=seed, threads=1)


def _work(board: Board, found: Recognised) -> None:
    jobs = found.jobs

    def offer(order: IntArray, by: str) -> None:
        value = jobs.total_tardiness(order) + found.constant
        if board.improves((value,)):
            board.offer((value,), found.schedule(order), by=by)

    offer(RULES["EDD"](jobs), "EDD")
    board.raise_bound(lower_bound(jobs) + found.constant, by="bound")
    names = _FIRST if len(jobs) <= _QUADRATIC else ()
    if len(jobs) <= _CUBIC:
        names = (*names, "AUG-MDD", "AUG-MDDC")
    for name in names:
        if board.over:
            return
        offer(RULES[name](jobs), name)
    exact = _exact(jobs)
    if exact is None or board.over:
        return
    name, method = exact
    order = method(board)
    if order is not None:
        offer(order, name)
        board.raise_bound(jobs.total_tardiness(order) + found.constant, by=name)


def _exact(jobs: Jobs) -> tuple[str, Callable[[Board], IntArray | None]] | None:
    """The exact method that takes these jobs, if one does."""
    unit = jobs.weight is None or bool((jobs.weight == 1).all())
    if unit and len(jobs) <= decomposition.MOST_JOBS:

        def decomposed(board: Board) -> IntArray | None:
            outcome = decomposition.decompose(jobs, halt=board.halt)
            if outcome is None:
                return None
            board.count("decomposition", outcome.nodes)
            return outcome.order

        return "decomposition", decomposed
    if len(jobs) <= subsets.MOST_JOBS:
        return "subsets", lambda board: subsets.subset_order(jobs, halt=board.halt)
    return None
