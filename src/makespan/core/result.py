"""A Result: the best schedule an engine found, what it proved, and where it came from."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field

from makespan.core.schedule import Schedule
from makespan.core.vocabulary import Status


@dataclass(frozen=True, slots=True)
class Progress:
    """One point of a solve's history.

    Attributes
    ----------
    seconds
        Wall time since the solve began.
    level
        Objective level (0-based) being optimised.
    objective, bound
        Best value and proven lower bound of that level; None while unknown.
    engine
        Member that produced it, for portfolios.
    """

    seconds: float
    level: int
    objective: int | None
    bound: int | None
    engine: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """Outcome of a solve.

    Attributes
    ----------
    objectives, bounds
        Value and proven lower bound per objective level, in order. Bounds of later levels hold
        given the earlier levels at their returned values.
    seconds
        Wall time; ``deterministic_seconds`` is the backend's machine-independent clock if any.
    moves
        Moves (schedules, iterations, repairs: each member's own unit) tried per member.
    conflict
        When INFEASIBLE: names of constraints that clash, if an explanation was asked for.
    cancelled
        Whether the caller stopped the engine (Ctrl-C or a callback).
    """

    status: Status
    schedule: Schedule | None = None
    objectives: tuple[int, ...] = ()
    bounds: tuple[int | None, ...] = ()
    history: tuple[Progress, ...] = ()
    engine: str = ""
    seed: int | None = None
    threads: int | None = None
    seconds: float = 0.0
    deterministic_seconds: float | None = None
    version: str = ""
    machine: str = field(default_factory=lambda: f"{platform.machine()} {platform.system()}")
    moves: dict[str, int] = field(default_factory=dict)
    conflict: tuple[str, ...] = ()
    cancelled: bool = False
    message: str = ""

    @property
    def objective(self) -> int | None:
        """Value of the first level, None without a schedule."""
        return self.objectives[0] if self.objectives else None

    @property
    def bound(self) -> int | None:
        """Proven lower bound of the first level, None if there is none."""
        return self.bounds[0] if self.bounds else None

    @property
    def gap(self) -> float | None:
        """Relative gap (value - bound) / max(1, |value|) of the first level that is not closed.

        0.0 when every level is closed, None without a schedule or bound.
        """
        if not self.objectives:
            return None
        for k, value in enumerate(self.objectives):
            low = self.bounds[k] if k < len(self.bounds) else None
            if low is None:
                return None
            if low < value:
                return (value - low) / max(1, abs(value))
        return 0.0

    def __bool__(self) -> bool:
        """Whether there is a schedule."""
        return self.schedule is not None
