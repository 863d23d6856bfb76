"""How the experiments of HexGen-Text2SQL search and measure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.claims.hexgen_experiments import (
    MIXED,
    Deadlines,
    Fleet,
    _seconds,
    arms,
    load_of,
    tuned_alpha,
)


class Told(Deadlines):
    """Queries that take what one says, more or less by the deadline."""

    def __init__(self, seconds: list[float], sees: bool) -> None:
        self.seconds, self.sees = seconds, sees
        self.arm = arms(0.5)["balance, urgency" if sees else "balance, FCFS"]
        self.asked: set[int] = set()

    def run(self, tenths: int) -> tuple[list[float], float]:
        """As told; a schedule that sees a short deadline hurries a little."""
        self.asked.add(tenths)
        hurry = min(tenths, 100) * 0.2 if self.sees else 0.0
        return [one + hurry for one in self.seconds], 1.0


@given(
    st.lists(st.floats(0.1, 1500.0), min_size=1, max_size=40),
    st.booleans(),
    st.sampled_from([0.5, 0.95, 0.99]),
)
def test_the_smallest_deadline_is_found(seconds: list[float], sees: bool, share: float) -> None:
    """It is kept by the share, and a tenth less is not."""
    found = Told(seconds, sees)
    tenths = round(found.scale(share) / 0.1)
    assert found.keeps(tenths, share)
    assert tenths == 1 or not found.keeps(tenths - 1, share)
    assert len(found.asked) < 40


def test_every_arm_serves_the_same_queries() -> None:
    """To the end, whatever decides."""
    fleet = Fleet(MIXED)
    load = load_of(2.0, 0, 5.0, queries=3)
    for arm in arms(0.3).values():
        record = fleet.serve(
            load,
            lambda known, arm=arm: arm.policy(load, known),  # type: ignore[misc]
            lambda known, arm=arm: arm.router(load, known),  # type: ignore[misc]
        )
        assert record.finished.all()


def test_the_base_is_that_of_the_paper() -> None:
    """A deadline of one is 52.95 seconds, and alpha is a share."""
    assert _seconds(10) == pytest.approx(52.95)
    assert 0.0 <= tuned_alpha(Fleet(MIXED), 2.0, 5, quick=True) <= 1.0
