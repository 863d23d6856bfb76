"""Costs fitted to the steps that vLLM's scheduler planned foretell what it does with other loads."""

from __future__ import annotations

import numpy as np
import pytest

from makespan.serving.cost.calibration.knot_fit import fit_knots, steps_of
from makespan.serving.cost.knots import KnotCost
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.settings import EngineSettings
from makespan.serving.vllm.virtual import run_stock
from makespan.serving.workload import Workload

SETTINGS = EngineSettings(blocks=40, block_size=32, max_num_batched_tokens=256, max_num_seqs=16)
TRUTH = KnotCost(
    (1, 8, 64, 256), (20 * 10**9, 35 * 10**9, 120 * 10**9, 400 * 10**9), 5 * 10**6, 10**9, 300
)


def load(requests: int, gap: float, seed: int) -> Workload:
    """Short chats, ``gap`` seconds apart in the mean."""
    random = np.random.default_rng(seed)
    at = np.cumsum(random.exponential(gap, requests))
    return Workload(
        "chats",
        ((at - at[0]) * 1e12).astype(np.int64),
        random.integers(5, 250, requests),
        random.integers(2, 60, requests),
    )


@pytest.mark.usefixtures("vllm")
@pytest.mark.parametrize("gap", [2.0, 0.3])
def test_other_loads_are_foretold(gap: float) -> None:
    """Lightly loaded, and overloaded with memory short; the costs are known only by their steps."""
    seen = run_stock(load(60, 0.5, 1), SETTINGS, TRUTH, log=True)
    assert seen.log is not None
    cost = fit_knots(steps_of(seen.log))
    other = load(40, gap, 2)
    real = run_stock(other, SETTINGS, TRUTH)
    simulated = simulate_serving(other, SETTINGS, cost)
    assert (real.preemptions.sum() > 0) == (gap < 1)
    for name in ("ttft", "tpot", "e2e"):
        ours, theirs = (np.nanmean(getattr(one, name)) for one in (simulated, real))
        assert ours == pytest.approx(theirs, rel=0.04), name
