"""Known devices: data sheets, and efficiencies fitted by :mod:`.calibration.operator_fits`.

Two public collections of measured kernels were used, both under the MIT licence: Vidur
(github.com/microsoft/vidur at 7d47513; A100, H100, A40; no attention) and LLMServingSim
(github.com/casys-kaist/LLMServingSim at 5daddb2; RTX 4090, RTX PRO 6000). What neither measured is
inferred from the nearest device that was, and marked so. How GPUs without an NVLink switch reach
each other is in :mod:`.links`.
"""

from __future__ import annotations

from typing import Final, Literal

from makespan.serving.cost.calibration.record import Calibration
from makespan.serving.cost.hardware import (
    GIB,
    AttentionEfficiency,
    Efficiency,
    Figure,
    Hardware,
    Line,
)
from makespan.serving.cost.links import HOST_PCIE_3, HOST_PCIE_4, Ring, bridged
from makespan.serving.cost.roofline import Roofline

_DAY: Final = "2026-11-26"
_VIDUR: Final = "Vidur @ 7d47513"
_SIM: Final = "LLMServingSim @ 5daddb2"


def _fit(id: str, source: str, count: int, error: float, p90: float) -> Calibration:
    return Calibration(id, "fitted", source, count, error, p90, date=_DAY)


def _inferred(id: str, source: str) -> Calibration:
    return Calibration(id, "inferred", source, date=_DAY)


# Matrix products. n, mean and 90th percentile of |log error| are those of the fit.
_GEMM_A100 = Roofline(4.892e-6, 0.7346, 0.8297, 1.596, _fit(
    "a100-gemm", f"{_VIDUR}: a100 mlp.csv of Llama-2-7B, Llama-3-8B, Llama-3-70B, tp 1 to 8",
    18_768, 0.0590, 0.1226))  # fmt: skip
_GEMM_H100 = Roofline(5.816e-6, 0.7404, 0.9742, 1.560, _fit(
    "h100-gemm", f"{_VIDUR}: h100 mlp.csv of Llama-2-7B, Llama-2-70B, tp 1 to 8",
    8352, 0.0879, 0.1869))  # fmt: skip
_GEMM_A40 = Roofline(2.982e-6, 0.7756, 0.8009, 1.668, _fit(
    "a40-gemm", f"{_VIDUR}: a40 mlp.csv of Llama-2-7B, tp 1 to 8",
    4176, 0.0727, 0.1623))  # fmt: skip
_GEMM_4090 = Roofline(5.973e-6, 0.9867, 0.9459, 3.179, _fit(
    "rtx4090-gemm", f"{_SIM}: RTX4090 dense.csv of Llama-3.1-8B", 608, 0.0345, 0.0779))  # fmt: skip
_GEMM_PRO = Roofline(5.770e-6, 0.7977, 0.8763, 1.755, _fit(
    "rtxpro6000-gemm", f"{_SIM}: RTXPRO6000 dense.csv of Llama-3.1-8B",
    608, 0.0661, 0.1429))  # fmt: skip

_EXPERTS_PRO = Roofline(1.164e-5, 0.5518, 0.7738, 1.609, _fit(
    "rtxpro6000-experts", f"{_SIM}: RTXPRO6000 moe.csv of Qwen3-30B-A3B, tp 1",
    50, 0.0650, 0.1340))  # fmt: skip
# Chosen by hand so that 2 x H100 and Qwen3-30B-A3B give about the gaps between tokens that a paper
# on layered prefill reports for vLLM (7, 15 and 37 ms at p5, p50 and p99); slices of half the width
# and another generation of kernels explain part of the distance to the fit above.
_EXPERTS_H100 = Roofline(2.5e-5, 0.30, 0.40, 1.609, _inferred(
    "h100-experts", "order of magnitude of published gaps between tokens, tp 2"))  # fmt: skip

_ATTENTION_4090 = AttentionEfficiency(
    1.234e-5, 1.975e-7, 0.918, 4.000e-6, 1.444e-6, 1.917, 0.7787, 647.6, _fit(
        "rtx4090-attention", f"{_SIM}: RTX4090 attention.csv of Llama-3.1-8B",
        2799, 0.0723, 0.1628))  # fmt: skip
_ATTENTION_PRO = AttentionEfficiency(
    1.273e-5, 1.000e-7, 0.8149, 4.000e-6, 9.123e-7, 2.199, 0.5021, 731.0, _fit(
        "rtxpro6000-attention", f"{_SIM}: RTXPRO6000 attention.csv of Llama-3.1-8B",
        5038, 0.0815, 0.1866))  # fmt: skip

