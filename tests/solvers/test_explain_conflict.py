"""Conflicts: they are conflicts, none of their constraints can go, and they read well."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from tests.solvers.cpsat_support import run
from tests.solvers.explain_support import only
from tests.strategies import ALL, problems

from makespan import ProblemBuilder, explain
from makespan.core.errors import OptionError
from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.core.vocabulary import Status
from makespan.generators import named_instance
from makespan.solvers.explain import Conflict, explain_infeasibility
from makespan.solvers.explain._capacity import oversized_task
from makespan.solvers.explain._lags import lag_conflict

SWITCHABLE = ALL - {"setups", "blocking", "suspend", "released"}
"""Features whose constraints a test can take out of a problem one by one."""


def tight(problem: Problem, end: int) -> Problem:
    """The problem with everything due within ``end`` ticks."""
    return replace(problem, horizon_end=problem.horizon_start + end)


def is_minimal(problem: Problem, conflict: Conflict) -> None:
    """What the conflict names clashes by itself, and clashes no more without any one of it."""
    assert conflict.status is Status.INFEASIBLE
    assert conflict.minimal
    core = only(problem, conflict.constraints)
    assert run(core).status is Status.INFEASIBLE
    for label in conflict.constraints:
        rest = [other for other in conflict.constraints if other != label]
        assert run(only(problem, rest)).schedule is not None, label.text


@settings(max_examples=60)
@given(problems(max_tasks=5, features=SWITCHABLE), st.integers(1, 9))
def test_conflicts_of_random_problems_are_minimal(problem: Problem, end: int) -> None:
    """A conflict is found exactly when there is no schedule, and no constraint of it can go."""
    problem = tight(problem, end)
    conflict = explain_infeasibility(problem)
    if run(problem).schedule is not None:
        assert conflict.status is Status.FEASIBLE
        assert conflict.constraints == ()
        return
    assume(not oversized_task(problem))  # its sentences say more than those of the model
    is_minimal(problem, conflict)


@settings(max_examples=40)
@given(problems(max_tasks=5), st.integers(1, 9))
def test_every_infeasible_problem_has_a_conflict(problem: Problem, end: int) -> None:
    """With every feature: the verdict is the engine's, and an infeasible problem gets a sentence."""
    problem = tight(problem, end)
    conflict = explain_infeasibility(problem)
    assert (conflict.status is Status.INFEASIBLE) == (run(problem).status is Status.INFEASIBLE)
    assert str(conflict).strip()


@settings(max_examples=60)
@given(
    problems(max_tasks=6, features={"lags", "windows", "jobs", "optional", "modes", "no_wait"}),
    st.integers(1, 12),
)
def test_conflicts_of_lags_need_no_search(problem: Problem, end: int) -> None:
    """What longest paths find is a minimal conflict."""
    problem = tight(problem, end)
    labels, minimal = lag_conflict(problem)
    if labels:
        is_minimal(problem, Conflict(Status.INFEASIBLE, labels, minimal))


def test_two_tasks_one_saw() -> None:
    """Bystanders stay out of it."""
    b = ProblemBuilder("saw")
    saw = b.machine("saw")
    for name in ("table", "chair"):
        b.task(name, duration=6, machine=saw, deadline=10)
    for k in range(20):
        b.task(f"other {k}", duration=3, machine=saw)
    conflict = explain_infeasibility(b.build())
    assert conflict.sentences == (
        "'table' ends by 10",
        "'chair' ends by 10",
        "machine 'saw' holds one task at a time",
    )
    assert conflict.minimal


def test_chain_against_a_deadline_is_told_in_one_sentence() -> None:
    """A long chain is abridged; only the part of it that is too long is named."""
    b = ProblemBuilder("chain")
    machine = b.machine("m")
    steps = [b.task(f"s{k}", duration=5, machine=machine) for k in range(12)]
    b.chain(*steps)
    b.task("last", duration=1, deadline=41).after(steps[-1])
    conflict = explain_infeasibility(b.build())
    assert conflict.sentences == (
        "'s3', 's4', … (7 more), 'last' run one after the other",
        "'last' ends by 41",
    )
    assert len(conflict.constraints) == 10


def test_a_release_is_blamed_only_if_it_matters() -> None:
    """The chain alone is too long, or the release is needed as well."""
    b = ProblemBuilder("release")
    first = b.task("first", duration=5, release=3)
    b.task("second", duration=5, deadline=12).after(first)
    problem = b.build()
    assert [str(c) for c in explain_infeasibility(problem).constraints] == [
        "'first' starts at 3 or later",
        "'second' starts no earlier than when 'first' ends",
        "'second' ends by 12",
    ]
    sooner = replace(problem, tasks=replace(problem.tasks, deadline=problem.tasks.deadline - 3))
    texts = [str(c) for c in explain_infeasibility(sooner).constraints]
    assert "'first' starts at 3 or later" not in texts


