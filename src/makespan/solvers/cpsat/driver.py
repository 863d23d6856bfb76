"""The engine: builds the model, runs one phase per objective level, keeps the best schedule."""

from __future__ import annotations

import math
import threading
import time
from typing import Final

from ortools.sat.python import cp_model

from makespan.core.errors import EngineError, MakespanError
from makespan.core.horizon import horizon_bound
from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.result import Progress, Result
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.core.vocabulary import TICK_LIMIT, ObjectiveKind, Status
from makespan.solvers.cpsat.backend import (
    POLL_SECONDS,
    Recorder,
    schedule_of,
    search,
    status_of,
)
from makespan.solvers.cpsat.build import Build, build
from makespan.solvers.cpsat.model import Expression
from makespan.solvers.cpsat.options import CpSatOptions, Shape, configure, earliest_first
from makespan.solvers.engine import ProgressCallback

_HINT_SECONDS: Final = 1.0
_HINT_SHARE: Final = 0.03
_PATIENCE_SECONDS: Final = 5.0

_FIRST_SECONDS: Final = 10.0
_FIRST_CONFLICTS: Final = 1000
_HORIZON_SHARES: Final = (1 / 128, 1 / 32, 1 / 8)


class CpSatSolver:
    """Exact search by OR-Tools CP-SAT over the whole vocabulary.

    Parameters
    ----------
    options
        How to search; the default suits wall-time limits.
    """

    name = "cpsat"

    def __init__(self, options: CpSatOptions | None = None) -> None:
        self.options = options if options is not None else CpSatOptions()

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
        run = _Run(self.options, problem, time_limit, threads, seed, on_progress, stop)
        if hint is None and self.options.self_hint and self.options.deterministic_limit is None:
            hint = run.first_schedule()
        return run.solve(hint)


def cross_check(
    problem: Problem,
    *,
    time_limit: float | None = None,
    threads: int = 1,
    stop: threading.Event | None = None,
) -> Result:
    """Solve for any schedule with presolve off and other search parameters.

    A second opinion on a claim of infeasibility: the objective is dropped, the horizon is wider
    and the model goes to the backend as it is. Setting ``stop`` ends it without an answer.
    """
    began = time.perf_counter()
    built = build(problem, horizon=min(problem.horizon_end, 2 * horizon_bound(problem) + 1))
    solver = cp_model.CpSolver()
    left = None if time_limit is None else time_limit - (time.perf_counter() - began)
    shape = Shape(small_shop=False, relaxation=False)
    configure(solver, CpSatOptions(presolve=False), shape, threads=threads, seed=1, seconds=left)
    solver.parameters.symmetry_level = 0
    status = status_of(search(solver, built.model.cp, stop or threading.Event()), built)
    schedule = schedule_of(built, solver) if status in (Status.OPTIMAL, Status.FEASIBLE) else None
    if schedule is not None:
        status = Status.FEASIBLE
    return Result(
        status=status,
        schedule=schedule,
        objectives=() if schedule is None else evaluate(problem, schedule),
        bounds=() if schedule is None else (None,) * len(problem.objective.levels),
        engine="cpsat",
        seconds=time.perf_counter() - began,
    )


