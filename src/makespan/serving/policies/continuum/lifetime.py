"""How long a context is kept after a turn: the rule of the paper, and what it is compared with."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from typing import Final, Literal

import numpy as np

from makespan.core.errors import OptionError
from makespan.serving.cost.step import StepCost
from makespan.serving.policies.continuum.memoryfulness import Memory
from makespan.serving.policies.continuum.pauses import Pauses
from makespan.serving.workload import PICOSECONDS

_COLD: Final = 100
"""Pauses up to which all tools are taken together, and before them a law is assumed (K)."""

_WINDOW: Final = 100
"""Delays that T averages; the length is what re-implementers infer."""

_MARGIN: Final = 1e-3
"""Seconds for which the oracle keeps a context longer than the pause lasts."""

_MEAN_PAUSE: Final = 1.0
"""Seconds; mean of the exponential law assumed before pauses have been seen."""

_LONGEST: Final = 1e6
"""Seconds; longest time for which a context may be kept."""

_THRESHOLD: Final = 2.0
"""Seconds; of the preview's rule, which keeps contexts of fast tools for so long."""

Rule = Literal["ttl", "threshold", "fixed", "never", "oracle"]
RULES: Final = ("ttl", "threshold", "fixed", "never", "oracle")


class Lifetime:
    """How long to keep contexts, by a rule and by what has been seen so far.

    Parameters
    ----------
    rule, fixed, cost, offload_time
        As of :class:`.policy.Continuum`.

    Attributes
    ----------
    pauses, all
        Past pauses by tool, and of all tools.
    delays
        Seconds that the latest turns without a kept context waited in the queue, whose mean is T.
    memory
        Has eta.

    Raises
    ------
    OptionError
        If an option is out of range.
    """

    def __init__(
        self,
        rule: Rule = "ttl",
        *,
        fixed: float = 2.0,
        cost: StepCost | None = None,
        offload_time: int | None = None,
    ) -> None:
        if rule not in RULES:
            raise OptionError(f"rule is {rule!r}", hint=f"one of {', '.join(RULES)}")
        if not 0 <= fixed <= _LONGEST:
            raise OptionError(f"fixed is {fixed} s", hint=f"from 0 to {_LONGEST:g} s")
        if offload_time is not None and offload_time < 0:
            raise OptionError(f"offload_time is {offload_time}", hint="it must be at least 0")
        self.rule, self.fixed, self.cost, self.offload_time = rule, fixed, cost, offload_time
        self.pauses: dict[str, Pauses] = defaultdict(Pauses)
        self.all = Pauses()
        self.delays: deque[float] = deque(maxlen=_WINDOW)
        self.memory = Memory()

    def paused(self, tool: str, seconds: float) -> None:
        """A call of the tool has ended."""
        self.pauses[tool].add(seconds)
        self.all.add(seconds)

    def seconds(
        self, context: int, tool: str, pause: float = 0.0, *, block_size: int = 16
    ) -> float:
        """Seconds for which to keep a context of so many tokens after a call of the tool.

        ``pause`` is how long the call takes, for the oracle; blocks are what a tier is loaded by.
        """
        if self.rule == "never":
            return 0.0
        if self.rule == "fixed":
            return self.fixed
        mine = self.pauses[tool]
        if self.rule == "threshold":
            return _THRESHOLD if mine.values and mine.mean <= _THRESHOLD else 0.0
        wait = float(np.mean(self.delays)) if self.delays else 0.0
        reload = self.reload(context, block_size=block_size)
        benefit = wait * self.memory.eta + reload
        if self.rule == "oracle":
            # The end of a pause is told on a clock of steps: a context must outlive it.
            return pause + _MARGIN if pause < benefit else 0.0
        if len(self.all.values) <= _COLD:
            benefit = wait + reload
            # Of an exponential law with mean m: the derivative of P * benefit - ttl is 0 here.
            return max(0.0, _MEAN_PAUSE * math.log(benefit / _MEAN_PAUSE)) if benefit > 0 else 0.0
        return (mine if len(mine.values) > _COLD else self.all).best(benefit)

    def reload(self, context: int, *, block_size: int = 16) -> float:
        """Seconds to have a context of so many tokens again, by the faster path that there is."""
        anew = self.cost.step(context, 1, context, context**2) if self.cost else 0
        if self.offload_time is not None:
            anew = min(anew, -(-context // block_size) * self.offload_time)
        return anew / PICOSECONDS
