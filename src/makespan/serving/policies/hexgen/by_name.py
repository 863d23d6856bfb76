"""HexGen's policies for loads and engines of any kind, as names ask for them.

A name comes with a load and step times, not with profiling runs of the past. The load itself stands
for the history: the mean lengths and the mean workflow of its stages, never those of one query.
Each engine knows its own times only, so that budgets are shares by its own clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from makespan.serving.cost.step import LinearCost, StepCost
from makespan.serving.policies.hexgen.baselines import LeastSlack, UpwardRank
from makespan.serving.policies.hexgen.budget import Budgets
from makespan.serving.policies.hexgen.profile import Profile
from makespan.serving.policies.hexgen.routing import LeastSeconds, WorkloadBalance
from makespan.serving.policies.hexgen.urgency import Urgency
from makespan.serving.policies.hexgen.workflow import Workflow
from makespan.serving.workload import Workload

NOMINAL: Final = LinearCost(25 * 10**9, 10**8, 0, 0)
"""Step times where none are given: 25 ms, and prompts at 10,000 tokens/s (ours)."""


@lru_cache(maxsize=8)
def _profile(workload: Workload, costs: tuple[StepCost, ...]) -> Profile:
    return Profile.estimated(workload, costs or (NOMINAL,))


@lru_cache(maxsize=8)
def _workflow(workload: Workload) -> Workflow:
    return Workflow.typical(workload)


def urgency(workload: Workload, cost: StepCost | None) -> Urgency:
    """The queue by urgency, for an engine of these step times."""
    profile = _profile(workload, (cost,) if cost else ())
    return Urgency(Budgets(workload, profile.copy(), _workflow(workload)))


def upward_rank(workload: Workload, cost: StepCost | None) -> UpwardRank:
    """The queue by the work expected behind each call."""
    profile = _profile(workload, (cost,) if cost else ())
    return UpwardRank(Budgets(workload, profile, _workflow(workload)))


def least_slack(workload: Workload, cost: StepCost | None) -> LeastSlack:
    """The queue by true slack: an oracle."""
    return LeastSlack(workload, _profile(workload, (cost,) if cost else ()))


def workload_balance(workload: Workload, costs: Sequence[StepCost]) -> WorkloadBalance:
    """The router, for engines of these step times; one for all, if there is but one."""
    return WorkloadBalance(workload, _profile(workload, tuple(costs)).copy())


def least_seconds(workload: Workload, costs: Sequence[StepCost]) -> LeastSeconds:
    """List scheduling, for the same."""
    return LeastSeconds(workload, _profile(workload, tuple(costs)).copy())
