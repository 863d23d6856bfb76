"""Renewables (with steps and breaks), consumables and reservoirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ortools.sat.python.cp_model import LinearExpr

from makespan.core.calendar import complement
from makespan.core.vocabulary import INFINITY, ResourceKind
from makespan.solvers.cpsat.labels import capacity_label
from makespan.solvers.cpsat.model import Expression, Interval, Literal
from makespan.solvers.cpsat.plan import Plan

if TYPE_CHECKING:
    from makespan.solvers.cpsat.build import Build


def post(build: Build) -> None:
    """Add the constraints of this theme."""
    themes = {
        ResourceKind.RENEWABLE: _renewable,
        ResourceKind.CONSUMABLE: _consumable,
        ResourceKind.RESERVOIR: _reservoir,
    }
    for r, kind in enumerate(build.facts.kind):
        theme = themes.get(ResourceKind(kind))
        if theme is not None:
            with build.model.labelled(capacity_label(build.problem, r)):
                theme(build, r)


def _amounts(build: Build, resource: int) -> dict[int, dict[int, int]]:
    """Task -> mode -> amount, over modes of positive duration that can be chosen."""
    facts = build.facts
    found: dict[int, dict[int, int]] = {}
    for m in facts.users[resource]:
        i = facts.mode_task[m]
        if facts.duration[m] > 0 and m in build.tasks[i].modes:
            amount = next(a for r, a in facts.usage[m] if r == resource)
            found.setdefault(i, {})[m] = amount
    return found


def _renewable(build: Build, resource: int) -> None:
    amounts = _amounts(build, resource)
    table = build.problem.resources
    capacity = int(table.capacity[resource])
    steps = slice(int(table.step_ptr[resource]), int(table.step_ptr[resource + 1]))
    levels = [capacity, *table.step_capacity[steps].tolist()]
    if sum(max(modes.values()) for modes in amounts.values()) <= min(levels):
        return
    intervals: list[Interval] = []
    demands: list[Expression] = []
    for i, modes in amounts.items():
        v = build.tasks[i]
        usable = {m for m in v.modes if build.facts.duration[m] > 0}
        if usable == set(v.modes) == set(modes) and len(set(modes.values())) == 1:
            intervals.append(build.tasks.main_interval(i))
            demands.append(next(iter(modes.values())))
            continue
        for m, amount in modes.items():
            intervals.append(build.tasks.mode_interval(m))
            demands.append(amount)
    top = max(levels)
    edges = [build.start, *table.step_time[steps].tolist(), build.horizon + 1]
    for level, a, b in zip(levels, edges[:-1], edges[1:], strict=True):
        low, high = max(a, build.start), min(b, build.horizon + 1)
        if level < top and low < high:
            intervals.append(build.model.interval(low, high - low, high, build.model.true))
            demands.append(top - level)
    if table.released_in_breaks[resource]:
        top += _released(build, amounts, intervals, demands)
    build.model.add_cumulative(intervals, demands, top)


def _released(
    build: Build,
    amounts: dict[int, dict[int, int]],
    intervals: list[Interval],
    demands: list[Expression],
) -> int:
    """Give back in breaks what suspended tasks hold; returns by how much capacity is raised.

    Capacity is raised by a constant that a filler takes back, less the demand of the tasks that
    pause across the stretch the filler stands for.
    """
    model, modes = build.model, [(m, a) for table in amounts.values() for m, a in table.items()]
    gaps = {m: complement(build.domains.working(m), build.start, build.horizon) for m, _ in modes}
    total = sum(max(table.values()) for table in amounts.values())
    ends = np.array([build.start, build.horizon + 1], dtype=np.int64)
    edges = np.unique(np.concatenate([ends, *(g.reshape(-1) for g in gaps.values())]))
    pauses: dict[tuple[int, int, int], _Pause] = {}
    for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        freed: list[tuple[_Pause, int]] = []
        for m, amount in modes:
            row = int(np.searchsorted(gaps[m][:, 0], a, side="right")) - 1
            if row < 0 or gaps[m][row, 1] < b:
                continue
            low, high = (int(x) for x in gaps[m][row])
            v = build.tasks[build.facts.mode_task[m]]
            if low <= v.earliest or high >= v.latest:
                continue
            if (m, low, high) not in pauses:
                pauses[m, low, high] = _Pause(build, m, low, high)
            freed.append((pauses[m, low, high], amount))
        intervals.append(model.interval(a, b - a, b, model.true))
        demands.append(_filler(build, total, freed))
    return total


class _Pause:
    """Literal that a mode is suspended from ``low`` to ``high``."""

    def __init__(self, build: Build, mode: int, low: int, high: int) -> None:
        self._mode, self._low, self._high = mode, low, high
        self._task = build.facts.mode_task[mode]
        model, v = build.model, build.tasks[self._task]
        self.literal = model.literal(self.holds)
        model.define(v.start <= low - 1, self.literal)
        model.define(v.end >= high + 1, self.literal)
        if v.modes[mode] is not model.true:
            model.define_clause([v.modes[mode]], self.literal)

    def holds(self, plan: Plan) -> bool:
        """Whether the mode pauses there in ``plan``."""
        i = self._task
        return plan.chosen(self._mode) and plan.start[i] < self._low and plan.end[i] > self._high


def _filler(build: Build, total: int, freed: list[tuple[_Pause, int]]) -> Expression:
    if not freed:
        return total
    most = sum(amount for _, amount in freed)
    taken = build.model.int_var(
        max(0, total - most),
        total,
        lambda plan: total - sum(amount for pause, amount in freed if pause.holds(plan)),
    )
    given = LinearExpr.weighted_sum([p.literal for p, _ in freed], [a for _, a in freed])
    build.model.define(taken == total - given)
    return taken


def _consumable(build: Build, resource: int) -> None:
    facts, tasks = build.facts, build.tasks
    literals: list[Literal] = []
    amounts: list[int] = []
    for m in facts.users[resource]:
        v = tasks[facts.mode_task[m]]
        if m in v.modes:
            literals.append(v.modes[m])
            amounts.append(next(a for r, a in facts.usage[m] if r == resource))
    if sum(amounts) > build.problem.resources.capacity[resource]:
        total = LinearExpr.weighted_sum(literals, amounts)
        build.model.add(total <= int(build.problem.resources.capacity[resource]))


def _reservoir(build: Build, resource: int) -> None:
    facts, tasks, table = build.facts, build.tasks, build.problem.resources
    times: list[Expression] = []
    changes: list[int] = []
    actives: list[Literal] = []
    for i in range(facts.task_count):
        v = tasks[i]
        for m in facts.modes[i]:
            if m not in v.modes:
                continue
            for r, amount, at_end in facts.changes[m]:
                if r == resource:
                    times.append(v.end if at_end else v.start)
                    changes.append(amount)
                    actives.append(v.modes[m])
    initial = int(table.initial[resource])
    lowest = int(table.minimum[resource]) - initial
    highest = int(table.capacity[resource])
    highest = INFINITY if highest == INFINITY else highest - initial
    falls = sum(c for c in changes if c < 0)
    rises = sum(c for c in changes if c > 0)
    if lowest <= falls and highest >= rises:
        return
    build.model.add_reservoir(
        times, changes, actives, max(lowest, falls), min(highest, max(rises, 0))
    )
