"""Right shift: keep every order and mode of the plan, and move tasks right only as needed.

The classic reactive repair (Abumaizar & Svestka, Int. J. Production Research 35(7), 1997). The
orders of the plan, on machines, along units of renewables, in no-overlap sets and among stock
changes, become arcs; a longest-path computation then finds the least starts, not earlier than
planned, that respect arcs, lags, windows, calendars and forbidden times.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from itertools import pairwise
from typing import Final

import numpy as np

from makespan.core.horizon import horizon_bound
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.core.vocabulary import (
    INFINITY,
    Blocking,
    DemandTiming,
    PrecedenceKind,
    ResourceKind,
)
from makespan.solvers.alns.order import chain
from makespan.solvers.alns.picture import Frame, Picture
from makespan.solvers.cpsat.domains import StartDomains
from makespan.solvers.cpsat.facts import Facts
from makespan.solvers.cpsat.windows import stated_windows
from makespan.solvers.repair.rest import Rest

_PUSHES: Final = 60
"""Times per task that starts may be pushed before a cycle of maximum lags is suspected."""


def right_shift(rest: Rest) -> Schedule | None:
    """The plan shifted, with new tasks after everything else; None if that breaks a constraint."""
    shift = _Shift(rest)
    if not shift.push():
        return None
    if rest.fresh.any() and not shift.append(np.flatnonzero(rest.fresh).tolist()):
        return None
    found = shift.schedule()
    return None if verify(rest.problem, found) else found


class _Shift:
    """Starts and ends in the making."""

    def __init__(self, rest: Rest) -> None:
        self._rest, self._problem = rest, rest.problem
        self._frame = Frame(rest.problem)
        self._picture = Picture(self._frame, rest.plan)
        self._facts = Facts(rest.problem)
        horizon = max(horizon_bound(rest.problem), 2 * rest.plan.makespan)
        self._domains = StartDomains(self._facts, stated_windows(rest.problem, horizon))
        self._slots: dict[int, tuple[list[int], list[tuple[int, int, int]]]] = {}
        self._mode: list[int] = rest.plan.mode.tolist()
        self._fixed: list[bool] = rest.fixed.tolist()
        self._start: list[int] = rest.plan.start.tolist()
        self._end: list[int] = rest.plan.end.tolist()
        # (target, from end, to end, lag) per source
        self._arcs: list[list[tuple[int, bool, bool, int]]] = [[] for _ in self._mode]
        self._precedences()
        self._machines()
        self._renewables()
        self._sets()
        self._stocks()

    # Arcs ----------------------------------------------------------------------------------------

    def _arc(self, i: int, j: int, *, lag: int = 0, x: str = "end", y: str = "start") -> None:
        self._arcs[i].append((j, x == "end", y == "end", lag))

    def _precedences(self) -> None:
        table = self._problem.precedences
        for i, j, kind, low, high in zip(
            table.source.tolist(),
            table.target.tolist(),
            table.kind.tolist(),
            table.minimum.tolist(),
            table.maximum.tolist(),
            strict=True,
        ):
            if self._mode[i] < 0 or self._mode[j] < 0:
                continue
            x = "start" if kind in (PrecedenceKind.SS, PrecedenceKind.SF) else "end"
            y = "start" if kind in (PrecedenceKind.SS, PrecedenceKind.FS) else "end"
            self._arc(i, j, lag=low, x=x, y=y)
            if high < INFINITY:
                self._arc(j, i, lag=-high, x=y, y=x)

    def _machines(self) -> None:
        problem, facts = self._problem, self._facts
        for r, lane in self._picture.lanes.items():
            if facts.kind[r] != ResourceKind.MACHINE:
                continue
            number = int(problem.resources.setup[r])
            setup = problem.setups[number] if number >= 0 else None
            for i, j in pairwise(lane):
                f, g = int(problem.tasks.family[i]), int(problem.tasks.family[j])
                lag = 0 if setup is None else int(setup.time[f, g])
                self._arc(i, j, lag=lag)
                leaves = self._next(i) if facts.blocking(i, r) != Blocking.NONE else None
                if leaves is not None and leaves != j:
                    self._arc(leaves, j, lag=lag, x="start")
            if setup is not None and not self._fixed[lane[0]]:
                first = int(setup.initial_time[int(problem.tasks.family[lane[0]])])
                low = problem.horizon_start + first
                self._start[lane[0]] = max(self._start[lane[0]], low)

    def _next(self, i: int) -> int | None:
        """Next present task of the job of ``i``."""
        return next((k for k in self._facts.followers[i] if self._mode[k] >= 0), None)

    def _renewables(self) -> None:
        for r, lane in self._picture.lanes.items():
            if self._facts.kind[r] == ResourceKind.RENEWABLE:
                for i, j in sorted(chain(self._picture, r, lane)):
                    self._arc(i, j)

    def _sets(self) -> None:
        for members in self._frame.sets:
            here = [i for i in members if self._mode[i] >= 0]
            here.sort(key=lambda i: (self._start[i], self._end[i]))
            for i, j in pairwise(here):
                self._arc(i, j)

    def _stocks(self) -> None:
        """Changes of a reservoir keep their order, so its levels are those of the plan."""
        modes = self._problem.modes
        events: dict[int, list[tuple[int, int, bool]]] = {}
        for i in self._picture.here.tolist():
            m = self._mode[i]
            for d in range(int(modes.demand_ptr[m]), int(modes.demand_ptr[m + 1])):
                timing = int(modes.demand_timing[d])
                if timing != DemandTiming.DURING and modes.demand_amount[d] != 0:
                    at_end = timing == DemandTiming.AT_END
                    time = self._end[i] if at_end else self._start[i]
                    events.setdefault(int(modes.demand_resource[d]), []).append((time, i, at_end))
        for found in events.values():
            found.sort()
            for (_, i, i_end), (_, j, j_end) in pairwise(found):
                if i != j:
                    x, y = ("end" if at_end else "start" for at_end in (i_end, j_end))
                    self._arc(i, j, x=x, y=y)

    # Times ---------------------------------------------------------------------------------------

    def push(self) -> bool:
        """Least starts under all arcs; False if a fixed task would have to move, or none exist."""
        release = self._problem.tasks.release.tolist()
        job = self._problem.tasks.job.tolist()
        of_job = self._problem.jobs.release.tolist()
        queue: deque[int] = deque()
        order = np.lexsort((self._picture.end, self._picture.start)).tolist()
        for i in order:
            if self._mode[i] < 0:
                continue
            if not self._fixed[i]:
                low = max(self._start[i], release[i], of_job[job[i]] if job[i] >= 0 else release[i])
                if not self._place(i, low):
                    return False
            queue.append(i)
        waiting = [True] * len(self._mode)
        budget = _PUSHES * (len(self._mode) + 1)
        while queue:
            i = queue.popleft()
            waiting[i] = False
            for j, from_end, to_end, lag in self._arcs[i]:
                need = (self._end[i] if from_end else self._start[i]) + lag
                if (self._end[j] if to_end else self._start[j]) >= need:
                    continue
                budget -= 1
                if self._fixed[j] or budget < 0 or not self._reach(j, need, to_end):
                    return False
                if not waiting[j]:
                    waiting[j] = True
                    queue.append(j)
        return True

    def _reach(self, j: int, need: int, to_end: bool) -> bool:
        """Move task ``j`` right until its start, or end, is at least ``need``."""
        if not to_end:
            return self._place(j, need)
        while self._end[j] < need:
            if not self._place(j, self._start[j] + need - self._end[j]):
                return False
        return True

    def _place(self, i: int, low: int) -> bool:
        """Earliest start of task ``i`` from ``low`` on that its calendars and windows allow."""
        firsts, slots = self._allowed(i)
        k = bisect_left(firsts, low + 1) - 1
        for first, last, held in slots[max(k, 0) :]:
            if last >= low:
                self._start[i] = max(first, low)
                self._end[i] = self._start[i] + held
                return True
        return False

    def _allowed(self, i: int) -> tuple[list[int], list[tuple[int, int, int]]]:
        """Allowed starts of the mode of ``i``: firsts, and ``(first, last, held)`` by first."""
        m = self._mode[i]
        if m not in self._slots:
            found = self._domains.of_mode(m).by_length
            slots = sorted((a, b, held) for held, rows in found.items() for a, b in rows)
            self._slots[m] = ([a for a, _, _ in slots], slots)
        return self._slots[m]

    def append(self, fresh: list[int]) -> bool:
        """Place new tasks one after the other behind everything, in an order of precedences."""
        gap = max((int(s.time.max(initial=0)) for s in self._problem.setups), default=0)
        modes, ptr = self._problem.modes, self._problem.tasks.mode_ptr
        after = max((self._end[i] for i, m in enumerate(self._mode) if m >= 0), default=0)
        for i in self._sorted(fresh):
            if self._problem.tasks.optional[i]:
                continue
            rows = range(int(ptr[i]), int(ptr[i + 1]))
            self._mode[i] = min(rows, key=lambda m: int(modes.duration[m]))
            low = max(after + gap, int(self._problem.tasks.release[i]))
            if not self._place(i, low):
                return False
            after = max(after, self._end[i])
        return True

    def _sorted(self, fresh: list[int]) -> list[int]:
        """New tasks in an order of their precedences."""
        member = set(fresh)
        waits = {i: sum(k in member for k in self._frame.before[i]) for i in fresh}
        ready, found = [i for i in fresh if not waits[i]], []
        while ready:
            i = ready.pop(0)
            found.append(i)
            for k in self._frame.after[i]:
                if k in member:
                    waits[k] -= 1
                    if not waits[k]:
                        ready.append(k)
        return [*found, *(i for i in fresh if waits[i])]

    def schedule(self) -> Schedule:
        """What has been found."""
        return Schedule(
            np.array(self._start, dtype=np.int64),
            np.array(self._end, dtype=np.int64),
            np.array(self._mode, dtype=np.int32),
        )
