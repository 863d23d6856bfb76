"""Shape of a model from the ``config.json`` that Hugging Face keeps beside its weights.

Families name the same size differently; the names tried are in one table below. What a file leaves
out gets the default of its family. A file that lacks a size, or whose sizes contradict each other,
is refused.
"""

from __future__ import annotations

from typing import Final

from makespan.core.errors import FormatError, OptionError
from makespan.io.json_values import Node, parse
from makespan.serving.cost.calibration.columns import Source, load_text
from makespan.serving.cost.models import Experts, LatentAttention, ModelShape

_LARGEST: Final = 10**7

_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "hidden": ("hidden_size", "n_embd", "d_model"),
    "heads": ("num_attention_heads", "n_head", "n_heads"),
    "kv_heads": ("num_key_value_heads", "n_kv_heads", "num_kv_heads"),
    "head_dim": ("head_dim",),
    "ffn": ("intermediate_size", "n_inner", "mlp_hidden_size", "ffn_dim"),
    "vocabulary": ("vocab_size",),
    "experts": ("num_local_experts", "num_experts", "n_routed_experts"),
    "per_token": ("num_experts_per_tok", "experts_per_token", "num_experts_per_token"),
    "expert_width": ("moe_intermediate_size",),
    "dense_layers": ("first_k_dense_replace",),
}
"""Fields of each size, by family; the first that is there counts."""

_UNGATED: Final = {"gpt2", "gpt_neox", "opt", "phi", "falcon", "bloom"}
_TIED: Final = {"gemma", "gemma2", "gemma3_text", "gpt2"}
_DIFFUSION: Final = {"llada", "dream"}
_BYTES: Final = {"float32": 4.0, "float16": 2.0, "bfloat16": 2.0, "float8_e4m3fn": 1.0}
_MXFP4: Final = 4.25 / 8  # 4 bits and 8 more per 32 weights


def read_model_config(source: Source, name: str | None = None) -> ModelShape:
    """Shape of a model.

    Parameters
    ----------
    source
        Path, stream or text of a ``config.json``.
    name
        What to call the model; the file's own ``_name_or_path`` or its label if not given.

    Raises
    ------
    FormatError
        If the text is no such file, lacks a size, or contradicts itself.
    """
    text = load_text(source)
    root = parse(text)
    # Models that see or hear keep the language part one level down.
    node = root.get("text_config", _object) if root.has("text_config") else root
    family = node.get("model_type", Node.text, root.get("model_type", Node.text, ""))
    heads, hidden = _size(node, "heads"), _size(node, "hidden")
    try:
        latent = _latent(node)
        head_dim = _size(node, "head_dim", hidden // max(heads, 1))
        if latent is not None:
            head_dim = latent.nope + latent.rope
        experts = _experts(node)
        ffn = _size(node, "ffn", 4 * hidden if family == "gpt2" else 0)
        if experts is not None and not experts.dense_layers:
            ffn = 0
        window, windowed = _windows(node, _size(node, "layers"))
        return ModelShape(
            name=name or root.get("_name_or_path", Node.text, "") or text.name,
            layers=_size(node, "layers"),
            hidden=hidden,
            heads=heads,
            kv_heads=heads if latent is not None else _size(node, "kv_heads", heads),
            head_dim=head_dim,
            ffn=ffn,
            vocabulary=_size(node, "vocabulary"),
            tied=node.get("tie_word_embeddings", Node.flag, family in _TIED),
            gated=family not in _UNGATED,
            window=window,
            windowed_layers=windowed,
            experts=experts,
            latent=latent,
            weight_bytes=_weight_bytes(node, root),
            diffusion=family.lower() in _DIFFUSION,
            source=text.source,
        )
    except OptionError as error:
        raise FormatError(str(error), source=text.source) from error


def _object(node: Node) -> Node:
    node.members()
    return node


def _whole(node: Node) -> int:
    return node.whole(0, _LARGEST)


def _size(node: Node, what: str, default: int | None = None) -> int:
    for field in _NAMES[what]:
        if node.has(field):
            return node.get(field, _whole)
    if default is None:
        raise node.error(f"the field {_NAMES[what][0]!r} is missing", " or ".join(_NAMES[what]))
    return default


def _latent(node: Node) -> LatentAttention | None:
    if not node.has("kv_lora_rank"):
        return None
    return LatentAttention(
        kv_rank=node.get("kv_lora_rank", _whole),
        rope=node.get("qk_rope_head_dim", _whole),
        nope=node.get("qk_nope_head_dim", _whole),
        value=node.get("v_head_dim", _whole),
        q_rank=node.get("q_lora_rank", _whole, 0),
    )


def _experts(node: Node) -> Experts | None:
    count = _size(node, "experts", 0)
    if count < 2:
        return None
    width = _size(node, "expert_width", _size(node, "ffn", 0))
    shared = node.get("n_shared_experts", _whole, 0) * width
    shared += node.get("shared_expert_intermediate_size", _whole, 0)
    method = _quantisation(node)
    return Experts(
        count=count,
        per_token=_size(node, "per_token"),
        width=width,
        shared_width=shared,
        dense_layers=_size(node, "dense_layers", 0),
        weight_bytes=_MXFP4 if method == "mxfp4" else None,
    )


def _windows(node: Node, layers: int) -> tuple[int, int]:
    """(tokens of the window, layers that have it)."""
    if not node.has("sliding_window") or not node.get("use_sliding_window", Node.flag, True):
        return 0, 0
    window = node.get("sliding_window", lambda part: part.whole(1, _LARGEST * 100))
    if node.has("layer_types"):
        words = node.get("layer_types", lambda part: [item.text() for item in part.items()])
        return window, sum(word == "sliding_attention" for word in words)
    return window, layers


def _quantisation(node: Node) -> str:
    def method(part: Node) -> str:
        return part.get("quant_method", Node.text, "")

    return node.get("quantization_config", method, "").lower()


def _weight_bytes(node: Node, root: Node) -> float:
    for holder in (node, root):
        method = _quantisation(holder)
        if method == "fp8":
            return 1.0
        if method in {"awq", "gptq"}:
            bits = holder.get("quantization_config", lambda part: part.get(
                "bits", lambda item: item.whole(1, 32), 4))  # fmt: skip
            return bits / 8
    for holder in (node, root):
        for field in ("torch_dtype", "dtype"):
            if holder.has(field):
                return _BYTES.get(holder.get(field, Node.text), 2.0)
    return 2.0
