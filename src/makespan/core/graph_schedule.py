"""What is critical in a schedule: the tasks whose delay must delay the end, and why.

Task i *pushes* task j if i, moved to its next possible start while all else stays, breaks a
constraint between them whose order the schedule fixed: a lag, the order on a machine (with setups
and blocking) or in a no-overlap set, the capacity of a renewable, the level of a reservoir. A task
is critical if it, or a task it pushes directly or through others, then ends after the makespan.

Every task called critical is: no schedule that keeps the orders lets it start later and ends in
time. The converse is exact for tasks without breaks on machines, in no-overlap sets and under lags.
Two cases are not followed up, and may leave a task out: several tasks that end at one instant may
each have room on a renewable or in a reservoir but not all together, and where calendars or
forbidden intervals make the next start a jump, it may be longer than a neighbour's slack.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from makespan.core import graph_loops as loops
from makespan.core.graph import next_in_job
from makespan.core.graph_next import next_starts
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import (
    Blocking,
    BoolArray,
    DemandTiming,
    IndexArray,
    IntArray,
    PrecedenceKind,
    ResourceKind,
)


class Cause(str, Enum):
    """Why one task pushes another."""

    PRECEDENCE = "precedence"
    MACHINE = "machine"
    NO_OVERLAP = "no_overlap"
    RENEWABLE = "renewable"
    RESERVOIR = "reservoir"


@dataclass(frozen=True, slots=True)
class Push:
    """One step of a critical chain: ``before`` pushes ``after``.

    Attributes
    ----------
    subject
        Name of the resource or no-overlap set, or the kind of the precedence.
    """

    before: int
    after: int
    cause: Cause
    subject: str


@dataclass(frozen=True, slots=True, eq=False)
class Criticality:
    """Critical tasks of a schedule.

    Attributes
    ----------
    critical
        Which tasks are critical, bool (n,).
    chain
        A chain of critical tasks that ends with one that ends last; each pushes the next. Its
        first task is pushed by none: it starts at a release, after a break or simply late.
    pushes
        The steps of the chain, one fewer than its tasks.
    """

    critical: BoolArray
    chain: tuple[int, ...]
    pushes: tuple[Push, ...]


_CAUSES = tuple(Cause)


class _Arcs:
    """Push arcs between tasks; nodes from n on stand for "all who act at this instant"."""

    def __init__(self, tasks: int) -> None:
        self.nodes = tasks
        self._parts: list[tuple[IntArray, IntArray, IntArray, IntArray]] = []

    def add(self, before: IntArray, after: IntArray, cause: Cause, subject: IntArray | int) -> None:
        code = np.full(len(before), _CAUSES.index(cause), dtype=np.int64)
        what = np.array(np.broadcast_to(subject, (len(before),)), dtype=np.int64)
        self._parts.append((before, after, code, what))

    def join(
        self,
        before: tuple[IntArray, IntArray],
        after: tuple[IntArray, IntArray],
        cause: Cause,
        subject: int,
    ) -> None:
        """Every task of ``before`` pushes every task of ``after`` at the same instant.

        Each side is (tasks, instants). A node per instant keeps the number of arcs linear.
        """
        (sources, when), (targets, then) = before, after
        moments = np.unique(when)
        if not len(moments):
            return
        slot = np.minimum(np.searchsorted(moments, then), len(moments) - 1)
        met = moments[slot] == then
        self.add(sources, self.nodes + np.searchsorted(moments, when), cause, subject)
        self.add(self.nodes + slot[met], targets[met], cause, subject)
        self.nodes += len(moments)

    def table(self) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        """Columns before, after, cause, subject of all arcs."""
        none = np.zeros(0, dtype=np.int64)
        parts = self._parts or [(none, none, none, none)]
        before, after, cause, subject = (np.concatenate(c) for c in zip(*parts, strict=True))
        return before, after, cause, subject


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Where tasks are and where each would go next; ``busy`` tasks are present, no milestones."""

    problem: Problem
    mode: IntArray
    present: BoolArray
    busy: BoolArray
    start: IntArray
    end: IntArray
    next_start: IntArray
    next_end: IntArray

    @classmethod
    def of(cls, problem: Problem, schedule: Schedule) -> _Places:
        present = schedule.present
        mode = np.maximum(schedule.mode, 0).astype(np.int64)
        busy = present & (problem.modes.duration[mode] > 0)
        later = next_starts(problem, schedule)
        return cls(
            problem, mode, present, busy, schedule.start, schedule.end, later.start, later.end
        )

    def users(self, kind: ResourceKind) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        """Demands of present tasks on this kind, see :func:`demands_on`."""
        return demands_on(self.problem, self.mode[self.present], kind)


