"""Choices of optional tasks and bound modes: always consistent, None only where none exists."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.solvers.dispatch_support import place
from tests.strategies import problems

from makespan.core.builder import ProblemBuilder
from makespan.core.errors import EngineError
from makespan.core.problem import Problem
from makespan.core.vocabulary import LinkKind, ObjectiveKind, ResourceKind, SelectionKind, Status
from makespan.solvers.dispatch import _layout as at
from makespan.solvers.dispatch import dispatch, find_rule, sample
from makespan.solvers.dispatch._choice import Choices
from makespan.solvers.dispatch._runner import Attempt, Runner

BOUND = frozenset({"consumables", "links", "modes", "optional", "selections", "objectives"})


def demands(problem: Problem, mode: int) -> dict[int, int]:
    """Total demand of a mode per resource."""
    m, found = problem.modes, {}
    for k in range(int(m.demand_ptr[mode]), int(m.demand_ptr[mode + 1])):
        resource = int(m.demand_resource[k])
        found[resource] = found.get(resource, 0) + int(m.demand_amount[k])
    return found


def consistent(problem: Problem, plan: dict[int, int]) -> bool:
    """Whether modes of the present tasks meet selections, links and budgets, read literally."""
    table, links, r = problem.selections, problem.links, problem.resources
    for k in range(table.count):
        members = table.task[table.ptr[k] : table.ptr[k + 1]].tolist()
        here = [i in plan for i in members]
        good = {
            SelectionKind.EXACTLY_ONE: sum(here) == 1,
            SelectionKind.AT_MOST_ONE: sum(here) <= 1,
            SelectionKind.ALL_OR_NONE: sum(here) in (0, len(here)),
            SelectionKind.IMPLIES: not here[0] or all(here),
        }
        if not good[SelectionKind(int(table.kind[k]))]:
            return False
    groups = [set(members.tolist()) for members in problem.groups]
    for k in range(links.count):
        i, j = int(links.first[k]), int(links.second[k])
        if i in plan and j in plan:
            one, other = (
                set(demands(problem, plan[t])) & groups[int(links.group[k])] for t in (i, j)
            )
            if one != other if links.kind[k] == LinkKind.SAME else one & other:
                return False
    for k in range(r.count):
        if r.kind[k] == ResourceKind.CONSUMABLE:
            spent = sum(demands(problem, mode).get(k, 0) for mode in plan.values())
            if spent > r.capacity[k]:
                return False
    return True


def plans(problem: Problem) -> Iterator[dict[int, int]]:
    """Every presence and mode of every task."""
    t = problem.tasks
    ways = [
        [*range(int(t.mode_ptr[i]), int(t.mode_ptr[i + 1])), *([-1] if t.optional[i] else [])]
        for i in range(t.count)
    ]
    for chosen in itertools.product(*ways):
        yield {i: mode for i, mode in enumerate(chosen) if mode >= 0}


@settings(max_examples=150)
@given(problems(features=BOUND, max_tasks=5), st.integers(0, 3))
def test_choices_are_consistent(problem: Problem, number: int) -> None:
    """A choice meets selections, links and budgets; there is one whenever one exists."""
    choice = Choices(problem).number(number)
    if choice is None:
        assert not any(consistent(problem, plan) for plan in plans(problem))
        return
    t = problem.tasks
    wanted = [i for i in range(t.count) if choice.want[i] != at.LEAVE_OUT]
    assert all(choice.want[i] == at.REQUIRE for i in range(t.count) if not t.optional[i])
    # Where no budget and no link binds the mode, any will do; the first stands for it.
    plan = {i: int(choice.safe[i] if choice.safe[i] >= 0 else t.mode_ptr[i]) for i in wanted}
    assert all(t.mode_ptr[i] <= mode < t.mode_ptr[i + 1] for i, mode in plan.items())
    assert consistent(problem, plan)


@settings(max_examples=60)
@given(problems(features=BOUND, max_tasks=5), st.integers(0, 9))
def test_choices_repeat(problem: Problem, number: int) -> None:
    """The choice of a number depends on problem and number alone."""
    one, other = Choices(problem).number(number), Choices(problem).number(number)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert one.want.tolist() == other.want.tolist()
        assert one.safe.tolist() == other.safe.tolist()


@settings(max_examples=100)
@given(problems(features=BOUND, max_tasks=6), st.sampled_from(["serial", "parallel"]))
def test_schedules_are_consistent(problem: Problem, scheme: str) -> None:
    """Schedules keep to selections, links and budgets although tasks may leave their safe mode."""
    runner = Runner(problem)
    for number in range(2):
        schedule = place(runner, Attempt(find_rule("SPT"), scheme, stir=0.5, choice=number), number)
        if schedule is not None:
            modes = enumerate(schedule.mode.tolist())
            assert consistent(problem, {i: mode for i, mode in modes if mode >= 0})


def contradiction() -> Problem:
    """Exactly one of two tasks that must both be there."""
    b = ProblemBuilder("contradiction")
    machine = b.machine("M")
    b.exactly_one([b.task(f"T{k}", machine=machine, duration=1) for k in range(2)])
    return b.build()


def short_budget() -> Problem:
    """Two tasks that together need more than there is, whatever their modes."""
    b = ProblemBuilder("short")
    money = b.consumable("money", amount=3)
    for k in range(2):
        task = b.task(f"T{k}")
        task.mode(1, demands={money: 3})
        task.mode(5, demands={money: 2})
    return b.build()


@pytest.mark.parametrize("make", [contradiction, short_budget])
def test_contradictions_are_explained(make: object) -> None:
    """No consistent choice gives no schedule and says why."""
    problem = make()  # type: ignore[operator]
    with pytest.raises(EngineError, match="selections, links and budgets"):
        dispatch(problem)
    result = sample(problem, iterations=3)
    assert result.status is Status.UNKNOWN
    assert "selections, links and budgets" in result.message


def test_budget_is_shared_well() -> None:
    """The fast modes go where the budget allows, though greedy choice would overspend."""
    b = ProblemBuilder("share")
    money, machine = b.consumable("money", amount=5), b.machine("M")
    for k in range(3):
        task = b.task(f"T{k}")
        task.mode(1, machine, demands={money: 3})
        task.mode(6, machine, demands={money: 1})
    schedule = dispatch(b.build())
    assert schedule.makespan == 1 + 6 + 6


def mixed(deadline: int) -> Problem:
    """A required task, no wait, an optional one with a deadline, no wait, a required one."""
    b = ProblemBuilder("mixed")
    first, second = b.machine("A"), b.machine("B")
    job = b.job()
    before = b.task("before", machine=first, duration=4, job=job)
    between = b.task(
        "between", machine=second, duration=2, job=job, optional=True, reward=5, deadline=deadline
    )
    after = b.task("after", machine=first, duration=3, job=job)
    b.no_wait(before, between)
    b.no_wait(between, after)
    b.minimise({ObjectiveKind.UNPLACED: 1})
    b.then_minimise({ObjectiveKind.MAKESPAN: 1})
    return b.build()


@pytest.mark.parametrize("scheme", ["serial", "parallel"])
@pytest.mark.parametrize(("deadline", "present", "end"), [(6, True, 9), (5, False, 7)])
def test_optional_task_among_required_ones(
    scheme: str, deadline: int, present: bool, end: int
) -> None:
    """An optional member of a block is placed if it fits; if not, the block goes without it."""
    schedule = place(Runner(mixed(deadline)), Attempt(find_rule("LFT"), scheme))
    assert schedule is not None
    assert (int(schedule.mode[1]) >= 0) is present
    assert schedule.makespan == end


@pytest.mark.parametrize("scheme", ["serial", "parallel"])
def test_reward_of_a_later_level_comes_last(scheme: str) -> None:
    """Optional tasks whose reward counts only later do not displace required ones."""
    b = ProblemBuilder("later level")
    machine = b.machine("M")
    b.task("extra", machine=machine, duration=5, optional=True, reward=9)
    b.task("must", machine=machine, duration=5, deadline=5)
    b.minimise({ObjectiveKind.MAKESPAN: 1})
    b.then_minimise({ObjectiveKind.UNPLACED: 1})
    schedule = place(Runner(b.build()), Attempt(find_rule("SPT"), scheme))
    assert schedule is not None
    assert schedule.start.tolist() == [5, 0]
