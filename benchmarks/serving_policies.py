"""What policies and routers cost: CPU time of a simulated run, relative to vLLM's own decisions.

The load and the sixteen engines of ``serving_engine.py`` at 0.8 of their capacity, once with the
memory of that benchmark, of which little is used, and once with 4,000 blocks, which are all asked
for: there admission has to look ahead. Routers are compared where memory is tight, moving requests
as they want. A policy may also change how much there is to simulate (Past-Future admits in rounds),
which is part of its cost here. CPU time without making the load and the policies.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from serving_engine import COST, ENGINES, RATES, SEED, SETTINGS, load

from makespan import __version__
from makespan.claims.running import describe_machine
from makespan.serving.engine.fleet import Fleet
from makespan.serving.policies.catalogue import POLICIES, policy_maker
from makespan.serving.policies.routers import ROUTERS, router_of
from makespan.serving.settings import Migration
from makespan.serving.workload import Workload

RATE = "0.8"
MEMORY = {"ample": SETTINGS.blocks, "tight": 4_000}
MIGRATION = Migration(block_time=100_000_000, latency=10_000_000_000)
"""A block in 0.1 ms and 10 ms for a stage: not to be the bottleneck."""


def seconds(workload: Workload, blocks: int, policy: str, router: str) -> float:
    """CPU seconds of one run."""
    fleet = Fleet(
        workload,
        [replace(SETTINGS, blocks=blocks)] * ENGINES,
        [COST] * ENGINES,
        policy=policy_maker(policy, workload, COST, seed=SEED),
        router=router_of(router, workload, COST, seed=SEED),
        migration=MIGRATION,
    )
    gc.collect()
    gc.freeze()
    began = time.process_time()
    fleet.run()
    taken = time.process_time() - began
    gc.unfreeze()
    return taken


def compare(
    workload: Workload, memory: str, pairs: Sequence[tuple[str, str]], repeats: int
) -> list[dict[str, object]]:
    """The least of some runs of each, and the share of those of vLLM's own decisions."""
    runs: list[dict[str, object]] = []
    base = 0.0
    for policy, router in (("fcfs", "least-loaded"), *pairs):
        best = min(seconds(workload, MEMORY[memory], policy, router) for _ in range(repeats))
        base = base or best
        run: dict[str, object] = {
            "memory": memory,
            "policy": policy,
            "router": router,
            "seconds": round(best, 3),
            "times_fcfs": round(best / base, 1),
        }
        print(run, flush=True)
        runs.append(run)
    return runs


def main() -> None:
    """Measure and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--policies", nargs="*", default=[p for p in POLICIES if p != "fcfs"])
    parser.add_argument("--routers", nargs="*", default=[r for r in ROUTERS if r != "least-loaded"])
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    given = parser.parse_args()
    workload = load(given.requests, RATES[RATE])
    policies = [(name, "least-loaded") for name in given.policies]
    routers = [("fcfs", name) for name in given.routers]
    runs = compare(workload, "ample", policies, given.repeats)
    runs += compare(workload, "tight", [*policies, *routers], given.repeats)
    document = {
        "makespan": __version__,
        "machine": describe_machine(),
        "seed": SEED,
        "load": RATE,
        "requests": given.requests,
        "runs": runs,
    }
    given.output.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
