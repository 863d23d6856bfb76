"""Running the cases of a sweep: here, in processes of this machine, or on a Ray cluster."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np

from makespan.core.errors import MakespanError, OptionError
from makespan.serving.policies.catalogue import POLICIES
from makespan.serving.policies.routers import ROUTERS
from makespan.serving.scenario import prepare
from makespan.serving.service import Summary
from makespan.serving.study import compare
from makespan.serving.sweep.cases import Case, digest_of
from makespan.serving.sweep.processes import in_processes
from makespan.serving.sweep.results import CaseResult, ResultFile, read_results
from makespan.serving.workload import Workload

_Found = Generator[tuple[tuple[Case, str], dict[str, Any], int]]
"""Case and key, what its worker returned, and the number of attempts."""


def sweep(
    cases: Sequence[Case],
    *,
    workload: Workload | None = None,
    results: str | Path | None = None,
    workers: int = 1,
    ray: bool = False,
    address: str | None = None,
) -> Generator[CaseResult]:
    """Results of all cases, each once: first those that a file has, then the others as they end.

    A case that cannot be simulated, for instance because nothing fits into its memory, has an error
    for its result; all else ends the sweep. Closing the iterator stops what runs.

    Parameters
    ----------
    workload
        The load, if it has been read from a trace; None: cases generate theirs.
    results
        File of results, to which new ones are added.
    workers
        Processes of this machine; 1: this one.
    ray, address
        Whether to use a Ray cluster instead, and which; None: RAY_ADDRESS or this machine alone.

    Raises
    ------
    OptionError
        If a policy is unknown, or there are no workers.
    FormatError
        If the file holds something else.
    EngineError
        If processes or nodes die again and again.
    """
    if workers < 1:
        raise OptionError(f"{workers} workers", hint="there must be at least one")
    for name in dict.fromkeys(case.policy for case in cases):
        if name not in POLICIES:
            raise OptionError(
                f"no policy is called {name!r}", hint=f"there are {', '.join(POLICIES)}"
            )
    for name in dict.fromkeys(case.router for case in cases):
        if name not in ROUTERS:
            raise OptionError(
                f"no router is called {name!r}", hint=f"there are {', '.join(ROUTERS)}"
            )
    for case in cases:
        if case.scenario.trace is not None:
            raise OptionError(
                "a sweep reads no trace itself", hint="read it and give the workload to all cases"
            )
    digest = digest_of(workload)
    keys = [case.key(digest) for case in cases]
    known = read_results(results) if results is not None and Path(results).exists() else {}
    left = []
    for case, key in zip(cases, keys, strict=True):
        if key in known:
            yield known[key]
        else:
            left.append((case, key))
    if not left:
        return
    with ExitStack() as stack:
        found: _Found
        file = stack.enter_context(ResultFile(results)) if results is not None else None
        if ray:
            found = _on_ray(left, workload, address)
        elif workers > 1:
            found = in_processes(run_case, left, workload, min(workers, len(left)))
        else:
            found = ((item, run_case(item[0], workload), 1) for item in left)
        with closing(found):
            for (case, key), outcome, attempts in found:
                result = CaseResult.of(case, key, outcome, attempts)
                if file:
                    file.add(result)
                yield result


def run_case(case: Case, workload: Workload | None) -> dict[str, Any]:
    """Simulate a case; ``figures``, ``error``, ``calibration`` and ``seconds`` of CPU time."""
    began = time.process_time()
    figures: dict[str, float | None] = {}
    error = calibration = ""
    try:
        setup = prepare(case.scenario, workload)
        calibration = setup.calibration
        (arm,) = compare(
            setup.workload,
            [case.policy],
            setup.engines,
            setup.costs,
            router=case.router,
            seed=case.scenario.seed,
        )
        figures = figures_of(arm.summary)
    except MakespanError as failure:
        error = str(failure)
    return {
        "figures": figures,
        "error": error,
        "calibration": calibration,
        "seconds": time.process_time() - began,
    }


def figures_of(summary: Summary) -> dict[str, float | None]:
    """The figures of a run by name, latencies in seconds; null for a latency that nobody has."""
    asked = sum(one.requests for one in summary.attainment)
    kept = sum(one.attained for one in summary.attainment)
    figures: dict[str, float | None] = {
        "goodput": summary.goodput,
        "attained": kept / asked if asked else None,
        "throughput": summary.throughput,
        "token_throughput": summary.token_throughput,
        "preemptions": summary.preemptions,
        "hit_share": summary.hit / summary.prompt if summary.prompt else None,
    }
    for metric, spread in summary.latencies.items():
        for name in ("mean", "p50", "p90", "p99"):
            value = getattr(spread, name)
            figures[f"{metric.lower()}_{name}"] = float(value) if np.isfinite(value) else None
    return figures


def _on_ray(
    items: Sequence[tuple[Case, str]], workload: Workload | None, address: str | None
) -> _Found:
    from makespan.solvers.distributed.jobs import each_once
    from makespan.solvers.distributed.ray_link import connected

    with connected(address) as ray:
        load = ray.put(workload)
        remote = ray.remote(_case_on_a_node).options(
            num_cpus=1, max_retries=0, scheduling_strategy="SPREAD"
        )
        found = each_once(ray, lambda item: remote.remote(item[0], load), items)
        with closing(found):
            for done in found:
                yield done.job, done.value, done.attempts


def _case_on_a_node(case: Case, workload: Workload | None) -> dict[str, Any]:
    import ray

    node = str(ray.get_runtime_context().get_node_id())
    return {**run_case(case, workload), "node": node}
