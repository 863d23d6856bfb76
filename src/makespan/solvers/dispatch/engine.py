"""The engine ``dispatch``."""

from __future__ import annotations

import threading

from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.solvers.dispatch.sampling import sample
from makespan.solvers.engine import ProgressCallback


class DispatchSolver:
    """Priority rules and random restarts; fast and memory-lean, proves little.

    Returns UNKNOWN with a message where greedy placement finds no schedule.
    """

    name = "dispatch"

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
        return sample(
            problem,
            time_limit=time_limit,
            threads=threads,
            seed=seed,
            hint=hint,
            on_progress=on_progress,
            stop=stop,
        )
