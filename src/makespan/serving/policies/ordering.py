"""Orders of the queue: by priority, by deadline, by length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from makespan.serving.policies.remembering import make_room
from makespan.serving.policies.told import Told
from makespan.serving.policy import EngineView, Policy
from makespan.serving.workload import TIME_LIMIT, Workload

_LATEST: Final = 2 * TIME_LIMIT
"""Picoseconds allowed where nothing is asked for: due after all for which something is."""


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
    """Earliest due date first (EDF; Jackson 1955).

    Due is a request when its deadline ends, or else the time for its first token. The deadline of
    a program counts from its first request, as in :class:`.workload.Slo` and in what is measured
    (:mod:`.service`), so that the later calls of a program are no less urgent than its first.

    Parameters
    ----------
    told
        Tells the SLO classes. A workload also tells when programs begin, as gateways in front of
        several engines could; without one an engine counts from the first call that it was sent.
    """

    name = "edf"

    def __init__(self, told: Told | Workload) -> None:
        self.known = isinstance(told, Workload)
        self.begun = _beginnings(told) if isinstance(told, Workload) else {}
        self.deadline = [slo.deadline for slo in told.slos]
        self.allowed = [slo.ttft if slo.ttft is not None else _LATEST for slo in told.slos]
        # Of class -1: none.
        self.deadline.append(None)
        self.allowed.append(_LATEST)

    def arrived(self, request: int, engine: EngineView) -> None:
        """See :meth:`Policy.arrived`."""
        program = engine.program(request)
        if program >= 0 and program not in self.begun:
            if not self.known:
                make_room(self.begun, program)
            self.begun[program] = engine.arrival(request)

    def order(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See :meth:`Policy.order`."""
        return sorted(waiting, key=lambda r: (self._due(r, engine), r))

    def _due(self, request: int, engine: EngineView) -> int:
        of, sent = engine.slo(request), engine.arrival(request)
        deadline = self.deadline[of]
        if deadline is None:
            return sent + self.allowed[of]
        return self.begun.get(engine.program(request), sent) + deadline


def _beginnings(workload: Workload) -> dict[int, int]:
    """When each program sends its first request, of those that wait for no other request."""
    free = np.flatnonzero((workload.program >= 0) & (np.diff(workload.parent_ptr) == 0))
    # By arrival, so that the first of a program is its earliest.
    programs, first = np.unique(workload.program[free], return_index=True)
    return dict(zip(programs.tolist(), workload.arrival[free[first]].tolist(), strict=True))


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
