"""Same-order sets: one literal per pair of jobs says which goes first on every machine of a set."""

from __future__ import annotations

from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from makespan.core.problem import Problem
from makespan.solvers.cpsat.labels import ConstraintLabel, LabelKind
from makespan.solvers.cpsat.machines import machine_label
from makespan.solvers.cpsat.model import Literal
from makespan.solvers.cpsat.plan import Plan

if TYPE_CHECKING:
    from makespan.solvers.cpsat.build import Build

Meeting = tuple[int, int, int]
"""Machine, and the tasks of the one and the other job that may run on it."""


def post(build: Build) -> None:
    """Add the constraints of this theme."""
    sets = build.problem.same_orders
    here: dict[tuple[int, int], Literal] = {}
    for k, (name, members) in enumerate(zip(sets.names, sets, strict=True)):
        visits = [_visits(build, machine, here) for machine in members.tolist()]
        jobs = sorted({job for line in visits for job in line})
        label = ConstraintLabel(LabelKind.SAME_ORDER, f"same-order set {name!r}", k)
        for one, other in combinations(jobs, 2):
            meetings = [
                (machine, line[one], line[other])
                for machine, line in zip(members.tolist(), visits, strict=True)
                if one in line and other in line
            ]
            if len(meetings) > 1:
                _order(build, label, meetings, here)


def relations(problem: Problem) -> int:
    """About how many relations the sets add to a model: two per machine and pair of jobs."""
    users = np.bincount(problem.modes.demand_resource, minlength=problem.resources.count)
    return sum(
        int((users[members] * (users[members] - 1)).sum()) for members in problem.same_orders
    )


def _visits(build: Build, machine: int, here: dict[tuple[int, int], Literal]) -> dict[int, int]:
    """Job -> its task that may run on ``machine``; literals for that go into ``here``."""
    facts, found = build.facts, dict[int, int]()
    jobs = build.problem.jobs.count
    by_task: dict[int, list[int]] = {}
    for m in facts.users[machine]:
        by_task.setdefault(facts.mode_task[m], []).append(m)
    for i, modes in by_task.items():
        v = build.tasks[i]
        usable = [m for m in modes if m in v.modes]
        if not usable:
            continue
        # A task without a job is its own job.
        found[facts.job[i] if facts.job[i] >= 0 else jobs + i] = i
        if (i, machine) in here:
            continue
        if len(usable) == len(v.modes):
            here[i, machine] = v.present
        elif len(usable) == 1:
            here[i, machine] = v.modes[usable[0]]
        else:
            runs = build.model.literal(partial(_chosen, modes=usable))
            build.model.define_exactly_one([*(v.modes[m] for m in usable), ~runs])
            here[i, machine] = runs
    return found


def _order(
    build: Build,
    label: ConstraintLabel,
    meetings: list[Meeting],
    here: dict[tuple[int, int], Literal],
) -> None:
    model, tasks = build.model, build.tasks
    lead = model.literal(partial(_leads, meetings=meetings))
    for machine, one, other in meetings:
        both = (here[one, machine], here[other, machine])
        first, second = tasks[one], tasks[other]
        # A milestone may start with others; else who starts first also ends first.
        instants = _may_be_instant(build, one) or _may_be_instant(build, other)
        # A machine that need not take turns has no order that others could share.
        with model.labelled(label, machine_label(build, machine)):
            model.add(second.start >= (first.start if instants else first.end), lead, *both)
            model.add(first.start >= (second.start if instants else second.end), ~lead, *both)


def _may_be_instant(build: Build, task: int) -> bool:
    return any(build.facts.duration[m] == 0 for m in build.tasks[task].modes)


def _chosen(plan: Plan, *, modes: list[int]) -> bool:
    return any(plan.chosen(m) for m in modes)


def _leads(plan: Plan, *, meetings: list[Meeting]) -> bool:
    """Whether the one job goes first where the starts of the two differ."""
    for machine, one, other in meetings:
        if (
            plan.visits(one, machine)
            and plan.visits(other, machine)
            and plan.start[one] != plan.start[other]
        ):
            return plan.start[one] < plan.start[other]
    return True
