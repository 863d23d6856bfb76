"""Agents on one simulated engine, with and without a second tier of the prefix cache at the host.

Sessions with the statistics that Continuum publishes for SWE-bench, on Llama-3.1-8B and an A100.
Their rate is a share of the capacity, by which we mean the rate at which the engine drains them
with a tier that holds everything: nothing is computed twice then. The tier is loaded over the host
link. Continuum weighs pauses against computing a context anew or, told of the tier, against the
smaller of that and loading it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from makespan import __version__
from makespan.claims.running import describe_machine
from makespan.serving.cost.memory import kv_blocks
from makespan.serving.cost.operator_cost import OperatorCost
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.load.programs import program_times
from makespan.serving.moving import with_offload
from makespan.serving.policies.continuum import Continuum
from makespan.serving.policy import Policy
from makespan.serving.settings import EngineSettings
from makespan.serving.study import at_rate, drain_rate
from makespan.serving.workload import PICOSECONDS, Workload
from makespan.serving.workloads.catalogue import generate

DEVICE, MODEL = "A100-SXM-80GB", "llama-3.1-8b"
SHARES = (0.9, 1.3)
SIZES = (0, 10, 100)
"""GiB of the tier; Continuum's evaluation has 100 to 200 GB of host memory per GPU."""

WHOLE = 4096
"""GiB that hold all contexts."""


def arms(load: Workload, cost: OperatorCost, time: int | None) -> dict[str, Callable[[], Policy]]:
    """The policies; ``time`` is what a block takes to load, if there is a tier."""
    found: dict[str, Callable[[], Policy]] = {
        "FCFS": Policy,
        "programs in order": partial(Continuum, load, cost, rule="never"),
        "Continuum": partial(Continuum, load, cost),
    }
    if time is not None:
        found["Continuum, told of the tier"] = partial(Continuum, load, cost, offload_time=time)
    return found


def measure(
    sessions: int, share: float, seed: int, sizes: Sequence[int]
) -> list[dict[str, float | str]]:
    """A row per size and policy."""
    cost = OperatorCost.of(DEVICE, MODEL)
    plain = EngineSettings(kv_blocks(DEVICE, MODEL) - 1)
    load = generate("agents", {"sessions": sessions}, seed=seed)
    capacity = drain_rate(load, with_offload(plain, cost, WHOLE * 2**30), cost)
    load = at_rate(load, share * capacity)
    print(f"{share:g} of {capacity:.3f} requests/s", flush=True)
    later = np.diff(load.parent_ptr) > 0
    rows: list[dict[str, float | str]] = []
    for size in sizes:
        settings = with_offload(plain, cost, size * 2**30) if size else plain
        time = settings.offload_time if size else None
        for name, make in arms(load, cost, time).items():
            record = simulate_serving(load, settings, cost, policy=make)
            times = program_times(record)[0] / PICOSECONDS
            rows.append(
                {
                    "seed": seed,
                    "share": share,
                    "GiB": size,
                    "policy": name,
                    "mean_completion_s": round(float(times.mean()), 2),
                    "p95_completion_s": round(float(np.quantile(times, 0.95)), 2),
                    "hit_tokens": int(record.hits.sum()),
                    "found_of_later_prompts": round(
                        float(record.hit[later].sum() / load.prompt[later].sum()), 4
                    ),
                    "loaded_tokens": record.counters.get("loaded tokens", 0),
                }
            )
            print(json.dumps(rows[-1]), flush=True)
    return rows


def main() -> None:
    """Measure, and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--shares", type=float, nargs="+", default=SHARES)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    given = parser.parse_args()
    rows = [
        row
        for seed in range(given.seeds)
        for share in given.shares
        for row in measure(given.sessions, share, seed, given.sizes)
    ]
    about = {"makespan": __version__, "machine": describe_machine(), "simulated": True}
    given.output.write_text(json.dumps({**about, "rows": rows}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
