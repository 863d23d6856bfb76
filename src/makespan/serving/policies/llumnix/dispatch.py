"""Dispatch: a new request goes to the freest engine, or to one of the freest."""

from __future__ import annotations

import random
from collections.abc import Sequence

from makespan.core.errors import OptionError
from makespan.serving.policies.llumnix.usage import Measure, Report


class Dispatch:
    """See the module.

    Parameters
    ----------
    measure
        Of freeness. The artifact and main count all of a queue here; the paper has one freeness
        for everything.
    segregate
        Urgent requests see the headroom subtracted where none of theirs is, others where one is
        [artifact]. Otherwise others see it alone [paper].
    top
        One of so many of the freest is drawn; 1: the freest [main, option of dispatch].
    """

    def __init__(
        self,
        measure: Measure | None = None,
        *,
        segregate: bool = True,
        top: int = 1,
        seed: int = 0,
    ) -> None:
        if top < 1:
            raise OptionError(f"dispatch to one of the {top} freest", hint="at least 1")
        self.measure = measure or Measure("all")
        self.segregate, self.top = segregate, top
        self.random = random.Random(seed)

    def choose(self, reports: Sequence[Report], *, urgent: bool = False) -> int:
        """Index of the engine for a request; of equally free ones the one with least usage."""

        def order(one: Report) -> tuple[float, float, int]:
            reserved: bool | None = None
            if urgent:
                reserved = self.segregate and not one.urgent
            free = self.measure.freeness(one, reserved=reserved)
            return -free, self.measure.usage(one, reserved=reserved), one.engine

        ranked = sorted(reports, key=order)[: self.top]
        return (ranked[0] if len(ranked) == 1 else self.random.choice(ranked)).engine
