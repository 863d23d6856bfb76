"""Replays and fits: what a simulated engine did is told from its recorded timings alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from makespan.core.errors import OptionError
from makespan.serving.cost.knots import KnotCost
from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.fidelity.fitting import fit_run
from makespan.serving.fidelity.replay import AMPLE_BLOCKS, Replay
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import Workload
from makespan.serving.workloads.llmservingsim import read_recorded_run

TRUTH = LinearCost(15 * 10**9, 10**8, 150_000, 2 * 10**7, 800)
DELAY = 3 * 10**9
LIMITS = {"max_num_batched_tokens": 512, "max_num_seqs": 64}


def recorded(folder: Path, *, blocks: int | None = 160, requests: int = 120) -> Path:
    """Files of a run that an engine with the TRUTH did, as a benchmark client writes them."""
    random = np.random.default_rng(5)
    workload = Workload(
        "truth",
        np.cumsum(random.integers(10**10, 3 * 10**11, requests)),
        random.integers(20, 400, requests),
        random.integers(2, 150, requests),
    )
    settings = EngineSettings(blocks=(blocks or AMPLE_BLOCKS + 1) - 1, **LIMITS)
    record = simulate_serving(workload, settings, TRUTH)
    lines = []
    for r in range(requests):
        at = [
            float(workload.arrival[r]) / 1e12,
            *(record.sent[r] / 1e12, record.admitted[r] / 1e12),
        ]
        at += [(record.first[r] + DELAY) / 1e12, (record.last[r] + DELAY) / 1e12]
        names = ("arrival_time", "queued_ts", "scheduled_ts", "first_token_ts", "last_token_ts")
        entry = {"input_toks": int(workload.prompt[r]), "output_toks": int(workload.output[r])}
        lines.append(json.dumps({**entry, **dict(zip(names, at, strict=True))}))
    path = folder / "truth_requests.jsonl"
    path.write_text("\n".join(lines) + "\n")
    meta: dict[str, object] = {"engine_kwargs": LIMITS, "model": "none", "vllm_version": "0"}
    if blocks is not None:
        meta["kv_cache"] = {
            "num_gpu_blocks": blocks,
            "block_size": 16,
            "enable_prefix_caching": True,
        }
    (folder / "truth_meta.json").write_text(json.dumps(meta))
    return path


def test_the_true_costs_replay_the_run(tmp_path: Path) -> None:
    """To the microsecond that the file's digits leave."""
    replay = Replay.of(read_recorded_run(recorded(tmp_path)))
    seen, record = replay.simulated(TRUTH, DELAY)
    assert record.preemptions.sum() > 0
    errors = replay.errors(seen, replay.first_half)
    assert set(errors) == {
        f"{m}_{f}" for m in ("ttft", "tpot", "e2e") for f in ("mean", "p50", "p90", "p99")
    }
    assert max(abs(error) for error in errors.values()) < 1e-3


def test_a_fit_to_the_first_half_foretells_the_second(tmp_path: Path) -> None:
    """Without knowing the costs."""
    replay = Replay.of(read_recorded_run(recorded(tmp_path)))
    half = replay.first_half
    fit = fit_run(replay, half, replays=500, seed=1)
    assert fit == fit_run(replay, half, replays=500, seed=1)
    seen, _ = replay.simulated(fit.cost, fit.delay)
    errors = replay.errors(seen, ~half)
    for name in ("ttft_mean", "tpot_mean", "e2e_mean"):
        assert abs(errors[name]) < 0.05, errors
    wrong, _ = replay.simulated(LinearCost(4 * 10**10, 3 * 10**8, 0, 0), 0)
    assert max(abs(e) for e in replay.errors(wrong, ~half).values()) > 0.3


def test_what_the_run_does_not_say_is_assumed_and_told(tmp_path: Path) -> None:
    """Memory that never binds; without limits there is no replay."""
    path = recorded(tmp_path, blocks=None, requests=10)
    replay = Replay.of(read_recorded_run(path))
    assert replay.settings.blocks == AMPLE_BLOCKS
    assert "memory never binds" in replay.assumed
    (tmp_path / "truth_meta.json").unlink()
    with pytest.raises(OptionError, match="does not say how its engine was limited"):
        Replay.of(read_recorded_run(path))


def test_times_between_knots_are_linear_and_go_on_behind_the_last() -> None:
    """And a step of decoding is the same by both questions."""
    cost = KnotCost((1, 10, 20), (100, 190, 200), per_context=3, per_sequence=7, per_pair=1)
    assert [cost.time(t) for t in (1, 2, 10, 15, 20, 30)] == [100, 110, 190, 195, 200, 210]
    fixed, growth = cost.decode(5)
    assert fixed + growth * 40 == cost.step(5, 5, 40, 0)


@pytest.mark.parametrize(
    ("knots", "times"),
    [((1,), (5,)), ((2, 3), (1, 2)), ((1, 1), (1, 2)), ((1, 2), (3, 2)), ((1, 2), (0, 2))],
)
def test_impossible_shapes_are_refused(knots: tuple[int, ...], times: tuple[int, ...]) -> None:
    """Knots rise from 1; times are positive and never fall."""
    with pytest.raises(OptionError):
        KnotCost(knots, times, 0, 0)
