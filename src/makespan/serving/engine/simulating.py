"""Serving a workload in virtual time: the front door of the engines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from makespan._version import __version__
from makespan.core.vocabulary import IntArray
from makespan.serving.cost.step import StepCost
from makespan.serving.engine.fleet import Fleet
from makespan.serving.policy import Policy, Router
from makespan.serving.record import Events, Fate, Record
from makespan.serving.settings import Elastic, EngineSettings, Migration
from makespan.serving.timeline import Timeline
from makespan.serving.workload import Workload


def simulate_serving(
    workload: Workload,
    settings: EngineSettings | Sequence[EngineSettings],
    cost: StepCost | Sequence[StepCost],
    *,
    policy: Callable[[], Policy] = Policy,
    router: Router | None = None,
    migration: Migration | None = None,
    elastic: Elastic | None = None,
    events: bool = False,
    timeline: bool = False,
    on_fleet: Callable[[Fleet], None] | None = None,
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
    migration
        How running requests get from one engine to another; None: only waiting ones can.
    elastic
        Which engines are on at first, if the router may switch them; None: all are, always.
    events, timeline
        Whether to keep every decision, and what every engine was doing when.
    on_fleet
        Called with the fleet before it serves, for who wants to see how far it is.

    Raises
    ------
    OptionError
        If there is no engine, or as many settings as cost models are needed and not given.
    """
    engines = [settings] if isinstance(settings, EngineSettings) else list(settings)
    costs = list(cost) if isinstance(cost, Sequence) else [cost] * len(engines)
    if len(engines) == 1 and len(costs) > 1:
        engines *= len(costs)
    fleet = Fleet(
        workload,
        engines,
        costs,
        policy=policy,
        router=router,
        migration=migration,
        elastic=elastic,
    )
    for engine in fleet.engines:
        if events:
            engine.noted = []
        if timeline:
            engine.stretches = []
    if on_fleet:
        on_fleet(fleet)
    return record_of(fleet.run())


def record_of(fleet: Fleet) -> Record:
    """What a fleet has done so far."""
    requests, workload = fleet.requests, fleet.workload
    generated, output = np.array(requests.generated, dtype=np.int64), workload.output
    sent = np.array(requests.arrival, dtype=np.int64)
    fate = np.where(generated == output, int(Fate.FINISHED), int(Fate.UNFINISHED))
    fate[sent < 0] = Fate.ORPHAN
    fate[fleet.refused] = Fate.TOO_LONG
    fate[fleet.dropped] = Fate.DROPPED
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
        counters=_counters(fleet),
        events=_events(fleet),
        timeline=_timeline(fleet),
    )


def _counters(fleet: Fleet) -> dict[str, int]:
    engines, moves = fleet.engines, fleet.moves
    counters = {"attended tokens": sum(engine.attended for engine in engines)}
    if any(engine.settings.swap_blocks for engine in engines):
        counters["swapped blocks"] = sum(engine.swapping.blocks for engine in engines)
    if any(engine.tier for engine in engines):
        counters["loaded tokens"] = sum(
            engine.tier.loaded * engine.block_size for engine in engines if engine.tier
        )
    if fleet.router.poll:
        counters["moves"], counters["moves given up"] = moves.moved, moves.aborted
        counters["blocks moved"] = moves.blocks
        counters["waiting requests moved"] = fleet.handed
    if fleet.power.elastic:
        end = max(fleet.requests.last, default=0)
        counters["engine picoseconds"] = fleet.power.total(end)
    return counters


def _events(fleet: Fleet) -> Events | None:
    noted = [
        (time, engine.index, kind, request)
        for engine in fleet.engines
        for time, kind, request in engine.noted or ()
    ]
    if any(engine.noted is None for engine in fleet.engines):
        return None
    # Stable, so that the order within an engine at one instant stays.
    noted.sort(key=lambda event: event[:2])
    time, instance, kind, request = _columns(noted, 4)
    return Events(time=time, kind=kind, request=request, instance=instance)


def _timeline(fleet: Fleet) -> Timeline | None:
    if any(engine.stretches is None for engine in fleet.engines):
        return None
    rows = [row for engine in fleet.engines for row in engine.stretches or ()]
    rows.sort(key=lambda row: (row[1], row[0]))
    return Timeline(*_columns(rows, 9))


def _columns(rows: Sequence[tuple[int, ...]], width: int) -> IntArray:
    """Columns of a table of integers, as rows of an array."""
    return np.array(rows, dtype=np.int64).reshape(-1, width).T
