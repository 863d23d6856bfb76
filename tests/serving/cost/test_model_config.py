"""Reading of config.json: the families give the registered shapes, damage gives FormatError."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import FormatError
from makespan.io.text import Text
from makespan.serving.cost.model_config import read_model_config
from makespan.serving.cost.models import ModelShape, model

LLAMA = {
    "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336,
    "vocab_size": 128256, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
QWEN_MOE = {
    "model_type": "qwen3_moe", "hidden_size": 2048, "num_hidden_layers": 48, "head_dim": 128,
    "num_attention_heads": 32, "num_key_value_heads": 4, "intermediate_size": 6144,
    "moe_intermediate_size": 768, "num_experts": 128, "num_experts_per_tok": 8,
    "vocab_size": 151936, "sliding_window": None, "use_sliding_window": False,
}  # fmt: skip
GPT_OSS = {
    "model_type": "gpt_oss", "hidden_size": 2880, "num_hidden_layers": 24, "head_dim": 64,
    "num_attention_heads": 64, "num_key_value_heads": 8, "intermediate_size": 2880,
    "num_local_experts": 32, "num_experts_per_tok": 4, "vocab_size": 201088,
    "sliding_window": 128, "layer_types": ["sliding_attention", "full_attention"] * 12,
    "quantization_config": {"quant_method": "mxfp4"},
}  # fmt: skip
MIXTRAL = {
    "model_type": "mixtral", "hidden_size": 4096, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336,
    "num_local_experts": 8, "num_experts_per_tok": 2, "vocab_size": 32000, "sliding_window": None,
}  # fmt: skip
DEEPSEEK = {
    "model_type": "deepseek_v3", "hidden_size": 7168, "num_hidden_layers": 61,
    "num_attention_heads": 128, "num_key_value_heads": 128, "intermediate_size": 18432,
    "moe_intermediate_size": 2048, "n_routed_experts": 256, "n_shared_experts": 1,
    "num_experts_per_tok": 8, "first_k_dense_replace": 3, "vocab_size": 129280,
    "kv_lora_rank": 512, "q_lora_rank": 1536, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128,
    "v_head_dim": 128,
}  # fmt: skip
LLADA = {
    "model_type": "llada", "d_model": 4096, "n_layers": 32, "n_heads": 32, "n_kv_heads": 32,
    "mlp_hidden_size": 12288, "vocab_size": 126464,
}  # fmt: skip
FAMILIES = [
    (LLAMA, "Llama-3.1-8B"),
    (QWEN_MOE, "Qwen3-30B-A3B"),
    (GPT_OSS, "gpt-oss-20b"),
    (MIXTRAL, "Mixtral-8x7B"),
    (DEEPSEEK, "DeepSeek-V3"),
    (LLADA, "LLaDA-8B"),
]


def read(config: object, name: str | None = "x") -> ModelShape:
    """Shape in a config."""
    return read_model_config(Text(json.dumps(config), "config.json"), name)


@pytest.mark.parametrize(("config", "name"), FAMILIES, ids=[name for _, name in FAMILIES])
def test_families_give_the_registered_shape(config: dict, name: str):
    """Families give the registered shape."""
    expected = replace(model(name), source="config.json")
    assert read(config, name) == expected


def test_name_comes_from_the_file_if_not_given():
    """Name comes from the file if not given."""
    assert read({**LLAMA, "_name_or_path": "mine/own"}, None).name == "mine/own"
    assert read(LLAMA, None).name == "config"


def test_language_part_of_a_larger_model():
    """Language part of a larger model."""
    assert read({"model_type": "mllama", "text_config": LLAMA}).layers == 32


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"torch_dtype": "float32"}, 4.0),
        ({"quantization_config": {"quant_method": "fp8"}}, 1.0),
        ({"quantization_config": {"quant_method": "awq", "bits": 4}}, 0.5),
        ({"quantization_config": {"quant_method": "gptq"}}, 0.5),
    ],
)
def test_bytes_of_weights(more: dict, expected: float):
    """Bytes of weights."""
    assert read({**LLAMA, **more}).weight_bytes == expected


def test_windows_in_all_layers_unless_said_otherwise():
    """Windows in all layers unless said otherwise."""
    windowed = read({**LLAMA, "sliding_window": 4096})
    assert (windowed.window, windowed.windowed_layers) == (4096, 32)
    assert read({**LLAMA, "sliding_window": 9, "use_sliding_window": False}).windowed_layers == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_size": None}, "'hidden_size' is missing"),
        ({"num_attention_heads": 0}, "heads is 0"),
        ({"num_attention_heads": "32"}, "num_attention_heads: found '32'"),
        ({"num_key_value_heads": 5}, "5 KV heads"),
        ({"vocab_size": 10**30}, "vocab_size"),
        ({"layer_types": 7, "sliding_window": 1}, "layer_types"),
        ({"num_experts": 8}, "num_experts_per_tok"),
    ],
)
def test_what_is_wrong_is_named(change: dict, message: str):
    """What is wrong is named."""
    with pytest.raises(FormatError, match=message):
        read({**LLAMA, **change})


@given(
    base=st.sampled_from([config for config, _ in FAMILIES]),
    key=st.sampled_from(sorted({key for config, _ in FAMILIES for key in config})),
    value=st.one_of(
        st.none(), st.booleans(), st.integers(-5, 10**12), st.floats(), st.text(max_size=5),
        st.lists(st.one_of(st.integers(0, 9), st.just("sliding_attention")), max_size=4),
        st.dictionaries(st.sampled_from(["quant_method", "bits", "x"]), st.integers(0, 64)),
    ),
)  # fmt: skip
def test_any_value_in_any_field_is_read_or_refused(base: dict, key: str, value: object):
    """Any value in any field is read or refused."""
    try:
        shape = read({**base, key: value})
    except FormatError:
        return
    assert shape.parameters > 0
    assert shape.total_weight_bytes > 0


@given(
    place=st.integers(0, 400),
    piece=st.binary(max_size=4),
    cut=st.integers(0, 6),
    config=st.sampled_from([LLAMA, DEEPSEEK, GPT_OSS]),
)
def test_damaged_bytes_are_read_or_refused(place: int, piece: bytes, cut: int, config: dict):
    """Damaged bytes are read or refused."""
    raw = json.dumps(config).encode()
    damaged = raw[:place] + piece + raw[place + cut :]
    with suppress(FormatError):
        assert read_model_config(io.BytesIO(damaged), "x").layers > 0
