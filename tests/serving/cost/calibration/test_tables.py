"""Readers of tables of operators: right numbers and units, and damage is refused with its line."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import FormatError
from makespan.io.text import Text
from makespan.serving.cost.calibration import tables
from makespan.serving.cost.calibration.linear_fit import read_steps
from makespan.serving.cost.models import model

LLAMA = model("Llama-3.1-8B")

MLP = """\
time_stats.attn_pre_proj.median,time_stats.attn_post_proj.median,time_stats.mlp_up_proj.median,\
time_stats.mlp_down_proj.median,time_stats.input_layernorm.median,time_stats.mlp_act.median,\
n_head,n_kv_head,n_embd,n_expanded_embd,use_gated_mlp,num_tokens,num_tensor_parallel_workers
0.25,0.125,0.5,0.375,0.01,0.02,32,8,4096,14336,True,128,1
0.05,0.04,0.09,0.06,0.01,0.005,32,8,4096,14336,True,128,16
"""
ALL_REDUCE = """\
,time_stats.all_reduce.median,num_workers,size,collective,devices_per_node
0,0.5,2,2048,all_reduce,8
1,0.7,8,4096,all_reduce,8
2,9.9,16,4096,all_reduce,8
"""
DENSE = """\
layer,tokens,time_us
qkv_proj,1,30.5
gate_up_proj,64,250
layernorm,64,2.5
act_fn,64,3
embedding,64,1
"""
ATTENTION = """\
prefill_chunk,kv_prefill,n_decode,kv_decode,time_us
0,0,4,1024,25.5
16,512,2,64,30
"""
MOE = "tokens,activated_experts,time_us\n16,16,131\n"
SEQUENCE = "layer,sequences,time_us\nlm_head,1,1100\nsampler,8,25\n"
STEPS = "tokens,sequences,context,pairs,seconds\n64,64,3000,0,0.02\n512,1,512,262144,0.05\n"

READERS: dict[str, tuple[Callable[[io.BytesIO], Any], str]] = {
    "mlp": (tables.read_vidur_mlp, MLP),
    "elementwise": (tables.read_vidur_elementwise, MLP),
    "all_reduce": (tables.read_vidur_all_reduce, ALL_REDUCE),
    "dense": (lambda stream: tables.read_dense(stream, LLAMA), DENSE),
    "dense elementwise": (lambda stream: tables.read_dense_elementwise(stream, LLAMA), DENSE),
    "attention": (tables.read_attention, ATTENTION),
    "experts": (tables.read_experts, MOE),
    "per sequence": (tables.read_per_sequence, SEQUENCE),
    "steps": (read_steps, STEPS),
}


def text(body: str) -> Text:
    """A text as if from a file."""
    return Text(body, "table.csv")


def test_vidur_counts_milliseconds_and_ranks():
    """Sizes of Llama-3-8B: 6,144 columns of qkv; on 16 ranks two query and one KV head each."""
    rows = tables.read_vidur_mlp(text(MLP))
    found = {
        (op, int(seconds * 1e6)): (inner, outer)
        for op, inner, outer, seconds in zip(
            rows.op, rows.inner, rows.outer, rows.seconds, strict=True
        )
    }
    assert found["qkv", 250] == (4096, 6144)
    assert found["o", 125] == (4096, 4096)
    assert found["gate_up", 500] == (4096, 28_672)
    assert found["down", 375] == (14_336, 4096)
    assert found["qkv", 50] == (4096, (2 + 2) * 128)
    assert found["o", 40] == (256, 4096)
    assert found["down", 60] == (896, 4096)


def test_bytes_of_small_kernels():
    """A norm moves four vectors, a gated activation three, of two bytes a number."""
    rows = tables.read_vidur_elementwise(text(MLP))
    assert rows.op == ("norm", "norm", "activation", "activation")
    assert rows.moved.tolist() == [8 * 128 * 4096] * 2 + [6 * 128 * 14_336, 6 * 128 * 896]
    dense = tables.read_dense_elementwise(text(DENSE), LLAMA)
    assert dense.op == ("norm", "activation")
    assert dense.seconds == pytest.approx([2.5e-6, 3e-6])


def test_all_reduces_over_several_nodes_are_left_out():
    """16 workers at 8 per node use another network."""
    rows = tables.read_vidur_all_reduce(text(ALL_REDUCE))
    assert rows.workers.tolist() == [2, 8]
    assert rows.seconds.tolist() == [0.0005, 0.0007]


def test_llmservingsim_counts_microseconds():
    """Products, attention, experts, and what runs once per step."""
    dense = tables.read_dense(text(DENSE), LLAMA)
    assert dense.op == ("qkv", "gate_up")
    assert dense.outer.tolist() == [6144, 28_672]
    assert dense.seconds == pytest.approx([30.5e-6, 250e-6])
    attention = tables.read_attention(text(ATTENTION))
    assert attention.past.tolist() == [0, 512]
    assert attention.seconds == pytest.approx([25.5e-6, 30e-6])
    assert tables.read_experts(text(MOE)).seconds == pytest.approx([131e-6])
    assert tables.read_per_sequence(text(SEQUENCE)).op == ("lm_head", "sampler")
    steps = read_steps(text(STEPS))
    assert steps.seconds.tolist() == [0.02, 0.05]
    assert steps.pairs.tolist() == [0, 262_144]


@pytest.mark.parametrize(
    ("reader", "old", "new", "message"),
    [
        ("attention", "25.5", "fast", r"line 2: time_us is 'fast'; expected a number above 0"),
        ("attention", "30", "0", r"line 3: time_us is '0'"),
        ("attention", "512", "nan", r"line 3: kv_prefill is 'nan'"),
        ("attention", "n_decode", "n", r"line 1: the column 'n_decode' is missing"),
        ("experts", "16,16,131", "16,16", r"line 2: 2 cells; expected 3"),
        ("experts", "\n16,16,131", "", r"no rows"),
        ("experts", "16,16,131", '16,16,"131', r"line 2: not CSV"),
        ("all_reduce", "4096,all_reduce", "4096,all_gather", r"line 3: collective is 'all_gather'"),
        ("dense", "qkv_proj", "x", None),
        ("steps", "64,64", "0,64", r"line 2: tokens is '0'"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(reader: str, old: str, new: str, message: str | None):
    """Layers that are not asked for may have any name."""
    read, body = READERS[reader]
    stream = io.BytesIO(body.replace(old, new).encode())
    if message is None:
        assert read(stream)
        return
    with pytest.raises(FormatError, match=message):
        read(stream)


def test_tables_of_other_layers_are_refused():
    """A table without any matrix product, and one without any norm."""
    with pytest.raises(FormatError, match="no matrix product"):
        tables.read_dense(text("layer,tokens,time_us\nembedding,1,1\n"), LLAMA)
    with pytest.raises(FormatError, match="no norm"):
        tables.read_dense_elementwise(text("layer,tokens,time_us\nembedding,1,1\n"), LLAMA)


@pytest.mark.parametrize("reader", READERS)
@given(
    places=st.lists(st.integers(0, 700), min_size=1, max_size=3),
    piece=st.one_of(
        st.binary(max_size=3),
        st.sampled_from([b"-1", b"1e400", b"nan", b"inf", b",", b"\n", b'"', b"\x00", b"9" * 30]),
    ),
    cut=st.integers(0, 8),
)
def test_damaged_tables_are_read_or_refused(reader: str, places: list[int], piece: bytes, cut: int):
    """Nothing but FormatError comes out, and what is read has positive times."""
    read, body = READERS[reader]
    raw = body.encode()
    for place in places:
        raw = raw[:place] + piece + raw[place + cut :]
    try:
        found = read(io.BytesIO(raw))
    except FormatError:
        return
    assert (found.seconds > 0).all()
