"""How long it takes to verify large schedules, and how much memory, with and without faults.

Random square job shops (every job visits every machine once, in random order, durations 1 to 99)
with a semi-active schedule: the operations of all jobs are placed stage by stage as early as
their job and machine allow. The broken schedule starts every 97th task one tick early. The rich
problem adds rules of every other kind that the schedule keeps: calendars that suspend, setups,
blocking without swap where tasks follow at once, renewables with steps, consumables, reservoirs,
windows, forbidden intervals, no-overlap sets, links and selections.
Medians of wall and processor seconds (they differ where other programs run, see the load); the
peak is what Python and NumPy allocate during one call, traced in a call of its own.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import statistics
import time
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from makespan import __version__
from makespan.core.calendar import Calendar
from makespan.core.metrics import evaluate
from makespan.core.names import NameTable
from makespan.core.problem import (
    Jobs,
    Links,
    Modes,
    Precedences,
    Problem,
    Resources,
    Selections,
    Sets,
    SetupMatrix,
    Tasks,
)
from makespan.core.schedule import Schedule
from makespan.core.validation import validate
from makespan.core.verify import verify
from makespan.core.vocabulary import (
    Blocking,
    DemandTiming,
    LinkKind,
    ResourceKind,
    SelectionKind,
)


def square_shop(size: int, seed: int) -> Problem:
    """A random job shop of ``size`` jobs on ``size`` machines, built from arrays."""
    random = np.random.default_rng(seed)
    n = size * size
    count = np.arange(n + 1, dtype=np.int64)
    job = np.repeat(np.arange(size, dtype=np.int32), size)
    machine = random.permuted(np.tile(np.arange(size, dtype=np.int32), (size, 1)), axis=1)
    names = NameTable.numbered("J", size)
    position = np.tile(np.arange(size, dtype=np.int64), size)
    before = np.flatnonzero(position < size - 1).astype(np.int32)
    return Problem(
        name=f"{size} x {size}",
        tasks=Tasks.plain(NameTable.per_job(names, job, position), job, count),
        modes=Modes(
            task=np.arange(n, dtype=np.int32),
            duration=random.integers(1, 100, n),
            cost=np.zeros(n, dtype=np.int64),
            demand_ptr=count,
            demand_resource=machine.ravel(),
            demand_amount=np.ones(n, dtype=np.int64),
            demand_timing=np.zeros(n, dtype=np.uint8),
        ),
        resources=Resources.plain(
            NameTable.numbered("M", size),
            np.full(size, ResourceKind.MACHINE, dtype=np.uint8),
            np.ones(size, dtype=np.int64),
        ),
        jobs=Jobs.plain(
            names,
            np.arange(0, n + 1, size, dtype=np.int64),
            np.arange(n, dtype=np.int32),
        ),
        precedences=Precedences.finish_to_start(before, before + 1),
    )


def semi_active(problem: Problem, size: int) -> Schedule:
    """Every job's first operation placed as early as possible, then every second one, ..."""
    machine = problem.modes.demand_resource.reshape(size, size)
    duration = problem.modes.duration.reshape(size, size)
    start = np.empty((size, size), dtype=np.int64)
    job_free, machine_free = [0] * size, [0] * size
    for stage in range(size):
        rows = zip(machine[:, stage].tolist(), duration[:, stage].tolist(), strict=True)
        for job, (where, length) in enumerate(rows):
            begin = max(job_free[job], machine_free[where])
            start[job, stage] = begin
            job_free[job] = machine_free[where] = begin + length
    flat = start.ravel()
    return Schedule(flat, flat + problem.modes.duration, np.arange(size * size, dtype=np.int32))


