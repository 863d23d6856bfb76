"""Plans: every request once, the paper's order, back to the batch's own, cut and continued."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.policies.batchllm import Plan, plan_batch, plan_workload
from makespan.serving.vllm.tokens import Tokens
from makespan.serving.workload import Workload
from makespan.serving.workloads.catalogue import generate

TOKENS = st.lists(st.lists(st.integers(0, 1), max_size=12), max_size=12)


@given(
    TOKENS,
    st.sampled_from(["exact", "greedy", "none"]),
    st.sampled_from(["ratio", "tree", "arrival"]),
    st.one_of(st.none(), st.integers(1, 40)),
    st.data(),
)
def test_a_plan_has_everybody_once(
    prompts: list[list[int]], grouping: Any, ordering: Any, capacity: int | None, data: Any
) -> None:
    """Members share the prefix; what is not done stays in its group; results come back in order."""
    plan = plan_batch(
        prompts,
        output_tokens=3,
        block_size=2,
        grouping=grouping,
        ordering=ordering,
        capacity=capacity,
    )
    groups = list(plan)
    assert sorted(r for group in groups for r in group.members) == list(range(len(prompts)))
    assert len(groups) == len(plan)
    for group in groups:
        assert len({tuple(prompts[r][: group.prefix]) for r in group.members}) == 1
        # The last token is computed whatever is found.
        assert all(group.prefix == 0 or len(prompts[r]) > group.prefix for r in group.members)
        held = group.prefix + sum(len(prompts[r]) - group.prefix + 3 for r in group.members)
        assert capacity is None or len(group.members) == 1 or held <= capacity
    assert plan.saved == sum(group.prefix * (len(group.members) - 1) for group in groups)
    assert plan.saved <= plan.bound
    assert plan.restore(plan.apply(prompts)) == prompts
    done = data.draw(st.sets(st.integers(0, max(len(prompts) - 1, 0)), max_size=len(prompts)))
    left = plan.without(done)
    assert left.order.tolist() == [r for r in plan.order.tolist() if r not in done]
    assert [g.members for g in left] == [
        kept for g in groups if (kept := tuple(r for r in g.members if r not in done))
    ]
    portions = list(plan.portions(5))
    assert [r for portion in portions for r in portion] == plan.order.tolist()
    assert all(len(portion) >= 5 for portion in portions[:-1])


def test_those_that_decode_most_for_their_prefill_go_first() -> None:
    """By the ratio of the group; of equal ones the largest; members by what they have in common."""
    a, b, c = [1] * 8, [2] * 8, [3] * 8
    prompts = [
        [*a, 9, 8], [*b, 9, 5], [*a, 7, 1], [*b, 4, 5], [*c, 1, 1], [*a, 9, 9], [*c, 2, 2],
    ]  # fmt: skip
    plan = plan_batch(prompts, output_tokens=[1, 90, 1, 90, 10, 1, 10], block_size=4)
    assert [group.members for group in plan] == [(3, 1), (4, 6), (2, 0, 5)]
    twice = plan_batch([[*a, 1], [*b, 1], [*a, 2], [*b, 2], [*b, 3]], block_size=4)
    assert [len(group.members) for group in twice] == [3, 2]
    tree = plan_batch(prompts, block_size=4, ordering="tree")
    assert [group.members[0] for group in tree] == [2, 3, 4]


def test_duplicates_share_all_but_their_end() -> None:
    """As an engine does: the last token of a prompt is always computed."""
    plan = plan_batch([[1] * 32] * 3, block_size=16)
    assert [(group.prefix, group.members) for group in plan] == [(16, (0, 1, 2))]
    prefix_of = plan_batch([[1] * 33, [1] * 20], block_size=16)
    assert prefix_of.saved == 16


def test_a_large_group_is_cut() -> None:
    """Each part fits; its prefix counts again."""
    prompts = [[1] * 16 + [k] * 4 for k in range(10)]
    whole = plan_batch(prompts, output_tokens=6)
    cut = plan_batch(prompts, output_tokens=6, capacity=16 + 3 * 10)
    assert whole.saved == 9 * 16
    assert [len(group.members) for group in cut] == [3, 3, 3, 1]
    assert cut.saved == 6 * 16
    assert cut.order.tolist() == whole.order.tolist()


def test_texts_and_keys() -> None:
    """Characters stand for tokens; adapters share nothing."""
    texts = [f"You are a careful judge of films. {word}" for word in ("One", "Two", "Three")]
    assert plan_batch(texts).saved == 2 * 32
    assert plan_batch(texts, keys=["a", "b", "a"]).saved == 32
    assert "64 tokens saved" in str(plan_batch(texts))
    assert plan_batch([]).restore([]) == []


@pytest.mark.parametrize(
    ("prompts", "options"),
    [
        ("one text", {}),
        (["text", [1]], {}),
        ([[1.5]], {}),
        ([[-1]], {}),
        ([[2**40]], {}),
        ([None], {}),
        ([[1]], {"output_tokens": [1, 2]}),
        ([[1]], {"output_tokens": -1}),
        ([[1]], {"output_tokens": 0.5}),
        ([[1]], {"keys": []}),
        ([[1]], {"keys": [[]]}),
        ([[1]], {"block_size": 0}),
        ([[1]], {"capacity": 0}),
        ([[1]], {"grouping": "best"}),
        ([[1]], {"ordering": "random"}),
    ],
)
def test_impossible_batches_are_refused(prompts: Any, options: dict[str, Any]) -> None:
    """With an error of ours that says what would do."""
    with pytest.raises(OptionError):
        plan_batch(prompts, **options)


def test_impossible_uses_are_refused() -> None:
    """Results that are too few, requests that are not there, a part of a plan as a whole."""
    plan = plan_batch([[1], [2]])
    for use in (
        lambda: plan.restore([1]),
        lambda: plan.apply([1]),
        lambda: plan.without([2]),
        lambda: plan.without([0]).restore([1, 2]),
        lambda: list(plan.portions(0)),
        lambda: plan_workload(generate("offline-batch", {"requests": 3}), output=np.ones(2)),
    ):
        with pytest.raises(OptionError):
            use()


def test_a_load_is_planned_as_its_tokens_are() -> None:
    """The pieces of a load and the tokens that stand for them have the same plan."""
    load = generate(
        "shared-prefixes",
        {"requests": 80, "system_tokens": 64, "document_tokens": 150, "documents": 9},
        seed=3,
    )
    tokens = Tokens(load)
    by_tokens = plan_batch(
        [tokens.prompt(r) for r in range(load.count)], output_tokens=load.cap.tolist()
    )
    by_pieces = plan_workload(load)
    assert by_tokens.saved == by_pieces.saved > 0
    assert by_tokens.bound == by_pieces.bound
    assert {g.members for g in by_tokens} != set()
    assert {frozenset(g.members) for g in by_tokens} == {frozenset(g.members) for g in by_pieces}


def test_shared_outputs_are_not_shared_prompts() -> None:
    """A load may name pieces of outputs; they are not there when prompts are planned."""
    whole = np.zeros(2, dtype=np.int64)
    load = Workload(
        "quotes", whole, whole + 17, whole + 40,
        content=np.array([1, 2, 1, 2]), content_ptr=np.array([0, 2, 4]),
    )  # fmt: skip
    assert plan_workload(load).saved == 16


def test_plans_are_plain_data() -> None:
    """Numbers that JSON takes, for those who keep plans."""
    plan = plan_batch([[1] * 20, [1] * 20])
    text = json.dumps([[group.prefix, group.members] for group in plan])
    assert text == "[[16, [0, 1]]]"
    assert isinstance(plan, Plan)
