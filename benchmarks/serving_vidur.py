"""makespan beside Vidur: the same requests, model and GPU, simulated requests per second of both.

Vidur (github.com/microsoft/vidur, MIT; Agrawal et al., MLSys 2024) simulates engines batch by
batch. Both simulate Llama-3-8B on one A100, one engine, the same trace. Policies are of the same
class: vLLM's scheduler of today puts chunks of prompts beside decodes, which in Vidur is
``sarathi``; Vidur's ``vllm`` is that of 2023, which lets prompts go first, and is run as well.

What is equal and what is not:

- Matrix products: Vidur learns them from its own measurements of the A100, makespan's formula is
  fitted to the same file.
- Attention: Vidur's tables of it are missing from public mirrors. They are made here from
  makespan's formula for the A100, which is inferred; so the latencies below compare schedulers and
  arithmetic, not attention. Vidur's surcharge for batches, made for its own tables, is off.
- Overheads of the CPU are off in both. Output layer and sampling are in makespan alone.
- Only the simulation is timed: Vidur without training its forests and tabulating their answers
  (told apart), and without its store of metrics, from which its users get latencies (once more
  with it, but without plots); makespan without compiling its cost (told as well). Requests per
  second are by CPU time, so that other work on the machine counts little.

Vidur gets an environment of its own, made where ``--work`` says::

    git clone https://github.com/microsoft/vidur
    python benchmarks/serving_vidur.py --vidur vidur
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

NEEDS: Final = (
    "numpy", "pandas", "scikit-learn", "wandb", "kaleido", "ddsketch", "plotly_express",
    "matplotlib", "seaborn", "fasteners",
)  # fmt: skip
"""Vidur's requirements.txt at 7d47513."""

LONGEST: Final = 4096
"""Tokens of a request, the most that Vidur's tables are made for by default."""

BATCH: Final = 128
BUDGET: Final = 2048
BLOCKS: Final = 25_000
BLOCK: Final = 16
"""Limits of the engine: sequences and tokens of a step, KV blocks and their tokens."""

SCHEDULERS: Final = ("sarathi", "vllm", "sarathi with metrics")
FIGURES: Final = ("mean", "p50", "p90", "p99")


LOADS: Final = {"conversations": (LONGEST - 512, 1, 512), "long answers": (1024, 8, 3072)}
"""Longest prompt, what outputs are multiplied by, longest output."""


def load(name: str, requests: int, share: float) -> Any:
    """Lengths of Azure's conversations, Poisson arrivals at a share of the capacity."""
    import numpy as np

    from makespan.serving.study import at_rate, drain_rate
    from makespan.serving.workload import Workload
    from makespan.serving.workloads import generate

    drawn = generate("independent", {"requests": requests, "rate": 1.0}, seed=7)
    longest, times, most = LOADS[name]
    prompt, output = np.clip(drawn.prompt, 1, longest), np.clip(times * drawn.output, 2, most)
    workload = Workload(name, drawn.arrival, prompt, output)
    return at_rate(workload, share * drain_rate(workload, settings(), cost()))


def settings() -> Any:
    """Limits of the engine."""
    from makespan.serving.settings import EngineSettings

    return EngineSettings(
        blocks=BLOCKS,
        block_size=BLOCK,
        max_num_batched_tokens=BUDGET,
        max_num_seqs=BATCH,
        enable_prefix_caching=False,
    )


def cost() -> Any:
    """Llama-3-8B, which is shaped as Llama-3.1-8B, on an A100; nothing for the host."""
    from makespan.serving.cost import Host, OperatorCost

    return OperatorCost.of(
        "A100-SXM-80GB", "Llama-3.1-8B", host=Host(fixed=0.0), tokens=BUDGET, sequences=BATCH
    )


