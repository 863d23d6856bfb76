"""Shortest output first by predicted lengths: SJF with means, and LTR's ranking.

Both take the predictor of :mod:`makespan.serving.policies.jitserve.lengths`. Learning to rank
("Efficient LLM Scheduling by Learning to Rank", NeurIPS 2024, arXiv 2408.15792) sorts what runs and
waits by the rank of its length, preempts by it, and lets who has waited for too long go first. Its
ranks are those of a model for language; here they are of the predicted means, which order requests
the same way. How long is too long, and how often it preempts, is inferred.
"""

from __future__ import annotations

from collections.abc import Sequence

from makespan.core.errors import OptionError
from makespan.serving.policies.jitserve.lengths import Bounds, PastLengths
from makespan.serving.policies.preempting import outranked
from makespan.serving.policy import EngineView, Policy
from makespan.serving.workload import PICOSECONDS


class ShortestPredicted(Policy):
    """Shortest predicted output first; who runs is left alone.

    Parameters
    ----------
    lengths
        Predicted lengths; None: means of what ended under the same label.
    """

    name = "sjf"
    window = 4096

    def __init__(self, lengths: Bounds | None = None) -> None:
        self.lengths = lengths or Bounds(PastLengths(), level=None)

    def left(self, request: int, engine: EngineView) -> int:
        """Predicted tokens left of an output."""
        had = engine.generated(request)
        return self.lengths.bound(request, had, engine) - had

    def order(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See :meth:`Policy.order`."""
        key = {r: (self.left(r, engine), engine.arrival(r), r) for r in waiting}
        return sorted(waiting, key=key.__getitem__)

    def finished(self, request: int, engine: EngineView) -> None:
        """See :meth:`Policy.finished`."""
        self.lengths.finished(request, engine)


class LearnedRanks(ShortestPredicted):
    """LTR: by the rank of the length, with preemption and without starvation.

    Parameters
    ----------
    every
        Seconds between two looks at who should run.
    patience
        Seconds after which a waiting request goes before all that have waited less. A short
        patience turns the policy into FCFS as soon as everybody has to wait.
    """

    name = "ltr"

    def __init__(
        self, lengths: Bounds | None = None, *, every: float = 0.3, patience: float = 300.0
    ) -> None:
        super().__init__(lengths)
        if not (every > 0 and patience > 0):
            raise OptionError(
                f"a look every {every} s, patience of {patience} s", hint="give times above 0"
            )
        self.every, self.patience = round(every * PICOSECONDS), round(patience * PICOSECONDS)
        self.next = 0
        self.favoured: set[int] = set()
        self.since: dict[int, int] = {}

    def rank(self, request: int, engine: EngineView) -> tuple[bool, int, int]:
        """The smaller, the sooner; who was favoured once stays so, and goes by arrival."""
        favoured = request in self.favoured
        return not favoured, 0 if favoured else self.left(request, engine), engine.arrival(request)

    def order(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See :meth:`Policy.order`."""
        key = {r: (*self.rank(r, engine), r) for r in waiting}
        return sorted(waiting, key=key.__getitem__)

    def interrupt(self, engine: EngineView) -> Sequence[int]:
        """See :meth:`Policy.interrupt`."""
        if engine.now < self.next:
            return ()
        self.next = engine.now + self.every
        for request in engine.waiting():
            if engine.now - self.since.setdefault(request, engine.now) >= self.patience:
                self.favoured.add(request)
        for request in engine.running():
            self.since.pop(request, None)
        key = {r: self.rank(r, engine) for r in (*engine.running(), *engine.waiting())}
        return outranked(engine, key.__getitem__, window=self.window)

    def wake(self, engine: EngineView) -> int | None:
        """See :meth:`Policy.wake`."""
        return self.next

    def finished(self, request: int, engine: EngineView) -> None:
        """See :meth:`Policy.finished`."""
        super().finished(request, engine)
        self.favoured.discard(request)
        self.since.pop(request, None)
