"""What the search learns while it runs: which operators pay, and how much to free at once.

Weights of operators: Ropke & Pisinger, Transportation Science 40(4), 2006, section 3.4, with two
changes: rewards are per effort, because repairs differ in cost by orders of magnitude, and every
weight has a floor, because what pays changes while a schedule gets better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

_REACTION: Final = 0.15
_FLOOR: Final = 0.05
_GROW: Final = 1.3
_QUICK: Final = 0.3
_SHRINK: Final = 0.85
_LEAST: Final = 4.0


@dataclass(slots=True)
class Roulette:
    """Draws names in proportion to what they earned lately.

    Parameters
    ----------
    names
        What to choose from, in a fixed order.
    """

    names: Sequence[str]
    weight: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.weight = np.ones(len(self.names))

    def draw(self, random: np.random.Generator, among: Sequence[str] | None = None) -> str:
        """A name, by weight."""
        usable = [k for k, name in enumerate(self.names) if among is None or name in among]
        share = np.maximum(self.weight[usable], _FLOOR * self.weight[usable].max())
        return self.names[usable[int(random.choice(len(usable), p=share / share.sum()))]]

    def learn(self, name: str, reward: float) -> None:
        """Move the weight of ``name`` towards ``reward``."""
        k = self.names.index(name)
        self.weight[k] += _REACTION * (reward - self.weight[k])


@dataclass(slots=True)
class Size:
    """How many tasks to free: more when that was easy and useless, fewer when time ran out."""

    most: int
    value: float

    def draw(self, random: np.random.Generator) -> int:
        """A size near the present one."""
        return min(self.most, max(1, round(self.value * float(random.uniform(0.7, 1.3)))))

    def learn(self, *, gained: bool, closed: bool, spent: float) -> None:
        """Adapt to one repair.

        Parameters
        ----------
        gained
            Whether it found a better schedule.
        closed
            Whether it searched everything.
        spent
            Part of the effort that it took.
        """
        if not closed:
            self.value *= _SHRINK
        elif not gained and spent < _QUICK:
            self.value *= _GROW
        self.value = min(float(self.most) * 1.5, max(_LEAST, self.value))
