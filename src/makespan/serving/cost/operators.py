"""The operators of one step, one row each: what takes the time, layer by layer.

A list rather than one number, so that a policy can stop after an operator, run a chunk in some
layers only, move the attention of some sequences to a CPU, or count the traffic of experts. Its sum
is the duration of a step; :class:`..operator_cost.OperatorCost` gives the same from tables.

Times are simulated: formulas fitted to measured kernels (:mod:`.devices` says which), not measured
steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray
from makespan.serving.cost.batch import Batch, Block, Chunk
from makespan.serving.cost.hardware import Hardware, hardware
from makespan.serving.cost.host import Host
from makespan.serving.cost.kernels import Kernels, Work
from makespan.serving.cost.models import ModelShape, model
from makespan.serving.cost.popularity import Popularity

FloatArray = npt.NDArray[np.float64]

STEP: Final = -1
"""Layer of operators that run once per step."""

CPU_LAUNCH: Final = 8e-5
"""Seconds to hand one layer's attention to a CPU; 60 to 100 us are usual [inferred]."""

CPU_EFFICIENCY: Final = 0.7
"""Fraction of a CPU's bandwidth that its attention reaches [inferred]."""

COPY: Final = 1.5e-5
"""Seconds of a copy between host and GPU whatever its size [inferred]."""

LINK_EFFICIENCY: Final = 0.8
"""Fraction of the host link that copies reach [inferred]."""

SCATTER: Final = 3e-6
"""Seconds more for each block that is not contiguous with the one before [inferred]."""


class Row(NamedTuple):
    """One operator; bytes and operations are those of one GPU."""

    layer: int
    op: str
    seconds: float
    flops: float
    hbm_bytes: float
    expert_bytes: float
    comm_bytes: float
    device: str


@dataclass(frozen=True, slots=True, eq=False)
class Operators:
    """Operators of a step, in the order in which they run.

    Attributes
    ----------
    layer
        Layer, or ``STEP`` for what runs once.
    op
        Names: norm, qkv, rope, attention, o, gate_up, ...
    device
        ``gpu``, ``cpu`` for offloaded attention, ``host`` for waiting.
    seconds, flops, hbm_bytes, expert_bytes, comm_bytes
        Of each; bytes per GPU.
    """

    layer: IntArray
    op: tuple[str, ...]
    device: tuple[str, ...]
    seconds: FloatArray
    flops: FloatArray
    hbm_bytes: FloatArray
    expert_bytes: FloatArray
    comm_bytes: FloatArray

    def __len__(self) -> int:
        return len(self.op)

    def __iter__(self) -> Iterator[Row]:
        for k, op in enumerate(self.op):
            yield Row(int(self.layer[k]), op, float(self.seconds[k]), float(self.flops[k]),
                      float(self.hbm_bytes[k]), float(self.expert_bytes[k]),
                      float(self.comm_bytes[k]), self.device[k])  # fmt: skip

    @property
    def elapsed(self) -> float:
        """Seconds of the step: the GPU's operators one after the other.

        A CPU works beside the attention of the GPU in the same layer and is waited for.
        """
        cpu = np.array([device == "cpu" for device in self.device], dtype=bool)
        total = float(self.seconds[~cpu].sum())
        beside = np.array([op == "attention" for op in self.op], dtype=bool)
        for layer in np.unique(self.layer[cpu]):
            here = self.layer == layer
            late = self.seconds[here & cpu].sum() - self.seconds[here & beside].sum()
            total += max(float(late), 0.0)
        return total


