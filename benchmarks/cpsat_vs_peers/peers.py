"""The three contenders: makespan's engine, PyJobShop's OR-Tools backend, a bare CP-SAT model.

All three get the same Problem tables, workers, seed and wall limit. The limit covers making the
CP-SAT model and everything after it: a contender that is slow to build searches for less time.
What precedes the model (reading, PyJobShop's own data object) counts for nobody.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import asdict, dataclass

import numpy as np
from ortools.sat.python import cp_model
from pyjobshop import Model, ProblemData
from pyjobshop.solvers.ortools import CPModel

from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.core.vocabulary import ResourceKind
from makespan.solvers.cpsat import CpSatSolver


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one contender reached.

    Attributes
    ----------
    objective, bound
        Makespan of a schedule that verifies, and the proven lower bound; None without.
    seconds
        Wall seconds for everything, model building included.
    """

    objective: int | None
    bound: int | None
    proven: bool
    seconds: float

    def row(self) -> dict[str, object]:
        """Fields for JSON."""
        return asdict(self)


def solve_makespan(problem: Problem, *, limit: float, threads: int, seed: int) -> Outcome:
    """The engine of this library with its default options."""
    began = time.perf_counter()
    result = CpSatSolver().solve(
        problem,
        time_limit=limit,
        threads=threads,
        seed=seed,
        hint=None,
        on_progress=None,
        stop=threading.Event(),
    )
    seconds = time.perf_counter() - began
    return _outcome(problem, result.schedule, result.bound, seconds)


def solve_pyjobshop(problem: Problem, *, limit: float, threads: int, seed: int) -> Outcome:
    """PyJobShop with its OR-Tools backend and default parameters."""
    data = _pyjobshop_data(problem)
    began = time.perf_counter()
    backend = CPModel(data)
    left = max(0.0, limit - (time.perf_counter() - began))
    found = backend.solve(left, display=False, num_workers=threads, random_seed=seed)
    seconds = time.perf_counter() - began
    schedule = None
    if found.best.tasks:
        start = np.array([t.start for t in found.best.tasks], dtype=np.int64)
        mode = np.array([t.mode for t in found.best.tasks], dtype=np.int32)
        schedule = Schedule.from_starts(problem, start, mode)
    return _outcome(problem, schedule, math.ceil(found.lower_bound - 1e-6), seconds)


def _pyjobshop_data(problem: Problem) -> ProblemData:
    """The problem in PyJobShop's own terms."""
    model = Model()
    resources = [
        model.add_machine()
        if kind == ResourceKind.MACHINE
        else model.add_renewable(capacity=int(capacity))
        for kind, capacity in zip(problem.resources.kind, problem.resources.capacity, strict=True)
    ]
    modes, ptr = problem.modes, problem.tasks.mode_ptr.tolist()
    tasks = [model.add_task() for _ in range(problem.tasks.count)]
    for i, task in enumerate(tasks):
        for m in range(ptr[i], ptr[i + 1]):
            demand = slice(int(modes.demand_ptr[m]), int(modes.demand_ptr[m + 1]))
            used = modes.demand_resource[demand].tolist()
            amounts = modes.demand_amount[demand].tolist()
            machine = [problem.resources.kind[r] == ResourceKind.MACHINE for r in used]
            demands = [
                0 if is_machine else a for is_machine, a in zip(machine, amounts, strict=True)
            ]
            model.add_mode(task, [resources[r] for r in used], int(modes.duration[m]), demands)
    for i, j in zip(problem.precedences.source, problem.precedences.target, strict=True):
        model.add_end_before_start(tasks[int(i)], tasks[int(j)])
    model.set_objective(weight_makespan=1)
    return model.data()


def solve_bare(problem: Problem, *, limit: float, threads: int, seed: int) -> Outcome:
    """The textbook model: shared starts, an optional interval per mode, default parameters."""
    began = time.perf_counter()
    model = cp_model.CpModel()
    modes, ptr = problem.modes, problem.tasks.mode_ptr.tolist()
    horizon = int(np.maximum.reduceat(modes.duration, problem.tasks.mode_ptr[:-1]).sum())
    starts, ends, literals = [], [], {}
    users: list[list[tuple[cp_model.IntervalVar, int]]] = [[] for _ in problem.resources.kind]
    for i in range(problem.tasks.count):
        start = model.new_int_var(0, horizon, f"s{i}")
        end = model.new_int_var(0, horizon, f"e{i}")
        mine = range(ptr[i], ptr[i + 1])
        for m in mine:
            literals[m] = model.new_bool_var(f"x{m}")
            held = int(modes.duration[m])
            interval = model.new_optional_interval_var(start, held, end, literals[m], f"i{m}")
            for k in range(int(modes.demand_ptr[m]), int(modes.demand_ptr[m + 1])):
                amount = int(modes.demand_amount[k])
                users[int(modes.demand_resource[k])].append((interval, amount))
        model.add_exactly_one([literals[m] for m in mine])
        starts.append(start)
        ends.append(end)
    for r, members in enumerate(users):
        if not members:
            continue
        if problem.resources.kind[r] == ResourceKind.MACHINE:
            model.add_no_overlap([interval for interval, _ in members])
        else:
            capacity = int(problem.resources.capacity[r])
            model.add_cumulative([x for x, _ in members], [a for _, a in members], capacity)
    for i, j in zip(problem.precedences.source, problem.precedences.target, strict=True):
        model.add(starts[int(j)] >= ends[int(i)])
    makespan = model.new_int_var(0, horizon, "makespan")
    model.add_max_equality(makespan, ends)
    model.minimize(makespan)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = threads
    solver.parameters.random_seed = seed
    solver.parameters.max_time_in_seconds = max(0.0, limit - (time.perf_counter() - began))
    status = solver.solve(model)
    seconds = time.perf_counter() - began
    schedule = None
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        start_at = np.array([solver.value(s) for s in starts], dtype=np.int64)
        chosen = np.array(
            [
                next(m for m in range(ptr[i], ptr[i + 1]) if solver.boolean_value(literals[m]))
                for i in range(problem.tasks.count)
            ],
            dtype=np.int32,
        )
        schedule = Schedule.from_starts(problem, start_at, chosen)
    return _outcome(problem, schedule, math.ceil(solver.best_objective_bound - 1e-6), seconds)


def _outcome(
    problem: Problem, schedule: Schedule | None, bound: int | None, seconds: float
) -> Outcome:
    """Only what verifies counts."""
    if schedule is None or verify(problem, schedule):
        return Outcome(None, bound, False, seconds)
    return Outcome(schedule.makespan, bound, schedule.makespan == bound, seconds)


CONTENDERS = {
    "makespan": solve_makespan,
    "pyjobshop": solve_pyjobshop,
    "bare": solve_bare,
}