_SAMPLING_4090 = Line(2.319e-5, 6.217e-7, _fit(
    "rtx4090-sampling", f"{_SIM}: RTX4090 per_sequence.csv", 40, 0.1594, 0.3393))  # fmt: skip
_SAMPLING_PRO = Line(2.421e-5, 3.091e-7, _fit(
    "rtxpro6000-sampling", f"{_SIM}: RTXPRO6000 per_sequence.csv", 40, 0.0920, 0.3487))  # fmt: skip


def _elementwise(
    device: str, source: str, count: int, norm: tuple[float, ...], activation: tuple[float, ...]
) -> tuple[Line, Line]:
    first, second = (
        Line(fixed, slope, _fit(f"{device}-{name}", source, count, error, p90))
        for name, (fixed, slope, error, p90) in (("norm", norm), ("activation", activation))
    )
    return first, second


_SMALL_A100 = _elementwise("a100", f"{_VIDUR}: a100 mlp.csv", 4692,
    (1.903e-6, 6.949e-13, 0.1220, 0.2671), (2.103e-6, 9.907e-13, 0.0731, 0.1495))  # fmt: skip
_SMALL_H100 = _elementwise("h100", f"{_VIDUR}: h100 mlp.csv", 2088,
    (2.701e-6, 3.304e-13, 0.1425, 0.2920), (1.796e-6, 5.138e-13, 0.0944, 0.2170))  # fmt: skip
_SMALL_A40 = _elementwise("a40", f"{_VIDUR}: a40 mlp.csv", 1044,
    (1.667e-6, 1.272e-12, 0.0856, 0.2426), (1.390e-6, 1.849e-12, 0.0834, 0.2149))  # fmt: skip
_SMALL_4090 = _elementwise("rtx4090", f"{_SIM}: RTX4090 dense.csv", 152,
    (1.722e-6, 3.892e-13, 0.1207, 0.2524), (2.327e-6, 8.129e-13, 0.1842, 0.4988))  # fmt: skip
_SMALL_PRO = _elementwise("rtxpro6000", f"{_SIM}: RTXPRO6000 dense.csv", 152,
    (2.275e-6, 1.966e-13, 0.1178, 0.3367), (2.407e-6, 3.739e-13, 0.3037, 0.6395))  # fmt: skip


def _all_reduce(
    device: str, file: str, rows: tuple[tuple[int, float, float, int, float, float], ...]
) -> tuple[tuple[int, Line], ...]:
    return tuple(
        (workers, Line(fixed, slope, _fit(
            f"{device}-allreduce{workers}", f"{_VIDUR}: {file} all_reduce.csv (NCCL)",
            count, error, p90)))
        for workers, fixed, slope, count, error, p90 in rows
    )  # fmt: skip


_LINK_A100 = _all_reduce("a100", "a100_dgx", (
    (2, 4.469e-5, 5.841e-12, 994, 0.0548, 0.1098),
    (4, 5.324e-5, 8.316e-12, 994, 0.1103, 0.2368),
    (8, 5.030e-5, 1.138e-11, 994, 0.1110, 0.1765)))  # fmt: skip
_LINK_H100 = _all_reduce("h100", "h100_dgx", (
    (2, 2.301e-5, 3.296e-12, 994, 0.1269, 0.4246),
    (4, 2.828e-5, 4.101e-12, 994, 0.0760, 0.2880),
    (8, 3.051e-5, 5.025e-12, 994, 0.0539, 0.1049)))  # fmt: skip


# Two of them in one server reach each other by PCIe alone, at a quarter of what the bus can do.
_LINK_PRO = Ring(0.0, 20e-6, 16e9, (
    f"{_SIM}: link_bw and link_latency of its validated RTXPRO6000 configurations"
)).lines("rtxpro6000")  # fmt: skip
_LINK_4090 = (
    *HOST_PCIE_4.lines("rtx4090", (2, 4)),
    (8, Line(4.250e-5, 1.206e-10, _fit(
        "rtx4090-allreduce8", "blog.chlc.cc/p/rtx4090-gpudirect-p2p-unlocked: nccl-tests of 8 "
        "RTX 4090, PCIe 4, no peer access, 64 bytes to 128 MiB", 44, 0.0990, 0.2870))),
)  # fmt: skip


