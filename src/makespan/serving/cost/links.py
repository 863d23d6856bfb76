"""All-reduces among the GPUs of a server without an NVLink switch: rings, by what was measured.

A ring of n passes each byte ``2 (n - 1) / n`` times in ``2 (n - 1)`` hops. Which way a hop goes is
decided by the cards, the server and the library, and is worth a factor of two to ten:

- GeForce cards have no peer-to-peer access. Their hops go through the memory of the host.
- Others have it, but by default NCCL uses it only behind one PCIe switch, or if an AMD host has two
  GPUs in all (ncclTopoCheckP2p in src/graph/paths.cc, NVIDIA/nccl at 04cdb80); and many virtual
  machines do not pass it through. So a registered card goes through the host, too; :func:`linked`
  gives a device that does better.
- vLLM's own all-reduce replaces NCCL for messages below 8 MiB where peers have access and are two,
  or are all joined by NVLink (should_custom_ar in custom_all_reduce.py, vllm-project/vllm at
  00d618a): not among more than two cards on PCIe. ``all_reduce_fixed`` of a cost stands for it.

What each constant was measured with is in its source; that a card is like the one measured is
inferred. The bandwidths are those of servers set up well. Where the memory of the host is one
domain (NPS1) or far from the card, NCCL was seen to reach 2 to 5 GB/s with PCIe 4 instead of 14:
2.2 among 2 and 4 RTX 4090 on an EPYC 7502 (smolix/d2l-neu) and 2.2 to 3.7 on another server
(kalavai-net/kalavai-client). Make a :class:`Ring` of what ``nccl-tests`` says of your own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from makespan.core.errors import OptionError
from makespan.serving.cost.calibration.record import Calibration
from makespan.serving.cost.hardware import Hardware, Line

COUNTS: Final = (2, 4, 8)
"""Numbers of GPUs for which a device holds its all-reduce."""


@dataclass(frozen=True, slots=True)
class Ring:
    """``base + 2 (n - 1) hop + 2 (n - 1) / n bytes / bandwidth`` seconds among n GPUs.

    Attributes
    ----------
    base, hop
        Seconds per all-reduce, and per hop.
    bandwidth
        Bytes per second that each GPU passes on: the bus bandwidth of ``nccl-tests``.
    source
        What was measured, where.
    """

    base: float
    hop: float
    bandwidth: float
    source: str

    def __post_init__(self) -> None:
        if min(self.base, self.hop) < 0 or self.bandwidth <= 0:
            raise OptionError(f"impossible ring ({self.source})")

    def line(self, device: str, workers: int) -> Line:
        """Seconds among so many, by bytes of the message."""
        hops = 2 * (workers - 1)
        return Line(self.base + hops * self.hop, hops / workers / self.bandwidth, Calibration(
            f"{device}-allreduce{workers}", "inferred", self.source
        ))  # fmt: skip

    def lines(self, device: str, counts: Iterable[int] = COUNTS) -> tuple[tuple[int, Line], ...]:
        """Of several numbers of GPUs."""
        return tuple((n, self.line(device, n)) for n in counts)


# Latencies through the host: 8 to 11 us among 2 (tinygrad/open-gpu-kernel-modules issue 45,
# kalavai-net/kalavai-client), 19 to 21 among 4 (the latter), 43 among 8 RTX 4090.
HOST_PCIE_4: Final = Ring(3.5e-6, 2.8e-6, 14.5e9, (
    "nccl-tests of 8 RTX 4090 without peer access: blog.chlc.cc/p/rtx4090-gpudirect-p2p-unlocked; "
    "latency also of 2 and 4"))  # fmt: skip
"""PCIe 4, through the memory of the host: 45 % of the bus."""

HOST_PCIE_3: Final = Ring(6.1e-6, 2.8e-6, 4.0e9, (
    "nccl-tests of 2 RTX 2080 Ti without peer access: Anthony-Hoo/Anthony-Hoo.github.io, "
    "posts/AutoDL_Multi-GPU_Interconnection_Test.md"))  # fmt: skip
"""PCIe 3, through the memory of the host: 25 % of the bus."""

HOST_PCIE_5: Final = Ring(3.5e-6, 4.1e-6, 27.2e9, (
    "nccl-tests of 4 RTX 5090 without peer access: NVIDIA/nccl-tests issue 287"))  # fmt: skip
"""PCIe 5, through the memory of the host: 43 % of the bus."""

PEER_PCIE_3: Final = Ring(3.5e-6, 1.7e-6, 9.5e9, (
    "nccl-tests of 4 V100-PCIE: documentation of Sheffield's Bessemer, "
    "rcgsheffield/sheffield_hpc"))  # fmt: skip
"""PCIe 3, from peer to peer: 59 % of the bus."""

PEER_PCIE_4: Final = Ring(3.5e-6, 2.6e-6, 23.8e9, (
    "nccl-tests of 4 RTX 4090 with a changed driver: yiguCM/pptest_driver; Vidur @ 7d47513, "
    "a100_pairwise_nvlink, 4 workers"))  # fmt: skip
"""PCIe 4, from peer to peer: 74 % of the bus. tinygrad's six RTX 4090 reach as much."""