def attention_table(path: Path) -> None:
    """Vidur's table of attention, synthesised: a layer, milliseconds."""
    kernels = cost().kernels
    alone, beside = kernels.attention(chunk=False), kernels.attention(chunk=True)
    names = ("attn_prefill", "attn_decode", "attn_kv_cache_save")
    shape = {"n_embd": 4096, "n_q_head": 32, "n_kv_head": 8, "block_size": BLOCK,
             "num_tensor_parallel_workers": 1, "max_model_len": LONGEST}  # fmt: skip
    rows: list[dict[str, float]] = []

    def row(prefill: float, decode: float, chunk: int, batch: int, cached: int) -> None:
        times = dict(zip(names, (prefill, decode, 0.0), strict=True))
        rows.append({
            **{f"time_stats.{name}.median": 1e3 * value for name, value in times.items()}, **shape,
            "prefill_chunk_size": chunk, "batch_size": batch, "kv_cache_size": cached,
        })  # fmt: skip

    for batch in (1, 2, 4, 8, 16, 24, 32, 48, 64, 80, 96, 112, 128):
        for cached in range(0, LONGEST + 1, 64):
            seconds = alone.fixed + alone.per_sequence * batch + alone.per_context * batch * cached
            row(0.0, seconds, 0, batch, cached)
    for chunk in (1, 16, *range(32, BUDGET, 32), *range(BUDGET, LONGEST + 1, 128)):
        for past in range(0, LONGEST - chunk + 1, 256):
            seconds = (
                beside.fixed + beside.per_sequence + beside.per_context * (past + chunk)
                + beside.per_pair * chunk * (2 * past + chunk) + beside.per_token * (chunk - 1)
            )  # fmt: skip
            row(seconds, 0.0, chunk, 1, past)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def trace(workload: Any, path: Path) -> None:
    """The load as Vidur reads it."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["arrived_at", "num_prefill_tokens", "num_decode_tokens"])
        for r in range(workload.count):
            writer.writerow(
                [f"{workload.arrival[r] / 1e12:.9f}", workload.prompt[r], workload.output[r]]
            )


def inside(given: argparse.Namespace) -> None:
    """One simulation, run by Vidur's own interpreter; prints JSON in its last line."""
    import atexit

    sys.path.insert(0, str(given.vidur))
    from vidur.config import (  # type: ignore[import-not-found]
        ClusterConfig,
        MetricsConfig,
        RandomForrestExecutionTimePredictorConfig,
        ReplicaConfig,
        SarathiSchedulerConfig,
        SimulationConfig,
        TraceRequestGeneratorConfig,
        VllmSchedulerConfig,
    )
    from vidur.simulator import Simulator  # type: ignore[import-not-found]

    limits = {"batch_size_cap": BATCH, "block_size": BLOCK, "num_blocks": BLOCKS}
    scheduler = (
        SarathiSchedulerConfig(chunk_size=BUDGET, **limits)
        if given.inside.startswith("sarathi")
        else VllmSchedulerConfig(max_tokens_in_batch=LONGEST, **limits)
    )
    work = given.work
    config = SimulationConfig(
        log_level="warning",
        cluster_config=ClusterConfig(
            replica_config=ReplicaConfig(
                model_name="meta-llama/Meta-Llama-3-8B", device="a100", network_device="a100_dgx"
            ),
            replica_scheduler_config=scheduler,
        ),
        request_generator_config=TraceRequestGeneratorConfig(
            trace_file=str(work / "trace.csv"), max_tokens=LONGEST
        ),
        # One forest of its default kind instead of a search among 27: prediction is tabulated, so
        # that this changes nothing in the speed of a simulation.
        execution_time_predictor_config=RandomForrestExecutionTimePredictorConfig(
            compute_input_file=str(given.vidur / "data/profiling/compute/{DEVICE}/{MODEL}/mlp.csv"),
            attention_input_file=str(work / "attention.csv"),
            k_fold_cv_splits=2,
            num_estimators=[250],
            max_depth=[32],
            min_samples_split=[2],
            num_training_job_threads=1,
            prediction_max_batch_size=BATCH,
            prediction_max_tokens_per_request=LONGEST,
            attention_decode_batching_overhead_fraction=0.0,
            attention_prefill_batching_overhead_fraction=0.0,
        ),
        metrics_config=MetricsConfig(
            write_metrics=given.inside.endswith("metrics"),
            enable_chrome_trace=False,
            store_plots=False,
            output_dir=str(work / "output"),
            cache_dir=str(work / "cache"),
        ),
    )
    begin = time.perf_counter()
    simulator = Simulator(config)
    ready = time.perf_counter()
    # Vidur has no other way to leave out its plots, and to ask for single requests.
    atexit.unregister(simulator._write_output)  # noqa: SLF001
    events = simulator._event_queue  # noqa: SLF001
    requests = [event._request for _, event in events]  # noqa: SLF001
    first, cpu = time.perf_counter(), time.process_time()
    simulator.run()
    seconds, cpu = time.perf_counter() - first, time.process_time() - cpu
    requests.sort(key=lambda request: request.arrived_at)
    rows = [
        (
            request.prefill_completed_at - request.arrived_at,
            request.completed_at - request.arrived_at,
            request.num_decode_tokens,
        )
        for request in requests
    ]
    print(json.dumps({"prepared": ready - begin, "seconds": seconds, "cpu": cpu, "rows": rows}))


