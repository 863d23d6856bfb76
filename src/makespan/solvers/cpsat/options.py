"""Options of the CP-SAT engine and how they become backend parameters."""

from __future__ import annotations

from dataclasses import dataclass

from ortools.sat.python import cp_model

from makespan.core.errors import OptionError


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


def configure(
    solver: cp_model.CpSolver,
    options: CpSatOptions,
    *,
    threads: int,
    seed: int,
    seconds: float | None,
) -> None:
    """Set the backend's parameters for one level.

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
    if options.deterministic_limit is not None:
        p.max_deterministic_time = options.deterministic_limit
        p.interleave_search = threads > 1
    if seconds is not None:
        p.max_time_in_seconds = max(seconds, 0.0)
