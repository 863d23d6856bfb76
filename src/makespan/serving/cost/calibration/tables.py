"""Readers of public tables of measured operators.

Vidur (github.com/microsoft/vidur, MIT; Agrawal et al., MLSys 2024): ``mlp.csv`` with statistics in
milliseconds of the kernels of a layer, and ``all_reduce.csv``. LLMServingSim
(github.com/casys-kaist/LLMServingSim, MIT; Cho et al., IISWC 2024): ``dense.csv``,
``attention.csv``, ``moe.csv`` and ``per_sequence.csv`` in microseconds. Both count tokens in rows
and shard by tensor parallelism.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from makespan.io.text import shown
from makespan.serving.cost.calibration.columns import Columns, Source, load_text
from makespan.serving.cost.models import ModelShape

FloatArray = npt.NDArray[np.float64]
GEMMS: Final = ("qkv", "o", "gate_up", "down")
"""Matrix products of a layer with dense feed-forward."""

_VIDUR_GEMMS: Final = dict(
    zip(GEMMS, ("attn_pre_proj", "attn_post_proj", "mlp_up_proj", "mlp_down_proj"), strict=True)
)
_SIM_GEMMS: Final = dict(
    zip(("qkv_proj", "o_proj", "gate_up_proj", "down_proj"), GEMMS, strict=True)
)


@dataclass(frozen=True, slots=True, eq=False)
class GemmRows:
    """Measured products ``(tokens, inner) @ (inner, outer)``, seconds."""

    op: tuple[str, ...]
    tokens: FloatArray
    inner: FloatArray
    outer: FloatArray
    seconds: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class ElementwiseRows:
    """Measured kernels that only move bytes, seconds."""

    op: tuple[str, ...]
    tokens: FloatArray
    moved: FloatArray
    seconds: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class AttentionRows:
    """Measured attention of one layer, seconds.

    ``chunk`` new tokens of one sequence after ``past`` cached ones, beside ``sequences`` that
    decode at ``context`` tokens each.
    """

    chunk: FloatArray
    past: FloatArray
    sequences: FloatArray
    context: FloatArray
    seconds: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class ExpertRows:
    """Measured fused experts of one layer by tokens and distinct experts touched, seconds."""

    tokens: FloatArray
    experts: FloatArray
    seconds: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class SequenceRows:
    """Measured kernels once per step by sampled rows, seconds."""

    op: tuple[str, ...]
    sequences: FloatArray
    seconds: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class AllReduceRows:
    """Measured all-reduces by workers and bytes of the message, seconds."""

    workers: FloatArray
    message: FloatArray
    seconds: FloatArray


def read_vidur_mlp(source: Source) -> GemmRows:
    """Matrix products of Vidur's ``mlp.csv``: medians, all degrees of tensor parallelism.

    Raises
    ------
    FormatError
        If a column is missing or a number impossible.
    """
    shape = ("n_head", "n_kv_head", "n_embd", "n_expanded_embd")
    columns = Columns(
        load_text(source),
        [*(f"time_stats.{name}.median" for name in _VIDUR_GEMMS.values()), *shape,
         "use_gated_mlp", "num_tokens", "num_tensor_parallel_workers"],
    )  # fmt: skip
    heads, kv_heads, hidden, wide = (columns.numbers(name, 1.0) for name in shape)
    tokens, tp = (
        columns.numbers("num_tokens", 1.0),
        columns.numbers("num_tensor_parallel_workers", 1.0),
    )
    gated = np.array([word.lower() == "true" for word in columns.words("use_gated_mlp")])
    head = hidden / heads
    inner = {"qkv": hidden, "o": hidden / tp, "gate_up": hidden, "down": wide / tp}
    outer = {
        "qkv": (heads / tp + 2 * np.maximum(kv_heads / tp, 1.0)) * head,
        "o": hidden,
        "gate_up": wide * np.where(gated, 2.0, 1.0) / tp,
        "down": hidden,
    }
    times = [columns.numbers(f"time_stats.{_VIDUR_GEMMS[op]}.median", above=True) for op in GEMMS]
    count = len(tokens)
    return GemmRows(
        op=tuple(op for op in GEMMS for _ in range(count)),
        tokens=np.tile(tokens, len(GEMMS)),
        inner=np.concatenate([inner[op] for op in GEMMS]),
        outer=np.concatenate([outer[op] for op in GEMMS]),
        seconds=np.concatenate(times) * 1e-3,
    )


def read_vidur_elementwise(source: Source) -> ElementwiseRows:
    """Norm and activation of Vidur's ``mlp.csv``; bytes as :mod:`..operators` counts them."""
    names = {"norm": "input_layernorm", "activation": "mlp_act"}
    columns = Columns(
        load_text(source),
        [*(f"time_stats.{name}.median" for name in names.values()), "n_embd", "n_expanded_embd",
         "use_gated_mlp", "num_tokens", "num_tensor_parallel_workers"],
    )  # fmt: skip
    tokens = columns.numbers("num_tokens", 1.0)
    tp = columns.numbers("num_tensor_parallel_workers", 1.0)
    moved = {
        "norm": norm_bytes(tokens, columns.numbers("n_embd", 1.0)),
        "activation": activation_bytes(tokens, columns.numbers("n_expanded_embd", 1.0) / tp),
    }
    return ElementwiseRows(
        op=tuple(op for op in names for _ in range(len(tokens))),
        tokens=np.tile(tokens, len(names)),
        moved=np.concatenate([moved[op] for op in names]),
        seconds=np.concatenate(
            [columns.numbers(f"time_stats.{name}.median", above=True) for name in names.values()]
        ) * 1e-3,
    )  # fmt: skip


