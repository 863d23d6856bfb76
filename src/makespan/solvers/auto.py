"""``auto``: CP-SAT from a quick dispatch schedule, or dispatch alone where models get too large."""

from __future__ import annotations

import threading
from typing import Final

from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.solvers.engine import ProgressCallback

EXACT_MODE_LIMIT: Final = 100_000
"""Above this many modes a CP-SAT model takes gigabytes; dispatch alone answers."""

_LARGE_SECONDS: Final = 60.0
"""Time for a problem that is too large to be proven, where the caller set no limit."""


class AutoSolver:
    """The engine that suits the size: exact search from a dispatch schedule, or dispatch."""

    name = "auto"

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
        if problem.modes.count <= EXACT_MODE_LIMIT:
            from makespan.solvers.cpsat import CpSatSolver

            # It makes its own dispatch schedule, without waiting long for compilation.
            return CpSatSolver().solve(
                problem,
                time_limit=time_limit,
                threads=threads,
                seed=seed,
                hint=hint,
                on_progress=on_progress,
                stop=stop,
            )
        from makespan.solvers.dispatch import DispatchSolver

        return DispatchSolver().solve(
            problem,
            time_limit=_LARGE_SECONDS if time_limit is None else time_limit,
            threads=threads,
            seed=seed,
            hint=hint,
            on_progress=on_progress,
            stop=stop,
        )
