"""Random problems over the whole vocabulary: CP-SAT against brute force, and complete hints."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from ortools.sat.python import cp_model
from tests import oracle
from tests.solvers.cpsat_support import run
from tests.strategies import ALL, problems

from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import Status
from makespan.solvers.cpsat import build, cross_check

WINDOW = 12
DENSE = ALL & {
    "blocking",
    "calendars",
    "forbidden",
    "jobs",
    "lags",
    "milestones",
    "modes",
    "multi",
    "no_wait",
    "optional",
    "released",
    "renewables",
    "setups",
    "suspend",
}


def narrowed(problem: Problem) -> Problem:
    """The problem on a horizon short enough for brute force."""
    return replace(problem, horizon_end=min(problem.horizon_end, problem.horizon_start + WINDOW))


def small(features: frozenset[str], most: int) -> st.SearchStrategy[Problem]:
    """Problems small enough for brute force."""
    return problems(max_tasks=4, features=features, most_features=most).map(narrowed)


def agrees(problem: Problem) -> None:
    """Engine, cross-check and brute force tell the same."""
    result = run(problem)
    best = oracle.best(problem, problem.horizon_end)
    if best is None:
        assert result.status is Status.INFEASIBLE
        assert cross_check(problem).status is Status.INFEASIBLE
        return
    assert result.status is Status.OPTIMAL
    assert result.objectives == result.bounds == best[0]
    assert result.schedule is not None
    assert oracle.is_feasible(problem, result.schedule)
    for schedule in (result.schedule, best[1]):
        hint_is_complete(problem, schedule)


def hint_is_complete(problem: Problem, schedule: Schedule) -> None:
    """Every variable is hinted, and the hint alone is a solution with the schedule's objective."""
    built = build(problem)
    levels = [built.terms.level(level) for level in problem.objective.levels]
    built.model.set_hint(built.plan(schedule))
    hinted = built.model.cp.proto.solution_hint
    assert list(hinted.vars) == list(range(built.model.variable_count))
    solver = cp_model.CpSolver()
    solver.parameters.fix_variables_to_their_hinted_value = True
    solver.parameters.num_workers = 1
    assert solver.solve(built.model.cp) in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    assert tuple(solver.value(e) for e in levels) == evaluate(problem, schedule)


@settings(max_examples=60)
@given(small(ALL, 6))
def test_agrees_with_brute_force(problem: Problem) -> None:
    """Status and every level's optimum equal those of exhaustive search."""
    agrees(problem)


@settings(max_examples=40)
@given(small(DENSE, 10))
def test_agrees_with_brute_force_on_dense_mixtures(problem: Problem) -> None:
    """The features that interact on machines, many at a time."""
    agrees(problem)


@settings(max_examples=25)
@given(problems(max_tasks=7, most_features=8))
def test_schedules_of_larger_problems_verify(problem: Problem) -> None:
    """Beyond brute force: whatever comes back verifies (checked by the helper) and is hintable."""
    result = run(problem, time_limit=10.0)
    if result.schedule is not None:
        hint_is_complete(problem, result.schedule)


@settings(max_examples=25)
@given(small(ALL, 6))
def test_all_switches_on_means_the_plain_problem(problem: Problem) -> None:
    """A relaxable model with every switch on is feasible exactly when the problem is."""
    built = build(problem, relaxable=True)
    built.model.cp.add_assumptions(list(built.model.switches.values()))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    feasible = solver.solve(built.model.cp) in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    assert feasible == (run(problem).schedule is not None)


@settings(max_examples=25)
@given(small(ALL, 6))
def test_all_switches_off_leaves_a_schedule(problem: Problem) -> None:
    """Nothing but the user's labelled statements can make a problem infeasible."""
    built = build(problem, relaxable=True)
    for switch in built.model.switches.values():
        built.model.cp.add(switch == 0)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    assert solver.solve(built.model.cp) in (cp_model.OPTIMAL, cp_model.FEASIBLE)
