"""Gaps, comparisons, curves and profiles computed from recorded runs."""

from __future__ import annotations

import math

import pytest
from benchmarks.peers import scores

from tests.benchmarks.rows import run


def test_gap_is_relative_to_the_reference() -> None:
    """Negative below it, zero at it, none without a schedule or reference."""
    assert scores.gap(110, 100) == pytest.approx(0.1)
    assert scores.gap(95, 100) == pytest.approx(-0.05)
    assert scores.gap(0, 0) == 0.0
    assert scores.gap(5, 0) is None
    assert scores.gap(None, 100) is None
    assert scores.gap(5, None) is None


def test_ratio_needs_two_positive_values_or_equal_ones() -> None:
    """A total tardiness of zero has a ratio to zero only."""
    assert scores.ratio(9, 10) == pytest.approx(0.9)
    assert scores.ratio(0, 0) == 1.0
    assert scores.ratio(0, 10) is None
    assert scores.ratio(3, None) is None


def test_geometric_mean_leaves_out_what_is_not_there() -> None:
    """Of the rest, the logarithms are averaged."""
    assert scores.geometric_mean([4.0, None, 1.0]) == pytest.approx(2.0)
    assert scores.geometric_mean([None]) is None


def test_reference_is_the_best_known_value_or_else_the_best_found() -> None:
    """A table outranks the runs even when a run is better."""
    ours, theirs = run("makespan", "a", 90), run("pyjobshop", "a", 95)
    assert scores.reference({"makespan": ours, "pyjobshop": theirs}) == 90
    ours["best_known"] = {"value": 92, "lower": 80, "source": "table", "date": "2026"}
    assert scores.reference({"makespan": ours, "pyjobshop": theirs}) == 92
    assert scores.reference({"makespan": run("makespan", "a", None)}) is None


def test_only_cases_that_every_able_engine_ran_are_compared() -> None:
    """A peer that ran no project is not missed there; one that ran job shops is."""
    rows = [
        run("makespan", "shop1", 10),
        run("job-shop-lib", "shop1", 12),
        run("makespan", "shop2", 10),
        run("makespan", "project1", 10, kind="project"),
    ]
    (group,) = scores.groups(rows)
    assert [case for case, _ in group.cases] == ["shop1", "project1"]
    assert group.incomplete == 1
    assert group.engines == ("makespan", "job-shop-lib")
    assert len(group.having("makespan")) == 2
    assert len(group.having("makespan", "job-shop-lib")) == 1


def test_limits_threads_and_sets_are_never_mixed() -> None:
    """Each combination is a group of its own."""
    rows = [run("makespan", "a", 1), run("makespan", "a", 1, limit=5.0)]
    rows += [run("makespan", "a", 1, threads=1), run("makespan", "a", 1, set_name="other")]
    assert len(scores.groups(rows)) == 4


def test_duel_counts_a_schedule_as_better_than_none() -> None:
    """Wins, ties, losses over all cases; the mean ratio over those both solved."""
    rows = [
        *(run("makespan", n, v) for n, v in (("a", 8), ("b", 10), ("c", None), ("d", 5))),
        *(run("pyjobshop", n, v) for n, v in (("a", 10), ("b", 10), ("c", 7), ("d", None))),
        run("makespan", "e", None),
        run("pyjobshop", "e", None),
    ]
    (group,) = scores.groups(rows)
    duel = scores.duel(group, "makespan", "pyjobshop")
    assert (duel.wins, duel.ties, duel.losses) == (2, 2, 1)
    assert duel.ratio == pytest.approx(math.sqrt(0.8))


def test_standing_counts_unsolved_and_unscored_runs() -> None:
    """The mean gap is over scored schedules; the others are counted beside it."""
    rows = [run("makespan", "a", 110, bound=110), run("makespan", "b", None)]
    rows.append(run("makespan", "c", 3))
    for row, value in zip(rows, (100, 100, 0), strict=True):
        row["best_known"] = {"value": value, "lower": None, "source": "table", "date": ""}
    (group,) = scores.groups(rows)
    found = scores.standing(group, "makespan")
    assert found.gap == pytest.approx(0.1)
    assert (found.unsolved, found.unscored, found.proofs, found.at_reference) == (1, 1, 1, 0)


def test_schedules_that_come_late_are_counted() -> None:
    """A little over the limit is the clock's business, more is the engine's."""
    rows = [run("makespan", n, 5, seconds=s) for n, s in (("a", 10.0), ("b", 10.9), ("c", 11.1))]
    rows.append(run("makespan", "d", None, seconds=15.0))
    (group,) = scores.groups(rows)
    assert scores.standing(group, "makespan").late == 1


def test_trajectory_ends_with_the_verified_value() -> None:
    """What an engine told after it, or better than it, is not believed."""
    row = run("makespan", "a", 50, history=[[0.1, 80], [0.4, 50], [0.6, 49]], seconds=2.0)
    assert scores.trajectory(row) == [(0.1, 80.0), (0.4, 50.0)]
    row = run("makespan", "a", 50, history=[], seconds=2.0)
    assert scores.trajectory(row) == [(2.0, 50.0)]
    assert scores.trajectory(run("makespan", "a", None, history=[[0.1, 80]])) == []


def test_gap_over_time_is_whole_until_there_is_a_schedule() -> None:
    """It then falls with each better one, averaged over the cases."""
    rows = [
        run("makespan", "a", 100, history=[[1.0, 150], [3.0, 100]], seconds=9.0),
        run("makespan", "b", 10, history=[[2.0, 10]], seconds=9.0),
    ]
    (group,) = scores.groups(rows)
    found = scores.gap_over_time(group, "makespan", [0.5, 1.5, 2.5, 9.0])
    assert [value for _, value in found] == pytest.approx([1.0, 0.75, 0.25, 0.0])


def test_profile_sorts_the_ratios_to_the_best_of_each_case() -> None:
    """No schedule is infinitely far away, for all if nobody has one."""
    values = {"makespan": (10, 20, None, 0), "pyjobshop": (11, 20, None, 4)}
    rows = [run(e, n, v) for e, vs in values.items() for n, v in zip("abcd", vs, strict=True)]
    (group,) = scores.groups(rows)
    found = scores.profile(group)
    assert found["makespan"] == [1.0, 1.0, 1.0, math.inf]
    assert found["pyjobshop"] == pytest.approx([1.0, 1.1, math.inf, math.inf])
    assert scores.share_within(found["pyjobshop"], 1.2) == 0.5
    assert scores.share_within([], 2.0) == 0.0


def test_sample_times_span_the_run() -> None:
    """They grow up to the limit."""
    times = scores.sample_times(10.0, 20)
    assert times[0] == pytest.approx(0.01)
    assert times[-1] == pytest.approx(10.0)
    assert times == sorted(times)


def test_contradictions_name_bounds_above_a_value_and_broken_schedules() -> None:
    """Any verified schedule refutes a bound above its value."""
    rows = [run("makespan", "a", 10), run("pyjobshop", "a", 12, bound=11)]
    rows.append(run("bare-cpsat", "a", None, status="invalid"))
    found = scores.contradictions(rows)
    assert len(found) == 2
    assert "bound 11, value 10" in found[0]
    assert "breaks a constraint" in found[1]
    assert scores.contradictions(rows[:1]) == []
