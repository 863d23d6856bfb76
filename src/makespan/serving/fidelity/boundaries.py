"""When an engine takes in what has arrived: at the boundaries between its steps.

vLLM's core looks into its inbox between two steps only; what it calls *queued* is the boundary at
which it does. With asynchronous scheduling, the default on GPUs from vLLM 0.14 on (pull request
27614), it looks while a step is still running on the GPU: when the result of step n is there, step
n + 1 has been launched, and what is planned then is step n + 2
(``EngineCore.step_with_batch_queue``, two batches). So whoever arrives during step n

- counts as queued from the end of step n, and is scheduled at once,
- but computes in step n + 2, one whole step later than in a synchronous engine.

At light load this step is a third of the time to first token. That it computes later is what
:attr:`EngineSettings.async_scheduling` does; since when it is queued is told here.
"""

from __future__ import annotations

from makespan.serving.policy import FleetView, Router


class Boundaries(Router):
    """The engine with the fewest requests; remembers at which boundary each was taken in.

    Attributes
    ----------
    taken
        When the engine took each request in, ps: the end of the step it arrived in.
    """

    def __init__(self) -> None:
        self.taken: dict[int, int] = {}

    def route(self, request: int, fleet: FleetView) -> int:
        """See :meth:`Router.route`."""
        chosen = super().route(request, fleet)
        engine = fleet.engines[chosen]
        engine.free_blocks  # noqa: B018 - an engine that glides shows its boundary once asked
        self.taken[request] = max(engine.now, fleet.now)
        return chosen
