"""Auto-scaling: engines are switched on and off so that their mean freeness stays in a range.

If the mean is below the range for a while, engines are added; if it is above, the one with the
fewest requests is emptied and switched off [paper, section 4.4].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

from makespan.core.errors import OptionError
from makespan.serving.policies.llumnix.usage import Measure, Report
from makespan.serving.policy import FleetView, Scaling
from makespan.serving.workload import PICOSECONDS

LOW: Final = 10.0
"""Blocks per request below which engines are added [artifact, section 6.5; main, negated]."""

RANGE: Final = 50.0
"""From where engines are added to where one is switched off [artifact; main has -10 and -60]."""

INTERVAL: Final = 10 * PICOSECONDS
"""Between two looks at the mean [artifact and main: 10 s]."""


class AutoScaling:
    """See the module.

    Parameters
    ----------
    low, high
        Of the range; ``high`` is 50 more by default.
    interval
        Picoseconds between two looks.
    looks
        Looks in succession that must agree: the window. The paper says "for a period"; the
        artifact acts on one.
    mean
        ``engines``: the mean of their freeness [paper]; one without requests then makes it
        infinite. ``pooled``: what all leave free over all requests, as if they were one engine, and
        before one is switched off, as if it were off already [artifact and main].
    least
        Engines that stay on.
    """

    def __init__(
        self,
        measure: Measure | None = None,
        *,
        low: float = LOW,
        high: float | None = None,
        interval: int = INTERVAL,
        looks: int = 1,
        mean: Literal["engines", "pooled"] = "pooled",
        least: int = 1,
    ) -> None:
        self.measure = measure or Measure("all")
        self.low, self.high = low, low + RANGE if high is None else high
        self.interval, self.looks, self.mean, self.least = interval, looks, mean, least
        if not self.low <= self.high or min(interval, looks, least) < 1:
            raise OptionError(
                f"scaling: freeness from {self.low} to {self.high}, {looks} looks every "
                f"{interval} ps, at least {least} engines",
                hint="an upper end above the lower one, and at least 1 of the others",
            )
        if mean not in ("engines", "pooled"):
            raise OptionError(f"scaling: mean is {mean!r}", hint="engines or pooled")
        self.next = interval
        self.below = self.above = 0

    def decide(self, fleet: FleetView, reports: Sequence[Report]) -> Scaling | None:
        """What to change, given the reports of the engines; None between two looks."""
        if fleet.now < self.next:
            return None
        self.next = fleet.now + self.interval
        serving = [one for one in reports if not one.draining]
        # Engines on their way count as there: otherwise a slow start would be answered by more.
        coming = [self._empty(fleet, i) for i in fleet.starting]
        average = self.average([*serving, *coming])
        self.below = self.below + 1 if average < self.low else 0
        spare = self._spare(serving)
        self.above = self.above + 1 if spare is not None and not coming else 0
        if self.below >= self.looks:
            self.below = 0
            off = set(range(len(fleet.engines))) - {one.engine for one in serving}
            off -= {*fleet.starting, *fleet.draining}
            start = self._lacking([*serving, *coming], [self._empty(fleet, i) for i in sorted(off)])
            return Scaling(start=start) if start else None
        if self.above >= self.looks and spare is not None:
            self.above = 0
            return Scaling(stop=(spare,))
        return None

    def average(self, reports: Sequence[Report]) -> float:
        """Mean freeness."""
        if not reports:
            return -math.inf
        if self.mean == "engines":
            return math.fsum(map(self.measure.freeness, reports)) / len(reports)
        return self.measure.freeness(_pool(reports))

    def _lacking(self, serving: list[Report], off: list[Report]) -> int:
        """Engines to add until the mean is in the range again, at most those that are off."""
        added = 0
        while added < len(off) and self.average([*serving, *off[:added]]) < self.low:
            added += 1
        return added

    def _spare(self, serving: list[Report]) -> int | None:
        """The engine to switch off, if the mean is above the range (pooled: without it, too)."""
        if len(serving) <= self.least:
            return None
        fewest = min(serving, key=lambda one: (one.running, one.waiting, -one.engine))
        if self.mean == "engines":
            return fewest.engine if self.average(serving) > self.high else None
        pool = _pool(serving)
        without = replace(
            pool, total=pool.total - fewest.total, free=max(pool.free - fewest.total, 0)
        )
        return fewest.engine if self.measure.freeness(without) > self.high else None

    def _empty(self, fleet: FleetView, index: int) -> Report:
        engine = fleet.engines[index]
        total = engine.total_blocks
        return Report(index, total, total, engine.block_size, running=0, waiting=0)


def _pool(reports: Sequence[Report]) -> Report:
    """One engine of the memory and requests of all; headroom for urgent ones is left out."""
    return Report(
        engine=-1,
        total=sum(one.total for one in reports),
        free=sum(one.free for one in reports),
        block_size=reports[0].block_size,
        running=sum(one.running for one in reports),
        waiting=sum(one.waiting for one in reports),
        head=math.fsum(one.head for one in reports),
        queued=math.fsum(one.queued for one in reports),
    )
