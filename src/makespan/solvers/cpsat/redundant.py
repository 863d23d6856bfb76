"""Implied constraints that the backend's own relaxation misses.

With alternative machines every interval is optional, so no machine has a load until modes are
fixed, and the linear relaxation sees no lower bound on the makespan. One linear relation per
resource restores it: the work assigned to a resource, the earliest head before it and the
shortest tail after it fit below the makespan. Where nothing is left to choose, the same argument
over subsets (tasks with at least a certain head and tail) gives a constant bound.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from ortools.sat.python.cp_model import LinearExpr

from makespan.core.errors import InfeasibleError
from makespan.core.vocabulary import IntArray, ResourceKind
from makespan.core.working_time import WorkingTime
from makespan.solvers.cpsat.balance import Load, balanced
from makespan.solvers.cpsat.model import VALUE_LIMIT, Expression
from makespan.solvers.cpsat.windows import tails

if TYPE_CHECKING:
    from makespan.solvers.cpsat.build import Build

_HEADS: Final = 200
"""Distinct heads tried per resource; more cost time and rarely help."""


class Loads:
    """What the work on machines and renewables says about the makespan."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._after: list[int] = tails(build.problem).tolist()
        table = build.problem.resources
        self._capacity: dict[int, int] = {}
        for r, kind in enumerate(build.facts.kind):
            steps = table.step_capacity[table.step_ptr[r] : table.step_ptr[r + 1]].tolist()
            capacity = max([int(table.capacity[r]), *steps])
            timed = kind in (ResourceKind.MACHINE, ResourceKind.RENEWABLE)
            if timed and capacity > 0 and capacity * build.horizon < VALUE_LIMIT:
                self._capacity[r] = capacity

    def bound(self) -> int | None:
        """A makespan that no schedule undercuts, None if nothing is certain."""
        found = [_constant(self._build, r, c, self._after) for r, c in self._capacity.items()]
        found.append(balanced(list(self._relations.values()), self._sure()))
        return max((value for value in found if value is not None), default=None)

    def post(self, makespan: Expression) -> None:
        """``capacity * (makespan - head - tail)`` covers the work that modes may assign."""
        build = self._build
        for relation in self._relations.values():
            pairs = [
                (build.tasks[i].modes[m], work)
                for i, modes in relation.work.items()
                for m, work in modes.items()
            ]
            load = LinearExpr.weighted_sum([lit for lit, _ in pairs], [w for _, w in pairs])
            build.model.define(relation.capacity * makespan >= load + relation.idle)

    def _sure(self) -> dict[int, list[int]]:
        """Modes of the tasks that are never left out and may use such a resource."""
        build = self._build
        users = {i for relation in self._relations.values() for i in relation.work}
        return {
            i: list(build.tasks[i].modes)
            for i in sorted(users)
            if build.tasks[i].present is build.model.true
        }

    @cached_property
    def _relations(self) -> dict[int, Load]:
        """Resource -> everybody who may use it, where modes decide who does."""
        build, found = self._build, dict[int, Load]()
        true = build.model.true
        for r, capacity in self._capacity.items():
            work = _work(build, r)
            # Without a task that is surely present, somewhere, head and tail may not count at all.
            if not any(build.tasks[i].present is true for i in work):
                continue
            if all(lit is true for i in work for lit in build.tasks[i].modes.values()):
                continue
            head = min(build.tasks[i].earliest for i in work)
            tail = min(self._after[i] for i in work)
            found[r] = Load(capacity, capacity * (head + tail), work)
        return found


def _work(build: Build, resource: int) -> dict[int, dict[int, int]]:
    """Task -> mode -> amount times duration on the resource."""
    facts = build.facts
    found: dict[int, dict[int, int]] = {}
    for m in facts.users[resource]:
        i = facts.mode_task[m]
        if m in build.tasks[i].modes and facts.duration[m] > 0:
            amount = next(a for r, a in facts.usage[m] if r == resource)
            found.setdefault(i, {})[m] = amount * facts.duration[m]
    return found


def _constant(build: Build, resource: int, capacity: int, after: list[int]) -> int | None:
    """Largest ``head + work / capacity + tail`` over subsets that use the resource for certain."""
    tasks, true = build.tasks, build.model.true
    rows = [
        (tasks[i].earliest, after[i], min(modes.values()))
        for i, modes in _work(build, resource).items()
        if tasks[i].present is true and len(modes) == len(tasks[i].modes)
    ]
    if not rows:
        return None
    table = np.array(rows, dtype=np.int64)
    table = table[np.argsort(-table[:, 1], kind="stable")]
    heads = np.unique(table[:, 0])
    most = _HEADS if build.problem.resources.calendar[resource] < 0 else _HEADS // 10
    if len(heads) > most:
        heads = heads[np.linspace(0, len(heads) - 1, most).astype(np.int64)]
    best = build.start
    for head in heads.tolist():
        kept = table[table[:, 0] >= head]
        # Longest tails first: each prefix is the subset with at least the last one's tail.
        work = -(-np.cumsum(kept[:, 2]) // capacity)
        done = _done(build, resource, np.full(len(work), head, dtype=np.int64), work)
        best = max(best, int((done + kept[:, 1]).max()))
    return best


def _done(build: Build, resource: int, head: IntArray, work: IntArray) -> IntArray:
    """When ``work`` ticks are over at the earliest if they begin at ``head``."""
    calendar = int(build.problem.resources.calendar[resource])
    if calendar < 0:
        return head + work
    try:
        # Whether breaks forbid or suspend, work progresses in working time only.
        return WorkingTime((build.problem.calendars[calendar],)).ends(head, work)
    except InfeasibleError:
        return head + work  # the calendar ends too soon; the model itself proves that
