"""Things that take turns: machines with blocking and setups, and no-overlap sets."""

from __future__ import annotations

import numpy as np

from makespan.core.verification.plan import Demands, Plan, grouped, overrun
from makespan.core.verification.violation import Violation, ViolationKind, ticks
from makespan.core.vocabulary import BoolArray, IntArray


def turn_order(group: IntArray, start: IntArray, task: IntArray, instant: BoolArray) -> IntArray:
    """Permutation that sorts by group, start, instants first, then task index."""
    if not len(group):
        return np.empty(0, dtype=np.int64)
    low = int(start.min())
    width = [int(group.max()) + 1, int(start.max()) - low + 1, 2, len(group)]
    if width[0] * width[1] * 2 * width[3] < 1 << 62:
        # Packing key and row number into one integer sorts several times faster; rows are in
        # order of tasks within a group, so the row number breaks ties as the task index does.
        key = ((group * width[1] + (start - low)) * 2 + ~instant) * width[3]
        key += np.arange(len(group))
        key.sort()
        return np.asarray(key % width[3])
    return np.lexsort((task, ~instant, start, group))


def _clashes(group: IntArray, start: IntArray, end: IntArray) -> tuple[IntArray, IntArray]:
    """Rows that begin before the latest end of an earlier row of their group, and that row.

    Rows come in :func:`turn_order`.
    """
    none = np.empty(0, dtype=np.int64)
    if len(group) < 2:
        return none, none
    near = (group[1:] == group[:-1]) & (start[1:] < end[:-1])
    if not near.any():
        return none, none
    # A group without clashing neighbours has no clash at all; look closely at the others.
    bad = np.zeros(int(group.max()) + 1, dtype=np.bool_)
    bad[group[1:][near]] = True
    row = np.flatnonzero(bad[group])
    group, start, end = group[row], start[row], end[row]
    rank = np.unique(end, return_inverse=True)[1].ravel()
    key = group * (len(row) + 1) + rank
    reach = np.maximum.accumulate(key)
    record = np.concatenate(([True], key[1:] > reach[:-1]))
    latest = np.maximum.accumulate(np.where(record, np.arange(len(row)), 0))
    earlier = latest[:-1]
    clash = (group[earlier] == group[1:]) & (end[earlier] > start[1:])
    later = np.flatnonzero(clash) + 1
    return row[later], row[earlier[clash]]


