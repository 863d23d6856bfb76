"""The prefix tree and its groupings, against what enumeration finds."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.serving.policies.batchllm.greedy import greedy_grouping
from makespan.serving.policies.batchllm.grouping import Grouping, best_grouping
from makespan.serving.policies.batchllm.tree import PrefixTree


def rows_of(prompts: list[list[int]]) -> list[bytes]:
    """Prompts as rows of symbols."""
    return [np.array(prompt, dtype=">u4").tobytes() for prompt in prompts]


PROMPTS = st.lists(
    st.lists(st.sampled_from([0, 1, 2**31]), max_size=9), max_size=14
)  # few symbols, so that much is shared


def common(a: list[int], b: list[int]) -> int:
    """Length of the longest common prefix."""
    same = [x == y for x, y in zip(a, b, strict=False)]
    return same.index(False) if False in same else len(same)


@given(PROMPTS, st.integers(1, 3), st.integers(1, 4))
def test_the_tree_has_what_pairs_have_in_common(
    prompts: list[list[int]], grain: int, block: int
) -> None:
    """The deepest node above two prompts is where they part, and each node is such a place."""
    tree = PrefixTree.of_rows(rows_of(prompts), grain=grain, block_size=block)
    below = [set(tree.order[a:b].tolist()) for a, b in zip(tree.first, tree.last, strict=True)]
    found = {(0, frozenset(range(len(prompts))))}
    for a in range(len(prompts)):
        deepest = 0
        for b in range(len(prompts)):
            if a != b:
                tokens = common(prompts[a], prompts[b]) * grain // block * block
                above = [u for u, members in enumerate(below) if {a, b} <= members]
                assert max(tree.depth[above]) == tokens
                deepest = max(deepest, tokens)
                alike = [
                    c
                    for c in range(len(prompts))
                    if c == a or common(prompts[a], prompts[c]) * grain // block * block >= tokens
                ]
                if tokens:
                    found.add((tokens, frozenset(alike)))
        assert tree.depth[tree.deepest[a]] == deepest
        assert a in below[tree.deepest[a]]
    nodes = {(int(d), frozenset(members)) for d, members in zip(tree.depth, below, strict=True)}
    assert nodes == found
    for u, above in enumerate(tree.parent.tolist()):
        assert (above < 0) == (u == 0)
        if u:
            assert above < u
            assert below[u] <= below[above]
            assert tree.depth[above] < tree.depth[u]


@given(PROMPTS, st.integers(1, 4))
def test_multi_level_sharing_computes_every_block_once(
    prompts: list[list[int]], block: int
) -> None:
    """The bound is all blocks less the different ones."""
    tree = PrefixTree.of_rows(rows_of(prompts), block_size=block)
    begins = [tuple(p[:k]) for p in prompts for k in range(block, len(p) + 1, block)]
    assert tree.multi_level == block * (len(begins) - len(set(begins)))


def enumerated(tree: PrefixTree) -> int:
    """The most that any set of open nodes saves."""
    sets = product([False, True], repeat=len(tree.depth) - 1)
    return max(Grouping.of(tree, np.array([False, *chosen])).saved for chosen in sets)


def by_recursion(tree: PrefixTree) -> int:
    """F of the module, literally."""
    children: list[list[int]] = [[] for _ in tree.depth]
    for u, above in enumerate(tree.parent.tolist()):
        if u:
            children[above].append(u)
    depth, own = tree.depth.tolist(), tree.own.tolist()

    def kept(u: int, d: int) -> int:
        return int(own[u] * d + sum(most(v, d) for v in children[u]))

    @cache
    def most(u: int, d: int) -> int:
        return max(kept(u, depth[u]) - depth[u], kept(u, d))

    return most(0, 0)


@given(PROMPTS, st.sampled_from([1, 3]))
def test_the_best_grouping_is_the_best(prompts: list[list[int]], grain: int) -> None:
    """No set of open nodes saves more, and the recursion says the same."""
    tree = PrefixTree.of_rows(rows_of(prompts), grain=grain)
    best = best_grouping(tree)
    assert best.saved == by_recursion(tree) <= tree.multi_level
    if len(tree.depth) <= 10:
        assert best.saved == enumerated(tree)
    assert greedy_grouping(tree).saved <= best.saved


@pytest.mark.parametrize("seed", range(5))
def test_large_random_trees(seed: int) -> None:
    """Of hundreds of prompts that branch off from one another."""
    random = np.random.default_rng(seed)
    prompts: list[list[int]] = [[]]
    for _ in range(400):
        parent = prompts[int(random.integers(len(prompts)))]
        begin = parent[: int(random.integers(len(parent) + 1))]
        prompts.append(begin + random.integers(0, 3, int(random.integers(1, 30))).tolist())
    tree = PrefixTree.of_rows(rows_of(prompts), grain=7)
    best = best_grouping(tree)
    assert best.saved == by_recursion(tree)
    assert 0 < greedy_grouping(tree).saved <= best.saved


def test_forking_can_pay_and_not_pay() -> None:
    """Two levels: many below, so that each branch computes the stem again; few, so that not."""
    stem, left, right = [1] * 4, [2] * 10, [3] * 10
    many = [[*stem, *branch, k] for branch in (left, right) for k in range(10, 16)]
    best = best_grouping(PrefixTree.of_rows(rows_of(many)))
    assert best.saved == 2 * 5 * 14  # the stem alone would save 11 * 4
    few = [[*stem, 2, k] for k in range(2)] + [[*stem, 3, k] for k in range(2)]
    best = best_grouping(PrefixTree.of_rows(rows_of(few)))
    assert best.saved == 3 * 4  # two branches of five would save 2 * 5


def test_greedy_is_not_always_best() -> None:
    """It looks at one edge at a time: what two steps together would gain it does not see."""
    saves = []
    random = np.random.default_rng(0)
    for _ in range(300):
        prompts = [random.integers(0, 2, 7).tolist() for _ in range(8)]
        tree = PrefixTree.of_rows(rows_of(prompts))
        saves.append((greedy_grouping(tree).saved, best_grouping(tree).saved))
    assert any(ours < best for ours, best in saves)
    assert sum(ours for ours, _ in saves) > 0.9 * sum(best for _, best in saves)


def test_a_deep_chain_needs_no_recursion() -> None:
    """Each prompt is a prefix of the next."""
    prompts = [[1] * k for k in range(3_000)]
    tree = PrefixTree.of_rows(rows_of(prompts))
    assert len(tree.depth) == 2_999
    assert tree.multi_level == sum(range(2_999))
    best = best_grouping(tree)
    assert 0.95 * tree.multi_level < best.saved < tree.multi_level
    assert greedy_grouping(tree).saved <= best.saved


def test_nothing_in_common() -> None:
    """No prompts, one, different ones, empty ones, and equal ones with different keys."""
    for prompts in ([], [[1, 2]], [[1], [2], []], [[], []]):
        tree = PrefixTree.of_rows(rows_of(prompts))
        assert tree.depth.tolist() == [0]
        assert best_grouping(tree).saved == greedy_grouping(tree).saved == 0
    apart = PrefixTree.of_rows(rows_of([[5] * 9] * 4), keys=[0, 1, 0, 1])
    assert apart.multi_level == best_grouping(apart).saved == 18
