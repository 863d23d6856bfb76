"""One shared prefix per request by the paper's greedy rule, MaximizeReuse.

From the leaves up, a grandchild is moved up beside its parent (which forks: the parent's tokens are
computed for it again) if what its members then share outweighs the tokens computed twice:
``(leaves - 1) * tokens(grandchild) > tokens(parent)``. The rule is known to us from summaries of
the paper, which compare with "the current gain"; that those are the tokens that forking computes
twice is our reading. :func:`.grouping.best_grouping` saves at least as much.
"""

from __future__ import annotations

import numpy as np

from makespan.serving.policies.batchllm.grouping import Grouping
from makespan.serving.policies.batchllm.tree import PrefixTree


def greedy_grouping(tree: PrefixTree) -> Grouping:
    """The grouping by the rule of the module; O(m h) for m nodes on at most h levels."""
    edge, count = tree.edge.tolist(), tree.count.tolist()
    # Of each node that has been visited: (node, its tokens below this one, leaves) per group.
    below: list[list[tuple[int, int, int]]] = [[] for _ in edge]
    for u in range(len(edge) - 1, 0, -1):
        stay, moved = count[u], []
        for v, tokens, leaves in below[u]:
            if (leaves - 1) * tokens > edge[u]:
                moved.append((v, tokens + edge[u], leaves))
                stay -= leaves
        below[u] = []
        above = below[int(tree.parent[u])]
        above.extend(moved)
        if stay:
            above.append((u, edge[u], stay))
    opened = np.zeros(len(edge), dtype=np.bool_)
    opened[[v for v, _, _ in below[0]]] = True
    return Grouping.of(tree, opened)
