"""``auto``: a quick dispatch for a first schedule, then CP-SAT from there."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Final

from makespan.core.problem import Problem
from makespan.core.result import Progress, Result
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import Status
from makespan.solvers.engine import ProgressCallback

EXACT_TASK_LIMIT: Final = 100_000
"""Above this many modes a CP-SAT model takes gigabytes; dispatch alone answers."""

_DISPATCH_SHARE: Final = 0.05
_DISPATCH_SECONDS: Final = 1.0


class AutoSolver:
    """Dispatch sampling for a small share of the time, then CP-SAT with that schedule as hint."""

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
        from makespan.solvers.dispatch import DispatchSolver

        began = time.perf_counter()
        exact = problem.modes.count <= EXACT_TASK_LIMIT
        share = time_limit
        if exact:
            share = _DISPATCH_SECONDS
            if time_limit is not None:
                share = min(share, _DISPATCH_SHARE * time_limit)
        elif share is None:
            share = 60.0
        first = DispatchSolver().solve(
            problem,
            time_limit=share,
            threads=threads,
            seed=seed,
            hint=hint,
            on_progress=on_progress,
            stop=stop,
        )
        if not exact or first.status is Status.OPTIMAL or stop.is_set():
            return first

        from makespan.solvers.cpsat import CpSatSolver

        spent = time.perf_counter() - began
        left = None if time_limit is None else max(0.01, time_limit - spent)

        def forward(point: Progress) -> None:
            if on_progress is not None:
                on_progress(replace(point, seconds=point.seconds + spent))

        second = CpSatSolver().solve(
            problem,
            time_limit=left,
            threads=threads,
            seed=seed,
            hint=first.schedule if first.schedule is not None else hint,
            on_progress=forward,
            stop=stop,
        )
        late = tuple(replace(point, seconds=point.seconds + spent) for point in second.history)
        best = second
        if second.schedule is None and second.status is not Status.INFEASIBLE:
            best = replace(first, bounds=second.bounds or first.bounds)
        elif first.schedule is not None and first.objectives < second.objectives:
            best = replace(
                first, bounds=second.bounds, deterministic_seconds=second.deterministic_seconds
            )
        return replace(best, history=first.history + late, cancelled=second.cancelled)
