"""Many solves, spread over a Ray cluster or over local processes; each is reported once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from makespan.core.errors import MakespanError, OptionError
from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.solvers.distributed.jobs import each_once
from makespan.solvers.distributed.ray_link import connected


@dataclass(frozen=True, slots=True)
class Run:
    """One solve of a sweep.

    Attributes
    ----------
    problem
        Key of the problem.
    threads
        Threads of the engine, and CPUs that the run takes.
    """

    problem: str
    engine: str = "auto"
    seed: int = 0
    time_limit: float = 10.0
    threads: int = 1


@dataclass(frozen=True, slots=True)
class RunResult:
    """What became of a run.

    Attributes
    ----------
    result
        Verified result, None if the engine failed.
    error
        Message of the engine's failure, "" if there was none.
    node
        Where it ran.
    attempts
        1, or more if nodes died under it.
    """

    run: Run
    result: Result | None
    error: str
    node: str
    attempts: int


def sweep(
    problems: Mapping[str, Problem], runs: Iterable[Run], *, address: str | None = None
) -> Iterator[RunResult]:
    """Results of all runs, each once, in the order in which they end.

    Parameters
    ----------
    address
        Of a Ray cluster; None: a connection that exists, RAY_ADDRESS, or this machine alone.

    Raises
    ------
    OptionError
        If a run names a problem that is not there.
    EngineError
        If a run's nodes die again and again.
    """
    listed = list(runs)
    for run in listed:
        if run.problem not in problems:
            raise OptionError(f"no problem {run.problem!r} in the sweep")
    with connected(address) as ray:
        stored = {key: ray.put(problem) for key, problem in problems.items()}
        remote = ray.remote(_solve)

        def submit(run: Run) -> Any:
            options = {"num_cpus": run.threads, "max_retries": 0, "scheduling_strategy": "SPREAD"}
            return remote.options(**options).remote(stored[run.problem], run)

        for done in each_once(ray, submit, listed):
            result, error, node = done.value
            yield RunResult(done.job, result, error, node, done.attempts)


def _solve(problem: Problem, run: Run) -> tuple[Result | None, str, str]:
    """One run in a process of the cluster: result, error, node."""
    import ray

    from makespan.solvers.solving import solve

    node = str(ray.get_runtime_context().get_node_id())
    try:
        result = solve(
            problem,
            engine=run.engine,
            time_limit=run.time_limit,
            threads=run.threads,
            seed=run.seed,
        )
    except MakespanError as error:
        return None, str(error), node
    return result, "", node