class _Run:
    """One call of the engine: clock, incumbent, bounds and history."""

    def __init__(
        self,
        options: CpSatOptions,
        problem: Problem,
        time_limit: float | None,
        threads: int,
        seed: int,
        on_progress: ProgressCallback | None,
        stop: threading.Event,
    ) -> None:
        self._began = time.perf_counter()
        self._options = options
        self._problem = problem
        self._time_limit = time_limit
        self._threads = threads
        self._seed = seed
        self._on_progress = on_progress
        self._stop = stop
        self._history: list[Progress] = []
        self._best: Schedule | None = None
        self._values: tuple[int, ...] = ()
        self._bounds: list[int | None] = [None] * len(problem.objective.levels)
        self._deterministic = 0.0

    def _seconds(self) -> float:
        return time.perf_counter() - self._began

    def _left(self) -> float | None:
        return None if self._time_limit is None else self._time_limit - self._seconds()

    def first_schedule(self) -> Schedule | None:
        """A quick dispatch schedule, if it comes in time (its first use compiles code)."""
        limit = self._time_limit
        share = _HINT_SECONDS if limit is None else min(_HINT_SECONDS, _HINT_SHARE * limit)
        patience = _PATIENCE_SECONDS if limit is None else min(_PATIENCE_SECONDS, 0.1 * limit)
        enough, found = threading.Event(), list[Schedule | None]()
        failures: list[Exception] = []

        def dispatch() -> None:
            try:
                from makespan.solvers.dispatch import DispatchSolver

                result = DispatchSolver().solve(
                    self._problem,
                    time_limit=share,
                    threads=self._threads,
                    seed=self._seed,
                    hint=None,
                    on_progress=None,
                    stop=enough,
                )
                found.append(result.schedule)
            except MakespanError:
                found.append(None)  # dispatch cannot place this problem; search without it
            except Exception as error:  # noqa: BLE001  # raised again in the caller's thread
                failures.append(error)

        helper = threading.Thread(target=dispatch, name="makespan-first-schedule", daemon=True)
        helper.start()
        deadline = time.perf_counter() + patience
        while helper.is_alive() and time.perf_counter() < deadline and not self._stop.is_set():
            helper.join(POLL_SECONDS)
        enough.set()
        if failures:
            raise failures[0]
        return found[0] if found else None

    def solve(self, hint: Schedule | None) -> Result:
        """Run all levels from ``hint``."""
        problem = self._problem
        if hint is not None and len(hint) == problem.tasks.count and not verify(problem, hint):
            self._accept(hint)
            self.record(0, self._values[0], None)
        if self._stop.is_set():
            return self._result(Status.FEASIBLE if self._best is not None else Status.UNKNOWN)
        if self._best is None and (problem.resources.calendar >= 0).any():
            self._shorten_horizon(hint)
        built = build(problem, horizon=self._horizon())
        expressions = [built.terms.level(level) for level in problem.objective.levels]
        for level, expression in enumerate(expressions):
            # All earlier levels again: a later phase may have improved one that was not proven.
            for earlier in range(level):
                built.model.add(expressions[earlier] <= self._values[earlier])
            status = self._phase(built, level, expression, self._best or hint)
            if status is Status.INFEASIBLE:
                if self._best is not None:
                    raise EngineError(
                        "CP-SAT calls the problem infeasible although a schedule verifies",
                        hint="this is a bug in the engine; please report it with the problem",
                    )
                if built.horizon >= TICK_LIMIT and problem.horizon_end > TICK_LIMIT:
                    return self._result(
                        Status.UNKNOWN,
                        f"no schedule ends within {TICK_LIMIT} ticks, which is as far as times "
                        "go; use a coarser time unit",
                    )
                return self._result(Status.INFEASIBLE)
            if self._best is None:
                return self._result(Status.UNKNOWN)
            if self._stop.is_set() or self._out_of_time():
                break
        closed = tuple(self._bounds) == self._values
        return self._result(Status.OPTIMAL if closed else Status.FEASIBLE)

    def _shorten_horizon(self, hint: Schedule | None) -> None:
        """Look for any schedule on short horizons first.

        With calendars the safe horizon may be hundreds of periods, and every start domain then
        has as many holes; a first schedule on a short one bounds the horizon that matters.
        """
        problem = self._problem
        bound, first = horizon_bound(problem), problem.horizon_start
        for share in _HORIZON_SHARES:
            if self._stop.is_set() or self._out_of_time():
                return
            built = build(problem, horizon=first + int((bound - first) * share) + 1)
            if hint is not None:
                built.model.set_hint(built.plan(hint))
            solver = cp_model.CpSolver()
            left = self._left()
            seconds = _FIRST_SECONDS if left is None else min(_FIRST_SECONDS, 0.1 * left)
            self._configure(solver, 0, seconds)
            earliest_first(solver, _FIRST_CONFLICTS)
            status = status_of(search(solver, built.model.cp, self._stop), built)
            self._deterministic += solver.deterministic_time
            if status in (Status.OPTIMAL, Status.FEASIBLE):
                self._accept(schedule_of(built, solver))
                self.record(0, self._values[0], None)
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

    def _out_of_time(self) -> bool:
        left = self._left()
        return left is not None and left <= 0

    def _horizon(self) -> int:
        """Latest end worth considering, given the incumbent."""
        problem = self._problem
        bound = horizon_bound(problem)
        if self._best is None:
            return bound
        latest = max(self._best.end[self._best.present].tolist(), default=problem.horizon_start)
        first = {term.kind: term.coefficient for term in problem.objective.levels[0]}
        weight = first.pop(ObjectiveKind.MAKESPAN, 0)
        signed = {ObjectiveKind.MAX_LATENESS, ObjectiveKind.TOTAL_COMPLETION}
        signed.add(ObjectiveKind.TOTAL_FLOW_TIME)
        if weight > 0 and not signed & set(first):
            # No better schedule ends later than the incumbent's value allows.
            bound = min(bound, max(latest, self._values[0] // weight))
        return max(bound, latest)

    def _accept(self, schedule: Schedule) -> None:
        values = evaluate(self._problem, schedule)
        if self._best is None or values < self._values:
            self._best, self._values = schedule, values

    def _phase(
        self, built: Build, level: int, expression: Expression, hint: Schedule | None
    ) -> Status:
        """Optimise one level and keep what it finds."""
        model = built.model
        if isinstance(expression, int):
            model.cp.clear_objective()
        else:
            model.cp.minimize(expression)
        if hint is not None:
            model.set_hint(built.plan(hint))
        solver = cp_model.CpSolver()
        left = self._left()
        if left is not None and level < len(self._bounds) - 1:
            left *= self._options.level_share
        self._configure(solver, level, left)
        recorder = Recorder(
            self.record, self._stop, level, self._values[level] if self._values else None
        )
        solver.best_bound_callback = recorder.bound
        status = status_of(search(solver, model.cp, self._stop, recorder), built)
        recorder.raise_failure()
        self._deterministic += solver.deterministic_time
        if status in (Status.OPTIMAL, Status.FEASIBLE):
            self._accept(schedule_of(built, solver))
        if status is not Status.INFEASIBLE:
            if isinstance(expression, int):
                self._bounds[level] = expression
            else:
                proven = (
                    recorder.proven if status is Status.UNKNOWN else solver.best_objective_bound
                )
                self._bounds[level] = self._floor(level, proven, model.objective_floor())
        if status is Status.OPTIMAL:
            self._bounds[level] = self._values[level]
        return status

    def _floor(self, level: int, proven: float | None, static: int) -> int:
        """Bound of a level; a search that never began proves only what the domains say."""
        bound = static if proven is None else max(static, math.ceil(proven - 1e-6))
        return min(bound, self._values[level]) if self._values else bound

    def record(self, level: int, objective: int | None, bound: int | None) -> None:
        """Add a point to the history and tell the caller."""
        point = Progress(self._seconds(), level, objective, bound, CpSatSolver.name)
        self._history.append(point)
        if self._on_progress is not None:
            self._on_progress(point)

    def _result(self, status: Status, message: str = "") -> Result:
        return Result(
            status=status,
            schedule=self._best,
            objectives=self._values,
            bounds=tuple(self._bounds),
            history=tuple(self._history),
            engine=CpSatSolver.name,
            seed=self._seed,
            threads=self._threads,
            seconds=self._seconds(),
            deterministic_seconds=self._deterministic,
            cancelled=self._stop.is_set(),
            message=message,
        )