def norm_bytes(tokens: npt.ArrayLike, hidden: npt.ArrayLike) -> FloatArray:
    """Bytes of a norm that adds the residual: two vectors read, two written, 2 bytes a number."""
    return np.asarray(8.0 * np.asarray(tokens, float) * np.asarray(hidden, float))


def activation_bytes(tokens: npt.ArrayLike, width: npt.ArrayLike) -> FloatArray:
    """Bytes of a gated activation: two vectors read, one written, 2 bytes a number."""
    return np.asarray(6.0 * np.asarray(tokens, float) * np.asarray(width, float))


def read_vidur_all_reduce(source: Source) -> AllReduceRows:
    """All-reduces of Vidur's ``all_reduce.csv`` within one node: medians; ``size`` is bytes.

    The table also has workers spread over nodes, an order of magnitude slower; they are left out.
    """
    columns = Columns(
        load_text(source),
        ["time_stats.all_reduce.median", "num_workers", "size", "collective", "devices_per_node"],
    )
    for row, word in enumerate(columns.words("collective")):
        if word != "all_reduce":
            raise columns.error(columns.line(row), f"collective is {shown(word)}", "all_reduce")
    workers = columns.numbers("num_workers", 2.0)
    near = workers <= columns.numbers("devices_per_node", 1.0)
    return AllReduceRows(
        workers=workers[near],
        message=columns.numbers("size", above=True)[near],
        seconds=columns.numbers("time_stats.all_reduce.median", above=True)[near] * 1e-3,
    )


def read_dense(source: Source, shape: ModelShape, tp: int = 1) -> GemmRows:
    """Matrix products of LLMServingSim's ``dense.csv``, of a model whose shape is given."""
    columns = Columns(load_text(source), ["layer", "tokens", "time_us"])
    words = columns.words("layer")
    kept = np.array([k for k, word in enumerate(words) if word in _SIM_GEMMS], dtype=np.int64)
    if not len(kept):
        raise columns.error(1, "no matrix product among the layers", ", ".join(_SIM_GEMMS))
    op = tuple(_SIM_GEMMS[words[k]] for k in kept)
    d, h = shape.hidden, shape.head_dim
    inner = {"qkv": d, "o": shape.heads * h / tp, "gate_up": d, "down": shape.ffn / tp}
    outer = {
        "qkv": (shape.heads / tp + 2 * max(shape.kv_heads / tp, 1.0)) * h,
        "o": d,
        "gate_up": 2 * shape.ffn / tp,
        "down": d,
    }
    return GemmRows(
        op=op,
        tokens=columns.numbers("tokens", 1.0)[kept],
        inner=np.array([float(inner[name]) for name in op]),
        outer=np.array([float(outer[name]) for name in op]),
        seconds=columns.numbers("time_us", above=True)[kept] * 1e-6,
    )


def read_dense_elementwise(source: Source, shape: ModelShape, tp: int = 1) -> ElementwiseRows:
    """Norm and activation of LLMServingSim's ``dense.csv``."""
    columns = Columns(load_text(source), ["layer", "tokens", "time_us"])
    names = {"layernorm": "norm", "act_fn": "activation"}
    words, tokens = columns.words("layer"), columns.numbers("tokens", 1.0)
    kept = np.array([k for k, word in enumerate(words) if word in names], dtype=np.int64)
    if not len(kept):
        raise columns.error(1, "no norm or activation among the layers", ", ".join(names))
    op = tuple(names[words[k]] for k in kept)
    norm, act = (
        norm_bytes(tokens[kept], shape.hidden),
        activation_bytes(tokens[kept], shape.ffn / tp),
    )
    return ElementwiseRows(
        op=op,
        tokens=tokens[kept],
        moved=np.where(np.array(op) == "norm", norm, act),
        seconds=columns.numbers("time_us", above=True)[kept] * 1e-6,
    )


def read_attention(source: Source) -> AttentionRows:
    """Attention of LLMServingSim's ``attention.csv``."""
    names = ("prefill_chunk", "kv_prefill", "n_decode", "kv_decode")
    columns = Columns(load_text(source), [*names, "time_us"])
    chunk, past, sequences, context = (columns.numbers(name) for name in names)
    return AttentionRows(
        chunk, past, sequences, context, columns.numbers("time_us", above=True) * 1e-6
    )


def read_experts(source: Source) -> ExpertRows:
    """Fused experts of LLMServingSim's ``moe.csv``."""
    columns = Columns(load_text(source), ["tokens", "activated_experts", "time_us"])
    return ExpertRows(
        tokens=columns.numbers("tokens", 1.0),
        experts=columns.numbers("activated_experts", 1.0),
        seconds=columns.numbers("time_us", above=True) * 1e-6,
    )


def read_per_sequence(source: Source) -> SequenceRows:
    """Output layer and sampler of LLMServingSim's ``per_sequence.csv``."""
    columns = Columns(load_text(source), ["layer", "sequences", "time_us"])
    return SequenceRows(
        op=tuple(columns.words("layer")),
        sequences=columns.numbers("sequences", 1.0),
        seconds=columns.numbers("time_us", above=True) * 1e-6,
    )
