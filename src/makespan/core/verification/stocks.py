"""Quantities: renewables per tick, consumables once, reservoir levels over time."""

from __future__ import annotations

import numpy as np

from makespan.core.verification.durations import Suspensions
from makespan.core.verification.plan import Demands, Plan, grouped
from makespan.core.verification.violation import Violation, ViolationKind, listed
from makespan.core.verification.working import WorkingTime, clip
from makespan.core.vocabulary import BoolArray, DemandTiming, IntArray, ResourceKind

_LONGEST = 1 << 20


def _summed(
    resource: IntArray, time: IntArray, change: IntArray
) -> tuple[IntArray, IntArray, IntArray]:
    """Changes sorted by resource and time, simultaneous ones added up; cumulated over all rows."""
    order = np.lexsort((time, resource))
    resource, time, change = resource[order], time[order], change[order]
    if float(np.abs(change).astype(np.float64).sum()) >= 2.0**62:
        change = change.astype(np.object_)  # Python integers, lest levels wrap around
    level = np.cumsum(change)
    last = np.ones(len(order), dtype=np.bool_)
    last[:-1] = (resource[1:] != resource[:-1]) | (time[1:] != time[:-1])
    resource, time, level = resource[last], time[last], level[last]
    # Cumulation runs on across resources: take off what the resources before it left over.
    ends = np.ones(len(resource), dtype=np.bool_)
    ends[:-1] = resource[1:] != resource[:-1]
    left = np.concatenate(([0], level[ends]))
    block = np.concatenate(([0], np.cumsum(ends)[:-1])) if len(ends) else ends.astype(np.int64)
    return resource, time, level - left[block]


def _runs(bad: BoolArray, resource: IntArray) -> tuple[IntArray, IntArray]:
    """First and last row of each maximal run of ``bad`` rows within a resource."""
    row = np.flatnonzero(bad)
    if not len(row):
        return row, row
    fresh = np.concatenate(([True], (np.diff(row) > 1) | (resource[row[1:]] != resource[row[:-1]])))
    first = np.flatnonzero(fresh)
    return row[first], row[np.append(first[1:], len(row)) - 1]


def usage_rows(
    plan: Plan, demands: Demands, suspensions: Suspensions
) -> tuple[Demands, IntArray, IntArray]:
    """Rows of renewables with the intervals over which their amounts are taken.

    A row repeats for each stretch of progress where the renewable is released in breaks.
    """
    rows = demands.only(
        (demands.kind == ResourceKind.RENEWABLE) & (demands.timing == DemandTiming.DURING)
    )
    rows = rows.only(~plan.milestone[rows.task] & (plan.end[rows.task] > plan.start[rows.task]))
    start, stop = plan.start[rows.task], plan.end[rows.task]
    freed = plan.problem.resources.released_in_breaks[rows.resource]
    freed &= suspensions.suspended[rows.task]
    if not freed.any():
        return rows, start, stop
    kept = [np.flatnonzero(~freed)]
    low, high = [start[kept[0]]], [stop[kept[0]]]
    released = np.flatnonzero(freed)
    for k, place in grouped(suspensions.clock[rows.task[released]]):
        clock, mine = suspensions.clocks[k], released[place]
        # A task whose end is wrong (reported as such) may span ages: count it whole then.
        ages = stop[mine] - start[mine] > _LONGEST
        ages &= clock.between(start[mine], stop[mine]) > plan.duration[rows.task[mine]]
        whole, mine = mine[ages], mine[~ages]
        row, begin, end = clip(start[mine], stop[mine], _working(clock, start[mine], stop[mine]))
        kept += [whole, mine[row]]
        low += [start[whole], begin]
        high += [stop[whole], end]
    return rows.take(np.concatenate(kept)), np.concatenate(low), np.concatenate(high)


def _working(clock: WorkingTime, start: IntArray, stop: IntArray) -> tuple[IntArray, IntArray]:
    """Working intervals in the union of some intervals, and perhaps around it."""
    order = np.argsort(start)
    start, reach = start[order], np.maximum.accumulate(stop[order])
    fresh = np.flatnonzero(
        np.concatenate((np.ones(min(len(start), 1), bool), start[1:] > reach[:-1]))
    )
    last = np.append(fresh[1:], len(start))[: len(fresh)] - 1
    parts = [
        clock.within(a, b) for a, b in zip(start[fresh].tolist(), reach[last].tolist(), strict=True)
    ]
    none = np.empty(0, dtype=np.int64)
    return (
        np.concatenate([none, *(part[0] for part in parts)]),
        np.concatenate([none, *(part[1] for part in parts)]),
    )


