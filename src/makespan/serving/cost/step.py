"""What an engine needs to know of a cost model: the duration of a step from a few sums.

A step computes new tokens of some sequences. Its duration may depend in any way on the number of
new tokens and of sequences, and linearly on two sums: the tokens that all its sequences have after
the step (their context), and the query-key pairs of those that compute more than one token. Then k
steps of the same sequences, each with one more token of context than the step before, last what
their closed form says, to the picosecond.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from makespan.core.errors import OptionError


class StepCost(Protocol):
    """Durations of steps in integer picoseconds."""

    def step(self, tokens: int, sequences: int, context: int, pairs: int) -> int:
        """Duration of a step.

        Parameters
        ----------
        tokens
            New tokens computed, over all sequences.
        sequences
            Sequences that compute any.
        context
            Sum over the sequences of their tokens after the step.
        pairs
            Sum over the sequences that compute more than one token of ``q * (2 * past + q)``,
            twice the number of query-key pairs of a chunk of q tokens after ``past``.
        """

    def decode(self, sequences: int) -> tuple[int, int]:
        """(a, b): a step in which every sequence computes one token lasts a + b * context."""


@runtime_checkable
class MeetingCost(StepCost, Protocol):
    """Step cost of one of several engines whose tokens meet at experts that they share.

    ``step`` and ``decode`` take all of them to have as many tokens.
    """

    def meeting(self, tokens: int, seen: int) -> int:
        """What a step of so many tokens takes more if ``seen`` tokens of all engines meet."""


@dataclass(frozen=True, slots=True)
class LinearCost:
    """``max(floor, per_token * tokens) + per_sequence * sequences + ...``, all in picoseconds.

    Five coefficients replay a real engine to within a few percent once they are fitted to it.
    """

    floor: int
    per_token: int
    per_context: int
    per_sequence: int
    per_pair: int = 0

    def __post_init__(self) -> None:
        for name in ("floor", "per_token", "per_context", "per_sequence", "per_pair"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 0:
                raise OptionError(f"{name} is {value!r}", hint="give whole picoseconds, at least 0")
        if self.floor == self.per_token == 0:
            raise OptionError("steps would take no time", hint="give a floor or a time per token")

    def step(self, tokens: int, sequences: int, context: int, pairs: int) -> int:
        """See :class:`StepCost`."""
        return (
            max(self.floor, self.per_token * tokens)
            + self.per_context * context
            + self.per_sequence * sequences
            + self.per_pair * pairs
        )

    def decode(self, sequences: int) -> tuple[int, int]:
        """See :class:`StepCost`."""
        fixed = max(self.floor, self.per_token * sequences) + self.per_sequence * sequences
        return fixed, self.per_context
