"""Sequence-dependent setups: one circuit per machine over its tasks and a depot.

A circuit arc i -> j says "j is the next task after i", so setups bind immediate successors only,
also where a detour would be shorter than the direct change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from makespan.solvers.cpsat.labels import ConstraintLabel, LabelKind
from makespan.solvers.cpsat.machines import machine_label
from makespan.solvers.cpsat.model import Literal

if TYPE_CHECKING:
    from makespan.solvers.cpsat.build import Build


class Setups:
    """Circuits with the time and cost that their arcs carry.

    Attributes
    ----------
    time, cost
        ``(literal, amount)`` per arc with a positive amount, over all machines.
    arcs
        Per machine, the literal of "j right after i" by ``(i, j)``.
    """

    def __init__(self, build: Build) -> None:
        self.time: list[tuple[Literal, int]] = []
        self.cost: list[tuple[Literal, int]] = []
        self.arcs: dict[int, dict[tuple[int, int], Literal]] = {}
        resources = build.problem.resources
        for r in np.flatnonzero(resources.setup >= 0).tolist():
            self._machine(build, r)

    def _machine(self, build: Build, machine: int) -> None:
        problem, model, facts = build.problem, build.model, build.facts
        table = problem.setups[int(problem.resources.setup[machine])]
        users = [i for i in facts.machine_users(machine) if build.tasks.uses(i, machine)]
        worth = table.time.any() or table.initial_time.any() or build.wants_setup_cost
        if not users or not worth:
            return
        node = {i: k + 1 for k, i in enumerate(users)}
        family = problem.tasks.family
        name = problem.resources.names[machine]
        label = ConstraintLabel(LabelKind.SETUP, f"setups on machine {name!r}", machine)
        between = self.arcs.setdefault(machine, {})
        arcs: list[tuple[int, int, Literal]] = [(0, 0, self._arc(build, machine, -1, -1))]
        for i in users:
            f = int(family[i])
            here = build.tasks.on(i, machine)
            if here is not model.true:
                arcs.append((node[i], node[i], ~here))
            first = self._arc(build, machine, -1, i)
            arcs += [(0, node[i], first), (node[i], 0, self._arc(build, machine, i, -1))]
            self._note(first, int(table.initial_time[f]), int(table.initial_cost[f]))
            with model.labelled(label):
                ready = problem.horizon_start + int(table.initial_time[f])
                if ready > build.tasks[i].earliest:
                    model.add(build.tasks[i].start >= ready, first)
            out = build.departures.leave(i, machine)
            for j in users:
                if i == j or self._never(build, i, j, int(table.time[f, family[j]])):
                    continue
                arc = self._arc(build, machine, i, j)
                arcs.append((node[i], node[j], arc))
                between[i, j] = arc
                gap = int(table.time[f, family[j]])
                self._note(arc, gap, int(table.cost[f, family[j]]))
                with model.labelled(label, machine_label(build, machine)):
                    model.add(build.tasks[j].start >= out + gap, arc)
        model.add_circuit(arcs)

    def _arc(self, build: Build, machine: int, before: int, after: int) -> Literal:
        return build.model.literal(lambda plan: plan.follows(machine, before, after))

    def _note(self, arc: Literal, time: int, cost: int) -> None:
        if time:
            self.time.append((arc, time))
        if cost:
            self.cost.append((arc, cost))

    def _never(self, build: Build, before: int, after: int, gap: int) -> bool:
        """Whether the windows rule out that ``after`` directly follows ``before``."""
        if build.model.relaxable:
            return False
        first, second = build.tasks[before], build.tasks[after]
        shortest = min(build.facts.duration[m] for m in first.modes)
        return first.earliest + shortest + gap > second.latest - 1