def of_vidur(given: argparse.Namespace, scheduler: str) -> dict[str, Any]:
    """Run Vidur in its environment."""
    python = given.work / "venv" / "bin" / "python"
    if not python.exists():
        print("installing what Vidur needs ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(given.work / "venv")], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *NEEDS], check=True)
    words = ["--inside", scheduler, "--vidur", str(given.vidur), "--work", str(given.work)]
    done = subprocess.run(
        [str(python), str(Path(__file__).resolve()), *words],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=given.work,
        env={"WANDB_MODE": "disabled", "PATH": str(python.parent), "HOME": str(given.work)},
    )
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def of_makespan(workload: Any, repeats: int) -> dict[str, Any]:
    """Run makespan; the median of several runs."""
    from makespan.serving.engine.simulating import simulate_serving

    begin = time.perf_counter()
    model = cost()
    prepared = time.perf_counter() - begin
    engine, times, cpus = settings(), [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        record = simulate_serving(workload, engine, model)
        cpus.append(time.process_time() - cpu)
        times.append(time.perf_counter() - wall)
    rows = [
        (int(f) / 1e12, int(e) / 1e12, int(n))
        for f, e, n in zip(record.ttft, record.e2e, workload.output, strict=True)
    ]
    middle = repeats // 2
    return {"prepared": prepared, "seconds": sorted(times)[middle], "cpu": sorted(cpus)[middle],
            "rows": rows}  # fmt: skip


def latencies(rows: Sequence[Sequence[float]]) -> dict[str, float]:
    """Figures of TTFT, TPOT and E2E in seconds."""
    import numpy as np

    first, last, tokens = np.array(rows).T
    found = {}
    for name, values in {
        "ttft": first,
        "tpot": (last - first) / np.maximum(tokens - 1, 1),
        "e2e": last,
    }.items():
        quantiles = np.quantile(values, (0.5, 0.9, 0.99))
        for figure, value in zip(FIGURES, (values.mean(), *quantiles), strict=True):
            found[f"{name}_{figure}"] = round(float(value), 5)
    return found


def main() -> None:
    """Compare, print and write the JSON beside this script."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--vidur", type=Path, required=True, help="checkout of Vidur")
    parser.add_argument("--work", type=Path, default=Path("vidur-work"), help="scratch folder")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--load", type=float, default=0.8, help="share of the capacity")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--inside", choices=SCHEDULERS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.vidur, given.work = given.vidur.resolve(), given.work.resolve()
    if given.inside:
        inside(given)
        return
    from makespan import __version__

    given.work.mkdir(parents=True, exist_ok=True)
    attention_table(given.work / "attention.csv")
    document: dict[str, Any] = {
        "makespan": __version__,
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
        "date": time.strftime("%Y-%m-%d"),
        "requests": given.requests,
        "load": given.load,
        "attention": "synthesised from makespan's formula; Vidur's tables are not to be had",
        "loads": {},
    }
    for name in LOADS:
        workload = load(name, given.requests, given.load)
        trace(workload, given.work / "trace.csv")
        runs = {"makespan": of_makespan(workload, 7)}
        runs |= {f"vidur {scheduler}": of_vidur(given, scheduler) for scheduler in SCHEDULERS}
        rows = document["loads"][name] = {
            simulator: {
                "prepared": round(run["prepared"], 2),
                "seconds": round(run["seconds"], 4),
                "cpu": round(run["cpu"], 4),
                "requests_per_second": round(workload.count / run["cpu"], 1),
                "latencies": latencies(run["rows"]),
            }
            for simulator, run in runs.items()
        }
        for simulator, row in rows.items():
            ratio = rows["makespan"]["requests_per_second"] / row["requests_per_second"]
            figures = ", ".join(
                f"{key} {row['latencies'][key]:.3f}"
                for key in ("ttft_mean", "ttft_p99", "tpot_mean", "e2e_mean")
            )
            speed = f"{row['requests_per_second']:,.0f} requests/s (1/{ratio:.0f})"
            print(f"{name}, {simulator}: {speed}; {figures}", flush=True)
    given.output.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
