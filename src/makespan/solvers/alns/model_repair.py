"""Repair by CP-SAT: the whole model, restricted by the order of what is kept.

The model is built once; every repair works on a copy of it (copying takes a fraction of a
millisecond per thousand variables) in which the kept tasks lose their choices. Presolve removes
what has become constant, so a copy costs about as much as a model of the freed tasks alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
from ortools.sat.python import cp_model

from makespan.core.horizon import horizon_bound
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import ObjectiveKind, Status
from makespan.solvers.alns.order import kept_pairs
from makespan.solvers.alns.picture import Picture
from makespan.solvers.board import Board
from makespan.solvers.cpsat.backend import schedule_of, search, status_of
from makespan.solvers.cpsat.build import Build, build
from makespan.solvers.cpsat.options import Shape

_LONGEST: Final = 250.0
"""Wall seconds per unit of effort after which a repair is given up, whatever it says it did."""

_SIGNED: Final = frozenset(
    {ObjectiveKind.MAX_LATENESS, ObjectiveKind.TOTAL_COMPLETION, ObjectiveKind.TOTAL_FLOW_TIME}
)
"""Terms that may be negative, so that a level does not bound the makespan in it."""

_REGULAR: Final = _SIGNED | {
    ObjectiveKind.MAKESPAN,
    ObjectiveKind.TOTAL_TARDINESS,
    ObjectiveKind.MAX_TARDINESS,
    ObjectiveKind.TARDY_COUNT,
    ObjectiveKind.UNPLACED,
}
"""Terms that never gain from running a kept task later than now."""


Fix: TypeAlias = Callable[[int, int], None]
"""Sets the variable of an index to a value."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one repair came to.

    Attributes
    ----------
    schedule
        A schedule that meets the bounds asked for, if one was found.
    closed
        Whether the neighbourhood was searched completely.
    effort
        The backend's deterministic seconds.
    """

    schedule: Schedule | None
    closed: bool
    effort: float


class ModelRepair:
    """The model of a problem, ready to be restricted; shared by the workers of a board.

    Parameters
    ----------
    schedule
        An incumbent, around which the horizon is drawn.

    Attributes
    ----------
    horizon
        Latest end of any task.
    complete
        Whether the horizon keeps every schedule that could be better than the incumbent, so that
        a search of everything proves something.
    """

    def __init__(self, problem: Problem, board: Board, schedule: Schedule) -> None:
        self.problem, self._board = problem, board
        self.horizon, self.complete = _horizon(problem, board, schedule)
        self.build: Build = build(problem, horizon=self.horizon)
        self.levels = [self.build.terms.level(level) for level in problem.objective.levels]
        self._shapes = [Shape.of(problem, k) for k in range(len(self.levels))]
        self._regular = problem.objective.kinds <= _REGULAR

    def holds(self, schedule: Schedule) -> bool:
        """Whether the schedule lies within the model's horizon."""
        return bool((schedule.end <= self.horizon).all())

    def repair(
        self,
        picture: Picture,
        values: tuple[int, ...],
        freed: np.ndarray,
        *,
        level: int,
        ties: bool,
        effort: float,
        seed: int,
    ) -> Outcome:
        """Best schedule that differs from the picture's only as the freed tasks allow.

        Parameters
        ----------
        values
            Objective levels of the picture's schedule; earlier levels than ``level`` must not get
            worse, and ``level`` must get better.
        ties
            Look for another schedule of the same value instead.
        effort
            Deterministic seconds after which the best so far counts.
        """
        model = self.build.model.cp.clone()
        if not freed.all():
            self._restrict(model, picture, freed)
        for k in range(level):
            model.add(self.levels[k] <= values[k])
        model.add(self.levels[level] <= values[level] - (not ties))
        model.minimize(self.levels[level])
        if not ties:
            hint = self.build.model.hint_values(self.build.plan(picture.schedule))
            model.proto.solution_hint.vars.extend(range(len(hint)))
            model.proto.solution_hint.values.extend(hint)
        solver = small_solver(
            self._shapes[level], effort=effort, seconds=self._board.left, seed=seed
        )
        status = status_of(search(solver, model, self._ended), self.build)
        found = None
        if status in (Status.OPTIMAL, Status.FEASIBLE):
            found = schedule_of(self.build, solver)
        closed = status in (Status.OPTIMAL, Status.INFEASIBLE)
        return Outcome(found, closed, float(solver.deterministic_time))

    def _restrict(self, model: cp_model.CpModel, picture: Picture, freed: np.ndarray) -> None:
        """Take their choices from the kept tasks of a copy of the model."""
        variables, tasks = model.proto.variables, self.build.tasks
        true = self.build.model.true
        mode, start = picture.mode.tolist(), picture.start.tolist()
        settled = self._settled(picture, freed)

        def fix(index: int, value: int) -> None:
            domain = variables[index].domain
            domain.clear()
            domain.extend([value, value])

        for i in np.flatnonzero(~freed).tolist():
            v = tasks[i]
            if v.present is not true:
                fix(v.present.index, int(mode[i] >= 0))
            if len(v.modes) > 1:
                for m, literal in v.modes.items():
                    fix(literal.index, int(m == mode[i]))
            if mode[i] < 0:
                fix(v.start.index, v.rest)
            elif settled[i]:
                fix(v.start.index, start[i])
        for i, j in kept_pairs(picture, freed):
            if not settled[j]:
                model.add(tasks[j].start >= tasks[i].end)
        self._drop_arcs(fix, picture, freed)

    def _settled(self, picture: Picture, freed: np.ndarray) -> list[bool]:
        """Kept tasks that end before any freed one starts, where moving them gains nothing."""
        first = picture.start[freed & (picture.mode >= 0)]
        if not self._regular or not len(first):
            return [False] * len(freed)
        settled: list[bool] = (~freed & (picture.end <= first.min())).tolist()
        return settled

    def _drop_arcs(self, fix: Fix, picture: Picture, freed: np.ndarray) -> None:
        """No kept task directly follows another one across a third."""
        if not (self.problem.resources.setup >= 0).any():
            return
        gone = freed.tolist()
        for machine, arcs in self.build.setups.arcs.items():
            kept = [i for i in picture.lanes.get(machine, []) if not gone[i]]
            after = dict(pairwise(kept))
            inside = set(kept)
            for (i, j), arc in arcs.items():
                if i in inside and j in inside and after.get(i) != j:
                    fix(arc.index, 0)

    def _ended(self) -> bool:
        return self._board.over


