r"""How far simulations of a real vLLM on this CPU are from it, on loads that the fit has not seen.

A real vLLM serves a load for calibration, and its steps give a step cost
(``makespan.serving.cost.calibration.knot_fit``). It then serves four more: light, heavy and
overloaded ones of the same lengths, and one of other lengths. The simulator serves the same four
with the fitted cost, and everything is compared: latencies, makespan, preemptions. Rates are shares
of what the simulator says the engine can serve, so that "heavy" is heavy on any machine.

Runs in the environment of vLLM (``make test-vllm`` makes it, and the model), on a quiet machine::

    OMP_NUM_THREADS=1 VLLM_CPU_OMP_THREADS_BIND=nobind VLLM_CPU_KVCACHE_SPACE=1 \
        .vllm/bin/python benchmarks/serving_fidelity_cpu.py --model .model
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from makespan import __version__
from makespan.serving.cost.calibration.knot_fit import fit_knots, steps_of
from makespan.serving.cost.calibration.linear_fit import Steps
from makespan.serving.cost.knots import KnotCost
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.record import Record
from makespan.serving.settings import EngineSettings
from makespan.serving.vllm.adapter import version
from makespan.serving.vllm.real import RealEngine
from makespan.serving.workload import PICOSECONDS, Workload

METRICS: Final = ("ttft", "tpot", "e2e")
FIGURES: Final = ("mean", "p50", "p90", "p99")

SETTINGS: Final = EngineSettings(
    blocks=72, block_size=32, max_num_batched_tokens=512, max_num_seqs=24
)
"""Memory for fewer sequences than may run, so that overload preempts."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Log-normal lengths: medians and deviations of the logarithm, and the longest."""

    prompt: tuple[float, float, int]
    output: tuple[float, float, int]


CHAT: Final = Lengths((70, 0.8, 400), (36, 0.7, 160))
DIGEST: Final = Lengths((260, 0.5, 480), (10, 0.6, 40))

HELD_OUT: Final = (
    ("light", CHAT, 0.25, 1.0),
    ("heavy", CHAT, 0.8, 1.0),
    ("overloaded", CHAT, 1.6, 1.0),
    ("other lengths", DIGEST, 0.7, 1.0),
)
"""Name, lengths, rate as a share of the capacity, share of the seconds."""


def load(name: str, lengths: Lengths, rate: float, requests: int, seed: int) -> Workload:
    """Poisson arrivals, ``rate`` a second; all at once if it is 0."""
    random = np.random.default_rng(seed)
    gaps = random.exponential(1.0 / rate, requests) if rate else np.zeros(requests)
    at = np.cumsum(gaps)
    drawn = []
    for median, deviation, longest in (lengths.prompt, lengths.output):
        values = np.rint(median * np.exp(deviation * random.normal(size=requests)))
        drawn.append(np.clip(values, 1, longest).astype(np.int64))
    prompt, output = drawn
    return Workload(name, ((at - at[0]) * PICOSECONDS).astype(np.int64), prompt, output)


def ramp(seconds: float, rate: float) -> Workload:
    """The load for calibration: from nearly nothing to overload, short and long prompts mixed.

    Two thirds are chats, one third digests, at a rate that rises linearly from 0 to ``rate``.
    """
    requests = max(int(seconds * rate / 2), 30)
    random = np.random.default_rng(11)
    at = np.sort(seconds * np.sqrt(random.random(requests)))
    parts = [
        load("ramp", lengths, 1.0, requests, 12 + k) for k, lengths in enumerate((CHAT, DIGEST))
    ]
    digest = random.random(requests) < 1 / 3
    return Workload(
        "ramp",
        ((at - at[0]) * PICOSECONDS).astype(np.int64),
        np.where(digest, parts[1].prompt, parts[0].prompt),
        np.where(digest, parts[1].output, parts[0].output),
    )


def capacity(lengths: Lengths, cost: KnotCost) -> float:
    """Requests per second that the simulated engine serves when all are there from the start."""
    record = simulate_serving(load("all at once", lengths, 0, 400, 3), SETTINGS, cost)
    return record.count * PICOSECONDS / record.makespan


def figures(record: Record) -> dict[str, float]:
    """Latencies in seconds, makespan, preemptions and steps."""
    found: dict[str, float] = {}
    for metric in METRICS:
        values = np.asarray(getattr(record, metric), dtype=float) / PICOSECONDS
        values = values[~np.isnan(values)]
        quantiles = np.quantile(values, (0.5, 0.9, 0.99))
        for figure, value in zip(FIGURES, (values.mean(), *quantiles), strict=True):
            found[f"{metric}_{figure}"] = float(value)
    return found | {
        "makespan": record.makespan / PICOSECONDS,
        "preemptions": int(record.preemptions.sum()),
        "steps": record.steps,
    }


