"""Options of the rolling horizon."""

from __future__ import annotations

from dataclasses import dataclass, field

from makespan.core.errors import OptionError
from makespan.solvers.engine import Solver
from makespan.solvers.rolling.fixing import FixingRule, FixNone


@dataclass(frozen=True, slots=True)
class RollingOptions:
    """How the horizon rolls.

    Attributes
    ----------
    window, step
        Tasks per window, and how many of them are settled before the next one; Graph-RHO uses 80
        and 30.
    engine
        Name of the engine that solves a window, or a Solver.
    fixing
        Which modes are carried over from window to window.
    window_seconds
        Wall seconds for a window at most; None shares what is left evenly.
    patience
        Seconds without a better schedule, counted from the first one, after which a window ends;
        None to use its time up.
    warm_start
        Whether a window starts from what the one before decided.
    """

    window: int = 80
    step: int = 30
    engine: str | Solver = "cpsat"
    fixing: FixingRule = field(default_factory=FixNone)
    window_seconds: float | None = None
    patience: float | None = 1.0
    warm_start: bool = True

    def __post_init__(self) -> None:
        if self.window < 1:
            raise OptionError(f"window is {self.window}; it must be at least 1")
        if not 1 <= self.step <= self.window:
            raise OptionError(
                f"step is {self.step}; it must be at least 1 and at most the window, {self.window}"
            )
        for name, value in (("window_seconds", self.window_seconds), ("patience", self.patience)):
            if value is not None and not value > 0:
                raise OptionError(f"{name} is {value}; it must be positive")
        if self.engine == "rolling":
            raise OptionError("a window cannot be solved by rolling", hint="cpsat, alns or local")
