"""Simple routers: what others are measured against."""

from __future__ import annotations

import random
from typing import Literal

from makespan.core.errors import OptionError
from makespan.serving.policies.llumnix.scaling import AutoScaling
from makespan.serving.policies.llumnix.usage import Measure, Report, report, reports
from makespan.serving.policy import EngineView, FleetView, Router, Scaling
from makespan.serving.workload import PICOSECONDS, Workload


class PowerOfTwo(Router):
    """Of two engines drawn at random the one with fewer requests.

    Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE TPDS 12(10), 2001.
    """

    name = "power-of-two"

    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)

    def route(self, request: int, fleet: FleetView) -> int:
        """See :meth:`Router.route`."""
        drawn = self.random.sample(list(fleet.open), min(2, len(fleet.open)))
        return min(drawn, key=lambda i: (fleet.engines[i].load, i))


class LoadAware(Router):
    """INFaaS++, the stronger baseline of Llumnix: by load of memory, with auto-scaling.

    INFaaS (USENIX ATC 2021) dispatches by load and scales by it; the authors of Llumnix let it
    count the KV memory of what runs and waits, and scale as Llumnix does.

    Parameters
    ----------
    load
        ``memory``: share of the memory that running requests hold and waiting ones need [paper;
        artifact, dispatch strategy "block"]. ``freeness``: that of Llumnix with all of the queue
        [artifact, what its scripts run as INFaaS++].
    scaling
        Decides when engines are switched on and off; None: they stay.
    poll
        Picoseconds between two times that it is asked.
    """

    name = "load-aware"

    def __init__(
        self,
        *,
        load: Literal["memory", "freeness"] = "memory",
        scaling: AutoScaling | None = None,
        poll: int = PICOSECONDS,
    ) -> None:
        if load not in ("memory", "freeness"):
            raise OptionError(f"load is {load!r}", hint="memory or freeness")
        if poll < 1:
            raise OptionError(f"poll is {poll} ps", hint="at least 1")
        self.load, self.scaling = load, scaling
        self.measure = Measure("all")
        self.poll = poll if scaling else None

    def route(self, request: int, fleet: FleetView) -> int:
        """See :meth:`Router.route`."""
        told = [report(fleet.engines[i]) for i in fleet.open]
        return min(told, key=lambda one: (self._load(one), one.engine)).engine

    def scale(self, fleet: FleetView) -> Scaling | None:
        """See :meth:`Router.scale`."""
        return self.scaling.decide(fleet, reports(fleet)) if self.scaling else None

    def _load(self, one: Report) -> float:
        if self.load == "freeness":
            return -self.measure.freeness(one)
        return self.measure.usage(one) / one.total


class LeastWork(Router):
    """To the engine with the least work left, knowing all lengths: no real router can.

    The work of a request is the memory it will yet hold over its steps, in tokens times steps,
    which is what limits engines whose batch is bound by memory.
    """

    name = "least-work-oracle"

    def __init__(self, workload: Workload) -> None:
        self.output: list[int] = workload.output.tolist()

    def route(self, request: int, fleet: FleetView) -> int:
        """See :meth:`Router.route`; O(requests in the fleet)."""
        return min(fleet.open, key=lambda i: (self._work(fleet.engines[i]), i))

    def _work(self, engine: EngineView) -> int:
        work = 0
        for request in (*engine.running(), *engine.waiting()):
            had = engine.generated(request)
            left = self.output[request] - had
            first = engine.prompt(request) + had
            work += left * first + left * (left - 1) // 2
        return work
