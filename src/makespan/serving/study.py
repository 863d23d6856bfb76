"""Studies: one load, served under several policies by the same engines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from makespan.core.errors import OptionError
from makespan.serving.cost.step import StepCost
from makespan.serving.engine.fleet import Fleet
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.moving import elastic_of, migration_of
from makespan.serving.policies.catalogue import policy_maker
from makespan.serving.policies.routers import ROUTERS, router_of
from makespan.serving.record import Record
from makespan.serving.service import Summary
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import PICOSECONDS, TIME_LIMIT, Workload

_SATURATING: Final = 2_000
"""Requests by which the capacity of an engine is measured."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One policy of a study, and what it came to."""

    policy: str
    record: Record
    summary: Summary


def compare(
    workload: Workload,
    policies: Sequence[str],
    settings: EngineSettings | Sequence[EngineSettings],
    cost: StepCost | Sequence[StepCost],
    *,
    instances: int = 1,
    router: str = "least-loaded",
    seed: int = 0,
    traced: bool = False,
    on_arm: Callable[[str], None] | None = None,
    on_fleet: Callable[[Fleet], None] | None = None,
    on_done: Callable[[Arm], None] | None = None,
) -> list[Arm]:
    """Serve a load once under each policy; every arm has the same engines, load and seed.

    Requests are moved and engines switched if the router does such things; see
    :mod:`makespan.serving.moving` for the times.

    Parameters
    ----------
    settings, cost
        Of each engine of a mixed fleet, or of all; see :func:`fleet_of`.
    instances
        So many of each.
    traced
        Whether records keep events and timelines, for reports.
    on_arm
        Called with the name of each policy before it is run.
    on_fleet, on_done
        Called with the engines before they serve under a policy, and with what it came to.

    Raises
    ------
    OptionError
        If a policy or router is unknown, or there is no engine.
    """
    engines, costs = fleet_of(settings, cost, instances)
    router_of(router, workload, costs, seed=seed)  # an unknown one is refused before all work
    wants = ROUTERS[router]
    makers = [policy_maker(name, workload, costs, settings=engines, seed=seed) for name in policies]
    arms = []
    for name, maker in zip(policies, makers, strict=True):
        if on_arm:
            on_arm(name)
        record = simulate_serving(
            workload,
            engines,
            costs,
            policy=maker,
            router=router_of(router, workload, costs, seed=seed),
            migration=migration_of(engines, costs) if wants.moves else None,
            elastic=elastic_of(costs) if wants.scales else None,
            events=traced,
            timeline=traced,
            on_fleet=on_fleet,
        )
        arms.append(Arm(name, record, record.summary()))
        if on_done:
            on_done(arms[-1])
    return arms


def fleet_of(
    settings: EngineSettings | Sequence[EngineSettings],
    cost: StepCost | Sequence[StepCost],
    instances: int = 1,
) -> tuple[list[EngineSettings], list[StepCost]]:
    """Settings and step times engine by engine, so many of each that is given.

    Raises
    ------
    OptionError
        If there is no engine, or not as many settings as step times.
    """
    engines = [settings] if isinstance(settings, EngineSettings) else list(settings)
    costs = list(cost) if isinstance(cost, Sequence) else [cost]
    if instances < 1 or not engines:
        raise OptionError(f"{instances} instances", hint="there must be at least one")
    if len(engines) != len(costs) and 1 not in (len(engines), len(costs)):
        raise OptionError(f"{len(engines)} engines with {len(costs)} cost models")
    count = max(len(engines), len(costs))
    engines, costs = (engines * count)[:count], (costs * count)[:count]
    return (
        [one for one in engines for _ in range(instances)],
        [one for one in costs for _ in range(instances)],
    )


def drain_rate(workload: Workload, settings: EngineSettings, cost: StepCost) -> float:
    """Requests per second that one engine serves while its queue never empties.

    Measured on the first 2,000 requests of the load, sent all at once; the ramps at the beginning
    and the end make it a slight under-estimate.

    Raises
    ------
    OptionError
        If the load is empty, or none of its requests fits into the engine.
    """
    first = workload.take(np.arange(min(workload.count, _SATURATING)))
    record = simulate_serving(at_rate(first, None), settings, cost)
    served = int(record.finished.sum())
    if not served:
        raise OptionError(
            f"no request of {workload.name!r} fits into {settings.blocks} blocks",
            hint="give more memory, or a load of shorter requests",
        )
    return served * PICOSECONDS / max(record.makespan, 1)


def fleet_drain_rate(
    workload: Workload, settings: Sequence[EngineSettings], cost: Sequence[StepCost]
) -> float:
    """The same of a fleet: the sum over its engines, as if the load were split in proportion."""
    seen: list[tuple[EngineSettings, StepCost, float]] = []
    total = 0.0
    for one, model in zip(settings, cost, strict=True):
        known = next((rate for s, c, rate in seen if s == one and c is model), None)
        if known is None:
            known = drain_rate(workload, one, model)
            seen.append((one, model, known))
        total += known
    return total


def at_rate(workload: Workload, rate: float | None) -> Workload:
    """The load sent so many times as fast that its mean rate is ``rate``; None: all at once.

    Raises
    ------
    OptionError
        If the load has no duration to stretch, or the rate is out of range.
    """
    if rate is None:
        arrival = np.zeros(workload.count, dtype=np.int64)
        return replace(workload, arrival=arrival, source=f"{workload.source}, all at once")
    if not rate > 0.0:
        raise OptionError(f"a rate of {rate} requests/s", hint="give a positive number")
    if workload.span == 0:
        raise OptionError(
            f"all requests of {workload.name!r} arrive at once, so that it has no rate to change",
            hint="generate a load with arrivals, or leave the rate out",
        )
    own = (workload.count - 1) * PICOSECONDS / workload.span
    since = (workload.arrival - workload.arrival[0]).astype(np.float64) * (own / rate)
    if since[-1] > TIME_LIMIT:
        raise OptionError(f"at {rate} requests/s the load would last longer than times can say")
    return replace(
        workload,
        arrival=np.rint(since).astype(np.int64),
        source=f"{workload.source}, at {rate:g} requests/s",
    )
