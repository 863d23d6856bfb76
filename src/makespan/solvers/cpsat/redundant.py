"""Implied constraints that the backend's own relaxation misses.

With alternative machines every interval is optional, so no machine has a load until modes are
fixed, and the linear relaxation sees no lower bound on the makespan. One linear relation per
machine (and per renewable with alternatives) restores it: the work assigned to a resource, the
earliest head before it and the shortest tail after it fit below the makespan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ortools.sat.python.cp_model import LinearExpr

from makespan.core.vocabulary import ResourceKind
from makespan.solvers.cpsat.model import VALUE_LIMIT, Expression, Literal
from makespan.solvers.cpsat.windows import tails

if TYPE_CHECKING:
    from makespan.solvers.cpsat.build import Build


def post_makespan_loads(build: Build, makespan: Expression) -> None:
    """``capacity * (makespan - head - tail)`` covers the work on each resource with choices."""
    facts, tasks = build.facts, build.tasks
    table = build.problem.resources
    after = tails(build.problem).tolist()
    for r, kind in enumerate(facts.kind):
        if kind not in (ResourceKind.MACHINE, ResourceKind.RENEWABLE):
            continue
        literals: list[Literal] = []
        works: list[int] = []
        head, tail, anchored = build.horizon, build.horizon, False
        for m in facts.users[r]:
            i = facts.mode_task[m]
            if m not in tasks[i].modes or facts.duration[m] == 0:
                continue
            amount = next(a for resource, a in facts.usage[m] if resource == r)
            literals.append(tasks[i].modes[m])
            works.append(amount * facts.duration[m])
            anchored = anchored or tasks[i].present is build.model.true
            head, tail = min(head, tasks[i].earliest), min(tail, after[i])
        steps = table.step_capacity[table.step_ptr[r] : table.step_ptr[r + 1]].tolist()
        capacity = max([int(table.capacity[r]), *steps])
        # Without a task that is surely present (somewhere), head and tail may not count at all.
        chosen = any(literal is not build.model.true for literal in literals)
        if chosen and anchored and capacity * build.horizon < VALUE_LIMIT:
            load = LinearExpr.weighted_sum(literals, works)
            build.model.define(capacity * makespan >= load + capacity * (head + tail))
