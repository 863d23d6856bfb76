"""Working time of each mode, spelled out as intervals up to some tick."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from makespan.core.horizon import horizon_bound
from makespan.core.problem import Problem
from makespan.core.vocabulary import INFINITY, DemandTiming, IntArray, ResourceKind
from makespan.core.working_time import WorkingTime
from makespan.solvers.dispatch import _layout as at


@dataclass(frozen=True, slots=True)
class Patterns:
    """Pattern of each mode (-1: any tick), their rows, and the intervals the rows point into.

    ``end`` is the tick they are spelled out to, None if nothing lies beyond it.
    """

    of_mode: IntArray
    rows: IntArray
    spans: IntArray
    end: int | None


def working_patterns(problem: Problem, end: int | None) -> Patterns:
    """Patterns of all modes up to ``end``, by default a first guess that mostly suffices."""
    m, r = problem.modes, problem.resources
    of_mode = np.full(m.count, -1, dtype=np.int64)
    none = np.empty((0, 2), dtype=np.int64)
    if not (r.calendar >= 0).any() or not m.count:
        return Patterns(of_mode, np.empty((0, at.PATTERN_COLUMNS), dtype=np.int64), none, None)
    timed = (m.demand_timing == DemandTiming.DURING) & (m.demand_amount > 0)
    timed &= (r.calendar[m.demand_resource] >= 0) & (
        np.isin(r.kind[m.demand_resource], (ResourceKind.MACHINE, ResourceKind.RENEWABLE))
    )
    owner = m.demand_mode()
    timed &= m.duration[owner] > 0
    used: dict[int, set[tuple[int, bool]]] = {}
    for mode, resource in zip(
        owner[timed].tolist(), m.demand_resource[timed].tolist(), strict=True
    ):
        rule = (int(r.calendar[resource]), bool(r.suspend[resource]))
        used.setdefault(mode, set()).add(rule)
    keys: dict[tuple[tuple[int, bool], ...], int] = {}
    for mode, rules in used.items():
        of_mode[mode] = keys.setdefault(tuple(sorted(rules)), len(keys))
    last = _last_date(problem)
    if end is None:
        end = min(_first_guess(problem, last), max(horizon_bound(problem), last) + 1)
    rows = np.zeros((len(keys), at.PATTERN_COLUMNS), dtype=np.int64)
    spans, count, endless = [none], 0, False
    for key, number in keys.items():
        suspends = any(suspend for _, suspend in key)
        everyone = WorkingTime(tuple(problem.calendars[c] for c in sorted({c for c, _ in key})))
        endless = endless or everyone.period > 0
        strict = tuple(problem.calendars[c] for c in sorted({c for c, s in key if not s}))
        work = everyone.intervals(problem.horizon_start, end)
        guard = none
        if suspends and strict:
            guard = WorkingTime(strict).intervals(problem.horizon_start, end)
        rows[number, at.WORK_FROM], rows[number, at.WORK_TO] = count, count + len(work)
        count += len(work)
        rows[number, at.GUARD_FROM], rows[number, at.GUARD_TO] = count, count + len(guard)
        count += len(guard)
        rows[number, at.SUSPENDS] = suspends
        spans += [work, guard]
    table = np.ascontiguousarray(np.concatenate(spans))
    more = endless or end <= last
    return Patterns(of_mode, rows, table, end if more else None)


def _last_date(problem: Problem) -> int:
    """Latest tick that the problem mentions."""
    t, r = problem.tasks, problem.resources
    dates = [
        t.release,
        problem.jobs.release,
        t.forbidden_end,
        r.step_time,
        *(c.exceptions.ravel() for c in problem.calendars),
        *(c.working.ravel() for c in problem.calendars),
        np.array([problem.horizon_start]),
    ]
    return max(int(d[d < INFINITY].max(initial=problem.horizon_start)) for d in dates)


def _first_guess(problem: Problem, last: int) -> int:
    period = max((c.period for c in problem.calendars), default=0)
    busy = int(problem.modes.duration.sum()) // max(problem.resources.count, 1)
    return last + 16 * period + 8 * (busy + int(problem.modes.duration.max(initial=0))) + 64
