"""A whole vLLM on a CPU: it decides as its scheduler alone does, and its times fit together."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from makespan.core.errors import FormatError, OptionError
from makespan.serving.cost.step import LinearCost
from makespan.serving.record import Fate, Record
from makespan.serving.settings import EngineSettings
from makespan.serving.vllm import RealEngine, run_stock
from makespan.serving.vllm.real import cache_bytes
from makespan.serving.workload import PICOSECONDS, Workload

# An engine takes seconds to load, and minutes on a machine that is busy otherwise.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LIMITS = EngineSettings(blocks=12, block_size=32, max_num_batched_tokens=128, max_num_seqs=6)
COST = LinearCost(floor=1000, per_token=10, per_context=1, per_sequence=0)


def column(*values: int) -> np.ndarray:
    """An int64 array."""
    return np.array(values, dtype=np.int64)


def load(*requests: tuple[int, int, int], **more: Any) -> Workload:
    """A workload of (arrival, prompt, output)."""
    return Workload("by hand", *(column(*values) for values in zip(*requests, strict=True)), **more)


@pytest.fixture(scope="module")
def model(vllm: str) -> Path:
    """Folder of a prepared model; skips where there is none."""
    folder = os.environ.get("MAKESPAN_MODEL")
    if not folder or not (Path(folder) / "config.json").is_file():
        pytest.skip("no model: set MAKESPAN_MODEL to what scripts/prepare_model.py made")
    return Path(folder)


@pytest.fixture(scope="module")
def engine(model: Path) -> Iterator[RealEngine]:
    """One engine for all tests: it takes seconds to load."""
    with RealEngine(model, LIMITS) as engine:
        yield engine


def decisions(record: Record) -> list[tuple[int, int]]:
    """What was decided about whom, in order, without the times."""
    assert record.events is not None
    return list(zip(record.events.kind.tolist(), record.events.request.tolist(), strict=True))


def test_blocks_must_suit_the_processor(tmp_path: Path) -> None:
    """vLLM's attention on CPUs takes blocks of 32 tokens and multiples."""
    with pytest.raises(OptionError, match="multiple of 32"):
        RealEngine(tmp_path, EngineSettings(12, 16))


def test_folder_must_hold_a_model(tmp_path: Path) -> None:
    """The message says what makes one."""
    with pytest.raises(FormatError, match=r"no config\.json.*prepare_model"):
        RealEngine(tmp_path, LIMITS)


@pytest.mark.parametrize(("dtype", "width"), [("float32", 4), ("bfloat16", 2)])
def test_asks_for_the_memory_of_its_blocks_alone(dtype: str, width: int) -> None:
    """Not for a share of the machine's, which others may use; heads are shared or all of them."""
    shape = SimpleNamespace(num_hidden_layers=30, num_attention_heads=9, hidden_size=576)
    token = 2 * 30 * 9 * 64 * width
    assert cache_bytes(shape, LIMITS, dtype) == 13 * 32 * token
    shape.num_key_value_heads = 3
    assert cache_bytes(shape, LIMITS, dtype) == 13 * 32 * token // 3
    shape.head_dim = 128
    assert cache_bytes(shape, LIMITS, dtype) == 13 * 32 * token // 3 * 2


def test_real_engine_decides_as_its_scheduler_alone(engine: RealEngine) -> None:
    """Of requests sent at once all admissions, preemptions, ends and hits are those foretold.

    Decisions then do not depend on how long steps last, so that a virtual clock with any cost
    model must arrive at the same ones as the machine.
    """
    requests = load(
        (0, 94, 5),
        (0, 94, 5),
        (0, 94, 5),
        (0, 94, 5),
        (0, 64, 3),
        (0, 200, 2),
        (0, 400, 2),
        (0, 10, 5),
        content=column(1, 2, 4, 1, 2, 1, 2, 3),
        content_ptr=column(0, 2, 3, 3, 3, 5, 8, 8, 8),
        grain=32,
    )
    real = engine.run(requests, events=True, log=True, time_limit=600)
    foretold = run_stock(requests, LIMITS, COST, events=True, log=True)
    assert real.measured
    assert decisions(real) == decisions(foretold)
    for name in ("fate", "preemptions", "hit", "hits"):
        np.testing.assert_array_equal(getattr(real, name), getattr(foretold, name))
    assert real.steps == foretold.steps
    assert real.counters == foretold.counters
    assert real.log is not None
    assert foretold.log is not None
    for name in ("tokens", "sequences", "context", "pairs"):
        np.testing.assert_array_equal(getattr(real.log, name), getattr(foretold.log, name))
    # The case is one in which something happens.
    assert real.preemptions.any()
    assert real.hit.any()
    assert Fate.TOO_LONG in real.fate
    assert (real.log.end > real.log.begin).all()
    assert (real.log.begin[1:] >= real.log.end[:-1]).all()


def test_follow_up_quotes_what_was_said(engine: RealEngine) -> None:
    """A prompt that names pieces of an answer finds the blocks that the answer left."""
    record = engine.run(
        load(
            (0, 50, 16),
            (0, 80, 1),
            parent_ptr=column(0, 0, 1),
            parent=column(0),
            delay=column(PICOSECONDS // 100),
            content=column(1, 2, 1, 2),
            content_ptr=column(0, 2, 4),
            grain=32,
        ),
        time_limit=600,
    )
    assert record.finished.all()
    # Of 66 tokens 65 were computed: two blocks.
    assert record.hit.tolist() == [0, 64]
    assert record.sent[1] == record.last[0] + PICOSECONDS // 100


def test_clock_begins_with_the_first_arrival(engine: RealEngine) -> None:
    """A stretch of a long trace need not be waited for, and distances are real time."""
    day = 86_400 * PICOSECONDS
    record = engine.run(load((day, 10, 1), (day + PICOSECONDS // 2, 10, 1)), time_limit=600)
    assert record.sent.tolist() == [day, day + PICOSECONDS // 2]
    assert record.admitted[1] >= record.sent[1]


def test_run_that_takes_too_long_is_cut(engine: RealEngine) -> None:
    """What has not ended is told as unfinished, and the engine serves the next load."""
    record = engine.run(load((0, 64, 300), (10**15, 8, 1)), time_limit=0.0)
    assert record.fate.tolist() == [Fate.UNFINISHED, Fate.UNFINISHED]
    assert record.sent.tolist() == [0, -1]
    assert record.admitted[0] >= 0
    assert engine.run(load((0, 8, 1)), time_limit=600).finished.all()


def test_nothing_is_remembered_between_runs(engine: RealEngine) -> None:
    """Each run begins with an empty prefix cache."""
    for _ in range(2):
        assert engine.run(load((0, 70, 1)), time_limit=600).hits.tolist() == [0]
