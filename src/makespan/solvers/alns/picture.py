"""A schedule as destroy operators look at it: who sits where, next to whom, at what cost."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import (
    INFINITY,
    DemandTiming,
    IndexArray,
    IntArray,
    ObjectiveKind,
    ResourceKind,
)

Pairs = list[tuple[int, int]]


class Frame:
    """What does not depend on the schedule; O(size of the problem) to build.

    Attributes
    ----------
    usage
        Per mode, ``(resource, amount)`` of its demands on machines and renewables.
    unit
        Unit of each task: its job, or a number of its own, int64 (n,).
    before, after
        Per task, the tasks that precedence relations tie it to.
    sets
        Members of each no-overlap set.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        tasks, modes, resources = problem.tasks, problem.modes, problem.resources
        self.count = tasks.count
        self.kind: list[int] = resources.kind.tolist()
        self.duration: list[int] = modes.duration.tolist()
        kind = resources.kind[modes.demand_resource]
        timed = (kind == ResourceKind.MACHINE) | (kind == ResourceKind.RENEWABLE)
        timed &= (modes.demand_timing == DemandTiming.DURING) & (modes.demand_amount > 0)
        self.usage: list[Pairs] = [[] for _ in range(modes.count)]
        for m, r, amount in zip(
            modes.demand_mode()[timed].tolist(),
            modes.demand_resource[timed].tolist(),
            modes.demand_amount[timed].tolist(),
            strict=True,
        ):
            self.usage[m].append((r, amount))
        alone = np.flatnonzero(tasks.job < 0)
        self.unit: IntArray = tasks.job.astype(np.int64)
        self.unit[alone] = problem.jobs.count + np.arange(len(alone))
        self.units = problem.jobs.count + len(alone)
        self.before: list[list[int]] = [[] for _ in range(tasks.count)]
        self.after: list[list[int]] = [[] for _ in range(tasks.count)]
        table = problem.precedences
        for i, j in zip(table.source.tolist(), table.target.tolist(), strict=True):
            self.before[j].append(i)
            self.after[i].append(j)
        self.sets: list[list[int]] = [members.tolist() for members in problem.no_overlaps]

    @cached_property
    def members(self) -> list[IntArray]:
        """Tasks of each unit."""
        order = np.argsort(self.unit, kind="stable")
        cuts = np.searchsorted(self.unit[order], np.arange(1, self.units))
        return np.split(order, cuts)

    @cached_property
    def largest_capacity(self) -> list[int]:
        """Most units that each renewable ever offers."""
        r = self.problem.resources
        most = r.capacity.copy()
        np.maximum.at(most, np.repeat(np.arange(r.count), np.diff(r.step_ptr)), r.step_capacity)
        return [int(c) for c in most]


