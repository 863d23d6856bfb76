"""What an engine is: a name and one method."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from makespan.core.problem import Problem
from makespan.core.result import Progress, Result
from makespan.core.schedule import Schedule

ProgressCallback = Callable[[Progress], None]


@runtime_checkable
class Solver(Protocol):
    """An engine that turns a Problem into a Result.

    ``stop`` is set from outside to ask for the best schedule so far; the engine then returns
    soon, with ``cancelled=True``. A returned schedule must verify. ``time_limit`` is wall time in
    seconds for the whole call, None for "until proven".
    """

    @property
    def name(self) -> str:
        """Name under which the engine is registered."""
        ...

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
        """Solve ``problem`` and return the best schedule with what was proven about it."""
        ...
