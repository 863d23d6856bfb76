"""Start times that a mode allows, and how long its task is held from each of them.

Everything that depends on the start of a task alone is settled here, before the solver sees it:
windows, forbidden intervals, calendars that forbid, capacity steps too low for the demand, and
calendars that suspend. A suspended task that starts at s is held for ``duration + pause(s)``; the
pause is a step function of the start with few distinct values even when a pattern repeats for
years, so the starts are grouped by pause.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from makespan.core.calendar import complement, intersect, merge_intervals
from makespan.core.vocabulary import BoolArray, IntArray, ResourceKind
from makespan.core.working_time import WorkingTime
from makespan.solvers.cpsat.facts import Facts
from makespan.solvers.cpsat.windows import Windows

Ranges = list[tuple[int, int]]
"""Sorted disjoint closed ranges of start times."""


@dataclass(frozen=True, slots=True)
class StartSets:
    """Allowed starts of one mode.

    Attributes
    ----------
    by_length
        Time the task is held (ticks) -> starts for which it is held that long.
    """

    by_length: dict[int, Ranges] = field(default_factory=dict)

    @property
    def union(self) -> Ranges:
        """Every allowed start."""
        return union(list(self.by_length.values()))


def union(parts: list[Ranges]) -> Ranges:
    """Union of closed integer ranges, merged."""
    kept = [part for part in parts if part]
    if len(kept) == 1:
        return kept[0]
    if not kept:
        return []
    half_open = np.array([pair for part in kept for pair in part], dtype=np.int64)
    half_open[:, 1] += 1
    return _closed(merge_intervals(half_open))


def _closed(half_open: IntArray) -> Ranges:
    return [(a, b - 1) for a, b in half_open.tolist()]


class StartDomains:
    """Computes start sets of modes, sharing expanded calendars between them.

    Parameters
    ----------
    windows
        Earliest start and latest end per task.
    stated
        False leaves out what a relaxable model posts as labelled constraints: forbidden
        intervals, calendars and capacity steps.
    """

    def __init__(self, facts: Facts, windows: Windows, *, stated: bool = True) -> None:
        self._facts = facts
        self._problem = facts.problem
        self._stated = stated
        self._earliest: list[int] = windows.earliest.tolist()
        self._latest: list[int] = windows.latest.tolist()
        self._low = min(self._earliest, default=0)
        self._high = max(max(self._latest, default=0), self._low)
        self._working: dict[tuple[int, ...], IntArray] = {}
        resources = self._problem.resources
        self._calendar: list[int] = resources.calendar.tolist()
        self._suspends: list[bool] = resources.suspend.tolist()
        self._ruled: list[bool] = self._ruled_modes().tolist()

    def _ruled_modes(self) -> BoolArray:
        """Modes whose starts depend on more than the window: calendars, steps, forbidden time."""
        modes, resources = self._problem.modes, self._problem.resources
        stepped = np.diff(resources.step_ptr) > 0
        special = (resources.calendar >= 0) | stepped
        renewable = resources.kind[modes.demand_resource] == ResourceKind.RENEWABLE
        scarce = modes.demand_amount > resources.capacity[modes.demand_resource]
        ruled = np.zeros(modes.count, dtype=np.bool_)
        ruled[modes.demand_mode()[special[modes.demand_resource] | (renewable & scarce)]] = True
        tasks = self._problem.tasks
        ruled |= (np.diff(tasks.forbidden_ptr) > 0)[modes.task]
        return ruled

    def earliest(self, task: int) -> int:
        """Earliest start of ``task``."""
        return self._earliest[task]

    def latest(self, task: int) -> int:
        """Latest end of ``task``."""
        return self._latest[task]

    def of_mode(self, mode: int) -> StartSets:
        """Start sets of ``mode`` inside its task's window."""
        facts = self._facts
        task, work = facts.mode_task[mode], facts.duration[mode]
        if not self._stated or not self._ruled[mode]:
            return self._plain(task, work)
        return self.restricted(mode, forbidden=True, resources=None)

    def restricted(self, mode: int, *, forbidden: bool, resources: set[int] | None) -> StartSets:
        """Start sets under some of the mode's rules.

        Parameters
        ----------
        forbidden
            Whether the task's forbidden intervals count.
        resources
            Resources whose calendars and steps count; None for all.
        """
        facts = self._facts
        task, work = facts.mode_task[mode], facts.duration[mode]
        shut = self._forbidden(task) if forbidden else np.empty((0, 2), dtype=np.int64)
        if work == 0:
            open_ticks = complement(shut, self._earliest[task], self._latest[task] + 1)
            return StartSets({0: _closed(open_ticks)} if len(open_ticks) else {})
        used = [
            (r, amount)
            for r, amount in facts.usage[mode]
            if (resources is None or r in resources)
            and facts.kind[r] in (ResourceKind.MACHINE, ResourceKind.RENEWABLE)
        ]
        ruled = [r for r, _ in used if self._calendar[r] >= 0]
        pauses = any(self._suspends[r] for r in ruled)
        firm = tuple(sorted({self._calendar[r] for r in ruled if not self._suspends[r]}))
        gaps = [shut, *(self._overfull(r, amount, pauses) for r, amount in used)]
        held = merge_intervals(np.concatenate(gaps))
        if not firm and not pauses and not len(held):
            return self._plain(task, work)
        free = complement(held, self._low, self._high)
        if firm:
            free = intersect(free, self._work(firm), self._low, self._high)
        if not pauses:
            return self._whole(task, work, free)
        every = tuple(sorted({self._calendar[r] for r in ruled}))
        return self._paused(task, work, self._work(every), free)

    def working(self, mode: int) -> IntArray:
        """Ticks in which ``mode`` progresses inside the model's time span, (k, 2)."""
        facts = self._facts
        calendars = {
            self._calendar[r]
            for r, _ in facts.usage[mode]
            if self._calendar[r] >= 0
            and facts.kind[r] in (ResourceKind.MACHINE, ResourceKind.RENEWABLE)
        }
        return self._work(tuple(sorted(calendars)))

    def _work(self, calendars: tuple[int, ...]) -> IntArray:
        if calendars not in self._working:
            time = WorkingTime(tuple(self._problem.calendars[c] for c in calendars))
            self._working[calendars] = time.intervals(self._low, self._high)
        return self._working[calendars]

    def _forbidden(self, task: int) -> IntArray:
        tasks = self._problem.tasks
        a, b = tasks.forbidden_ptr[task], tasks.forbidden_ptr[task + 1]
        table = np.column_stack((tasks.forbidden_start[a:b], tasks.forbidden_end[a:b]))
        return merge_intervals(table)

    def _overfull(self, resource: int, amount: int, pauses: bool) -> IntArray:
        """Stretches in which the resource's capacity is below ``amount``."""
        table = self._problem.resources
        if pauses and table.released_in_breaks[resource]:
            return np.empty((0, 2), dtype=np.int64)
        a, b = table.step_ptr[resource], table.step_ptr[resource + 1]
        if a == b and table.capacity[resource] >= amount:
            return np.empty((0, 2), dtype=np.int64)
        times = np.clip(table.step_time[a:b], self._low, self._high)
        edges = np.concatenate(([self._low], times, [self._high]))
        levels = np.concatenate(([table.capacity[resource]], table.step_capacity[a:b]))
        low = levels < amount
        return np.column_stack((edges[:-1], edges[1:]))[low]

    def _plain(self, task: int, work: int) -> StartSets:
        low, high = self._earliest[task], self._latest[task] - work
        return StartSets({work: [(low, high)]} if low <= high else {})

    def _whole(self, task: int, work: int, free: IntArray) -> StartSets:
        low = np.maximum(free[:, 0], self._earliest[task])
        high = np.minimum(free[:, 1], self._latest[task]) - work
        fits = low <= high
        if not fits.any():
            return StartSets()
        return StartSets({work: list(zip(low[fits].tolist(), high[fits].tolist(), strict=True))})

    def _paused(self, task: int, work: int, working: IntArray, free: IntArray) -> StartSets:
        """Starts by holding time for a mode that pauses in breaks; O(k log k) for k intervals."""
        low, high = self._earliest[task], self._latest[task]
        begin, close = working[:, 0], working[:, 1]
        done = np.concatenate(([0], np.cumsum(close - begin)))
        # A piece is a run of starts inside one working interval that end inside one other:
        # starts by amount of earlier work, ends by the same amount plus `work`.
        cuts = np.unique(np.concatenate((done, done[1:] - work + 1)))
        cuts = cuts[(cuts >= 0) & (cuts <= done[-1] - work)]
        by_length: dict[int, Ranges] = {}
        if not len(cuts):
            return StartSets(by_length)
        nexts = np.append(cuts[1:], done[-1] - work + 1)
        slot = np.searchsorted(done, cuts, side="right") - 1
        last = np.searchsorted(done, cuts + work, side="left") - 1
        starts = begin[slot] + cuts - done[slot]
        ends = begin[last] + cuts + work - done[last]
        room = np.searchsorted(free[:, 0], starts, side="right") - 1
        for s, count, e, k in zip(
            starts.tolist(), (nexts - cuts).tolist(), ends.tolist(), room.tolist(), strict=True
        ):
            held = e - s
            for row in free[max(k, 0) :].tolist():
                if row[0] > s + count - 1:
                    break
                first = max(s, row[0], low)
                final = min(s + count - 1, row[1] - held, high - held)
                if first <= final:
                    by_length.setdefault(held, []).append((first, final))
        return StartSets({held: union([ranges]) for held, ranges in by_length.items()})
