"""The schedule as the checks read it: present tasks with usable times, and what they demand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.verification.violation import Violation, ViolationKind, ticks
from makespan.core.vocabulary import (
    INFINITY,
    Blocking,
    BoolArray,
    CodeArray,
    DemandTiming,
    IndexArray,
    IntArray,
    ResourceKind,
)


@dataclass(frozen=True, slots=True)
class Demands:
    """Non-zero demands of the chosen modes, one row each.

    Attributes
    ----------
    task, resource
        Indices, int64 (d,).
    amount
        Signed for reservoirs, int64 (d,).
    timing
        ``DemandTiming`` code, uint8 (d,).
    kind
        ``ResourceKind`` code of the resource, uint8 (d,).
    """

    task: IntArray
    resource: IntArray
    amount: IntArray
    timing: CodeArray
    kind: CodeArray

    def only(self, keep: BoolArray) -> Demands:
        """The rows where ``keep`` holds."""
        return self if keep.all() else self.take(np.flatnonzero(keep))

    def take(self, row: IntArray) -> Demands:
        """The given rows, in the order given."""
        return Demands(
            self.task[row], self.resource[row], self.amount[row], self.timing[row], self.kind[row]
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """A schedule whose modes and times can be computed with.

    Attributes
    ----------
    selected
        Tasks the schedule places, whether or not their mode and times are usable, bool (n,).
    present
        Tasks placed with a mode of their own and times within +-INFINITY, bool (n,).
    start, end, mode
        As in the schedule, (n,).
    duration
        Working ticks of the chosen mode, 0 where not present, int64 (n,).
    milestone
        Present tasks whose chosen mode takes no time, bool (n,).
    """

    problem: Problem
    selected: BoolArray
    present: BoolArray
    start: IntArray
    end: IntArray
    mode: IndexArray
    duration: IntArray
    milestone: BoolArray

    def task(self, index: int) -> str:
        """Name of a task."""
        return self.problem.tasks.names[int(index)]

    def resource(self, index: int) -> str:
        """Name of a resource."""
        return self.problem.resources.names[int(index)]

    def demands(self) -> Demands:
        """Non-zero demands of the chosen modes of present tasks, in task order."""
        modes, kinds = self.problem.modes, self.problem.resources.kind
        chosen = np.zeros(modes.count, dtype=np.bool_)
        chosen[self.mode[self.present]] = True
        owner = modes.demand_mode()
        keep = chosen[owner] & (modes.demand_amount != 0)
        resource = modes.demand_resource[keep].astype(np.int64)
        return Demands(
            task=modes.task[owner[keep]].astype(np.int64),
            resource=resource,
            amount=modes.demand_amount[keep],
            timing=modes.demand_timing[keep],
            kind=kinds[resource],
        )

    def machine_demands(self, demands: Demands) -> Demands:
        """The rows that put a task on a machine."""
        return demands.only(
            (demands.kind == ResourceKind.MACHINE) & (demands.timing == DemandTiming.DURING)
        )

    def following(self) -> IntArray:
        """Next present task of the same job in the job's order, -1 if none, int64 (n,)."""
        jobs = self.problem.jobs
        after = np.full(len(self.start), -1, dtype=np.int64)
        owner = np.repeat(np.arange(jobs.count, dtype=np.int64), np.diff(jobs.task_ptr))
        here = self.present[jobs.task]
        task, owner = jobs.task[here].astype(np.int64), owner[here]
        same = owner[1:] == owner[:-1]
        after[task[:-1][same]] = task[1:][same]
        return after

    def blocking_codes(self, on_machine: Demands) -> CodeArray:
        """``Blocking`` code of each task-machine row: the stricter of task and machine, (d,).

        Milestones take no part in blocking.
        """
        codes = np.maximum(
            self.problem.tasks.blocking[on_machine.task],
            self.problem.resources.blocking[on_machine.resource],
        )
        codes[self.milestone[on_machine.task]] = Blocking.NONE
        return codes


def read_plan(problem: Problem, schedule: Schedule) -> tuple[Plan | None, list[Violation]]:
    """The plan, and what is wrong with shape, modes, presence and the size of times.

    None instead of a plan if the schedule has another number of tasks than the problem.
    """
    tasks, modes = problem.tasks, problem.modes
    n = tasks.count
    found: list[Violation] = []
    if len(schedule) != n:
        sentence = f"the schedule has {len(schedule)} tasks, the problem {n}"
        return None, [Violation(ViolationKind.SHAPE, (), None, abs(len(schedule) - n), sentence)]
    selected = schedule.mode >= 0
    for i in np.flatnonzero(~selected & ~tasks.optional).tolist():
        name = tasks.names[i]
        sentence = f"task '{name}' is left out, but it is not optional"
        found.append(Violation(ViolationKind.PRESENCE, (name,), None, 1, sentence))
    mode = schedule.mode
    known = selected & (mode < modes.count)
    owned = known.copy()
    owned[known] = modes.task[mode[known]] == np.flatnonzero(known)
    for i in np.flatnonzero(selected & ~owned).tolist():
        name, m = tasks.names[i], int(mode[i])
        whose = (
            f"which belongs to task '{tasks.names[int(modes.task[m])]}'"
            if m < modes.count
            else f"but the problem has {modes.count} modes"
        )
        sentence = f"task '{name}' uses mode {m}, {whose}"
        found.append(Violation(ViolationKind.MODE, (name,), None, 1, sentence))
    beyond = (
        (schedule.start > INFINITY)
        | (schedule.start < -INFINITY)
        | (schedule.end > INFINITY)
        | (schedule.end < -INFINITY)
    )
    for i in np.flatnonzero(owned & beyond).tolist():
        name, worst = tasks.names[i], max((schedule.start[i], schedule.end[i]), key=_magnitude)
        sentence = f"task '{name}' has time {worst}, beyond the largest time {INFINITY}"
        amount = _magnitude(worst) - INFINITY
        found.append(Violation(ViolationKind.HORIZON, (name,), None, amount, sentence))
    present = owned & ~beyond
    duration = np.zeros(n, dtype=np.int64)
    duration[present] = modes.duration[mode[present]]
    plan = Plan(
        problem=problem,
        selected=selected,
        present=present,
        start=schedule.start,
        end=schedule.end,
        mode=mode,
        duration=duration,
        milestone=present & (duration == 0),
    )
    return plan, found


def grouped(key: IntArray | IndexArray) -> Iterator[tuple[int, IntArray]]:
    """Each distinct key with the ascending rows that have it; O(n log n) however many there are."""
    order = np.argsort(key, kind="stable")
    ranked = key[order]
    first = np.flatnonzero(np.concatenate((np.ones(min(len(key), 1), bool), np.diff(ranked) > 0)))
    yield from zip(ranked[first].tolist(), np.split(order, first[1:]), strict=False)


def _magnitude(time: int) -> int:
    return abs(int(time))


def overrun(amount: int, side: str) -> str:
    """``(2 ticks too early)``."""
    return f"({ticks(amount)} {side})"
