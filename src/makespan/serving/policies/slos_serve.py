"""SLOs-Serve: a dynamic program decides who can be served in time; the others wait behind.

"SLOs-Serve: Optimized Serving of Multi-SLO LLMs" (arXiv 2504.08784) plans with a dynamic program
which requests to accept so that all accepted ones keep their objectives; the rest is best effort.
This is its idea at the grain of our engine, not its planner: work is measured in seconds of a place
of the batch, places are taken as one machine that is as many times as fast, and the program is that
of Lawler and Moore (Management Science 16, 1969) for the largest number of jobs on time, which
contains the requests that already run. Chunk sizes and speculation are not planned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from makespan.core.errors import OptionError
from makespan.serving.policies.jitserve.lengths import Bounds, PastLengths
from makespan.serving.policies.jitserve.targets import targets
from makespan.serving.policies.remembering import make_room
from makespan.serving.policies.told import Told
from makespan.serving.policy import EngineView, Policy
from makespan.serving.workload import PICOSECONDS, Workload

FloatArray = npt.NDArray[np.float64]

_STEP: Final = 0.02
"""Seconds of a step (JITServe's default, for want of one of the paper)."""


class SlosServe(Policy):
    """See the module.

    Parameters
    ----------
    told
        Tells the targets.
    lengths
        Predicted lengths; None: means of what ended under the same label.
    step
        Seconds that a step is taken to last.
    planned
        Requests, of the earliest due, among which the program chooses.
    every
        Seconds for which a plan lasts.
    """

    name = "slos-serve"
    window = 4096

    def __init__(
        self,
        told: Workload | Told,
        lengths: Bounds | None = None,
        *,
        step: float = _STEP,
        planned: int = 128,
        every: float = 0.3,
    ) -> None:
        if not (step > 0 and planned >= 1 and every > 0):
            raise OptionError(
                f"steps of {step} s, {planned} requests planned every {every} s",
                hint="times above 0, and at least one request",
            )
        self.lengths = lengths or Bounds(PastLengths(), level=None)
        self.step, self.planned, self.every = step, planned, round(every * PICOSECONDS)
        self.targets = targets(told)
        self.next = 0
        self.accepted: dict[int, int] = {}
        self.begun: dict[int, int] = {}

    def arrived(self, request: int, engine: EngineView) -> None:
        """See :meth:`Policy.arrived`; deadlines of programs count from their first call."""
        program = engine.program(request)
        if program >= 0 and program not in self.begun:
            make_room(self.begun, program)
            self.begun[program] = engine.arrival(request)

    def order(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See :meth:`Policy.order`; accepted ones by when they are due, the rest by arrival."""
        if engine.now >= self.next:
            self.next = engine.now + self.every
            self._plan(waiting, engine)
        late = len(self.accepted)

        def key(request: int) -> tuple[int, int, int]:
            return self.accepted.get(request, late), engine.arrival(request), request

        return sorted(waiting, key=key)

    def wake(self, engine: EngineView) -> int | None:
        """See :meth:`Policy.wake`."""
        return self.next

    def finished(self, request: int, engine: EngineView) -> None:
        """See :meth:`Policy.finished`."""
        self.lengths.finished(request, engine)

    def _plan(self, waiting: Sequence[int], engine: EngineView) -> None:
        """Choose whom of the earliest due to accept."""
        now = engine.now / PICOSECONDS
        budget, places = engine.max_num_batched_tokens, engine.max_num_seqs

        def work(request: int) -> tuple[float, float]:
            """Seconds of a place that it needs, and seconds from now until it is due."""
            had = engine.generated(request)
            left = self.lengths.bound(request, had, engine) - had
            missing = engine.prompt(request) + had - engine.computed(request)
            target, sent = self.targets[engine.slo(request)], engine.arrival(request)
            due = target.ttft + target.tbt * (had + left - 1)
            if target.deadline is not None:
                sent = self.begun.get(engine.program(request), sent)
                due = target.deadline / PICOSECONDS
            return (-(-missing // budget) + left) * self.step, sent / PICOSECONDS + due - now

        base = sum(work(r)[0] for r in engine.running()) / places
        jobs = sorted((work(r)[1], r) for r in waiting)[: self.planned]
        taken = on_time(
            np.array([work(r)[0] / places for _, r in jobs]),
            np.array([due for due, _ in jobs]),
            base,
        )
        chosen = [r for (_, r), inside in zip(jobs, taken, strict=True) if inside]
        self.accepted = {r: k for k, r in enumerate(chosen)}


def on_time(work: FloatArray, due: FloatArray, base: float = 0.0) -> list[bool]:
    """Which jobs, ordered by due date, a largest set that is on time contains; O(n²).

    ``base`` seconds of work come before all of them. Of largest sets one with least work is taken.
    """
    n = len(work)
    least = np.full(n + 1, np.inf)
    least[0] = base
    joins = np.zeros((n, n + 1), dtype=np.bool_)
    for i in range(n):
        grown = least[:-1] + work[i]
        better = (grown <= due[i]) & (grown < least[1:])
        joins[i, 1:] = better
        least[1:] = np.where(better, grown, least[1:])
    count = int(np.flatnonzero(np.isfinite(least))[-1])
    taken = [False] * n
    for i in range(n - 1, -1, -1):
        if count and joins[i, count]:
            taken[i] = True
            count -= 1
    return taken
