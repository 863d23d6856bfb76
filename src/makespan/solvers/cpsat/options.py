"""Options of the CP-SAT engine and how they become backend parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ortools.sat.python import cp_model

from makespan.core.errors import OptionError
from makespan.core.problem import Problem
from makespan.core.vocabulary import ResourceKind


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

_PROVER: Final = """
    name: "prover"
    use_dynamic_precedence_in_disjunctive: true
    use_strong_propagation_in_disjunctive: true
"""
"""Full worker that closes small disjunctive problems in a fraction of the default's conflicts."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides which search suits a model.

    Attributes
    ----------
    operations
        Modes of positive duration on machines.
    cumulative
        Whether renewables limit the schedule.
    """

    operations: int
    cumulative: bool

    @classmethod
    def of(cls, problem: Problem) -> Shape:
        """Shape of a problem."""
        modes = problem.modes
        kind = problem.resources.kind[modes.demand_resource]
        runs = modes.duration[modes.demand_mode()] > 0
        return cls(
            operations=int(((kind == ResourceKind.MACHINE) & runs).sum()),
            cumulative=bool(((kind == ResourceKind.RENEWABLE) & runs).any()),
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

    Measured on two workers: a full worker with strong disjunctive propagation proves ten-by-ten
    job shops in a quarter of the conflicts but crawls on larger ones; quick restarts find
    better project schedules.

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
    if shape.cumulative and not shape.operations:
        p.search_branching = p.PORTFOLIO_WITH_QUICK_RESTART_SEARCH
    elif 0 < shape.operations <= _PROVER_LIMIT and threads > 1:
        # One worker for the proof; with two threads the other one improves schedules.
        p.merge_text_format(f"subsolver_params {{ {_PROVER} }}")
        if threads == _TWO:
            p.subsolvers.append("prover")
        else:
            p.extra_subsolvers.append("prover")
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
