"""Which members of the portfolio work on a problem, on how many threads, and from when on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from makespan.core.problem import Problem
from makespan.core.vocabulary import ObjectiveKind

MEMBERS: Final = ("local", "exact", "neighbourhood")

EXACT_MODE_LIMIT: Final = 100_000
"""Above this many modes a CP-SAT model takes gigabytes."""

_RELATION_LIMIT: Final = 500_000
"""The same for pairs of jobs on machines that take them in one order."""

_COUNTING: Final = 600
"""Operations up to which CP-SAT helps where late jobs are counted: local search sees plateaus."""

_QUICK_PROOF: Final = 110
"""Operations up to which a proof often comes within seconds (ten by ten job shops do)."""

_SLOW_PROOF: Final = 230
"""Operations up to which a proof may come within minutes."""

_PATIENT_SECONDS: Final = 20.0
"""Time limit from which on a thread is spared for slow proofs."""

_DOUBTFUL: Final = 40
"""Operations from which a proof that does not come soon may not come at all."""

_TRIAL_SHARE: Final = 0.25
_TRIAL_SECONDS: Final = 2.5
"""Share of the time that CP-SAT has to show that it gets on, and the least that it is given."""

_SMALL: Final = 120
"""Tasks up to which exact search alone is hard to beat on problems of no special shape."""


@dataclass(frozen=True, slots=True)
class Features:
    """What decides the mix.

    Attributes
    ----------
    search
        Name of the local search that takes the problem (its first level), "" if none does.
    levels
        Number of objective levels.
    choosing
        Whether there are more modes than tasks.
    counting
        Whether the first level counts late jobs.
    provable
        Whether CP-SAT's model fits into memory.
    """

    tasks: int
    levels: int
    search: str
    choosing: bool = False
    counting: bool = False
    provable: bool = True

    @classmethod
    def of(cls, problem: Problem, search: str) -> Features:
        """Features of a problem for which a local search was found, or none."""
        users = np.bincount(problem.modes.demand_resource, minlength=problem.resources.count)
        pairs = sum(int((users[members] ** 2).sum()) for members in problem.same_orders)
        first = problem.objective.levels[0]
        return cls(
            tasks=problem.tasks.count,
            levels=len(problem.objective.levels),
            search=search,
            choosing=problem.modes.count > problem.tasks.count,
            counting=any(term.kind is ObjectiveKind.TARDY_COUNT for term in first),
            provable=problem.modes.count <= EXACT_MODE_LIMIT and pairs <= _RELATION_LIMIT,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """Threads and seconds of each member.

    Attributes
    ----------
    sampling
        Seconds of priority-rule sampling on every thread before anything else.
    local_first
        Seconds in which local search has every thread to itself; None: to the end.
    local, exact, neighbourhood
        Threads of local search, CP-SAT and large-neighbourhood search afterwards, side by side.
    exact_after
        Seconds after which CP-SAT joins, so that it has a good incumbent to start from.
    exact_trial
        Seconds of CP-SAT after which it gives its threads to local search once a proof is out of
        reach (:class:`makespan.solvers.auto.outlook.Outlook`); None: it stays to the end.
    """

    sampling: float
    local_first: float | None
    local: int
    exact: int
    neighbourhood: int
    exact_after: float
    exact_trial: float | None = None

    def alone(self, member: str, features: Features, threads: int) -> Plan:
        """The plan with one member working alone, if it can; "" leaves it as it is."""
        if member == "local" and features.search:
            return replace(self, local_first=None, local=threads, exact=0, neighbourhood=0)
        if member == "exact" and features.provable:
            return replace(
                self, local_first=0.0, local=0, exact=threads, neighbourhood=0, exact_after=0.0,
                exact_trial=None,
            )  # fmt: skip
        if member == "neighbourhood":
            return replace(self, local_first=0.0, local=0, exact=0, neighbourhood=threads)
        return self


def plan_for(features: Features, *, threads: int, time_limit: float | None) -> Plan:
    """Plan for a problem; the shares were chosen on generated instances of every shape."""
    limit = float("inf") if time_limit is None else time_limit
    provable = features.provable
    if not features.search:
        sampling = min(1.0, 0.03 * limit)
        if not provable:
            return Plan(0.3 * min(limit, 60.0), 0.0, 0, 0, threads, 0.0)
        alone = features.tasks <= _SMALL or threads == 1
        around = 0 if alone else threads // 2
        return Plan(sampling, 0.0, 0, threads - around, around, 0.0)
    if features.levels > 1:
        exact = threads if provable else 0
        return Plan(0.0, min(10.0, 0.2 * limit) if exact else None, 0, exact, 0, 0.0)
    hopeful = (
        features.tasks <= _QUICK_PROOF
        or (features.tasks <= _SLOW_PROOF and limit >= _PATIENT_SECONDS)
        or (features.tasks <= _COUNTING and features.counting)
    )
    if not provable or not (hopeful or time_limit is None):
        return Plan(0.0, None, threads, 0, 0, 0.0)
    trial = None
    # Bounds of job shops without choices may look far off until the moment of the proof.
    doubtful = features.choosing or features.search == "project"
    if doubtful and features.tasks > _DOUBTFUL and not features.counting:
        trial = max(_TRIAL_SECONDS, _TRIAL_SHARE * limit)
    if threads == 1:
        return Plan(0.0, min(10.0, 0.3 * limit), 0, 1, 0, 0.0, trial)
    exact = threads // 2
    return Plan(0.0, 0.0, threads - exact, exact, 0, min(0.5, 0.1 * limit), trial)
