"""The operators of a step: what is counted, on whom, and in which layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.cost.batch import Batch, Block, Chunk
from makespan.serving.cost.energy import relative_energy
from makespan.serving.cost.hardware import Figure, hardware
from makespan.serving.cost.host import Host, padded
from makespan.serving.cost.kernels import Kernels
from makespan.serving.cost.models import model
from makespan.serving.cost.operators import (
    STEP,
    Operators,
    copy_seconds,
    operators,
    windowed_context,
    windowed_pairs,
)
from makespan.serving.cost.popularity import zipf

A100, H100, PRO = (hardware(name) for name in ("A100-SXM-80GB", "H100-SXM", "RTX-PRO-6000"))
LLAMA, QWEN, DEEPSEEK, OSS = (
    model(name) for name in ("Llama-3.1-8B", "Qwen3-30B-A3B", "DeepSeek-V3", "gpt-oss-20b")
)
EAGER = Host("eager", fixed=0.0, launch=0.0)


def total(step: Operators, column: str, op: str | None = None) -> float:
    """Sum of a column, of one operator or all."""
    values = getattr(step, column)
    return float(sum(v for v, name in zip(values, step.op, strict=True) if op in {None, name}))


def test_counts_of_a_decode_by_hand():
    """One token of Llama-3.1-8B after 999 others, bfloat16."""
    step = operators(A100, LLAMA, 1, Batch(decode=(1000,)), host=EAGER)
    assert total(step, "flops", "qkv") == 32 * 2 * 4096 * (32 + 16) * 128
    assert total(step, "flops", "gate_up") == 32 * 2 * 4096 * 2 * 14336
    assert total(step, "flops", "attention") == 32 * 4 * 32 * 128 * 1000
    assert total(step, "hbm_bytes", "attention") == 1000 * 131_072
    assert total(step, "flops", "lm_head") == 2 * 4096 * 128_256
    weights = 4096 * 6144 + 4096 + 6144
    assert total(step, "hbm_bytes", "qkv") == 32 * 2 * weights
    products = ("qkv", "o", "gate_up", "down", "lm_head")
    flops = sum(total(step, "flops", op) for op in products)
    assert flops == pytest.approx(2 * (LLAMA.parameters - 128_256 * 4096), rel=1e-3)


def test_a_decode_of_one_is_bound_by_reading_the_weights():
    """A decode of one is bound by reading the weights."""
    step = operators(H100, LLAMA, 1, Batch(decode=(10,)))
    least = LLAMA.total_weight_bytes / H100.bandwidth.value
    assert least < step.elapsed < 2 * least


def test_a_large_chunk_is_bound_by_operations():
    """A large chunk is bound by operations."""
    step = operators(H100, LLAMA, 1, Batch(prefill=(Chunk(8192),)))
    least = 2 * 8192 * 7.5e9 / H100.compute.value
    assert least < step.elapsed < 2 * least


def test_only_one_row_of_a_prompt_goes_through_the_output_layer():
    """Only one row of a prompt goes through the output layer."""
    step = operators(A100, LLAMA, 1, Batch(prefill=(Chunk(4096),)), host=EAGER)
    assert total(step, "flops", "lm_head") == 2 * 4096 * 128_256


def test_prefix_hits_are_attended_to_and_not_computed():
    """Of 4,096 tokens 3,840 are cached: the products are those of 256 tokens."""
    hit = operators(A100, LLAMA, 1, Batch(prefill=(Chunk(256, past=3840),)))
    short = operators(A100, LLAMA, 1, Batch(prefill=(Chunk(256),)))
    assert total(hit, "flops", "gate_up") == total(short, "flops", "gate_up")
    pairs = 256 * 3840 + 256 * 257 / 2
    assert total(hit, "flops", "attention") == 32 * 4 * 32 * 128 * pairs


def test_chunks_of_a_prompt_compute_its_pairs():
    """Chunks of a prompt compute its pairs."""
    whole = operators(A100, LLAMA, 1, Batch(prefill=(Chunk(3000),)))
    parts = [operators(A100, LLAMA, 1, Batch(prefill=(Chunk(1000, past),)))
             for past in (0, 1000, 2000)]  # fmt: skip
    assert sum(total(part, "flops", "attention") for part in parts) == pytest.approx(
        total(whole, "flops", "attention")
    )


@pytest.mark.parametrize("tp", [2, 4, 8])
def test_tensor_parallelism_divides_weights_and_not_activations(tp: int):
    """Tensor parallelism divides weights and not activations."""
    batch = Batch(decode=(500,) * 8)
    one, many = (operators(A100, LLAMA, n, batch, host=EAGER) for n in (1, tp))
    for op in ("qkv", "o", "gate_up", "down"):
        assert total(many, "flops", op) == pytest.approx(total(one, "flops", op) / tp)
    assert total(many, "hbm_bytes", "attention") == total(one, "hbm_bytes", "attention") / tp
    assert total(many, "hbm_bytes", "norm") == total(one, "hbm_bytes", "norm")
    assert total(one, "comm_bytes") == 0
    sent = 32 * 2 * 8 * 4096 * 2 * 2 * (tp - 1) / tp
    assert total(many, "comm_bytes", "all_reduce") == pytest.approx(sent)
    assert total(many, "comm_bytes", "gather_logits") > 0


def test_kv_heads_are_copied_where_there_are_fewer_than_ranks():
    """KV heads are copied where there are fewer than ranks."""
    batch = Batch(decode=(1000,))
    four, eight = (operators(A100, QWEN, tp, batch) for tp in (4, 8))
    assert total(four, "hbm_bytes", "attention") == total(eight, "hbm_bytes", "attention")
    assert Kernels(A100, QWEN, 8).kv_heads == 1


def test_latent_attention_keeps_one_vector_per_token():
    """Latent attention keeps one vector per token."""
    step = operators(H100, DEEPSEEK, 8, Batch(decode=(1000,)))
    assert total(step, "hbm_bytes", "attention") == 1000 * 61 * 576 * 2
    assert total(step, "flops", "attention") == 61 * 2 * 16 * (2 * 512 + 64) * 1000


def test_experts_read_what_tokens_touch():
    """Experts read what tokens touch."""
    step = operators(PRO, QWEN, 1, Batch(decode=(100,) * 4), host=EAGER)
    expert = 3 * 2048 * 768 * 2
    assert total(step, "expert_bytes") == pytest.approx(48 * 29.11 * expert, rel=1e-3)
    assert total(step, "flops", "experts") == 48 * 4 * 8 * 3 * 2048 * 768 * 2
    skewed = operators(PRO, QWEN, 1, Batch(decode=(100,) * 4), popularity=zipf(QWEN, 1.0))
    assert total(skewed, "expert_bytes") < total(step, "expert_bytes")
    assert len(operators(PRO, LLAMA, 1, Batch(decode=(9,))).expert_bytes)
    assert total(operators(PRO, LLAMA, 1, Batch(decode=(9,))), "expert_bytes") == 0


def test_first_layers_of_deepseek_are_dense_and_all_others_have_a_shared_expert():
    """First layers of DeepSeek are dense and all others have a shared expert."""
    step = operators(H100, DEEPSEEK, 8, Batch(decode=(9,)))
    rows = [(row.layer, row.op) for row in step]
    assert {layer for layer, op in rows if op == "gate_up"} == {0, 1, 2}
    assert {layer for layer, op in rows if op == "experts"} == set(range(3, 61))
    assert {layer for layer, op in rows if op == "shared_gate_up"} == set(range(3, 61))


def test_peers_share_experts_and_tokens_travel():
    """Two groups of 64 tokens: each GPU reads half of the experts that 128 tokens touch."""
    step = operators(PRO, QWEN, 1, Batch(decode=(100,) * 64), expert_parallel=True, peers=2)
    alone = operators(PRO, QWEN, 1, Batch(decode=(100,) * 128))
    assert total(step, "expert_bytes") == pytest.approx(total(alone, "expert_bytes") / 2)
    assert total(step, "flops", "experts") == pytest.approx(total(alone, "flops", "experts") / 2)
    assert total(step, "comm_bytes", "exchange") == 48 * 128 * 2048 * 2 * 2 / 2
    # Skewed experts load one GPU more than the other, and that one is waited for.
    skewed = operators(PRO, QWEN, 1, Batch(decode=(100,) * 64), expert_parallel=True, peers=2,
                       popularity=zipf(QWEN, 1.5, seed=2))  # fmt: skip
    assert total(skewed, "flops", "experts") > 1.05 * total(step, "flops", "experts")


def test_layered_prefill_loads_experts_once():
    """A prompt of 2,048 tokens: four chunks read all experts four times, four groups once."""
    chunks = [Batch(prefill=(Chunk(512, past),)) for past in range(0, 2048, 512)]
    groups = [Batch(prefill=(Chunk(2048, 0, first, first + 12),)) for first in range(0, 48, 12)]
    by_chunk, by_group = (
        sum(total(operators(PRO, QWEN, 1, batch), "expert_bytes") for batch in batches)
        for batches in (chunks, groups)
    )
    assert by_chunk == pytest.approx(4 * by_group, rel=1e-3)


def test_layers_of_a_chunk():
    """A chunk is computed in its layers only, and yields a token only from the last."""
    batch = Batch(prefill=(Chunk(64, 0, 4, 8),), decode=(100, 200))
    step = operators(A100, LLAMA, 1, batch, host=EAGER)
    flops = {row.layer: row.flops for row in step if row.op == "gate_up"}
    each = 2 * 4096 * 2 * 14336
    assert flops == {layer: (66 if 4 <= layer < 8 else 2) * each for layer in range(32)}
    assert total(step, "flops", "lm_head") == 2 * 2 * 4096 * 128_256
    alone = operators(A100, LLAMA, 1, Batch(prefill=(Chunk(64, 0, 4, 8),)))
    assert {row.layer for row in alone if row.op == "qkv"} == {4, 5, 6, 7}
    assert "lm_head" not in alone.op
    with pytest.raises(OptionError, match="beyond the 32 layers"):
        operators(A100, LLAMA, 1, Batch(prefill=(Chunk(64, 0, 4, 33),)))


def test_groups_of_layers_make_up_the_whole_prefill():
    """The seconds of what a group computes sum to those of the whole, but for the host."""
    whole = operators(A100, LLAMA, 1, Batch(prefill=(Chunk(700),)), host=EAGER)
    parts = [operators(A100, LLAMA, 1, Batch(prefill=(Chunk(700, 0, a, a + 8),)), host=EAGER)
             for a in range(0, 32, 8)]  # fmt: skip
    for op in ("qkv", "attention", "gate_up", "lm_head", "embedding", "final_norm", "sampling"):
        assert sum(total(part, "seconds", op) for part in parts) == pytest.approx(
            total(whole, "seconds", op)
        ), op


def test_decodes_beside_a_chunk_read_dearer():
    """Measured: without a chunk each key and value is read once for the heads that share it."""
    alone = Kernels(PRO, LLAMA).attention(chunk=False)
    beside = Kernels(PRO, LLAMA).attention(chunk=True)
    assert 1.3 < beside.per_context / alone.per_context < 2.5
    group = replace(LLAMA, kv_heads=32)
    alone, beside = (Kernels(PRO, group).attention(chunk=c) for c in (False, True))
    assert beside.per_context == alone.per_context


def test_hopper_packs_the_heads_that_share_a_key():
    """FlashAttention 3 reads each key once beside a chunk, too."""
    alone, beside = (Kernels(H100, QWEN).attention(chunk=chunk) for chunk in (False, True))
    assert beside.per_context == alone.per_context


def test_offloaded_attention_runs_beside_the_gpu():
    """Offloaded attention runs beside the gpu."""
    xeon = hardware("Xeon-8259CL-8")
    here = operators(A100, LLAMA, 1, Batch(decode=(500,) * 8))
    there = operators(A100, LLAMA, 1, Batch(decode=(500,) * 4, offloaded=(500,) * 4), cpu=xeon)
    assert total(here, "flops", "gate_up") == total(there, "flops", "gate_up")
    cpu = [row for row in there if row.device == "cpu"]
    assert len(cpu) == 32
    read = 4 * 500 * 4096
    expected = 8e-5 + read / (45e9 * 0.7) + 1.5e-5 + 4 * 6144 * 2 / (0.8 * 32e9)
    assert cpu[0].seconds == pytest.approx(expected)
    gpu = sum(row.seconds for row in there if row.device != "cpu")
    on_gpu = next(row.seconds for row in there if row.op == "attention")
    assert there.elapsed == pytest.approx(gpu + 32 * (expected - on_gpu))
    with pytest.raises(OptionError, match="without a CPU"):
        operators(A100, LLAMA, 1, Batch(offloaded=(5,)))
    with pytest.raises(OptionError, match="no GPU"):
        operators(xeon, LLAMA, 1, Batch(decode=(5,)))


def test_copies_in_many_pieces_take_longer():
    """Copies in many pieces take longer."""
    once = copy_seconds(A100, 1e9)
    assert once == pytest.approx(1.5e-5 + 1e9 / (0.8 * 32e9))
    assert copy_seconds(A100, 1e9, blocks=1001) == pytest.approx(once + 3e-3)


def test_diffusion_computes_logits_of_every_position():
    """Diffusion computes logits of every position."""
    llada = model("LLaDA-8B")
    refresh = operators(H100, llada, 1, Batch(diffusion=(Block(1024, 1024, "refresh"),)))
    reuse = operators(H100, llada, 1, Batch(diffusion=(Block(32, 1024),)))
    assert total(refresh, "flops", "lm_head") == 1024 * 2 * 4096 * 126_464
    assert total(refresh, "flops", "attention") == 32 * 4 * 4096 * 1024 * 1024
    assert total(reuse, "flops", "attention") == 32 * 4 * 4096 * 32 * 1024
    assert reuse.elapsed < refresh.elapsed / 2
    for bad in ((0, 5, "reuse"), (6, 5, "reuse"), (4, 5, "refresh"), (4, 4, "denoise")):
        with pytest.raises(OptionError):
            Block(*bad)


@given(tokens=st.integers(1, 60), past=st.integers(0, 60), window=st.integers(1, 60))
def test_windows_by_counting(tokens: int, past: int, window: int):
    """Windows by counting."""
    seen = [min(past + i + 1, window) for i in range(tokens)]
    # Twice the pairs, the diagonal half: 2 n - 1 for a query that sees n keys, itself among them,
    # unless the window is full; then the key that drops out stands for the half.
    twice = sum(2 * n - 1 if past + i < window else 2 * window for i, n in enumerate(seen))
    assert windowed_pairs(tokens, past, window) == twice
    first = min(past + 1, window)
    assert windowed_context(tokens, past, window) == first + tokens - 1


def test_half_of_the_layers_of_gpt_oss_forget():
    """Half of the layers of gpt-oss forget what is beyond their window."""
    long, longer = (operators(H100, OSS, 1, Batch(decode=(n,))) for n in (1000, 2000))
    more = total(longer, "hbm_bytes", "attention") - total(long, "hbm_bytes", "attention")
    assert more == 1000 * 49_152 / 2


def test_an_empty_batch_takes_no_time():
    """An empty batch takes no time."""
    step = operators(A100, LLAMA, 1, Batch())
    assert len(step) == 0
    assert step.elapsed == 0.0


def test_rows_come_in_order_and_add_up():
    """Rows come in order and add up."""
    step = operators(A100, LLAMA, 2, Batch(prefill=(Chunk(100),), decode=(50, 60)))
    rows = list(step)
    layers = [row.layer for row in rows if row.layer != STEP]
    assert layers == sorted(layers)
    assert rows[0].op == "embedding"
    assert rows[-1].op == "host"
    assert sum(row.seconds for row in rows) == pytest.approx(step.elapsed)
    order = [row.op for row in rows if row.layer == 5]
    assert order == ["norm", "qkv", "rope", "attention", "o", "gate_up", "activation", "down",
                     "all_reduce"]  # fmt: skip


def test_launches_hide_behind_long_kernels_only():
    """Launches hide behind long kernels only."""
    host = Host("eager", fixed=0.0, launch=1e-5, kernels=8)
    small, large = (
        operators(H100, model("SmolLM2-135M"), 1, Batch(prefill=(Chunk(n),)), host=host)
        for n in (16, 65_536)
    )
    assert total(small, "seconds", "host") > 0
    assert small.elapsed == pytest.approx(1e-5 * (8 * 30 + 5), rel=0.05)
    assert total(large, "seconds", "host") == 0


@pytest.mark.parametrize(
    ("tokens", "rows"),
    [(1, 1), (2, 2), (3, 4), (5, 8), (250, 256), (257, 272), (512, 512), (513, 513), (7001, 7001)],
)
def test_graphs_are_recorded_for_some_sizes(tokens: int, rows: int):
    """Graphs are recorded for some sizes."""
    assert padded(np.array([tokens]))[0] == rows


def test_energy_compares_steps():
    """Energy compares steps."""
    one, two = (operators(H100, LLAMA, 1, Batch(decode=(500,) * n)) for n in (1, 32))
    energies = [relative_energy(H100, step) for step in (one, two)]
    # 32 tokens at once cost far less than 32 steps of one.
    assert energies[0] < energies[1] < 4 * energies[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tp": 3}, "must divide"),
        ({"tp": 0}, "must divide"),
        ({"tp": 1, "peers": 2}, "expert_parallel"),
        ({"tp": 1, "expert_parallel": True}, "cannot be spread"),
        ({"tp": 1, "popularity": zipf(QWEN, 1.0)}, "does not fit"),
    ],
)
def test_impossible_options_are_refused(options: dict, message: str):
    """Impossible options are refused."""
    with pytest.raises(OptionError, match=message):
        operators(A100, LLAMA, batch=Batch(decode=(5,)), **options)


def test_heads_that_cannot_be_shared_out_are_refused():
    """Six KV heads on four GPUs."""
    with pytest.raises(OptionError, match="6 KV heads over 4 GPUs"):
        Kernels(A100, replace(LLAMA, heads=12, kv_heads=6), 4)


def test_gpus_without_any_link_cannot_share_a_model():
    """Without NVLink the host link is used; without either there is no way."""
    by_host = Kernels(hardware("L40S"), LLAMA, 2).all_reduce(2)
    assert 1 / by_host.slope < 0.5 * hardware("L40S").host_link.value
    assert by_host.calibration.kind == "inferred"
    efficiency = hardware("L40S").efficiency
    assert efficiency is not None
    alone = replace(efficiency, all_reduce=())
    lonely = replace(hardware("L40S"), host_link=Figure(0.0, "inferred", "none"), efficiency=alone)
    with pytest.raises(OptionError, match="no link to other GPUs"):
        Kernels(lonely, LLAMA, 2).all_reduce(2)
    with pytest.raises(OptionError, match="no link to a host"):
        copy_seconds(lonely, 1.0)


def test_records_behind_operators():
    """A fit counts where it was made; beyond, its use is an inference."""
    plain, sliced, latent = Kernels(PRO, QWEN), Kernels(PRO, QWEN, 2), Kernels(PRO, DEEPSEEK)
    quarter = Kernels(PRO, replace(LLAMA, weight_bytes=0.5))
    assert plain.calibration("experts").kind == "fitted"
    assert sliced.calibration("experts").kind == "inferred"
    assert Kernels(PRO, QWEN, 2, expert_parallel=True).calibration("experts").kind == "fitted"
    assert plain.calibration("attention").kind == "fitted"
    assert latent.calibration("attention").kind == "inferred"
    assert plain.calibration("qkv").kind == "fitted"
    assert quarter.calibration("qkv").kind == "inferred"
    assert plain.calibration("host").kind == "inferred"
    assert Kernels(A100, LLAMA, 2).calibration("all_reduce").kind == "fitted"
    shared = Kernels(PRO, QWEN, expert_parallel=True, peers=2)
    assert shared.calibration("exchange").kind == "inferred"


def test_impossible_batches_are_refused():
    """Impossible batches are refused."""
    for bad in ((0,), (5, -1), (5, 0, 3, 3), (5, 0, -1)):
        with pytest.raises(OptionError, match="impossible chunk"):
            Chunk(*bad)
    with pytest.raises(OptionError, match="attends to 0"):
        Batch(decode=(0,))
    with pytest.raises(OptionError, match="host mode"):
        Host("lazy")
    with pytest.raises(OptionError, match="impossible host"):
        Host(fixed=-1.0)
