"""The event-driven engine does what vLLM's own scheduler does, to the picosecond."""

from __future__ import annotations

import pytest

from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.record import first_difference
from tests.serving.engine.cases import random_case

pytest.importorskip("vllm", reason="vLLM is not installed in this environment")


@pytest.mark.parametrize("tens", range(12))
def test_engine_equals_the_stock_scheduler(tens: int) -> None:
    """Admissions, hits, preemptions and tokens agree on ten random loads."""
    from makespan.serving.vllm.virtual import run_stock

    for seed in range(10 * tens, 10 * tens + 10):
        case = random_case(seed)
        settings, cost = case["settings"][0], case["cost"][0]
        ours = simulate_serving(case["workload"], settings, cost)
        stock = run_stock(case["workload"], settings, cost)
        assert first_difference(ours, stock) is None, seed
