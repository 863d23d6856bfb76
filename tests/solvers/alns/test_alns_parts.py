"""Pieces of the search: partial orders, destroy operators, restricted models, adaptation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan import evaluate, verify
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import ObjectiveKind, ResourceKind
from makespan.generators import planted_everything, random_rcpsp
from makespan.solvers.alns.adaptation import Roulette, Size
from makespan.solvers.alns.destroy import OPERATORS, destroy
from makespan.solvers.alns.model_repair import ModelRepair
from makespan.solvers.alns.order import chain, kept_pairs
from makespan.solvers.alns.picture import Frame, Picture
from makespan.solvers.board import Board
from makespan.solvers.dispatch import dispatch


def picture_of(problem: Problem, schedule: Schedule) -> Picture:
    """The schedule in a frame of its own."""
    return Picture(Frame(problem), schedule)


@given(seed=st.integers(0, 300), free=st.integers(0, 2**20))
@settings(max_examples=60, deadline=None)
def test_kept_pairs_hold_in_the_schedule(seed: int, free: int) -> None:
    """Every pair is in order already, between kept tasks, and no machine order is lost."""
    problem, schedule = planted_everything(20, seed=seed)
    picture = picture_of(problem, schedule)
    freed = np.array([bool(free >> k & 1) for k in range(20)])
    pairs = kept_pairs(picture, freed)
    for i, j in pairs:
        assert not freed[i]
        assert not freed[j]
        assert schedule.end[i] <= schedule.start[j]
    for r, lane in picture.lanes.items():
        if problem.resources.kind[r] == ResourceKind.MACHINE:
            kept = [i for i in lane if not freed[i]]
            for i, j in itertools.pairwise(kept):
                assert (i, j) in pairs


@given(seed=st.integers(0, 60), shift=st.integers(0, 2**30))
@settings(max_examples=40, deadline=None)
def test_chains_keep_any_shifted_schedule_within_capacity(seed: int, shift: int) -> None:
    """Times that respect precedences and chains respect every renewable: a partial order."""
    problem = random_rcpsp(20, seed=seed)
    schedule = dispatch(problem)
    picture = picture_of(problem, schedule)
    pairs = set(
        zip(problem.precedences.source.tolist(), problem.precedences.target.tolist(), strict=True)
    )
    for r, lane in picture.lanes.items():
        pairs |= chain(picture, r, lane)
    random = np.random.default_rng(shift)
    start = np.zeros(problem.tasks.count, dtype=np.int64)
    duration = schedule.end - schedule.start
    for i in np.lexsort((schedule.end, schedule.start)).tolist():
        ready = max((int(start[k] + duration[k]) for k, j in pairs if j == i), default=0)
        start[i] = ready + int(random.integers(0, 4))
    assert verify(problem, Schedule.from_starts(problem, start, schedule.mode)) == []


@pytest.mark.parametrize("name", list(OPERATORS))
@given(seed=st.integers(0, 200), size=st.integers(1, 30), level=st.integers(0, 2))
@settings(max_examples=25, deadline=None)
def test_operators_free_about_as_many_as_asked(name: str, seed: int, size: int, level: int) -> None:
    """At least one task, at most the size and a share of those left out; or everything."""
    problem, schedule = planted_everything(24, seed=seed)
    level = min(level, len(problem.objective.levels) - 1)
    picture = picture_of(problem, schedule)
    freed = destroy(name, picture, np.random.default_rng(seed), size, level)
    if size >= 24:
        assert freed.all()
        return
    assert 1 <= freed.sum() <= max(size, 6) + max(1, size // 4)


def test_operators_take_schedules_without_present_tasks() -> None:
    """When everything is left out, operators still offer something to place."""
    problem, _schedule = planted_everything(12, seed=1)
    nothing = Schedule(np.zeros(12), np.zeros(12), np.full(12, -1))
    picture = picture_of(problem, nothing)
    for name in OPERATORS:
        assert destroy(name, picture, np.random.default_rng(0), 4, 0).any()


@pytest.mark.parametrize("kind", list(ObjectiveKind))
def test_shares_are_numbers_of_the_right_sign(kind: ObjectiveKind) -> None:
    """Each term's shares are finite and at least zero, so that they can be drawn by."""
    for seed in range(12):
        problem, schedule = planted_everything(20, seed=seed)
        for level in range(len(problem.objective.levels)):
            if kind in {term.kind for term in problem.objective.levels[level]}:
                shares = picture_of(problem, schedule).shares(level)
                assert np.isfinite(shares).all()
                assert (shares >= 0).all()


@given(seed=st.integers(0, 200), free=st.integers(0, 2**16), ties=st.booleans())
@settings(max_examples=25, deadline=None)
def test_restricted_model_keeps_the_incumbent_and_its_kept_part(
    seed: int, free: int, ties: bool
) -> None:
    """A repair keeps modes and machine orders of kept tasks, and never loses the incumbent."""
    problem, schedule = planted_everything(16, seed=seed)
    board = Board(problem)
    assert board.adopt(schedule)
    values = tuple(evaluate(problem, schedule))
    picture = picture_of(problem, schedule)
    freed = np.array([bool(free >> k & 1) for k in range(16)])
    model = ModelRepair(problem, board, schedule)
    outcome = model.repair(picture, values, freed, level=0, ties=ties, effort=2.0, seed=1)
    found = outcome.schedule
    if ties:
        assert found is not None, "the incumbent itself meets the bounds"
    if found is None:
        return
    assert verify(problem, found) == []
    assert evaluate(problem, found)[0] <= values[0] - (not ties)
    assert (found.mode[~freed] == schedule.mode[~freed]).all()
    for i, j in kept_pairs(picture, freed):
        assert found.end[i] <= found.start[j]


def test_backend_does_not_loop() -> None:
    """A neighbourhood on which two costly propagators of the backend push each other for ever."""
    problem, schedule = planted_everything(16, seed=86)
    board = Board(problem)
    board.adopt(schedule)
    freed = np.zeros(16, dtype=bool)
    freed[[2, 3, 4, 6, 7, 8, 11]] = True
    outcome = ModelRepair(problem, board, schedule).repair(
        picture_of(problem, schedule), evaluate(problem, schedule), freed,
        level=0, ties=True, effort=0.02, seed=1,
    )  # fmt: skip
    assert outcome.closed


def test_roulette_prefers_what_pays_and_forgets_nothing() -> None:
    """Rewards raise the share of a name; the others are still drawn now and then."""
    wheel = Roulette(("good", "bad"))
    for _ in range(60):
        wheel.learn("good", 5.0)
        wheel.learn("bad", 0.0)
    random = np.random.default_rng(0)
    drawn = [wheel.draw(random) for _ in range(400)]
    assert 300 < drawn.count("good") < 400
    assert wheel.draw(random, ["bad"]) == "bad"


def test_sizes_grow_when_easy_and_shrink_when_out_of_time() -> None:
    """The size stays between 1 and everything."""
    size = Size(10, 5.0)
    for _ in range(40):
        size.learn(gained=False, closed=True, spent=0.01)
    random = np.random.default_rng(0)
    assert max(size.draw(random) for _ in range(20)) == 10
    for _ in range(40):
        size.learn(gained=True, closed=False, spent=1.0)
    assert 1 <= size.draw(random) <= 6
