"""Random problems over the whole vocabulary, corners of the kernels, and memory safety."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.solvers.dispatch_support import place
from tests.strategies import ALL, problems

from makespan.core.builder import ProblemBuilder
from makespan.core.problem import Problem
from makespan.core.vocabulary import ObjectiveKind
from makespan.generators import planted_everything
from makespan.solvers.dispatch import RULES, dispatch, find_rule
from makespan.solvers.dispatch import _layout as at
from makespan.solvers.dispatch._compile import new_state
from makespan.solvers.dispatch._runner import Attempt, Runner, Scheme

ATTEMPTS = st.builds(
    Attempt,
    st.sampled_from(list(RULES.values())),
    st.sampled_from(["serial", "parallel"]),
    heat=st.sampled_from([0.0, 0.2]),
    thrift=st.sampled_from([0.0, 1.0]),
    stir=st.sampled_from([0.0, 0.5]),
    choice=st.integers(0, 2),
)


@settings(max_examples=300)
@given(problems(max_tasks=6, most_features=8), ATTEMPTS, st.integers(0, 99))
def test_whole_vocabulary(problem: Problem, attempt: Attempt, seed: int) -> None:
    """Whatever a run returns verifies and is valued right."""
    place(Runner(problem), attempt, seed)


@settings(max_examples=150)
@given(
    problems(max_tasks=7, features=ALL & {"lags", "no_wait", "blocking", "jobs", "setups"}),
    ATTEMPTS,
)
def test_tied_tasks(problem: Problem, attempt: Attempt) -> None:
    """Blocks of tasks tied by lags or blocking are placed validly or not at all."""
    place(Runner(problem), attempt)


@settings(max_examples=80)
@given(st.integers(1, 30), st.integers(0, 1 << 16), st.booleans(), ATTEMPTS)
def test_planted(tasks: int, seed: int, breaks: bool, attempt: Attempt) -> None:
    """Larger problems with everything in them: valid or a failure."""
    problem, _ = planted_everything(tasks, seed=seed, breaks=breaks)
    place(Runner(problem), attempt, seed)


@settings(max_examples=60)
@given(problems(max_tasks=6, most_features=8), ATTEMPTS, ATTEMPTS)
def test_runs_leave_no_trace(problem: Problem, first: Attempt, second: Attempt) -> None:
    """A run on used memory gives what it gives on fresh memory."""
    used, fresh = Runner(problem), Runner(problem)
    place(used, first)
    after, alone = place(used, second, 5), place(fresh, second, 5)
    assert (after is None) == (alone is None)
    if after is not None and alone is not None:
        assert after.start.tolist() == alone.start.tolist()
        assert after.mode.tolist() == alone.mode.tolist()


@settings(max_examples=60)
@given(problems(max_tasks=6, most_features=8), ATTEMPTS)
def test_tables_are_read_only(problem: Problem, attempt: Attempt) -> None:
    """Kernels write to their own state only, since threads share the tables."""
    runner = Runner(problem)
    tables = runner.compiled.tables  # longer ones may take their place, should calendars end
    before = [table.copy() for table in tables]
    place(runner, attempt)
    for table, copy in zip(tables, before, strict=True):
        np.testing.assert_array_equal(table, copy)


@pytest.mark.parametrize("first", [-20, -7, -1, 0, 5])
@pytest.mark.parametrize("scheme", ["serial", "parallel"])
def test_horizon_starts(first: int, scheme: Scheme) -> None:
    """No time, negative ones included, is mistaken for "any time": each task is placed once."""
    b = ProblemBuilder("early", horizon=(first, first + 12))
    machine = b.machine("M")
    for k in range(4):
        b.task(machine=machine, duration=1 + k)
    schedule = place(Runner(b.build()), Attempt(RULES["SPT"], scheme))
    assert schedule is not None
    assert schedule.start.tolist() == [first, first + 1, first + 3, first + 6]


@pytest.mark.parametrize("scheme", ["serial", "parallel"])
@pytest.mark.parametrize("breaks", [False, True])
def test_push_back_is_exact(scheme: Scheme, breaks: bool) -> None:
    """A task whose successor must follow at once starts as late as that needs, and no later."""
    b = ProblemBuilder("push")
    calendar = b.calendar("pause", exceptions=[(5, 8, False)])
    first = b.machine("A", calendar=calendar, breaks="suspend") if breaks else b.machine("A")
    second = b.machine("B")
    b.task(machine=second, duration=10)
    before = b.task(machine=first, duration=3)
    b.no_wait(before, b.task(machine=second, duration=20))
    schedule = place(Runner(b.build()), Attempt(RULES["LPT"], scheme, base=np.arange(3.0)))
    assert schedule is not None
    # With the pause work from 4 to 5 and from 8 to 10 makes three ticks.
    assert schedule.start.tolist() == [0, 4 if breaks else 7, 10]


def test_far_end_with_breaks() -> None:
    """A distant least end of a task that pauses is found by search, not tick by tick."""
    b = ProblemBuilder("far")
    calendar = b.calendar("weekdays", working=[(0, 5000)], period=7000)
    machine = b.machine("M", calendar=calendar, breaks="suspend")
    first = b.task(duration=1)
    second = b.task(machine=machine, duration=10)
    b.precedence(first, second, kind="FF", min_lag=3_000_000_003)
    problem = b.build()
    began = time.perf_counter()
    schedule = place(Runner(problem), Attempt(RULES["SPT"], "serial"))
    assert schedule is not None
    # The first tick from the least end on at which work can end.
    least = 3_000_000_004
    assert int(schedule.end[1]) == min(
        e for e in range(least, least + 7000) if 1 <= e % 7000 <= 5000
    )
    assert time.perf_counter() - began < 20.0


def test_work_that_never_fits_gives_up_once() -> None:
    """Calendars are spelled out further only while that can help, and not anew in every run."""
    b = ProblemBuilder("never")
    calendar = b.calendar("nights", working=[(0, 3)], period=5)
    machine = b.machine("M", calendar=calendar)
    b.task("endless", machine=machine, duration=4)
    runner = Runner(b.build())
    attempt = Attempt(RULES["SPT"], "serial")
    assert place(runner, attempt) is None
    size = len(runner.compiled.tables.span)
    began = time.perf_counter()
    assert place(runner, attempt) is None
    assert len(runner.compiled.tables.span) == size
    assert time.perf_counter() - began < 1.0


def test_late_calendar() -> None:
    """Work beyond the first guess of a calendar's length is placed after spelling out more."""
    b = ProblemBuilder("late")
    calendar = b.calendar("day", working=[(0, 1)], period=1000)
    machine = b.machine("M", calendar=calendar)
    for _ in range(60):
        b.task(machine=machine, duration=1)
    schedule = dispatch(b.build())
    assert sorted(schedule.start.tolist()) == [1000 * k for k in range(60)]