def demands_on(
    problem: Problem, mode: IntArray | IndexArray, kind: ResourceKind
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Task, resource, amount and timing of each demand of some modes on a kind of resource.

    Parameters
    ----------
    mode
        Rows of the mode table, such as those of the present tasks, (k,).
    """
    modes = problem.modes
    chosen = np.zeros(modes.count, dtype=np.bool_)
    chosen[mode] = True
    owner = modes.demand_mode()
    rows = np.flatnonzero(
        chosen[owner]
        & (problem.resources.kind[modes.demand_resource] == kind)
        & (modes.demand_amount != 0)
    )
    return (
        modes.task[owner[rows]].astype(np.int64),
        modes.demand_resource[rows].astype(np.int64),
        modes.demand_amount[rows],
        modes.demand_timing[rows].astype(np.int64),
    )


def _lags(at: _Places, arcs: _Arcs) -> None:
    rows = at.problem.precedences
    both = np.flatnonzero(at.present[rows.source] & at.present[rows.target])
    i, j = rows.source[both].astype(np.int64), rows.target[both].astype(np.int64)
    from_end = (rows.kind == PrecedenceKind.FS) | (rows.kind == PrecedenceKind.FF)
    to_end = (rows.kind == PrecedenceKind.FF) | (rows.kind == PrecedenceKind.SF)
    x = np.where(from_end[both], at.end[i], at.start[i])
    y = np.where(to_end[both], at.end[j], at.start[j])
    next_x = np.where(from_end[both], at.next_end[i], at.next_start[i])
    next_y = np.where(to_end[both], at.next_end[j], at.next_start[j])
    low = next_x + rows.minimum[both] > y
    arcs.add(i[low], j[low], Cause.PRECEDENCE, both[low])
    high = next_y - rows.maximum[both] > x
    arcs.add(j[high], i[high], Cause.PRECEDENCE, both[high])


def _in_order(at: _Places, task: IntArray, line: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Neighbours in order of (start, end) on each line: earlier task, later task, line."""
    order = np.lexsort((task, at.end[task], at.start[task], line))
    task, line = task[order], line[order]
    k = np.flatnonzero(line[1:] == line[:-1])
    return task[k], task[k + 1], line[k]


def _machines(at: _Places, arcs: _Arcs) -> None:
    problem, resources = at.problem, at.problem.resources
    task, machine, _, _ = at.users(ResourceKind.MACHINE)
    working = at.busy[task]
    i, j, where = _in_order(at, task[working], machine[working])
    setup = np.zeros(len(i), dtype=np.int64)
    for number, table in enumerate(problem.setups):
        rows = np.flatnonzero(resources.setup[where] == number)
        setup[rows] = table.time[problem.tasks.family[i[rows]], problem.tasks.family[j[rows]]]
    if not working.all():
        # Milestones keep clear of tasks as tasks do of each other, but need no setup.
        x, y, on = _in_order(at, task, machine)
        some = ~(at.busy[x] & at.busy[y])
        i, j, where = (np.concatenate(c) for c in ((i, x[some]), (j, y[some]), (where, on[some])))
        setup = np.concatenate((setup, np.zeros(int(some.sum()), dtype=np.int64)))
    late = at.next_end[i] + setup > at.start[j]
    arcs.add(i[late], j[late], Cause.MACHINE, where[late])
    # A blocked machine is freed by the start of its job's next task.
    code = np.maximum(problem.tasks.blocking[i], resources.blocking[where])
    after = next_in_job(problem, at.present)[i]
    leaver = np.where((code > Blocking.NONE) & at.busy[i], after, -1)
    late = (leaver >= 0) & (leaver != j) & (at.next_start[leaver] + setup > at.start[j])
    arcs.add(leaver[late], j[late], Cause.MACHINE, where[late])


def _no_overlaps(at: _Places, arcs: _Arcs) -> None:
    sets = at.problem.no_overlaps
    line = np.repeat(np.arange(sets.count, dtype=np.int64), np.diff(sets.ptr))
    here = at.present[sets.member]
    i, j, where = _in_order(at, sets.member[here].astype(np.int64), line[here])
    late = at.next_end[i] > at.start[j]
    arcs.add(i[late], j[late], Cause.NO_OVERLAP, where[late])


def _renewables(at: _Places, arcs: _Arcs) -> None:
    resources = at.problem.resources
    task, resource, amount, _ = at.users(ResourceKind.RENEWABLE)
    working = at.busy[task]
    task, resource, amount = task[working], resource[working], amount[working]
    order = np.argsort(resource, kind="stable")
    task, resource, amount = task[order], resource[order], amount[order]
    for r in np.unique(resource).tolist():
        low, high = np.searchsorted(resource, (r, r + 1))
        members, units = task[low:high], amount[low:high]
        start, end = at.start[members], at.end[members]
        by_start, by_end = np.argsort(start), np.argsort(end)
        begun = np.concatenate(([0], np.cumsum(units[by_start])))
        ended = np.concatenate(([0], np.cumsum(units[by_end])))
        begins = start[by_start]
        first = np.searchsorted(begins, end)
        ahead = np.flatnonzero(first < len(begins))
        when = begins[first[ahead]]
        used = begun[np.searchsorted(begins, when, side="right")]
        used = used - ended[np.searchsorted(end[by_end], when, side="right")]
        steps = slice(int(resources.step_ptr[r]), int(resources.step_ptr[r + 1]))
        capacities = np.concatenate(([resources.capacity[r]], resources.step_capacity[steps]))
        free = capacities[np.searchsorted(resources.step_time[steps], when, side="right")] - used
        tight = (when < at.next_end[members[ahead]]) & (units[ahead] > free)
        arcs.join((members[ahead[tight]], when[tight]), (members, start), Cause.RENEWABLE, r)


def _reservoirs(at: _Places, arcs: _Arcs) -> None:
    resources = at.problem.resources
    task, resource, amount, timing = at.users(ResourceKind.RESERVOIR)
    time = np.where(timing == DemandTiming.AT_START, at.start[task], at.end[task])
    for r in np.unique(resource).tolist():
        rows = np.flatnonzero(resource == r)
        rows = rows[np.argsort(time[rows], kind="stable")]
        members, change, when = task[rows], amount[rows], time[rows]
        level = resources.initial[r] + np.cumsum(change)
        level = level[np.searchsorted(when, when, side="right") - 1]
        # Moving a change away from its instant leaves the others there without it.
        short = (change > 0) & (level - change < resources.minimum[r])
        over = (change < 0) & (level - change > resources.capacity[r])
        takes, gives = change < 0, change > 0
        arcs.join((members[short], when[short]), (members[takes], when[takes]), Cause.RESERVOIR, r)
        arcs.join((members[over], when[over]), (members[gives], when[gives]), Cause.RESERVOIR, r)


def criticality(problem: Problem, schedule: Schedule) -> Criticality:
    """Critical tasks of a feasible schedule and a chain that explains its makespan.

    O((n + p + d) log n) for d demands.
    """
    n = problem.tasks.count
    at = _Places.of(problem, schedule)
    arcs = _Arcs(n)
    for part in (_lags, _machines, _no_overlaps, _renewables, _reservoirs):
        part(at, arcs)
    before, after, cause, subject = arcs.table()
    order = np.lexsort((before, cause, after))
    before, after, cause, subject = before[order], after[order], cause[order], subject[order]
    ptr = np.zeros(arcs.nodes + 1, dtype=np.int64)
    np.cumsum(np.bincount(after, minlength=arcs.nodes), out=ptr[1:])

    last = np.flatnonzero(at.present & (at.next_end > schedule.makespan))
    mark = np.zeros(arcs.nodes, dtype=np.int64)
    stack = np.zeros(arcs.nodes, dtype=np.int64)
    mark[last], stack[: len(last)] = 1, last
    filled = np.array([len(last)], dtype=np.int64)
    loops.run(loops.reach, arcs.nodes + len(before), ptr, before, mark, stack, filled)

    final = np.flatnonzero(at.present & (at.end == schedule.makespan))
    chain: list[int] = []
    steps: list[Push] = []
    if len(final):
        chain.append(int(final[0]))
    seen = set(chain)
    while chain:
        found = _pusher(chain[-1], n, ptr, before, at.start, seen)
        if found is None:
            break
        arc, task = found
        which = _CAUSES[int(cause[arc])]
        steps.append(Push(task, chain[-1], which, _subject(problem, which, int(subject[arc]))))
        chain.append(task)
        seen.add(task)
    return Criticality(mark[:n] > 0, tuple(chain[::-1]), tuple(steps[::-1]))


def _pusher(
    task: int, tasks: int, ptr: IntArray, before: IntArray, start: IntArray, seen: set[int]
) -> tuple[int, int] | None:
    """First arc into ``task`` from a task not later and not seen, looking through instants."""
    for arc in range(int(ptr[task]), int(ptr[task + 1])):
        node = int(before[arc])
        found = [node] if node < tasks else before[ptr[node] : ptr[node + 1]].tolist()
        for candidate in found:
            if candidate not in seen and start[candidate] <= start[task]:
                return arc, candidate
    return None


def _subject(problem: Problem, cause: Cause, index: int) -> str:
    if cause is Cause.PRECEDENCE:
        return PrecedenceKind(int(problem.precedences.kind[index])).name
    if cause is Cause.NO_OVERLAP:
        return problem.no_overlaps.names[index]
    return problem.resources.names[index]
