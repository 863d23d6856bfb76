"""Training instances, and evaluators of expressions and of Python programs in a sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from makespan.core.errors import FormatError, OptionError
from makespan.generators import random_single_machine
from makespan.shop.single_machine.discovery.expressions import (
    encode,
    parse,
    tardiness_of_expression,
)
from makespan.shop.single_machine.discovery.sandbox import Sandbox
from makespan.shop.single_machine.dispatching import FloatArray, shortest_first
from makespan.shop.single_machine.jobs import Jobs, require_recognised

TARDINESS_FACTORS: Final = (0.2, 0.4, 0.6, 0.8, 1.0)
DUE_RANGES: Final = (0.2, 0.4, 0.6, 0.8, 1.0)


def training_set(instances: int, *, jobs: int = 25, seed: int = 0) -> list[Jobs]:
    """Instances of Potts and Van Wassenhove, the 25 classes in turn.

    The source trains on 10 000 instances of 25 jobs and has T = 1.0 among the tardiness factors
    [paper]; due dates before 0 stay.

    Raises
    ------
    OptionError
        If a number is below 1.
    """
    if instances < 1 or jobs < 1:
        raise OptionError("a training set needs at least one instance and one job")
    classes = [(t, r) for t in TARDINESS_FACTORS for r in DUE_RANGES]
    drawn = []
    for k in range(instances):
        tardiness, spread = classes[k % len(classes)]
        problem = random_single_machine(
            jobs,
            seed=seed + k,
            tardiness_factor=tardiness,
            due_range=spread,
            most_weight=1,
            negative_due=True,
        )
        drawn.append(require_recognised(problem).jobs)
    return drawn


@dataclass(frozen=True, slots=True, eq=False)
class ExpressionEvaluator:
    """Scores expressions of :mod:`makespan.shop.single_machine.discovery.expressions`.

    Attributes
    ----------
    processing, due
        One instance a row, shortest first, float64 (instances, n).
    """

    processing: FloatArray
    due: FloatArray
    name: str

    @classmethod
    def over(cls, instances: Sequence[Jobs]) -> ExpressionEvaluator:
        """An evaluator over instances of the same number of jobs."""
        orders = [shortest_first(jobs) for jobs in instances]
        rows = list(zip(instances, orders, strict=True))
        return cls(
            np.array([jobs.processing[order] for jobs, order in rows], dtype=np.float64),
            np.array([jobs.due[order] for jobs, order in rows], dtype=np.float64),
            f"expressions on {len(instances)} instances of {len(instances[0])} jobs",
        )

    def score(self, text: str) -> float:
        """Mean total tardiness; inf if the text is no expression."""
        try:
            codes, numbers = encode(parse(text))
        except FormatError:
            return float("inf")
        late = np.empty(len(self.processing))
        tardiness_of_expression(codes, numbers, self.processing, self.due, late)
        return float(late.mean())


@dataclass(frozen=True, slots=True, eq=False)
class ProgramEvaluator:
    """Scores Python functions ``assignment(p, d) -> order`` in a sandbox.

    What runs in the sandbox only makes orders; it is here that they are checked and valued, so a
    program cannot talk its score up.
    """

    instances: Sequence[Jobs]
    sandbox: Sandbox

    @property
    def name(self) -> str:
        """What is measured."""
        return f"programs on {len(self.instances)} instances of {len(self.instances[0])} jobs"

    def score(self, text: str) -> float:
        """Mean total tardiness; inf if the program fails or an order misses or repeats a job."""
        given = [(jobs.processing.tolist(), jobs.due.tolist()) for jobs in self.instances]
        outcome = self.sandbox.orders(text, given)
        if outcome.orders is None or len(outcome.orders) != len(self.instances):
            return float("inf")
        total = 0
        for jobs, order in zip(self.instances, outcome.orders, strict=True):
            try:
                total += jobs.total_tardiness(order)
            except (OptionError, ValueError, OverflowError):
                return float("inf")
        return total / len(self.instances)