def test_contradicting_lags_name_both() -> None:
    """At least two ticks after the end, at most four after the start: impossible."""
    b = ProblemBuilder("lags")
    a, c = b.task("a", duration=3), b.task("c", duration=4)
    b.precedence(a, c, min_lag=2)
    b.precedence(a, c, kind="SS", max_lag=4)
    assert explain_infeasibility(b.build()).sentences == (
        "'c' starts at least 2 ticks after 'a' ends",
        "'c' starts 0 to 4 ticks after 'a' starts",
    )


def test_a_task_that_needs_too_much_is_named() -> None:
    """The capacity, and who asks for more."""
    b = ProblemBuilder("crew")
    crew, money = b.renewable("crew", capacity=3), b.consumable("money", amount=9)
    b.task("lift", duration=3, demands={crew: 5})
    b.task("carry", duration=3, demands={crew: 2})
    conflict = explain_infeasibility(b.build())
    assert conflict.sentences == ("'crew' has 3 units at a time, but 'lift' needs 5",)
    assert str(conflict).startswith("This cannot hold:")
    b.task("buy", duration=1, demands={money: 10}, optional=True)
    assert explain_infeasibility(b.build()).sentences == conflict.sentences


def test_oversized_in_every_mode_for_another_reason() -> None:
    """Each capacity that rules out a mode is named once."""
    b = ProblemBuilder("modes")
    crew, cranes = (
        b.renewable("crew", capacity=1),
        b.renewable("cranes", capacity=1, steps=[(9, 2)]),
    )
    lift = b.task("lift")
    lift.mode(3, demands={crew: 2}).mode(2, demands={cranes: 3}).mode(1, demands={crew: 4})
    assert explain_infeasibility(b.build()).sentences == (
        "'crew' has 1 unit at a time, but 'lift' needs 2",
        "'cranes' has 1 unit at first, but 'lift' needs 3",
    )


@pytest.mark.parametrize("breaks", ["forbid", "suspend"])
def test_breaks_that_leave_no_time(breaks: str) -> None:
    """A calendar that offers too little is a conflict by itself."""
    b = ProblemBuilder("never")
    never = b.calendar("never", working=[(0, 3)])
    machine = b.machine("m", calendar=never, breaks=breaks)
    b.task("t", duration=5, machine=machine)
    conflict = explain_infeasibility(b.build())
    assert conflict.sentences == ("machine 'm' works by calendar 'never'",)


def test_nothing_stated_is_to_blame() -> None:
    """Where no single constraint can be named, that is what is said."""
    assert "cannot be done at all" in str(Conflict(Status.INFEASIBLE))


def test_a_feasible_problem_has_no_conflict() -> None:
    """A schedule exists, so there is nothing to explain."""
    told = explain(named_instance("ft06"))
    assert isinstance(told, Conflict)
    assert told.status is Status.FEASIBLE
    assert "a schedule exists" in str(told)


def test_a_result_without_a_schedule_is_explained_as_a_conflict() -> None:
    """``explain`` takes what ``solve`` returned."""
    b = ProblemBuilder("late")
    b.task("t", duration=5, deadline=4)
    assert "'t' ends by 4" in str(explain(b.build(), Result(Status.INFEASIBLE)))


def test_stopping_leaves_a_larger_conflict() -> None:
    """A stop while shrinking keeps what is proven and says that fewer may clash."""
    problem = named_instance("ft10")
    jobs = replace(problem.jobs, deadline=np.full(10, 800, dtype=np.int64))
    stop = threading.Event()
    sizes: list[int] = []

    def first(left: int) -> None:
        sizes.append(left)
        stop.set()

    conflict = explain_infeasibility(replace(problem, jobs=jobs), on_progress=first, stop=stop)
    assert conflict.status is Status.INFEASIBLE
    assert not conflict.minimal
    assert len(conflict.constraints) == sizes[-1]
    assert "perhaps fewer" in str(conflict)


def test_no_time_means_unknown() -> None:
    """A limit too short for any proof is admitted."""
    b = ProblemBuilder("pigeons")
    holes = [b.machine(f"hole {k}") for k in range(12)]
    for k in range(13):
        pigeon = b.task(f"pigeon {k}", deadline=3)
        for hole in holes:
            pigeon.mode(3, hole)
    conflict = explain_infeasibility(b.build(), time_limit=0.001)
    assert conflict.status is Status.UNKNOWN
    assert "longer time limit" in str(conflict)


@pytest.mark.parametrize("limit", [0, -1.0, float("nan")])
def test_time_limits_are_positive(limit: float) -> None:
    """Zero, negative and undefined limits are refused."""
    with pytest.raises(OptionError, match="time_limit"):
        explain_infeasibility(named_instance("ft06"), time_limit=limit)


@example(0)
@given(st.integers(0, 3))
@settings(max_examples=4)
def test_same_seed_same_conflict(seed: int) -> None:
    """Equal seeds give equal conflicts."""
    problem = named_instance("ft06")
    jobs = replace(problem.jobs, deadline=np.full(6, 50, dtype=np.int64))
    late = replace(problem, jobs=jobs)
    first = explain_infeasibility(late, seed=seed)
    assert first.constraints == explain_infeasibility(late, seed=seed).constraints
