"""A step cost with a free shape: time by the number of tokens given at a few knots.

Dense models need two coefficients for it, a floor and a slope. Mixtures of experts bend in between,
because few tokens touch few experts; and GPUs round batches up. Between knots the time is linear.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from makespan.core.errors import OptionError


@dataclass(frozen=True, slots=True)
class KnotCost:
    """``time(tokens) + per_sequence * sequences + per_context * context + per_pair * pairs``.

    Attributes
    ----------
    knots
        Numbers of tokens, rising from 1.
    times
        Picoseconds at each knot, never falling; beyond the last the last slope goes on.
    per_context, per_sequence, per_pair
        Picoseconds, at least 0; see :class:`~makespan.serving.cost.step.StepCost`.
    """

    knots: tuple[int, ...]
    times: tuple[int, ...]
    per_context: int
    per_sequence: int
    per_pair: int = 0
    _cache: dict[int, int] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.knots) < 2 or len(self.knots) != len(self.times):
            raise OptionError(f"{len(self.knots)} knots with {len(self.times)} times")
        rising = all(a < b for a, b in zip(self.knots, self.knots[1:], strict=False))
        falling = any(a > b for a, b in zip(self.times, self.times[1:], strict=False))
        if self.knots[0] != 1 or not rising or falling or self.times[0] < 1:
            raise OptionError(
                f"knots {self.knots} with times {self.times}",
                hint="knots must rise from 1, times must be positive and never fall",
            )
        if min(self.per_context, self.per_sequence, self.per_pair) < 0:
            raise OptionError("a coefficient is negative", hint="no work takes less than no time")

    def time(self, tokens: int) -> int:
        """Picoseconds of so many tokens alone."""
        known = self._cache.get(tokens)
        if known is None:
            k = min(max(bisect_right(self.knots, tokens), 1), len(self.knots) - 1)
            low, high = self.knots[k - 1], self.knots[k]
            rise = self.times[k] - self.times[k - 1]
            known = self.times[k - 1] + rise * (tokens - low) // (high - low)
            self._cache[tokens] = known
        return known

    def step(self, tokens: int, sequences: int, context: int, pairs: int) -> int:
        """See :class:`~makespan.serving.cost.step.StepCost`."""
        return (
            self.time(tokens)
            + self.per_sequence * sequences
            + self.per_context * context
            + self.per_pair * pairs
        )

    def decode(self, sequences: int) -> tuple[int, int]:
        """See :class:`~makespan.serving.cost.step.StepCost`."""
        return self.time(sequences) + self.per_sequence * sequences, self.per_context
