"""A proposer that needs no model: seeded mutation and recombination of expression trees.

[inferred] The source's proposer is a language model; this grammar stands in for it where none is
at hand. It knows the words a rule may use, and nothing of the rules that are to be found.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from makespan.shop.single_machine.discovery.expressions import (
    OPERATORS,
    VARIABLES,
    Tree,
    parse,
)

MOST_NODES: Final = 35
"""Offspring beyond this size are drawn anew."""

_TRIES: Final = 20
_NUMBERS: Final = (0.01, 0.1, 0.5, 1.0, 1.1, 1.5, 2.0, 5.0)
_FACTORS: Final = (0.5, 0.8, 0.9, 0.95, 1.05, 1.1, 1.25, 2.0)


class MutationProposer:
    """Offspring of the parents it is shown, the same for the same seed and parents."""

    name = "mutation grammar"

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def propose(self, parents: Sequence[str]) -> str:
        """A changed copy of the last parent, the best one, often with a part of another."""
        trees = [parse(text) for text in parents]
        known = {str(tree) for tree in trees}
        child = trees[-1]
        for _ in range(_TRIES):
            base = trees[-1] if self._random.random() < 0.7 else trees[0]
            child = self._offspring(base, trees)
            while self._random.random() < 0.3:
                child = self._offspring(child, trees)
            if child.size <= MOST_NODES and str(child) not in known:
                break
        return str(child if child.size <= MOST_NODES else trees[-1])

    def _offspring(self, tree: Tree, trees: Sequence[Tree]) -> Tree:
        nodes = list(tree.nodes())
        at = self._random.randrange(len(nodes))
        node = nodes[at]
        kind = self._random.choice(("number", "word", "wrap", "wrap", "hoist", "graft", "grow"))
        if kind == "number":
            places = [k for k, other in enumerate(nodes) if not other.word]
            if places:
                at = self._random.choice(places)
                factor = self._random.choice(_FACTORS)
                return _replaced(tree, at, _constant(nodes[at].number * factor))
            kind = "wrap"
        if kind == "word":
            if node.left is not None:
                word = self._random.choice(OPERATORS)
                return _replaced(tree, at, Tree(word, left=node.left, right=node.right))
            return _replaced(tree, at, self._leaf())
        if kind == "hoist" and node.left is not None and node.right is not None:
            return _replaced(tree, at, self._random.choice((node.left, node.right)))
        if kind == "graft":
            donor = list(self._random.choice(trees).nodes())
            return _replaced(tree, at, self._random.choice(donor))
        if kind == "grow":
            return _replaced(tree, at, self._small())
        sides = [node, self._small()]
        self._random.shuffle(sides)
        word = self._random.choice(OPERATORS)
        return _replaced(tree, at, Tree(word, left=sides[0], right=sides[1]))

    def _leaf(self) -> Tree:
        if self._random.random() < 0.25:
            return _constant(self._random.choice(_NUMBERS))
        return Tree(self._random.choice(VARIABLES))

    def _small(self, depth: int = 2) -> Tree:
        if depth == 0 or self._random.random() < 0.4:
            return self._leaf()
        word = self._random.choice(OPERATORS)
        return Tree(word, left=self._small(depth - 1), right=self._small(depth - 1))


def _constant(number: float) -> Tree:
    limited = max(-1e9, min(1e9, number))
    return Tree("", number=float(f"{limited:.3g}"))


def _replaced(tree: Tree, at: int, by: Tree) -> Tree:
    """Copy with node number ``at``, as :meth:`Tree.nodes` counts, replaced."""
    if at == 0:
        return by
    if tree.left is None or tree.right is None:
        raise AssertionError("a leaf has no node but itself")
    inside = tree.left.size
    if at <= inside:
        return Tree(tree.word, left=_replaced(tree.left, at - 1, by), right=tree.right)
    return Tree(tree.word, left=tree.left, right=_replaced(tree.right, at - 1 - inside, by))
