"""Registered constants fitted anew to the public tables, and replays of recorded runs of vLLM.

The tables of the RTX 4090 and one of the A100 are in the collection; those of the H100, the A40 and
the RTX PRO 6000 are not, so that their constants are not fitted anew here.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from makespan.serving.cost.calibration import operator_fits as fits
from makespan.serving.cost.calibration import tables
from makespan.serving.cost.calibration.record import log_errors
from makespan.serving.cost.hardware import hardware
from makespan.serving.cost.memory import kv_blocks
from makespan.serving.cost.models import model
from makespan.serving.cost.operator_cost import OperatorCost
from makespan.serving.cost.roofline import gemm_bytes, gemm_flops
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.settings import EngineSettings
from makespan.serving.workloads import read_recorded_run
from tests.conftest import DATA

pytestmark = pytest.mark.data
FOLDER = DATA / "serving"
LABEL = fits.FitLabel("again", "the same table")
LLAMA = model("Llama-3.1-8B")


@pytest.fixture
def collection() -> Path:
    """Folder of the public traces and tables; skips where it is absent."""
    if not FOLDER.is_dir():
        pytest.skip(f"public serving tables absent: no {FOLDER} (set MAKESPAN_DATA)")
    return FOLDER


def profile(collection: Path, kind: str) -> str:
    """A table of the RTX 4090."""
    return str(collection / "llmservingsim" / f"RTX4090_Llama-3.1-8B_profile_{kind}.csv")


def test_products_of_the_4090(collection: Path):
    """The registered roofline is what the table gives."""
    gpu = hardware("RTX-4090")
    found = fits.fit_gemm(
        tables.read_dense(profile(collection, "dense"), LLAMA),
        peak=gpu.compute.value, bandwidth=gpu.bandwidth.value, label=LABEL,
    )  # fmt: skip
    known = gpu.efficiency.gemm
    for name in ("fixed", "compute", "memory", "q"):
        assert getattr(found, name) == pytest.approx(getattr(known, name), rel=0.02), name
    assert found.calibration.error == pytest.approx(known.calibration.error, abs=1e-3)
    assert found.calibration.p90 == pytest.approx(known.calibration.p90, abs=2e-3)
    assert found.calibration.count == known.calibration.count == 608


def test_attention_of_the_4090(collection: Path):
    """Decoding alone and beside a chunk."""
    gpu = hardware("RTX-4090")
    found = fits.fit_attention(
        tables.read_attention(profile(collection, "attention")), LLAMA,
        peak=gpu.compute.value, bandwidth=gpu.bandwidth.value, label=LABEL,
    )  # fmt: skip
    known = gpu.efficiency.attention
    for name in ("fixed", "memory", "shared", "compute", "chunk_per_sequence", "diagonal"):
        assert getattr(found, name) == pytest.approx(getattr(known, name), rel=0.03), name
    assert found.calibration.error == pytest.approx(known.calibration.error, abs=2e-3)


def test_small_kernels_of_the_4090(collection: Path):
    """Norm, activation, sampling."""
    gpu = hardware("RTX-4090")
    rows = tables.read_dense_elementwise(profile(collection, "dense"), LLAMA)
    for op, known in (("norm", gpu.efficiency.norm), ("activation", gpu.efficiency.activation)):
        fixed, share, _ = fits.fit_elementwise(rows, op, bandwidth=gpu.bandwidth.value, label=LABEL)
        assert fixed == pytest.approx(known.fixed, rel=0.03), op
        assert share == pytest.approx(1 / (known.slope * gpu.bandwidth.value), rel=0.03), op
    sampled = tables.read_per_sequence(profile(collection, "per_sequence"))
    fixed, slope, _ = fits.fit_per_sequence(sampled, "sampler", LABEL)
    assert fixed == pytest.approx(gpu.efficiency.sampling.fixed, rel=0.03)
    assert slope == pytest.approx(gpu.efficiency.sampling.slope, rel=0.03)


def test_products_of_the_a100(collection: Path):
    """One of the three models of the registered fit: the constants hold for it, too."""
    gpu = hardware("A100-SXM-80GB")
    rows = tables.read_vidur_mlp(str(collection / "vidur" / "a100_Meta-Llama-3-8B_mlp.csv"))
    assert len(rows.seconds) == 4 * 1824
    error, p90 = log_errors(
        gpu.efficiency.gemm.seconds(
            gemm_flops(rows.tokens, rows.inner, rows.outer),
            gemm_bytes(rows.tokens, rows.inner, rows.outer),
            gpu.compute.value, gpu.bandwidth.value,
        ), rows.seconds,
    )  # fmt: skip
    assert error < 0.08
    assert p90 < 0.16


def test_all_reduces_of_the_a100(collection: Path):
    """2, 4 and 8 workers of a DGX."""
    rows = tables.read_vidur_all_reduce(str(collection / "vidur" / "a100_dgx_all_reduce.csv"))
    for workers, known in hardware("A100-SXM-80GB").efficiency.all_reduce:
        fixed, slope, record = fits.fit_all_reduce(rows, workers, LABEL)
        assert fixed == pytest.approx(known.fixed, rel=0.03)
        assert slope == pytest.approx(known.slope, rel=0.03)
        assert record.error == pytest.approx(known.calibration.error, abs=3e-3)


# Name, device, model, and the largest relative errors of the means of TTFT and TPOT and of the
# makespan. The kernels were measured on the same two GPUs; nothing was fitted to these runs, and
# the host's overhead is the assumed millisecond. TTFT here is nearly all queueing, which amplifies
# errors of service times.
RUNS = [
    ("RTX4090_Llama-3.1-8B", "RTX-4090", 0.10, 0.05, 0.05),
    ("RTXPRO6000_Llama-3.1-8B", "RTX-PRO-6000", 0.10, 0.05, 0.05),
]


@pytest.mark.parametrize(("name", "device", "ttft", "tpot", "makespan"), RUNS)
def test_recorded_runs_are_replayed(
    collection: Path, name: str, device: str, ttft: float, tpot: float, makespan: float
):
    """300 requests served by vLLM 0.19, replayed from kernels alone."""
    run = read_recorded_run(collection / "llmservingsim" / f"{name}_requests.jsonl")
    gpu = hardware(device)
    # The second run does not say how many blocks it had; they never were short.
    settings = run.settings or EngineSettings(kv_blocks(gpu, LLAMA), max_num_seqs=128)
    load = replace(run.workload, arrival=run.queued)
    cost = OperatorCost.of(gpu, LLAMA, tokens=2048, sequences=256)
    found = simulate_serving(load, settings, cost)
    assert found.finished.all()
    assert found.ttft.mean() == pytest.approx(run.ttft.mean(), rel=ttft)
    more = run.workload.output - 1
    real = (run.last_token - run.first_token)[more > 0] / more[more > 0]
    assert np.nanmean(found.tpot) == pytest.approx(real.mean(), rel=tpot)
    took = int(run.last_token.max() - run.queued.min())
    assert found.makespan == pytest.approx(took, rel=makespan)


def test_prompts_of_70b_on_two_a100(collection: Path):
    """Another engine of 2023, another model, prompts of 128 to 8,192 tokens: prompts within a tenth.

    Splitwise's table (Mutinifni/splitwise-sim @ 8f99e7d). Nothing was fitted to it. Only the
    degree 2 is compared: with 4 and 8 GPUs that engine's host takes most of the time.
    """
    cost = OperatorCost.of(hardware("A100-SXM-80GB"), model("Llama-2-70B"), 2)
    rows: dict[int, list[tuple[float, float]]] = {}
    with (collection / "splitwise-sim" / "perf_model.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if (row["model"], row["hardware"], row["tensor_parallel"], row["batch_size"]) == (
                "llama2-70b", "a100-80gb", "2", "1"
            ):  # fmt: skip
                times = float(row["prompt_time"]), float(row["token_time"])
                rows.setdefault(int(row["prompt_size"]), []).append(times)
    assert len(rows) == 7
    for tokens, measured in rows.items():
        prompt, token = np.median(np.array(measured), axis=0)
        assert cost.step(tokens, 1, tokens, tokens**2) / 1e9 == pytest.approx(prompt, rel=0.1)
        assert cost.step(1, 1, tokens, 0) / 1e9 == pytest.approx(token, rel=0.13)
