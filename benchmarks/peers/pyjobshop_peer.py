"""PyJobShop with its OR-Tools backend and default parameters.

Its own data object is made before the clock starts, as a file is read into a Problem before;
making the CP-SAT model counts, as for every contender.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import Any

import numpy as np
from benchmarks.peers.classic import objective, require_classic, same_order_tasks
from benchmarks.peers.cp_sat import lower_bound
from benchmarks.peers.outcome import Answer, Call, Clock, Incumbents
from ortools.sat.python import cp_model
from pyjobshop import Model, ProblemData
from pyjobshop.solvers.ortools import CPModel

from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import INFINITY, ObjectiveKind, ResourceKind


def prepare(problem: Problem) -> Call:
    """A call that builds the backend's model and solves it."""
    require_classic(problem)
    data = problem_data(problem)

    def call(limit: float, threads: int, seed: int, clock: Clock) -> Answer:
        incumbents = Incumbents(clock)
        _listen(incumbents)
        backend = CPModel(data)
        left = max(0.0, limit - clock())
        found = backend.solve(left, display=False, num_workers=threads, random_seed=seed)
        bound = lower_bound(found.lower_bound)
        if not found.best.tasks:
            return Answer(None, bound, message=found.status.value)
        start = np.array([t.start for t in found.best.tasks], dtype=np.int64)
        mode = np.array([t.mode for t in found.best.tasks], dtype=np.int32)
        return Answer(Schedule.from_starts(problem, start, mode), bound, incumbents.history)

    return call


def _listen(incumbents: Incumbents) -> None:
    """Have the backend's solver tell of each schedule; the library has no place to ask for it."""

    class Listening(cp_model.CpSolver):  # type: ignore[misc]
        def solve(self, model: Any, solution_callback: Any = None) -> Any:
            return super().solve(model, incumbents.callback())

    sys.modules[CPModel.__module__].CpSolver = Listening  # type: ignore[attr-defined]


def problem_data(problem: Problem) -> ProblemData:
    """The problem in PyJobShop's own terms; a job whose tasks exclude one another is a machine."""
    model = Model()
    kinds, capacities = problem.resources.kind, problem.resources.capacity
    resources = [
        model.add_machine()
        if kind == ResourceKind.MACHINE
        else model.add_renewable(capacity=int(capacity))
        for kind, capacity in zip(kinds, capacities, strict=True)
    ]
    extra: dict[int, list[Any]] = {}
    for members in problem.no_overlaps:
        job_machine = model.add_machine()
        for i in members.tolist():
            extra.setdefault(i, []).append(job_machine)
    dated = objective(problem) is ObjectiveKind.TOTAL_TARDINESS
    jobs = [
        model.add_job(
            weight=int(problem.jobs.weight[j]),
            release_date=int(problem.jobs.release[j]),
            due_date=int(problem.jobs.due[j]) if problem.jobs.due[j] < INFINITY else None,
        )
        for j in range(problem.jobs.count if dated or problem.jobs.release.any() else 0)
    ]
    modes, ptr = problem.modes, problem.tasks.mode_ptr.tolist()
    owners = problem.tasks.job.tolist()
    tasks = [model.add_task(job=jobs[j] if jobs and j >= 0 else None) for j in owners]
    for i, task in enumerate(tasks):
        for m in range(ptr[i], ptr[i + 1]):
            demand = slice(int(modes.demand_ptr[m]), int(modes.demand_ptr[m + 1]))
            used = modes.demand_resource[demand].tolist()
            amounts = modes.demand_amount[demand].tolist()
            pairs = [
                (resources[r], 0 if kinds[r] == ResourceKind.MACHINE else a)
                for r, a in zip(used, amounts, strict=True)
            ]
            pairs += [(job_machine, 0) for job_machine in extra.get(i, ())]
            model.add_mode(
                task, [r for r, _ in pairs], int(modes.duration[m]), [a for _, a in pairs]
            )
    for i, j in zip(
        problem.precedences.source.tolist(), problem.precedences.target.tolist(), strict=True
    ):
        model.add_end_before_start(tasks[i], tasks[j])
    for members, visits in zip(problem.same_orders, same_order_tasks(problem), strict=True):
        for (r, here), (s, there) in pairwise(zip(members.tolist(), visits, strict=True)):
            shared = sorted(here.keys() & there.keys())
            model.add_same_sequence(
                resources[r],
                resources[s],
                [tasks[here[j]] for j in shared],
                [tasks[there[j]] for j in shared],
            )
    if dated:
        model.set_objective(weight_total_tardiness=1)
    else:
        model.set_objective(weight_makespan=1)
    return model.data()
