"""A quantile forest in NumPy: many random trees whose leaves remember what fell into them.

Quantile regression forests (Meinshausen, JMLR 7, 2006): a new case is described by the training
cases that share leaves with it, each with the share of trees in which it does so, divided by the
size of the leaf. All quantiles follow from these weights, so that they cannot cross. The trees are
extremely randomised (Geurts, Ernst and Wehenkel, Machine Learning 63, 2006): each split is the best
of a few random ones. All trees grow together, a level at a time, without a loop over nodes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray
from makespan.generators.draws import Draws

FloatArray = npt.NDArray[np.float64]

_LEAF: Final = -1


@dataclass(frozen=True, slots=True, eq=False)
class Law:
    """A discrete distribution: ascending values and the probability of each or less."""

    values: IntArray
    cumulative: FloatArray
    _masses: tuple[FloatArray, FloatArray] | None = field(default=None, init=False, repr=False)

    def quantile(self, level: float, above: int = 0) -> int | None:
        """The smallest value with this probability, given that it is above some number.

        None if no value is above it. Not descending in ``level`` and in ``above``.
        """
        first = int(self.values.searchsorted(above, side="right"))
        if first == len(self.values):
            return None
        below = self.cumulative[first - 1] if first else 0.0
        wanted = below + level * (self.cumulative[-1] - below)
        # A rounding error must not push the wanted mass beyond the last value.
        at = int(self.cumulative.searchsorted(wanted - 1e-12))
        return int(self.values[min(max(at, first), len(self.values) - 1)])

    def mean(self, above: int = 0) -> float | None:
        """The mean given that the value is above some number; None if none is."""
        first = int(self.values.searchsorted(above, side="right"))
        if first == len(self.values):
            return None
        if self._masses is None:  # the mean is asked for again and again, by some
            mass = np.diff(self.cumulative, prepend=0.0)
            object.__setattr__(self, "_masses", (self.values * mass, mass))
        assert self._masses is not None
        weighted, mass = self._masses
        return float(weighted[first:].sum() / mass[first:].sum())


class QuantileForest:
    """See the module.

    Parameters
    ----------
    features
        (n, d) numbers that describe the cases.
    targets
        (n,) positive whole numbers to be foretold; splits look at their logarithms.
    trees, depth
        Number of trees and of levels below the root; JITServe has 300 trees of depth up to 150.
    leaf
        Fewest cases of a leaf.
    tries
        Random splits of which a node takes the best.

    Raises
    ------
    OptionError
        If there are no cases, or columns do not fit.
    """

    def __init__(
        self,
        features: FloatArray,
        targets: IntArray,
        *,
        trees: int = 60,
        depth: int = 40,
        leaf: int = 8,
        tries: int = 8,
        seed: int = 0,
    ) -> None:
        if features.ndim != 2 or len(features) != len(targets) or not features.size:
            raise OptionError(f"{features.shape} features of {len(targets)} cases grow no forest")
        if min(trees, leaf, tries) < 1 or depth < 0 or targets.min() < 1:
            raise OptionError(f"{trees} trees of leaves of {leaf}, {tries} tries, depth {depth}")
        self.targets = targets.astype(np.int64)
        self.trees = trees
        self._grow(features.astype(np.float64), depth, leaf, tries, Draws(seed, "forest"))

    def law(self, case: FloatArray) -> Law:
        """What the forest says of a case with these (d,) features."""
        node = np.arange(self.trees)
        while True:
            column = self._column[node]
            inner = column != _LEAF
            if not inner.any():
                break
            right = case[np.maximum(column, 0)] > self._threshold[node]
            node = np.where(inner, self._child[node] + right, node)
        begin, size = self._begin[node], self._size[node]
        first = np.cumsum(size) - size
        place = np.arange(size.sum()) - np.repeat(first - begin, size)
        values, which = np.unique(self.targets[self._members[place]], return_inverse=True)
        weight = np.bincount(which, weights=np.repeat(1.0 / size, size)) / self.trees
        return Law(values, np.cumsum(weight))

    def _grow(self, x: FloatArray, depth: int, leaf: int, tries: int, draws: Draws) -> None:
        n, d = x.shape
        log = np.log(self.targets)
        column: list[IntArray] = []
        threshold: list[FloatArray] = []
        child: list[IntArray] = []
        begin: list[IntArray] = []
        size: list[IntArray] = []
        kept: list[IntArray] = []
        # Rows of the level: cases sorted by the node that they are in.
        case = np.tile(np.arange(n), self.trees)
        start = np.arange(self.trees) * n
        stored = 0
        nodes = 0
        for level in range(depth + 1):
            count = np.diff(start, append=len(case))
            nodes += len(start)
            best = self._split(x, log, case, start, count, leaf, tries if level < depth else 0,
                               draws.stream(str(level)), d)  # fmt: skip
            gain, of, at = best
            splits = gain > -np.inf
            column.append(np.where(splits, of, _LEAF))
            threshold.append(at)
            child.append(np.where(splits, nodes + 2 * (np.cumsum(splits) - 1), 0))
            owner = np.repeat(np.arange(len(start)), count)
            ends = ~splits[owner]
            size.append(np.where(splits, 0, count))
            begin.append(np.where(splits, 0, stored + np.cumsum(size[-1]) - size[-1]))
            kept.append(case[ends])
            stored += int(ends.sum())
            if not splits.any():
                break
            owner, case = owner[~ends], case[~ends]
            right = x[case, of[owner]] > at[owner]
            node = 2 * (np.cumsum(splits) - 1)[owner] + right
            order = np.argsort(node, kind="stable")
            case = case[order]
            start = np.flatnonzero(np.diff(node[order], prepend=-1))
        self._column, self._threshold = np.concatenate(column), np.concatenate(threshold)
        self._child, self._begin = np.concatenate(child), np.concatenate(begin)
        self._size, self._members = np.concatenate(size), np.concatenate(kept)

    @staticmethod
    def _split(
        x: FloatArray,
        log: FloatArray,
        case: IntArray,
        start: IntArray,
        count: IntArray,
        leaf: int,
        tries: int,
        draws: Draws,
        d: int,
    ) -> tuple[FloatArray, IntArray, FloatArray]:
        """Of every node the largest gain, its column and its threshold; -inf if nothing helps."""
        gain = np.full(len(start), -np.inf)
        of = np.zeros(len(start), dtype=np.int64)
        at = np.zeros(len(start))
        y = log[case]
        total = np.add.reduceat(y, start)
        alone = total * total / count
        for _ in range(tries):
            column = draws.integers(0, d - 1, len(start))
            value = x[case, np.repeat(column, count)]
            # The value of a random case is a threshold at a random quantile of the node.
            threshold = value[start + np.floor(draws.reals(len(start)) * count).astype(np.int64)]
            left = value <= np.repeat(threshold, count)
            few = np.add.reduceat(left.astype(np.int64), start)
            many = count - few
            sum_left = np.add.reduceat(np.where(left, y, 0.0), start)
            rest = total - sum_left
            good = (few >= leaf) & (many >= leaf)
            better = sum_left**2 / np.maximum(few, 1) + rest**2 / np.maximum(many, 1) - alone
            better = np.where(good & (better > 1e-12), better, -np.inf)
            wins = better > gain
            gain = np.where(wins, better, gain)
            of, at = np.where(wins, column, of), np.where(wins, threshold, at)
        return gain, of, at
