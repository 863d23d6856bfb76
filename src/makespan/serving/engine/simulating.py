"""Serving a workload in virtual time: the front door of the engines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from makespan._version import __version__
from makespan.serving.cost.step import StepCost
from makespan.serving.engine.fleet import Fleet
from makespan.serving.policy import Policy, Router
from makespan.serving.record import Fate, Record
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import Workload


def simulate_serving(
    workload: Workload,
    settings: EngineSettings | Sequence[EngineSettings],
    cost: StepCost | Sequence[StepCost],
    *,
    policy: Callable[[], Policy] = Policy,
    router: Router | None = None,
) -> Record:
    """Serve a workload with one engine, or with a fleet of them, in virtual time.

    Deterministic. Work grows with arrivals, completions and preemptions, not with steps or tokens:
    two to three events per request.

    Parameters
    ----------
    settings, cost
        Of each engine; one of either is taken for all.
    policy
        Makes the policy of each engine, for instance its class.
    router
        Chooses the engine of each request; by default the one with the fewest.

    Raises
    ------
    OptionError
        If there is no engine, or as many settings as cost models are needed and not given.
    """
    engines = [settings] if isinstance(settings, EngineSettings) else list(settings)
    costs = list(cost) if isinstance(cost, Sequence) else [cost] * len(engines)
    if len(engines) == 1 and len(costs) > 1:
        engines *= len(costs)
    return record_of(Fleet(workload, engines, costs, policy=policy, router=router).run())


def record_of(fleet: Fleet) -> Record:
    """What a fleet has done so far."""
    requests, workload = fleet.requests, fleet.workload
    generated, output = np.array(requests.generated, dtype=np.int64), workload.output
    sent = np.array(requests.arrival, dtype=np.int64)
    fate = np.where(generated == output, int(Fate.FINISHED), int(Fate.UNFINISHED))
    fate[sent < 0] = Fate.ORPHAN
    fate[fleet.refused] = Fate.TOO_LONG
    admitted = np.array(requests.admitted, dtype=np.int64)
    return Record(
        workload=workload,
        engine=f"makespan {__version__} engine, simulated",
        measured=False,
        fate=fate.astype(np.int64),
        sent=sent,
        admitted=admitted,
        first=np.array(requests.first, dtype=np.int64),
        last=np.where(generated == output, np.array(requests.last, dtype=np.int64), -1),
        gap=np.array(requests.longest_gap, dtype=np.int64),
        preemptions=np.array(requests.preemptions, dtype=np.int64),
        hit=np.array(requests.hit, dtype=np.int64),
        hits=np.array(requests.hits, dtype=np.int64),
        instance=np.where(admitted >= 0, np.array(requests.engine, dtype=np.int64), -1),
        steps=sum(engine.steps for engine in fleet.engines),
        counters={"attended tokens": sum(engine.attended for engine in fleet.engines)},
    )
