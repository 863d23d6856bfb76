"""How far rules are from the optimum, told so that small optima cannot hide behind a mean.

The mean gap in percent is what papers print. It leaves out instances whose optimum is 0 and is
ruled by those whose optimum is next to it; the median, and the excess summed over instances by the
sum of optima, are not.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.vocabulary import BoolArray, IntArray
from makespan.generators import random_single_machine
from makespan.shop.single_machine.decomposition import decompose
from makespan.shop.single_machine.jobs import Jobs, require_recognised
from makespan.shop.single_machine.rules import OrderRule

TARDINESS_FACTORS: Final = (0.2, 0.4, 0.6, 0.8)
DUE_RANGES: Final = (0.2, 0.4, 0.6, 0.8, 1.0)

CLASSES: Final = tuple((r, t) for r in DUE_RANGES for t in TARDINESS_FACTORS)
"""The twenty classes of Potts and Van Wassenhove, as (due-date range, tardiness factor)."""

Label = tuple[float, float]


def class_instance(label: Label, jobs: int, seed: int, *, normal: bool = False) -> Jobs:
    """Instance of a class, unweighted, with due dates before 0 as drawn.

    Parameters
    ----------
    normal
        Times N(60, 20) in place of U[1, 100].
    """
    spread, tardiness = label
    problem = random_single_machine(
        jobs,
        seed=seed,
        tardiness_factor=tardiness,
        due_range=spread,
        most_weight=1,
        mean_time=60.0 if normal else 0.0,
        negative_due=True,
    )
    return require_recognised(problem).jobs


@dataclass(frozen=True, slots=True, eq=False)
class Gaps:
    """Total tardiness of rules and of the reference, on a set of instances.

    Attributes
    ----------
    labels
        Class of each instance.
    reference
        Proven optimum, or the best of the rules where the proof did not end, int64 (instances,).
    proved
        Which references are proven, bool (instances,).
    values
        Per rule, int64 (instances,).
    """

    labels: tuple[Label, ...]
    reference: IntArray
    proved: BoolArray
    values: Mapping[str, IntArray]

    def of(self, *labels: Label) -> Gaps:
        """The instances of these classes."""
        keep = np.array([label in labels for label in self.labels], dtype=np.bool_)
        return Gaps(
            tuple(label for label in self.labels if label in labels),
            self.reference[keep],
            self.proved[keep],
            {name: value[keep] for name, value in self.values.items()},
        )

    def percent(self, rule: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """Gap in percent of each instance whose reference is not 0."""
        kept = self.reference > 0
        excess = self.values[rule][kept] - self.reference[kept]
        return np.asarray(100.0 * excess / self.reference[kept], dtype=np.float64)

    def mean(self, rule: str) -> float:
        """Mean gap in percent, NaN without instances."""
        gaps = self.percent(rule)
        return float(gaps.mean()) if len(gaps) else math.nan

    def median(self, rule: str) -> float:
        """Median gap in percent, NaN without instances."""
        gaps = self.percent(rule)
        return float(np.median(gaps)) if len(gaps) else math.nan

    def summed(self, rule: str) -> float:
        """Excess summed over all instances by the sum of references, in percent."""
        total = int(self.reference.sum())
        excess = int((self.values[rule] - self.reference).sum())
        return 100.0 * excess / total if total else math.nan

    @property
    def zeros(self) -> int:
        """Instances whose reference is 0."""
        return int((self.reference == 0).sum())

    def excess_at_zero(self, rule: str) -> float:
        """Mean total tardiness where the reference is 0, NaN if it nowhere is."""
        kept = self.values[rule][self.reference == 0]
        return float(kept.mean()) if len(kept) else math.nan

    def sign_test(self, one: str, other: str) -> SignTest:
        """Instances on which one rule is less tardy than another, and the other way round."""
        difference = self.values[one] - self.values[other]
        return SignTest(int((difference < 0).sum()), int((difference > 0).sum()))


@dataclass(frozen=True, slots=True)
class SignTest:
    """A paired comparison; ties count for neither."""

    wins: int
    losses: int

    @property
    def p_value(self) -> float:
        """Chance of a split at least as uneven if either were as likely, two-sided, exact."""
        n = self.wins + self.losses
        tail = sum(math.comb(n, k) for k in range(min(self.wins, self.losses) + 1))
        return min(1.0, 2.0 * tail / 2.0**n)

    def __str__(self) -> str:
        return f"{self.wins} wins, {self.losses} losses, p = {self.p_value:.2g}"


def measure(
    rules: Mapping[str, OrderRule],
    instances: Sequence[tuple[Label, Jobs]],
    *,
    seconds: float = 120.0,
    say: Callable[[str], None] | None = None,
) -> Gaps:
    """Run the rules and the exact method on every instance.

    Parameters
    ----------
    seconds
        Wall seconds for the proof of one instance.
    say
        Called with a line for every twentieth instance.

    Raises
    ------
    OptionError
        If there are no rules.
    """
    if not rules:
        raise OptionError("there are no rules to measure")
    values = {name: np.empty(len(instances), dtype=np.int64) for name in rules}
    reference = np.empty(len(instances), dtype=np.int64)
    proved = np.zeros(len(instances), dtype=np.bool_)
    for k, (_, jobs) in enumerate(instances):
        for name, rule in rules.items():
            values[name][k] = jobs.total_tardiness(rule(jobs))
        halt = np.zeros(1, dtype=np.int64)
        timer = threading.Timer(seconds, halt.fill, (1,))
        timer.daemon = True
        timer.start()
        try:
            found = decompose(jobs, halt=halt)
        finally:
            timer.cancel()
        proved[k] = found is not None
        best = min(int(value[k]) for value in values.values())
        reference[k] = best if found is None else found.value
        if say is not None and (k + 1) % 20 == 0:
            say(f"{k + 1} of {len(instances)} instances of {len(jobs)} jobs")
    return Gaps(tuple(label for label, _ in instances), reference, proved, values)
