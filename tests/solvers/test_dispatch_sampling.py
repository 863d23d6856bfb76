"""Sampling: repeatable, monotone, never worse than its hint, ends when asked."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given, settings
from tests.strategies import problems

from makespan.core.builder import ProblemBuilder
from makespan.core.errors import OptionError
from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.result import Progress, Result
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.core.vocabulary import Status
from makespan.generators import (
    named_instance,
    random_everything,
    random_job_shop,
    random_multimode_rcpsp,
    random_rcpsp,
)
from makespan.solvers.dispatch import DispatchSolver, dispatch, sample
from makespan.solvers.dispatch._runner import Attempt, Runner
from makespan.solvers.dispatch.rules import RULES
from makespan.solvers.solving import solve

PROBLEMS = {
    "shop": lambda: named_instance("ft10"),
    "project": lambda: random_rcpsp(30, seed=2),
    "modes": lambda: random_multimode_rcpsp(16, seed=2),
    "everything": lambda: random_everything(20, seed=5),
}


def starts(result: Result) -> list[int] | None:
    """Starts of the schedule found, if any."""
    return None if result.schedule is None else [int(s) for s in result.schedule.start]


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("name", PROBLEMS)
def test_repeatable(name: str, threads: int) -> None:
    """Equal seed, iterations and threads give the equal schedule, whichever thread is faster."""
    problem = PROBLEMS[name]()
    one, other = (sample(problem, iterations=80, threads=threads, seed=3) for _ in range(2))
    assert starts(one) == starts(other)
    assert one.objectives == other.objectives
    assert one.status is other.status


def test_repeatable_when_proven() -> None:
    """Which thread proves the optimum first does not decide which schedule is returned."""
    problem = random_job_shop(20, 3, seed=1)
    found = [sample(problem, iterations=4000, threads=2, seed=k % 2) for k in range(12)]
    assert all(result.status is Status.OPTIMAL for result in found)
    assert len({tuple(starts(result) or ()) for result in found[0::2]}) == 1
    assert len({tuple(starts(result) or ()) for result in found[1::2]}) == 1


def test_seeds_differ() -> None:
    """Another seed searches elsewhere."""
    problem = named_instance("ft10")
    assert len({tuple(starts(sample(problem, iterations=60, seed=s)) or ()) for s in range(6)}) > 1


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", PROBLEMS)
def test_history_is_monotone(name: str, threads: int) -> None:
    """Progress reports come in order of time, each better on its level, ending at the result."""
    problem = PROBLEMS[name]()
    seen: list[Progress] = []
    result = sample(problem, iterations=200, threads=threads, seed=1, on_progress=seen.append)
    assert tuple(seen) == result.history
    assert [p.seconds for p in seen] == sorted(p.seconds for p in seen)
    if result.schedule is None:
        assert not seen
        return
    last: dict[int, int] = {}
    for point in seen:
        assert point.objective is not None
        assert point.level not in last or point.objective < last[point.level]
        # A better value on one level makes later ones start anew.
        last = {k: v for k, v in last.items() if k < point.level} | {point.level: point.objective}
    assert all(result.objectives[k] == v for k, v in last.items())


@settings(max_examples=60)
@given(problems(max_tasks=6))
def test_any_problem(problem: Problem) -> None:
    """A result verifies and has the stated objective; no result means UNKNOWN and a message."""
    result = sample(problem, iterations=30)
    if result.schedule is None:
        assert result.status is Status.UNKNOWN
        assert result.message.startswith("dispatch")
        return
    assert verify(problem, result.schedule) == []
    assert result.objectives == evaluate(problem, result.schedule)
    assert result.status is (
        Status.OPTIMAL if result.objectives == result.bounds else Status.FEASIBLE
    )


def test_better_than_a_single_rule() -> None:
    """Sampling ft10 ends well below the best single pass."""
    problem = named_instance("ft10")
    runner = Runner(problem)
    passes = []
    for rule in RULES.values():
        for scheme in ("serial", "parallel", "giffler-thompson"):
            assert runner.run(Attempt(rule, scheme))
            passes.append(runner.objective())
    result = sample(problem, iterations=3000)
    assert (930,) <= result.objectives < min(passes)


@pytest.mark.parametrize("threads", [1, 2])
def test_hint_is_never_made_worse(threads: int) -> None:
    """From a good schedule the result is that schedule or a better one."""
    problem = named_instance("ft10")
    good = sample(problem, iterations=2000, seed=1)
    assert good.schedule is not None
    again = sample(problem, iterations=2 * threads, seed=9, hint=good.schedule, threads=threads)
    assert again.objectives <= good.objectives
    assert again.history[0].objective == good.objectives[0]


def test_optimal_hint_needs_no_run() -> None:
    """A hint that meets the bound is returned as it is, proven."""
    problem = random_job_shop(20, 3, seed=1)
    best = sample(problem, iterations=4000)
    assert best.schedule is not None
    again = sample(problem, iterations=5, hint=best.schedule)
    assert again.status is Status.OPTIMAL
    assert starts(again) == starts(best)
    assert "0 runs" in again.message


def test_bad_hints_are_passed_over() -> None:
    """Hints that break rules or have the wrong length do no harm."""
    problem = named_instance("ft06")
    good = dispatch(problem)
    broken = Schedule(good.start * 0, good.end - good.start, good.mode)
    short = Schedule(good.start[:-1], good.end[:-1], good.mode[:-1])
    expected = starts(sample(problem, iterations=20))
    assert starts(sample(problem, iterations=20, hint=broken)) == expected
    assert starts(sample(problem, iterations=20, hint=short)) == expected


def test_options() -> None:
    """Options out of range are refused by name."""
    problem = named_instance("ft06")
    for keywords in ({"iterations": 0}, {"threads": 0}, {"rules": []}, {"rules": ["XYZ"]}):
        with pytest.raises(OptionError):
            sample(problem, **keywords)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="nowhere"):
        sample(problem, schemes=["nowhere"])  # type: ignore[list-item]


def test_rules_and_schemes_open() -> None:
    """The first runs are the rules and schemes asked for, without noise."""
    problem = named_instance("ft10")
    result = sample(problem, rules=["SPT"], schemes=["parallel"], iterations=1)
    assert starts(result) == dispatch(problem, rule="SPT", scheme="parallel").start.tolist()


@pytest.mark.parametrize("threads", [1, 2])
def test_stop_before_the_start(threads: int) -> None:
    """With the stop already set, one run per thread is made and the result says cancelled."""
    stop = threading.Event()
    stop.set()
    result = sample(named_instance("ft10"), stop=stop, threads=threads)
    assert result.cancelled
    assert result.status is Status.FEASIBLE
    assert f"{threads} runs" in result.message


def test_stop_from_a_callback() -> None:
    """A stop set at the first progress report ends the search."""
    stop = threading.Event()
    result = sample(
        named_instance("ft10"), iterations=10**9, on_progress=lambda _: stop.set(), stop=stop
    )
    assert result.cancelled
    assert len(result.history) < 100


@pytest.mark.parametrize("threads", [1, 2])
def test_error_in_a_callback_ends_all_threads(threads: int) -> None:
    """What a callback raises reaches the caller, and no thread works on."""

    def fail(_: Progress) -> None:
        raise ZeroDivisionError

    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        sample(named_instance("ft10"), iterations=10**9, threads=threads, on_progress=fail)
    assert threading.active_count() == before


def test_time_limit() -> None:
    """A limit of some tenths of a second is kept to within the time of a few runs."""
    problem = named_instance("ta01")
    sample(problem, iterations=20)  # compile first
    began = time.perf_counter()
    result = sample(problem, time_limit=0.5)
    assert result.status is Status.FEASIBLE
    assert 0.4 < time.perf_counter() - began < 5.0


def test_runs_under_way_are_halted() -> None:
    """A run that takes long does not outlast the limit by its own length."""
    b = ProblemBuilder("wide")
    crew = b.renewable("crew", capacity=2)
    for k in range(4_000):  # all wait at once, which takes a parallel pass seconds
        b.task(duration=1 + k % 7, demands={crew: 1 + k % 2})
    problem = b.build()
    runner = Runner(problem)
    attempt = Attempt(RULES["LPT"], "parallel")
    began = time.perf_counter()
    assert runner.run(attempt)
    whole = time.perf_counter() - began
    timer = threading.Timer(whole / 10, lambda: runner.halt.__setitem__(0, 1))
    began = time.perf_counter()
    timer.start()
    assert not runner.run(attempt)
    assert time.perf_counter() - began < 0.8 * whole
    assert runner.failure is not None


def test_engine() -> None:
    """The engine passes its options on, and solve accepts what it returns."""
    problem = named_instance("ft06")
    result = solve(problem, engine="dispatch", time_limit=0.3, threads=2, seed=4)
    assert (result.engine, result.seed, result.threads) == ("dispatch", 4, 2)
    assert result.objectives <= (60,)
    assert result.bounds == (52,)
    assert DispatchSolver().name == "dispatch"