PEER_PCIE_5: Final = Ring(3.5e-6, 2.6e-6, 47.0e9, (
    "4 RTX PRO 6000 at 45.6 GB/s: local-inference-lab/rtx6kpro, optimization/nccl-tuning.md; "
    "Vidur @ 7d47513, h100_pairwise_nvlink, 4 workers, at 49.5; latency as PCIe 4"))  # fmt: skip
"""PCIe 5, from peer to peer: 74 % of the bus."""

_PAIRS_PCIE_4: Final = Ring(3.5e-6, 2.8e-6, 23.7e9, (
    "Vidur @ 7d47513: a100_pairwise_nvlink all_reduce.csv, 4 workers; latency as without bridges"
))  # fmt: skip
_BRIDGE_AMPERE: Final = Ring(5e-6, 2.8e-6, 47.4e9, (
    "nccl-tests of a bridged pair of A40: 47.4 GB/s; NCCL counts 12 GB/s a link (SM86_NVLINK_BW in "
    "src/graph/topo.h); latency as of a bridged pair of RTX 2080 Ti, NVIDIA/nccl-tests issue 44"
))  # fmt: skip

_THROUGH_HOST: Final = 0.45
_UNKNOWN_NVLINK: Final = (3e-5, 0.7)


def bridged(device: str) -> tuple[tuple[int, Line], ...]:
    """GPUs of the A40's generation, bridged in pairs: beyond two, the ring crosses PCIe."""
    return _BRIDGE_AMPERE.lines(device, (2,)) + _PAIRS_PCIE_4.lines(device, range(3, 9))


def linked(device: Hardware, ring: Ring) -> Hardware:
    """The device in a server whose GPUs pass data on as ``ring`` says.

    Raises
    ------
    OptionError
        If it is no GPU.
    """
    if device.efficiency is None:
        raise OptionError(f"{device.name} is no GPU", hint="only GPUs run a model together")
    efficiency = replace(device.efficiency, all_reduce=ring.lines(device.name.lower()))
    return replace(device, efficiency=efficiency)


def unmeasured(device: Hardware, workers: int) -> Line:
    """An all-reduce among a number of GPUs for which the device holds none.

    A shorter or longer ring than one it holds; else 70 % of NVLink, which is a guess, or 45 % of
    the bus, through the host.
    """
    name = f"{device.name}-allreduce{workers}"
    known = dict(device.efficiency.all_reduce) if device.efficiency is not None else {}
    if known and (workers > max(known) or not device.gpu_link.value):
        near = min((n for n in known if n > workers), default=max(known))
        line, longer = known[near], (workers - 1) / (near - 1)
        return Line(line.fixed * longer, line.slope * longer * near / workers, Calibration(
            name, "inferred", f"a ring as among {near}"
        ))  # fmt: skip
    if device.gpu_link.value:
        fixed, share = _UNKNOWN_NVLINK
        slope = 2 * (workers - 1) / workers / (share * device.gpu_link.value)
        return Line(fixed, slope, Calibration(name, "inferred", "70 % of the link, a ring"))
    if device.host_link.value <= 0:
        raise OptionError(f"{device.name} has no link to other GPUs")
    ring = replace(HOST_PCIE_4, bandwidth=_THROUGH_HOST * device.host_link.value,
                   source="45 % of the bus, a ring through the host")  # fmt: skip
    return ring.line(device.name, workers)
