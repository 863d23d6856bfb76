"""The instances of Potts and Van Wassenhove, as the rules are measured on them."""

from __future__ import annotations

import numpy as np
import pytest

from makespan.core.errors import OptionError
from makespan.generators import random_single_machine
from makespan.shop.single_machine import recognise


def test_due_dates_follow_the_recipe() -> None:
    """Within P (1 - T -+ R/2), negative ones kept on request, else 0; times U[1, 100]."""
    for tardiness, spread in ((0.2, 0.2), (0.8, 1.0)):
        options = {"seed": 4, "tardiness_factor": tardiness, "due_range": spread, "most_weight": 1}
        raw = random_single_machine(400, negative_due=True, **options)
        cut = random_single_machine(400, **options)
        total = int(raw.modes.duration.sum())
        assert raw.modes.duration.min() >= 1
        assert raw.modes.duration.max() <= 100
        middle = 1 - tardiness
        assert raw.jobs.due.min() >= round(total * (middle - spread / 2))
        assert raw.jobs.due.max() <= round(total * (middle + spread / 2))
        assert np.array_equal(np.maximum(raw.jobs.due, 0), cut.jobs.due)
        assert (raw.jobs.due.min() < 0) == (tardiness == 0.8)
        assert recognise(raw).jobs.weight is None


def test_normal_times() -> None:
    """Mean and deviation as asked for, at least 1, the same for the same seed."""
    problem = random_single_machine(5000, seed=1, mean_time=60)
    times = problem.modes.duration
    assert abs(times.mean() - 60) < 1
    assert abs(times.std() - 20) < 1
    assert times.min() >= 1
    again = random_single_machine(5000, seed=1, mean_time=60)
    assert np.array_equal(times, again.modes.duration)
    same = random_single_machine(9, seed=1, mean_time=7, time_deviation=0)
    assert set(same.modes.duration.tolist()) == {7}
    for bad in ({"mean_time": -1}, {"time_deviation": -1}, {"mean_time": float("nan")}):
        with pytest.raises(OptionError):
            random_single_machine(3, seed=1, **bad)
