"""Options of the CP-SAT engine and how they become backend parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ortools.sat.python import cp_model

from makespan.core.errors import OptionError
from makespan.core.problem import Problem
from makespan.core.vocabulary import INFINITY, ObjectiveKind, ResourceKind


@dataclass(frozen=True, slots=True)
class CpSatOptions:
    """How the engine searches.

    Attributes
    ----------
    deterministic_limit
        Backend's machine-independent seconds after which each level stops; with it the workers
        are interleaved, so that equal seeds give equal results on any machine. None: wall time.
    self_hint
        Whether a solve without a hint starts from a quick dispatch schedule. How good that is
        depends on the clock, so a deterministic limit turns it off.
    log
        Whether the backend prints its search log.
    level_share
        Share of the remaining time that a level may use while others follow, in (0, 1].
    presolve
        Whether the backend simplifies the model first.
    """

    deterministic_limit: float | None = None
    self_hint: bool = True
    log: bool = False
    level_share: float = 0.6
    presolve: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.level_share <= 1:
            raise OptionError(f"level_share is {self.level_share}; it must lie in (0, 1]")
        if self.deterministic_limit is not None and not self.deterministic_limit > 0:
            raise OptionError(
                f"deterministic_limit is {self.deterministic_limit}; it must be positive"
            )


_TWO: Final = 2

_STRONG_LIMIT: Final = 150
"""Most machine operations for which the costly propagators below pay off (measured)."""

_FULL: Final = "full"
"""Our name for the worker that searches the whole problem."""

_STRONG: Final = (
    "use_dynamic_precedence_in_disjunctive: true use_strong_propagation_in_disjunctive: true"
)
"""Closes small disjunctive problems in a fraction of the default's conflicts.

Both together may loop for ever in OR-Tools 9.15 where many other constraints meet in one model
(seen on a problem with every kind of them), so they are for plain disjunctive ones.
"""

_REGULAR: Final = frozenset(
    {
        ObjectiveKind.MAKESPAN,
        ObjectiveKind.TOTAL_COMPLETION,
        ObjectiveKind.TOTAL_FLOW_TIME,
        ObjectiveKind.TOTAL_TARDINESS,
        ObjectiveKind.MAX_TARDINESS,
        ObjectiveKind.MAX_LATENESS,
    }
)
"""Terms that never gain from finishing later, and that count no literals."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides which search suits a model.

    Attributes
    ----------
    small_shop
        Whether there are few enough operations on machines, without alternatives, optional tasks,
        calendars, stocks or maximum lags.
    relaxation
        Whether a linear relaxation tells more than its time is worth.
    """

    small_shop: bool
    relaxation: bool

    @classmethod
    def of(cls, problem: Problem, level: int = 0) -> Shape:
        """Shape of a problem under one level of its objective."""
        modes, tasks, resources = problem.modes, problem.tasks, problem.resources
        kind = resources.kind[modes.demand_resource]
        on_machine = kind == ResourceKind.MACHINE
        runs = modes.duration[modes.demand_mode()] > 0
        operations = int((on_machine & runs).sum())
        kinds = {term.kind for term in problem.objective.levels[level]}
        if tasks.optional.any() or (resources.setup >= 0).any():
            tells = True
        elif modes.count > tasks.count:
            # The load of alternative machines is what it tells, and `balance` knows that too.
            tells = not on_machine.all() or kinds != {ObjectiveKind.MAKESPAN}
        else:
            tells = not kinds <= _REGULAR
        disjunctive = (
            modes.count == tasks.count
            and not tasks.optional.any()
            and (resources.calendar < 0).all()
            and (resources.kind <= ResourceKind.RENEWABLE).all()
            and (problem.precedences.maximum >= INFINITY).all()
        )
        return cls(
            small_shop=bool(disjunctive) and 0 < operations <= _STRONG_LIMIT,
            relaxation=tells,
        )


def configure(
    solver: cp_model.CpSolver,
    options: CpSatOptions,
    shape: Shape,
    *,
    threads: int,
    seed: int,
    seconds: float | None,
) -> None:
    """Set the backend's parameters for one level.

    Measured on two workers: where the order on scarce resources decides, the linear relaxation
    costs more than it tells, in proofs (hard projects of 30 activities in a sixth of the time) as
    in schedules (1-2 % shorter after ten seconds on shops of 200 to 600 operations). Strong
    disjunctive propagation proves ten-by-ten job shops in a quarter of the conflicts but crawls
    on larger ones and on flexible ones.

    Parameters
    ----------
    seconds
        Wall seconds left for this level; None for no limit.
    """
    p = solver.parameters
    p.num_workers = threads
    p.random_seed = seed
    p.log_search_progress = options.log
    p.catch_sigint_signal = False
    p.absolute_gap_limit = 0.0
    p.relative_gap_limit = 0.0
    p.cp_model_presolve = options.presolve
    traits = []
    if not shape.relaxation:
        p.linearization_level = 0
        traits.append("linearization_level: 0")
    if shape.small_shop:
        traits.append(_STRONG)
    if threads > 1 and traits:
        p.merge_text_format(f'subsolver_params {{ name: "{_FULL}" {" ".join(traits)} }}')
        if threads == _TWO:
            # One worker for the proof, the other one improves schedules.
            p.subsolvers.append(_FULL)
        elif shape.small_shop:
            p.extra_subsolvers.append(_FULL)
    if options.deterministic_limit is not None:
        p.max_deterministic_time = options.deterministic_limit
        p.interleave_search = threads > 1
    if seconds is not None:
        p.max_time_in_seconds = max(seconds, 0.0)


def earliest_first(solver: cp_model.CpSolver, conflicts: int) -> None:
    """Look for one schedule only, by starting what can start first; give up early."""
    p = solver.parameters
    p.num_workers = 1
    p.search_branching = p.FIXED_SEARCH
    p.cp_model_presolve = False
    p.stop_after_first_solution = True
    p.max_number_of_conflicts = conflicts
