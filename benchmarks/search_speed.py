"""How many moves a local search tries per second, by kind and size of the problem.

    python benchmarks/search_speed.py --output benchmarks/search_speed.json

One thread on generated instances. Moves are what a search counts on its board (moves, schedules:
its own unit, named in the output). They are divided by the processor time of the searching
thread, so that other programs matter little; code is compiled in a first, uncounted run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from makespan.core.problem import Problem
from makespan.generators import (
    random_due_date_job_shop,
    random_flexible_job_shop,
    random_flow_shop,
    random_job_shop,
    random_open_shop,
    random_rcpsp,
    random_single_machine,
    taillard_flow_shop,
)
from makespan.solvers.board import Board
from makespan.solvers.local.search import find_search
from makespan.solvers.workers import run_workers

Make = Callable[[], Problem]

CASES: dict[str, dict[str, Make]] = {
    "job shop": {
        "10x10": lambda: random_job_shop(10, 10, seed=1),
        "20x15": lambda: random_job_shop(20, 15, seed=1),
        "50x20": lambda: random_job_shop(50, 20, seed=1),
        "100x100": lambda: random_job_shop(100, 100, seed=1),
        "1000x100": lambda: random_job_shop(1000, 100, seed=1),
    },
    "flexible job shop": {
        "10x6": lambda: random_flexible_job_shop(10, 6, seed=1),
        "20x15": lambda: random_flexible_job_shop(20, 15, seed=1),
        "50x20": lambda: random_flexible_job_shop(50, 20, seed=1),
    },
    "job shop, tardiness": {
        "10x10": lambda: random_due_date_job_shop(10, 10, seed=1),
        "30x10": lambda: random_due_date_job_shop(30, 10, seed=1),
        "50x20": lambda: random_due_date_job_shop(50, 20, seed=1),
    },
    "flow shop, permutations": {
        "20x5": lambda: taillard_flow_shop(20, 5, time_seed=1),
        "100x20": lambda: taillard_flow_shop(100, 20, time_seed=1),
        "500x20": lambda: taillard_flow_shop(500, 20, time_seed=1),
    },
    "flow shop": {
        "20x5": lambda: random_flow_shop(20, 5, seed=1),
        "100x20": lambda: random_flow_shop(100, 20, seed=1),
    },
    "open shop": {
        "10x10": lambda: random_open_shop(10, 10, seed=1),
        "20x20": lambda: random_open_shop(20, 20, seed=1),
    },
    "single machine, tardiness": {
        "100": lambda: random_single_machine(100, seed=1),
        "1000": lambda: random_single_machine(1000, seed=1),
    },
    "project": {
        "30": lambda: random_rcpsp(30, seed=1, strength=0.2),
        "120": lambda: random_rcpsp(120, seed=1, strength=0.2),
        "1000": lambda: random_rcpsp(1000, seed=1, strength=0.2),
    },
}


def measure(problem: Problem, seconds: float) -> dict[str, Any] | None:
    """Search for so long with one thread; None if no local search takes the problem."""
    board = Board(problem, time_limit=seconds)
    search = find_search(problem, board, seed=0, workers=1, moves=None)
    if search is None:
        return None
    used = [0.0]

    def timed(worker: int) -> None:
        began = time.thread_time()
        search.work(worker)
        used[0] = time.thread_time() - began

    run_workers(board, [(search.name, timed, 0)])
    moves = sum(board.moves.values())
    return {
        "search": search.name,
        "tasks": problem.tasks.count,
        "moves": moves,
        "processor_seconds": round(used[0], 3),
        "moves_per_second": round(moves / used[0]) if used[0] else None,
        "value": None if board.values is None else board.values[0],
        "proven": board.values is not None and board.bounds == board.values,
    }


def main() -> None:
    """Measure every case, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="per case")
    parser.add_argument("--kinds", nargs="+", default=list(CASES), choices=CASES, metavar="KIND")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    found = []
    for kind in arguments.kinds:
        measure(next(iter(CASES[kind].values()))(), 1.0)  # compiles
        for size, make in CASES[kind].items():
            row = measure(make(), arguments.seconds)
            if row is None:
                print(f"{kind:26} {size:10} no local search")
                continue
            found.append({"kind": kind, "size": size, **row})
            # A search that proved its value stops early and its speed says little.
            ended = " (ended by proof)" if row["proven"] else ""
            print(f"{kind:26} {size:10} {row['search']:10} {row['moves_per_second']:>12,}{ended}")
    if arguments.output:
        content = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "numba": version("numba"),
            "makespan": version("makespan"),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "seconds": arguments.seconds,
            "runs": found,
        }
        arguments.output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