def check_renewables(plan: Plan, demands: Demands, suspensions: Suspensions) -> list[Violation]:
    """Usage stays within capacity at every tick; each maximal overload is one violation."""
    resources = plan.problem.resources
    rows, low, high = usage_rows(plan, demands, suspensions)
    if not len(rows.task):
        return []
    stepped = np.repeat(np.arange(resources.count, dtype=np.int64), np.diff(resources.step_ptr))
    before = np.concatenate((resources.capacity[:1], resources.step_capacity))[:-1]
    opening = resources.step_ptr[:-1][np.diff(resources.step_ptr) > 0]
    before[opening] = resources.capacity[stepped[opening]]
    used = np.zeros(resources.count, dtype=np.bool_)
    used[rows.resource] = True
    stepped_used = used[stepped]
    resource, time, level = _summed(
        np.concatenate((rows.resource, rows.resource, stepped[stepped_used])),
        np.concatenate((low, high, resources.step_time[stepped_used])),
        np.concatenate(
            (rows.amount, -rows.amount, (before - resources.step_capacity)[stepped_used])
        ),
    )
    excess = level - resources.capacity[resource]
    first, last = _runs(excess > 0, resource)
    if not len(first):
        return []
    found = []
    by_time = np.lexsort((low, rows.resource))
    ranked = rows.resource[by_time]
    for r, runs in grouped(resource[first]):
        of_r = by_time[slice(*np.searchsorted(ranked, [r, r + 1]))]
        active: dict[int, int] = {}  # row -> end, of rows that may still run
        at = 0
        for a, b in zip(first[runs].tolist(), last[runs].tolist(), strict=True):
            begin, finish = int(time[a]), int(time[b + 1])
            while at < len(of_r) and low[of_r[at]] < finish:
                active[int(of_r[at])] = int(high[of_r[at]])
                at += 1
            active = {row: end for row, end in active.items() if end > begin}
            names = tuple(dict.fromkeys(plan.task(int(rows.task[row])) for row in active))
            peak = a + int(np.argmax(excess[a : b + 1]))
            amount, name = int(excess[peak]), plan.resource(r)
            capacity = _capacity_at(plan, r, int(time[peak]))
            sentence = (
                f"'{name}' is used beyond its capacity in [{begin}, {finish}): {capacity + amount} "
                f"of {capacity} at {int(time[peak])} ({amount} too many), by {listed(names)}"
            )
            found.append(Violation(ViolationKind.CAPACITY, names, name, amount, sentence))
    return found


def _capacity_at(plan: Plan, resource: int, time: int) -> int:
    resources = plan.problem.resources
    a, b = resources.step_ptr[resource], resources.step_ptr[resource + 1]
    place = int(np.searchsorted(resources.step_time[a:b], time, side="right"))
    return int(resources.step_capacity[a + place - 1] if place else resources.capacity[resource])


def check_consumables(plan: Plan, demands: Demands) -> list[Violation]:
    """Demands of present tasks on a consumable add up to at most its amount."""
    resources = plan.problem.resources
    rows = demands.only(demands.kind == ResourceKind.CONSUMABLE)
    found = []
    for r, mine in grouped(rows.resource):
        total, amount = sum(rows.amount[mine].tolist()), int(resources.capacity[r])
        if total > amount:
            name = plan.resource(r)
            names = tuple(plan.task(i) for i in rows.task[mine].tolist())
            sentence = (
                f"'{name}' has {amount}, but {total} are consumed ({total - amount} too many), "
                f"by {listed(names)}"
            )
            found.append(Violation(ViolationKind.CONSUMABLE, names, name, total - amount, sentence))
    return found


def check_reservoirs(plan: Plan, demands: Demands) -> list[Violation]:
    """Levels stay within bounds after all changes of each instant; one violation per excursion.

    The tasks named are those whose changes within the excursion drive the level its way.
    """
    resources = plan.problem.resources
    rows = demands.only(demands.kind == ResourceKind.RESERVOIR)
    if not len(rows.task):
        return []
    when = np.where(rows.timing == DemandTiming.AT_END, plan.end[rows.task], plan.start[rows.task])
    resource, time, level = _summed(rows.resource, when, rows.amount)
    level = level + resources.initial[resource]
    excursions = (
        (ViolationKind.RESERVOIR_LOW, resources.minimum[resource] - level, -1),
        (ViolationKind.RESERVOIR_HIGH, level - resources.capacity[resource], 1),
    )
    found = []
    by_time = np.lexsort((when, rows.resource))
    place = (rows.resource[by_time], when[by_time])
    for kind, excess, sign in excursions:
        first, last = _runs(excess > 0, resource)
        for a, b in zip(first.tolist(), last.tolist(), strict=True):
            r, begin = int(resource[a]), int(time[a])
            ends = b + 1 < len(resource) and resource[b + 1] == r
            peak = a + int(np.argmax(excess[a : b + 1]))
            amount = int(excess[peak])
            lo, hi = np.searchsorted(place[0], [r, r + 1])
            lo, hi = lo + np.searchsorted(place[1][lo:hi], [begin, int(time[b]) + 1])
            inside = by_time[lo:hi]
            inside = inside[rows.amount[inside] * sign > 0]
            names = tuple(dict.fromkeys(plan.task(i) for i in rows.task[inside].tolist()))
            name, span = plan.resource(r), f"from {begin} on"
            if ends:
                span = f"in [{begin}, {int(time[b + 1])})"
            bound = int(resources.minimum[r] if sign < 0 else resources.capacity[r])
            side = "below its minimum" if sign < 0 else "above its maximum"
            sentence = (
                f"the level of '{name}' reaches {int(level[peak])} at {int(time[peak])}, {amount} "
                f"{side} {bound} {span}, through {listed(names)}"
            )
            found.append(Violation(kind, names, name, amount, sentence))
    return found