def compared(real: Record, simulated: Record) -> dict[str, Any]:
    """Both records' figures, and signed relative errors of the simulated ones."""
    measured, found = figures(real), figures(simulated)
    errors = {
        key: round(found[key] / measured[key] - 1, 4)
        for key in measured
        if key != "preemptions" and measured[key]
    }
    return {
        "requests": real.count,
        "measured": measured,
        "simulated": found,
        "errors": errors,
        "errors_below_50ms_in_ms": {
            key: round(1e3 * (found[key] - measured[key]), 2)
            for key in errors
            if key != "steps" and measured[key] < 0.05
        },
    }


def quality(cost: KnotCost, steps: Steps) -> dict[str, float]:
    """How steps that a fit has or has not seen compare with it."""
    names = ("tokens", "sequences", "context", "pairs")
    rows = np.stack([getattr(steps, name) for name in names], axis=1).astype(int).tolist()
    ratio = np.array([cost.step(*row) / PICOSECONDS for row in rows]) / steps.seconds
    low, middle, high = np.quantile(ratio, (0.1, 0.5, 0.9))
    return {
        "steps": len(steps),
        "sum": round(float((ratio * steps.seconds).sum() / steps.seconds.sum()), 4),
        "p10": round(float(low), 4),
        "p50": round(float(middle), 4),
        "p90": round(float(high), 4),
    }


def run(model: Path, seconds: float) -> dict[str, Any]:
    """Calibrate, serve what is held out, simulate it, compare."""
    loading = time.perf_counter()
    with RealEngine(model, SETTINGS) as engine:
        engine.warm_up()
        begin = time.perf_counter()
        print(f"warm after {begin - loading:.0f} s; serving", flush=True)
        probe = engine.run(load("probe", CHAT, 0, 48, 5), log=True)
        rate = 1.5 * probe.count * PICOSECONDS / probe.makespan
        calibration = engine.run(ramp(seconds, rate), log=True)
        assert probe.log is not None
        assert calibration.log is not None
        both = [steps_of(record.log) for record in (probe, calibration) if record.log is not None]
        names = ("tokens", "sequences", "context", "pairs", "seconds")
        steps = Steps(*(np.concatenate([getattr(one, n) for one in both]) for n in names))
        cost = fit_knots(steps)
        loads = {}
        for k, (name, lengths, share, part) in enumerate(HELD_OUT):
            rate = share * capacity(lengths, cost)
            work = load(name, lengths, rate, max(int(part * seconds * rate), 20), 100 + k)
            real = engine.run(work, log=True)
            print(f"{name}: {real.count} requests, {real.makespan / PICOSECONDS:.0f} s", flush=True)
            assert real.log is not None
            result = compared(real, simulate_serving(work, SETTINGS, cost))
            loads[name] = {
                "share_of_capacity": share,
                "rate": round(rate, 4),
                **result,
                "fit_over_steps": quality(cost, steps_of(real.log)),
            }
    return {
        "makespan": __version__,
        "vllm": version(),
        "model": model.name,
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, "
        f"{os.environ.get('OMP_NUM_THREADS', 'all')} thread(s)",
        "date": time.strftime("%Y-%m-%d"),
        "settings": {
            name: getattr(SETTINGS, name)
            for name in ("blocks", "block_size", "max_num_batched_tokens", "max_num_seqs")
        },
        "seconds": round(time.perf_counter() - begin, 1),
        "calibration": {
            "requests": probe.count + calibration.count,
            "knots": list(cost.knots),
            "times_ms": [round(t / 1e9, 3) for t in cost.times],
            "per_context_us": cost.per_context / 1e6,
            "per_sequence_us": cost.per_sequence / 1e6,
            "per_pair_us": cost.per_pair / 1e6,
            "fit_over_steps": quality(cost, steps),
        },
        "loads": loads,
    }


def table(document: dict[str, Any]) -> str:
    """Errors as Markdown."""
    heads = [f"{m.upper()} {f}" for m in METRICS for f in ("mean", "p90", "p99")]
    lines = [
        "| load | requests | "
        + " | ".join(heads)
        + " | makespan | preemptions, real / simulated |",
        "|---|---|" + "---|" * (len(heads) + 2),
    ]
    for name, one in document["loads"].items():
        keys = [f"{m}_{f}" for m in METRICS for f in ("mean", "p90", "p99")]
        errors = [f"{one['errors'][key]:+.1%}" for key in (*keys, "makespan")]
        counts = f"{one['measured']['preemptions']} / {one['simulated']['preemptions']}"
        lines.append(f"| {name} | {one['requests']} | {' | '.join(errors)} | {counts} |")
    return "\n".join(lines)


def main() -> None:
    """Run, print the table and write the JSON beside this script."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", type=Path, default=os.environ.get("MAKESPAN_MODEL"))
    parser.add_argument("--seconds", type=float, default=45.0, help="of each of the five loads")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    given = parser.parse_args()
    if given.model is None:
        parser.error("give --model, a folder that scripts/prepare_model.py makes")
    document = run(given.model, given.seconds)
    given.output.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    print(table(document))


if __name__ == "__main__":
    main()