# FlashAttention 3, the kernel for Hopper, packs the query heads that share a key whenever sequences
# differ in length (hopper/heuristics.h, should_pack_gqa), so that decodes are no dearer beside a
# chunk: a ``shared`` so large that reading by KV heads decides.
_ATTENTION_HOPPER = AttentionEfficiency(
    1.25e-5, 1.5e-7, 0.85, 4.0e-6, 1.2e-6, 16.0, 0.64, 700.0, _inferred(
        "hopper-attention", "as RTX 4090 and RTX PRO 6000, with packed query heads"))  # fmt: skip


def _like(line: Line, id: str, scale: float, why: str) -> Line:
    return Line(line.fixed, line.slope * scale, _inferred(id, why))


def _efficiency(
    device: str,
    gemm: Roofline,
    small: tuple[Line, Line],
    *,
    experts: Roofline | None = None,
    attention: AttentionEfficiency | None = None,
    sampling: Line | None = None,
    all_reduce: tuple[tuple[int, Line], ...] = (),
) -> Efficiency:
    """Efficiencies of a device; what is not given is inferred from a device that was measured."""
    if experts is None:
        fit = _EXPERTS_PRO
        experts = Roofline(fit.fixed, fit.compute, fit.memory, fit.q, _inferred(
            f"{device}-experts", "as the RTX PRO 6000"))  # fmt: skip
    if attention is None:
        attention = AttentionEfficiency(
            1.25e-5, 1.5e-7, 0.85, 4e-6, 1.2e-6, 2.0, 0.64, 700.0, _inferred(
                f"{device}-attention", "between the RTX 4090 and the RTX PRO 6000"))  # fmt: skip
    if sampling is None:
        sampling = Line(_SAMPLING_PRO.fixed, _SAMPLING_PRO.slope, _inferred(
            f"{device}-sampling", "as the RTX PRO 6000"))  # fmt: skip
    return Efficiency(gemm, experts, attention, *small, sampling, all_reduce)


def _unmeasured(
    device: str, fixed: float, compute: float, bandwidth: float, link: Ring = HOST_PCIE_4
) -> Efficiency:
    why = "no public kernel times found; typical of devices of its class"
    gemm = Roofline(fixed, compute, 0.85, 1.5, _inferred(f"{device}-gemm", why))
    lines = tuple(
        Line(2e-6, 1.0 / (0.7 * bandwidth * 1e9), _inferred(f"{device}-{name}", why))
        for name in ("norm", "activation")
    )
    return _efficiency(device, gemm, (lines[0], lines[1]), all_reduce=link.lines(device))


def _spec(value: float, sheet: str) -> Figure:
    return Figure(value, "specification", sheet)


def _gpu(
    name: str, tflops: float, bandwidth: float, gib: float, host: float, link: float, watts: float,
    efficiency: Efficiency, sheet: str, compute: Figure | None = None,
) -> Hardware:  # fmt: skip
    return Hardware(
        name=name,
        kind="gpu",
        compute=compute or _spec(tflops * 1e12, sheet),
        bandwidth=_spec(bandwidth * 1e9, sheet),
        memory=_spec(gib * GIB, sheet),
        host_link=_spec(host * 1e9, sheet + "; one direction"),
        gpu_link=_spec(link * 1e9, sheet + "; one direction"),
        power=_spec(watts, sheet),
        efficiency=efficiency,
    )


def _cpu(name: str, bandwidth: float, why: str, kind: Literal["inferred"] = "inferred") -> Hardware:
    nothing = Figure(0.0, kind, "not needed for attention that is bound by memory")
    return Hardware(
        name, "cpu", nothing, Figure(bandwidth * 1e9, kind, why), nothing, nothing, nothing,
        nothing, None,
    )  # fmt: skip


_A100 = _efficiency("a100", _GEMM_A100, _SMALL_A100, all_reduce=_LINK_A100)
_H100 = _efficiency("h100", _GEMM_H100, _SMALL_H100, experts=_EXPERTS_H100,
                    attention=_ATTENTION_HOPPER, all_reduce=_LINK_H100)  # fmt: skip
_A800 = _efficiency("a800", _GEMM_A100, _SMALL_A100, all_reduce=tuple(
    (workers, _like(line, f"a800-allreduce{workers}", 1.5, "A100 at two thirds of its links"))
    for workers, line in _LINK_A100))  # fmt: skip
