"""When the work of a mode progresses: the common working time of its resources.

Engines use this module; the verifier does not (it derives the same facts from the definitions).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce

import numpy as np

from makespan.core.calendar import Calendar, intersect
from makespan.core.errors import InfeasibleError
from makespan.core.problem import Problem
from makespan.core.vocabulary import TICK_LIMIT, DemandTiming, IndexArray, IntArray, ResourceKind

_LARGEST_PERIOD = 10_000_000


@dataclass(frozen=True, slots=True)
class ModeCalendars:
    """Which calendars rule each mode.

    Attributes
    ----------
    key
        Row of ``sets`` per mode, -1 if no calendar matters, int32 (m,).
    suspends
        Whether the mode pauses in breaks instead of avoiding them, bool (m,).
    sets
        Distinct sorted tuples of calendar indices.
    """

    key: IndexArray
    suspends: np.ndarray
    sets: tuple[tuple[int, ...], ...]


def mode_calendars(problem: Problem) -> ModeCalendars:
    """Calendars per mode; milestones (duration 0) have none. O(demands)."""
    m, r = problem.modes, problem.resources
    key = np.full(m.count, -1, dtype=np.int32)
    suspends = np.zeros(m.count, dtype=np.bool_)
    if not (r.calendar >= 0).any():
        return ModeCalendars(key, suspends, ())
    timed = (m.demand_timing == DemandTiming.DURING) & (m.demand_amount > 0)
    timed &= r.calendar[m.demand_resource] >= 0
    timed &= (r.kind[m.demand_resource] == ResourceKind.MACHINE) | (
        r.kind[m.demand_resource] == ResourceKind.RENEWABLE
    )
    owner = m.demand_mode()
    timed &= m.duration[owner] > 0
    found: dict[int, set[int]] = {}
    for mode, resource in zip(owner[timed], m.demand_resource[timed], strict=True):
        found.setdefault(int(mode), set()).add(int(r.calendar[resource]))
        suspends[mode] |= r.suspend[resource]
    sets: dict[tuple[int, ...], int] = {}
    for mode_index, calendars in found.items():
        key[mode_index] = sets.setdefault(tuple(sorted(calendars)), len(sets))
    return ModeCalendars(key, suspends, tuple(sets))


class WorkingTime:
    """Common working time of some calendars, expanded as far as asked for.

    Parameters
    ----------
    calendars
        All must work for a tick to count.
    """

    def __init__(self, calendars: tuple[Calendar, ...]) -> None:
        self._calendars = calendars

    def intervals(self, start: int, end: int) -> IntArray:
        """Common working intervals inside ``[start, end)``, sorted and disjoint, (k, 2)."""
        if end <= start:
            return np.empty((0, 2), dtype=np.int64)
        whole = np.array([[start, end]], dtype=np.int64)
        return reduce(
            lambda have, c: intersect(have, c.working_in(start, end), start, end),
            self._calendars,
            whole,
        )

    @property
    def settled(self) -> int:
        """Tick from which only the periodic patterns rule (no exceptions, no explicit list)."""
        last = 0
        for calendar in self._calendars:
            for table in (calendar.exceptions, *(() if calendar.period else (calendar.working,))):
                if len(table):
                    last = max(last, int(table[:, 1].max()))
        return last

    @property
    def period(self) -> int:
        """Common period of the patterns; 0 if a calendar ends for ever."""
        if any(c.period == 0 for c in self._calendars):
            return 0
        return math.lcm(1, *(c.period for c in self._calendars))

    def span(self, work: int) -> int | None:
        """Ticks within which ``work`` working ticks surely fit from any settled start.

        None if the settled pattern offers no working time. Counts whole periods.
        """
        period = self.period
        if period == 0:
            return 0
        if period > _LARGEST_PERIOD:
            # Too long to look through; if there is working time, each period has a tick of it.
            return period * (work + 1)
        offered = self.intervals(self.settled, self.settled + period)
        ticks = int((offered[:, 1] - offered[:, 0]).sum())
        if ticks == 0:
            return None
        return period * (-(-work // ticks) + 1)

    def ends(self, start: IntArray, work: IntArray) -> IntArray:
        """Least ``t`` with ``work`` working ticks in ``[start, t)``, (k,) each; O(k log k + i).

        Raises
        ------
        InfeasibleError
            If the calendars stop offering time before the work is done.
        """
        if not work.any():
            return start.copy()
        last = self._last_use(int(start.max()), int(work.max()))
        low, reach = int(start.min()), int((start + work).max())
        while True:
            table = self.intervals(low, reach)
            lengths = table[:, 1] - table[:, 0]
            done = np.concatenate(([0], np.cumsum(lengths)))
            k = np.searchsorted(table[:, 0], start, side="right") - 1
            safe = np.maximum(k, 0)
            before = np.where(
                k < 0,
                0,
                done[safe] + np.minimum(np.maximum(start - table[safe, 0], 0), lengths[safe])
                if len(table)
                else 0,
            )
            goal = before + work
            if len(table) and int(goal.max()) <= int(done[-1]):
                slot = np.searchsorted(done, goal, side="left") - 1
                slot = np.maximum(slot, 0)
                ends = table[slot, 0] + goal - done[slot]
                return np.where(work == 0, start, ends)
            if reach >= last:
                names = ", ".join(repr(c.name) for c in self._calendars)
                raise InfeasibleError(
                    f"calendars {names} never offer the working time asked for",
                    hint="give them more working time, or start earlier",
                )
            reach = min(low + 2 * (reach - low + 1), last)

    def _last_use(self, start: int, work: int) -> int:
        """Tick by which ``work`` is done from ``start``, or earlier, if it can be done at all."""
        settled = max(start, self.settled)
        needed = self.span(work)
        return min(settled + (self.period if needed is None else needed), 2 * TICK_LIMIT)


def mode_ends(problem: Problem, start: IntArray, mode: IndexArray) -> IntArray:
    """Ends of tasks that start at ``start`` in ``mode`` (rows of the mode table), (n,).

    Absent tasks (mode < 0) end where they start. A task that pauses in breaks ends at the least
    tick by which its resources have worked its duration together.
    """
    chosen = np.maximum(mode, 0)
    duration = np.where(mode >= 0, problem.modes.duration[chosen], 0)
    end = start + duration
    calendars = mode_calendars(problem)
    paused = (mode >= 0) & calendars.suspends[chosen]
    if not paused.any():
        return np.asarray(end)
    for number, members in enumerate(calendars.sets):
        rows = np.flatnonzero(paused & (calendars.key[chosen] == number))
        if len(rows):
            time = WorkingTime(tuple(problem.calendars[c] for c in members))
            end[rows] = time.ends(start[rows], duration[rows])
    return np.asarray(end)
