"""Fits of the formulas of single operators to tables of measurements.

All minimise the mean of ``|log(model / measured)|``, so that fast and slow calls weigh the same and
a few outliers weigh little. Bounds keep what a table does not determine physical.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from makespan.core.errors import OptionError
from makespan.serving.cost.calibration.record import Calibration, log_errors
from makespan.serving.cost.calibration.search import minimise
from makespan.serving.cost.calibration.tables import (
    AllReduceRows,
    AttentionRows,
    ElementwiseRows,
    ExpertRows,
    GemmRows,
    SequenceRows,
)
from makespan.serving.cost.hardware import AttentionEfficiency
from makespan.serving.cost.models import ModelShape
from makespan.serving.cost.roofline import Roofline, gemm_bytes, gemm_flops

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FitLabel:
    """Name, data set and day of a fit, for its record."""

    id: str
    source: str
    date: str = ""

    def record(self, model: FloatArray, measured: FloatArray) -> Calibration:
        """Record with the errors of ``model`` at the points of the fit."""
        error, p90 = log_errors(model, measured)
        return Calibration(
            self.id, "fitted", self.source, len(measured), error, p90, date=self.date
        )


def _fit(
    formula: Callable[[FloatArray], FloatArray],
    measured: FloatArray,
    starts: Sequence[Sequence[float]],
    low: Sequence[float],
    high: Sequence[float],
) -> FloatArray:
    if len(measured) < len(low):
        raise OptionError(f"{len(measured)} measurements for {len(low)} parameters")
    target = np.log(measured)

    def loss(parameters: FloatArray) -> float:
        return float(np.abs(np.log(formula(parameters)) - target).mean())

    return minimise(loss, starts, low, high)[0]


def fit_roofline(
    flops: FloatArray,
    moved: FloatArray,
    seconds: FloatArray,
    *,
    peak: float,
    bandwidth: float,
    label: FitLabel,
) -> Roofline:
    """Roofline of kernels with known operations and bytes.

    Parameters
    ----------
    flops, moved, seconds
        (n,) operations, bytes and measured times.
    peak, bandwidth
        Of the device, per second.
    label
        What to call the fit.
    """
    blank = Calibration(label.id, "fitted", label.source)

    def formula(p: FloatArray) -> FloatArray:
        return Roofline(p[0], p[1], p[2], p[3], blank).seconds(flops, moved, peak, bandwidth)

    p = _fit(
        formula,
        seconds,
        [(5e-6, 0.7, 0.9, 1.5), (1e-5, 0.5, 0.7, 3.0)],
        (1e-7, 0.02, 0.02, 0.7),
        (2e-4, 1.2, 1.2, 8.0),
    )
    fixed, compute, memory, q = (float(v) for v in p)
    return Roofline(fixed, compute, memory, q, label.record(formula(p), seconds))


def fit_gemm(rows: GemmRows, *, peak: float, bandwidth: float, label: FitLabel) -> Roofline:
    """Roofline of matrix products of 2-byte numbers."""
    return fit_roofline(
        gemm_flops(rows.tokens, rows.inner, rows.outer),
        gemm_bytes(rows.tokens, rows.inner, rows.outer),
        rows.seconds,
        peak=peak,
        bandwidth=bandwidth,
        label=label,
    )


def fit_experts(
    rows: ExpertRows, shape: ModelShape, *, peak: float, bandwidth: float, label: FitLabel,
    tp: int = 1,
) -> Roofline:  # fmt: skip
    """Roofline of the fused experts of one layer."""
    if shape.experts is None:
        raise OptionError(f"model {shape.name!r} has no experts")
    weights = shape.expert_parameters / tp
    return fit_roofline(
        2.0 * rows.tokens * shape.experts.per_token * weights,
        rows.experts * weights * shape.expert_weight_bytes,
        rows.seconds,
        peak=peak,
        bandwidth=bandwidth,
        label=label,
    )


def fit_line(moved: FloatArray, seconds: FloatArray, label: FitLabel) -> tuple[
    float, float, Calibration
]:  # fmt: skip
    """(fixed seconds, seconds per unit) of ``seconds = fixed + slope * moved``, and its record."""
    slope = float(np.median(seconds[moved >= np.median(moved)] / moved[moved >= np.median(moved)]))

    def formula(p: FloatArray) -> FloatArray:
        return np.asarray(p[0] + p[1] * moved)

    p = _fit(
        formula,
        seconds,
        [(float(seconds.min()), slope), (float(seconds.min()) / 3, slope * 2)],
        (1e-9, slope * 1e-3),
        (float(np.median(seconds)) * 10, slope * 1e3),
    )
    return float(p[0]), float(p[1]), label.record(formula(p), seconds)


def fit_elementwise(
    rows: ElementwiseRows, op: str, *, bandwidth: float, label: FitLabel
) -> tuple[float, float, Calibration]:
    """(fixed seconds, fraction of the bandwidth) of the kernels called ``op``, and its record."""
    kept = np.array([name == op for name in rows.op])
    if not kept.any():
        raise OptionError(f"no measurements of {op!r}")
    fixed, slope, record = fit_line(rows.moved[kept], rows.seconds[kept], label)
    return fixed, 1.0 / (slope * bandwidth), record


def fit_per_sequence(
    rows: SequenceRows, op: str, label: FitLabel
) -> tuple[float, float, Calibration]:
    """(fixed seconds, seconds per sequence) of the kernels called ``op``, and its record."""
    kept = np.array([name == op for name in rows.op])
    if not kept.any():
        raise OptionError(f"no measurements of {op!r}")
    return fit_line(rows.sequences[kept], rows.seconds[kept], label)


def fit_all_reduce(
    rows: AllReduceRows, workers: int, label: FitLabel
) -> tuple[float, float, Calibration]:
    """(fixed seconds, seconds per byte of the message) among ``workers``, and its record."""
    kept = rows.workers == workers
    if not kept.any():
        raise OptionError(f"no all-reduce among {workers}")
    return fit_line(rows.message[kept], rows.seconds[kept], label)


ATTENTION_REGION: Final = (200_000, 128, 8)
"""Attention beside chunks is fitted up to this context in all, from chunks of so many tokens and
from so many decoding sequences on: where engines spend their time. Short chunks after a long past
run on few cores of the device and are slower than a formula linear in the context can say; of the
time of a step they are little."""


def fit_attention(
    rows: AttentionRows, shape: ModelShape, *, peak: float, bandwidth: float, label: FitLabel
) -> AttentionEfficiency:
    """Attention of plain (grouped) heads on one GPU, decoding alone and beside a chunk."""
    beside = rows.chunk > 0
    sequences = rows.sequences + beside
    context = rows.sequences * rows.context + np.where(beside, rows.chunk + rows.past, 0.0)
    pairs = rows.chunk * (2 * rows.past + rows.chunk)
    later = np.maximum(rows.chunk - 1, 0.0)
    heads = shape.heads * shape.head_dim
    operation = 2.0 * heads / peak
    most, shortest, least = ATTENTION_REGION
    region = (rows.chunk >= shortest) & (context <= most) & (rows.sequences >= least)
    alone = ~beside & (rows.sequences > 0)
    one = np.ones(len(context))
    decode, decoding = _fit_sum(
        (one, context * shape.kv_bytes_per_layer / bandwidth, sequences),
        rows.seconds, alone, start=(1e-5, 1.2, 1e-7), low=(1e-6, 0.8, 1e-10),
        high=(1e-4, 50.0, 1e-5),
    )  # fmt: skip
    mixed, mixing = _fit_sum(
        (one, context * 4.0 * heads / bandwidth, sequences, pairs * operation, later * operation),
        rows.seconds, region, start=(1e-5, 0.5, 1e-6, 1.5, 900.0),
        low=(4e-6, 0.05, 1e-10, 0.8, 1.0), high=(1e-4, 50.0, 1e-5, 40.0, 1e5),
    )  # fmt: skip
    record = label.record(
        np.concatenate([decoding, mixing]),
        np.concatenate([rows.seconds[alone], rows.seconds[region]]),
    )
    return AttentionEfficiency(
        fixed=decode[0],
        per_sequence=decode[2],
        memory=1.0 / decode[1],
        chunk_fixed=mixed[0],
        chunk_per_sequence=mixed[2],
        shared=1.0 / mixed[1],
        compute=1.0 / mixed[3],
        diagonal=mixed[4] / mixed[3],
        calibration=record,
    )


def _fit_sum(
    columns: Sequence[FloatArray],
    seconds: FloatArray,
    kept: npt.NDArray[np.bool_],
    *,
    start: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
) -> tuple[list[float], FloatArray]:
    """Coefficients of a sum of columns, and the sum at the rows kept."""
    table = np.stack(columns)[:, kept]
    p = _fit(lambda p: np.asarray(p @ table), seconds[kept], [start], low, high)
    return [float(value) for value in p], np.asarray(p @ table)
