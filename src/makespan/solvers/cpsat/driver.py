"""The engine: a quick first schedule, exact search from it, and a second opinion on denials."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Final

from ortools.sat.python import cp_model

from makespan.core.errors import MakespanError
from makespan.core.horizon import horizon_bound
from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import Status
from makespan.solvers.board import Board
from makespan.solvers.cpsat.backend import POLL_SECONDS, schedule_of, search, status_of
from makespan.solvers.cpsat.build import build
from makespan.solvers.cpsat.exact import NAME, ExactSearch
from makespan.solvers.cpsat.options import CpSatOptions, Shape, configure
from makespan.solvers.engine import ProgressCallback

_HINT_SECONDS: Final = 1.0
_HINT_SHARE: Final = 0.03
_PATIENCE_SECONDS: Final = 5.0


class CpSatSolver:
    """Exact search by OR-Tools CP-SAT over the whole vocabulary.

    Parameters
    ----------
    options
        How to search; the default suits wall-time limits.
    """

    name = NAME

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
        board = Board(problem, time_limit=time_limit, stop=stop, on_progress=on_progress)
        if hint is None and self.options.self_hint and self.options.deterministic_limit is None:
            hint = _first_schedule(problem, time_limit, threads, seed, stop)
        member = ExactSearch(self.options, board, threads=threads, seed=seed, hint=hint)
        with board.watch():
            board.adopt(hint, by=NAME)
            member.run()
        result = board.result(engine=NAME, seed=seed, threads=threads, message=member.message)
        if member.status is Status.INFEASIBLE:
            result = replace(result, status=Status.INFEASIBLE)
        return replace(result, deterministic_seconds=member.deterministic_seconds)


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
    status = status_of(search(solver, built.model.cp, (stop or threading.Event()).is_set), built)
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


def _first_schedule(
    problem: Problem, limit: float | None, threads: int, seed: int, stop: threading.Event
) -> Schedule | None:
    """A quick dispatch schedule, if it comes in time (its first use compiles code)."""
    share = _HINT_SECONDS if limit is None else min(_HINT_SECONDS, _HINT_SHARE * limit)
    patience = _PATIENCE_SECONDS if limit is None else min(_PATIENCE_SECONDS, 0.1 * limit)
    enough, found = threading.Event(), list[Schedule | None]()
    failures: list[Exception] = []

    def dispatch() -> None:
        try:
            from makespan.solvers.dispatch import DispatchSolver

            result = DispatchSolver().solve(
                problem,
                time_limit=share,
                threads=threads,
                seed=seed,
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
    while helper.is_alive() and time.perf_counter() < deadline and not stop.is_set():
        helper.join(POLL_SECONDS)
    enough.set()
    if failures:
        raise failures[0]
    return found[0] if found else None
