"""From a Problem to a CP-SAT model: variables first, then each theme posts its constraints.

``build(problem, relaxable=True)`` is the hook for explanations: every constraint the user stated
is then ruled by a switch literal in ``Build.model.switches``, keyed by a ``ConstraintLabel`` in
the user's own names. Assume all switches, and if the model is infeasible drop assumptions (or
read ``sufficient_assumptions_for_infeasibility``) until the set that is left is minimal.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Final

import numpy as np

from makespan.core.horizon import horizon_bound
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import INFINITY, ObjectiveKind
from makespan.solvers.cpsat import capacity, machines, same_orders, selection, swaps, timing
from makespan.solvers.cpsat.domains import StartDomains
from makespan.solvers.cpsat.facts import Facts
from makespan.solvers.cpsat.labels import ConstraintLabel, LabelKind
from makespan.solvers.cpsat.machines import Departures
from makespan.solvers.cpsat.model import Model
from makespan.solvers.cpsat.objective import Terms
from makespan.solvers.cpsat.orders import Orders
from makespan.solvers.cpsat.plan import Plan
from makespan.solvers.cpsat.setups import Setups
from makespan.solvers.cpsat.variables import Variables
from makespan.solvers.cpsat.windows import open_windows, propagated_windows


class Build:
    """Everything known while and after a problem is turned into a model.

    Attributes
    ----------
    start, horizon
        Every task lies in ``[start, horizon]``.
    tasks
        Variables per task.
    terms
        Objective terms as linear expressions.
    """

    unlabelled: Final = ConstraintLabel(LabelKind.HORIZON, "", -1)

    def __init__(self, problem: Problem, *, horizon: int, relaxable: bool) -> None:
        self.problem = problem
        self.horizon = horizon
        self.facts = Facts(problem)
        self.model = Model(relaxable=relaxable)
        windows = (
            open_windows(problem, horizon) if relaxable else propagated_windows(problem, horizon)
        )
        self.start = int(windows.earliest.min(initial=problem.horizon_start))
        self.domains = StartDomains(self.facts, windows, stated=not relaxable)
        self.tasks = Variables(self.model, self.facts, self.domains)
        self.departures = Departures(self)
        self.orders = Orders(self)
        self.wants_setup_cost = ObjectiveKind.SETUP_COST in problem.objective.kinds
        self.terms = Terms(self)
        for theme in (timing, machines, same_orders, swaps, capacity, selection):
            theme.post(self)

    @cached_property
    def setups(self) -> Setups:
        """Circuits of the machines with setups."""
        return Setups(self)

    def plan(self, schedule: Schedule) -> Plan:
        """View of a schedule that hint rules read."""
        return Plan(self.facts, schedule)


def build(problem: Problem, *, horizon: int | None = None, relaxable: bool = False) -> Build:
    """CP-SAT model of ``problem`` without an objective.

    Parameters
    ----------
    horizon
        Latest end of any task; default is a bound that keeps some optimal schedule.
    relaxable
        Give every constraint the user stated a switch literal.
    """
    if horizon is None:
        horizon = horizon_bound(_unwindowed(problem) if relaxable else problem)
    built = Build(problem, horizon=horizon, relaxable=relaxable)
    if (problem.resources.setup >= 0).any():
        _ = built.setups
    return built


def _unwindowed(problem: Problem) -> Problem:
    """``problem`` without the latest ends that a relaxable model posts as constraints."""
    n, j = problem.tasks.count, problem.jobs.count
    return replace(
        problem,
        horizon_end=INFINITY,
        tasks=replace(problem.tasks, deadline=np.full(n, INFINITY, dtype=np.int64)),
        jobs=replace(problem.jobs, deadline=np.full(j, INFINITY, dtype=np.int64)),
    )
