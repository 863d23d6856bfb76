"""The problem of one window: its tasks free, what is settled around them fixed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from makespan.core.names import NameTable
from makespan.core.problem import (
    Modes,
    Objective,
    ObjectiveTerm,
    Precedences,
    Problem,
    Sets,
    Tasks,
)
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import INFINITY, BoolArray, IntArray, ObjectiveKind, ResourceKind


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A window's problem and how its rows are called in the whole one.

    Attributes
    ----------
    task, mode
        Task and mode of the whole problem behind each row, int64.
    free
        Which rows are tasks of the window, not settled ones, bool.
    """

    problem: Problem
    task: IntArray
    mode: IntArray
    free: BoolArray

    def modes_of(self, schedule: Schedule) -> IntArray:
        """Modes of a schedule of the window in rows of the whole problem."""
        return self.mode[schedule.mode]


def window_of(
    problem: Problem,
    tasks: IntArray,
    settled: BoolArray,
    plan: Schedule,
    tails: IntArray,
    kept_mode: IntArray,
) -> Window:
    """The problem of the window ``tasks``.

    Parameters
    ----------
    settled
        Tasks whose mode and times in ``plan`` are final, bool (n,).
    tails
        Least time that must follow each task, ticks, (n,).
    kept_mode
        Mode that each task keeps, -1 where all are open, (n,).
    """
    around = _around(problem, tasks, settled, plan)
    rows = np.sort(np.concatenate((tasks, around)))
    free = np.zeros(problem.tasks.count, dtype=np.bool_)
    free[tasks] = True
    owner = problem.modes.task
    inside = np.zeros(problem.tasks.count, dtype=np.bool_)
    inside[rows] = True
    only = np.where(free, kept_mode, plan.mode)
    number = np.arange(problem.modes.count)
    modes = np.flatnonzero(inside[owner] & ((only[owner] < 0) | (only[owner] == number)))
    beyond = ~settled & ~free
    small = _cut(problem, rows, modes)
    small = _placed(small, free[rows], plan.start[rows], plan.end[rows])
    ahead = _cut_off(problem, beyond)
    small = _aimed(problem, small, rows, free, ahead, tails, goes_on=bool(beyond.any()))
    return Window(small, rows, modes, free[rows])


def _around(problem: Problem, tasks: IntArray, settled: BoolArray, plan: Schedule) -> IntArray:
    """Settled tasks that the window may meet: in time, in a precedence, or last on a machine."""
    if not settled.any():
        return np.zeros(0, dtype=np.int64)
    member = np.zeros(problem.tasks.count, dtype=np.bool_)
    member[tasks] = True
    near = np.zeros(problem.tasks.count, dtype=np.bool_)
    ready = problem.tasks.release.copy()
    table = problem.precedences
    in_window, out_window = member[table.target], member[table.source]
    i, j = table.source, table.target
    near[i[in_window & settled[i]]] = True
    near[j[out_window & settled[j]]] = True
    flow = in_window & settled[i] & (table.kind == 0)
    np.maximum.at(ready, j[flow], plan.end[i[flow]] + table.minimum[flow])
    first = int(ready[tasks].min())
    near |= settled & (plan.end >= first)
    modes, kind = problem.modes, problem.resources.kind
    rows = np.flatnonzero(settled)
    latest: dict[int, int] = {}
    for t in rows[np.argsort(plan.start[rows], kind="stable")].tolist():
        m = int(plan.mode[t])
        if modes.duration[m] > 0:
            for r in modes.demand_resource[modes.demand_ptr[m] : modes.demand_ptr[m + 1]].tolist():
                if kind[r] == ResourceKind.MACHINE:
                    latest[r] = t
    near[list(latest.values())] = True
    return np.flatnonzero(near & settled)


