"""How an engine takes in requests: at the boundaries between its steps, and perhaps a step ahead.

vLLM's core looks into its inbox between two steps only; what it calls *queued* is the boundary at
which it does. With asynchronous scheduling, the default on GPUs from vLLM 0.14 on (pull request
27614), it looks while a step is still running on the GPU: when the result of step n is there, step
n + 1 has been launched, and what is planned then is step n + 2
(``EngineCore.step_with_batch_queue``, two batches). So whoever arrives during step n

- counts as queued from the end of step n, and is scheduled at once,
- but computes in step n + 2, one whole step later than in a synchronous engine;

and the place and the memory of a request that ends with step n are used again from step n + 2 on.
At light load this step is a third of the time to first token.

Both are policies of the simulated engine. That decodes, too, are planned before the memory of those
that have just ended is free is left out: it preempts a few more where memory is short (195 instead
of 185 in a run of 300 requests).
"""

from __future__ import annotations

from makespan.serving.policy import EngineView, Policy


class Boundaries(Policy):
    """First come, first served; remembers at which boundary each request was taken in.

    Attributes
    ----------
    taken
        When the engine took each request in, ps: the end of the step it arrived in.
    """

    name = "fcfs"

    def __init__(self) -> None:
        self.taken: dict[int, int] = {}

    def arrived(self, request: int, engine: EngineView) -> None:
        """See :meth:`Policy.arrived`."""
        self.taken[request] = engine.now


class OneAhead(Boundaries):
    """The same in an engine that plans a step while the one before it runs."""

    name = "fcfs, a step ahead"

    def __init__(self) -> None:
        super().__init__()
        self._boundary = self._held = -1
        # Sequences that ended at the boundary, and their blocks.
        self._places = self._blocks = 0

    def admit(self, request: int, engine: EngineView) -> bool:
        """Not what the step about to be launched, planned a step ago, could not know of."""
        now = engine.now
        unseen = self.taken[request] >= now and not engine.preemptions(request)
        if not unseen and self._boundary == now:
            length = engine.prompt(request) + engine.generated(request)
            blocks = self._blocks + -(-length // engine.block_size)
            places = self._places + len(engine.running())
            unseen = places >= engine.max_num_seqs or engine.free_blocks < blocks
        if unseen:
            self._held = now
        return not unseen

    def wake(self, engine: EngineView) -> int | None:
        """At the next boundary, if somebody was kept waiting for it."""
        return engine.now + 1 if self._held == engine.now else None

    def finished(self, request: int, engine: EngineView) -> None:
        """See :meth:`Policy.finished`."""
        if self._boundary != engine.now:
            self._boundary, self._places, self._blocks = engine.now, 0, 0
        self._places += 1
        length = engine.prompt(request) + engine.generated(request)
        self._blocks += -(-length // engine.block_size)
