"""The thin layer between the engine and OR-Tools: callbacks, stopping, statuses, values."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from ortools.sat.python import cp_model

from makespan.core.errors import EngineError
from makespan.core.schedule import ABSENT, Schedule
from makespan.core.vocabulary import Status
from makespan.solvers.cpsat.build import Build

Record: TypeAlias = Callable[[int, int | None, int | None], None]
"""Takes level, objective and bound."""

POLL_SECONDS: Final = 0.02
"""How often a waiting loop looks whether it should stop."""

_STATUS: Final = {
    cp_model.OPTIMAL: Status.OPTIMAL,
    cp_model.FEASIBLE: Status.FEASIBLE,
    cp_model.INFEASIBLE: Status.INFEASIBLE,
    cp_model.UNKNOWN: Status.UNKNOWN,
}


class Recorder(cp_model.CpSolverSolutionCallback):  # type: ignore[misc]  # untyped binding
    """Turns backend callbacks into progress; keeps the first failure of the caller's callback."""

    def __init__(
        self, record: Record, stop: threading.Event, level: int, incumbent: int | None
    ) -> None:
        super().__init__()
        self._record = record
        self._stop = stop
        self._level = level
        self._objective = incumbent
        self._bound: int | None = None
        self._failure: BaseException | None = None

    def on_solution_callback(self) -> None:
        """Record a new incumbent."""
        value = round(self.objective_value)
        if self._objective is None or value < self._objective:
            self._objective = value
            self._tell()

    def bound(self, value: float) -> None:
        """Record a new proven bound."""
        self._bound = math.ceil(value - 1e-6)
        self._tell()

    @property
    def proven(self) -> int | None:
        """Last bound the backend reported, if any."""
        return self._bound

    def _tell(self) -> None:
        if self._failure is not None:
            return
        try:
            self._record(self._level, self._objective, self._bound)
        except BaseException as error:  # noqa: BLE001  # must not cross the backend's C++ frames
            self._failure = error
            self._stop.set()

    def raise_failure(self) -> None:
        """Raise what the caller's callback raised, if anything."""
        if self._failure is not None:
            raise self._failure


def search(
    solver: cp_model.CpSolver,
    model: cp_model.CpModel,
    stop: threading.Event,
    recorder: Recorder | None = None,
) -> object:
    """Status code of one run of the backend, which ends soon after ``stop`` is set.

    The backend works in a thread of its own: the caller's thread must stay in Python, because
    signal handlers run nowhere else, and a Ctrl-C that waits for C++ to return may wait forever.
    """
    codes, failures = list[object](), list[BaseException]()

    def work() -> None:
        try:
            codes.append(solver.solve(model, recorder))
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            failures.append(error)

    thread = threading.Thread(target=work, name="makespan-cpsat", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(POLL_SECONDS)
            if stop.is_set():
                # Again and again, because a request before the backend runs is lost.
                solver.stop_search()
    finally:
        while thread.is_alive():
            solver.stop_search()
            thread.join(POLL_SECONDS)
    if failures:
        raise failures[0]
    return codes[0]


def status_of(code: object, built: Build) -> Status:
    """Backend status as ours; anything unexpected is an error, never a guess."""
    for known, status in _STATUS.items():
        if code == known:
            return status
    if code == cp_model.MODEL_INVALID:
        raise EngineError(f"CP-SAT refuses the model: {built.model.cp.validate()}")
    raise EngineError(f"CP-SAT returned the unknown status {code!r}")


def schedule_of(built: Build, solver: cp_model.CpSolver) -> Schedule:
    """Schedule that the backend's last solution stands for."""
    rows = []
    for v in built.tasks.tasks:
        chosen = next((m for m, lit in v.modes.items() if solver.boolean_value(lit)), ABSENT)
        here = chosen != ABSENT and solver.boolean_value(v.present)
        rows.append((solver.value(v.start), solver.value(v.end), chosen if here else ABSENT))
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return Schedule(table[:, 0], table[:, 1], table[:, 2].astype(np.int32))
