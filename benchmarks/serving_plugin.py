"""What it costs vLLM's scheduler to be ruled by a policy of makespan, per step.

Agents' sessions on a virtual clock; the CPU time inside ``schedule``,
``update_from_output`` and ``add_request`` is measured, of vLLM's own scheduler and of the plug-in
with several policies, in one process, one after the other, several rounds. With a model the same is
given as a share of a real step: the median duration of the steps of a run on this machine.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from makespan import __version__
from makespan.claims.running import describe_machine
from makespan.serving.cost.step import LinearCost
from makespan.serving.policies.catalogue import policy_maker
from makespan.serving.policy import Policy
from makespan.serving.settings import EngineSettings
from makespan.serving.vllm import adapter
from makespan.serving.vllm.plugin import scheduler_of
from makespan.serving.vllm.virtual import StockEngine
from makespan.serving.workload import Workload
from makespan.serving.workloads.agents import agents

COST = LinearCost(20 * 10**9, 8 * 10**7, 2 * 10**4, 3 * 10**8)
"""Of the order of a model of 135 million parameters on one core."""

SETTINGS = EngineSettings(blocks=400, block_size=32, max_num_batched_tokens=512, max_num_seqs=32)
POLICIES = ("fcfs", "shortest-prompt", "priority", "past-future", "continuum")
STOCK = "vLLM"
SEED = 0


def load(sessions: int) -> Workload:
    """Agents that come so fast that somebody nearly always waits; contexts of some 1,000 tokens."""
    return agents(
        sessions=sessions, rate=20.0, scale_tokens=0.015, output_tokens=3000, grain=32, seed=SEED
    )


def timed(base: Any) -> tuple[type, list[int]]:
    """A scheduler class whose work is timed, and the nanoseconds of CPU that it has taken."""
    spent = [0]

    def clocked(call: Callable[..., Any]) -> Callable[..., Any]:
        def method(self: Any, *rest: Any, **named: Any) -> Any:
            began = time.process_time_ns()
            try:
                return call(self, *rest, **named)
            finally:
                spent[0] += time.process_time_ns() - began

        method.__wrapped__ = call  # type: ignore[attr-defined]
        return method

    names = ("schedule", "update_from_output", "add_request")
    return type("Timed", (base,), {name: clocked(getattr(base, name)) for name in names}), spent


def run(base: Any, workload: Workload) -> dict[str, float]:
    """One run: microseconds of the scheduler per step, and what the run was like."""
    cls, spent = timed(base)
    engine = StockEngine(workload, SETTINGS, COST, scheduler=cls)
    gc.collect()
    gc.freeze()
    while engine.advance():
        pass
    gc.unfreeze()
    record = engine.record()
    return {
        "microseconds": spent[0] / 1000 / record.steps,
        "steps": record.steps,
        "sequences": float((record.workload.output.sum()) / record.steps),
        "preemptions": int(record.preemptions.sum()),
        "hit_tokens": int(record.hits.sum()),
    }


def step_of(model: Path, workload: Workload) -> dict[str, Any]:
    """Microseconds of the real steps of part of the load."""
    from makespan.serving.vllm.real import RealEngine

    with RealEngine(model, SETTINGS) as engine:
        engine.warm_up()
        log = engine.run(workload.take(np.arange(min(workload.count, 60))), log=True).log
    assert log is not None
    decodes = log.tokens == log.sequences
    lasts = (log.end - log.begin) / 1_000_000
    return {
        "model": model.name,
        "steps": len(log),
        "median_microseconds": round(float(np.median(lasts))),
        "median_microseconds_of_decodes": round(float(np.median(lasts[decodes]))),
        "mean_sequences": round(float(log.sequences.mean()), 1),
    }


def main() -> None:
    """Measure and write the JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--model", type=Path, help="folder of a model, for the real step")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    given = parser.parse_args()
    workload = load(given.sessions)

    def ruled(name: str) -> Callable[[], Policy]:
        def make() -> Policy:
            return policy_maker(name, workload, COST, seed=SEED)()

        return make

    arms = {STOCK: adapter.part("vllm.v1.core.sched.scheduler", "Scheduler")}
    arms |= {name: scheduler_of(ruled(name)) for name in POLICIES}
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in arms}
    for round_ in range(given.rounds):
        order = list(arms) if round_ % 2 == 0 else list(reversed(arms))
        for name in order:
            runs[name].append(run(arms[name], workload))
    real = step_of(given.model, workload) if given.model else None
    own = statistics.median(one["microseconds"] for one in runs[STOCK])
    table = []
    for name, each in runs.items():
        middle = statistics.median(one["microseconds"] for one in each)
        row = {
            "scheduler": name,
            **{key: round(value, 2) for key, value in each[0].items()},
            "microseconds": round(middle, 1),
            "least": round(min(one["microseconds"] for one in each), 1),
            "more_than_vllm": round(middle - own, 1),
        }
        if real:
            row["share_of_a_step"] = round((middle - own) / real["median_microseconds"], 4)
        print(row, flush=True)
        table.append(row)
    document = {
        "makespan": __version__,
        "vllm": adapter.version(),
        "machine": describe_machine(),
        "seed": SEED,
        "requests": workload.count,
        "rounds": given.rounds,
        "real_step": real,
        "runs": table,
    }
    given.output.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
