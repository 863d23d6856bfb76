"""A known step cost, bent a little to what an engine was seen to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log

from makespan.core.errors import OptionError
from makespan.serving.cost.step import MeetingCost, StepCost


@dataclass(frozen=True, slots=True)
class ScaledCost:
    """Another cost, its parts multiplied.

    What a step takes by its tokens and sequences is multiplied by a factor that depends on the
    tokens: overheads of the host weigh at few, memory in between, arithmetic at many. Reading the
    context and the query-key pairs of chunks have a factor each.

    Attributes
    ----------
    base
        The cost that is scaled.
    knots
        Numbers of tokens, rising from 1.
    factors
        At each knot; between them the logarithm is linear in that of the tokens, beyond the last it
        stays.
    per_context, per_pair
        Factors of the attention.
    chunked
        Picoseconds more of a step that computes part of a prompt. vLLM replays one recorded graph
        for a step of decodes alone; such a step it launches piece by piece, attention apart
        (its default ``cudagraph_mode`` is FULL_AND_PIECEWISE).
    """

    base: StepCost
    knots: tuple[int, ...]
    factors: tuple[float, ...]
    per_context: float = 1.0
    per_pair: float = 1.0
    chunked: int = 0
    _meeting: MeetingCost | None = field(init=False, repr=False, compare=False)
    _decodes: dict[int, tuple[int, int]] = field(default_factory=dict, repr=False, compare=False)
    _fixed: dict[tuple[int, int], tuple[int, int]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip(self.knots, self.knots[1:], strict=False))
        if not self.knots or self.knots[0] != 1 or not rising:
            raise OptionError(f"knots {self.knots}", hint="they must rise from 1")
        if len(self.factors) != len(self.knots):
            raise OptionError(f"{len(self.knots)} knots with {len(self.factors)} factors")
        if not all(0 < f < 1e6 for f in (*self.factors, self.per_context, self.per_pair)):
            raise OptionError(f"impossible factors of {self.factors}", hint="they must be positive")
        if self.chunked < 0:
            raise OptionError(f"chunked is {self.chunked}", hint="it must be at least 0")

        meeting = self.base if isinstance(self.base, MeetingCost) else None
        object.__setattr__(self, "_meeting", meeting)

    def factor(self, tokens: int) -> float:
        """Factor of a step of so many tokens."""
        knots, factors = self.knots, self.factors
        if tokens >= knots[-1]:
            return factors[-1]
        k = next(k for k, knot in enumerate(knots) if knot > tokens)
        share = log(tokens / knots[k - 1]) / log(knots[k] / knots[k - 1])
        return float(factors[k - 1] * (factors[k] / factors[k - 1]) ** share)

    def step(self, tokens: int, sequences: int, context: int, pairs: int) -> int:
        """See :class:`~makespan.serving.cost.step.StepCost`."""
        if tokens == sequences:
            fixed, growth = self.decode(sequences)
            return fixed + growth * context
        key = tokens, sequences
        known = self._fixed.get(key)
        base = self.base.step
        if known is None:
            plain = base(tokens, sequences, 0, 0)
            known = self._fixed[key] = plain, round(self.factor(tokens) * plain)
        plain, scaled = known
        read = base(tokens, sequences, context, 0)
        whole = base(tokens, sequences, context, pairs)
        return (
            scaled
            + self.chunked
            + round(self.per_context * (read - plain))
            + round(self.per_pair * (whole - read))
        )

    def decode(self, sequences: int) -> tuple[int, int]:
        """See :class:`~makespan.serving.cost.step.StepCost`."""
        known = self._decodes.get(sequences)
        if known is None:
            fixed, growth = self.base.decode(sequences)
            known = round(self.factor(sequences) * fixed), round(self.per_context * growth)
            self._decodes[sequences] = known
        return known

    def meeting(self, tokens: int, seen: int) -> int:
        """See :class:`~makespan.serving.cost.step.MeetingCost`."""
        if self._meeting is None:
            return 0
        return round(self.factor(tokens) * self._meeting.meeting(tokens, seen))
