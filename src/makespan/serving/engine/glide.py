"""A stretch of steps that are alike but for one token of context each."""

from __future__ import annotations


class Glide:
    """A stretch of steps in which only decoding happens.

    Attributes
    ----------
    steps
        Their number.
    first, growth
        Duration of the first, and by how much each is longer than the one before, ps.
    blocks
        Blocks needed by each of the next ``block_size`` steps.
    end
        When the last ends.
    """

    __slots__ = ("blocks", "end", "first", "growth", "steps")

    def __init__(self, steps: int, first: int, growth: int, blocks: list[int], begin: int) -> None:
        self.steps, self.first, self.growth, self.blocks = steps, first, growth, blocks
        self.end = begin + self.lasts(steps)

    def lasts(self, steps: int) -> int:
        """Duration of the first so many steps."""
        return steps * self.first + self.growth * (steps * (steps - 1) // 2)
