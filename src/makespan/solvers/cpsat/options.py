"""Options of the CP-SAT engine and how they become backend parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ortools.sat.python import cp_model

from makespan.core.errors import OptionError
from makespan.core.problem import Problem
from makespan.core.vocabulary import ObjectiveKind, ResourceKind


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

_PROVER_LIMIT: Final = 150
"""Most machine operations for which the costly propagators below pay off (measured)."""

_FULL: Final = "full"
"""Our name for the worker that searches the whole problem."""

_STRONG: Final = (
    "use_dynamic_precedence_in_disjunctive: true use_strong_propagation_in_disjunctive: true"
)
"""Closes small disjunctive problems in a fraction of the default's conflicts."""

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
    operations
        Modes of positive duration on machines.
    choices
        Whether a task has several modes or may be left out.
    sequencing
        Whether the linear relaxation says next to nothing: no choices, no setups, and an
        objective of completion times, which only the order on scarce resources decides.
    """

    operations: int
    choices: bool
    sequencing: bool

    @classmethod
    def of(cls, problem: Problem, level: int = 0) -> Shape:
        """Shape of a problem under one level of its objective."""
        modes, tasks, resources = problem.modes, problem.tasks, problem.resources
        kind = resources.kind[modes.demand_resource]
        runs = modes.duration[modes.demand_mode()] > 0
        choices = modes.count > tasks.count or bool(tasks.optional.any())
        regular = {term.kind for term in problem.objective.levels[level]} <= _REGULAR
        return cls(
            operations=int(((kind == ResourceKind.MACHINE) & runs).sum()),
            choices=choices,
            sequencing=regular and not choices and not (resources.setup >= 0).any(),
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

    Measured on two workers: where only the order is to be found, the linear relaxation costs more
    than it tells, in proofs (hard projects of 30 activities in a sixth of the time) as in
    schedules (1-2 % shorter after ten seconds on shops of 200 to 600 operations). Where modes are
    chosen it carries the bound, but neighbourhoods of the incumbent do better without. Strong
    disjunctive propagation proves ten-by-ten job shops in a quarter of the conflicts but crawls
    on larger ones.

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
    strong = 0 < shape.operations <= _PROVER_LIMIT
    if shape.sequencing or (shape.choices and threads == _TWO):
        p.linearization_level = 0
    if threads > 1 and (threads == _TWO or strong):
        level = 0 if shape.sequencing else 1
        traits = f"linearization_level: {level} {_STRONG if strong else ''}"
        p.merge_text_format(f'subsolver_params {{ name: "{_FULL}" {traits} }}')
        # Of two workers one is for the proof, the other one improves schedules.
        (p.subsolvers if threads == _TWO else p.extra_subsolvers).append(_FULL)
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
