"""What fits into a GPU: weights, working memory, and the KV blocks that are left.

An estimate of what vLLM measures at its start (``gpu_memory_utilization``): it runs its largest
batch, and gives to the KV cache what the weights and that batch leave. A run on a real RTX 4090
reports the number of its blocks; the estimate is within a few percent of it (tests).
"""

from __future__ import annotations

from typing import Final

from makespan.core.errors import OptionError
from makespan.serving.cost.hardware import GIB, Hardware, hardware
from makespan.serving.cost.kernels import ACTIVATION_BYTES, Kernels
from makespan.serving.cost.models import ModelShape, model

RUNTIME_BYTES: Final = 0.5 * GIB
"""CUDA context, libraries, collectives' buffers; 0.3 to 1 GiB are usual [inferred]."""

USABLE: Final = 0.98
"""Of the nominal memory what the driver offers: 25,250,627,584 bytes of 24 GiB on an RTX 4090,
after LLMServingSim's record of a vLLM run (github.com/casys-kaist/LLMServingSim at 5daddb2)."""


def kv_blocks(
    device: Hardware | str,
    shape: ModelShape | str,
    tp: int = 1,
    *,
    block_size: int = 16,
    memory_utilisation: float = 0.9,
    max_num_batched_tokens: int = 2048,
    max_num_seqs: int = 256,
) -> int:
    """KV blocks that fit beside a model; layers with a window are counted in full.

    This is vLLM's ``num_gpu_blocks``. It keeps one of them for itself, so that
    ``EngineSettings.blocks`` is one less.

    Parameters
    ----------
    device, shape, tp
        GPUs, model, degree of tensor parallelism.
    block_size
        Tokens of a block.
    memory_utilisation
        Fraction of the memory that may be used.
    max_num_batched_tokens, max_num_seqs
        Limits of a step, which decide how much working memory it needs.

    Raises
    ------
    OptionError
        If an option is out of range, or the model does not fit.
    """
    if not 0 < memory_utilisation <= 1:
        raise OptionError(f"memory_utilisation is {memory_utilisation}", hint="above 0, at most 1")
    if min(block_size, max_num_batched_tokens, max_num_seqs) < 1:
        raise OptionError("block size, tokens and sequences must be at least 1")
    device, shape = hardware(device), model(shape)
    kernels = Kernels(device, shape, tp)
    budget = device.memory.value * USABLE * memory_utilisation
    weights = shape.total_weight_bytes / tp
    working = working_bytes(kernels, max_num_batched_tokens, max_num_seqs)
    left = budget - weights - working - RUNTIME_BYTES
    per_block = shape.layers * kernels.kv_bytes_per_layer * block_size
    blocks = int(left // per_block)
    if blocks < 1:
        raise OptionError(
            f"{shape.name!r} does not fit {tp} x {device.name}: {weights / GIB:.1f} GiB of weights "
            f"and {(working + RUNTIME_BYTES) / GIB:.1f} GiB to work, {budget / GIB:.1f} GiB usable",
            hint="raise tp or memory_utilisation, or take a larger GPU",
        )
    return blocks


def working_bytes(kernels: Kernels, tokens: int, sampled: int) -> float:
    """Bytes of the largest live activations of a step, per GPU.

    The residual stream and a few copies, the widest pair of feed-forward activations, and logits
    in 16 and twice in 32 bits for sampling.
    """
    shape = kernels.shape
    width = shape.ffn / kernels.tp
    if shape.experts is not None:
        moe = shape.experts
        width = max(width, (moe.per_token * moe.width + moe.shared_width) / kernels.tp)
    stream = 4 * shape.hidden + shape.matrices * width + kernels.qkv_width
    return tokens * stream * ACTIVATION_BYTES + logits_bytes(shape, sampled, 2 + 4 + 4)


def logits_bytes(shape: ModelShape, rows: int, width: float = ACTIVATION_BYTES) -> float:
    """Bytes of the logits of ``rows`` positions.

    A diffusion model that denoises 8 requests of 4,096 positions over a vocabulary of 126 k needs
    8.3 GB for them in 16 bits, if it computes them at once.
    """
    return float(rows) * shape.vocabulary * width