class Turns:
    """Task-machine rows in the order in which machines take them.

    Parameters
    ----------
    on_machine
        Rows of machines, in task order.
    """

    __slots__ = ("after", "instant", "leave", "plan", "resource", "start", "stop", "task")

    def __init__(self, plan: Plan, on_machine: Demands) -> None:
        self.plan = plan
        real = on_machine.only(
            plan.milestone[on_machine.task]
            | (plan.end[on_machine.task] > plan.start[on_machine.task])
        )
        order = turn_order(
            real.resource, plan.start[real.task], real.task, plan.milestone[real.task]
        )
        self.task, self.resource = real.task[order], real.resource[order]
        self.start, self.stop = plan.start[self.task], plan.end[self.task]
        self.instant = plan.milestone[self.task]
        self.stop = np.where(self.instant, self.start, self.stop)
        #: End of occupancy: until the job's next present task starts where blocking rules.
        self.leave = self.stop
        self.after = np.empty(0, dtype=np.int64)  # filled where something blocks
        codes = plan.blocking_codes(real)[order]
        if codes.any():
            self.after = plan.following()[self.task]
            kept = (codes > 0) & (self.after >= 0)
            self.leave = np.where(
                kept, np.maximum(self.stop, plan.start[np.maximum(self.after, 0)]), self.stop
            )

    def check_overlaps(self) -> list[Violation]:
        """At most one task at a time in each machine's occupancy, and no milestone inside one."""
        found = []
        later, earlier = _clashes(self.resource, self.start, self.stop)
        for a, b in zip(earlier.tolist(), later.tolist(), strict=True):
            found.append(self._overlap(a, b))
        if self.leave is not self.stop:
            later, earlier = _clashes(self.resource, self.start, self.leave)
            blocked = self.stop[earlier] <= self.start[later]
            for a, b in zip(earlier[blocked].tolist(), later[blocked].tolist(), strict=True):
                found.append(self._kept(a, b))
        return found

    def _overlap(self, a: int, b: int) -> Violation:
        plan = self.plan
        first, second = plan.task(self.task[a]), plan.task(self.task[b])
        machine = plan.resource(self.resource[a])
        s, e, t = int(self.start[a]), int(self.stop[a]), int(self.start[b])
        if self.instant[b]:
            return _inside(first, second, machine, f"on '{machine}'", s, e, t)
        amount = min(e, int(self.stop[b])) - t
        sentence = (
            f"tasks '{first}' and '{second}' overlap on '{machine}' in [{t}, {t + amount}) "
            f"({ticks(amount)})"
        )
        return Violation(ViolationKind.OVERLAP, (first, second), machine, amount, sentence)

    def _kept(self, a: int, b: int) -> Violation:
        plan = self.plan
        first, second = plan.task(self.task[a]), plan.task(self.task[b])
        machine = plan.resource(self.resource[a])
        s, e, t = int(self.start[a]), int(self.leave[a]), int(self.start[b])
        if self.instant[b]:
            where = f"on '{machine}', which '{first}' blocks until then,"
            return _inside(first, second, machine, where, s, e, t)
        amount = min(e, int(self.leave[b])) - t
        after = plan.task(self.after[a])
        sentence = (
            f"task '{first}' ends at {self.stop[a]} but blocks '{machine}' until its job's next "
            f"task '{after}' starts at {e}, so '{second}' cannot start there at {t} "
            f"({ticks(amount)} shared)"
        )
        return Violation(ViolationKind.BLOCKING, (first, second), machine, amount, sentence)

    def check_setups(self) -> list[Violation]:
        """Setup time fits between consecutive tasks and before the first, milestones apart."""
        problem, plan = self.plan.problem, self.plan
        matrix = problem.resources.setup
        found = []
        row = np.flatnonzero((matrix[self.resource] >= 0) & ~self.instant)
        family = problem.tasks.family[self.task[row]]
        machine, start, leave = self.resource[row], self.start[row], self.leave[row]
        setup = matrix[machine]
        follows = np.zeros(len(row), dtype=np.bool_)
        follows[1:] = machine[1:] == machine[:-1]
        for k, mine in grouped(setup):
            table = problem.setups[k]
            time = np.where(
                follows[mine],
                table.time[family[mine - 1], family[mine]],
                table.initial_time[family[mine]],
            )
            ready = np.where(follows[mine], leave[mine - 1], problem.horizon_start)
            broken = (time > 0) & (start[mine] < ready + time)
            for at, need in zip(mine[broken].tolist(), time[broken].tolist(), strict=True):
                name, where = plan.task(self.task[row[at]]), plan.resource(machine[at])
                s = int(start[at])
                if follows[at]:
                    before = plan.task(self.task[row[at - 1]])
                    free = int(leave[at - 1])
                    names: tuple[str, ...] = (before, name)
                    why = f"'{before}' leaves '{where}' at {free} and"
                else:
                    free, names = problem.horizon_start, (name,)
                    why = f"'{where}' is free from {free} and"
                amount = free + need - s
                sentence = (
                    f"task '{name}' starts at {s}, but {why} the setup takes {ticks(need)} "
                    f"{overrun(amount, 'too early')}"
                )
                found.append(Violation(ViolationKind.SETUP, names, where, amount, sentence))
        return found


def _inside(first: str, second: str, machine: str, where: str, s: int, e: int, t: int) -> Violation:
    sentence = f"milestone '{second}' at {t} lies inside '{first}' {where} in [{s}, {e})"
    return Violation(ViolationKind.MILESTONE, (first, second), machine, min(t - s, e - t), sentence)


def check_no_overlaps(plan: Plan) -> list[Violation]:
    """Members of a no-overlap set run one at a time, and no milestone lies inside another."""
    sets = plan.problem.no_overlaps
    if not sets.count:
        return []
    owner = np.repeat(np.arange(sets.count, dtype=np.int64), np.diff(sets.ptr))
    task = sets.member.astype(np.int64)
    keep = plan.present[task] & (plan.milestone[task] | (plan.end[task] > plan.start[task]))
    owner, task = owner[keep], task[keep]
    order = turn_order(owner, plan.start[task], task, plan.milestone[task])
    owner, task = owner[order], task[order]
    start, instant = plan.start[task], plan.milestone[task]
    stop = np.where(instant, start, plan.end[task])
    later, earlier = _clashes(owner, start, stop)
    found = []
    for a, b in zip(earlier.tolist(), later.tolist(), strict=True):
        first, second = plan.task(task[a]), plan.task(task[b])
        name = sets.names[int(owner[a])]
        s, e, t = int(start[a]), int(stop[a]), int(start[b])
        if instant[b]:
            amount = min(t - s, e - t)
            sentence = (
                f"milestone '{second}' at {t} lies inside '{first}' in [{s}, {e}), against "
                f"no-overlap set '{name}'"
            )
        else:
            amount = min(e, int(stop[b])) - t
            sentence = (
                f"tasks '{first}' and '{second}' of no-overlap set '{name}' overlap in "
                f"[{t}, {t + amount}) ({ticks(amount)})"
            )
        found.append(Violation(ViolationKind.NO_OVERLAP, (first, second), None, amount, sentence))
    return found
