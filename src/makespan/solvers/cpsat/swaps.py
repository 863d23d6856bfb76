"""Blocking without swaps: moves at one instant must be orderable one after the other.

Time is refined: every instant is split into places, and a task enters at
``start * places + rank``. A task that allows no swap leaves one place after its successor in the
job has entered its own machine, so "each into a machine already free" becomes an ordinary
no-overlap in refined time, and a cycle of moves at one instant would need a rank above itself.
At one instant at most one task leaves each machine, so a chain without a cycle passes each
machine at most once and as many places as such machines, plus one, suffice.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ortools.sat.python.cp_model import LinearExpr

from makespan.core.vocabulary import Blocking
from makespan.solvers.cpsat.labels import ConstraintLabel, LabelKind
from makespan.solvers.cpsat.model import Expression, Interval, IntVar
from makespan.solvers.cpsat.orders import Stay
from makespan.solvers.cpsat.plan import Plan

if TYPE_CHECKING:
    from makespan.solvers.cpsat.build import Build


def post(build: Build) -> None:
    """Add the constraints of this theme."""
    facts = build.facts
    strict = [
        r
        for r in facts.machines()
        if any(
            facts.blocking(i, r) == Blocking.NO_SWAP and facts.followers[i]
            for i in facts.machine_users(r)
        )
    ]
    if not strict:
        return
    stamps = _Stamps(build, len(strict) + 1)
    for r in strict:
        name = build.problem.resources.names[r]
        label = ConstraintLabel(LabelKind.BLOCKING, f"no swaps on machine {name!r}", r)
        with build.model.labelled(label):
            if build.orders.covers(r):
                build.orders.post(r, stamps.stays(r))
            else:
                build.model.add_no_overlap(stamps.intervals(r))


class _Stamps:
    """Refined instants at which tasks enter and leave machines."""

    def __init__(self, build: Build, places: int) -> None:
        self._build = build
        self._places = places
        self._entries: dict[int, IntVar] = {}

    def entry(self, task: int) -> IntVar:
        """``start * places + rank``."""
        if task not in self._entries:
            build, places = self._build, self._places
            v = build.tasks[task]
            var = build.model.int_var(
                v.earliest * places,
                (build.horizon + 1) * places,
                lambda plan: self._entry_value(plan, task),
            )
            build.model.define(var >= v.start * places)
            build.model.define(var <= v.start * places + places - 1)
            self._entries[task] = var
        return self._entries[task]

    def stays(self, machine: int) -> dict[int, Stay]:
        """Refined entry and exit of each task on ``machine``."""
        build = self._build
        return {
            i: Stay(self.entry(i), self._leave(i, machine))
            for i in build.facts.machine_users(machine)
            if build.tasks.uses(i, machine)
        }

    def intervals(self, machine: int) -> list[Interval]:
        """Refined occupancies on ``machine``."""
        build, model = self._build, self._build.model
        found: list[Interval] = []
        for i, (entry, leave) in self.stays(machine).items():
            size = model.int_var(
                0,
                (build.horizon - build.tasks[i].earliest + 1) * self._places,
                partial(self._stay_value, task=i, machine=machine),
            )
            model.define(size == leave - entry)
            here = build.tasks.uses(i, machine)
            found.extend(model.interval(entry, size, leave, literal) for literal in here)
        return found

    def _leave(self, task: int, machine: int) -> Expression:
        build, places = self._build, self._places
        v, code = build.tasks[task], build.facts.blocking(task, machine)
        if code == Blocking.NONE or not build.facts.followers[task]:
            return v.end * places
        if code == Blocking.SWAP:
            return build.departures.time(task) * places
        model = build.model
        leave = model.int_var(
            v.earliest * places,
            (build.horizon + 1) * places,
            lambda plan: self._leave_value(plan, task, machine),
        )
        model.define(leave >= v.end * places, v.present)
        for k, literal in build.departures.next_literals(task):
            # A successor on the same machine takes over without a move.
            stays = LinearExpr.sum(build.tasks.uses(k, machine))
            model.define(leave >= self.entry(k) + 1 - stays, literal, v.present)
        return leave

    def _entry_value(self, plan: Plan, task: int) -> int:
        if not plan.present(task):
            return self._build.tasks[task].rest * self._places
        return plan.start[task] * self._places + min(plan.entry_rank[task], self._places - 1)

    def _stay_value(self, plan: Plan, *, task: int, machine: int) -> int:
        return self._leave_value(plan, task, machine) - self._entry_value(plan, task)

    def _leave_value(self, plan: Plan, task: int, machine: int) -> int:
        facts, places = self._build.facts, self._places
        code = facts.blocking(task, machine)
        if code == Blocking.NONE or not facts.followers[task]:
            if plan.present(task):
                return plan.end[task] * places
            return self._build.tasks.rest_end(task) * places
        if not plan.present(task):
            return self._build.tasks[task].rest * places
        if code == Blocking.SWAP:
            return plan.departure(task) * places
        out = plan.end[task] * places
        after = plan.follower(task)
        if after is None:
            return out
        stays = machine in plan.machines(after)
        return max(out, self._entry_value(plan, after) + (0 if stays else 1))
