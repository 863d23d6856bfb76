"""Fits recover the parameters that tables were made from."""

from __future__ import annotations

import numpy as np
import pytest

from makespan.core.errors import OptionError
from makespan.serving.cost.calibration import operator_fits as fits
from makespan.serving.cost.calibration.record import Calibration
from makespan.serving.cost.calibration.tables import (
    AllReduceRows,
    AttentionRows,
    ElementwiseRows,
    ExpertRows,
    GemmRows,
    SequenceRows,
)
from makespan.serving.cost.models import model
from makespan.serving.cost.roofline import Roofline, gemm_bytes, gemm_flops

PEAK, BANDWIDTH = 3e14, 2e12
LABEL = fits.FitLabel("made", "a formula", "2026-11-26")
BLANK = Calibration("true", "fitted", "a formula")


def noise(size: int, share: float = 0.03) -> np.ndarray:
    """Factors around 1, and every fortieth far off, as in real tables."""
    rng = np.random.default_rng(11)
    factors = np.exp(rng.normal(0, share, size))
    factors[::40] *= 3
    return factors


def gemm_rows(true: Roofline) -> GemmRows:
    """Products of four shapes at many token counts."""
    shapes = [(4096, 6144), (4096, 4096), (4096, 28_672), (14_336, 4096)]
    tokens = np.unique(np.geomspace(1, 16_384, 60).astype(int)).astype(float)
    t = np.tile(tokens, 4)
    inner, outer = (np.repeat([float(s[k]) for s in shapes], len(tokens)) for k in (0, 1))
    seconds = true.seconds(gemm_flops(t, inner, outer), gemm_bytes(t, inner, outer), PEAK,
                           BANDWIDTH)  # fmt: skip
    return GemmRows(("x",) * len(t), t, inner, outer, seconds * noise(len(t)))


@pytest.mark.parametrize(
    "true",
    [Roofline(5e-6, 0.73, 0.90, 1.5, BLANK), Roofline(2e-6, 0.95, 0.80, 3.0, BLANK)],
    ids=["round", "sharp"],
)
def test_parameters_of_products_are_recovered(true: Roofline):
    """In spite of noise of 3 % and of outliers."""
    found = fits.fit_gemm(gemm_rows(true), peak=PEAK, bandwidth=BANDWIDTH, label=LABEL)
    assert found.compute == pytest.approx(true.compute, rel=0.03)
    assert found.memory == pytest.approx(true.memory, rel=0.05)
    assert found.fixed == pytest.approx(true.fixed, rel=0.25)
    assert found.q == pytest.approx(true.q, rel=0.2)
    record = found.calibration
    assert (record.id, record.source, record.date) == ("made", "a formula", "2026-11-26")
    assert record.kind == "fitted"
    assert record.error is not None
    assert 0.02 < record.error < 0.08
    again = fits.fit_gemm(gemm_rows(true), peak=PEAK, bandwidth=BANDWIDTH, label=LABEL)
    assert found == again


def test_parameters_of_experts_are_recovered():
    """From tokens and experts touched."""
    true, shape = Roofline(1.2e-5, 0.55, 0.77, 1.6, BLANK), model("Qwen3-30B-A3B")
    pairs = [(t, e) for t in (1, 4, 16, 64, 256, 1024, 4096) for e in (8, 16, 32, 64, 128)]
    tokens, experts = np.array(pairs, float).T
    weights = shape.expert_parameters
    seconds = true.seconds(2 * tokens * 8 * weights, experts * weights * 2, PEAK, BANDWIDTH)
    rows = ExpertRows(tokens, experts, seconds * noise(len(tokens)))
    found = fits.fit_experts(rows, shape, peak=PEAK, bandwidth=BANDWIDTH, label=LABEL)
    assert found.compute == pytest.approx(true.compute, rel=0.05)
    assert found.memory == pytest.approx(true.memory, rel=0.05)
    with pytest.raises(OptionError, match="no experts"):
        fits.fit_experts(rows, model("Llama-3.1-8B"), peak=PEAK, bandwidth=BANDWIDTH, label=LABEL)


