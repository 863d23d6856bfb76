"""The thin layer between the engine and OR-Tools: callbacks, stopping, statuses, values."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

import numpy as np
from ortools.sat.python import cp_model

from makespan.core.errors import EngineError
from makespan.core.schedule import ABSENT, Schedule
from makespan.core.vocabulary import Status
from makespan.solvers.cpsat.build import Build

Found: TypeAlias = Callable[[Schedule], None]
Proven: TypeAlias = Callable[[int], None]

POLL_SECONDS: Final = 0.02
"""How often a waiting loop looks whether it should stop."""

_STATUS: Final = {
    cp_model.OPTIMAL: Status.OPTIMAL,
    cp_model.FEASIBLE: Status.FEASIBLE,
    cp_model.INFEASIBLE: Status.INFEASIBLE,
    cp_model.UNKNOWN: Status.UNKNOWN,
}


class Values(Protocol):
    """What a solution can be read from: the solver after the search, a callback during it."""

    def value(self, expression: object) -> int:
        """Value of an integer expression."""
        ...

    def boolean_value(self, literal: object) -> bool:
        """Value of a literal."""
        ...


class Recorder(cp_model.CpSolverSolutionCallback):  # type: ignore[misc]  # untyped binding
    """Passes schedules and bounds on as they come; keeps the first failure of who takes them."""

    def __init__(self, built: Build, found: Found, proven: Proven) -> None:
        super().__init__()
        self._built = built
        self._found = found
        self._proven = proven
        self._failure: BaseException | None = None

    @property
    def failed(self) -> bool:
        """Whether the search should end because the receiver raised."""
        return self._failure is not None

    def on_solution_callback(self) -> None:
        """Pass a new solution on as a schedule."""
        self._guarded(lambda: self._found(schedule_of(self._built, self)))

    def bound(self, value: float) -> None:
        """Pass a new proven bound on."""
        self._guarded(lambda: self._proven(math.ceil(value - 1e-6)))

    def _guarded(self, tell: Callable[[], None]) -> None:
        if self._failure is not None:
            return
        try:
            tell()
        except BaseException as error:  # noqa: BLE001  # must not cross the backend's C++ frames
            self._failure = error

    def raise_failure(self) -> None:
        """Raise what the receiver raised, if anything."""
        if self._failure is not None:
            raise self._failure


def search(
    solver: cp_model.CpSolver,
    model: cp_model.CpModel,
    ended: Callable[[], bool],
    recorder: Recorder | None = None,
) -> object:
    """Status code of one run of the backend, which ends soon after ``ended`` turns true.

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
            if ended() or (recorder is not None and recorder.failed):
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


def schedule_of(built: Build, solver: Values) -> Schedule:
    """Schedule that the backend's solution stands for."""
    rows = []
    for v in built.tasks.tasks:
        chosen = next((m for m, lit in v.modes.items() if solver.boolean_value(lit)), ABSENT)
        here = chosen != ABSENT and solver.boolean_value(v.present)
        rows.append((solver.value(v.start), solver.value(v.end), chosen if here else ABSENT))
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return Schedule(table[:, 0], table[:, 1], table[:, 2].astype(np.int32))
