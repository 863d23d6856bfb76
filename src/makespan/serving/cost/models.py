"""Shapes of language models: what of a model decides how long its operators take.

The shapes are those of the public ``config.json`` files; :mod:`.model_config` reads others.
Parameter counts leave out biases and norms of heads, below 0.1 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from makespan.core.errors import OptionError


@dataclass(frozen=True, slots=True)
class LatentAttention:
    """Multi-head latent attention: one compressed vector per token instead of keys and values.

    Source: DeepSeek-V2, arXiv 2405.04434, section 2.1.

    Attributes
    ----------
    kv_rank
        Size of the compressed keys and values (``kv_lora_rank``).
    rope
        Size of the key part that carries the position, shared by the heads.
    nope
        Size per head of the key part without position.
    value
        Size per head of the values.
    q_rank
        Size of the compressed queries, 0 if they are not compressed.
    """

    kv_rank: int
    rope: int
    nope: int
    value: int
    q_rank: int = 0


@dataclass(frozen=True, slots=True)
class Experts:
    """Mixture of experts in the feed-forward blocks.

    Attributes
    ----------
    count, per_token
        Experts of a layer, and how many of them a token is sent to.
    width
        Inner width of one expert.
    shared_width
        Inner width of the experts that every token passes, together.
    dense_layers
        First layers that have a plain feed-forward block instead.
    weight_bytes
        Bytes of a weight of the routed experts; None: as the other weights.
    """

    count: int
    per_token: int
    width: int
    shared_width: int = 0
    dense_layers: int = 0
    weight_bytes: float | None = None


@dataclass(frozen=True, slots=True)
class ModelShape:
    """A decoder-only transformer.

    Attributes
    ----------
    name
        As on the Hugging Face hub, where it is from there.
    layers, hidden, heads, kv_heads, head_dim
        The usual sizes; ``kv_heads`` counts for plain attention only.
    ffn
        Inner width of the dense feed-forward blocks, 0 if there are none.
    vocabulary
        Rows of the embedding.
    tied
        Whether the output layer uses the embedding's weights.
    gated
        Whether feed-forward blocks have the third matrix of SwiGLU.
    window, windowed_layers
        Tokens that a layer with a sliding window attends to, and how many layers have one.
    experts, latent
        Mixture of experts and latent attention, where there are.
    weight_bytes, kv_bytes
        Bytes of a weight, and of a cached key or value.
    diffusion
        Whether it generates by denoising blocks of tokens instead of one after the other.
    source
        Where the sizes are from.
    """

    name: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    vocabulary: int
    tied: bool = False
    gated: bool = True
    window: int = 0
    windowed_layers: int = 0
    experts: Experts | None = None
    latent: LatentAttention | None = None
    weight_bytes: float = 2.0
    kv_bytes: float = 2.0
    diffusion: bool = False
    source: str = ""

    def __post_init__(self) -> None:
        for name in ("layers", "hidden", "heads", "kv_heads", "head_dim", "vocabulary"):
            if getattr(self, name) < 1:
                raise OptionError(f"model {self.name!r}: {name} is {getattr(self, name)}")
        if not (self.weight_bytes > 0 and self.kv_bytes > 0):
            raise OptionError(f"model {self.name!r}: a number needs more than 0 bytes")
        if self.kv_heads > self.heads or self.heads % self.kv_heads:
            raise OptionError(
                f"model {self.name!r}: {self.heads} query heads share {self.kv_heads} KV heads",
                hint="the number of query heads must be a multiple",
            )
        if not 0 <= self.windowed_layers <= self.layers or (
            self.windowed_layers > 0 and self.window < 1
        ):
            raise OptionError(f"model {self.name!r}: {self.windowed_layers} of {self.layers} "
                              f"layers have a window of {self.window} tokens")  # fmt: skip
        moe = self.experts
        if moe is not None and not (
            0 < moe.per_token <= moe.count and moe.width > 0 and moe.dense_layers <= self.layers
            and min(moe.shared_width, moe.dense_layers) >= 0
        ):  # fmt: skip
            raise OptionError(f"model {self.name!r}: impossible experts {moe}")
        if self.ffn < 1 and (moe is None or moe.dense_layers):
            raise OptionError(f"model {self.name!r}: no feed-forward width")

    @property
    def moe_layers(self) -> int:
        """Layers with experts."""
        return 0 if self.experts is None else self.layers - self.experts.dense_layers

    @property
    def matrices(self) -> int:
        """Matrices of a feed-forward block."""
        return 3 if self.gated else 2

    @property
    def kv_bytes_per_layer(self) -> float:
        """Bytes that a layer keeps per token on one GPU that holds all heads."""
        if self.latent is not None:
            return (self.latent.kv_rank + self.latent.rope) * self.kv_bytes
        return 2 * self.kv_heads * self.head_dim * self.kv_bytes

    @property
    def kv_bytes_per_token(self) -> float:
        """Bytes of the KV cache per token, all layers, as if no layer had a window."""
        return self.layers * self.kv_bytes_per_layer

    @property
    def attention_parameters(self) -> int:
        """Weights of the attention of one layer."""
        d, n = self.hidden, self.heads
        if self.latent is None:
            return d * (2 * n + 2 * self.kv_heads) * self.head_dim
        mla = self.latent
        key = mla.nope + mla.rope
        query = d * mla.q_rank + mla.q_rank * n * key if mla.q_rank else d * n * key
        compress = d * (mla.kv_rank + mla.rope)
        expand = mla.kv_rank * n * (mla.nope + mla.value)
        return query + compress + expand + n * mla.value * d

    @property
    def expert_parameters(self) -> int:
        """Weights of one routed expert."""
        return 0 if self.experts is None else self.matrices * self.hidden * self.experts.width

    @property
    def _other_parameters(self) -> int:
        """Weights that are not those of routed experts."""
        d = self.hidden
        total = (1 if self.tied else 2) * self.vocabulary * d + d
        total += self.layers * (self.attention_parameters + 2 * d)
        total += (self.layers - self.moe_layers) * self.matrices * d * self.ffn
        if self.experts is not None:
            total += (
                self.moe_layers
                * d
                * (self.experts.count + self.matrices * self.experts.shared_width)
            )
        return total

    @property
    def parameters(self) -> int:
        """Number of weights."""
        count = 0 if self.experts is None else self.experts.count
        return self._other_parameters + self.moe_layers * count * self.expert_parameters

    @property
    def active_parameters(self) -> int:
        """Weights that one token meets."""
        count = 0 if self.experts is None else self.experts.per_token
        return self._other_parameters + self.moe_layers * count * self.expert_parameters

    @property
    def total_weight_bytes(self) -> float:
        """Bytes of all weights."""
        routed = self.parameters - self._other_parameters
        return self._other_parameters * self.weight_bytes + routed * self.expert_weight_bytes

    @property
    def expert_weight_bytes(self) -> float:
        """Bytes of a weight of a routed expert."""
        if self.experts is None or self.experts.weight_bytes is None:
            return self.weight_bytes
        return self.experts.weight_bytes


def _hub(repository: str) -> str:
    return f"config.json of huggingface.co/{repository}"


MODELS: Final[tuple[ModelShape, ...]] = (
    ModelShape("SmolLM2-135M", 30, 576, 9, 3, 64, 1536, 49_152, tied=True,
               source=_hub("HuggingFaceTB/SmolLM2-135M-Instruct")),
    ModelShape("Llama-2-7B", 32, 4096, 32, 32, 128, 11_008, 32_000,
               source=_hub("meta-llama/Llama-2-7b-hf")),
    ModelShape("Llama-2-70B", 80, 8192, 64, 8, 128, 28_672, 32_000,
               source=_hub("meta-llama/Llama-2-70b-hf")),
    ModelShape("Llama-3.1-8B", 32, 4096, 32, 8, 128, 14_336, 128_256,
               source=_hub("meta-llama/Llama-3.1-8B")),
    ModelShape("Llama-3.1-70B", 80, 8192, 64, 8, 128, 28_672, 128_256,
               source=_hub("meta-llama/Llama-3.1-70B")),
    ModelShape("Qwen3-8B", 36, 4096, 32, 8, 128, 12_288, 151_936,
               source=_hub("Qwen/Qwen3-8B")),
    ModelShape("Qwen3-32B", 64, 5120, 64, 8, 128, 25_600, 151_936,
               source=_hub("Qwen/Qwen3-32B")),
    ModelShape("Qwen3-30B-A3B", 48, 2048, 32, 4, 128, 0, 151_936,
               experts=Experts(128, 8, 768), source=_hub("Qwen/Qwen3-30B-A3B")),
    # MXFP4: 4 bits and a shared scale of 8 bits per 32 weights (OCP MX specification, 5.2).
    ModelShape("gpt-oss-20b", 24, 2880, 64, 8, 64, 0, 201_088, window=128, windowed_layers=12,
               experts=Experts(32, 4, 2880, weight_bytes=4.25 / 8),
               source=_hub("openai/gpt-oss-20b")),
    ModelShape("Mixtral-8x7B", 32, 4096, 32, 8, 128, 0, 32_000,
               experts=Experts(8, 2, 14_336), source=_hub("mistralai/Mixtral-8x7B-v0.1")),
    ModelShape("DeepSeek-V3", 61, 7168, 128, 128, 192, 18_432, 129_280,
               experts=Experts(256, 8, 2048, shared_width=2048, dense_layers=3),
               latent=LatentAttention(512, 64, 128, 128, q_rank=1536),
               source=_hub("deepseek-ai/DeepSeek-V3") + "; taken as bfloat16"),
    ModelShape("LLaDA-8B", 32, 4096, 32, 32, 128, 12_288, 126_464, diffusion=True,
               source=_hub("GSAI-ML/LLaDA-8B-Instruct")),
    ModelShape("Dream-7B", 28, 3584, 28, 4, 128, 18_944, 152_064, diffusion=True,
               source=_hub("Dream-org/Dream-v0-Instruct-7B")),
)  # fmt: skip
"""Known models, by name."""


def model(name: str | ModelShape) -> ModelShape:
    """Shape of a known model, case does not matter; a shape is returned as it is.

    Raises
    ------
    OptionError
        If there is no such model; the message lists those there are.
    """
    if isinstance(name, ModelShape):
        return name
    for shape in MODELS:
        if shape.name.lower() == name.lower():
            return shape
    known = ", ".join(shape.name for shape in MODELS)
    raise OptionError(
        f"no model {name!r}", hint=f"known: {known}; a config.json is read by read_model_config"
    )