def small_solver(
    shape: Shape, *, effort: float | None, seconds: float, seed: int
) -> cp_model.CpSolver:
    """The backend on one thread, with as little preparation as small models need.

    Parameters
    ----------
    effort
        Deterministic seconds after which the best so far counts; None for no such limit.
    seconds
        Wall seconds left, possibly infinite.
    """
    solver = cp_model.CpSolver()
    p = solver.parameters
    p.num_workers = 1
    p.random_seed = seed
    p.catch_sigint_signal = False
    p.absolute_gap_limit = 0.0
    p.relative_gap_limit = 0.0
    p.cp_model_probing_level = 0
    p.symmetry_level = 0
    p.linearization_level = int(shape.relaxation)
    # Costly per node, but what is free is small: neighbourhoods of shops close more often. Not
    # together with strong propagation: the two have been seen to push each other for ever.
    p.use_dynamic_precedence_in_disjunctive = True
    if effort is not None:
        p.max_deterministic_time = effort
        # A loop inside the backend would count no effort; far beyond any honest run's time.
        seconds = min(seconds, _LONGEST * effort)
    if seconds < float("inf"):
        p.max_time_in_seconds = max(seconds, 0.0)
    return solver


def _horizon(problem: Problem, board: Board, schedule: Schedule) -> tuple[int, bool]:
    """A horizon with room around the schedule, and whether no better schedule ends later."""
    first, safe = problem.horizon_start, horizon_bound(problem)
    latest = max(schedule.makespan, first)
    terms = {term.kind: term.coefficient for term in problem.objective.levels[0]}
    weight = terms.pop(ObjectiveKind.MAKESPAN, 0)
    if weight > 0 and not _SIGNED & set(terms) and board.values is not None:
        return max(latest, min(safe, board.values[0] // weight)), True
    roomy = latest + max((latest - first) // 2, 1)
    return (roomy, False) if roomy < safe else (max(safe, latest), True)
