"""Times of the kernels of one model, sharded over the GPUs of a node, as functions of the batch.

Tensor parallelism divides weights, heads and operations; activations, norms and the router are
computed by every rank, and KV heads are copied where there are fewer of them than ranks. All counts
are per rank. Everything here is a sum of a part that depends on the number of tokens, one on the
number of sequences, and parts linear in the context and in the pairs of chunks, which is what
:class:`..step.StepCost` asks for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray
from makespan.serving.cost.calibration.record import Calibration
from makespan.serving.cost.calibration.tables import activation_bytes, norm_bytes
from makespan.serving.cost.hardware import Efficiency, Hardware, Line
from makespan.serving.cost.host import Host, padded
from makespan.serving.cost.links import unmeasured
from makespan.serving.cost.models import ModelShape
from makespan.serving.cost.popularity import Popularity, uniform
from makespan.serving.cost.roofline import gemm_bytes, gemm_flops

FloatArray = npt.NDArray[np.floating]

ACTIVATION_BYTES: Final = 2.0


class Work(NamedTuple):
    """One kind of kernel over an array of token counts: seconds, and what it computes and moves."""

    op: str
    seconds: FloatArray
    flops: FloatArray
    hbm_bytes: FloatArray
    expert_bytes: FloatArray
    comm_bytes: FloatArray


class Attention(NamedTuple):
    """Seconds of the attention of one layer, by what they are proportional to."""

    fixed: float
    per_sequence: float
    per_context: float
    per_pair: float
    per_token: float  # of chunks, but for the first of each sequence


@dataclass(frozen=True, slots=True, eq=False)
class Kernels:
    """A model on ``tp`` GPUs.

    Attributes
    ----------
    device, shape, tp
        What runs where.
    host
        Overhead of the host.
    popularity
        Of the experts; uniform if not given.
    all_reduce_fixed
        Seconds of a small all-reduce instead of those fitted. NCCL was measured; the one-shot
        kernels of engines take about 1e-5 for the messages of a decode.
    expert_parallel
        Whether every GPU holds some experts whole instead of a slice of each.
    peers
        Data-parallel groups of ``tp`` GPUs that share the experts among them, with
        ``expert_parallel``. They go in step and are taken to be equally loaded; tokens travel to
        the experts and back.
    """

    device: Hardware
    shape: ModelShape
    tp: int = 1
    host: Host = field(default_factory=Host)
    popularity: Popularity | None = None
    all_reduce_fixed: float | None = None
    expert_parallel: bool = False
    peers: int = 1

    def __post_init__(self) -> None:
        shape, tp = self.shape, self.tp
        if self.device.efficiency is None:
            raise OptionError(f"{self.device.name} is no GPU", hint="take one to run the model")
        if tp < 1 or shape.heads % tp:
            raise OptionError(
                f"{shape.name!r} has {shape.heads} heads, tp is {tp}", hint="it must divide them"
            )
        if max(shape.kv_heads, tp) % min(shape.kv_heads, tp):
            raise OptionError(f"{shape.name!r}: {shape.kv_heads} KV heads over {tp} GPUs",
                              hint="one of the two must be a multiple of the other")  # fmt: skip
        self._check_experts()

    def _check_experts(self) -> None:
        shape, ranks = self.shape, self.expert_ranks
        if self.peers < 1 or (self.peers > 1 and not self.expert_parallel):
            raise OptionError(f"{self.peers} peers", hint="peers share experts: expert_parallel")
        if self.expert_parallel and (shape.experts is None or shape.experts.count % ranks):
            raise OptionError(f"the experts of {shape.name!r} cannot be spread over {ranks} GPUs")
        if self.popularity is None:
            if shape.experts is not None:
                object.__setattr__(self, "popularity", uniform(shape))
        else:
            moe, table = shape.experts, self.popularity.chosen
            if moe is None or table.shape[1] != moe.count or len(table) not in {
                1, shape.moe_layers
            }:  # fmt: skip
                raise OptionError(
                    f"popularity of {table.shape[0]} layers and {table.shape[1]} experts does not "
                    f"fit {shape.name!r}"
                )

    @property
    def expert_ranks(self) -> int:
        """GPUs over which whole experts are spread."""
        return self.tp * self.peers if self.expert_parallel else 1

    @property
    def efficiency(self) -> Efficiency:
        """Of the device."""
        assert self.device.efficiency is not None
        return self.device.efficiency

    @property
    def kv_heads(self) -> int:
        """KV heads that one rank holds."""
        return max(self.shape.kv_heads // self.tp, 1)

    @property
    def kv_bytes_per_layer(self) -> float:
        """Bytes that a rank keeps per token and layer."""
        if self.shape.latent is not None:
            return self.shape.kv_bytes_per_layer
        return 2 * self.kv_heads * self.shape.head_dim * self.shape.kv_bytes

    def calibration(self, op: str) -> Calibration:
        """Record behind the times of one operator.

        A fit to 16-bit weights says little of other widths, one to plain attention little of
        latent attention, and one to whole experts little of their slices.
        """
        found, device = self.efficiency, self.device.name
        if op == "host":
            return Calibration(f"{device}-host", "inferred", "an assumed overhead of the host")
        if op in {"norm", "final_norm", "embedding", "rope"}:
            return found.norm.calibration
        if op.endswith("activation"):
            return found.activation.calibration
        if op == "sampling":
            return found.sampling.calibration
        if op in {"all_reduce", "gather_logits"}:
            return self.all_reduce(self.tp).calibration
        if op == "exchange":
            return self.all_reduce(self.peers).calibration
        if op.startswith("attention"):
            fit, known = found.attention.calibration, self.shape.latent is None
        elif op == "experts":
            fit = found.experts.calibration
            known = (
                self.tp == 1 or self.expert_parallel
            ) and self.shape.expert_weight_bytes == ACTIVATION_BYTES
        else:
            fit, known = found.gemm.calibration, self.shape.weight_bytes == ACTIVATION_BYTES
        return fit if known else Calibration(fit.id, "inferred", f"beyond its data: {fit.source}")

    def all_reduce(self, workers: int) -> Line:
        """Seconds of an all-reduce by bytes of the message."""
        found = dict(self.efficiency.all_reduce).get(workers) or unmeasured(self.device, workers)
        if self.all_reduce_fixed is None:
            return found
        return Line(self.all_reduce_fixed, found.slope, found.calibration)

    def rows(self, tokens: IntArray) -> IntArray:
        """Rows that are computed for ``tokens``."""
        return padded(tokens) if self.host.mode == "graph" else tokens

    def _gemm(self, op: str, tokens: IntArray, *sizes: tuple[float, float]) -> Work:
        """Products of one name, by (inner, outer) sizes."""
        seconds, flops, moved = (np.zeros(tokens.shape) for _ in range(3))
        for inner, outer in sizes:
            work = gemm_flops(tokens, inner, outer)
            traffic = gemm_bytes(tokens, inner, outer, self.shape.weight_bytes, ACTIVATION_BYTES)
            seconds += self.efficiency.gemm.seconds(
                work, traffic, self.device.compute.value, self.device.bandwidth.value
            )
            flops += 2.0 * tokens * inner * outer
            moved += traffic
        return self._nothing_of(op, tokens, seconds, flops, moved)

    def _line(self, op: str, tokens: IntArray, line: Line, moved: FloatArray, times: int) -> Work:
        seconds = times * (line.fixed + line.slope * moved)
        return self._nothing_of(op, tokens, seconds, 5.0 * moved / 2 * times, moved * times)

    @staticmethod
    def _nothing_of(
        op: str,
        tokens: IntArray,
        seconds: FloatArray,
        flops: FloatArray,
        moved: FloatArray,
        experts: FloatArray | None = None,
        comm: FloatArray | None = None,
    ) -> Work:
        """A kernel that takes no time where there are no tokens."""
        some = (tokens > 0).astype(float)
        zero = np.zeros(np.shape(seconds))
        return Work(op, seconds * some, flops * some, moved * some,
                    zero if experts is None else experts * some,
                    zero if comm is None else comm * some)  # fmt: skip

    def layer(self, tokens: IntArray, layer: int) -> list[Work]:
        """Kernels of a layer other than attention, by tokens in the batch."""
        shape, d, rows = self.shape, self.shape.hidden, self.rows(tokens)
        found = self.efficiency
        heads, h = shape.heads / self.tp, shape.head_dim
        width = self.qkv_width
        works = [self._line("norm", rows, found.norm, norm_bytes(rows, d), 2)]
        if shape.latent is None:
            works.append(self._gemm("qkv", rows, (d, width)))
            out = heads * h
        else:
            # Absorbed: queries are carried into the latent space and values out of it, per head
            # (DeepSeek-V2, arXiv 2405.04434, section 2.1.2).
            mla = shape.latent
            down = (d, mla.q_rank + mla.kv_rank + mla.rope)
            up = (mla.q_rank, heads * (mla.nope + mla.rope))
            if not mla.q_rank:
                down, up = (d, mla.kv_rank + mla.rope), (d, heads * (mla.nope + mla.rope))
            works.append(self._gemm("qkv", rows, down, up))
            works.append(self._gemm("absorb", rows, (mla.nope, heads * mla.kv_rank),
                                    (mla.kv_rank, heads * mla.value)))  # fmt: skip
            out = heads * mla.value
        works.append(self._line("rope", rows, found.norm, 4.0 * rows * width, 1))
        works.append(self._gemm("o", rows, (out, d)))
        if self.has_experts(layer):
            works += self._experts(tokens, rows, layer)
        else:
            works += self._dense(rows, shape.ffn)
        if self.tp > 1:
            works.append(self._all_reduce(rows))
        return works

    @property
    def qkv_width(self) -> float:
        """Numbers per token that a rank projects for attention."""
        if self.shape.latent is None:
            return (self.shape.heads / self.tp + 2 * self.kv_heads) * self.shape.head_dim
        mla = self.shape.latent
        return self.shape.heads / self.tp * (mla.nope + mla.rope) + mla.kv_rank + mla.rope

    def has_experts(self, layer: int) -> bool:
        """Whether the feed-forward block of a layer is a mixture of experts."""
        moe = self.shape.experts
        return moe is not None and layer >= moe.dense_layers

    def _dense(self, rows: IntArray, ffn: float, prefix: str = "") -> list[Work]:
        width = ffn / self.tp
        d, ins = self.shape.hidden, self.shape.matrices - 1
        return [
            self._gemm(f"{prefix}gate_up", rows, (d, ins * width)),
            self._line(f"{prefix}activation", rows, self.efficiency.activation,
                       activation_bytes(rows, width), 1),
            self._gemm(f"{prefix}down", rows, (width, d)),
        ]  # fmt: skip

    def _experts(self, tokens: IntArray, rows: IntArray, layer: int) -> list[Work]:
        shape, moe = self.shape, self.shape.experts
        assert moe is not None
        works = [
            self._gemm("router", rows, (shape.hidden, moe.count)),
            *self.met(tokens * self.peers, layer),
        ]
        if moe.shared_width:
            works += self._dense(rows, moe.shared_width, "shared_")
        return works

    def met(self, seen: IntArray, layer: int) -> list[Work]:
        """Kernels of a layer that depend on the tokens of all peers, whose number is given."""
        shape, moe, table = self.shape, self.shape.experts, self.popularity
        assert moe is not None
        assert table is not None
        one = table
        if len(table.chosen) > 1:
            row = layer - moe.dense_layers
            one = Popularity(table.chosen[row : row + 1])
        if self.expert_parallel:
            # Ranks hold consecutive experts; the one with the most work is waited for.
            groups = np.split(one.chosen, self.expert_ranks, axis=1)
            touched = np.max([Popularity(part).distinct(seen)[0] for part in groups], axis=0)
            share = max(float(part.sum()) for part in groups)
            weights = float(shape.expert_parameters)
        else:
            touched, share = one.distinct(seen)[0], float(moe.per_token)
            weights = shape.expert_parameters / self.tp
        traffic = touched * weights * shape.expert_weight_bytes
        flops = 2.0 * seen * share * weights
        seconds = self.efficiency.experts.seconds(
            flops, traffic, self.device.compute.value, self.device.bandwidth.value
        )
        works = [self._nothing_of("experts", seen, seconds, flops, traffic, traffic)]
        if self.peers > 1:
            works.append(self._exchange(seen))
        return works

    def _all_reduce(self, rows: IntArray) -> Work:
        message = rows * (self.shape.hidden * ACTIVATION_BYTES)
        line = self.all_reduce(self.tp)
        sent = 2 * message * 2 * (self.tp - 1) / self.tp
        zero = np.zeros(rows.shape)
        return self._nothing_of(
            "all_reduce", rows, 2 * (line.fixed + line.slope * message), zero, zero, comm=sent
        )

    def _exchange(self, seen: IntArray) -> Work:
        """Gathering all peers' tokens before the experts, and scattering the sums after them."""
        message = seen * (self.shape.hidden * ACTIVATION_BYTES)
        line, zero = self.all_reduce(self.peers), np.zeros(seen.shape)
        # An all-reduce is a reduce-scatter and a gathering, so the two here take as long as one.
        return self._nothing_of(
            "exchange", seen, line.fixed + line.slope * message, zero, zero,
            comm=message * 2 * (self.peers - 1) / self.peers,
        )  # fmt: skip

    def once(self, tokens: IntArray) -> list[Work]:
        """Kernels once per step, by tokens in the batch."""
        rows, d, norm = self.rows(tokens), self.shape.hidden, self.efficiency.norm
        return [
            self._line("embedding", rows, norm, 2 * ACTIVATION_BYTES * rows * d, 1),
            self._line("final_norm", rows, norm, norm_bytes(rows, d), 1),
        ]

    def sampled(self, sampled: IntArray) -> list[Work]:
        """Kernels once per step, by rows whose next token is asked for."""
        shape = self.shape
        works = [self._gemm("lm_head", sampled, (shape.hidden, shape.vocabulary / self.tp))]
        if self.tp > 1:
            message = sampled * (shape.vocabulary * ACTIVATION_BYTES)
            line, zero = self.all_reduce(self.tp), np.zeros(sampled.shape)
            # Gathering passes each byte half as often as reducing does.
            works.append(self._nothing_of(
                "gather_logits", sampled, line.fixed + line.slope / 2 * message, zero, zero,
                comm=message * (self.tp - 1) / self.tp,
            ))  # fmt: skip
        line, zero = self.efficiency.sampling, np.zeros(sampled.shape)
        works.append(self._nothing_of(
            "sampling", sampled, line.fixed + line.slope * sampled, zero,
            sampled * (shape.vocabulary * ACTIVATION_BYTES),
        ))  # fmt: skip
        return works

    def attention(self, *, chunk: bool) -> Attention:
        """Attention of one layer, when all sequences decode or beside a chunk."""
        found, shape = self.efficiency.attention, self.shape
        peak, bandwidth = self.device.compute.value, self.device.bandwidth.value
        heads = shape.heads / self.tp
        read = self.kv_bytes_per_layer / (bandwidth * found.memory)
        if shape.latent is not None:
            # Decoding works on the latent vectors, at about 2 * (2 rank + rope) operations per
            # head and token; chunks expand them to full heads.
            mla = shape.latent
            read += 2 * heads * (2 * mla.kv_rank + mla.rope) / (peak * found.compute)
            per_pair = heads * (mla.nope + mla.rope + mla.value) / (peak * found.compute)
        else:
            per_pair = 2 * heads * shape.head_dim / (peak * found.compute)
        if not chunk:
            return Attention(found.fixed, found.per_sequence, read, 0.0, 0.0)
        if shape.latent is None:
            by_query_head = 2 * heads * shape.head_dim * shape.kv_bytes
            read = max(read, by_query_head / (bandwidth * found.shared))
        return Attention(found.chunk_fixed, found.chunk_per_sequence, read, per_pair,
                         per_pair * found.diagonal)  # fmt: skip

    @property
    def attention_flops(self) -> float:
        """Operations per query-key pair in one layer, decoding."""
        heads = self.shape.heads / self.tp
        if self.shape.latent is not None:
            return 2 * heads * (2 * self.shape.latent.kv_rank + self.shape.latent.rope)
        return 4 * heads * self.shape.head_dim

    def waiting(self, busy: FloatArray | float) -> FloatArray | float:
        """Seconds that the host adds to a step whose kernels take ``busy`` without the context."""
        return self.host.waiting(busy, self.shape.layers)