_H200 = _efficiency(
    "h200",
    Roofline(_GEMM_H100.fixed, _GEMM_H100.compute, _GEMM_H100.memory, _GEMM_H100.q, _inferred(
        "h200-gemm", "as the H100, which has the same cores")),
    (_like(_SMALL_H100[0], "h200-norm", 3350 / 4800, "H100, by bandwidth"),
     _like(_SMALL_H100[1], "h200-activation", 3350 / 4800, "H100, by bandwidth")),
    experts=_EXPERTS_H100, attention=_ATTENTION_HOPPER, all_reduce=_LINK_H100,
)  # fmt: skip
_A40 = _efficiency("a40", _GEMM_A40, _SMALL_A40, all_reduce=bridged("a40"))
_A6000 = _efficiency(
    "a6000",
    Roofline(_GEMM_A40.fixed, _GEMM_A40.compute, _GEMM_A40.memory, _GEMM_A40.q, _inferred(
        "a6000-gemm", "as the A40, which has the same chip")),
    (_like(_SMALL_A40[0], "a6000-norm", 696 / 768, "A40, by bandwidth"),
     _like(_SMALL_A40[1], "a6000-activation", 696 / 768, "A40, by bandwidth")),
    all_reduce=bridged("a6000"),
)  # fmt: skip
_RTX_4090 = _efficiency("rtx4090", _GEMM_4090, _SMALL_4090, attention=_ATTENTION_4090,
                        sampling=_SAMPLING_4090, all_reduce=_LINK_4090)  # fmt: skip
_RTX_PRO = _efficiency(
    "rtxpro6000", _GEMM_PRO, _SMALL_PRO, experts=_EXPERTS_PRO, attention=_ATTENTION_PRO,
    sampling=_SAMPLING_PRO, all_reduce=_LINK_PRO,
)  # fmt: skip

DEVICES: Final[tuple[Hardware, ...]] = (
    _gpu("A100-SXM-80GB", 312, 2039, 80, 32, 300, 400, _A100, "NVIDIA A100 data sheet"),
    _gpu("A800-SXM-80GB", 312, 2039, 80, 32, 200, 400, _A800, "NVIDIA A800 data sheet"),
    _gpu("H100-SXM", 989, 3350, 80, 64, 450, 700, _H100, "NVIDIA H100 data sheet"),
    _gpu("H200-SXM", 989, 4800, 141, 64, 450, 700, _H200, "NVIDIA H200 data sheet"),
    _gpu("L40S", 362, 864, 48, 32, 0, 350, _unmeasured("l40s", 5e-6, 0.75, 864),
         "NVIDIA L40S data sheet"),
    _gpu("RTX-4090", 165.2, 1008, 24, 32, 0, 450, _RTX_4090,
         "NVIDIA Ada architecture paper, appendix A; FP16 with FP32 accumulation"),
    _gpu("RTX-PRO-6000", 503.8, 1792, 96, 64, 0, 600, _RTX_PRO,
         "NVIDIA RTX PRO 6000 Blackwell data sheet",
         compute=Figure(503.8e12, "inferred", "cores and clock; no dense FP16 rate is published")),
    _gpu("A40", 149.7, 696, 48, 32, 56.25, 300, _A40, "NVIDIA A40 data sheet"),
    _gpu("RTX-A6000", 154.8, 768, 48, 32, 56.25, 300, _A6000,
         "NVIDIA RTX A6000 data sheet; its 309.7 TFLOPS are with sparsity"),
    _gpu("A10", 125, 600, 24, 32, 0, 150, _unmeasured("a10", 6e-6, 0.70, 600),
         "NVIDIA A10 data sheet"),
    _gpu("A10G", 70, 600, 24, 32, 0, 300, _unmeasured("a10g", 6e-6, 0.95, 600),
         "AWS EC2 G5 and NVIDIA A10G data sheets",
         compute=Figure(70e12, "inferred", "sustained; the data sheet's peak is not held")),
    _gpu("T4", 65, 320, 16, 16, 0, 70, _unmeasured("t4", 8e-6, 0.45, 320, HOST_PCIE_3),
         "NVIDIA T4 data sheet; FP16, it has no BF16"),
    _cpu("Xeon-8259CL-8", 45, "8 cores of a g4dn.4xlarge reach 40 to 50 GB/s"),
    _cpu("EPYC-7R32-16", 56, "16 cores of a g5 instance at 3 to 4 GB/s each, at most about 100"),
)  # fmt: skip
"""Known devices."""
