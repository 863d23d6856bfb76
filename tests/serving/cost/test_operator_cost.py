"""Compiled costs equal the sum of the operators, and keep the contract of StepCost."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.cost.batch import Batch, Chunk
from makespan.serving.cost.hardware import hardware
from makespan.serving.cost.host import Host
from makespan.serving.cost.kernels import Kernels
from makespan.serving.cost.models import model
from makespan.serving.cost.operator_cost import OperatorCost
from makespan.serving.cost.operators import step_operators
from makespan.serving.cost.popularity import dirichlet
from makespan.serving.cost.step import StepCost

SETUPS = {
    "dense": ("RTX-4090", "Llama-3.1-8B", 1, {}),
    "sharded": ("A100-SXM-80GB", "Llama-3.1-70B", 4, {"all_reduce_fixed": 1e-5}),
    "experts": ("RTX-PRO-6000", "Qwen3-30B-A3B", 1, {}),
    "latent": ("H100-SXM", "DeepSeek-V3", 8, {"expert_parallel": True}),
    "eager": ("H100-SXM", "SmolLM2-135M", 1, {"host": Host("eager")}),
    "peers": ("RTX-PRO-6000", "Qwen3-30B-A3B", 1, {"expert_parallel": True, "peers": 2}),
}


@cache
def kernels(setup: str) -> Kernels:
    """Kernels of a setup."""
    device, name, tp, options = SETUPS[setup]
    return Kernels(hardware(device), model(name), tp, **options)


@cache
def cost(setup: str) -> OperatorCost:
    """Compiled cost of a setup."""
    return OperatorCost(kernels(setup), tokens=4096, sequences=256)


def rounding(context: int) -> float:
    """Picoseconds by which tables of whole ones may differ, and doubles of about 1e11."""
    return 3 + context / 2 + 1


batches = st.builds(
    Batch,
    prefill=st.lists(
        st.builds(Chunk, tokens=st.integers(1, 1000), past=st.integers(0, 9000)), max_size=3
    ).map(tuple),
    decode=st.lists(st.integers(1, 20_000), max_size=40).map(tuple),
)


@pytest.mark.parametrize("setup", SETUPS)
@settings(max_examples=25)
@given(batch=batches)
def test_a_step_is_the_sum_of_its_operators(setup: str, batch: Batch):
    """A step is the sum of its operators."""
    expected = step_operators(kernels(setup), batch).elapsed * 1e12
    found = cost(setup).step(batch.tokens, batch.sequences, batch.context, batch.pairs)
    assert abs(found - expected) <= rounding(batch.context)


def test_skewed_layers_are_summed():
    """Skewed layers are summed."""
    skewed = Kernels(hardware("RTX-PRO-6000"), model("Qwen3-30B-A3B"),
                     popularity=dirichlet(model("Qwen3-30B-A3B"), 0.3, seed=5))  # fmt: skip
    compiled = OperatorCost(skewed, tokens=256, sequences=64)
    batch = Batch(prefill=(Chunk(100),), decode=(400,) * 9)
    expected = step_operators(skewed, batch).elapsed * 1e12
    found = compiled.step(batch.tokens, batch.sequences, batch.context, batch.pairs)
    assert abs(found - expected) <= rounding(batch.context)
    assert found < cost("experts").step(batch.tokens, batch.sequences, batch.context, batch.pairs)


@given(batch=st.builds(
    Batch,
    prefill=st.lists(st.builds(Chunk, tokens=st.integers(50, 1000), past=st.integers(128, 9000)),
                     max_size=3).map(tuple),
    decode=st.lists(st.integers(1, 20_000), max_size=40).map(tuple)))  # fmt: skip
@settings(max_examples=40)
def test_windows_are_taken_to_be_full(batch: Batch):
    """Never below the operators by more than a query per chunk; above by short decodes only."""
    windowed = Kernels(hardware("H200-SXM"), model("gpt-oss-20b"))
    compiled = oss()
    expected = step_operators(windowed, batch).elapsed * 1e12
    found = compiled.step(batch.tokens, batch.sequences, batch.context, batch.pairs)
    assert found >= expected * (1 - 1e-3) - rounding(batch.context)
    if all(context >= 128 for context in batch.decode):
        assert found == pytest.approx(expected, rel=1e-3, abs=rounding(batch.context))
    else:
        spare = sum(128 - min(context, 128) for context in batch.decode)
        attention = windowed.attention(chunk=batch.pairs > 0)
        most = expected + 12 * spare * attention.per_context * 1e12
        assert found <= most * (1 + 1e-3) + rounding(batch.context)


@cache
def oss() -> OperatorCost:
    """Compiled cost of a model with windows."""
    return OperatorCost.of(hardware("H200-SXM"), model("gpt-oss-20b"), tokens=4096, sequences=256)


@pytest.mark.parametrize("setup", SETUPS)
@given(n=st.integers(1, 600), context=st.integers(0, 10**7))
def test_decode_is_the_closed_form_of_step(setup: str, n: int, context: int):
    """Decode is the closed form of step."""
    fixed, slope = cost(setup).decode(n)
    assert fixed + slope * context == cost(setup).step(n, n, context, 0)
    assert isinstance(fixed, int)
    assert isinstance(slope, int)


@pytest.mark.parametrize("setup", SETUPS)
@given(
    tokens=st.integers(2, 5000),
    sequences=st.integers(1, 200),
    context=st.integers(1, 10**6),
    pairs=st.integers(0, 10**8),
)
def test_more_work_takes_no_less(setup: str, tokens: int, sequences: int, context: int, pairs: int):
    """More work takes no less."""
    tokens = max(tokens, sequences + 1)
    here = cost(setup).step(tokens, sequences, context, pairs)
    assert here > 0
    assert cost(setup).step(tokens + 1, sequences, context, pairs) >= here
    assert cost(setup).step(tokens, sequences, context + 1, pairs) > here
    assert cost(setup).step(tokens, sequences, context, pairs + 1000) >= here


@pytest.mark.parametrize("setup", ["dense", "experts", "sharded"])
@given(tokens=st.integers(4097, 4096 * 20), sequences=st.integers(1, 256))
@settings(max_examples=30)
def test_beyond_the_table_is_interpolated(setup: str, tokens: int, sequences: int):
    """Beyond the table is interpolated."""
    batch = Batch(prefill=(Chunk(tokens - sequences + 1),), decode=(500,) * (sequences - 1))
    expected = step_operators(kernels(setup), batch).elapsed * 1e12
    found = cost(setup).step(batch.tokens, batch.sequences, batch.context, batch.pairs)
    # The last tile begins at 4,097 tokens, and the line between sizes does not know of it.
    assert found == pytest.approx(expected, rel=0.02)


def test_many_sequences_are_interpolated():
    """Many sequences are interpolated."""
    batch = Batch(decode=(100,) * 700)
    expected = step_operators(kernels("dense"), batch).elapsed * 1e12
    assert cost("dense").step(700, 700, 70_000, 0) == pytest.approx(expected, rel=0.02)


def test_slow_devices_take_longer_for_more_however_much_it_is():
    """Steps of years do not leave the integers."""
    slow = OperatorCost(Kernels(hardware("T4"), model("Llama-3.1-70B"), 1), tokens=64, sequences=8)
    lasts = [slow.step(64 << k, 8, 64 << k, 0) for k in range(27)]
    assert all(2 * a * 0.99 < b < 2 * a * 1.01 for a, b in pairwise(lasts[7:]))
    assert lasts[-1] > 2**63


def test_nothing_takes_no_time_and_too_much_is_refused():
    """Nothing takes no time and too much is refused."""
    assert cost("dense").step(0, 0, 0, 0) == 0
    with pytest.raises(OptionError, match="too many"):
        cost("dense").step(1 << 40, 1, 1, 0)
    with pytest.raises(OptionError, match="tables of"):
        OperatorCost(kernels("dense"), tokens=0)


def test_it_is_a_step_cost_that_says_how_good_it_is():
    """It is a step cost that says how good it is."""
    typed: StepCost = cost("dense")
    assert typed.decode(1)[0] > 0
    record = cost("dense").calibration
    assert record.calibrated
    assert record.error is not None
    assert 0.03 < record.error < 0.10
    assert 0 < record.inferred < 0.05
    assert "RTX-4090/Llama-3.1-8B/tp1" in repr(cost("dense"))
    assert "error" in record.label
    assert not cost("latent").calibration.calibrated
    assert "uncalibrated" in cost("latent").calibration.label
    assert {part.id for part in record.parts} >= {"rtx4090-gemm", "rtx4090-attention"}


# Measured with vLLM 0.19 on an RTX 4090, a run in which decodes of 60 to 100 sequences alternate
# with chunks (LLMServingSim @ 5daddb2, bench/examples): time per output token 32.4 ms in the mean.
def test_decodes_of_a_real_run_have_the_right_size():
    """Decodes of a real run have the right size."""
    step = cost("dense").step(80, 80, 41_408, 0) / 1e9
    assert 22 < step < 32


@given(tokens=st.integers(1, 9000), others=st.integers(0, 9000), more=st.integers(0, 500))
def test_fewer_tokens_that_meet_take_less(tokens: int, others: int, more: int):
    """Nothing is to be corrected where all have as many; else it rises with those of the others."""
    peers = cost("peers")
    assert peers.meeting(tokens, 2 * tokens) == 0
    assert peers.meeting(tokens, tokens + others) <= peers.meeting(tokens, tokens + others + more)
    whole = peers.step(tokens, 1, 0, 0) if tokens > 1 else peers.step(1, 1, 0, 0)
    assert whole + peers.meeting(tokens, tokens) > 0
    assert cost("experts").meeting(tokens, tokens + others) == 0


@pytest.mark.parametrize("others", [0, 40, 400])
def test_what_meets_are_the_experts_and_the_exchange(others: int):
    """As much as the kernels of all layers say, for 400 tokens of one's own."""
    found, compiled = kernels("peers"), cost("peers")

    def seconds(seen: int) -> float:
        works = [found.met(np.array([seen]), layer) for layer in range(found.shape.layers)]
        return sum(float(work.seconds[0]) for layer in works for work in layer)

    expected = (seconds(400 + others) - seconds(800)) * 1e12
    assert compiled.meeting(400, 400 + others) == pytest.approx(expected, abs=2)