def _cut(problem: Problem, rows: IntArray, modes: IntArray) -> Problem:
    """The problem of some tasks and modes alone."""
    t, m = problem.tasks, problem.modes
    place = np.full(t.count, -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    per_task = np.bincount(place[m.task[modes]], minlength=len(rows))
    forbidden, forbidden_rows = _csr(t.forbidden_ptr, rows)
    demand, demand_rows = _csr(m.demand_ptr, modes)
    columns = {
        name: getattr(t, name)[rows]
        for name in (
            "job", "release", "deadline", "due", "weight", "optional", "reward", "family",
            "blocking", "baseline_start", "baseline_mode",
        )
    }  # fmt: skip
    tasks = Tasks(
        names=NameTable.explicit(t.names[int(i)] for i in rows),
        mode_ptr=np.concatenate(([0], np.cumsum(per_task))),
        forbidden_ptr=forbidden,
        forbidden_start=t.forbidden_start[forbidden_rows],
        forbidden_end=t.forbidden_end[forbidden_rows],
        **columns,
    )
    owned = place[problem.jobs.task] >= 0
    job_of = np.repeat(np.arange(problem.jobs.count), np.diff(problem.jobs.task_ptr))[owned]
    sizes = np.bincount(job_of, minlength=problem.jobs.count)
    jobs = replace(
        problem.jobs,
        task_ptr=np.concatenate(([0], np.cumsum(sizes))),
        task=place[problem.jobs.task[owned]].astype(np.int32),
    )
    p = problem.precedences
    both = (place[p.source] >= 0) & (place[p.target] >= 0)
    return replace(
        problem,
        name=f"window of {problem.name}",
        tasks=tasks,
        modes=Modes(
            task=place[m.task[modes]].astype(np.int32),
            duration=m.duration[modes],
            cost=m.cost[modes],
            demand_ptr=demand,
            demand_resource=m.demand_resource[demand_rows],
            demand_amount=m.demand_amount[demand_rows],
            demand_timing=m.demand_timing[demand_rows],
        ),
        jobs=jobs,
        precedences=Precedences(
            place[p.source[both]].astype(np.int32),
            place[p.target[both]].astype(np.int32),
            p.kind[both],
            p.minimum[both],
            p.maximum[both],
        ),
        no_overlaps=_sets(problem.no_overlaps, place),
    )


def _csr(ptr: IntArray, rows: IntArray) -> tuple[IntArray, IntArray]:
    """Pointers of some rows of a CSR table, and the entries they keep."""
    sizes = np.diff(ptr)[rows]
    new = np.concatenate(([0], np.cumsum(sizes)))
    entries = np.repeat(ptr[:-1][rows], sizes) + np.arange(new[-1]) - np.repeat(new[:-1], sizes)
    return new, entries


def _sets(sets: Sets, place: IntArray) -> Sets:
    kept = [place[members][place[members] >= 0].astype(np.int32) for members in sets]
    sizes = [len(members) for members in kept]
    return Sets(
        sets.names,
        np.concatenate(([0], np.cumsum(sizes, dtype=np.int64))),
        np.concatenate([*kept, np.zeros(0, dtype=np.int32)]),
    )


def _placed(small: Problem, free: BoolArray, start: IntArray, end: IntArray) -> Problem:
    """Settled tasks in the windows that they have taken."""
    tasks = replace(
        small.tasks,
        release=np.where(free, small.tasks.release, start),
        deadline=np.where(free, small.tasks.deadline, end),
    )
    return replace(small, tasks=tasks)


def _cut_off(problem: Problem, beyond: BoolArray) -> BoolArray:
    """Jobs that go on beyond the window, bool (j,)."""
    ahead = np.zeros(problem.jobs.count, dtype=np.bool_)
    owned = beyond & (problem.tasks.job >= 0)
    ahead[problem.tasks.job[owned]] = True
    return ahead


def _aimed(
    problem: Problem,
    small: Problem,
    rows: IntArray,
    free: BoolArray,
    ahead: BoolArray,
    tails: IntArray,
    *,
    goes_on: bool,
) -> Problem:
    """The objective with what must follow the window counted in.

    Due dates and deadlines of jobs move earlier by the least time their rest takes. A makespan
    becomes the largest lateness against dates that lie those times before a common one, so the
    window aims at the end of everything and not at its own. Other terms stay as they are.
    """
    jobs, tasks = small.jobs, small.tasks
    member = free[rows]
    rest = np.zeros(jobs.count, dtype=np.int64)
    owned = member & (tasks.job >= 0)
    least = np.full(jobs.count, INFINITY, dtype=np.int64)
    np.minimum.at(least, tasks.job[owned], tails[rows][owned])
    rest[ahead] = np.where(least[ahead] < INFINITY, least[ahead], 0)
    dated = jobs.due < INFINITY
    jobs = replace(
        jobs,
        due=np.where(dated, jobs.due - rest, INFINITY),
        deadline=np.where(jobs.deadline < INFINITY, jobs.deadline - rest, INFINITY),
    )
    small = replace(small, jobs=jobs)
    plain = Objective()
    if not goes_on or problem.objective != plain or not tails[rows][member].any():
        return small
    reach = int(tails[rows][member].max())
    return replace(
        small,
        tasks=replace(tasks, due=np.where(member, reach - tails[rows], INFINITY)),
        jobs=replace(jobs, due=np.full(jobs.count, INFINITY, dtype=np.int64)),
        objective=Objective(((ObjectiveTerm(ObjectiveKind.MAX_LATENESS),),)),
    )
