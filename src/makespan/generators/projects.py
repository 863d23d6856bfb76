"""Random projects: RCPSP, multi-mode RCPSP and RCPSP/max with controlled hardness.

Measures after R. Kolisch, A. Sprecher and A. Drexl, "Characterization and generation of a general
class of resource-constrained project scheduling problems", Management Science 41 (1995) 1693-1703:

- network complexity: see :mod:`makespan.generators.networks`;
- resource factor RF: share of the pairs (activity, resource) with a positive demand;
- resource strength RS: a capacity is kmin + round(RS (kmax - kmin)), with kmin the least with which
  each activity alone can run and kmax the peak demand when every activity starts as early as the
  precedences allow.

:mod:`makespan.generators.measures` measures all three on any project. Unlike ProGen, which takes
what its draws come to within a tolerance, RF is met exactly, up to rounding to whole pairs.
"""

from __future__ import annotations

import numpy as np

from makespan.core.graph import top_levels
from makespan.core.problem import Precedences, Problem
from makespan.core.vocabulary import IndexArray, IntArray
from makespan.generators.assembly import pointers, project
from makespan.generators.draws import Draws, require, require_range, require_sizes
from makespan.generators.networks import Arc, random_network


def arc_arrays(arcs: list[Arc]) -> tuple[IndexArray, IndexArray]:
    """Sources and targets of arcs."""
    table = np.array(arcs, dtype=np.int32).reshape(-1, 2)
    return np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1])


def usage_pattern(activities: int, resources: int, factor: float, draws: Draws) -> IntArray:
    """Which activity uses which resource, 0 or 1, int64 (activities, resources).

    round(factor * activities * resources) ones; every activity has one if there are enough.
    """
    pattern = np.zeros((activities, resources), dtype=np.int64)
    total = round(factor * activities * resources)
    if not total:
        return pattern
    if total >= activities:
        counts = np.ones(activities, dtype=np.int64)
        if total > activities:
            counts += draws.stream("shares").shares(total - activities, activities, resources - 1)
    else:
        counts = draws.stream("shares").shares(total, activities, 1)
    rank = draws.stream("ranks").permutations(activities, resources)
    pattern[rank < counts[:, None]] = 1
    return pattern


def peak_demand(start: IntArray, duration: IntArray, demand: IntArray) -> IntArray:
    """Most units of each resource in use at once, int64 (resources,)."""
    ticks = np.concatenate((start, start + duration))
    changes = np.concatenate((demand, -demand))
    # At one tick what ends is given back before what starts is taken.
    order = np.lexsort((np.repeat([1, 0], len(start)), ticks))
    level = np.cumsum(changes[order], axis=0)
    return np.asarray(level.max(axis=0, initial=0), dtype=np.int64)


def strength_capacity(least: IntArray, most: IntArray, strength: float) -> IntArray:
    """kmin + round(RS (kmax - kmin)) per resource."""
    return np.asarray(least + np.rint(strength * np.maximum(most - least, 0)), dtype=np.int64)


def _check(activities: int, resources: int, factor: float, strength: float) -> None:
    require_sizes(activities=activities, resources=resources)
    require(0 <= factor <= 1, f"resource factor {factor} is not in 0 .. 1")
    require(0 <= strength <= 1, f"resource strength {strength} is not in 0 .. 1")


def random_rcpsp(
    activities: int,
    *,
    seed: int,
    resources: int = 4,
    complexity: float = 1.8,
    factor: float = 0.5,
    strength: float = 0.5,
    starts: int = 3,
    finishes: int = 3,
    max_degree: int = 3,
    low: int = 1,
    high: int = 10,
    most_demand: int = 10,
) -> Problem:
    """Resource-constrained project, makespan; the PSPLIB sets use such parameters.

    Parameters
    ----------
    resources
        Renewable resources.
    complexity, factor, strength
        NC, RF and RS as the module defines them.
    starts, finishes, max_degree
        See :func:`makespan.generators.networks.random_network`.
    low, high
        Durations are U[low, high].
    most_demand
        A positive demand is U[1, most_demand].

    Raises
    ------
    OptionError
        If a parameter is out of range, or the complexity cannot be met.
    """
    _check(activities, resources, factor, strength)
    require_range("the duration", low, high)
    require_sizes(most_demand=most_demand)
    draws = Draws(seed, "rcpsp")
    arcs = random_network(
        activities,
        complexity=complexity,
        draws=draws,
        starts=starts,
        finishes=finishes,
        max_degree=max_degree,
    )
    duration = draws.stream("durations").integers(low, high, activities)
    demand = usage_pattern(activities, resources, factor, draws.stream("usage"))
    demand = demand * draws.stream("demands").integers(1, most_demand, activities, resources)
    every = np.arange(activities + 1, dtype=np.int64)
    precedences = Precedences.finish_to_start(*arc_arrays(arcs))

    def assembled(capacity: IntArray) -> Problem:
        return project(
            f"rcpsp {activities} seed {seed}",
            mode_ptr=every,
            duration=duration,
            demand=demand,
            capacity=capacity,
            renewable=resources,
            precedences=precedences,
        )

    least = demand.max(axis=0)
    start = top_levels(assembled(least))
    most = peak_demand(start, duration, demand)
    return assembled(strength_capacity(least, most, strength))


