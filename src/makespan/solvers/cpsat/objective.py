"""Objective terms as linear expressions that are tight from above when minimised.

Coefficients are never negative, so a term only needs its lower side: a tardiness variable is at
least each task's lateness, and minimising pushes it down to the true value.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from ortools.sat.python.cp_model import LinearExpr

from makespan.core.errors import EngineError
from makespan.core.problem import ObjectiveTerm
from makespan.core.vocabulary import (
    INFINITY,
    DemandTiming,
    ObjectiveKind,
    PrecedenceKind,
    ResourceKind,
)
from makespan.solvers.cpsat.model import VALUE_LIMIT, Expression, IntVar
from makespan.solvers.cpsat.plan import Plan
from makespan.solvers.cpsat.redundant import Loads

if TYPE_CHECKING:
    from makespan.solvers.cpsat.build import Build

Weighted = list[tuple[Expression, int]]


class Terms:
    """Builds each term once, when a level first asks for it."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._known: dict[ObjectiveKind, Expression] = {}
        self._makers: dict[ObjectiveKind, Callable[[], Expression]] = {
            ObjectiveKind.MAKESPAN: self._makespan,
            ObjectiveKind.TOTAL_COMPLETION: partial(self._completions, False),
            ObjectiveKind.TOTAL_FLOW_TIME: partial(self._completions, True),
            ObjectiveKind.TOTAL_TARDINESS: self._tardiness,
            ObjectiveKind.MAX_TARDINESS: self._max_tardiness,
            ObjectiveKind.TARDY_COUNT: self._tardy,
            ObjectiveKind.MAX_LATENESS: self._max_lateness,
            ObjectiveKind.TOTAL_EARLINESS: self._earliness,
            ObjectiveKind.RESOURCE_COST: self._resource_cost,
            ObjectiveKind.MODE_COST: self._mode_cost,
            ObjectiveKind.SETUP_TIME: lambda: _weighted([*build.setups.time]),
            ObjectiveKind.SETUP_COST: lambda: _weighted([*build.setups.cost]),
            ObjectiveKind.UNPLACED: self._unplaced,
            ObjectiveKind.CHANGE: self._change,
            ObjectiveKind.MOVED: self._moved,
        }
        self._after = self._find_after()

    def level(self, terms: tuple[ObjectiveTerm, ...]) -> Expression:
        """Weighted sum of one objective level."""
        return _weighted([(self.term(t.kind), t.coefficient) for t in terms])

    def term(self, kind: ObjectiveKind) -> Expression:
        """One term, without coefficient."""
        if kind not in self._known:
            self._known[kind] = self._makers[kind]()
        return self._known[kind]

    def _find_after(self) -> dict[int, set[int]]:
        """Task -> never-absent tasks that start after it ends."""
        table, optional = self._build.problem.precedences, self._build.problem.tasks.optional
        after: dict[int, set[int]] = {}
        if self._build.model.relaxable:
            return after
        rows = (table.kind == PrecedenceKind.FS) & (table.minimum >= 0) & ~optional[table.target]
        for i, j in zip(table.source[rows].tolist(), table.target[rows].tolist(), strict=True):
            after.setdefault(i, set()).add(j)
        return after

    # Completion-time terms

    def _above(self, tasks: list[int], shift: int, weight: int, low: int, empty: int) -> IntVar:
        """Variable at least ``weight * (latest end + shift)``, ``low`` and, if nothing is
        present, ``empty``; its value in a plan is the largest of those that apply.
        """
        build = self._build
        model, members = build.model, tasks

        def value(plan: Plan) -> int:
            end = plan.latest_end(members)
            return max(low, empty if end is None else weight * (end + shift))

        top = max([low, empty, *(weight * (build.tasks[i].latest + shift) for i in tasks)])
        if low == -VALUE_LIMIT:
            least = [weight * (build.tasks[i].earliest + shift) for i in tasks]
            bottom = min([empty, *least])
        else:
            bottom = low
        var = model.int_var(bottom, top, value)
        for i in tasks:
            v = build.tasks[i]
            model.define(var >= weight * (v.end + shift), v.present)
        if bottom < empty and not any(build.tasks[i].present is model.true for i in tasks):
            self._unless_present(tasks, var, empty)
        return var

    def _unless_present(self, tasks: list[int], var: IntVar, empty: int) -> None:
        """``var >= empty`` when none of ``tasks`` is present."""
        model = self._build.model
        nobody = model.literal(lambda plan: plan.latest_end(tasks) is None)
        model.define_clause([nobody, *(self._build.tasks[i].present for i in tasks)])
        model.define(var >= empty, nobody)

    def _makespan(self) -> Expression:
        tasks = self._job_tasks(list(range(self._build.facts.task_count)))
        if not tasks:
            return 0
        if self._build.model.relaxable:
            return self._above(tasks, 0, 1, -VALUE_LIMIT, 0)
        loads = Loads(self._build)
        bound = loads.bound()
        makespan = self._above(tasks, 0, 1, -VALUE_LIMIT if bound is None else bound, 0)
        loads.post(makespan)
        return makespan

    def _job_tasks(self, tasks: list[int]) -> list[int]:
        """Tasks of a unit that may complete it: those not followed inside the unit."""
        member = set(tasks)
        return [i for i in tasks if not member & self._after.get(i, set())] or tasks

    def _completions(self, from_release: bool) -> Expression:
        parts: Weighted = []
        for tasks, release, weight in self._build.facts.units():
            if not tasks or not weight:
                continue
            shift = -release if from_release else 0
            last = self._job_tasks(tasks)
            v = self._build.tasks[last[0]]
            if len(last) == 1 and v.present is self._build.model.true:
                parts.append((v.end + shift, weight))
            else:
                parts.append((self._above(last, shift, 1, -VALUE_LIMIT, 0), weight))
        return _weighted(parts)

    def _tardiness(self) -> Expression:
        return _weighted(
            [
                (self._above(self._job_tasks(tasks), -due, 1, 0, 0), weight)
                for tasks, due, weight in self._build.facts.dated_units()
                if weight and tasks and self._may_be_late(tasks, due)
            ]
        )

    def _may_be_late(self, tasks: list[int], due: int) -> bool:
        return any(self._build.tasks[i].latest > due for i in tasks)

    def _max_tardiness(self) -> Expression:
        parts = [
            self._above(self._job_tasks(tasks), -due, weight, 0, 0)
            for tasks, due, weight in self._build.facts.dated_units()
            if weight and tasks
        ]
        return self._largest(parts, 0)

    def _largest(self, parts: list[IntVar], low: int) -> Expression:
        """Variable at least every part; all parts are defined whatever is present."""
        model = self._build.model
        if not parts:
            return low
        if len(parts) == 1:
            return parts[0]
        rules = [model.rule(part) for part in parts]
        top = max(model.upper(part) for part in parts)
        var = model.int_var(low, max(top, low), lambda plan: max(r(plan) for r in rules))
        for part in parts:
            model.define(var >= part)
        return var

    def _max_lateness(self) -> Expression:
        build = self._build
        units = [(tasks, due) for tasks, due, _ in build.facts.dated_units() if tasks]
        pairs = [(i, due) for tasks, due in units for i in self._job_tasks(tasks)]
        if not pairs:
            return 0
        model = build.model
        everyone = [i for i, _ in pairs]

        def value(plan: Plan) -> int:
            late = [
                end - due for tasks, due in units if (end := plan.latest_end(tasks)) is not None
            ]
            return max(late, default=0)

        top = max(build.tasks[i].latest - due for i, due in pairs)
        bottom = min(build.tasks[i].earliest - due for i, due in pairs)
        var = model.int_var(min(bottom, 0), max(top, 0), value)
        for i, due in pairs:
            model.define(var >= build.tasks[i].end - due, build.tasks[i].present)
        if not any(build.tasks[i].present is model.true for i in everyone):
            self._unless_present(sorted({i for tasks, _ in units for i in tasks}), var, 0)
        return var

    def _tardy(self) -> Expression:
        build, parts = self._build, list[tuple[Expression, int]]()
        for tasks, due, weight in build.facts.dated_units():
            if not weight or not tasks or not self._may_be_late(tasks, due):
                continue

            def late(plan: Plan, tasks: list[int] = tasks, due: int = due) -> bool:
                end = plan.latest_end(tasks)
                return end is not None and end > due

            literal = build.model.literal(late)
            for i in self._job_tasks(tasks):
                v = build.tasks[i]
                build.model.define(v.end <= due, ~literal, v.present)
            parts.append((literal, weight))
        return _weighted(parts)

    def _earliness(self) -> Expression:
        build, model = self._build, self._build.model
        parts: Weighted = []
        for tasks, due, weight in build.facts.dated_units():
            last = self._job_tasks(tasks)
            first = min((build.tasks[i].earliest for i in last), default=due)
            if not weight or not tasks or first >= due:
                continue

            def early(plan: Plan, tasks: list[int] = tasks, due: int = due) -> int:
                end = plan.latest_end(tasks)
                return 0 if end is None else max(0, due - end)

            var = model.int_var(0, due - first, early)
            parts.append((var, weight))
            if len(last) == 1:
                v = build.tasks[last[0]]
                model.define(var >= due - v.end, v.present)
                continue
            # Some present task is named as the last; naming the true one costs least.
            named = []
            for i in last:
                v = build.tasks[i]

                def ends_last(plan: Plan, i: int = i, last: list[int] = last) -> bool:
                    ends = [(plan.end[k], k) for k in last if plan.present(k)]
                    return bool(ends) and max(ends)[1] == i

                literal = model.literal(ends_last)
                named.append(literal)
                model.define(var >= due - v.end, literal)
                if v.present is not model.true:
                    model.define_clause([v.present], literal)
            for i in last:
                model.define_clause(named, build.tasks[i].present)
        return _weighted(parts)

    # Choice terms

    def _resource_cost(self) -> Expression:
        modes, resources = self._build.problem.modes, self._build.problem.resources
        during = modes.demand_timing == DemandTiming.DURING
        owner = modes.demand_mode()
        kind = resources.kind[modes.demand_resource]
        price = resources.rate[modes.demand_resource] * modes.demand_amount
        lasts = np.where(kind == ResourceKind.CONSUMABLE, 1, modes.duration[owner])
        cost = [0] * modes.count
        for m, p, d, counts in zip(
            owner.tolist(), price.tolist(), lasts.tolist(), during.tolist(), strict=True
        ):
            cost[m] += p * d if counts else 0
        return self._per_mode(cost)

    def _mode_cost(self) -> Expression:
        return self._per_mode(self._build.problem.modes.cost.tolist())

    def _per_mode(self, cost: list[int]) -> Expression:
        return _weighted(
            [(lit, cost[m]) for v in self._build.tasks.tasks for m, lit in v.modes.items()]
        )

    def _unplaced(self) -> Expression:
        tasks = self._build.problem.tasks
        return _weighted(
            [
                (~self._build.tasks[i].present, int(tasks.reward[i]))
                for i in np.flatnonzero(tasks.optional).tolist()
            ]
        )

    def _with_baseline(self) -> list[int]:
        table = self._build.problem.tasks
        return [int(i) for i in np.flatnonzero(table.baseline_start < INFINITY)]

    def _change(self) -> Expression:
        build, parts = self._build, list[tuple[Expression, int]]()
        for i in self._with_baseline():
            v, base = build.tasks[i], int(build.problem.tasks.baseline_start[i])

            def moved(plan: Plan, i: int = i, base: int = base) -> int:
                return abs(plan.start[i] - base) if plan.present(i) else 0

            reach = max(abs(v.earliest - base), abs(v.latest - base))
            var = build.model.int_var(0, reach, moved)
            build.model.define(var >= v.start - base, v.present)
            build.model.define(var >= base - v.start, v.present)
            parts.append((var, 1))
        return _weighted(parts)

    def _moved(self) -> Expression:
        build, parts = self._build, list[tuple[Expression, int]]()
        table = build.problem.tasks
        for i in self._with_baseline():
            v, base, number = build.tasks[i], int(table.baseline_start[i]), table.baseline_mode[i]
            old = int(table.mode_ptr[i]) + int(number) if number >= 0 else -1

            def moves(plan: Plan, i: int = i, base: int = base, old: int = old) -> bool:
                changed = plan.start[i] != base or (old >= 0 and plan.mode[i] != old)
                return plan.present(i) and changed

            literal = build.model.literal(moves)
            build.model.define(v.start == base, ~literal, v.present)
            if old >= 0:
                kept = [v.modes[old]] if old in v.modes else []
                build.model.define_clause(kept, ~literal, v.present)
            parts.append((literal, 1))
        return _weighted(parts)


def _weighted(parts: Weighted) -> Expression:
    kept = [(expression, c) for expression, c in parts if c]
    if any(c >= VALUE_LIMIT for _, c in kept):
        raise EngineError("an objective coefficient overflows 64-bit sums")
    if not kept:
        return 0
    return LinearExpr.weighted_sum([e for e, _ in kept], [c for _, c in kept])
