"""JITServe and what it is compared with, for loads of any kind, as names ask for them.

A name comes with no training load, so that lengths and tasks are learnt from what ends in the run.
"""

from __future__ import annotations

from makespan.serving.cost.step import StepCost
from makespan.serving.policies.jitserve.lengths import Bounds, TrueLengths
from makespan.serving.policies.jitserve.patterns import Tasks
from makespan.serving.policies.jitserve.policy import JitServe
from makespan.serving.workload import Workload


def jitserve(workload: Workload, cost: StepCost | None) -> JitServe:
    """The paper's priorities."""
    return JitServe(workload, cost)


def artifact(workload: Workload, cost: StepCost | None) -> JitServe:
    """The rewards of the authors' code."""
    return JitServe(workload, cost, reward="artifact")


def oracle(workload: Workload, cost: StepCost | None) -> JitServe:
    """The paper's priorities with true lengths and known tasks."""
    return JitServe(
        workload, cost, bounds=Bounds(TrueLengths(workload)), tasks=Tasks(workload, known=True)
    )
