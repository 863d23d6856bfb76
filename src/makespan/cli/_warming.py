"""Compiling every hot loop ahead of the first solve."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from makespan.core.problem import Problem

_RUNS = 40
"""Enough for every rule and scheme of dispatch to be used once."""

_MOVES = 50


def warm_up(on_step: Callable[[str], None] | None = None) -> None:
    """Run every compiled engine on a tiny problem of each shape.

    Parameters
    ----------
    on_step
        Called with the name of what comes next.
    """
    from makespan.generators import named_instance, random_flexible_job_shop
    from makespan.solvers.dispatch import sample
    from makespan.solvers.local import LocalOptions, LocalSolver

    def say(what: str) -> None:
        if on_step is not None:
            on_step(what)

    say("dispatch")
    for problem in (named_instance("ft06"), random_flexible_job_shop(3, 3, seed=0)):
        sample(problem, iterations=_RUNS)
    engine = LocalSolver(LocalOptions(moves=_MOVES))
    for name, problem in _shapes():
        say(name)
        engine.solve(
            problem,
            time_limit=None,
            threads=1,
            seed=0,
            hint=None,
            on_progress=None,
            stop=threading.Event(),
        )


def _shapes() -> Iterator[tuple[str, Problem]]:
    """A tiny problem for every local search."""
    from makespan import generators as make

    yield "job shop", make.named_instance("ft06")
    yield "flexible job shop", make.random_flexible_job_shop(4, 3, seed=0)
    yield "due dates", make.random_due_date_job_shop(4, 3, seed=0)
    yield "project", make.random_rcpsp(10, seed=0)
    yield "multi-mode project", make.random_multimode_rcpsp(8, seed=0)
    yield "flow shop", make.random_flow_shop(5, 3, seed=0)
    yield "open shop", make.random_open_shop(4, 3, seed=0)
    yield "single machine", make.random_single_machine(6, seed=0)
    yield "parallel machines", make.random_parallel_machines(6, 2, seed=0)
