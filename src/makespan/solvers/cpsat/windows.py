"""Earliest starts and latest ends of tasks, tightened along precedences.

Heads and tails are longest paths over the precedence relations (all four kinds, minimum and
maximum lags); a relation moves a window only if the task it comes from is never left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from makespan.core.problem import Problem
from makespan.core.vocabulary import INFINITY, IntArray, PrecedenceKind
from makespan.core.working_time import mode_calendars

_ROUNDS = 5000


@dataclass(frozen=True, slots=True)
class Windows:
    """Where each task may lie.

    Attributes
    ----------
    earliest, latest
        Earliest start and latest end per task, ticks, int64 (n,).
    """

    earliest: IntArray
    latest: IntArray


def stated_windows(problem: Problem, horizon: int) -> Windows:
    """Windows from releases, deadlines and the horizon alone."""
    tasks, jobs = problem.tasks, problem.jobs
    earliest = np.maximum(tasks.release, problem.horizon_start)
    latest = np.minimum(tasks.deadline, horizon)
    member = tasks.job >= 0
    if member.any():
        job = tasks.job[member]
        earliest[member] = np.maximum(earliest[member], jobs.release[job])
        latest[member] = np.minimum(latest[member], jobs.deadline[job])
    return Windows(earliest, latest)


def open_windows(problem: Problem, horizon: int) -> Windows:
    """The widest windows a relaxable model may need."""
    n = problem.tasks.count
    low = min(problem.horizon_start, 0)
    return Windows(np.full(n, low, dtype=np.int64), np.full(n, horizon, dtype=np.int64))


def propagated_windows(problem: Problem, horizon: int) -> Windows:
    """Stated windows tightened along precedences until nothing moves; O(rounds x relations)."""
    stated = stated_windows(problem, horizon)
    start_low, end_high = stated.earliest.copy(), stated.latest.copy()
    tasks = problem.tasks
    if not tasks.count:
        return Windows(start_low, end_high)
    first = tasks.mode_ptr[:-1]
    shortest = np.minimum.reduceat(problem.modes.duration, first)
    longest = np.maximum.reduceat(problem.modes.duration, first)
    pauses = np.logical_or.reduceat(mode_calendars(problem).suspends, first)
    longest = np.where(pauses, INFINITY, longest)
    end_low, start_high = start_low + shortest, end_high - shortest

    edges = _Edges(problem)
    for _ in range(min(tasks.count + 1, _ROUNDS)):
        before = (start_low.copy(), end_low.copy(), start_high.copy(), end_high.copy())
        edges.push_up(start_low, end_low)
        edges.push_down(start_high, end_high)
        np.maximum(end_low, start_low + shortest, out=end_low)
        np.maximum(start_low, end_low - longest, out=start_low)
        np.minimum(start_high, end_high - shortest, out=start_high)
        np.minimum(end_high, start_high + longest, out=end_high)
        after = (start_low, end_low, start_high, end_high)
        if all(np.array_equal(x, y) for x, y in zip(before, after, strict=True)):
            break
        if (start_low > horizon).any() or (end_high < stated.earliest.min()).any():
            break  # a positive cycle: infeasible, and the model will say so
    return Windows(start_low, end_high)


def tails(problem: Problem) -> IntArray:
    """Ticks that must pass between the end of each task and the end of the schedule, (n,).

    Longest paths over tasks that are never left out; deadlines play no part.
    """
    tasks = problem.tasks
    if not tasks.count:
        return np.zeros(0, dtype=np.int64)
    shortest = np.minimum.reduceat(problem.modes.duration, tasks.mode_ptr[:-1])
    end_high = np.zeros(tasks.count, dtype=np.int64)
    start_high = -shortest
    edges = _Edges(problem)
    for _ in range(min(tasks.count + 1, _ROUNDS)):
        before = end_high.copy(), start_high.copy()
        edges.push_down(start_high, end_high)
        np.minimum(start_high, end_high - shortest, out=start_high)
        if np.array_equal(before[0], end_high) and np.array_equal(before[1], start_high):
            return -end_high
    return np.zeros(tasks.count, dtype=np.int64)


class _Edges:
    """Difference relations ``y - x >= lag`` between task starts and ends."""

    def __init__(self, problem: Problem) -> None:
        table = problem.precedences
        must = ~problem.tasks.optional
        from_start = (table.kind == PrecedenceKind.SS) | (table.kind == PrecedenceKind.SF)
        to_start = (table.kind == PrecedenceKind.SS) | (table.kind == PrecedenceKind.FS)
        finite = table.maximum < INFINITY
        # x + minimum <= y, and y - maximum <= x for relations with a maximum lag.
        self.x = np.concatenate((table.source, table.target[finite]))
        self.y = np.concatenate((table.target, table.source[finite]))
        self.x_start = np.concatenate((from_start, to_start[finite]))
        self.y_start = np.concatenate((to_start, from_start[finite]))
        self.lag = np.concatenate((table.minimum, -table.maximum[finite]))
        self.up = must[self.x]
        self.down = must[self.y]

    def push_up(self, start_low: IntArray, end_low: IntArray) -> None:
        """Raise lower bounds of the later ends."""
        reach = np.where(self.x_start, start_low[self.x], end_low[self.x]) + self.lag
        at_start, at_end = self.up & self.y_start, self.up & ~self.y_start
        np.maximum.at(start_low, self.y[at_start], reach[at_start])
        np.maximum.at(end_low, self.y[at_end], reach[at_end])

    def push_down(self, start_high: IntArray, end_high: IntArray) -> None:
        """Lower upper bounds of the earlier ends."""
        reach = np.where(self.y_start, start_high[self.y], end_high[self.y]) - self.lag
        at_start, at_end = self.down & self.x_start, self.down & ~self.x_start
        np.minimum.at(start_high, self.x[at_start], reach[at_start])
        np.minimum.at(end_high, self.x[at_end], reach[at_end])
