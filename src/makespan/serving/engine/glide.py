"""A stretch of steps that are alike but for one token of context each."""

from __future__ import annotations

from math import sqrt


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
        self.end = begin + steps * first + growth * (steps * (steps - 1) // 2)

    def until(self, elapsed: int) -> tuple[int, int]:
        """The fewest steps, at least one, that last so long or longer; and how long they last.

        The root of a quadratic in floating point, put right in integers.
        """
        first, growth = self.first, self.growth
        if elapsed <= first:
            return 1, first
        slope = first - 0.5 * growth
        steps = 1 + int(2.0 * elapsed / (slope + sqrt(slope * slope + 2.0 * growth * elapsed)))
        lasts = steps * first + growth * (steps * (steps - 1) // 2)
        while lasts < elapsed:
            lasts += first + growth * steps
            steps += 1
        while lasts - (last := first + growth * (steps - 1)) >= elapsed:
            lasts -= last
            steps -= 1
        return steps, lasts
