"""A run as a real engine records it, of an engine whose step times are known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from makespan.serving.cost.step import LinearCost, StepCost
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.fidelity.boundaries import Boundaries
from makespan.serving.fidelity.lockstep import serve_in_step
from makespan.serving.fidelity.stated import AMPLE_BLOCKS
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import Workload

TRUTH = LinearCost(15 * 10**9, 10**8, 150_000, 2 * 10**7, 800)
DELAY = 3 * 10**9
LIMITS = {"max_num_batched_tokens": 512, "max_num_seqs": 64}


def load(requests: int, *, seed: int = 5) -> Workload:
    """Requests in one to three hundred milliseconds."""
    random = np.random.default_rng(seed)
    return Workload(
        "truth",
        np.cumsum(random.integers(10**10, 3 * 10**11, requests)),
        random.integers(20, 400, requests),
        random.integers(2, 150, requests),
    )


def recorded(
    folder: Path,
    *,
    blocks: int | None = 160,
    requests: int = 120,
    ahead: bool = False,
    engines: int = 1,
    cost: StepCost = TRUTH,
    first_slow: Sequence[int] = (),
    alike: bool = False,
    slow: int = 1,
) -> Path:
    """Files of a run that an engine with the TRUTH did, as a benchmark client writes them.

    The engine's clock began elsewhere than the client's, and each of the requests in
    ``first_slow`` was seen a second late, as by an engine that is not warm yet. Requests may be all
    alike, and the engine so many times as slow.
    """
    workload = load(requests)
    if alike:
        workload = Workload(
            "alike", workload.arrival, np.full(requests, 200), np.full(requests, 40)
        )
    if slow > 1:
        cost = LinearCost(*(slow * part for part in (15 * 10**9, 10**8, 150_000, 2 * 10**7, 800)))
    one = EngineSettings(blocks=(blocks or AMPLE_BLOCKS + 1) - 1, async_scheduling=ahead, **LIMITS)
    router = Boundaries()
    if engines > 1:
        record = serve_in_step(workload, [one] * engines, [cost] * engines, router=router)
    else:
        record = simulate_serving(workload, one, cost, router=router)
    taken = router.taken
    lines = []
    for r in range(requests):
        late = DELAY + (10**12 if r in first_slow else 0)
        times = [taken[r], max(int(record.admitted[r]), taken[r])]
        times += [record.first[r] + late, record.last[r] + max(late, DELAY)]
        names = ("queued_ts", "scheduled_ts", "first_token_ts", "last_token_ts")
        entry: dict[str, float] = {
            "input_toks": int(workload.prompt[r]),
            "output_toks": int(workload.output[r]),
            "arrival_time": 1_700_000_000 + float(workload.arrival[r]) / 1e12,
        }
        entry |= {n: 1000 + float(t) / 1e12 for n, t in zip(names, times, strict=True)}
        lines.append(json.dumps(entry))
    path = folder / "truth_requests.jsonl"
    path.write_text("\n".join(lines) + "\n")
    limits = {
        **LIMITS,
        "data_parallel_size": engines,
        "enable_expert_parallel": engines > 1,
    }
    meta: dict[str, object] = {"engine_kwargs": limits, "model": "none", "vllm_version": "0"}
    meta["resolved_config"] = {"scheduler_config": {"async_scheduling": ahead}}
    if blocks is not None:
        meta["kv_cache"] = {
            "num_gpu_blocks": blocks,
            "block_size": 16,
            "enable_prefix_caching": True,
        }
    (folder / "truth_meta.json").write_text(json.dumps(meta))
    return path
