"""Serving a plan: in its order, within memory, finding what was planned; and what others do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.policies.batchllm import BatchLLM, plan_batch, plan_workload
from makespan.serving.policies.batchllm.attention import reads_saved, time_saved
from makespan.serving.policies.batchllm.orders import depth_first, lexicographic, ranks
from makespan.serving.policies.batchllm.planning import workload_tree
from makespan.serving.policies.batchllm.policy import InOrder
from makespan.serving.policies.batchllm.tree import PrefixTree
from makespan.serving.policy import Policy
from makespan.serving.record import Record
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import Workload
from makespan.serving.workloads.catalogue import generate
from makespan.serving.workloads.transform import drop_sharing, set_cap

COST = LinearCost(10**10, 10**8, 10**5, 10**7)


def batch(seed: int = 0, **parameters: int) -> Workload:
    """A shuffled batch with groups of eight."""
    chosen = {
        "requests": 200, "degree": 8, "prefix_tokens": 160, "suffix_tokens": 40,
        "output_tokens": 30,
    }  # fmt: skip
    load = generate("offline-batch", chosen | parameters, seed=seed)
    return set_cap(load, int(load.output.max()))


def serve(load: Workload, policy: Any, blocks: int = 150, seqs: int = 64) -> Record:
    """Served by one engine."""
    settings = EngineSettings(blocks, max_num_batched_tokens=512, max_num_seqs=seqs)
    return simulate_serving(load, settings, COST, policy=policy)


@pytest.mark.parametrize("seed", range(3))
def test_requests_are_admitted_in_the_order_of_the_plan(seed: int) -> None:
    """And every token that the plan saves is found, though memory holds few prefixes."""
    load = batch(seed)
    plan = plan_workload(load)
    record = serve(load, lambda: BatchLLM(load, plan))
    assert record.finished.all()
    assert (np.diff(record.admitted[plan.order]) >= 0).all()
    assert record.hit.sum() >= plan.saved > 0.5 * load.prompt.sum()
    arrival = serve(load, Policy)
    assert arrival.hit.sum() < 0.8 * plan.saved
    assert record.makespan < 0.9 * arrival.makespan


@pytest.mark.parametrize("shared", [True, False])
def test_nobody_is_preempted_if_all_growth_is_kept_free(shared: bool) -> None:
    """Told the lengths, with room for all that running requests will yet generate."""
    load = batch(output_tokens=200)
    load = load if shared else drop_sharing(load)
    crowded = serve(load, Policy)
    assert crowded.preemptions.sum() > 20
    record = serve(load, lambda: BatchLLM(load, output=load.output, growth=1.0))
    assert record.preemptions.sum() == 0
    # The default keeps half of that free, and learns the lengths.
    assert serve(load, lambda: BatchLLM(load)).preemptions.sum() < 0.2 * crowded.preemptions.sum()


def test_without_admission_by_memory_the_engine_decides() -> None:
    """As a policy that orders alone."""
    load = batch()
    plan = plan_workload(load)
    ours = serve(load, lambda: BatchLLM(load, plan, memory=False))
    assert (ours.last == serve(load, lambda: InOrder(plan.rank)).last).all()


def test_admission_waits_for_more_than_one_end() -> None:
    """With a hysteresis requests are admitted in fewer, larger bursts."""
    load = drop_sharing(batch(requests=400))
    bursts = [
        len(np.unique(serve(load, make, blocks=400, seqs=400).admitted))
        for make in (
            lambda: BatchLLM(load, hysteresis=0.3),
            lambda: BatchLLM(load, hysteresis=0.0),
        )
    ]
    assert bursts[0] < 0.7 * bursts[1]


def test_steps_can_be_kept_small() -> None:
    """The limit of tokens holds, for the memory of activations."""
    load = set_cap(batch(requests=40, output_tokens=1), 5)
    small = serve(load, lambda: BatchLLM(load, tokens=100), blocks=4000)
    large = serve(load, lambda: BatchLLM(load), blocks=4000)
    assert small.steps > 3 * large.steps


@pytest.mark.parametrize(
    "options",
    [
        {"threshold": 0.0},
        {"threshold": 1.1},
        {"hysteresis": 0.95},
        {"growth": -1.0},
        {"tokens": 0},
        {"plan": plan_batch([[1]])},
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any]) -> None:
    """With an error of ours."""
    with pytest.raises(OptionError):
        BatchLLM(batch(), **options)


@pytest.mark.parametrize("order", [lexicographic, depth_first])
def test_other_orders_keep_prefixes_together(order: Any) -> None:
    """Whoever shares a prefix stands side by side."""
    load = generate(
        "shared-prefixes",
        {"requests": 100, "system_tokens": 64, "document_tokens": 100, "documents": 9},
    )
    tree = workload_tree(load)
    rank = ranks(order(tree))
    assert sorted(rank.tolist()) == list(range(load.count))
    for a, b in zip(tree.first.tolist(), tree.last.tolist(), strict=True):
        places = rank[tree.order[a:b]]
        assert places.max() - places.min() == b - a - 1


def test_depth_first_visits_the_largest_branch_first() -> None:
    """Whatever the tokens are; what ends at a node comes after what branches off."""
    prompts = [[1, 1], [2], [2, 5, 5], [2, 5, 6], [2, 4, 1], [1, 1, 3]]
    rows = [np.array(prompt, dtype=">u4").tobytes() for prompt in prompts]
    tree = PrefixTree.of_rows(rows)
    assert lexicographic(tree).tolist() == [0, 5, 1, 4, 2, 3]
    assert depth_first(tree).tolist() == [2, 3, 1, 4, 0, 5]


@given(
    st.lists(st.tuples(st.integers(1, 12), st.integers(0, 9)), min_size=2, max_size=6),
    st.integers(1, 5),
)
def test_the_kernel_saves_at_most_the_bound(members: list[tuple[int, int]], blocks: int) -> None:
    """Whenever members decode: of k that decode in a step, k - 1 need not read the prefix."""
    output, start = (np.array(column, dtype=np.int64) for column in zip(*members, strict=True))
    prefix = [7] * (16 * blocks)
    plan = plan_batch([[*prefix, r] for r in range(len(members))])
    running = [
        sum(s <= step < s + o - 1 for o, s in zip(output, start, strict=True)) for step in range(30)
    ]
    saved = 16 * blocks * sum(max(k - 1, 0) for k in running)
    bound = reads_saved(plan, output)
    assert saved <= bound
    if len(set(start.tolist())) == 1:
        assert saved == bound
    assert time_saved(plan, output, COST) == bound * 10**5
    assert reads_saved(plan_batch([]), output) == 0
