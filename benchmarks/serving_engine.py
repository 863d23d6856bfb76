"""How many requests and steps per second the event-driven serving engines simulate, on one core.

Sixteen engines of 25,000 blocks of 16, step costs of the order of an 8B model on an A100, Poisson
arrivals at 0.8 and 1.1 of what they can serve, log-normal lengths; CPU time without making the
load.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from pathlib import Path

import numpy as np

from makespan import __version__
from makespan.claims.running import describe_machine
from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.fleet import Fleet
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import PICOSECONDS, Workload

ENGINES = 16
COST = LinearCost(10_000_000_000, 75_000_000, 75_000, 20_000_000, 1_700)
SETTINGS = EngineSettings(blocks=25_000)
RATES = {"0.8": 94.0, "1.1": 130.0}
"""Requests per second at these shares of the drain capacity, about 117/s."""

SEED = 0


def load(requests: int, rate: float) -> Workload:
    """Lengths with medians 735 and 134, cut at 14,000 and 1,000 tokens."""
    random = np.random.default_rng(SEED)
    arrival = np.cumsum(random.exponential(PICOSECONDS / rate, requests)).astype(np.int64)
    prompt = np.clip(random.lognormal(6.6, 0.95, requests), 1, 14_000).astype(np.int64)
    output = np.clip(random.lognormal(4.9, 0.95, requests), 1, 1_000).astype(np.int64)
    return Workload("speed", arrival, prompt, output)


def measure(workload: Workload) -> dict[str, float]:
    """CPU seconds of one run, and what follows from them."""
    fleet = Fleet(workload, [SETTINGS] * ENGINES, [COST] * ENGINES)
    gc.collect()
    gc.freeze()
    began = time.process_time()
    fleet.run()
    seconds = time.process_time() - began
    gc.unfreeze()
    steps = sum(engine.steps for engine in fleet.engines)
    return {
        "requests": workload.count,
        "seconds": round(seconds, 3),
        "requests_per_second": round(workload.count / seconds),
        "steps_per_second": round(steps / seconds),
    }


def main() -> None:
    """Measure and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--requests", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    given = parser.parse_args()
    runs = []
    for share, rate in RATES.items():
        for requests in given.requests:
            run = measure(load(requests, rate))
            print(f"load {share}: {run}", flush=True)
            runs.append({"load": share, **run})
    document = {"makespan": __version__, "machine": describe_machine(), "seed": SEED, "runs": runs}
    given.output.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
