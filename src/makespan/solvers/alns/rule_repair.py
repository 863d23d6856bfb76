"""Repair by a priority rule: the serial scheme in the order of the incumbent, disturbed in part."""

from __future__ import annotations

import threading
from typing import Final

import numpy as np

from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.solvers.board import Board
from makespan.solvers.dispatch._runner import Attempt, Runner
from makespan.solvers.dispatch.bounds import level_bounds
from makespan.solvers.dispatch.rules import find_rule
from makespan.solvers.dispatch.sampling import _opening, sample

_HEATS: Final = (0.05, 0.2, 0.5, 1.0)
_STIR: Final = 0.3
_SAMPLE_SECONDS: Final = 1.0
_SAMPLE_SHARE: Final = 0.03


class RuleRepair:
    """Dispatch for one worker: opening schedules, shifts to the left, disturbed re-runs."""

    def __init__(self, problem: Problem, shared: RuleRepair | None = None) -> None:
        self.problem = problem
        self.runner: Runner = Runner(problem, None if shared is None else shared.runner)
        self._rule = find_rule("LFT")
        self.tries = 0

    def opening(self, board: Board, by: str) -> None:
        """Offer the schedules of the plain rules."""
        for attempt in _opening(self.runner, None, None):
            if board.over:
                return
            if self.runner.run(attempt):
                self._offer(board, by)

    def _offer(self, board: Board, by: str) -> None:
        values = self.runner.objective()
        if board.improves(values):
            schedule = self.runner.schedule()
            if not verify(self.problem, schedule):
                board.offer(values, schedule, by=by)

    def again(
        self,
        schedule: Schedule,
        values: tuple[int, ...],
        freed: np.ndarray,
        *,
        random: np.random.Generator,
        count: int,
        board: Board,
    ) -> tuple[tuple[int, ...], Schedule] | None:
        """Best verified schedule, at least as good as ``values``, of some disturbed re-runs.

        Each places the tasks in the order of their starts in ``schedule``, those freed with noise
        of the size of the neighbourhood's span.
        """
        start = schedule.start.astype(np.float64)
        here = freed & (schedule.mode >= 0)
        span = float(np.ptp(start[here])) if here.any() else 0.0
        best: tuple[tuple[int, ...], Schedule] | None = None
        self.runner.halt = board.halt
        for _ in range(count):
            if board.over:
                break
            base = start.copy()
            heat = float(random.choice(_HEATS))
            base[freed] += random.normal(0.0, heat * max(span, 1.0) * 0.25, int(freed.sum()))
            stir = _STIR * float(random.integers(2))
            found = self._run(base, stir, int(random.integers(1 << 62)))
            bar = values if best is None else best[0]
            if found is not None and (found <= bar if best is None else found < bar):
                made = self.runner.schedule()
                if not verify(self.problem, made):
                    best = (found, made)
                    if found < values:
                        values = found
        return best

    def left(self, schedule: Schedule) -> Schedule | None:
        """The schedule with its tasks placed again in the order of their starts."""
        if self._run(schedule.start.astype(np.float64), 0.0, 0) is None:
            return None
        made = self.runner.schedule()
        return None if verify(self.problem, made) else made

    def _run(self, base: np.ndarray, stir: float, seed: int) -> tuple[int, ...] | None:
        self.tries += 1
        attempt = Attempt(self._rule, "serial", stir=stir, base=base)
        return self.runner.objective() if self.runner.run(attempt, seed) else None


class WarmUp:
    """Compiles, or loads, the kernels of dispatch and opens with its schedules, in the background.

    Compilation cannot be interrupted, so it has a thread that nobody needs to wait for.

    Parameters
    ----------
    runs
        Runs of the sampling that follows the plain rules; None: a share of the time.
    """

    def __init__(
        self, problem: Problem, board: Board, by: str, *, seed: int, runs: int | None
    ) -> None:
        self.done = threading.Event()
        self.repair: RuleRepair | None = None
        self._problem, self._board, self._by = problem, board, by
        self._seed, self._runs = seed, runs
        self._thread = threading.Thread(target=self._work, name="makespan-warm-up", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        board = self._board
        try:
            repair = RuleRepair(self._problem)
            runner = repair.runner
            runner.halt = board.halt
            bounds = level_bounds(self._problem, runner.compiled, runner.attributes)
            for level, bound in enumerate(bounds):
                if bound is not None:
                    board.raise_bound(bound, by=self._by, level=level)
            repair.opening(board, self._by)
            if not board.over:
                self._sample()
            if not board.over:
                self.repair = repair
        except BaseException as error:  # noqa: BLE001  # raised again when the watch ends
            board.fail(error)
        finally:
            self.done.set()

    def _sample(self) -> None:
        """Some biased random runs, which for many objectives are far better than plain rules."""
        seconds = min(_SAMPLE_SECONDS, _SAMPLE_SHARE * self._board.left)
        found = sample(
            self._problem,
            time_limit=None if self._runs is not None else seconds,
            iterations=self._runs,
            seed=self._seed,
            stop=_Over(self._board),
        )
        if found.schedule is not None:
            self._board.offer(found.objectives, found.schedule, by=self._by)


class _Over(threading.Event):
    """The end of a board, as an event that can be asked."""

    def __init__(self, board: Board) -> None:
        super().__init__()
        self._board = board

    def is_set(self) -> bool:
        """Whether members should end now."""
        return self._board.over


def same_or_better(problem: Problem, old: Schedule, new: Schedule | None) -> Schedule:
    """``new`` unless it is missing or worse than ``old``."""
    if new is None or evaluate(problem, new) > evaluate(problem, old):
        return old
    return new
