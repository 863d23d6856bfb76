"""Compiling every hot loop ahead of the first solve, on every core."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from makespan.core.problem import Problem
from makespan.solvers.solving import available_cores

_RUNS: Final = 40
"""Enough for every rule and scheme of dispatch to be used once."""

_MOVES: Final = 50

PARTS: Final = (
    "priority rules", "projects", "shops", "machines", "due dates", "open shops", "flow shops",
)  # fmt: skip
"""What is compiled together, the longest first: loops that share code are in one part."""


def warm_up() -> None:
    """Compile all parts into the cache on disk, each in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(available_cores(), len(PARTS)), mp_context=context) as pool:
        for _ in pool.map(compile_part, PARTS):
            pass


def compile_part(part: str) -> None:
    """Run the engine behind one part on tiny problems."""
    from makespan.solvers.dispatch import sample
    from makespan.solvers.local import LocalOptions, LocalSolver

    if part == "priority rules":
        for problem in _problems(part):
            sample(problem, iterations=_RUNS)
        return
    engine = LocalSolver(LocalOptions(moves=_MOVES))
    for problem in _problems(part):
        engine.solve(
            problem,
            time_limit=None,
            threads=1,
            seed=0,
            hint=None,
            on_progress=None,
            stop=threading.Event(),
        )


def _problems(part: str) -> Iterator[Problem]:
    """Tiny problems that use every loop of the part."""
    from makespan import generators as make

    if part in ("priority rules", "shops"):
        yield make.named_instance("ft06")
        yield make.random_flexible_job_shop(4, 3, seed=0)
    elif part == "projects":
        yield make.random_rcpsp(10, seed=0)
        yield make.random_multimode_rcpsp(8, seed=0)
    elif part == "machines":
        yield make.random_single_machine(6, seed=0)
        yield make.random_parallel_machines(6, 2, seed=0)
    elif part == "due dates":
        yield make.random_due_date_job_shop(4, 3, seed=0)
    elif part == "open shops":
        yield make.random_open_shop(4, 3, seed=0)
    elif part == "flow shops":
        yield make.random_flow_shop(5, 3, seed=0)
