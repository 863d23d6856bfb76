"""Model shapes against published parameter counts and cache sizes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from makespan.core.errors import OptionError
from makespan.serving.cost.models import MODELS, Experts, ModelShape, model

# Parameters in billions, as the models' cards and papers state them.
PUBLISHED = {
    "SmolLM2-135M": (0.135, "model card: 135M"),
    "Llama-2-7B": (6.74, "model card: 6.74B of safetensors"),
    "Llama-2-70B": (69.0, "model card: 69B of safetensors"),
    "Llama-3.1-8B": (8.03, "model card: 8.03B of safetensors"),
    "Llama-3.1-70B": (70.6, "model card: 70.6B of safetensors"),
    "Qwen3-30B-A3B": (30.5, "model card: 30.5B in total"),
    "gpt-oss-20b": (20.9, "gpt-oss model card, arXiv 2508.10925, table 1: 20.91B"),
    "Qwen3-8B": (8.2, "model card: 8.2B"),
    "Qwen3-32B": (32.8, "model card: 32.8B"),
    "Mixtral-8x7B": (46.7, "arXiv 2401.04088: 47B; model card: 46.7B"),
    "DeepSeek-V3": (671.0, "arXiv 2412.19437: 671B without the multi-token module"),
    "LLaDA-8B": (8.02, "model card: 8.02B of safetensors"),
    "Dream-7B": (7.62, "model card: 7.62B of safetensors"),
}
ACTIVE = {
    "Qwen3-30B-A3B": (3.3, "model card: 3.3B activated"),
    "Mixtral-8x7B": (12.9, "arXiv 2401.04088: 13B active; 12.9B in the announcement"),
    "DeepSeek-V3": (37.0, "arXiv 2412.19437: 37B activated"),
}
KV_BYTES = {
    "SmolLM2-135M": 23_040,
    "Llama-3.1-8B": 131_072,
    "Llama-2-7B": 524_288,
    "Llama-3.1-70B": 327_680,
    "Qwen3-30B-A3B": 98_304,
    "gpt-oss-20b": 49_152,
    "Mixtral-8x7B": 131_072,
    "DeepSeek-V3": 70_272,
    "LLaDA-8B": 524_288,
    "Dream-7B": 57_344,
}


@pytest.mark.parametrize("shape", MODELS, ids=lambda shape: shape.name)
def test_parameters_are_the_published_ones(shape: ModelShape):
    """Parameters are the published ones."""
    published, source = PUBLISHED[shape.name]
    assert shape.parameters / 1e9 == pytest.approx(published, rel=0.01), source
    assert shape.source


@pytest.mark.parametrize("name", ACTIVE)
def test_active_parameters_are_the_published_ones(name: str):
    """Active parameters are the published ones."""
    published, source = ACTIVE[name]
    assert model(name).active_parameters / 1e9 == pytest.approx(published, rel=0.03), source


@pytest.mark.parametrize("name", KV_BYTES)
def test_kv_bytes_per_token(name: str):
    """KV bytes per token are those of the public shapes."""
    assert model(name).kv_bytes_per_token == KV_BYTES[name]


def test_dense_models_meet_all_weights():
    """Dense models meet all weights."""
    for shape in MODELS:
        assert (shape.active_parameters == shape.parameters) == (shape.experts is None)


def test_weights_of_experts_in_four_bits():
    """gpt-oss-20b is a checkpoint of 12.8 GiB (arXiv 2508.10925, table 1)."""
    assert model("gpt-oss-20b").total_weight_bytes / 2**30 == pytest.approx(12.8, rel=0.02)


def test_names_are_found_in_any_case_and_listed_if_not():
    """Names are found in any case and listed if not."""
    assert model("llama-3.1-8b") is model("Llama-3.1-8B")
    with pytest.raises(OptionError, match="Mixtral-8x7B"):
        model("GPT-7")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": 0}, "layers is 0"),
        ({"kv_heads": 5}, "5 KV heads"),
        ({"ffn": 0}, "no feed-forward"),
        ({"windowed_layers": 3}, "window of 0"),
        ({"windowed_layers": 99, "window": 9}, "99 of 32"),
        ({"weight_bytes": 0.0}, "0 bytes"),
        ({"experts": Experts(8, 9, 100)}, "impossible experts"),
    ],
)
def test_impossible_shapes_are_refused(change: dict, message: str):
    """Impossible shapes are refused."""
    with pytest.raises(OptionError, match=message):
        replace(model("Llama-3.1-8B"), **change)
