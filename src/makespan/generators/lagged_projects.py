"""Random RCPSP/max: projects with minimum and maximum start-to-start lags.

The structure follows C. Schwindt's ProGen/max ("Generation of resource-constrained project
scheduling problems subject to temporal constraints", University of Karlsruhe 1998): a network of
minimum lags between starts, closed by maximum lags into cycle structures. Unlike ProGen/max the
maximum lags are measured on a planted schedule, so none of the cycles is positive and, unless asked
otherwise, a resource-feasible schedule exists.
"""

from __future__ import annotations

import numpy as np

from makespan.core.graph_times import heads
from makespan.core.problem import Precedences, Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import INFINITY, IntArray, PrecedenceKind
from makespan.generators.assembly import project
from makespan.generators.draws import Draws, require, require_range, require_sizes
from makespan.generators.networks import Arc, random_network
from makespan.generators.projects import (
    arc_arrays,
    peak_demand,
    strength_capacity,
    usage_pattern,
)


def random_rcpsp_max(
    activities: int,
    *,
    seed: int,
    resources: int = 4,
    complexity: float = 1.5,
    factor: float = 0.5,
    strength: float = 0.3,
    max_lag_share: float = 0.2,
    looseness: float = 0.3,
    resource_feasible: bool = True,
    low: int = 1,
    high: int = 10,
    most_demand: int = 10,
) -> Problem:
    """Project with generalised lags, makespan; its lags never form a positive cycle.

    Minimum lags between starts are U[0, 2 d] with d the duration of the first activity, so that
    activities may overlap or must wait. Maximum lags join activities that follow one another by one
    or more arcs; each is the distance of their starts in a planted schedule plus U[0, looseness]
    times that distance, rounded down.

    Parameters
    ----------
    complexity, factor, strength
        As in :func:`random_rcpsp`; kmax is the peak when all start as early as the minimum lags
        allow.
    max_lag_share
        Maximum lags per arc of the network.
    looseness
        0 gives maximum lags that the planted schedule meets exactly.
    resource_feasible
        Whether the planted schedule respects the capacities, so that the problem is feasible. If
        not it only respects the minimum lags, and the problem may be infeasible.

    Raises
    ------
    OptionError
        If a parameter is out of range, or the complexity cannot be met.
    """
    return planted_rcpsp_max(
        activities,
        seed=seed,
        resources=resources,
        complexity=complexity,
        factor=factor,
        strength=strength,
        max_lag_share=max_lag_share,
        looseness=looseness,
        resource_feasible=resource_feasible,
        low=low,
        high=high,
        most_demand=most_demand,
    )[0]


def planted_rcpsp_max(
    activities: int,
    *,
    seed: int,
    resources: int = 4,
    complexity: float = 1.5,
    factor: float = 0.5,
    strength: float = 0.3,
    max_lag_share: float = 0.2,
    looseness: float = 0.3,
    resource_feasible: bool = True,
    low: int = 1,
    high: int = 10,
    most_demand: int = 10,
) -> tuple[Problem, Schedule]:
    """The problem of :func:`random_rcpsp_max` with the schedule planted in it."""
    require_sizes(activities=activities, resources=resources, most_demand=most_demand)
    require_range("the duration", low, high)
    for name, value in (("factor", factor), ("strength", strength)):
        require(0 <= value <= 1, f"{name} {value} is not in 0 .. 1")
    require(max_lag_share >= 0, f"max_lag_share {max_lag_share} is negative")
    require(looseness >= 0, f"looseness {looseness} is negative")
    draws = Draws(seed, "rcpsp_max")
    ends = max(1, min(3, activities // 2))
    arcs = random_network(
        activities, complexity=complexity, draws=draws, starts=ends, finishes=ends
    )
    duration = draws.stream("durations").integers(low, high, activities)
    demand = usage_pattern(activities, resources, factor, draws.stream("usage"))
    demand = demand * draws.stream("demands").integers(1, most_demand, activities, resources)
    source, target = arc_arrays(arcs)
    lag = np.floor(draws.stream("lags").reals(len(arcs)) * (2 * duration[source] + 1))
    minimum = lag.astype(np.int64)

    def assembled(capacity: IntArray, precedences: Precedences) -> Problem:
        return project(
            f"rcpsp_max {activities} seed {seed}",
            mode_ptr=np.arange(activities + 1, dtype=np.int64),
            duration=duration,
            demand=demand,
            capacity=capacity,
            renewable=resources,
            precedences=precedences,
        )

    least = demand.max(axis=0)
    network = _start_to_start(source, target, minimum, np.full(len(arcs), INFINITY))
    early = heads(assembled(least, network))
    capacity = strength_capacity(least, peak_demand(early, duration, demand), strength)
    start = early
    if resource_feasible:
        start = _serial_schedule(arcs, minimum, duration, demand, capacity)
    pairs = _followers(activities, arcs, round(max_lag_share * len(arcs)), draws)
    first, second = arc_arrays(pairs)
    distance = start[second] - start[first]
    extra = np.floor(draws.stream("looseness").reals(len(pairs)) * looseness * distance)
    precedences = _start_to_start(
        np.concatenate((source, first)),
        np.concatenate((target, second)),
        np.concatenate((minimum, np.zeros(len(pairs), dtype=np.int64))),
        np.concatenate((np.full(len(arcs), INFINITY), distance + extra.astype(np.int64))),
    )
    made = assembled(capacity, precedences)
    return made, Schedule.from_starts(made, start)


def _start_to_start(
    source: np.ndarray, target: np.ndarray, minimum: IntArray, maximum: IntArray
) -> Precedences:
    kind = np.full(len(source), PrecedenceKind.SS, dtype=np.uint8)
    return Precedences(source, target, kind, minimum, maximum.astype(np.int64))


def _followers(activities: int, arcs: list[Arc], count: int, draws: Draws) -> list[Arc]:
    """``count`` distinct pairs (i, j) with a path from i to j, found by random walks."""
    after: list[list[int]] = [[] for _ in range(activities)]
    for i, j in arcs:
        after[i].append(j)
    walk = draws.stream("walks")
    found: set[Arc] = set()
    for _ in range(50 * count):
        if len(found) == count or not arcs:
            break
        i, j = walk.pick(arcs)
        while after[j] and walk.chance(0.5):
            j = walk.pick(after[j])
        found.add((i, j))
    return sorted(found)


def _serial_schedule(
    arcs: list[Arc], minimum: IntArray, duration: IntArray, demand: IntArray, capacity: IntArray
) -> IntArray:
    """Starts of the serial generation scheme in numerical order, which is topological."""
    n = len(duration)
    horizon = int(duration.sum() + minimum.sum()) + 1
    free = np.repeat(capacity[:, None], horizon + int(duration.max(initial=1)), axis=1)
    ready = [0] * n
    start = np.zeros(n, dtype=np.int64)
    waiting: list[list[tuple[int, int]]] = [[] for _ in range(n)]
    for (i, j), lag in zip(arcs, minimum.tolist(), strict=True):
        waiting[i].append((j, lag))
    for i in range(n):
        ticks, used = int(duration[i]), np.flatnonzero(demand[i])
        need = demand[i, used]
        t = ready[i]
        while True:
            short = (free[used, t : t + ticks] < need[:, None]).any(axis=0)
            if not short.any():
                break
            t += int(np.flatnonzero(short)[-1]) + 1
        free[used, t : t + ticks] -= need[:, None]
        start[i] = t
        for j, lag in waiting[i]:
            ready[j] = max(ready[j], t + lag)
    return start
