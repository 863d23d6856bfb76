"""When the portfolio stops hoping for a proof, and what its threads do then."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.generators import random_job_shop, random_rcpsp
from makespan.solvers.auto import Features, outlook, plan, plan_for
from makespan.solvers.auto.outlook import Outlook
from makespan.solvers.board import Board
from makespan.solvers.local.project.member import ProjectSearch
from makespan.solvers.solving import solve


class Clocked(Board):
    """A board whose time is told, with an incumbent of a given value."""

    def __init__(self, limit: float | None, value: int) -> None:
        super().__init__(random_job_shop(2, 2, seed=0), time_limit=limit)
        self.now = 0.0
        self.values = (value,)

    @property
    def seconds(self) -> float:
        """As told."""
        return self.now


def judge(board: Clocked, trial: float, bounds: list[tuple[float, int]], at: float) -> bool:
    """Whether there is no hope at a time, after the bound has risen as listed."""
    look = Outlook(board, trial)
    for when, bound in bounds:
        board.now = when
        board.raise_bound(bound, by="test")
        assert when >= trial or not look.is_hopeless()
    board.now = at
    return look.is_hopeless()


def test_a_bound_that_stands_still_is_hopeless_after_the_trial() -> None:
    """Not before it, and not where there is no limit to the time."""
    assert judge(Clocked(10, 100), 2.0, [(0.0, 80)], 2.0)
    assert not judge(Clocked(10, 100), 2.0, [(0.0, 80)], 1.9)
    assert not judge(Clocked(None, 100), 2.0, [(0.0, 80)], 50.0)


def test_a_bound_that_will_arrive_is_waited_for() -> None:
    """The pace is that of the latter half: here two per second, twenty to go."""
    rising = [(0.0, 70), (1.0, 72), (2.0, 76), (4.0, 80)]
    assert not judge(Clocked(20, 100), 4.0, rising, 4.0)
    assert judge(Clocked(7, 100), 4.0, rising, 4.0)
    assert judge(Clocked(20, 200), 4.0, rising, 4.0)


@given(
    rises=st.lists(st.tuples(st.floats(0, 9), st.integers(0, 90)), min_size=1, max_size=6),
    at=st.floats(5, 9.9),
)
def test_more_time_never_takes_hope_away(rises: list[tuple[float, int]], at: float) -> None:
    """With the same bounds at the same times, a later limit is at least as hopeful."""
    rises = [(when, bound) for when, bound in sorted(rises) if when <= at]
    short = judge(Clocked(10, 100), 9.0, rises, max(at, 9.0))
    long = judge(Clocked(40, 100), 9.0, rises, max(at, 9.0))
    assert short or not long


@pytest.mark.parametrize(
    ("features", "tried"),
    [
        (Features(60, 1, "project"), True),
        (Features(30, 1, "project"), False),
        (Features(100, 1, "tabu"), False),
        (Features(100, 1, "tabu", choosing=True), True),
        (Features(100, 1, "project", counting=True), False),
    ],
)
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_only_doubtful_proofs_are_on_trial(features: Features, tried: bool, threads: int) -> None:
    """Small problems and job shops without choices keep their exact threads to the end."""
    made = plan_for(features, threads=threads, time_limit=10.0)
    assert made.exact > 0
    assert (made.exact_trial is not None) is tried


def test_exact_search_alone_stays_alone() -> None:
    """Who asks for one member gets no other when its proof is out of reach."""
    features = Features(60, 1, "project")
    made = plan_for(features, threads=2, time_limit=10.0)
    assert made.exact_trial is not None
    assert made.alone("exact", features, 2).exact_trial is None


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_of_a_hopeless_proof_go_on_with_local_search(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every thread ends in local search, and only after the trial."""
    workers: list[int] = []
    stop = threading.Event()
    work = ProjectSearch.work

    def noted(self: ProjectSearch, worker: int) -> None:
        workers.append(worker)
        if len(workers) == 2:
            stop.set()
        work(self, worker)

    monkeypatch.setattr(ProjectSearch, "work", noted)
    monkeypatch.setattr(plan, "_TRIAL_SECONDS", 0.2)
    monkeypatch.setattr(plan, "_TRIAL_SHARE", 0.0)
    monkeypatch.setattr(outlook, "_SLACK", 0.0)
    problem = random_rcpsp(60, seed=1, factor=1.0, strength=0.2)
    result = solve(problem, time_limit=12.0, threads=threads, stop=stop)
    assert result.schedule is not None
    assert workers == ([0, 0] if threads == 1 else [0, 1])
    assert result.cancelled
