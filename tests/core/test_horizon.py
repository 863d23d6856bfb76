"""The horizon bound: late enough for some optimal schedule, and no later than the problem allows."""

from __future__ import annotations

import dataclasses

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from makespan.core.builder import ProblemBuilder
from makespan.core.calendar import Calendar
from makespan.core.handles import TaskHandle
from makespan.core.horizon import horizon_bound
from makespan.core.problem import Problem
from makespan.core.vocabulary import INFINITY, TICK_LIMIT
from tests import oracle
from tests.strategies import ALL, problems

LATER = 8
"""How far beyond the bound the tests look for something better."""


def best(problem: Problem, horizon: int) -> tuple[int, ...] | None:
    """Value of the best schedule that ends by some tick; the example is passed over if too large."""
    try:
        found = oracle.best(problem, horizon, patience=20_000)
    except oracle.TooManyPlansError:
        assume(False)
    return found and found[0]


@settings(max_examples=150)
@given(problems(max_tasks=3, most_features=5))
def test_nothing_better_ends_later(problem: Problem) -> None:
    """With some ticks more than the bound, the optimum is the same, or there is none either."""
    bound = horizon_bound(problem)
    assume(bound <= problem.horizon_start + 150)
    assert best(problem, bound) == best(problem, bound + LATER)


@settings(max_examples=100)
@given(
    problems(
        max_tasks=2,
        min_tasks=2,
        most_features=4,
        features={"calendars", "suspend", "lags", "no_wait", "setups", "horizon", "milestones"},
    )
)
def test_waits_for_calendars_and_lags_fit(problem: Problem) -> None:
    """The same where tasks wait: for calendars, for each other's calendars, for lags, for setups."""
    bound = horizon_bound(problem)
    assume(bound <= problem.horizon_start + 200)
    assert best(problem, bound) == best(problem, bound + LATER)


@given(problems(features=ALL), st.integers(0, 40))
def test_the_bound_keeps_the_horizon_and_the_deadlines(problem: Problem, length: int) -> None:
    """It lies in the horizon, and if every task has a deadline, not after the last one."""
    start, end = problem.horizon_start, problem.horizon_end
    bound = horizon_bound(problem)
    assert start <= bound <= max(start, min(end, TICK_LIMIT))
    ends = dataclasses.replace(problem, horizon_end=start + length)
    assert start <= horizon_bound(ends) <= start + length
    last = int(problem.tasks.deadline.max())
    assert last == INFINITY or bound <= max(start, last)


def test_without_tasks_there_is_nothing_to_wait_for() -> None:
    """An empty problem ends when it starts, or a tick later."""
    assert horizon_bound(ProblemBuilder(horizon=(7, None)).build()) in (7, 8)
    assert horizon_bound(ProblemBuilder(horizon=(-7, -7)).build()) == -7


def test_a_plain_sequence() -> None:
    """Each task once in its longest mode, after the last release."""
    b = ProblemBuilder()
    m = b.machine()
    b.task(duration=3, machine=m, release=10).mode(8)
    b.task(duration=4, machine=m)
    assert 10 + 8 + 4 <= horizon_bound(b.build()) <= 10 + 8 + 4 + 1


def meeting(periods: tuple[int, int], turn: int, other: Calendar | None) -> ProblemBuilder:
    """Two tasks without a wait between them, each on a machine that works one tick per period.

    The first machine works when time is 0 and the second when it is ``turn`` in their periods. A
    third task uses a machine with a calendar of its own if ``other`` is given.
    """
    b = ProblemBuilder()
    pair: list[TaskHandle] = []
    for k, (period, tick) in enumerate(zip(periods, (0, turn), strict=True)):
        calendar = b.calendar(f"c{k}", working=[(tick, tick + 1)], period=period)
        pair.append(b.task(duration=1, machine=b.machine(calendar=calendar)))
    b.no_wait(*pair)
    if other is not None:
        listed = b.calendar("list", working=[(a, e) for a, e in other.working.tolist()])
        b.task(duration=1, machine=b.machine(calendar=listed))
    return b


def test_tasks_wait_until_their_calendars_meet() -> None:
    """The wait may last as long as the common period, also if a third calendar ends for ever."""
    once = Calendar.create("list", working=[(0, 1)])
    for third in (None, once):
        p = meeting((5, 7), 3, third).build()
        found = oracle.best(p, 70)
        assert found is not None
        assert found[0] == (32,)
        assert horizon_bound(p) >= 32


def test_periods_too_long_to_look_through() -> None:
    """Two machines that meet once in sixteen million ticks still can do their work by the bound."""
    b = ProblemBuilder()
    machines = [
        b.machine(calendar=b.calendar(f"c{p}", working=[(0, 1)], period=p)) for p in (4001, 4003)
    ]
    b.task(duration=1, machine=machines, release=1)
    assert horizon_bound(b.build()) >= 4001 * 4003 + 1


def test_lags_read_backwards() -> None:
    """A negative maximum lag keeps tasks apart as a positive minimum lag does."""
    b = ProblemBuilder()
    one, two = b.task(duration=1), b.task(duration=1)
    b.precedence(two, one, kind="SS", min_lag=-99, max_lag=-40)
    p = b.build()
    assert horizon_bound(p) >= 41
    found = oracle.best(p, 60)
    assert found is not None
    assert found[0] == (41,)


def test_work_that_never_gets_time_does_not_move_the_bound() -> None:
    """A calendar without working time makes a task impossible, not the horizon endless."""
    b = ProblemBuilder()
    b.task(duration=3, machine=b.machine(calendar=b.calendar("none", working=[], period=9)))
    b.task(duration=4)
    p = b.build()
    assert 4 <= horizon_bound(p) <= 30
    assert oracle.best(p, 30) is None
