"""Orders of a batch that keep prefixes together: what BatchLLM is compared with."""

from __future__ import annotations

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.serving.policies.batchllm.tree import PrefixTree


def lexicographic(tree: PrefixTree) -> IntArray:
    """The prompts sorted by their tokens (vLLM pull request 13762)."""
    return tree.order


def depth_first(tree: PrefixTree) -> IntArray:
    """The prompts as a walk through the tree meets them, the branch with most prompts first.

    SGLang's order for a queue whose prefixes are in a radix tree (``dfs-weight``); what ends at a
    node comes after its branches.
    """
    parent, count = tree.parent.tolist(), tree.count.tolist()
    children: list[list[int]] = [[] for _ in parent]
    for u in range(1, len(parent)):
        children[parent[u]].append(u)
    ends: list[list[int]] = [[] for _ in parent]
    for request in tree.order.tolist():
        ends[tree.deepest[request]].append(request)
    order: list[int] = []
    stack = [(0, False)]
    while stack:
        u, left = stack.pop()
        if left:
            order.extend(ends[u])
            continue
        stack.append((u, True))
        stack.extend((v, False) for v in sorted(children[u], key=lambda v: (count[v], -v)))
    return np.array(order, dtype=np.int64)


def ranks(order: IntArray) -> IntArray:
    """Of each request its place in an order."""
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank
