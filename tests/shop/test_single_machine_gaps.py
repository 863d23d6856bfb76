"""The gap reporter: means, medians, sums, zeros, sign tests, references."""

from __future__ import annotations

import math

import numpy as np
import pytest

from makespan.core.errors import OptionError
from makespan.shop.single_machine import RULES, Jobs, subset_order
from makespan.shop.single_machine.gaps import CLASSES, Gaps, SignTest, class_instance, measure

TIGHT, LOOSE = (0.2, 0.8), (1.0, 0.2)


def test_figures_by_hand() -> None:
    """Two gaps of 10 and 50 %, one zero optimum."""
    gaps = Gaps(
        (TIGHT, TIGHT, LOOSE),
        np.array([100, 2, 0]),
        np.array([True, True, True]),
        {"a": np.array([110, 3, 4]), "b": np.array([100, 4, 4])},
    )
    assert gaps.mean("a") == pytest.approx(30)
    assert gaps.median("a") == pytest.approx(30)
    assert gaps.summed("a") == pytest.approx(100 * 15 / 102)
    assert gaps.zeros == 1
    assert gaps.excess_at_zero("a") == 4
    assert gaps.sign_test("a", "b") == SignTest(1, 1)
    part = gaps.of(LOOSE)
    assert part.labels == (LOOSE,)
    assert math.isnan(part.mean("a"))
    assert math.isnan(part.median("a"))
    assert math.isnan(part.summed("a"))
    assert math.isnan(gaps.of(TIGHT).excess_at_zero("a"))


@pytest.mark.parametrize(
    ("wins", "losses", "p"),
    [(0, 0, 1.0), (1, 0, 1.0), (5, 5, 1.0), (10, 0, 2 / 1024), (0, 10, 2 / 1024), (8, 2, 0.109375)],
)
def test_sign_tests(wins: int, losses: int, p: float) -> None:
    """Two-sided binomial tails."""
    assert SignTest(wins, losses).p_value == pytest.approx(p)


def test_references_are_optima() -> None:
    """On small instances of every class, equal to dynamic programming; no rule is below."""
    instances = [(label, class_instance(label, 9, 3)) for label in CLASSES]
    gaps = measure({"MDD": RULES["MDD"], "SPT": RULES["SPT"]}, instances)
    assert gaps.proved.all()
    optima = [jobs.total_tardiness(subset_order(jobs)) for _, jobs in instances]
    assert gaps.reference.tolist() == optima
    assert (gaps.values["MDD"] >= gaps.reference).all()


def test_an_unproved_reference_is_the_best_rule() -> None:
    """And is marked as such."""
    label = (0.2, 0.6)
    lines: list[str] = []
    instances = [(label, class_instance(label, 400, 1))] * 20
    gaps = measure(
        {"MDD": RULES["MDD"], "SPT": RULES["SPT"]}, instances, seconds=0.001, say=lines.append
    )
    unproved = ~gaps.proved
    assert unproved.any()
    best = np.minimum(gaps.values["MDD"], gaps.values["SPT"])
    assert (gaps.reference[unproved] == best[unproved]).all()
    assert len(lines) == 1
    with pytest.raises(OptionError):
        measure({}, instances)


def test_instances_of_a_class_are_those_of_its_seed() -> None:
    """Uniform and normal times differ, seeds repeat."""
    one, other = class_instance(TIGHT, 30, 5), class_instance(TIGHT, 30, 5)
    assert isinstance(one, Jobs)
    assert np.array_equal(one.due, other.due)
    normal = class_instance(TIGHT, 30, 5, normal=True)
    assert normal.processing.std() < one.processing.std()