def operators(
    device: Hardware | str,
    shape: ModelShape | str,
    tp: int,
    batch: Batch,
    *,
    host: Host | None = None,
    popularity: Popularity | None = None,
    all_reduce_fixed: float | None = None,
    expert_parallel: bool = False,
    peers: int = 1,
    cpu: Hardware | str | None = None,
) -> Operators:
    """Operators of a step of ``batch``.

    Parameters
    ----------
    device, shape, tp
        GPUs, model, degree of tensor parallelism; known ones by name.
    batch
        Work of the step.
    host, popularity, all_reduce_fixed, expert_parallel, peers
        See :class:`Kernels`.
    cpu
        What computes offloaded attention; needed if there is any.
    """
    kernels = Kernels(
        hardware(device), model(shape), tp, host or Host(), popularity, all_reduce_fixed,
        expert_parallel, peers,
    )  # fmt: skip
    return step_operators(kernels, batch, None if cpu is None else hardware(cpu))


def step_operators(kernels: Kernels, batch: Batch, cpu: Hardware | None = None) -> Operators:
    """Operators of a step of ``batch`` on a model whose kernels are at hand."""
    if batch.offloaded and cpu is None:
        raise OptionError("offloaded attention without a CPU", hint="give cpu")
    shape = kernels.shape
    for chunk in batch.prefill:
        if max(chunk.first_layer + 1, chunk.last_layer or 0) > shape.layers:
            raise OptionError(f"{chunk} goes beyond the {shape.layers} layers of {shape.name!r}")
    out = _Rows()
    if not batch.tokens:
        return out.table()
    first = sum(c.tokens for c in batch.prefill if c.first_layer == 0)
    always = batch.tokens - sum(c.tokens for c in batch.prefill)
    busy = 0.0
    cache: dict[tuple[int, bool], list[Work]] = {}
    last = sum(c.tokens for c in batch.prefill if _ends(c, shape))
    busy += out.add(STEP, kernels.once(np.array([always + first]))[:1])
    by_layer = kernels.popularity is not None and len(kernels.popularity.chosen) > 1
    for layer in range(shape.layers):
        here = [c for c in batch.prefill
                if c.first_layer <= layer < (c.last_layer or shape.layers)]  # fmt: skip
        tokens = always + sum(c.tokens for c in here)
        if not tokens:
            continue
        moe = kernels.has_experts(layer)
        if by_layer and moe:
            works = kernels.layer(np.array([tokens]), layer)
        else:
            if (tokens, moe) not in cache:
                cache[tokens, moe] = kernels.layer(np.array([tokens]), layer)
            works = cache[tokens, moe]
        split = next(k for k, work in enumerate(works) if work.op == "rope") + 1
        busy += out.add(layer, works[:split])
        busy += _attention(out, kernels, batch, here, layer, cpu)
        busy += out.add(layer, works[split:])
    busy += out.add(STEP, kernels.once(np.array([always + last]))[1:])
    sampled = (
        sum(_ends(c, shape) for c in batch.prefill)
        + len(batch.decode)
        + len(batch.offloaded)
        # Denoising looks at the logits of every position computed.
        + sum(block.queries for block in batch.diffusion)
    )
    if sampled:
        busy += out.add(STEP, kernels.sampled(np.array([sampled])))
    out.row(STEP, "host", float(kernels.waiting(busy)), device="host")
    return out.table()


def copy_seconds(device: Hardware, amount: float, blocks: int = 1) -> float:
    """Seconds to copy bytes between a GPU and its host, in pieces that are not contiguous.

    Parameters
    ----------
    amount
        Bytes.
    blocks
        Pieces; 1 if they are gathered first.
    """
    if device.host_link.value <= 0:
        raise OptionError(f"{device.name} has no link to a host")
    scattered = SCATTER * max(blocks - 1, 0)
    return COPY + scattered + amount / (LINK_EFFICIENCY * device.host_link.value)


def _ends(chunk: Chunk, shape: ModelShape) -> bool:
    return chunk.last_layer is None or chunk.last_layer == shape.layers


def windowed_context(tokens: int, past: int, window: int) -> int:
    """Tokens that a chunk reads in a layer with a sliding window."""
    return min(past + 1, window) + tokens - 1


def windowed_pairs(tokens: int, past: int, window: int) -> int:
    """Twice the query-key pairs of a chunk in a layer with a sliding window."""
    growing = min(max(window - past, 0), tokens)
    return growing * (2 * past + growing) + 2 * window * (tokens - growing)


