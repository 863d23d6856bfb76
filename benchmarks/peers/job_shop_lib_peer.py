"""job-shop-lib: its CP-SAT solver, the best of its dispatching rules, its simulated annealing.

Only job shops with the makespan. The JobShopInstance is made before the clock starts. The CP-SAT
solver takes neither workers nor seed, so both are set on the backend it makes; annealing knows no
time limit, so its own exit flag is raised when time is up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from benchmarks.peers.classic import is_job_shop, objective, require_classic
from benchmarks.peers.cp_sat import lower_bound
from benchmarks.peers.outcome import Answer, Call, Clock, Incumbents
from job_shop_lib import JobShopInstance, Operation
from job_shop_lib import Schedule as Plan
from job_shop_lib.constraint_programming import ORToolsSolver
from job_shop_lib.dispatching.rules import DispatchingRuleSolver, DispatchingRuleType
from job_shop_lib.exceptions import NoSolutionFoundError
from job_shop_lib.metaheuristics import (
    SimulatedAnnealingSolver,
    get_makespan_with_penalties_objective,
)
from ortools.sat.python import cp_model

from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import IndexArray, ObjectiveKind

RULES = [rule for rule in DispatchingRuleType if rule is not DispatchingRuleType.RANDOM]


def prepare_exact(problem: Problem) -> Call:
    """Its solver "based on OR-Tools' CP-SAT"."""
    data, tasks = _instance(problem)

    def call(limit: float, threads: int, seed: int, clock: Clock) -> Answer:
        incumbents = Incumbents(clock)
        solver = _Exact(limit, threads, seed, incumbents)
        try:
            plan = solver.solve(data)
        except NoSolutionFoundError as error:
            return Answer(None, message=str(error))
        bound = lower_bound(solver.solver.best_objective_bound)
        return Answer(_schedule(problem, tasks, plan), bound, incumbents.history)

    return call


class _Exact(ORToolsSolver):
    """The solver with workers, seed, and a limit that covers making its model."""

    def __init__(self, limit: float, threads: int, seed: int, incumbents: Incumbents) -> None:
        super().__init__()
        self.limit, self.threads, self.seed = limit, threads, seed
        self.incumbents = incumbents

    def _initialize_model(self, *args: Any, **kwargs: Any) -> None:
        super()._initialize_model(*args, **kwargs)
        self.solver = _Backend(self.incumbents)
        self.solver.parameters.num_workers = self.threads
        self.solver.parameters.random_seed = self.seed
        left = max(0.0, self.limit - self.incumbents.clock())
        self.solver.parameters.max_time_in_seconds = left


class _Backend(cp_model.CpSolver):  # type: ignore[misc]
    """CP-SAT that notes its schedules, under the old names of the methods that are called."""

    def __init__(self, incumbents: Incumbents) -> None:
        super().__init__()
        self._incumbents = incumbents

    def Solve(self, model: Any, solution_callback: Any = None) -> Any:  # noqa: N802
        return self.solve(model, self._incumbents.callback())

    def Value(self, expression: Any) -> int:  # noqa: N802
        return int(self.value(expression))


def prepare_rules(problem: Problem) -> Call:
    """Each of its deterministic rules once, as far as time goes; the best counts."""
    data, tasks = _instance(problem)

    def call(limit: float, threads: int, seed: int, clock: Clock) -> Answer:  # noqa: ARG001
        best, used = None, ""
        incumbents = Incumbents(clock)
        for rule in RULES:
            if best is not None and clock() >= limit:
                break
            plan = DispatchingRuleSolver(dispatching_rule=rule).solve(data)
            if best is None or plan.makespan() < best.makespan():
                best, used = plan, rule.value
                incumbents.note(plan.makespan())
        return Answer(_schedule(problem, tasks, best), None, incumbents.history, used)

    return call


def prepare_annealing(problem: Problem) -> Call:
    """Its simulated annealing from its dispatched schedule, default options."""
    data, tasks = _instance(problem)

    def call(limit: float, threads: int, seed: int, clock: Clock) -> Answer:  # noqa: ARG001
        incumbents = Incumbents(clock)
        solver = SimulatedAnnealingSolver(
            updates=0, seed=seed, objective_function=_noting(incumbents)
        )
        # The library stores the annealer only once the starting schedule is there.
        solver.setup_annealer(data)
        annealer: Any = solver.annealer_
        timer = threading.Timer(
            max(0.0, limit - clock()), setattr, args=(annealer, "user_exit", True)
        )
        timer.daemon = True
        timer.start()
        plan, _ = annealer.anneal()
        timer.cancel()
        return Answer(_schedule(problem, tasks, plan), None, incumbents.history)

    return call


def _noting(incumbents: Incumbents) -> Callable[[Any], float]:
    """The default objective, noting each value."""
    inner = get_makespan_with_penalties_objective()

    def value(plan: Any) -> float:
        found = inner(plan)
        incumbents.note(found)
        return float(found)

    return value


def _instance(problem: Problem) -> tuple[Any, list[IndexArray]]:
    """The library's instance, and the tasks of each job in order."""
    require_classic(problem)
    if not is_job_shop(problem) or objective(problem) is not ObjectiveKind.MAKESPAN:
        raise ValueError(f"{problem.name!r} is not a job shop with the makespan")
    jobs, modes = problem.jobs, problem.modes
    tasks = [jobs.task[a:b] for a, b in zip(jobs.task_ptr[:-1], jobs.task_ptr[1:], strict=True)]
    machine = modes.demand_resource.tolist()
    duration = modes.duration.tolist()
    rows = [[Operation(machine[i], duration[i]) for i in row.tolist()] for row in tasks]
    return JobShopInstance(rows, name=problem.name), tasks


def _schedule(problem: Problem, tasks: list[IndexArray], plan: Plan | None) -> Schedule | None:
    if plan is None:
        return None
    start = np.zeros(problem.tasks.count, dtype=np.int64)
    for row in plan.schedule:
        for placed in row:
            operation = placed.operation
            start[tasks[operation.job_id][operation.position_in_job]] = placed.start_time
    return Schedule.from_starts(problem, start)