class Picture:
    """One schedule in a frame; each view of it is made when first asked for."""

    def __init__(self, frame: Frame, schedule: Schedule) -> None:
        self.frame, self.schedule = frame, schedule
        self.start: IntArray = schedule.start
        self.end: IntArray = schedule.end
        self.mode: IndexArray = schedule.mode
        self.here = np.flatnonzero(schedule.mode >= 0)
        self.absent = np.flatnonzero(schedule.mode < 0)

    @cached_property
    def lanes(self) -> dict[int, list[int]]:
        """Tasks of positive duration on each machine and renewable in use, by start."""
        frame, mode = self.frame, self.mode.tolist()
        found: dict[int, list[int]] = {}
        for i in np.lexsort((self.end, self.start)).tolist():
            m = mode[i]
            if m >= 0 and frame.duration[m] > 0:
                for r, _ in frame.usage[m]:
                    found.setdefault(r, []).append(i)
        return found

    @cached_property
    def place(self) -> dict[tuple[int, int], int]:
        """Position of ``(resource, task)`` in its lane."""
        return {(r, i): k for r, lane in self.lanes.items() for k, i in enumerate(lane)}

    def resources(self, task: int) -> list[int]:
        """Machines and renewables whose lane ``task`` is in."""
        m = int(self.mode[task])
        if m < 0 or self.frame.duration[m] == 0:
            return []
        return [r for r, _ in self.frame.usage[m]]

    def rivals(self, task: int, reach: int) -> list[int]:
        """Tasks up to ``reach`` places before or after ``task`` on its resources."""
        found = []
        for r in self.resources(task):
            lane, k = self.lanes[r], self.place[r, task]
            found += lane[max(0, k - reach) : k] + lane[k + 1 : k + 1 + reach]
        return found

    def pushers(self, task: int) -> list[int]:
        """Tasks that keep ``task`` from starting earlier: those that end, or start, last before.

        Of precedences the tied tasks, of each resource the one that leaves it last.
        """
        start = int(self.start[task])
        before = self.frame.before[task]
        found = [i for i in before if self.mode[i] >= 0 and self.start[i] <= start]
        for r in self.resources(task):
            lane, k = self.lanes[r], self.place[r, task]
            ended = [i for i in lane[max(0, k - 8) : k] if self.end[i] <= start]
            if ended:
                found.append(max(ended, key=lambda i: int(self.end[i])))
        return found

    def shares(self, level: int) -> np.ndarray:
        """What each task adds to an objective level, or about so, float (n,), at least 0.

        Terms of a unit are put on its last task; the makespan on the tasks that end it.
        """
        problem, n = self.frame.problem, self.frame.count
        total = np.zeros(n)
        for term in problem.objective.levels[level]:
            total += term.coefficient * self._share(term.kind)
        return total

    def _share(self, kind: ObjectiveKind) -> np.ndarray:
        problem, here = self.frame.problem, self.here
        t, modes = problem.tasks, problem.modes
        share = np.zeros(self.frame.count)
        if kind is ObjectiveKind.UNPLACED:
            share[self.absent] = t.reward[self.absent]
        elif kind is ObjectiveKind.MAKESPAN:
            share[here[self.end[here] == self.schedule.makespan]] = 1.0
        elif kind in (ObjectiveKind.CHANGE, ObjectiveKind.MOVED):
            planned = here[t.baseline_start[here] < INFINITY]
            share[planned] = np.abs(self.start[planned] - t.baseline_start[planned])
            if kind is ObjectiveKind.MOVED:
                share = (share > 0).astype(np.float64)
        elif kind in (ObjectiveKind.MODE_COST, ObjectiveKind.RESOURCE_COST):
            share[here] = modes.cost[self.mode[here]] + modes.duration[self.mode[here]]
        elif kind in (ObjectiveKind.SETUP_TIME, ObjectiveKind.SETUP_COST):
            share[here] = 1.0
        elif len(here):
            self._of_units(kind, share)
        if kind in (ObjectiveKind.MAX_TARDINESS, ObjectiveKind.MAX_LATENESS):
            share = np.where(share >= share.max(initial=0.0), share, 0.0)
        return share

    def _of_units(self, kind: ObjectiveKind, share: np.ndarray) -> None:
        """Terms over completions: of jobs on their last task, of dated tasks on themselves."""
        problem, here = self.frame.problem, self.here
        t, jobs, unit = problem.tasks, problem.jobs, self.frame.unit
        order = here[np.argsort(self.end[here], kind="stable")]
        last = np.full(self.frame.units, -1, dtype=np.int64)
        last[unit[order]] = order  # the latest end is written last
        rows = [(int(i), k) for k, i in enumerate(last.tolist()) if i >= 0]
        if kind in (ObjectiveKind.TOTAL_COMPLETION, ObjectiveKind.TOTAL_FLOW_TIME):
            first = problem.horizon_start
            for i, k in rows:
                weight = jobs.weight[k] if k < jobs.count else t.weight[i]
                share[i] += float(weight) * float(self.end[i] - first)
            return
        early = kind is ObjectiveKind.TOTAL_EARLINESS
        dated = [(i, int(jobs.due[k]), int(jobs.weight[k])) for i, k in rows if k < jobs.count]
        dated += [(int(i), int(t.due[i]), int(t.weight[i])) for i in here]
        for i, due, weight in dated:
            if due < INFINITY:
                late = int(self.end[i]) - due
                share[i] += weight * max(0, -late if early else late)