class _Rows:
    """Rows as they come."""

    def __init__(self) -> None:
        self._layer: list[int] = []
        self._op: list[str] = []
        self._device: list[str] = []
        self._numbers: list[tuple[float, ...]] = []

    def row(
        self, layer: int, op: str, seconds: float, flops: float = 0.0, hbm: float = 0.0,
        experts: float = 0.0, comm: float = 0.0, *, device: str = "gpu",
    ) -> None:  # fmt: skip
        self._layer.append(layer)
        self._op.append(op)
        self._device.append(device)
        self._numbers.append((seconds, flops, hbm, experts, comm))

    def add(self, layer: int, works: Sequence[Work]) -> float:
        """Append kernels of one batch; their seconds."""
        for work in works:
            seconds, *counts = (float(values[0]) for values in work[1:])
            self.row(layer, work.op, seconds, *counts)
        return sum(float(work.seconds[0]) for work in works)

    def table(self) -> Operators:
        numbers = np.array(self._numbers, dtype=float).reshape(-1, 5)
        return Operators(
            np.array(self._layer, dtype=np.int64), tuple(self._op), tuple(self._device),
            *numbers.T.copy(),
        )  # fmt: skip


def _attention(
    out: _Rows,
    kernels: Kernels,
    batch: Batch,
    chunks: Sequence[Chunk],
    layer: int,
    cpu: Hardware | None,
) -> float:
    """Append the attention of a layer; its seconds but for pairs and an unlimited context."""
    shape = kernels.shape
    window = shape.window if layer in windowed(shape) else 0
    parts = [(c.tokens, c.past) for c in chunks]
    parts += [(1, context - 1) for context in batch.decode]
    context = pairs = flops = 0.0
    later = 0
    for tokens, past in parts:
        later += tokens - 1
        seen = windowed_context(tokens, past, window) if window else past + tokens
        twice = windowed_pairs(tokens, past, window) if window else tokens * (2 * past + tokens)
        context += seen
        pairs += twice if tokens > 1 else 0
        # A query attends to itself, too: half a pair more than the mean over the diagonal.
        flops += kernels.attention_flops * (twice + tokens) / 2
    blocks: tuple[Block, ...] = batch.diffusion
    for block in blocks:
        later += block.queries - 1
        context += block.keys
        pairs += 2 * block.queries * block.keys if block.queries > 1 else 0
        flops += kernels.attention_flops * block.queries * block.keys
    sequences = len(parts) + len(blocks)
    fixed = 0.0
    if sequences:
        mixed = any(tokens > 1 for tokens, _ in parts) or any(b.queries > 1 for b in blocks)
        cost = kernels.attention(chunk=mixed)
        fixed = cost.fixed + cost.per_sequence * sequences + cost.per_token * later
        reading = cost.per_context * context
        out.row(layer, "attention", fixed + reading + cost.per_pair * pairs, flops,
                context * kernels.kv_bytes_per_layer)  # fmt: skip
        fixed += reading if window else 0.0
    if batch.offloaded and cpu is not None:
        read = sum(min(c, window) if window else c for c in batch.offloaded)
        moved = read * kernels.kv_bytes_per_layer
        passed = 2.0 * len(batch.offloaded) * kernels.qkv_width
        seconds = (
            CPU_LAUNCH
            + moved / (cpu.bandwidth.value * CPU_EFFICIENCY)
            + copy_seconds(kernels.device, passed)
        )
        out.row(layer, "attention_offloaded", seconds, device="cpu", comm=passed,
                flops=read * kernels.attention_flops)  # fmt: skip
    return fixed


def windowed(shape: ModelShape) -> range:
    """Layers with a sliding window: every other one from the first, or all.

    Where exactly they are changes no sum; models alternate (gpt-oss) or put several in a row.
    """
    count = shape.windowed_layers
    if not count:
        return range(0)
    return range(0, shape.layers, 2) if 2 * count == shape.layers else range(count)