def enriched(problem: Problem, schedule: Schedule, size: int) -> Problem:
    """``problem`` with rules of every kind, all kept by its semi-active ``schedule``."""
    n = size * size
    latest = schedule.makespan
    index = np.arange(n, dtype=np.int32)
    follows = np.zeros(n, dtype=np.bool_)
    follows[:-1] = (schedule.end[:-1] == schedule.start[1:]) & (index[1:] % size != 0)
    tasks = dataclasses.replace(
        problem.tasks,
        release=schedule.start,
        deadline=schedule.end,
        blocking=np.where(follows, Blocking.NO_SWAP, Blocking.NONE).astype(np.uint8),
        forbidden_ptr=np.arange(n + 1, dtype=np.int64),
        forbidden_start=schedule.end,
        forbidden_end=schedule.end + 5,
        optional=np.ones(n, dtype=np.bool_),
    )
    # Each task demands its machine, a renewable, a consumable, and moves a reservoir up and down.
    machine = problem.modes.demand_resource
    kinds = (ResourceKind.RENEWABLE, ResourceKind.CONSUMABLE, ResourceKind.RESERVOIR)
    extra = [np.full(n, size + k, dtype=np.int32) for k in (0, 1, 2, 2)]
    timing = (DemandTiming.DURING,) * 3 + (DemandTiming.AT_START, DemandTiming.AT_END)
    modes = dataclasses.replace(
        problem.modes,
        demand_ptr=np.arange(0, 5 * n + 1, 5, dtype=np.int64),
        demand_resource=np.column_stack((machine, *extra)).ravel(),
        demand_amount=np.tile(np.array([1, 1, 1, 1, -1], dtype=np.int64), n),
        demand_timing=np.tile(np.array(timing, dtype=np.uint8), n),
    )
    r = size + len(kinds)
    is_machine = np.arange(r) < size
    steps = np.arange(0, latest, max(1, latest // 1000), dtype=np.int64)
    resources = dataclasses.replace(
        Resources.plain(
            NameTable.numbered("R", r),
            np.array([ResourceKind.MACHINE] * size + list(kinds), dtype=np.uint8),
            np.array([1] * size + [size, n, size], dtype=np.int64),
        ),
        calendar=np.where(is_machine, 0, -1).astype(np.int32),
        suspend=is_machine,
        setup=np.where(is_machine, 0, -1).astype(np.int32),
        step_ptr=np.where(np.arange(r + 1) > size, len(steps), 0),
        step_time=steps,
        step_capacity=np.full(len(steps), size, dtype=np.int64),
    )
    zero = np.zeros((1, 1), dtype=np.int64)
    pairs = np.arange(0, n - 1, 2, dtype=np.int32)
    return dataclasses.replace(
        problem,
        tasks=tasks,
        modes=modes,
        resources=resources,
        # A week of shifts without a gap: many intervals to look up, no break to keep.
        calendars=(
            Calendar("week", np.array([[k, k + 24] for k in range(0, 168, 24)]), 168, *_WHOLE),
        ),
        setups=(SetupMatrix("none", zero, zero[0], zero, zero[0]),),
        no_overlaps=Sets(NameTable.numbered("S", size), problem.jobs.task_ptr, index),
        groups=Sets(
            NameTable.explicit(["machines"]),
            np.array([0, size], dtype=np.int64),
            np.arange(size, dtype=np.int32),
        ),
        links=Links(
            np.full(len(pairs), LinkKind.DIFFERENT, dtype=np.uint8),
            pairs,
            pairs + 1,
            np.zeros(len(pairs), dtype=np.int32),
        ),
        selections=Selections(
            np.full(size, SelectionKind.ALL_OR_NONE, dtype=np.uint8), problem.jobs.task_ptr, index
        ),
    )


_WHOLE = (np.array([[1, 2]], dtype=np.int64), (True,))


def timed(problem: Problem, schedule: Schedule, runs: int) -> dict[str, object]:
    """Median seconds and peak allocation of verifying one schedule."""
    taken, busy = [], []
    for _ in range(runs):
        begun, begun_cpu = time.perf_counter(), time.process_time()
        found = verify(problem, schedule)
        taken.append(time.perf_counter() - begun)
        busy.append(time.process_time() - begun_cpu)
    tracemalloc.start()
    verify(problem, schedule)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {
        "median_s": round(statistics.median(taken), 4),
        "median_cpu_s": round(statistics.median(busy), 4),
        "runs_s": [round(t, 4) for t in taken],
        "violations": len(found),
        "peak_bytes_per_task": round(peak / problem.tasks.count, 1),
    }


def measure(size: int, seed: int, runs: int) -> dict[str, object]:
    """Build a shop of ``size`` squared tasks and verify a feasible and a broken schedule."""
    begun = time.perf_counter()
    problem = square_shop(size, seed)
    built = time.perf_counter()
    validate(problem)
    validated = time.perf_counter()
    schedule = semi_active(problem, size)
    begin = schedule.start.copy()
    begin[50::97] -= 1
    broken = Schedule(begin, begin + problem.modes.duration, schedule.mode)
    priced = time.perf_counter()
    objective = evaluate(problem, schedule)
    return {
        "tasks": size * size,
        "makespan": objective[0],
        "build_s": round(built - begun, 4),
        "validate_s": round(validated - built, 4),
        "evaluate_s": round(time.perf_counter() - priced, 4),
        "feasible": timed(problem, schedule, runs),
        "broken": timed(problem, broken, runs),
        "rich": timed(enriched(problem, schedule, size), schedule, runs),
    }


def main() -> None:
    """Measure, print a table and write the raw numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 316, 1000])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="JSON file for the raw numbers")
    options = parser.parse_args()
    results = []
    load = [round(value, 2) for value in os.getloadavg()]
    titles = ("tasks", "schedule", "median s", "cpu s", "bytes/task", "violations")
    print("".join(f"{title:>11}" for title in titles))
    for size in options.sizes:
        row = measure(size, options.seed, options.runs)
        results.append(row)
        for case in ("feasible", "broken", "rich"):
            cells = row[case]
            assert isinstance(cells, dict)
            shown = ("median_s", "median_cpu_s", "peak_bytes_per_task", "violations")
            columns = (row["tasks"], case, *(cells[name] for name in shown))
            print("".join(f"{cell!s:>11}" for cell in columns))
    document = {
        "benchmark": "verify_scale",
        "question": "How long does it take to verify large schedules?",
        "kind": "measured",
        "makespan": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": f"{platform.machine()} {platform.system()}, {os.cpu_count()} cores",
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_before": load,
        "seed": options.seed,
        "runs": options.runs,
        "results": results,
    }
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
