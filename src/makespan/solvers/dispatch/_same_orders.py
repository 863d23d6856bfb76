"""Same-order sets: a schedule built without them names an order of jobs, precedences then keep it.

The kernels place tasks one by one and may overtake. So a run is made twice: free of the sets, and
again with the jobs of each set chained on its machines in the order of their mean starts there.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from makespan.core.graph import find_precedence_cycle
from makespan.core.problem import Precedences, Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import INFINITY, IntArray, PrecedenceKind


def in_order(problem: Problem, schedule: Schedule, *, every_mode: bool) -> Problem | None:
    """``problem`` with chains instead of same-order sets; None if they contradict precedences.

    Parameters
    ----------
    schedule
        Keeps every constraint but the sets.
    every_mode
        Chain all tasks that might run on a machine, so that the order holds whatever modes a run
        takes; else those that do run there in ``schedule``.
    """
    t, m = problem.tasks, problem.modes
    job = np.where(t.job >= 0, t.job, problem.jobs.count + np.arange(t.count)).astype(np.int64)
    mode = m.demand_mode()
    running = np.zeros(m.count, dtype=np.bool_)
    running[schedule.mode[schedule.present]] = True
    source: list[int] = []
    target: list[int] = []
    for members in problem.same_orders:
        placed = running[mode] & np.isin(m.demand_resource, members)
        here = m.task[mode[placed]]
        count = np.bincount(job[here], minlength=len(job) + problem.jobs.count)
        total = np.bincount(job[here], schedule.start[here], minlength=len(count))
        mean = total / np.maximum(count, 1)
        for machine in members.tolist():
            rows = m.demand_resource == machine
            if not every_mode:
                rows &= running[mode]
            line = np.unique(m.task[mode[rows]]).astype(np.int64)
            line = line[np.lexsort((job[line], mean[job[line]]))]
            _chain(line.tolist(), t.optional[line].tolist(), source, target)
    p = problem.precedences
    extra = len(source)

    def more(column: IntArray, values: list[int]) -> IntArray:
        return np.concatenate((column, np.array(values, dtype=column.dtype)))

    made = replace(
        problem,
        same_orders=type(problem.same_orders).empty(),
        precedences=Precedences(
            source=more(p.source, source),  # type: ignore[arg-type]
            target=more(p.target, target),  # type: ignore[arg-type]
            kind=more(p.kind, [PrecedenceKind.FS] * extra),  # type: ignore[arg-type]
            minimum=more(p.minimum, [0] * extra),
            maximum=more(p.maximum, [INFINITY] * extra),
        ),
    )
    return None if find_precedence_cycle(made) is not None else made


def _chain(line: list[int], optional: list[bool], source: list[int], target: list[int]) -> None:
    """Each task before the next one and, as that may be left out, all up to one that may not."""
    for k, task in enumerate(line):
        for after in range(k + 1, len(line)):
            source.append(task)
            target.append(line[after])
            if not optional[after]:
                break
