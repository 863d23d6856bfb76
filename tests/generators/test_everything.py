"""Planted schedules are feasible, and together the problems use the whole vocabulary."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.verify import verify
from makespan.core.vocabulary import (
    INFINITY,
    Blocking,
    DemandTiming,
    LinkKind,
    PrecedenceKind,
    ResourceKind,
    SelectionKind,
)
from makespan.generators import planted_everything, random_everything


@given(st.integers(0, 10**6), st.integers(1, 20), st.booleans())
@settings(max_examples=40)
def test_planted_schedule_is_feasible(seed: int, tasks: int, breaks: bool) -> None:
    """No rule is broken by the schedule that a problem was built around."""
    problem, schedule = planted_everything(tasks, seed=seed, breaks=breaks)
    assert [v.sentence for v in verify(problem, schedule)] == []
    assert problem.tasks.count == tasks
    assert breaks or not problem.calendars
    assert random_everything(tasks, seed=seed, breaks=breaks) == problem


def test_every_word_occurs() -> None:
    """Within forty problems every kind of constraint, timing and code occurs."""
    problems = [random_everything(25, seed=seed) for seed in range(40)]

    def codes(pick: str, column: str) -> set[int]:
        return {int(c) for p in problems for c in np.unique(getattr(getattr(p, pick), column))}

    assert codes("resources", "kind") == {int(k) for k in ResourceKind}
    assert codes("tasks", "blocking") == {int(k) for k in Blocking}
    assert codes("resources", "blocking") == {int(k) for k in Blocking}
    assert codes("modes", "demand_timing") == {int(k) for k in DemandTiming}
    assert codes("precedences", "kind") == {int(k) for k in PrecedenceKind}
    assert codes("links", "kind") == {int(k) for k in LinkKind}
    assert codes("selections", "kind") == {int(k) for k in SelectionKind}
    assert codes("resources", "suspend") == {0, 1}
    assert codes("resources", "released_in_breaks") == {0, 1}
    for some in (
        lambda p: (p.precedences.maximum < INFINITY).any(),
        lambda p: (p.precedences.minimum < 0).any(),
        lambda p: (p.tasks.deadline < INFINITY).any(),
        lambda p: (p.tasks.due < INFINITY).any(),
        lambda p: (p.tasks.baseline_start < INFINITY).any(),
        lambda p: len(p.tasks.forbidden_start) > 0,
        lambda p: len(p.resources.step_time) > 0,
        lambda p: (p.resources.setup >= 0).any(),
        lambda p: (p.modes.duration == 0).any(),
        lambda p: p.no_overlaps.count > 0,
        lambda p: p.same_orders.count > 0,
        lambda p: p.horizon_end < INFINITY,
        lambda p: len(p.objective.levels) > 1,
        lambda p: (p.jobs.deadline < INFINITY).any(),
        lambda p: (p.tasks.job < 0).any(),
    ):
        assert any(some(p) for p in problems)
