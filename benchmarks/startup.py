"""How long ``import makespan`` and ``makespan --help`` take, in fresh processes.

A bare interpreter is measured alongside and in turn, because much of the time is Python's own.
Medians and quartiles of wall seconds; nothing is subtracted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from makespan import __version__


def cases() -> dict[str, list[str]]:
    """Commands to measure, by what they show."""
    beside = Path(sys.executable).with_name("makespan")
    program = str(beside) if beside.exists() else shutil.which("makespan") or ""
    found = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import numpy": [sys.executable, "-c", "import numpy"],
        "import makespan": [sys.executable, "-c", "import makespan"],
        "from makespan import ProblemBuilder": [
            sys.executable,
            "-c",
            "from makespan import ProblemBuilder",
        ],
    }
    if program:
        found["makespan --help"] = [program, "--help"]
        found["makespan solve ft06"] = [program, "solve", "ft06", "--quiet"]
    return found


def seconds_of(command: list[str]) -> float:
    """Wall seconds of one run."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begun


def measure(runs: int) -> dict[str, dict[str, object]]:
    """Run every case ``runs`` times in turn, after one run that fills the caches."""
    commands = cases()
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            taken = seconds_of(command)
            if turn:
                times[name].append(taken)
    return {
        name: {
            "median_s": round(statistics.median(values), 4),
            "quartiles_s": [round(q, 4) for q in statistics.quantiles(values, n=4)[::2]],
            "runs_s": [round(value, 4) for value in values],
        }
        for name, values in times.items()
    }


def main() -> None:
    """Measure, print a table and write the raw numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--output", type=Path, help="JSON file for the raw numbers")
    options = parser.parse_args()
    results = measure(max(2, options.runs))
    for name, row in results.items():
        print(f"{name:40} {row['median_s']:8.3f} s")
    document = {
        "benchmark": "startup",
        "question": "How long until makespan is ready?",
        "kind": "measured",
        "makespan": __version__,
        "python": platform.python_version(),
        "machine": f"{platform.machine()} {platform.system()}, {os.cpu_count()} cores",
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "runs": options.runs,
        "results": results,
    }
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
