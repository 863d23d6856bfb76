"""What one call of an engine gave back, before anybody checked it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from makespan.core.problem import Problem
from makespan.core.schedule import Schedule

Clock = Callable[[], float]
"""Seconds since the call began."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An engine's own account of a solve.

    Attributes
    ----------
    bound
        Lower bound it claims to have proven.
    history
        Seconds since the call began and objective value, one pair per better schedule; empty if
        the engine does not tell.
    message
        Anything worth recording.
    """

    schedule: Schedule | None
    bound: int | None = None
    history: list[tuple[float, int]] = field(default_factory=list)
    message: str = ""


class Call(Protocol):
    """A solve that is ready to start; making it is not part of the measured time."""

    def __call__(self, limit: float, threads: int, seed: int, clock: Clock) -> Answer:
        """Solve within ``limit`` seconds; building a solver's model counts."""
        ...


class Prepare(Protocol):
    """Turns a problem into the engine's own data, as reading a file would."""

    def __call__(self, problem: Problem) -> Call:
        """The call that solves it."""
        ...


class Incumbents:
    """Notes when a backend tells of a better value."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.history: list[tuple[float, int]] = []

    def note(self, value: float) -> None:
        """A schedule of this value exists now."""
        found = round(value)
        if not self.history or found < self.history[-1][1]:
            self.history.append((self.clock(), found))

    def callback(self) -> Any:
        """A solution callback for CP-SAT."""
        from ortools.sat.python import cp_model

        incumbents = self

        class Callback(cp_model.CpSolverSolutionCallback):  # type: ignore[misc]
            def on_solution_callback(self) -> None:
                incumbents.note(self.objective_value)

        return Callback()