def test_parameters_of_attention_are_recovered():
    """Decoding alone, and beside a chunk, where keys are read per query head."""
    shape = model("Llama-3.1-8B")
    grid = [
        (c, p, n, k)
        for c in (0, 16, 128, 512, 1000, 2048)
        for p in (0, 512, 4096)
        for n in (0, 1, 8, 32, 128)
        for k in (64, 512, 1024)
        if (c or n) and (c or not p)
    ]
    chunk, past, sequences, context = np.array(grid, float).T
    beside = chunk > 0
    total = sequences * context + np.where(beside, chunk + past, 0)
    alone = 1.2e-5 + 2e-7 * sequences + total * 4096 / (BANDWIDTH * 0.85)
    pairs = chunk * (2 * past + chunk)
    mixed = (
        9e-6 + 1e-6 * (sequences + 1) + total * 16_384 / (BANDWIDTH * 2.0)
        + (pairs + 700 * np.maximum(chunk - 1, 0)) * 2 * 4096 / (PEAK * 0.5)
    )  # fmt: skip
    seconds = np.where(beside, mixed, alone) * noise(len(grid), 0.02)
    found = fits.fit_attention(
        AttentionRows(chunk, past, sequences, context, seconds), shape,
        peak=PEAK, bandwidth=BANDWIDTH, label=LABEL,
    )  # fmt: skip
    assert found.memory == pytest.approx(0.85, rel=0.03)
    assert found.shared == pytest.approx(2.0, rel=0.05)
    assert found.compute == pytest.approx(0.5, rel=0.05)
    assert found.diagonal == pytest.approx(700, rel=0.1)
    assert found.fixed == pytest.approx(1.2e-5, rel=0.05)
    assert found.per_sequence == pytest.approx(2e-7, rel=0.2)
    assert found.chunk_per_sequence == pytest.approx(1e-6, rel=0.1)


def test_lines_are_recovered():
    """Elementwise kernels, sampling and all-reduce are fixed times and slopes."""
    amount = np.geomspace(1e3, 1e9, 80)
    seconds = (4e-5 + 6e-12 * amount) * noise(80)
    pairs = AllReduceRows(np.full(80, 4.0), amount, seconds)
    fixed, slope, record = fits.fit_all_reduce(pairs, 4, LABEL)
    assert fixed == pytest.approx(4e-5, rel=0.05)
    assert slope == pytest.approx(6e-12, rel=0.05)
    assert record.count == 80
    rows = ElementwiseRows(("norm",) * 80, amount, amount, seconds)
    fixed, share, _ = fits.fit_elementwise(rows, "norm", bandwidth=1e12, label=LABEL)
    assert share == pytest.approx(1 / 6, rel=0.05)
    sampled = SequenceRows(("sampler",) * 80, amount, seconds)
    assert fits.fit_per_sequence(sampled, "sampler", LABEL)[1] == pytest.approx(6e-12, rel=0.05)


def test_fits_of_nothing_are_refused():
    """Too few rows, or none of the kernel asked for."""
    few = np.ones(3)
    with pytest.raises(OptionError, match="3 measurements for 4 parameters"):
        fits.fit_roofline(few, few, few, peak=PEAK, bandwidth=BANDWIDTH, label=LABEL)
    with pytest.raises(OptionError, match="no measurements of 'norm'"):
        fits.fit_elementwise(ElementwiseRows(("x",) * 3, few, few, few), "norm", bandwidth=1,
                             label=LABEL)  # fmt: skip
    with pytest.raises(OptionError, match="no measurements of 'sampler'"):
        fits.fit_per_sequence(SequenceRows(("x",) * 3, few, few), "sampler", LABEL)
    with pytest.raises(OptionError, match="no all-reduce among 8"):
        fits.fit_all_reduce(AllReduceRows(few, few, few), 8, LABEL)
