"""Machines: one task at a time over its occupancy, which blocking prolongs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from makespan.core.vocabulary import Blocking, PrecedenceKind
from makespan.solvers.cpsat.labels import ConstraintLabel, LabelKind
from makespan.solvers.cpsat.model import Expression, Interval, IntVar, Literal
from makespan.solvers.cpsat.orders import Stay
from makespan.solvers.cpsat.plan import Plan

if TYPE_CHECKING:
    from makespan.solvers.cpsat.build import Build


def post(build: Build) -> None:
    """Add the constraints of this theme."""
    for r in build.facts.machines():
        with build.model.labelled(machine_label(build, r)):
            stays = _stays(build, r)
            if stays:
                build.orders.post(r, stays)
            if not stays or _has_milestones(build, r):
                build.model.add_no_overlap(_occupancies(build, r))


def _stays(build: Build, resource: int) -> dict[int, Stay]:
    """Entry and exit of each task where blocking makes lengths an outcome; else empty."""
    facts, tasks = build.facts, build.tasks
    users = [i for i in facts.machine_users(resource) if tasks.uses(i, resource)]
    blocked = any(build.departures.blocks(i, resource) for i in users)
    if not blocked or not build.orders.affordable(len(users)):
        return {}
    return {i: Stay(tasks[i].start, build.departures.leave(i, resource)) for i in users}


def _has_milestones(build: Build, resource: int) -> bool:
    return any(build.facts.duration[m] == 0 for m in build.facts.users[resource])


def machine_label(build: Build, resource: int) -> ConstraintLabel:
    """Label of "one task at a time" on a machine."""
    name = build.problem.resources.names[resource]
    return ConstraintLabel(
        LabelKind.MACHINE, f"machine {name!r} holds one task at a time", resource
    )


def _occupancies(build: Build, resource: int) -> list[Interval]:
    """Interval of every mode on the machine; blocking tasks stay until their departure."""
    facts, tasks = build.facts, build.tasks
    by_task: dict[int, list[int]] = {}
    for m in facts.users[resource]:
        by_task.setdefault(facts.mode_task[m], []).append(m)
    found: list[Interval] = []
    for i, modes in by_task.items():
        v = tasks[i]
        usable = [m for m in modes if m in v.modes]
        blocks = build.departures.blocks(i, resource)
        if not blocks and len(usable) == len(v.modes) > 0:
            found.append(tasks.main_interval(i))
            continue
        for m in usable:
            if blocks and facts.duration[m] > 0:
                found.append(build.departures.interval(m))
            else:
                found.append(tasks.mode_interval(m))
    return found


class Departures:
    """When tasks that block leave their machines: the start of their job's next present task."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._time: dict[int, Expression] = {}
        self._intervals: dict[int, Interval] = {}
        self._sizes: dict[int, IntVar] = {}
        self._next: dict[int, list[tuple[int, Literal]]] = {}
        table = build.problem.precedences
        plain = (table.kind == PrecedenceKind.FS) & (table.minimum >= 0)
        self._ordered = set(
            zip(table.source[plain].tolist(), table.target[plain].tolist(), strict=True)
        )

    def blocks(self, task: int, machine: int) -> bool:
        """Whether ``task`` may stay on ``machine`` after its end."""
        facts = self._build.facts
        return facts.blocking(task, machine) != Blocking.NONE and bool(facts.followers[task])

    def leave(self, task: int, machine: int) -> Expression:
        """When ``task`` leaves ``machine``, if it runs there."""
        return self.time(task) if self.blocks(task, machine) else self._build.tasks[task].end

    def next_literals(self, task: int) -> list[tuple[int, Literal]]:
        """Candidate next tasks, each with a literal implied when it is the next present one."""
        if task in self._next:
            return self._next[task]
        build = self._build
        model, result = build.model, list[tuple[int, Literal]]()
        skipped: list[Literal] = []
        for k in build.facts.followers[task]:
            present = build.tasks[k].present
            if not skipped:
                literal = present
            else:
                literal = self._literal(task, k)
                if present is not model.true:
                    model.define_clause([literal, *skipped, ~present])
                else:
                    model.define_clause([literal, *skipped])
            result.append((k, literal))
            skipped.append(present)
        self._next[task] = result
        return result

    def _literal(self, task: int, k: int) -> Literal:
        return self._build.model.literal(lambda plan: plan.follower(task) == k)

    def time(self, task: int) -> Expression:
        """Departure of a blocking task."""
        if task in self._time:
            return self._time[task]
        build = self._build
        model, v = build.model, build.tasks[task]
        after = self.next_literals(task)
        (first, literal) = after[0]
        mandatory = literal is model.true and v.present is model.true
        if mandatory and (task, first) in self._ordered and not model.relaxable:
            self._time[task] = build.tasks[first].start
            return self._time[task]
        latest = max([v.latest, *(build.tasks[k].latest for k, _ in after)])

        def leaves(plan: Plan) -> int:
            return plan.departure(task) if plan.present(task) else v.rest

        out = model.int_var(v.earliest, max(latest, v.earliest), leaves)
        if mandatory:
            model.define_maximum(out, [v.end, build.tasks[first].start])
        else:
            model.define(out >= v.end, v.present)
            for k, literal in after:
                model.define(out >= build.tasks[k].start, literal, v.present)
        self._time[task] = out
        return out

    def interval(self, mode: int) -> Interval:
        """``[start, departure)`` of a task if ``mode`` is chosen."""
        if mode not in self._intervals:
            build = self._build
            task = build.facts.mode_task[mode]
            v = build.tasks[task]
            out = self.time(task)
            if task not in self._sizes:
                self._sizes[task] = build.model.int_var(
                    0,
                    build.horizon - v.earliest,
                    lambda plan: (
                        plan.departure(task) - plan.start[task] if plan.present(task) else 0
                    ),
                )
                build.model.define(self._sizes[task] == out - v.start)
            self._intervals[mode] = build.model.interval(
                v.start, self._sizes[task], out, v.modes[mode]
            )
        return self._intervals[mode]
