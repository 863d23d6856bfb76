"""Makespan within a time limit: our CP-SAT engine against PyJobShop and a bare CP-SAT model.

    python benchmarks/cpsat_vs_peers/run.py                       # every instance, 10 s per run
    python benchmarks/cpsat_vs_peers/run.py --instances ft10 mk10 --seeds 0 1
    python benchmarks/cpsat_vs_peers/run.py --report              # render the page, run nothing

Contenders run one after the other on each instance and take turns in going first, so that what
else the machine does falls on all of them. Every finished run is appended to ``runs.jsonl`` at
once; a repeated call skips what is there. ``README.md`` is rendered from that file alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

from instances import INSTANCES
from report import Row, page

HERE = Path(__file__).resolve().parent
RUNS = HERE / "runs.jsonl"
PAGE = HERE / "README.md"
NAMES = ("makespan", "pyjobshop", "bare")
WARM_UP = ("ft10", "flexible 8x6", "project 30")


def past_runs(path: Path) -> list[Row]:
    """Runs recorded so far; a line cut off by a crash is left out and run again."""
    rows = []
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                print(f"skipping a damaged line of {path.name}", file=sys.stderr)
    return rows


def key(row: Row) -> tuple[object, ...]:
    """What makes a run the same run."""
    return row["instance"], row["contender"], row["limit"], row["threads"], row["seed"]


def measure(arguments: argparse.Namespace) -> None:
    """Run what has not been run, instance by instance, contender by contender."""
    from peers import CONTENDERS

    known = {key(row) for row in past_runs(arguments.runs)}
    chosen = [INSTANCES[name] for name in arguments.instances]
    absent = [instance.name for instance in chosen if not instance.available]
    if absent:
        print(f"without a file, left out: {', '.join(absent)} (set MAKESPAN_DATA)")
    for name in WARM_UP:  # load compiled code, so that no measured run pays for it
        CONTENDERS["makespan"](INSTANCES[name].make(), limit=60.0, threads=1, seed=0)
    turn = 0
    for seed in arguments.seeds:
        for instance in chosen:
            turn += 1
            if not instance.available:
                continue
            problem = instance.make()
            for place in range(len(NAMES)):
                contender = NAMES[(place + turn) % len(NAMES)]
                row: Row = {
                    "instance": instance.name,
                    "contender": contender,
                    "limit": arguments.limit,
                    "threads": arguments.threads,
                    "seed": seed,
                }
                if key(row) in known:
                    continue
                load = round(os.getloadavg()[0], 2)
                outcome = CONTENDERS[contender](
                    problem, limit=arguments.limit, threads=arguments.threads, seed=seed
                )
                row |= {
                    "kind": instance.kind,
                    "best_known": instance.best_known(),
                    **outcome.row(),
                    "load": load,
                    **circumstances(),
                }
                record(arguments.runs, row)
                print(
                    f"{instance.name:14} {contender:10} {outcome.objective} "
                    f"(bound {outcome.bound}) {outcome.seconds:.1f} s",
                    flush=True,
                )


def record(path: Path, row: Row) -> None:
    """Append a run on a line of its own, whatever a crash left at the end of the file."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    gap = "\n" if text and not text.endswith("\n") else ""
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{gap}{json.dumps(row)}\n")


def circumstances() -> Row:
    """Date, versions and machine, as every row states them."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "ortools": version("ortools"),
        "pyjobshop": version("pyjobshop"),
        "python": platform.python_version(),
        "machine": f"{processor()}, {os.cpu_count()} cores, {platform.system()}",
    }


def processor() -> str:
    """Name of the processor."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def main() -> None:
    """Parse the command line, measure, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=float, default=10.0, help="seconds per run")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--instances", nargs="+", default=list(INSTANCES), choices=INSTANCES)
    parser.add_argument("--runs", type=Path, default=RUNS, help="where runs are recorded")
    parser.add_argument("--page", type=Path, default=PAGE, help="where the page is written")
    parser.add_argument("--report", action="store_true", help="only render the page")
    arguments = parser.parse_args()
    if not arguments.report:
        measure(arguments)
    text = page(past_runs(arguments.runs), arguments.limit, arguments.threads)
    arguments.page.write_text(text, encoding="utf-8")
    print(text.split("Each cell")[0])


if __name__ == "__main__":
    main()
