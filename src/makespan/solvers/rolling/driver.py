"""The engine ``rolling``: windows of tasks, solved one after the other.

Source: the rolling horizon optimisation of L-RHO (arXiv 2502.15791) and Graph-RHO (arXiv
2604.10073): order the tasks once by progress in their jobs; take the first W that are not settled;
solve their problem; settle the S of them that start earliest; go on. What differs: what is settled
stays in the window's problem as fixed tasks instead of ready times of machines, so gaps may still
be filled and setups, calendars and renewables count; a window aims at the end of everything (its
makespan plus what must follow); the horizon of a window is one that is proven to suffice, not an
estimate; and a window that a rule's fixing has made worthless is solved again without it.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from typing import Final

import numpy as np

from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.result import Progress, Result
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.core.vocabulary import IntArray
from makespan.core.working_time import mode_ends
from makespan.solvers.board import Board
from makespan.solvers.engine import ProgressCallback, Solver
from makespan.solvers.registry import engine
from makespan.solvers.rolling.fixing import Overlap
from makespan.solvers.rolling.options import RollingOptions
from makespan.solvers.rolling.order import progress_order, require_windows, tails
from makespan.solvers.rolling.window import Window, window_of

_NAME: Final = "rolling"
_DEFAULT_SECONDS: Final = 60.0
_LEAST_SECONDS: Final = 0.05
_POLL_SECONDS: Final = 0.02


class RollingSolver:
    """Long problems window by window; proves nothing but what a schedule shows.

    UNKNOWN with a message where a window has no schedule, which deadlines can cause.
    """

    name = _NAME

    def __init__(self, options: RollingOptions | None = None) -> None:
        self.options = options if options is not None else RollingOptions()

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
        """Solve as :class:`makespan.solvers.engine.Solver` describes.

        Raises
        ------
        UnsupportedError
            If relations of the problem reach across windows.
        """
        require_windows(problem)
        limit = _DEFAULT_SECONDS if time_limit is None else time_limit
        board = Board(problem, time_limit=limit, stop=stop, on_progress=on_progress)
        board.adopt(hint)
        rolling = _Rolling(problem, self.options, board, threads, seed)
        with board.watch():
            found = rolling.run()
            if found is not None:
                board.offer(tuple(evaluate(problem, found)), found, by=_NAME)
        return board.result(engine=self.name, seed=seed, threads=threads, message=rolling.message)


class _Rolling:
    """One pass over the problem."""

    def __init__(
        self, problem: Problem, options: RollingOptions, board: Board, threads: int, seed: int
    ) -> None:
        self._problem, self._options, self._board = problem, options, board
        self._threads, self._seed = threads, seed
        made = options.engine
        self._engine: Solver = engine(made) if isinstance(made, str) else made
        self._random = np.random.default_rng(np.random.SeedSequence([seed, 1]))
        n = problem.tasks.count
        self._start = np.zeros(n, dtype=np.int64)
        self._mode = np.full(n, -1, dtype=np.int32)
        self._settled = np.zeros(n, dtype=np.bool_)
        self._known = np.zeros(n, dtype=np.bool_)
        self._fixed = 0
        self._overlapped = 0
        self.message = ""

    def run(self) -> Schedule | None:
        """The schedule that the windows add up to; None if one of them has none."""
        problem, options = self._problem, self._options
        if problem.tasks.count == 0:
            return self._plan()
        order = progress_order(problem, np.random.default_rng(self._seed))
        tail = tails(problem)
        number = 0
        while not self._settled.all():
            left = order[~self._settled[order]]
            windows = 1 + max(0, math.ceil((len(left) - options.window) / options.step))
            chosen = left[: options.window]
            seconds = self._board.left / windows
            if options.window_seconds is not None:
                seconds = min(seconds, options.window_seconds)
            if not self._solve(chosen, tail, seconds):
                self.message = self.message or f"window {number + 1} has no schedule"
                return None
            self._settle(chosen, everything=len(left) <= options.window)
            number += 1
        self.message = (
            f"{number} windows, {self._fixed} of {self._overlapped} carried decisions fixed"
        )
        found = self._plan()
        if verify(problem, found):
            self.message = "the windows do not add up to a schedule"
            return None
        return found

    def _plan(self) -> Schedule:
        end = mode_ends(self._problem, self._start, self._mode)
        return Schedule(self._start, end, self._mode)

    def _solve(self, tasks: IntArray, tail: IntArray, seconds: float) -> bool:
        """Decide about a window; False if it has no schedule."""
        plan = self._plan()
        open_modes = np.full(self._problem.tasks.count, -1, dtype=np.int64)
        window = window_of(self._problem, tasks, self._settled, plan, tail, open_modes)
        kept = self._kept(window, plan)
        fixed = np.flatnonzero(kept >= 0)
        if len(fixed):
            open_modes = kept
            narrow = window_of(self._problem, tasks, self._settled, plan, tail, open_modes)
            if self._take(narrow, plan, seconds):
                return True
        return self._take(window, plan, seconds)

    def _kept(self, window: Window, plan: Schedule) -> IntArray:
        """Mode that the fixing rule keeps for each task of the whole problem, -1 for none."""
        kept = np.full(self._problem.tasks.count, -1, dtype=np.int64)
        rows = np.flatnonzero(window.free & self._known[window.task])
        if not len(rows):
            return kept
        whole = window.task[rows]
        choices = np.diff(window.problem.tasks.mode_ptr)[rows]
        overlap = Overlap(
            rows,
            np.searchsorted(window.mode, plan.mode[whole]).astype(np.int32),
            plan.start[whole],
            plan.end[whole],
            choices,
        )
        chosen = self._options.fixing.fix(overlap, window.problem, self._random)
        kept[whole[chosen]] = plan.mode[whole[chosen]]
        self._fixed += int((chosen & (choices > 1)).sum())
        self._overlapped += int((choices > 1).sum())
        return kept

    def _take(self, window: Window, plan: Schedule, seconds: float) -> bool:
        """Solve one window and write its decisions down; False if it has no schedule."""
        patience = _Patience(self._board, self._options.patience)
        hint = self._hint(window, plan) if self._options.warm_start else None
        with patience:
            result = self._engine.solve(
                window.problem,
                time_limit=max(seconds, _LEAST_SECONDS),
                threads=self._threads,
                seed=self._seed,
                hint=hint,
                on_progress=patience.note,
                stop=patience.enough,
            )
        found = result.schedule
        if found is None or verify(window.problem, found):
            return False
        rows = np.flatnonzero(window.free)
        whole = window.task[rows]
        self._start[whole] = found.start[rows]
        self._mode[whole] = window.modes_of(found)[rows]
        self._known[whole] = True
        return True

    def _hint(self, window: Window, plan: Schedule) -> Schedule | None:
        """What is known about the window's tasks; others in their shortest mode at the end."""
        known = self._known[window.task]
        if not (known & window.free).any():
            return None
        problem = window.problem
        end = int(plan.end[window.task[known]].max(initial=0))
        ptr = problem.tasks.mode_ptr
        duration = problem.modes.duration
        shortest = [int(a) + int(np.argmin(duration[a:b])) for a, b in itertools.pairwise(ptr)]
        mode = np.array(shortest, dtype=np.int32)
        place = np.searchsorted(window.mode, plan.mode[window.task])
        there = known & (place < len(window.mode))
        there[there] = window.mode[place[there]] == plan.mode[window.task[there]]
        mode[there] = place[there]
        start = np.where(known, plan.start[window.task], end)
        return Schedule(start, start + duration[mode], mode)

    def _settle(self, tasks: IntArray, *, everything: bool) -> None:
        """Make the earliest decisions of a window final."""
        if not everything:
            order = np.lexsort((np.arange(len(tasks)), self._start[tasks]))
            tasks = tasks[order[: self._options.step]]
        self._settled[tasks] = True


class _Patience:
    """Ends a window when the board is over, or when nothing has got better for a while.

    The wait begins with the first schedule, not before.
    """

    def __init__(self, board: Board, seconds: float | None) -> None:
        self.enough = threading.Event()
        self._board, self._seconds = board, seconds
        self._best: tuple[int, int] | None = None
        self._since: float | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, name="makespan-window", daemon=True)

    def note(self, point: Progress) -> None:
        """Take a point of the window's history."""
        if point.objective is None:
            return
        state = (-point.level, point.objective)
        if self._best is None or state < self._best:
            self._best, self._since = state, time.perf_counter()

    def _look(self) -> None:
        while not self._done.wait(_POLL_SECONDS):
            since, seconds = self._since, self._seconds
            tired = (
                since is not None and seconds is not None
                and time.perf_counter() - since > seconds
            )  # fmt: skip
            if tired or self._board.over:
                self.enough.set()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
