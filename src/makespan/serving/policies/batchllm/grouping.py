"""One shared prefix per request, chosen to save the most tokens: exact, by dynamic programming.

The paper flattens the prefix tree to one level, because then a group is one prefix with suffixes
and attention has two parts. A group at node u computes the D(u) tokens of its prefix once, those of
groups above it again, and saves D(u) tokens for each member. With F(u, d) the most that the subtree
of u saves where each of its requests may also be left to an open group above that saves it d,

    F(u, d) = max(-D(u) + G(D(u)), G(d)),   G(d) = own(u) * d + sum over children v of F(v, d)

and F(root, 0) is the answer. (The objective is the paper's, the recursion is ours.) Every F is a
convex function of d, so that instead of a table over nodes and depths each node keeps the points
where the slope of its F changes: O(m log m) for m nodes unless subtrees with many such points are
merged, and no recursion.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from makespan.core.vocabulary import IntArray
from makespan.serving.policies.batchllm.tree import PrefixTree


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """Which prefix every request shares.

    Attributes
    ----------
    node
        (n,) node of the tree, the root (0) for none; at least two requests have each other one.
    saved
        Tokens of prompts that need not be computed.
    """

    node: IntArray
    saved: int

    @classmethod
    def of(cls, tree: PrefixTree, opened: npt.NDArray[np.bool_]) -> Grouping:
        """Every request in the group of the deepest open node above it.

        Parameters
        ----------
        opened
            (m,) which nodes are.
        """
        nearest = np.zeros(len(tree.depth), dtype=np.int64)
        for u, above in enumerate(tree.parent.tolist()):
            if u:
                nearest[u] = u if opened[u] else nearest[above]
        node = nearest[tree.deepest]
        members = np.bincount(node, minlength=len(tree.depth))
        node[members[node] < 2] = 0
        members = np.bincount(node, minlength=len(tree.depth))
        return cls(node, int((np.maximum(members - 1, 0) * tree.depth).sum()))


def best_grouping(tree: PrefixTree) -> Grouping:
    """The grouping that saves the most tokens; of equal ones, one with few groups."""
    limit = _limits(tree)
    depth, opened = tree.depth.tolist(), np.zeros(len(limit), dtype=np.bool_)
    shared = [0] * len(limit)
    for u, above in enumerate(tree.parent.tolist()):
        if above < 0:
            continue
        opened[u] = shared[above] < limit[u]
        shared[u] = depth[u] if opened[u] else shared[above]
    return Grouping.of(tree, opened)


class _Convex:
    """``value + slope * d + sum of w * max(d - p, 0)`` over the points (p, w), for d from 0 on.

    Points are sorted by p; ``weight`` and ``moment`` are the sums of w and of w * p.
    """

    __slots__ = ("moment", "points", "slope", "value", "weight")

    def __init__(self, slope: int) -> None:
        self.value, self.slope, self.weight, self.moment = 0, slope, 0, 0
        self.points: list[tuple[int, int]] = []

    def add(self, other: _Convex) -> None:
        """Add another function, which is used up."""
        self.value += other.value
        self.slope += other.slope
        self.weight += other.weight
        self.moment += other.moment
        small, large = sorted((self.points, other.points), key=len)
        if len(small) * 8 > len(large):
            large.extend(small)
            large.sort()
        else:
            for point in small:
                insort(large, point)
        self.points = large

    def cut(self, end: int) -> None:
        """Forget points from ``end`` on: the function is not asked for beyond it."""
        points = self.points
        while points and points[-1][0] >= end:
            p, w = points.pop()
            self.weight -= w
            self.moment -= w * p

    def at_end(self, d: int) -> int:
        """Value at d, which no point lies beyond."""
        return self.value + (self.slope + self.weight) * d - self.moment

    def raise_to(self, floor: int) -> int:
        """Take the maximum with a constant; the first d >= 0 at which the function reaches it."""
        if self.value >= floor:
            return 0
        x, y, slope, passed = 0, self.value, self.slope, 0
        for p, w in self.points:
            if y + slope * (p - x) >= floor:
                break
            y += slope * (p - x)
            x, slope, passed = p, slope + w, passed + 1
            self.weight -= w
            self.moment -= w * p
        del self.points[:passed]
        # The slope is positive, because the floor is reached; between whole d the corner is cut.
        steps, rest = divmod(floor - y, slope)
        corner = x + steps
        first = slope - rest
        self.value, self.slope = floor, 0
        new = [(corner, first)]
        if rest:
            new.append((corner + 1, rest))
        self.points[:0] = new
        for p, w in new:
            self.weight += w
            self.moment += w * p
        return corner + (rest > 0)


def _limits(tree: PrefixTree) -> list[int]:
    """(m,) for each node the tokens shared above it from which on it is not worth a group."""
    depth, own = tree.depth.tolist(), tree.own.tolist()
    parent = tree.parent.tolist()
    waiting: list[list[_Convex]] = [[] for _ in depth]
    limit = [0] * len(depth)
    for u in range(len(depth) - 1, 0, -1):
        total = _Convex(own[u])
        for part in waiting[u]:
            part.cut(depth[u])
            total.add(part)
        waiting[u] = []
        limit[u] = total.raise_to(total.at_end(depth[u]) - depth[u])
        waiting[parent[u]].append(total)
    return limit
