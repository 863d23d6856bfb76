"""Relations between tasks: precedences, resource links and selections."""

from __future__ import annotations

import numpy as np

from makespan.core.verification.plan import Plan, overrun
from makespan.core.verification.violation import Violation, ViolationKind, listed
from makespan.core.vocabulary import IndexArray, IntArray, LinkKind, PrecedenceKind, SelectionKind


def check_precedences(plan: Plan) -> list[Violation]:
    """Lags between the chosen ends of present tasks lie in their ranges."""
    table = plan.problem.precedences
    if not table.count:
        return []
    from_start = (table.kind == PrecedenceKind.SS) | (table.kind == PrecedenceKind.SF)
    to_end = (table.kind == PrecedenceKind.FF) | (table.kind == PrecedenceKind.SF)
    source, target = table.source, table.target
    begin = plan.end[source]
    if from_start.any():
        begin = np.where(from_start, plan.start[source], begin)
    finish = plan.start[target]
    if to_end.any():
        finish = np.where(to_end, plan.end[target], finish)
    lag = finish - begin
    broken = (lag < table.minimum) | (lag > table.maximum)
    broken &= plan.present[source] & plan.present[target]
    found = []
    for k in np.flatnonzero(broken).tolist():
        first, second = plan.task(source[k]), plan.task(target[k])
        x, y = int(begin[k]), int(finish[k])
        does = "ends" if to_end[k] else "starts"
        did = "starts" if from_start[k] else "ends"
        low, high = int(table.minimum[k]), int(table.maximum[k])
        if y - x < low:
            kind, bound, amount, side = ViolationKind.PRECEDENCE_MIN, low, low - (y - x), "early"
            rule = f"at least {bound}"
        else:
            kind, bound, amount, side = ViolationKind.PRECEDENCE_MAX, high, y - x - high, "late"
            rule = f"at most {bound}"
        gap = f"{y - x} after" if y >= x else f"{x - y} before"
        sentence = (
            f"task '{second}' {does} at {y}, {gap} '{first}' {did} at {x}, but the lag must be "
            f"{rule} {overrun(amount, f'too {side}')}"
        )
        found.append(Violation(kind, (first, second), None, amount, sentence))
    return found


def _group_resources(plan: Plan, task: IndexArray, group: IndexArray) -> IntArray:
    """Sorted keys ``row * resources + resource`` of the group's resources each row's task uses."""
    modes, groups = plan.problem.modes, plan.problem.groups
    width = plan.problem.resources.count
    owner = np.repeat(np.arange(groups.count, dtype=np.int64), np.diff(groups.ptr))
    belongs = np.unique(owner * width + groups.member)
    first = modes.demand_ptr[plan.mode[task]]
    size = modes.demand_ptr[plan.mode[task].astype(np.int64) + 1] - first
    row = np.repeat(np.arange(len(task), dtype=np.int64), size)
    entry = np.arange(len(row)) + np.repeat(first - (np.cumsum(size) - size), size)
    used = modes.demand_resource[entry]
    inside = np.isin(group[row].astype(np.int64) * width + used, belongs)
    inside &= modes.demand_amount[entry] != 0
    return np.unique(row[inside] * width + used[inside])


def check_links(plan: Plan) -> list[Violation]:
    """Linked tasks use the same resources of a group, or none in common."""
    table = plan.problem.links
    both = plan.present[table.first] & plan.present[table.second]
    link = np.flatnonzero(both)
    if not len(link):
        return []
    width = plan.problem.resources.count
    one = _group_resources(plan, table.first[link], table.group[link])
    two = _group_resources(plan, table.second[link], table.group[link])
    kind = table.kind[link]
    apart = np.setxor1d(one, two, assume_unique=True)
    common = np.intersect1d(one, two, assume_unique=True)
    wrong = np.sort(
        np.concatenate(
            (
                apart[kind[apart // width] == LinkKind.SAME],
                common[kind[common // width] == LinkKind.DIFFERENT],
            )
        )
    )
    if not len(wrong):
        return []
    rows, first = np.unique(wrong // width, return_index=True)
    found = []
    for k, resources in zip(rows.tolist(), np.split(wrong % width, first[1:]), strict=True):
        a, b = plan.task(table.first[link[k]]), plan.task(table.second[link[k]])
        group = plan.problem.groups.names[int(table.group[link[k]])]
        names = [plan.resource(r) for r in resources.tolist()]
        if kind[k] == LinkKind.SAME:
            which = ViolationKind.SAME_RESOURCE
            sentence = (
                f"tasks '{a}' and '{b}' must use the same resources of group '{group}', but only "
                f"one of them uses {listed(names)}"
            )
        else:
            which = ViolationKind.DIFFERENT_RESOURCE
            sentence = (
                f"tasks '{a}' and '{b}' must use different resources of group '{group}', but both "
                f"use {listed(names)}"
            )
        found.append(Violation(which, (a, b), names[0], len(names), sentence))
    return found


def check_selections(plan: Plan) -> list[Violation]:
    """Presence of tasks obeys the selection groups."""
    table = plan.problem.selections
    if not table.count:
        return []
    here = plan.selected[table.task].astype(np.int64)
    total = np.concatenate(([0], np.cumsum(here)))
    count, size = total[table.ptr[1:]] - total[table.ptr[:-1]], np.diff(table.ptr)
    head = np.zeros(table.count, dtype=np.int64)
    filled = size > 0
    head[filled] = here[table.ptr[:-1][filled]]
    kind = table.kind
    broken = (kind == SelectionKind.EXACTLY_ONE) & (count != 1)
    broken |= (kind == SelectionKind.AT_MOST_ONE) & (count > 1)
    broken |= (kind == SelectionKind.ALL_OR_NONE) & (count > 0) & (count < size)
    broken |= (kind == SelectionKind.IMPLIES) & (head > 0) & (count < size)
    found = []
    for k in np.flatnonzero(broken).tolist():
        members = table.task[table.ptr[k] : table.ptr[k + 1]].tolist()
        placed = [plan.task(i) for i in members if plan.selected[i]]
        absent = [plan.task(i) for i in members if not plan.selected[i]]
        every = tuple(plan.task(i) for i in members)
        if kind[k] == SelectionKind.EXACTLY_ONE:
            which, amount = ViolationKind.EXACTLY_ONE, abs(len(placed) - 1)
            names = tuple(placed) if placed else every
            sentence = f"exactly one of {listed(every)} must be placed, but " + (
                f"{listed(placed)} are" if placed else "none is"
            )
        elif kind[k] == SelectionKind.AT_MOST_ONE:
            which, amount, names = ViolationKind.AT_MOST_ONE, len(placed) - 1, tuple(placed)
            sentence = f"at most one of {listed(every)} may be placed, but {listed(placed)} are"
        elif kind[k] == SelectionKind.ALL_OR_NONE:
            which, amount, names = ViolationKind.ALL_OR_NONE, len(absent), every
            sentence = (
                f"all or none of {listed(every)} must be placed, but {listed(absent)} "
                f"{'is' if len(absent) == 1 else 'are'} left out"
            )
        else:
            which, amount, names = ViolationKind.IMPLIES, len(absent), (every[0], *absent)
            sentence = (
                f"task '{every[0]}' is placed, so {listed(every[1:])} must be too, but "
                f"{listed(absent)} {'is' if len(absent) == 1 else 'are'} left out"
            )
        found.append(Violation(which, names, None, amount, sentence))
    return found
