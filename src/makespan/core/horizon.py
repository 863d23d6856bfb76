"""A latest end that some optimal schedule keeps, for engines that need finite domains."""

from __future__ import annotations

import math

import numpy as np

from makespan.core.problem import Problem
from makespan.core.vocabulary import INFINITY, TICK_LIMIT, IntArray
from makespan.core.working_time import WorkingTime, mode_calendars


def horizon_bound(problem: Problem) -> int:
    """A tick by which some optimal schedule is finished, if any schedule exists.

    Beyond the last date the problem states (releases, due dates, windows, steps, calendar
    exceptions, baselines) nothing changes but calendar patterns, so an idle stretch there in
    which no task runs and no lag or setup elapses can be cut by whole calendar periods. What is
    left is at most: every task once with its breaks, every positive lag and every setup once.
    Maximum lags and deadlines only shorten schedules. O(size).
    """
    t, m, r = problem.tasks, problem.modes, problem.resources
    anchors = [
        problem.horizon_start,
        _largest(t.release),
        _largest(t.due),
        _largest(t.baseline_start),
        _largest(t.forbidden_end),
        _largest(problem.jobs.release),
        _largest(problem.jobs.due),
        _largest(r.step_time),
    ]
    rules = mode_calendars(problem)
    periods = {problem.calendars[c].period for s in rules.sets for c in s} - {0}
    # A maximum lag can make one task wait for another's calendar, so waits repeat with the
    # period that all calendars in use have in common (those that end for ever wait for none).
    common = math.lcm(*periods) if periods else 0
    span = m.duration.copy()
    for number, members in enumerate(rules.sets):
        time = WorkingTime(tuple(problem.calendars[c] for c in members))
        anchors.append(time.settled)
        rows = np.flatnonzero(rules.key == number)
        for work in np.unique(m.duration[rows]).tolist():
            needed = time.span(work)
            if needed is not None:
                chosen = rows[m.duration[rows] == work]
                span[chosen] = np.maximum(span[chosen], needed + common)
    longest = np.maximum.reduceat(span, t.mode_ptr[:-1]).sum() if t.count else 0
    # A negative maximum lag is a positive minimum lag read backwards.
    lags = np.maximum(problem.precedences.minimum, 0).sum()
    lags += np.maximum(-problem.precedences.maximum, 0).sum()
    setups = 0
    for number, table in enumerate(problem.setups):
        if (r.setup == number).any() and table.time.size:
            worst = np.maximum(table.time.max(axis=0), table.initial_time)
            families = np.minimum(t.family, len(worst) - 1)
            # A task may need several machines, but their setups elapse side by side.
            setups += int(worst[families].sum())
    anchor = max(int(a) for a in anchors)
    bound = anchor + int(longest) + int(lags) + setups + 1
    bound = min(bound, problem.horizon_end, TICK_LIMIT)
    if t.count and not (t.deadline == INFINITY).any():
        bound = min(bound, int(t.deadline.max()))
    return max(bound, problem.horizon_start)


def _largest(values: IntArray) -> int:
    finite = values[values != INFINITY]
    return int(finite.max()) if len(finite) else 0
