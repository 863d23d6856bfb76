"""Which of two tasks goes first on a machine, as one literal per pair.

The backend's no-overlap is at its best with intervals of known length. Where a task keeps its
machine until the job's next one is free, the length is an outcome, and search learns hardly
anything from it; with the order of each pair as a literal, blocking shops of ten jobs that
stayed open for minutes are proved in seconds (measured). On a machine of tasks with positive
duration the literals say all that the no-overlap says, so they take its place.
"""

from __future__ import annotations

from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Final, NamedTuple

from makespan.solvers.cpsat.model import Expression, Literal
from makespan.solvers.cpsat.plan import Plan

if TYPE_CHECKING:
    from makespan.solvers.cpsat.build import Build

PAIR_LIMIT: Final = 200_000
"""Most pairs in a model; above it memory matters more than what search learns."""


class Stay(NamedTuple):
    """When a task enters a machine and when it leaves it, if it is there."""

    enter: Expression
    leave: Expression


class Orders:
    """Order literals of the machines that ask for them."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._left = PAIR_LIMIT
        self._leads: dict[int, dict[tuple[int, int], Literal]] = {}

    def affordable(self, tasks: int) -> bool:
        """Whether the model has room for the pairs among so many tasks."""
        return tasks * (tasks - 1) // 2 <= self._left

    def covers(self, machine: int) -> bool:
        """Whether the tasks of ``machine`` are ordered by literals."""
        return machine in self._leads

    def post(self, machine: int, stays: dict[int, Stay]) -> None:
        """Of two tasks on ``machine`` one leaves before the other enters.

        A second call for the same machine, with other instants, is ruled by the same literals.
        """
        build, model = self._build, self._build.model
        leads = self._leads.setdefault(machine, {})
        for one, other in combinations(stays, 2):
            if (one, other) not in leads:
                leads[one, other] = model.literal(partial(_leads, one=one, other=other))
                self._left -= 1
            lead = leads[one, other]
            both = (build.tasks.on(one, machine), build.tasks.on(other, machine))
            model.add(stays[other].enter >= stays[one].leave, lead, *both)
            model.add(stays[one].enter >= stays[other].leave, ~lead, *both)


def _leads(plan: Plan, *, one: int, other: int) -> bool:
    return (plan.start[one], one) < (plan.start[other], other)
