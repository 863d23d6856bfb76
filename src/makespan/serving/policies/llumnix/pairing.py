"""Pairing: from which engine to which requests are moved.

Engines of less freeness than a threshold are sources, those of more than another are targets. The
least free source is paired with the freest target and so on, each engine at most once. Two rules
say which pairs are kept:

``defrag``
    All [paper; artifact and main where they make room for long prompts]. Two engines near the
    thresholds can hand a request to and fro.
``balanced``
    Those that the move brings nearer to each other without changing which of them is freer, and
    whose target stays above the threshold [main; artifact otherwise, which also keeps those with
    an empty target]. As the gap shrinks with every move, a fleet where nothing else happens comes
    to rest: this is the hysteresis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from makespan.core.errors import OptionError
from makespan.serving.policies.llumnix.usage import Measure, Report

Pair = tuple[int, int]
"""Indices of a source and of its target."""

Outlook = Callable[[Report, Report], tuple[Report, Report] | None]
"""What the reports of a source and its target will be."""

PAIRINGS: Final = ("defrag", "balanced")
"""Rules."""


class Pairing:
    """See the module.

    Parameters
    ----------
    low, high
        An engine is a source below ``low`` and a target above ``high``, in blocks per request. The
        artifact and main have one threshold of 3; the paper speaks of two.
    preempted
        An engine where somebody waits who lost his memory is a source, and no target, whatever its
        freeness [artifact and main].
    """

    def __init__(
        self,
        rule: str = "defrag",
        measure: Measure | None = None,
        *,
        low: float = 3.0,
        high: float | None = None,
        preempted: bool = True,
    ) -> None:
        self.rule, self.low, self.high = rule, low, low if high is None else high
        self.measure, self.preempted = measure or Measure(), preempted
        if rule not in PAIRINGS:
            raise OptionError(f"pairing is {rule!r}", hint=f"one of {', '.join(PAIRINGS)}")
        if not self.low <= self.high:
            raise OptionError(
                f"sources are below {self.low}, targets above {self.high} blocks per request",
                hint="targets must be freer than sources",
            )

    def pairs(self, reports: Sequence[Report], after: Outlook) -> list[Pair]:
        """Sources with their targets.

        Parameters
        ----------
        after
            Given the reports of a source and its target, what they would be after the move that
            is about to be made between them; None: none can be made.
        """
        freeness = {one.engine: self.measure.freeness(one) for one in reports}

        def pressed(one: Report) -> bool:
            return self.preempted and one.preempted > 0

        def free(one: Report) -> float:
            return freeness[one.engine]

        sources = [one for one in reports if free(one) < self.low or pressed(one)]
        targets = [
            one
            for one in reports
            if free(one) > self.high and not pressed(one) and not one.draining
        ]
        sources.sort(key=lambda one: (free(one), one.engine))
        targets.sort(key=lambda one: (-free(one), one.engine))
        return [
            (source.engine, target.engine)
            for source, target in zip(sources, targets, strict=False)
            if self.rule == "defrag" or self._nearer(source, target, after)
        ]

    def _nearer(self, source: Report, target: Report, after: Outlook) -> bool:
        """Whether the move brings them nearer to each other."""
        if source.draining:
            return True
        outlook = after(source, target)
        if outlook is None:
            return False
        free = self.measure.freeness
        gap = free(outlook[1]) - free(outlook[0])
        return free(outlook[1]) >= self.high and 0.0 < gap < free(target) - free(source)


def carried(source: Report, target: Report, blocks: int) -> tuple[Report, Report]:
    """Both reports after a request that runs has moved with its memory."""
    return (
        replace(source, running=source.running - 1, free=source.free + blocks),
        replace(target, running=target.running + 1, free=target.free - blocks),
    )


def handed(source: Report, target: Report, behind: float) -> tuple[Report, Report]:
    """Both reports after the head of a queue has been handed over.

    Parameters
    ----------
    behind
        Blocks that the second of the source's queue needs.
    """
    left = replace(
        source, waiting=source.waiting - 1, head=behind, queued=source.queued - source.head
    )
    return left, joined(target, source.head)


def joined(target: Report, blocks: float) -> Report:
    """The report after a request that needs so many blocks has joined the queue."""
    return replace(
        target,
        waiting=target.waiting + 1,
        head=target.head if target.waiting else blocks,
        queued=target.queued + blocks,
    )
