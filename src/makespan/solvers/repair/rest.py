"""The rest problem: the past fixed, the future free, the plan as baseline.

Every task keeps its number. A task that has begun gets the window and the duration that it had
(or is going to have), so that its start, mode and end are the only ones that fit; what the past
has already broken is waived, because no plan can mend it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.problem import Objective, ObjectiveTerm, Precedences, Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import INFINITY, BoolArray, IntArray, ObjectiveKind, PrecedenceKind
from makespan.core.working_time import mode_ends
from makespan.solvers.repair.disturbances import Breakdown, CapacityDrop, Disturbance, NewWork
from makespan.solvers.repair.draft import Draft
from makespan.solvers.repair.joining import joined


@dataclass(frozen=True, slots=True, eq=False)
class Rest:
    """What is left to be decided.

    Attributes
    ----------
    problem
        The rest problem under the objective of the plan.
    plan
        The plan in numbers of the rest problem; new and cancelled tasks are absent.
    fixed
        Tasks that have begun, bool (n,).
    fresh
        Tasks that came with the disturbances, bool (n,).
    waived
        Sentences about constraints that the past has broken for good.
    """

    problem: Problem
    plan: Schedule
    fixed: BoolArray
    fresh: BoolArray
    waived: tuple[str, ...]


def rest_of(
    problem: Problem, plan: Schedule, now: int, disturbances: Sequence[Disturbance]
) -> Rest:
    """The rest of ``plan`` at ``now`` under ``disturbances``; O(size of the problem)."""
    full = problem
    for what in disturbances:
        if isinstance(what, NewWork):
            full = joined(full, what.problem)
    draft = Draft(full, plan, now)
    downs = [what for what in disturbances if isinstance(what, Breakdown | CapacityDrop)]
    for what in disturbances:
        if not isinstance(what, NewWork | Breakdown | CapacityDrop):
            draft.apply(what)
    draft.end = _ends(draft, full)
    for down in downs:
        draft.apply(down)
    # Machines that suspend get their down time first: it decides when their running tasks end.
    draft.settle_machines(_ends(draft, full))
    shaped = _shaped(draft)
    end = np.where(draft.began, mode_ends(shaped, draft.start, draft.mode), 0)
    return _closed(draft, shaped, end, fresh_from=problem.tasks.count)


def _ends(draft: Draft, problem: Problem) -> IntArray:
    """When begun tasks end with the durations of the draft; planned ends of the others."""
    changed = replace(problem, modes=replace(problem.modes, duration=draft.duration))
    return np.where(draft.began, mode_ends(changed, draft.start, draft.mode), draft.end)


def _shaped(draft: Draft) -> Problem:
    """The draft as a problem, before its past is closed."""
    problem = draft.problem
    return replace(
        problem,
        modes=replace(problem.modes, duration=draft.duration),
        calendars=tuple(draft.calendars),
        resources=draft.resources(),
    )


def _closed(draft: Draft, shaped: Problem, end: IntArray, *, fresh_from: int) -> Rest:
    """Fix begun tasks, leave out cancelled ones, release the others from now on."""
    t, began, now = shaped.tasks, draft.began, draft.now
    absent = draft.cancelled & ~began
    future = ~began & ~absent
    release = np.where(began, draft.start, np.maximum(draft.release, now))
    deadline = np.where(began, end, draft.deadline)
    deadline[absent] = shaped.horizon_start - 1
    planned = future & (draft.mode >= 0)
    plan_mode = np.where(planned | began, draft.mode, -1).astype(np.int32)
    plan = Schedule(draft.start, np.where(began, end, draft.end), plan_mode)
    job_deadline = draft.job_deadline.copy()
    owned = began & (t.job >= 0)
    np.maximum.at(job_deadline, t.job[owned], end[owned])
    sizes = np.diff(t.forbidden_ptr)
    keep = np.repeat(~began, sizes)
    table, waived = _still_possible(draft, shaped.precedences, end)
    tasks = replace(
        t,
        release=release,
        deadline=deadline,
        due=draft.due,
        optional=(t.optional & ~began) | absent,
        reward=np.where(absent, 0, t.reward),
        baseline_start=np.where(planned, draft.start, INFINITY),
        baseline_mode=np.where(planned, draft.mode - t.mode_ptr[:-1], -1).astype(np.int32),
        forbidden_ptr=np.concatenate(([0], np.cumsum(np.where(began, 0, sizes)))),
        forbidden_start=t.forbidden_start[keep],
        forbidden_end=t.forbidden_end[keep],
    )
    last = int(end[began].max(initial=0))
    problem = replace(
        shaped,
        name=f"{shaped.name} from {now}",
        tasks=tasks,
        modes=replace(shaped.modes, duration=_own_length_only(shaped, draft, end)),
        jobs=replace(
            shaped.jobs, deadline=job_deadline, due=draft.job_due, release=draft.job_release
        ),
        precedences=table,
        horizon_end=max(shaped.horizon_end, last),
    )
    fresh = np.arange(t.count) >= fresh_from
    return Rest(problem, plan, began, fresh, waived)


def _own_length_only(shaped: Problem, draft: Draft, end: IntArray) -> IntArray:
    """Durations with the modes a begun task did not take made too long for its window."""
    modes = shaped.modes
    owner = modes.task
    other = draft.began[owner] & (draft.mode[owner] != np.arange(modes.count))
    length = (end - draft.start)[owner]
    return np.where(other, np.maximum(modes.duration, length + 1), modes.duration)


def _still_possible(
    draft: Draft, table: Precedences, end: IntArray
) -> tuple[Precedences, tuple[str, ...]]:
    """Precedences without the limits that the past has broken for good."""
    began, now, names = draft.began, draft.now, draft.problem.tasks.names
    here = began | (~draft.cancelled & (draft.mode >= 0))
    from_start = (table.kind == PrecedenceKind.SS) | (table.kind == PrecedenceKind.SF)
    to_start = (table.kind == PrecedenceKind.SS) | (table.kind == PrecedenceKind.FS)
    i, j = table.source, table.target
    # What has not begun lies at now or later, whatever is decided about it.
    x = np.where(began[i], np.where(from_start, draft.start[i], end[i]), now)
    y = np.where(began[j], np.where(to_start, draft.start[j], end[j]), now)
    short = began[j] & here[i] & (y - x < table.minimum)
    far = began[i] & here[j] & (table.maximum < INFINITY) & (y - x > table.maximum)
    rows = np.flatnonzero(short | far).tolist()
    waived = tuple(f"{names[int(i[k])]!r} to {names[int(j[k])]!r}" for k in rows)
    keep = ~short
    maximum = np.where(far, INFINITY, table.maximum)[keep]
    return (
        Precedences(i[keep], j[keep], table.kind[keep], table.minimum[keep], maximum),
        tuple(f"the lag of {pair} was broken before now and is waived" for pair in waived),
    )


def with_stability(problem: Problem, weight: int | None, measure: ObjectiveKind) -> Problem:
    """The problem with change against the plan in its objective.

    Parameters
    ----------
    weight
        Cost of one unit of change in the first level; None for a last level of its own, 0 for no
        concern.

    Raises
    ------
    OptionError
        If the weight is negative or the measure is no measure of change.
    """
    if measure not in (ObjectiveKind.CHANGE, ObjectiveKind.MOVED):
        raise OptionError(f"{measure.value!r} does not measure change", hint="use moved or change")
    if weight is not None and weight < 0:
        raise OptionError(f"stability is {weight}; it must be at least 0")
    levels = tuple(
        tuple(term for term in level if term.kind != measure) for level in problem.objective.levels
    )
    if weight == 0:
        return problem
    if weight is None:
        levels = (*(level for level in levels if level), (ObjectiveTerm(measure),))
    else:
        levels = ((*levels[0], ObjectiveTerm(measure, weight)), *(k for k in levels[1:] if k))
    return replace(problem, objective=Objective(levels))
