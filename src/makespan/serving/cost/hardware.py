"""Devices: what the vendor says of them, and how close to it their kernels come.

Every figure says where it is from and of which kind it is. ``hardware("H100-SXM")`` looks up a
known one; :func:`register` adds another, :mod:`.hardware_json` reads one from a file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from makespan.core.errors import OptionError
from makespan.serving.cost.calibration.record import KIND_NAMES, Calibration, Kind
from makespan.serving.cost.roofline import Roofline

GIB: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of the real world.

    Attributes
    ----------
    value
        In the unit of the field that holds it.
    kind
        A vendor's specification, fitted to measurements, or inferred.
    source
        Data sheet, data set, or what it was inferred from.
    """

    value: float
    kind: Kind
    source: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.value) and self.value >= 0):
            raise OptionError(f"a figure is {self.value} ({self.source})")
        if self.kind not in KIND_NAMES:
            raise OptionError(f"a figure is {self.kind!r}", hint=f"one of {', '.join(KIND_NAMES)}")


@dataclass(frozen=True, slots=True)
class AttentionEfficiency:
    """Attention of one layer: ``fixed + per_sequence n + bytes / (B m) + operations / (F c)``.

    Operations are those of the query-key pairs, and of what tiles waste on the diagonal: a chunk
    pays for ``diagonal`` more pairs per token.

    Linear in the context and in the query-key pairs. If all sequences compute one token, the
    kernel reads each key and value once for all query heads that share it. If any computes a chunk,
    it works per query head instead, mostly out of the cache of the device: its rate, ``shared``,
    counts keys and values once per *query* head and goes beyond the bandwidth of the memory. Both
    were measured; that the same layers cost 2 to 4 times as much per token of context beside a
    chunk is no small thing.

    Attributes
    ----------
    fixed, per_sequence
        Seconds per call and per sequence, all of them decoding.
    memory
        Fraction of the bandwidth, all of them decoding.
    chunk_fixed, chunk_per_sequence
        Seconds per call and per sequence beside a chunk.
    shared
        Multiple of the bandwidth beside a chunk, by query heads.
    compute
        Fraction of the peak for the pairs of chunks.
    diagonal
        Twice the pairs wasted per token of a chunk after its first.
    calibration
        Where these come from.
    """

    fixed: float
    per_sequence: float
    memory: float
    chunk_fixed: float
    chunk_per_sequence: float
    shared: float
    compute: float
    diagonal: float
    calibration: Calibration

    def __post_init__(self) -> None:
        times = (self.fixed, self.per_sequence, self.chunk_fixed, self.chunk_per_sequence)
        if min(*times, self.diagonal) < 0 or min(self.memory, self.shared, self.compute) <= 0:
            raise OptionError(f"impossible attention {self.calibration.id!r}")


@dataclass(frozen=True, slots=True)
class Line:
    """``seconds = fixed + slope * amount``: elementwise kernels, sampling, all-reduce."""

    fixed: float
    slope: float
    calibration: Calibration

    def __post_init__(self) -> None:
        if self.fixed < 0 or self.slope < 0:
            raise OptionError(f"impossible line {self.calibration.id!r}")


@dataclass(frozen=True, slots=True)
class Efficiency:
    """How close to its peaks a device comes, by kind of kernel.

    Attributes
    ----------
    gemm
        Matrix products of dense layers and of the output layer.
    experts
        Fused experts.
    attention
        Attention.
    norm, activation
        Seconds by bytes moved.
    sampling
        Seconds by sampled rows.
    all_reduce
        (workers, seconds by bytes of the message), by workers.
    """

    gemm: Roofline
    experts: Roofline
    attention: AttentionEfficiency
    norm: Line
    activation: Line
    sampling: Line
    all_reduce: tuple[tuple[int, Line], ...] = ()


@dataclass(frozen=True, slots=True)
class Hardware:
    """A GPU, or a processor that computes attention beside one.

    Attributes
    ----------
    name
        To look it up.
    kind
        ``gpu`` or ``cpu``.
    compute
        Operations per second: dense, 16-bit inputs on tensor cores; 0 for processors, whose
        attention is bound by memory.
    bandwidth
        Bytes per second of the device's memory.
    memory
        Bytes.
    host_link, gpu_link
        Bytes per second in one direction, to the host and among GPUs of a node (0: none).
    power
        Watts at most.
    efficiency
        Of the kernels; None for processors.
    """

    name: str
    kind: Literal["gpu", "cpu"]
    compute: Figure
    bandwidth: Figure
    memory: Figure
    host_link: Figure
    gpu_link: Figure
    power: Figure
    efficiency: Efficiency | None

    def __post_init__(self) -> None:
        if self.kind not in {"gpu", "cpu"}:
            raise OptionError(f"hardware {self.name!r} is a {self.kind!r}", hint="gpu or cpu")
        if self.bandwidth.value <= 0:
            raise OptionError(f"hardware {self.name!r} has no bandwidth")
        if self.kind == "gpu" and (self.efficiency is None or self.compute.value <= 0):
            raise OptionError(f"hardware {self.name!r} computes nothing")


_REGISTERED: dict[str, Hardware] = {}


def hardware_names() -> list[str]:
    """Names of all known devices."""
    return [item.name for item in _known().values()]


def _known() -> dict[str, Hardware]:
    from makespan.serving.cost.devices import DEVICES

    return {item.name.lower(): item for item in DEVICES} | _REGISTERED


def hardware(name: str | Hardware) -> Hardware:
    """A known device, case does not matter; a device is returned as it is.

    A part of a name between hyphens will do where only one device has it: ``A100``, ``4090``.

    Raises
    ------
    OptionError
        If there is none of this name; the message lists those there are.
    """
    if isinstance(name, Hardware):
        return name
    known = _known()
    found = known.get(name.lower())
    if found is None:
        parts = [item for key, item in known.items() if name.lower() in key.split("-")]
        if len(parts) != 1:
            several = f", but {' and '.join(item.name for item in parts)}" if parts else ""
            raise OptionError(
                f"no hardware {name!r}{several}",
                hint=f"known: {', '.join(hardware_names())}; read_hardware reads another from JSON",
            )
        found = parts[0]
    return found


def register(device: Hardware) -> None:
    """Make a device known to :func:`hardware`.

    Raises
    ------
    OptionError
        If the name is taken.
    """
    if device.name.lower() in _known():
        raise OptionError(f"hardware {device.name!r} is there already", hint="choose another name")
    _REGISTERED[device.name.lower()] = device
