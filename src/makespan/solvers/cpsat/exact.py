"""Exact search on a board: one phase per objective level, exchanging schedules as it goes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from ortools.sat.python import cp_model

from makespan.core.errors import EngineError
from makespan.core.horizon import horizon_bound
from makespan.core.metrics import evaluate
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import TICK_LIMIT, ObjectiveKind, Status
from makespan.solvers.board import Board
from makespan.solvers.compiling import COMPILE_CLOCK
from makespan.solvers.cpsat.backend import Recorder, schedule_of, search, status_of
from makespan.solvers.cpsat.build import Build, build
from makespan.solvers.cpsat.model import Expression
from makespan.solvers.cpsat.options import CpSatOptions, Shape, configure, earliest_first

NAME: Final = "cpsat"

_FIRST_SECONDS: Final = 10.0
_FIRST_CONFLICTS: Final = 1000
_HORIZON_SHARES: Final = (1 / 128, 1 / 32, 1 / 8)

_PATIENCE: Final = 2.0
"""Seconds a phase runs at least before it starts anew from another member's schedule."""

_PATIENCE_GROWTH: Final = 2.0
"""Starting anew forgets what was learned, so each time it must have lasted longer."""


class ExactSearch:
    """CP-SAT as a member of a solve: takes the board's incumbent as hint, offers what it finds.

    When another member finds a better schedule, the phase starts anew from it, at growing
    intervals, with the objective bounded by it.

    Parameters
    ----------
    options
        How to search.
    board
        Incumbent, bounds and clock; its watch must be running for the search to end in time.
    hint
        Schedule that guides the search, feasible or not, where the board has no incumbent.
    gives_up
        Asked all the time whether to end before the board is over.
    """

    name = NAME

    def __init__(
        self,
        options: CpSatOptions,
        board: Board,
        *,
        threads: int,
        seed: int,
        hint: Schedule | None = None,
        gives_up: Callable[[], bool] | None = None,
    ) -> None:
        self._options = options
        self._gives_up = gives_up
        self._board = board
        self._problem = board.problem
        self._threads = threads
        self._seed = seed
        self._hint = hint
        self._seen = 0
        self.deterministic_seconds = 0.0
        self.status = Status.UNKNOWN
        self.message = ""

    def work(self, _worker: int = 0) -> None:
        """Search until proven or ``board.halt``; sets ``status`` and ends the solve if proven."""
        self.run()
        if self.status in (Status.OPTIMAL, Status.INFEASIBLE):
            self._board.halt[0] = 1

    def run(self) -> None:
        """Run all levels; sets ``status``."""
        board, problem, hint = self._board, self._problem, self._hint
        if board.over:
            return
        if board.schedule is None and (problem.resources.calendar >= 0).any():
            self._shorten_horizon(hint)
        built = build(problem, horizon=self._horizon())
        expressions = [built.terms.level(level) for level in problem.objective.levels]
        for level, expression in enumerate(expressions):
            # All earlier levels again: a later phase may have improved one that was not proven.
            for earlier in range(level):
                built.model.add(expressions[earlier] <= self._values()[earlier])
            status = self._phase(built, level, expression, hint)
            if status is Status.INFEASIBLE:
                self._deny(built)
                return
            if board.schedule is None or board.over:
                break
        if board.values is not None:
            closed = board.bounds == board.values
            self.status = Status.OPTIMAL if closed else Status.FEASIBLE

    def _deny(self, built: Build) -> None:
        if self._board.schedule is not None:
            raise EngineError(
                "CP-SAT calls the problem infeasible although a schedule verifies",
                hint="this is a bug in the engine; please report it with the problem",
            )
        if built.horizon >= TICK_LIMIT and self._problem.horizon_end > TICK_LIMIT:
            self.message = (
                f"no schedule ends within {TICK_LIMIT} ticks, which is as far as times go; "
                "use a coarser time unit"
            )
        else:
            self.status = Status.INFEASIBLE

    def _values(self) -> tuple[int, ...]:
        values = self._board.values
        assert values is not None
        return values

    def _phase(
        self, built: Build, level: int, expression: Expression, hint: Schedule | None
    ) -> Status:
        """Optimise one level; again from the incumbent whenever that has become stale."""
        board, model = self._board, built.model
        if isinstance(expression, int):
            model.cp.clear_objective()
        else:
            model.cp.minimize(expression)
        patience = _PATIENCE
        while True:
            self._seen = board.serial
            start = board.schedule if board.schedule is not None else hint
            if start is not None:
                model.set_hint(built.plan(start))
            foreign = board.values is not None and board.source != NAME
            if foreign and not isinstance(expression, int):
                model.add(expression <= self._values()[level])
            status, stale = self._once(built, level, expression, patience)
            if not stale:
                return status
            patience *= _PATIENCE_GROWTH

    def _once(
        self, built: Build, level: int, expression: Expression, patience: float
    ) -> tuple[Status, bool]:
        """One run of the backend, and whether it should go on from the incumbent of now."""
        board, model = self._board, built.model
        given = () if level == 0 else self._values()[:level]
        solver = cp_model.CpSolver()
        left = board.left if board.limited else None
        if left is not None and level < len(board.bounds) - 1:
            left *= self._options.level_share
        self._configure(solver, level, left)
        proven: list[int] = []

        def found(schedule: Schedule) -> None:
            board.offer(tuple(evaluate(self._problem, schedule)), schedule, by=NAME)
            if board.source == NAME:
                self._seen = board.serial

        def bounded(bound: int) -> None:
            proven.append(bound)
            if board.values is not None:
                bound = min(bound, board.values[level])
            board.raise_bound(bound, by=NAME, level=level, given=given)

        began, compiled = time.perf_counter(), COMPILE_CLOCK.seconds
        interrupted = False

        def ended() -> bool:
            nonlocal interrupted
            if board.over or (self._gives_up is not None and self._gives_up()):
                return True
            if self._stale(level) and time.perf_counter() - began >= patience:
                interrupted = True
            return interrupted

        recorder = Recorder(built, found, bounded)
        solver.best_bound_callback = recorder.bound
        status = status_of(search(solver, model.cp, ended, recorder), built)
        recorder.raise_failure()
        self.deterministic_seconds += solver.deterministic_time
        if status in (Status.OPTIMAL, Status.FEASIBLE):
            found(schedule_of(built, solver))
        if status is not Status.INFEASIBLE and not isinstance(expression, int):
            last = solver.best_objective_bound
            if status is Status.UNKNOWN:
                # A search that never began proves only what the domains say.
                last = proven[-1] if proven else -math.inf
            floor = model.objective_floor()
            bounded(floor if last == -math.inf else max(floor, math.ceil(last - 1e-6)))
        if isinstance(expression, int):
            board.raise_bound(expression, by=NAME, level=level, given=given)
        elif status is Status.OPTIMAL:
            board.raise_bound(self._values()[level], by=NAME, level=level, given=given)
        # The backend's own limit knows nothing of time that compilation took meanwhile.
        early = COMPILE_CLOCK.seconds > compiled and left is not None
        done = status in (Status.OPTIMAL, Status.INFEASIBLE) or board.over
        return status, (interrupted or early) and not done

    def _stale(self, level: int) -> bool:
        """Whether others have found a schedule that is better on this level or an earlier one."""
        board = self._board
        return board.serial != self._seen and board.source != NAME

    def _shorten_horizon(self, hint: Schedule | None) -> None:
        """Look for any schedule on short horizons first.

        With calendars the safe horizon may be hundreds of periods, and every start domain then
        has as many holes; a first schedule on a short one bounds the horizon that matters.
        """
        board, problem = self._board, self._problem
        bound, first = horizon_bound(problem), problem.horizon_start
        for share in _HORIZON_SHARES:
            if board.over or board.schedule is not None:
                return
            built = build(problem, horizon=first + int((bound - first) * share) + 1)
            if hint is not None:
                built.model.set_hint(built.plan(hint))
            solver = cp_model.CpSolver()
            self._configure(solver, 0, min(_FIRST_SECONDS, 0.1 * board.left))
            earliest_first(solver, _FIRST_CONFLICTS)
            status = status_of(search(solver, built.model.cp, lambda: board.over), built)
            self.deterministic_seconds += solver.deterministic_time
            if status in (Status.OPTIMAL, Status.FEASIBLE):
                schedule = schedule_of(built, solver)
                board.offer(tuple(evaluate(problem, schedule)), schedule, by=NAME)
                return

    def _configure(self, solver: cp_model.CpSolver, level: int, seconds: float | None) -> None:
        configure(
            solver,
            self._options,
            Shape.of(self._problem, level),
            threads=self._threads,
            seed=self._seed,
            seconds=seconds,
        )

    def _horizon(self) -> int:
        """Latest end worth considering, given the incumbent."""
        problem, board = self._problem, self._board
        bound = horizon_bound(problem)
        if board.schedule is None:
            return bound
        latest = max(
            board.schedule.end[board.schedule.present].tolist(), default=problem.horizon_start
        )
        first = {term.kind: term.coefficient for term in problem.objective.levels[0]}
        weight = first.pop(ObjectiveKind.MAKESPAN, 0)
        signed = {ObjectiveKind.MAX_LATENESS, ObjectiveKind.TOTAL_COMPLETION}
        signed.add(ObjectiveKind.TOTAL_FLOW_TIME)
        if weight > 0 and not signed & set(first):
            # No better schedule ends later than the incumbent's value allows.
            bound = min(bound, max(latest, self._values()[0] // weight))
        return max(bound, latest)
