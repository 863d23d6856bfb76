"""The orders a schedule fixed, as lags: who follows whom on each resource and in each set.

A schedule that keeps all of them keeps the capacities too, so longest paths over stated lags and
orders tell how far tasks can move and what waiting for one resource costs. On renewables the order
is a flow of units from tasks that end to tasks that start (Policella, Cesta, Oddi and Smith, AI
Communications 20(3), 2007, §4). Calendars, forbidden intervals and capacity steps are not looked
at.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

import numpy as np

from makespan.core.graph import next_in_job
from makespan.core.graph_schedule import demands_on
from makespan.core.metrics import machine_sequences
from makespan.core.problem import Precedences, Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import (
    INFINITY,
    Blocking,
    DemandTiming,
    IntArray,
    PrecedenceKind,
    ResourceKind,
)


@dataclass(frozen=True, slots=True, eq=False)
class Orders:
    """Lags that hold in a schedule because of resources and no-overlap sets.

    Attributes
    ----------
    source, target, kind, lag
        As in ``Precedences``, int64 (a,).
    line
        Resource behind each, or the number of resources plus the number of a no-overlap set.
    ready
        Task, earliest start and resource of each first task on a machine with an initial setup.
    """

    source: IntArray
    target: IntArray
    kind: IntArray
    lag: IntArray
    line: IntArray
    ready: tuple[tuple[int, int, int], ...] = ()


Row = tuple[int, int, int, int, int]
"""Source, target, kind, lag and line of one order."""


def orders(problem: Problem, schedule: Schedule) -> Orders:
    """Orders of a feasible schedule; O((n + d) log n) for d demands."""
    rows: list[Row] = [
        *_machines(problem, schedule),
        *_no_overlaps(problem, schedule),
        *_renewables(problem, schedule),
        *_reservoirs(problem, schedule),
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 5)
    return Orders(
        source=table[:, 0],
        target=table[:, 1],
        kind=table[:, 2],
        lag=table[:, 3],
        line=table[:, 4],
        ready=_initial_setups(problem, schedule),
    )


def ordered(problem: Problem, found: Orders, *, without: int = -1) -> Problem:
    """The problem with the orders of all lines but one among its precedences."""
    keep = found.line != without
    p = problem.precedences
    lags = Precedences(
        source=np.concatenate((p.source, found.source[keep].astype(np.int32))),
        target=np.concatenate((p.target, found.target[keep].astype(np.int32))),
        kind=np.concatenate((p.kind, found.kind[keep].astype(np.uint8))),
        minimum=np.concatenate((p.minimum, found.lag[keep])),
        maximum=np.concatenate((p.maximum, np.full(int(keep.sum()), INFINITY, dtype=np.int64))),
    )
    release = problem.tasks.release.copy()
    for task, tick, line in found.ready:
        if line != without:
            release[task] = max(int(release[task]), tick)
    return replace(problem, precedences=lags, tasks=replace(problem.tasks, release=release))


def _machines(problem: Problem, schedule: Schedule) -> list[Row]:
    """Neighbours on machines; who blocks is followed from the start of its job's next task on."""
    t, r = problem.tasks, problem.resources
    follower = next_in_job(problem, schedule.present).tolist()
    rows: list[Row] = []
    for machine, sequence in machine_sequences(problem, schedule).items():
        setup = int(r.setup[machine])
        for i, j in pairwise(sequence.tolist()):
            gap = int(problem.setups[setup].time[t.family[i], t.family[j]]) if setup >= 0 else 0
            rows.append((i, j, int(PrecedenceKind.FS), gap, machine))
            after = follower[i]
            blocks = max(int(t.blocking[i]), int(r.blocking[machine])) > Blocking.NONE
            if blocks and after not in (-1, j):
                rows.append((after, j, int(PrecedenceKind.SS), gap, machine))
    return rows


