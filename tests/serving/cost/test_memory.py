"""KV blocks that fit beside a model."""

from __future__ import annotations

import pytest

from makespan.core.errors import OptionError
from makespan.serving.cost.hardware import hardware
from makespan.serving.cost.memory import kv_blocks, logits_bytes
from makespan.serving.cost.models import model


def test_blocks_of_a_real_engine():
    """2,588 blocks of 16 tokens: vLLM 0.19, Llama-3.1-8B on an RTX 4090 at 0.9 of its memory
    (LLMServingSim @ 5daddb2, bench/examples, meta.json).
    """
    found = kv_blocks(hardware("RTX-4090"), model("Llama-3.1-8B"))
    assert found == pytest.approx(2588, rel=0.03)


def test_more_memory_and_more_gpus_hold_more():
    """More memory and more gpus hold more."""
    gpu, shape = hardware("A100-SXM-80GB"), model("Llama-3.1-8B")
    one = kv_blocks(gpu, shape)
    assert kv_blocks(gpu, shape, memory_utilisation=0.8) < one
    assert kv_blocks(gpu, shape, max_num_batched_tokens=32_768) < one
    # Every rank holds half of the heads and half of the weights.
    assert kv_blocks(gpu, shape, 2) > 2 * one
    assert kv_blocks(gpu, shape, block_size=32) == pytest.approx(one / 2, abs=1)


def test_copied_heads_take_room():
    """Copied heads take room."""
    gpu, shape = hardware("A100-SXM-80GB"), model("Qwen3-30B-A3B")
    # 4 KV heads: from tp 4 to tp 8 only weights and working memory shrink.
    assert kv_blocks(gpu, shape, 8) < 1.5 * kv_blocks(gpu, shape, 4)


def test_a_model_that_does_not_fit_is_named():
    """A model that does not fit is named."""
    with pytest.raises(OptionError, match=r"'Qwen3-30B-A3B' does not fit 1 x RTX-4090: 56.9 GiB"):
        kv_blocks(hardware("RTX-4090"), model("Qwen3-30B-A3B"))


@pytest.mark.parametrize(
    "bad", [{"memory_utilisation": 0.0}, {"memory_utilisation": 1.1}, {"block_size": 0}]
)
def test_impossible_options_are_refused(bad: dict):
    """Impossible options are refused."""
    with pytest.raises(OptionError):
        kv_blocks(hardware("H100-SXM"), model("Llama-3.1-8B"), **bad)


def test_logits_of_a_diffusion_model():
    """8 requests of 4,096 positions over 126,464 tokens in 16 bits: 8.3 GB."""
    assert logits_bytes(model("LLaDA-8B"), 8 * 4096) == pytest.approx(8.3e9, rel=0.01)