def test_values_beyond_64_bits() -> None:
    """Objectives too large for the kernel's sums are still exact."""
    b = ProblemBuilder("huge")
    machine = b.machine("M")
    for k in range(3):
        job = b.job(weight=1 << 40, due=0)
        b.task(machine=machine, duration=(1 << 40) + k, job=job)
    b.minimise({ObjectiveKind.TOTAL_TARDINESS: 1})
    runner = Runner(b.build())
    assert place(runner, Attempt(RULES["SPT"])) is not None
    assert runner.objective()[0] == (1 << 40) * (6 * (1 << 40) + 1 + 3)


def test_no_tasks() -> None:
    """The empty problem has the empty schedule."""
    b = ProblemBuilder("nothing")
    b.machine("M")
    problem = b.build()
    for rule in RULES:
        for scheme in ("serial", "parallel"):
            assert len(dispatch(problem, rule=rule, scheme=scheme)) == 0


@settings(max_examples=40)
@given(problems(max_tasks=6, most_features=8))
def test_states_are_separate(problem: Problem) -> None:
    """Two states share no array but the flag that halts both."""
    compiled = Runner(problem).compiled
    one, other = new_state(compiled), new_state(compiled)
    for name, a, b in zip(one._fields, one, other, strict=True):
        assert not np.shares_memory(a, b), name
    tables = [table for table in compiled.tables if table.size]
    assert not any(np.shares_memory(a, table) for a in one for table in tables)


def test_import_is_lazy() -> None:
    """``import makespan`` loads neither this package nor numba."""
    code = (
        "import sys, makespan; "
        "print([m for m in sys.modules if m == 'numba' or m.startswith('makespan.solvers')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


CHECKED_RUN = """
import random, warnings
warnings.simplefilter("ignore")
from makespan.generators import (named_instance, random_blocking_job_shop, random_everything,
    random_flexible_job_shop, random_multimode_rcpsp, random_rcpsp_max, random_setup_job_shop)
from makespan.solvers.dispatch import RULES, find_rule
from makespan.solvers.dispatch._runner import Attempt, Runner, SCHEMES
dice = random.Random(1)
made = [named_instance("ft06"), random_flexible_job_shop(6, 4, seed=1),
    random_blocking_job_shop(5, 4, seed=2, swap=False), random_setup_job_shop(6, 4, seed=1),
    random_rcpsp_max(20, seed=1), random_multimode_rcpsp(16, seed=1)]
made += [random_everything(dice.randint(1, 40), seed=k, breaks=k % 3 > 0) for k in range(150)]
done = 0
for problem in made:
    runner = Runner(problem)
    for scheme in SCHEMES if runner.shop else SCHEMES[:2]:
        for rule in dice.sample(sorted(RULES), 4):
            attempt = Attempt(find_rule(rule), scheme, dice.choice([0, 0.3]), 1.0, 0.3)
            done += runner.run(attempt, dice.randrange(99))
print(done)
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_kernel_leaves_its_arrays(tmp_path: Path) -> None:
    """With bounds checks compiled in, no kernel reads or writes outside an array."""
    environment = {
        **os.environ,
        "NUMBA_BOUNDSCHECK": "1",
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
    }
    done = subprocess.run(
        [sys.executable, "-c", CHECKED_RUN], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 500


def test_report_names_the_task_at_fault() -> None:
    """A failure points at the task that did not fit."""
    b = ProblemBuilder("tight")
    machine = b.machine("M")
    b.task("wide", machine=machine, duration=5)
    b.task("late", machine=machine, duration=5, deadline=5)
    runner = Runner(b.build())
    assert not runner.run(Attempt(find_rule("SPT")))
    assert runner.failure is not None
    assert (runner.failure.code, runner.failure.task) == (at.NO_ROOM, 1)
