"""Alpha by simulation, offline and inside the router."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.policies.hexgen.budget import Budgets
from makespan.serving.policies.hexgen.profile import Profile
from makespan.serving.policies.hexgen.queries import kept_by, query_seconds
from makespan.serving.policies.hexgen.tuning import TunedBalance, reordered, tune_alpha
from makespan.serving.policies.hexgen.urgency import Urgency
from makespan.serving.policies.hexgen.workflow import CHESS, Workflow
from makespan.serving.record import first_difference
from makespan.serving.workloads.transform import drop_sharing
from tests.serving.policies.hexgen.fleets import COSTS, SETTINGS, fleet, published, queries


@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=60), st.floats(0.01, 1.0))
def test_a_share_keeps_the_deadline_and_none_shorter_would_do(
    values: list[float], share: float
) -> None:
    """Counting by hand."""
    seconds = np.array(values)
    limit = kept_by(seconds, share)
    assert (seconds <= limit).sum() >= share * len(values) - 1e-5
    assert (seconds < limit).sum() < share * len(values)


def test_queries_last_from_their_first_call_to_their_last_token() -> None:
    """As the record has it, query by query; those without an end last for ever."""
    load = queries(5)
    record = simulate_serving(**fleet(load))
    seconds = query_seconds(record)
    for program in range(5):
        of = load.program == program
        assert seconds[program] == (record.last[of].max() - record.sent[of].min()) / 1e12
    with pytest.raises(OptionError):
        kept_by(seconds, 0.0)
    tight = [replace(one, blocks=40) for one in SETTINGS]
    broken = simulate_serving(load, tight, COSTS)
    assert np.isinf(query_seconds(broken)).all()


@pytest.mark.parametrize("seed", range(4))
def test_reordered_queries_are_the_same(seed: int) -> None:
    """Their calls, lengths and waits, at the same times of arrival in another order."""
    load = queries(8, seed)
    other = reordered(load, seed=seed)
    assert other.count == load.count
    begins = [np.sort([w.arrival[w.program == p].min() for p in range(8)]) for w in (load, other)]
    assert np.array_equal(*begins)
    for p in range(8):
        mine, theirs = load.program == p, other.program == p
        for name in ("prompt", "output", "label"):
            assert np.array_equal(getattr(load, name)[mine], getattr(other, name)[theirs])
        assert np.array_equal(np.diff(load.parent_ptr)[mine], np.diff(other.parent_ptr)[theirs])


def test_tuning_avoids_a_machine_that_is_far_too_slow() -> None:
    """Balance alone sends it as much work in seconds; speed must count."""
    load = drop_sharing(queries(12, scale=2.0))
    costs = [LinearCost(10**10, 10**7, 0, 0), LinearCost(6 * 10**11, 10**7, 0, 0)]
    profile = Profile.estimated(load, costs)
    tuned = tune_alpha(
        load, SETTINGS[:2], costs, profile, Workflow.typical(load), steps=4, replays=2
    )
    by_alpha = {trial.alpha: trial for trial in tuned.trials}
    assert tuned.alpha > 0.0
    assert by_alpha[tuned.alpha].score > by_alpha[0.0].score
    assert by_alpha[tuned.alpha].score == max(trial.score for trial in tuned.trials)
    # What the search began with is untouched.
    assert profile.seconds("candidate", 1, 0) == Profile.estimated(load, costs).seconds(
        "candidate", 1, 0
    )


def test_tuning_repeats_and_refines() -> None:
    """The same trials each time; those of the sections lie beside the best of the grid."""
    load = queries(8, rate=1.0)
    options: dict[str, Any] = {"steps": 4, "refinements": 3, "replays": 2}
    one = tune_alpha(load, SETTINGS, COSTS, published(), CHESS, **options)
    assert one == tune_alpha(load, SETTINGS, COSTS, published(), CHESS, **options)
    assert 5 < len(one.trials) <= 5 + 4
    grid = max(one.trials[:5], key=lambda trial: (trial.score, -trial.alpha))
    assert all(abs(trial.alpha - grid.alpha) <= 0.25 for trial in one.trials[5:])
    with pytest.raises(OptionError):
        tune_alpha(load, SETTINGS, COSTS, published(), CHESS, steps=0)
    with pytest.raises(OptionError):
        tune_alpha(load.take([]), SETTINGS, COSTS, published(), CHESS)


def tuned_run(seed: int) -> tuple[Any, TunedBalance]:
    """A run whose router searches as it goes."""
    load = queries(20, seed, rate=0.3)
    profile = published()
    router = TunedBalance(
        load, profile, CHESS, SETTINGS, COSTS,
        every=30.0, queries=10, steps=2, refinements=1, replays=1,
    )  # fmt: skip
    record = simulate_serving(
        policy=lambda: Urgency(Budgets(load, profile, CHESS)), router=router, **fleet(load)
    )
    return record, router


def test_the_router_tunes_itself_and_runs_repeat() -> None:
    """Searches happen at simulated times, on ended queries only, and change alpha alone."""
    record, router = tuned_run(1)
    again, other = tuned_run(1)
    assert record.finished.all()
    assert first_difference(record, again) is None
    assert router.history
    assert router.history == other.history
    assert all(0.0 <= found.alpha <= 1.0 for _, found in router.history)
    times = [time for time, _ in router.history]
    assert all(b - a >= 30.0 for a, b in pairwise(times))
    assert set(router.work.seconds.values()) == {0.0}


def test_a_search_needs_time_and_queries() -> None:
    """Both above 0."""
    load = queries(2)
    for options in ({"every": 0.0}, {"queries": 0}):
        with pytest.raises(OptionError):
            TunedBalance(load, published(), CHESS, SETTINGS, COSTS, **options)  # type: ignore[arg-type]
