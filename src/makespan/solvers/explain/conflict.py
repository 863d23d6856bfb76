"""A smallest set of stated constraints that cannot hold together, in the user's names.

A chain of lags that misses a deadline is found by longest paths. Anything else goes to a CP-SAT
model in which a switch rules each stated constraint: all switches are assumed, and the backend's
core of assumptions is shrunk by leaving out constraints as long as no schedule appears (a deletion
filter with core jumps, as in Chinneck, Feasibility and Infeasibility in Optimization, 2008, §6).
Durations, modes, breaks that suspend tasks and the start of time are taken as given.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from makespan.core.errors import EngineError, OptionError
from makespan.core.problem import Problem
from makespan.core.vocabulary import Status
from makespan.solvers.cpsat.labels import ConstraintLabel, LabelKind
from makespan.solvers.explain._capacity import oversized_task
from makespan.solvers.explain._lags import lag_conflict
from makespan.solvers.explain._wording import told

if TYPE_CHECKING:
    from makespan.solvers.cpsat.build import Build

_TRIED_FIRST: Final = (
    LabelKind.SETUP,
    LabelKind.BLOCKING,
    LabelKind.RESERVOIR,
    LabelKind.LINK,
    LabelKind.SELECTION,
    LabelKind.NO_OVERLAP,
    LabelKind.SAME_ORDER,
    LabelKind.CONSUMABLE,
    LabelKind.RENEWABLE,
    LabelKind.HORIZON,
    LabelKind.CALENDAR,
    LabelKind.FORBIDDEN,
    LabelKind.MACHINE,
    LabelKind.RELEASE,
    LabelKind.DEADLINE,
    LabelKind.PRECEDENCE,
)
"""Kinds in the order in which they are left out: conflicts of dates and orders read best."""

_SHARE: Final = 0.5
"""Share of the remaining time for one trial at most, so that a hard one does not use it all."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Constraints that cannot hold together.

    Attributes
    ----------
    status
        INFEASIBLE: proven that ``constraints`` (with the durations, modes and suspending breaks)
        admit no schedule. FEASIBLE: a schedule exists, so there is no conflict. UNKNOWN: neither
        was shown in time.
    constraints
        Stated constraints; empty when INFEASIBLE means that durations, modes and breaks alone
        leave no schedule.
    minimal
        Whether it is proven that any one of them left out would admit a schedule of the rest.
    sentences
        The constraints in the problem's own names; a chain of plain precedences is one sentence.
    """

    status: Status
    constraints: tuple[ConstraintLabel, ...] = ()
    minimal: bool = False
    seconds: float = 0.0
    sentences: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.status is Status.FEASIBLE:
            return "There is no conflict: a schedule exists."
        if self.status is not Status.INFEASIBLE:
            return "No conflict was found in time; a longer time limit may help."
        if not self.sentences:
            return (
                "Some task cannot be done at all: its duration, modes and breaks leave it no time."
            )
        head = "This cannot hold:" if len(self.sentences) == 1 else "These cannot all hold:"
        if not self.minimal:
            head = f"{head[:-1]} (perhaps fewer would clash already):"
        return "\n".join([head, *(f"  {sentence}" for sentence in self.sentences)])


def explain_infeasibility(
    problem: Problem,
    *,
    time_limit: float | None = 30.0,
    seed: int = 0,
    on_progress: Callable[[int], None] | None = None,
    stop: threading.Event | None = None,
) -> Conflict:
    """Conflict of a problem that has no schedule.

    Parameters
    ----------
    time_limit
        Wall seconds; when they are over, the smallest conflict so far is returned as not minimal.
    seed
        Seed of the backend; it may decide which of several conflicts is found.
    on_progress
        Called with the number of constraints that are left each time it shrinks.
    stop
        Set it to end early with the smallest conflict so far.

    Raises
    ------
    OptionError
        If an option is out of range.
    EngineError
        If the two ways to look at the same constraints contradict each other.
    """
    if time_limit is not None and not time_limit > 0:
        raise OptionError(f"time_limit is {time_limit}; it must be positive")
    began = time.perf_counter()
    chain, minimal = lag_conflict(problem)
    if not chain:
        chain = oversized_task(problem)
        # Modes that fail for different reasons might be ruled out by fewer constraints together.
        minimal = len(chain) == 1
    if chain:
        return _conflict(problem, chain, minimal, began)

    from makespan.solvers.cpsat.build import build

    search = _Search(build(problem, relaxable=True), began, time_limit, seed, stop)
    labels = _by_readability(search.labels)
    verdict, core = search.holds(labels)
    if verdict is not Status.INFEASIBLE:
        return Conflict(verdict, seconds=time.perf_counter() - began)
    tell = on_progress if on_progress is not None else _silent
    core, minimal = _shrunk(search, core, tell)
    shown = tuple(label for label in search.labels if label in set(core))
    return _conflict(problem, shown, minimal, began)


def _conflict(
    problem: Problem, constraints: tuple[ConstraintLabel, ...], minimal: bool, began: float
) -> Conflict:
    return Conflict(
        Status.INFEASIBLE,
        constraints,
        minimal,
        time.perf_counter() - began,
        told(problem, constraints),
    )


def _silent(_left: int) -> None:
    """Nobody listens."""


def _by_readability(labels: Sequence[ConstraintLabel]) -> list[ConstraintLabel]:
    return sorted(labels, key=lambda label: _TRIED_FIRST.index(label.kind))


def _shrunk(
    search: _Search, core: list[ConstraintLabel], tell: Callable[[int], None]
) -> tuple[list[ConstraintLabel], bool]:
    """Leave out chunks, then single constraints, as long as the rest still clashes.

    O(k log n) trials for a final set of k out of n.
    """
    tell(len(core))
    proven = True
    needed: list[ConstraintLabel] = []
    open_ones = list(core)
    chunk = max(1, len(open_ones) // 2)
    while open_ones:
        if search.over():
            return [*needed, *open_ones], False
        tried, rest = open_ones[:chunk], open_ones[chunk:]
        verdict, smaller = search.holds([*needed, *rest])
        if verdict is Status.INFEASIBLE:
            kept = set(smaller)
            needed = [label for label in needed if label in kept]
            open_ones = [label for label in rest if label in kept]
            tell(len(needed) + len(open_ones))
            chunk = max(1, min(chunk, len(open_ones)))
            continue
        if len(tried) > 1:
            chunk = max(1, len(tried) // 2)
            continue
        proven = proven and verdict is Status.FEASIBLE
        needed.append(tried[0])
        open_ones = rest
    return needed, proven


class _Search:
    """Asks whether a set of constraints holds together, on one model with switches."""

    def __init__(
        self,
        built: Build,
        began: float,
        time_limit: float | None,
        seed: int,
        stop: threading.Event | None,
    ) -> None:
        self._built = built
        self._deadline = None if time_limit is None else began + time_limit
        self._seed = seed
        self._stop = stop if stop is not None else threading.Event()
        self._switches = built.model.switches
        self._names = {switch.index: label for label, switch in self._switches.items()}
        self.labels = list(self._switches)

    def over(self) -> bool:
        """Whether time is up or the caller asked to stop."""
        late = self._deadline is not None and time.perf_counter() >= self._deadline
        return late or self._stop.is_set()

    def holds(self, labels: Sequence[ConstraintLabel]) -> tuple[Status, list[ConstraintLabel]]:
        """FEASIBLE, INFEASIBLE with a subset that clashes already, or UNKNOWN."""
        from ortools.sat.python import cp_model

        from makespan.solvers.cpsat.backend import search, status_of

        cp = self._built.model.cp
        cp.clear_assumptions()
        cp.add_assumptions([self._switches[label] for label in labels])
        solver = cp_model.CpSolver()
        # Cores of assumptions come from a single worker.
        solver.parameters.num_workers = 1
        solver.parameters.random_seed = self._seed
        solver.parameters.catch_sigint_signal = False
        if self._deadline is not None:
            left = max(0.01, self._deadline - time.perf_counter())
            solver.parameters.max_time_in_seconds = max(0.01, _SHARE * left)
        status = status_of(search(solver, cp, self._stop.is_set), self._built)
        if status is Status.OPTIMAL:
            status = Status.FEASIBLE
        if status is not Status.INFEASIBLE:
            return status, []
        named = [self._names[k] for k in solver.sufficient_assumptions_for_infeasibility()]
        asked = set(labels)
        if not set(named) <= asked:
            raise EngineError("CP-SAT blames constraints that were not assumed")
        return status, [label for label in labels if label in set(named)]
