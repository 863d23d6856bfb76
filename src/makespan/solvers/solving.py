"""``solve``: run an engine, verify what it returns, cross-check what it denies."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType

from makespan._version import __version__
from makespan.core.errors import EngineError, InfeasibleError, OptionError, ProblemError
from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.core.vocabulary import Status
from makespan.solvers.engine import ProgressCallback, Solver
from makespan.solvers.registry import engine as engine_by_name


def solve(
    problem: Problem,
    *,
    engine: str | Solver = "auto",
    time_limit: float | None = None,
    threads: int | None = None,
    seed: int = 0,
    hint: Schedule | None = None,
    on_progress: ProgressCallback | None = None,
    stop: threading.Event | None = None,
) -> Result:
    """Best schedule for ``problem`` within the time limit, verified.

    Parameters
    ----------
    engine
        Name of a registered engine, or a Solver object.
    time_limit
        Wall seconds for the whole call; None runs until the optimum is proven.
    threads
        Worker threads; default is every core this process may use.
    seed
        Seed of every random choice.
    hint
        A schedule to start from; it need not be feasible.
    on_progress
        Called with each new incumbent or bound, possibly from another thread.
    stop
        Set it to end the solve with the best schedule so far. Ctrl-C does the same when the call
        runs in the main thread; a second Ctrl-C raises KeyboardInterrupt.

    Returns
    -------
    Result
        ``status`` says what is proven; falsy if there is no schedule.

    Raises
    ------
    OptionError
        If an option is out of range or no engine has that name.
    EngineError
        If the engine fails, or returns a schedule that breaks a constraint.
    """
    if time_limit is not None and not time_limit > 0:
        raise OptionError(f"time_limit is {time_limit}; it must be positive")
    workers = threads if threads is not None else available_cores()
    if workers < 1:
        raise OptionError(f"threads is {threads}; at least one is needed")
    if not 0 <= seed < 2**31:
        raise OptionError(f"seed is {seed}; it must lie in [0, 2^31)")
    if hint is not None and len(hint) != problem.tasks.count:
        raise ProblemError(f"the hint has {len(hint)} tasks, the problem has {problem.tasks.count}")
    solver = engine_by_name(engine) if isinstance(engine, str) else engine
    signal_stop = stop if stop is not None else threading.Event()
    began = time.perf_counter()
    with _stop_on_interrupt(signal_stop):
        result = solver.solve(
            problem,
            time_limit=time_limit,
            threads=workers,
            seed=seed,
            hint=hint,
            on_progress=on_progress,
            stop=signal_stop,
        )
        if result.status is Status.INFEASIBLE:
            result = _cross_checked(problem, result, time_limit, signal_stop)
    if result.schedule is not None:
        _check(problem, result, solver.name)
    return replace(
        result,
        engine=result.engine or solver.name,
        seed=seed,
        threads=workers,
        seconds=time.perf_counter() - began,
        version=__version__,
        cancelled=result.cancelled or signal_stop.is_set(),
    )


def available_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _check(problem: Problem, result: Result, name: str) -> None:
    """Raise unless the schedule verifies and has the objective value the engine states."""
    if result.schedule is None:
        return
    violations = verify(problem, result.schedule)
    if violations:
        shown = "; ".join(v.sentence for v in violations[:3])
        raise EngineError(
            f"engine {name!r} returned a schedule with {len(violations)} violation(s): {shown}",
            hint="this is a bug in the engine; please report it with the problem file",
        )
    values = evaluate(problem, result.schedule)
    if tuple(result.objectives) != tuple(values):
        raise EngineError(
            f"engine {name!r} states objective {list(result.objectives)}, but the schedule has "
            f"{list(values)}",
            hint="this is a bug in the engine; please report it with the problem file",
        )


def _cross_checked(
    problem: Problem, result: Result, time_limit: float | None, stop: threading.Event
) -> Result:
    """INFEASIBLE only if a second, differently configured proof agrees; else UNKNOWN.

    False infeasibility is a known failure of constraint solvers, so one proof is not enough.
    """
    from makespan.solvers.cpsat import cross_check

    try:
        verdict = cross_check(problem, time_limit=time_limit, stop=stop)
    except InfeasibleError:
        return result
    if verdict.schedule is not None and not verify(problem, verdict.schedule):
        return replace(
            verdict, message="a first proof of infeasibility was refuted by this schedule"
        )
    if verdict.status is Status.INFEASIBLE:
        return replace(result, message=result.message or "infeasible, proven twice")
    return replace(
        result,
        status=Status.UNKNOWN,
        message="one engine proved this infeasible, but the cross-check did not finish in time",
    )


@contextmanager
def _stop_on_interrupt(stop: threading.Event) -> Iterator[None]:
    """First Ctrl-C sets ``stop``, a second raises; only the main thread can listen."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def first(_signal: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    previous = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
