"""Objective of a complete State, for comparing candidates fast."""

from __future__ import annotations

from typing import Final

import numpy as np

from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import INFINITY, IntArray, ObjectiveKind
from makespan.solvers.dispatch import _layout as at
from makespan.solvers.jit import kernel

_COMPILED: Final = (
    ObjectiveKind.MAKESPAN,
    ObjectiveKind.TOTAL_COMPLETION,
    ObjectiveKind.TOTAL_FLOW_TIME,
    ObjectiveKind.TOTAL_TARDINESS,
    ObjectiveKind.MAX_TARDINESS,
    ObjectiveKind.TARDY_COUNT,
    ObjectiveKind.MAX_LATENESS,
    ObjectiveKind.TOTAL_EARLINESS,
)
_SAFE_SUM: Final = float(1 << 61)


class Values:
    """Evaluates the place table of a State level by level.

    Time terms run in a compiled kernel; problems with other terms, or with numbers so large that
    a sum could leave 64 bits, go through :func:`makespan.core.metrics.evaluate`.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        t, jobs = problem.tasks, problem.jobs
        alone = np.flatnonzero(t.job < 0)
        self._unit = t.job.astype(np.int64)
        self._unit[alone] = jobs.count + np.arange(len(alone))
        self._release = np.concatenate((jobs.release, t.release[alone]))
        self._weight = np.concatenate((jobs.weight, t.weight[alone]))
        self._dated = np.flatnonzero(t.due < INFINITY)
        kinds = problem.objective.kinds
        count = len(_COMPILED)
        self._factor = np.zeros((len(problem.objective.levels), count), dtype=np.int64)
        for k, level in enumerate(problem.objective.levels):
            for term in level:
                if term.kind in _COMPILED:
                    self._factor[k, _COMPILED.index(term.kind)] += term.coefficient
        dates = (t.release, t.due, jobs.release, jobs.due)
        self._reach = max(_largest(date) for date in dates)
        weights = float(self._weight.sum()) + float(t.weight[self._dated].sum()) + 1.0
        self._most = weights * float(self._factor.sum() + 1)
        self.compiled = all(kind in _COMPILED for kind in kinds)
        self._jobs_due = jobs.due

    def of(self, place: IntArray) -> tuple[int, ...]:
        """Objective levels of the schedule in ``place``."""
        latest = int(np.abs(place[:, at.END]).max(initial=0))
        if not self.compiled or self._most * (latest + self._reach) > _SAFE_SUM:
            return evaluate(self._problem, schedule_of(place))
        t = self._problem.tasks
        terms = _terms(
            place,
            self._unit,
            self._release,
            self._weight,
            self._jobs_due,
            self._dated,
            t.due,
            t.weight,
        )
        return tuple(int(v) for v in self._factor @ terms)


def _largest(values: IntArray) -> int:
    finite = values[values < INFINITY]
    return int(np.abs(finite).max(initial=0))


def schedule_of(place: IntArray) -> Schedule:
    """Schedule of the placed tasks."""
    mode = np.where(place[:, at.PLACED] == 1, place[:, at.MODE], -1).astype(np.int32)
    return Schedule(place[:, at.START], place[:, at.END], mode)


@kernel
def _terms(
    place: IntArray,
    unit: IntArray,
    release: IntArray,
    weight: IntArray,
    jobs_due: IntArray,
    dated: IntArray,
    due: IntArray,
    task_weight: IntArray,
) -> IntArray:
    """Values of the compiled terms, in the order of ``_COMPILED``."""
    none = -(1 << 60)
    last = np.full(len(release), none)
    result = np.zeros(8, dtype=np.int64)
    latest = lateness = none
    for i in range(len(place)):
        if place[i, at.PLACED] == 1:
            last[unit[i]] = max(last[unit[i]], place[i, at.END])
            latest = max(latest, place[i, at.END])
    for u in range(len(last)):
        if last[u] == none:
            continue
        result[1] += weight[u] * last[u]
        result[2] += weight[u] * (last[u] - release[u])
    for k in range(len(jobs_due) + len(dated)):
        if k < len(jobs_due):
            c, d, w = last[k], jobs_due[k], weight[k]
        else:
            i = dated[k - len(jobs_due)]
            c = place[i, at.END] if place[i, at.PLACED] == 1 else none
            d, w = due[i], task_weight[i]
        if c == none or d >= 1 << 60:
            continue
        late = max(0, c - d)
        result[3] += w * late
        result[4] = max(result[4], w * late)
        if c > d:
            result[5] += w
        lateness = max(lateness, c - d)
        result[7] += w * max(0, d - c)
    if latest > none:
        result[0] = latest
    if lateness > none:
        result[6] = lateness
    return result