def _initial_setups(problem: Problem, schedule: Schedule) -> tuple[tuple[int, int, int], ...]:
    found = []
    for machine, sequence in machine_sequences(problem, schedule).items():
        setup = int(problem.resources.setup[machine])
        if setup >= 0 and len(sequence):
            first = int(sequence[0])
            gap = int(problem.setups[setup].initial_time[problem.tasks.family[first]])
            found.append((first, problem.horizon_start + gap, machine))
    return tuple(found)


def _no_overlaps(problem: Problem, schedule: Schedule) -> list[Row]:
    rows: list[Row] = []
    for k, members in enumerate(problem.no_overlaps):
        here = members[schedule.present[members]]
        line = here[np.lexsort((here, schedule.end[here], schedule.start[here]))].tolist()
        number = problem.resources.count + k
        rows += [(i, j, int(PrecedenceKind.FS), 0, number) for i, j in pairwise(line)]
    return rows


def _demands(
    problem: Problem, schedule: Schedule, kind: ResourceKind
) -> dict[int, list[tuple[int, int, int]]]:
    """Task, amount and timing of every demand on each resource of a kind."""
    found: dict[int, list[tuple[int, int, int]]] = {}
    columns = demands_on(problem, schedule.mode[schedule.present], kind)
    for task, resource, amount, timing in zip(*(c.tolist() for c in columns), strict=True):
        found.setdefault(resource, []).append((task, amount, timing))
    return found


def _renewables(problem: Problem, schedule: Schedule) -> list[Row]:
    """Units go from those who gave them back first to whoever starts next."""
    rows: list[Row] = []
    for r, users in _demands(problem, schedule, ResourceKind.RENEWABLE).items():
        steps = slice(int(problem.resources.step_ptr[r]), int(problem.resources.step_ptr[r + 1]))
        most = max([int(problem.resources.capacity[r]), *problem.resources.step_capacity[steps]])
        pool: list[tuple[int, int, int]] = [(-INFINITY, -1, int(most))]
        # Milestones use no capacity.
        users = [user for user in users if schedule.end[user[0]] > schedule.start[user[0]]]
        users.sort(key=lambda user: (int(schedule.start[user[0]]), user[0]))
        for i, amount, _ in users:
            needed = amount
            while needed > 0 and pool and pool[0][0] <= schedule.start[i]:
                end, giver, units = heapq.heappop(pool)
                if giver >= 0:
                    rows.append((giver, i, int(PrecedenceKind.FS), 0, r))
                if units > needed:
                    heapq.heappush(pool, (end, giver, units - needed))
                needed -= min(units, needed)
            heapq.heappush(pool, (int(schedule.end[i]), i, amount))
    return rows


def _reservoirs(problem: Problem, schedule: Schedule) -> list[Row]:
    """Changes of a level keep their order; those that only fit together stay together."""
    rows: list[Row] = []
    kinds = {
        (True, True): PrecedenceKind.FF,
        (True, False): PrecedenceKind.FS,
        (False, True): PrecedenceKind.SF,
        (False, False): PrecedenceKind.SS,
    }
    for r, changes in _demands(problem, schedule, ResourceKind.RESERVOIR).items():
        events = []
        for i, amount, timing in changes:
            at_end = timing == DemandTiming.AT_END
            when = int(schedule.end[i] if at_end else schedule.start[i])
            # What fills comes before what drains at the same instant, so the level stays inside.
            events.append((when, amount < 0, i, at_end, amount))
        events.sort()
        pairs = list(pairwise(events))
        level = int(problem.resources.initial[r])
        for _, together in groupby(events, key=lambda event: event[0]):
            instant = list(together)
            fills = sum(event[-1] for event in instant if event[-1] > 0)
            if level + fills > problem.resources.capacity[r]:
                # Nothing may fill before what makes room for it drains.
                pairs.append((instant[-1], instant[0]))
            level += sum(event[-1] for event in instant)
        for (_, _, i, x_end, _), (_, _, j, y_end, _) in pairs:
            if i != j:
                rows.append((i, j, int(kinds[x_end, y_end]), 0, r))
    return rows
