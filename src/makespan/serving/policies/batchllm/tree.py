"""The compact prefix tree of a batch of prompts.

Prompts are sorted, so that those with a prefix in common stand together; the longest common
prefixes of neighbours then say where the tree branches. Nodes are places where at least two prompts
part or end; what one prompt has alone is not in the tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from makespan.core.vocabulary import IntArray

SYMBOL: Final = 4
"""Bytes of a symbol in a row, big-endian, so that bytes compare as the symbols do."""


@dataclass(frozen=True, slots=True, eq=False)
class PrefixTree:
    """m nodes in preorder, node 0 the root at depth 0, over n prompts.

    Attributes
    ----------
    parent, depth
        (m,) node above, -1 for the root; tokens from the beginning of a prompt to the node.
    first, last
        (m,) the prompts below a node are ``order[first:last]``, at least two but for the root.
    order
        (n,) the prompts, sorted by what they begin with.
    deepest
        (n,) of each prompt the deepest node above it: what it shares with anyone at the most.
    """

    parent: IntArray
    depth: IntArray
    first: IntArray
    last: IntArray
    order: IntArray
    deepest: IntArray

    @property
    def count(self) -> IntArray:
        """(m,) prompts below each node."""
        return self.last - self.first

    @property
    def own(self) -> IntArray:
        """(m,) prompts below each node and below no deeper one."""
        return np.bincount(self.deepest, minlength=len(self.depth)).astype(np.int64)

    @property
    def edge(self) -> IntArray:
        """(m,) tokens between each node and its parent."""
        return self.depth - np.where(self.parent < 0, 0, self.depth[self.parent])

    @property
    def multi_level(self) -> int:
        """Tokens saved if every shared token is computed once: no plan saves more."""
        return int((np.maximum(self.count - 1, 0) * self.edge).sum())

    @classmethod
    def of_rows(
        cls,
        rows: Sequence[bytes],
        *,
        grain: int = 1,
        block_size: int = 1,
        keys: Sequence[int] | None = None,
    ) -> PrefixTree:
        """The tree of rows of symbols; O(n log n) comparisons, each as long as what is shared.

        Parameters
        ----------
        rows
            Symbols of :data:`SYMBOL` bytes.
        grain
            Tokens that a symbol stands for.
        block_size
            Prefixes are shared in multiples of so many tokens.
        keys
            Rows with different keys share nothing.
        """
        of = [0] * len(rows) if keys is None else list(keys)
        order = sorted(range(len(rows)), key=lambda r: (of[r], rows[r], r))
        common = np.zeros(len(rows) + 1, dtype=np.int64)
        for k, (a, b) in enumerate(pairwise(order), 1):
            if of[a] == of[b]:
                common[k] = _common(rows[a], rows[b]) * grain // block_size * block_size
        return cls._of_neighbours(np.array(order, dtype=np.int64), common.tolist())

    @classmethod
    def _of_neighbours(cls, order: IntArray, common: list[int]) -> PrefixTree:
        """The tree of sorted prompts of which k - 1 and k have ``common[k]`` tokens in common."""
        n = len(order)
        depth, first, last, parent = [0], [0], [n], [-1]
        node = [0] * n
        stack = [0]
        for k in range(1, n + 1):
            at, begin, top = common[k], k - 1, stack[-1]
            node[k - 1] = top
            closed = []
            while depth[stack[-1]] > at:
                inner = stack.pop()
                last[inner], begin = k, first[inner]
                closed.append(inner)
            if depth[stack[-1]] < at:
                stack.append(len(depth))
                depth.append(at)
                first.append(begin)
                last.append(0)
                parent.append(stack[-2])
                if not closed:
                    node[k - 1] = stack[-1]
            if closed:
                # The one closed last lies below what is on top of the stack now.
                parent[closed[-1]] = stack[-1]
        # An inner node may have been given a parent before a node between them was found.
        preorder = np.lexsort((np.array(depth), np.array(first)))
        place = np.empty(len(depth), dtype=np.int64)
        place[preorder] = np.arange(len(depth))
        above = np.array(parent, dtype=np.int64)[preorder]
        deepest = np.empty(n, dtype=np.int64)
        deepest[order] = place[np.array(node, dtype=np.int64)] if n else 0
        return cls(
            parent=np.where(above < 0, -1, place[above]),
            depth=np.array(depth, dtype=np.int64)[preorder],
            first=np.array(first, dtype=np.int64)[preorder],
            last=np.array(last, dtype=np.int64)[preorder],
            order=order,
            deepest=deepest,
        )


def _common(a: bytes, b: bytes) -> int:
    """Symbols that two rows begin with in common."""
    size = min(len(a), len(b))
    if a[:size] == b[:size]:
        return size // SYMBOL
    differ = np.frombuffer(a, np.uint32, size // SYMBOL) != np.frombuffer(
        b, np.uint32, size // SYMBOL
    )
    return int(differ.argmax())
