"""From a text file to a verified schedule on disk: time and memory from 10^4 to 10^6 tasks.

Job shops (every job visits every machine once in random order, durations 1 to 99) are read from
the JSPLIB layout and dispatched by MWKR in the parallel scheme. Projects (each activity follows
two of the 50 before it and uses about half of 4 resources) are read from Patterson's layout and
dispatched by LFT in the serial scheme. Schedules are verified and written as CSV.

Each run is a fresh process that first takes a tiny instance through all stages, so that compiled
code comes from numba's cache. Best of several runs per stage, in wall and processor seconds (they
differ where other programs run, see the load); peak is the most memory the process ever held,
growth what it held above what it needed for the tiny instance. ``million_plot.py`` draws the
result.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

STAGES = ("read", "dispatch", "verify", "write")


class Family(NamedTuple):
    """Instances of one kind and how they are dispatched."""

    ending: str
    rule: str
    scheme: str
    generate: Callable[[int, int], str]
    sizes: tuple[int, ...]


def shop_text(tasks: int, seed: int) -> str:
    """A square job shop of about that many tasks in the JSPLIB layout."""
    size = round(tasks**0.5)
    random = np.random.default_rng(seed)
    machine = random.permuted(np.tile(np.arange(size), (size, 1)), axis=1)
    pairs = np.stack((machine, random.integers(1, 100, (size, size))), axis=2)
    rows = (" ".join(map(str, row)) for row in pairs.reshape(size, -1).tolist())
    return f"{size} {size}\n" + "\n".join(rows) + "\n"


def project_text(tasks: int, seed: int) -> str:
    """A project of that many activities, dummies included, in Patterson's layout."""
    random = np.random.default_rng(seed)
    n, capacity = tasks - 2, 20
    back = random.integers(1, 51, (n, 2))
    demand = random.integers(1, capacity // 2 + 1, (n, 4)) * (random.random((n, 4)) < 0.5)
    duration = random.integers(1, 11, n)
    after: list[set[int]] = [set() for _ in range(tasks)]
    for i, two in enumerate(back.tolist(), start=1):
        for before in two:
            after[max(i - before, 0)].add(i)
    for row in after[:-1]:
        if not row:
            row.add(tasks - 1)
    after[-1].clear()
    lines = [f"{tasks} 4", " ".join([str(capacity)] * 4)]
    numbers = np.column_stack((duration, demand)).tolist()
    for own, row in zip([[0] * 5, *numbers, [0] * 5], after, strict=True):
        lines.append(" ".join(map(str, [*own, len(row), *(i + 1 for i in sorted(row))])))
    return "\n".join(lines) + "\n"


FAMILIES = {
    "job shop": Family(".jsp", "MWKR", "parallel", shop_text, (10_000, 100_000, 1_000_000)),
    "project": Family(".rcp", "LFT", "serial", project_text, (10_000, 100_000, 1_000_000)),
}


def memory(field: str) -> int:
    """VmRSS (held now) or VmHWM (most held so far) of this process in bytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(field)


class Stopwatch:
    """Seconds and memory of named stages."""

    def __init__(self) -> None:
        self.stages: dict[str, dict[str, float]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the block."""
        wall, busy = time.perf_counter(), time.process_time()
        yield
        self.stages[name] = {
            "wall_s": round(time.perf_counter() - wall, 4),
            "cpu_s": round(time.process_time() - busy, 4),
            "held_mib": memory("VmRSS") >> 20,
        }


def pipeline(family: Family, source: Path, target: Path) -> dict[str, object]:
    """All stages once, in this process."""
    from makespan import read, verify, write_schedule
    from makespan.solvers.dispatch import dispatch

    watch = Stopwatch()
    with watch.stage("read"):
        problem = read(source)
    with watch.stage("dispatch"):
        schedule = dispatch(problem, rule=family.rule, scheme=family.scheme)  # type: ignore[arg-type]
    with watch.stage("verify"):
        violations = verify(problem, schedule)
    with watch.stage("write"):
        write_schedule(schedule, problem, target)
    return {
        "tasks": problem.tasks.count,
        "makespan": schedule.makespan,
        "violations": len(violations),
        "written_bytes": target.stat().st_size,
        "stages": watch.stages,
    }


def child(name: str, tiny: Path, source: Path, target: Path) -> None:
    """What a fresh process does: a tiny instance, then the real one; prints JSON."""
    began = time.perf_counter(), time.process_time()
    family = FAMILIES[name]
    pipeline(family, tiny, target)
    loaded = time.perf_counter() - began[0], time.process_time() - began[1]
    before = memory("VmRSS")
    found = pipeline(family, source, target)
    peak = memory("VmHWM")
    print(
        json.dumps(
            found
            | {
                "load_wall_s": round(loaded[0], 3),
                "load_cpu_s": round(loaded[1], 3),
                "peak_mib": peak >> 20,
                "growth_bytes_per_task": round((peak - before) / int(str(found["tasks"])), 1),
            }
        )
    )


def best(runs: list[dict[str, object]]) -> dict[str, object]:
    """The least of several runs, stage by stage."""
    stages: list[dict[str, dict[str, float]]] = [run["stages"] for run in runs]  # type: ignore[misc]
    least = {
        name: {
            what: min(run[name][what] for run in stages) for what in ("wall_s", "cpu_s", "held_mib")
        }
        for name in STAGES
    }
    tasks = int(str(runs[0]["tasks"]))
    total = {what: sum(row[what] for row in least.values()) for what in ("wall_s", "cpu_s")}
    return {
        "tasks": tasks,
        "makespan": runs[0]["makespan"],
        "violations": runs[0]["violations"],
        "stages": least,
        "total_wall_s": round(total["wall_s"], 3),
        "total_cpu_s": round(total["cpu_s"], 3),
        "cpu_us_per_task": round(1e6 * total["cpu_s"] / tasks, 3),
        "peak_mib": min(int(str(run["peak_mib"])) for run in runs),
        "growth_bytes_per_task": min(float(str(run["growth_bytes_per_task"])) for run in runs),
        "runs": runs,
    }


def measure(name: str, size: int, runs: int, seed: int, folder: Path) -> dict[str, object]:
    """Fresh processes on one instance."""
    family = FAMILIES[name]
    tiny, source = folder / f"tiny{family.ending}", folder / f"{size}{family.ending}"
    tiny.write_text(family.generate(16, seed), encoding="ascii")
    source.write_text(family.generate(size, seed), encoding="ascii")
    command = [sys.executable, __file__, "--child", name, str(tiny), str(source)]
    found = []
    for _ in range(runs):
        done = subprocess.run(
            [*command, str(folder / "schedule.csv")], check=True, capture_output=True, text=True
        )
        found.append(json.loads(done.stdout))
    return {"family": name, "rule": family.rule, "scheme": family.scheme} | best(found)


def main() -> None:
    """Measure, print a table and write the raw numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--families", nargs="+", choices=list(FAMILIES), default=list(FAMILIES))
    parser.add_argument("--most", type=int, default=1_000_000, help="largest number of tasks")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="JSON file for the raw numbers")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        name, *paths = options.child
        child(name, *map(Path, paths))
        return
    from makespan import __version__

    load = [round(value, 2) for value in os.getloadavg()]
    results = []
    titles = ("family", "tasks", *(f"{stage} s" for stage in STAGES), "total s", "us/task")
    print("".join(f"{title:>11}" for title in (*titles, "bytes/task", "peak MiB")))
    with tempfile.TemporaryDirectory() as folder:
        for name in options.families:
            for size in FAMILIES[name].sizes:
                if size > options.most:
                    continue
                row = measure(name, size, options.runs, options.seed, Path(folder))
                results.append(row)
                stages: dict[str, dict[str, float]] = row["stages"]  # type: ignore[assignment]
                cells = [name, row["tasks"], *(stages[stage]["cpu_s"] for stage in STAGES)]
                shown = ("total_cpu_s", "cpu_us_per_task", "growth_bytes_per_task", "peak_mib")
                print("".join(f"{cell!s:>11}" for cell in [*cells, *(row[k] for k in shown)]))
    import numba

    document = {
        "benchmark": "million_tasks",
        "question": "How long does a million tasks take from text file to verified schedule?",
        "kind": "measured",
        "makespan": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
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
