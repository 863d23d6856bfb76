"""Orders of the queue: by priority, by deadline, by length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from makespan.serving.policies.told import Told
from makespan.serving.policy import EngineView, Policy
from makespan.serving.workload import TIME_LIMIT, Workload

_LATEST: Final = 2 * TIME_LIMIT


class ByKey(Policy):
    """Admits by a number that stays with the request; equal ones by arrival, then by index."""

    def __init__(self, key: Callable[[int], float]) -> None:
        self.key = key

    def order(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See :meth:`Policy.order`."""
        return sorted(waiting, key=lambda r: (self.key(r), engine.arrival(r), r))


class Priority(Policy):
    """The most urgent first; of those running the least urgent gives up its memory.

    vLLM's ``--scheduling-policy priority``: the victim is the one with the largest priority, and
    of equal ones that which arrived last.
    """

    name = "priority"

    def order(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See :meth:`Policy.order`."""
        return sorted(waiting, key=lambda r: (engine.priority(r), engine.arrival(r), r))

    def victim(self, running: Sequence[int], engine: EngineView) -> int:
        """See :meth:`Policy.victim`."""
        return max(running, key=lambda r: (engine.priority(r), engine.arrival(r), r))


class EarliestDeadline(Policy):
    """Earliest due date first (EDF; Jackson 1955): by arrival plus deadline, or else plus TTFT.

    Parameters
    ----------
    told
        Tells the SLO classes.
    """

    name = "edf"

    def __init__(self, told: Told | Workload) -> None:
        self.allowed = [
            next((t for t in (slo.deadline, slo.ttft) if t is not None), _LATEST)
            for slo in told.slos
        ]
        self.allowed.append(_LATEST)  # of class -1: none

    def order(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See :meth:`Policy.order`."""
        allowed = self.allowed
        return sorted(waiting, key=lambda r: (engine.arrival(r) + allowed[engine.slo(r)], r))


class ShortestPrompt(Policy):
    """Shortest prompt first: the part of the work that is known (shortest processing time)."""

    name = "shortest-prompt"

    def order(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See :meth:`Policy.order`."""
        return sorted(waiting, key=lambda r: (engine.prompt(r), engine.arrival(r), r))


class ShortestJob(ByKey):
    """Shortest job first with true output lengths: an oracle, for what a predictor could gain."""

    name = "shortest-job-oracle"

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload.output.tolist().__getitem__)


class ShortestRemaining(ShortestJob):
    """The same, and of those running the one with most left gives up its memory: an oracle."""

    name = "shortest-remaining-oracle"

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        self.output = workload.output.tolist()

    def victim(self, running: Sequence[int], engine: EngineView) -> int:
        """See :meth:`Policy.victim`."""
        return max(running, key=lambda r: (self.output[r] - engine.generated(r), r))
