"""What the cost of a step is computed from."""

from __future__ import annotations


class StepSums:
    """Sums over the sequences of the step under construction; see StepCost.step.

    Attributes
    ----------
    decoding
        Sequences that decode.
    """

    __slots__ = ("context", "decoding", "pairs", "sequences", "tokens")

    def __init__(self, decoding: int, context: int) -> None:
        self.tokens = self.sequences = self.decoding = decoding
        self.context, self.pairs = context, 0

    def add(self, tokens: int, past: int) -> None:
        """A sequence computes tokens after ``past`` others."""
        self.tokens += tokens
        self.sequences += 1
        self.context += past + tokens
        if tokens > 1:
            self.pairs += tokens * (2 * past + tokens)