def random_multimode_rcpsp(
    activities: int,
    *,
    seed: int,
    modes: int = 3,
    resources: int = 2,
    nonrenewables: int = 2,
    complexity: float = 1.8,
    factor: float = 0.5,
    strength: float = 0.5,
    nonrenewable_factor: float = 0.5,
    nonrenewable_strength: float = 0.5,
    starts: int = 3,
    finishes: int = 3,
    max_degree: int = 3,
    low: int = 1,
    high: int = 10,
    most_demand: int = 10,
) -> Problem:
    """Multi-mode project, makespan: slower modes of an activity demand no more of any resource.

    Durations of an activity's modes ascend and its demands for each resource it uses descend, so
    no mode is faster and cheaper at once. Which resources an activity uses does not depend on the
    mode. The slowest modes together respect every nonrenewable amount, so a feasible schedule
    always exists (ProGen does not promise that).

    Parameters
    ----------
    modes
        Modes per activity.
    strength
        RS of the renewables: kmin is the largest demand of an activity in its cheapest mode, kmax
        the peak when each activity starts as early as possible in its most demanding mode.
    nonrenewable_strength
        RS of the nonrenewables: kmin and kmax are the sums of the least and of the largest demands.

    Raises
    ------
    OptionError
        If a parameter is out of range, or the complexity cannot be met.
    """
    _check(activities, resources, factor, strength)
    _check(activities, max(nonrenewables, 1), nonrenewable_factor, nonrenewable_strength)
    require(nonrenewables >= 0, f"nonrenewables {nonrenewables} is negative")
    require_range("the duration", low, high)
    require_sizes(modes=modes, most_demand=most_demand)
    draws = Draws(seed, "multimode_rcpsp")
    arcs = random_network(
        activities,
        complexity=complexity,
        draws=draws,
        starts=starts,
        finishes=finishes,
        max_degree=max_degree,
    )
    duration = np.sort(draws.stream("durations").integers(low, high, activities, modes), axis=1)
    pattern = np.concatenate(
        (
            usage_pattern(activities, resources, factor, draws.stream("usage")),
            usage_pattern(
                activities, nonrenewables, nonrenewable_factor, draws.stream("nonrenewable usage")
            ),
        ),
        axis=1,
    )
    total = resources + nonrenewables
    amounts = draws.stream("demands").integers(1, most_demand, activities, modes, total)
    demand = -np.sort(-amounts, axis=1) * pattern[:, None, :]

    def assembled(capacity: IntArray) -> Problem:
        return project(
            f"multimode_rcpsp {activities} seed {seed}",
            mode_ptr=pointers(np.full(activities, modes)),
            duration=duration.ravel(),
            demand=demand.reshape(activities * modes, total),
            capacity=capacity,
            renewable=resources,
            precedences=Precedences.finish_to_start(*arc_arrays(arcs)),
        )

    # Mode 0 is the fastest and most demanding, the last mode the slowest and cheapest.
    start = top_levels(assembled(np.zeros(total, dtype=np.int64)), duration[:, 0])
    cheapest, dearest = demand[:, -1, :], demand[:, 0, :]
    least = np.concatenate(
        (cheapest[:, :resources].max(axis=0), cheapest[:, resources:].sum(axis=0))
    )
    most = np.concatenate(
        (
            peak_demand(start, duration[:, 0], dearest[:, :resources]),
            dearest[:, resources:].sum(axis=0),
        )
    )
    strengths = np.repeat((strength, nonrenewable_strength), (resources, nonrenewables))
    return assembled(least + np.rint(strengths * np.maximum(most - least, 0)).astype(np.int64))
