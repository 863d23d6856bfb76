"""Repair: the past stands, the future holds, right shift keeps orders, change is counted."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.strategies import problems

from makespan import ProblemBuilder, evaluate, repair, solve, verify
from makespan.core.errors import OptionError, ProblemError
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.validation import ModelWarning, validate
from makespan.core.vocabulary import Status
from makespan.generators import planted_everything, random_job_shop, random_setup_job_shop
from makespan.solvers.alns import AlnsOptions, AlnsSolver
from makespan.solvers.repair import (
    Breakdown,
    Cancelled,
    CapacityDrop,
    Disturbance,
    Finished,
    Late,
    Longer,
    NewDeadline,
    NewDue,
    NewRelease,
    NewWork,
    Repair,
)
from makespan.solvers.repair.rest import rest_of
from makespan.solvers.repair.right_shift import right_shift

FEW = AlnsSolver(AlnsOptions(moves=3))


def mend(problem: Problem, plan: Schedule, now: int, *what: Disturbance, **how: object) -> Repair:
    """A repair with few moves, so that it depends on nothing but its arguments."""
    options = {"engine": FEW, "threads": 1, "time_limit": None, **how}
    return repair(problem, plan, now=now, disturbances=what, **options)


def shop() -> tuple[Problem, Schedule]:
    """Two jobs on two machines: a cut (3) and a bore (2) each; cuts at 0 and 3."""
    b = ProblemBuilder("shop")
    saw, drill = b.machine("saw"), b.machine("drill")
    for name in ("table", "chair"):
        job = b.job(name, due=9)
        b.chain(
            b.task(f"{name} cut", duration=3, machine=saw, job=job),
            b.task(f"{name} bore", duration=2, machine=drill, job=job),
        )
    problem = b.build()
    return problem, Schedule.from_starts(problem, np.array([0, 3, 3, 6]))


@st.composite
def disturbances(draw: st.DrawFn, problem: Problem, plan: Schedule, now: int) -> list[Disturbance]:
    """Up to three things that may happen to this plan at this time."""
    found: list[Disturbance] = []
    names, jobs = problem.tasks.names, problem.jobs.names
    number = st.integers(0, 5)
    for _ in range(draw(st.integers(0, 3))):
        i = draw(st.integers(0, problem.tasks.count - 1))
        here, begun = bool(plan.mode[i] >= 0), bool(plan.mode[i] >= 0 and plan.start[i] < now)
        ended = begun and plan.end[i] <= now
        r = draw(st.integers(0, problem.resources.count - 1))
        a = now + draw(number)
        kinds: list[Disturbance] = [NewDue(names[i], draw(st.none() | number))]
        if problem.resources.kind[r] <= 1:
            kinds.append(Breakdown(problem.resources.names[r], a, a + 1 + draw(number)))
            kinds.append(CapacityDrop(problem.resources.names[r], a, a + 2, 1))
        if here and not ended:
            kinds += [Late(names[i], draw(number)), Longer(names[i], draw(number))]
        if begun and not ended:
            kinds.append(Finished(names[i]))
        if problem.jobs.count:
            k = draw(st.integers(0, problem.jobs.count - 1))
            kinds += [Cancelled(jobs[k]), NewRelease(jobs[k], a), NewDeadline(jobs[k], None)]
        else:
            kinds.append(Cancelled(names[i]))
        found.append(draw(st.sampled_from(kinds)))
    return found


@settings(max_examples=60, deadline=None)
@given(data=st.data(), problem=problems(max_tasks=5))
def test_any_disturbance_of_any_plan(data: st.DataObject, problem: Problem) -> None:
    """The rest is a valid problem, its past stands, and what is found verifies against it."""
    start = solve(problem, engine=FEW, threads=1)
    assume(start.schedule is not None)
    plan = start.schedule
    assert plan is not None
    first = min(plan.start[plan.present].tolist(), default=0)
    now = data.draw(st.integers(first, max(first, plan.makespan)))
    what = data.draw(disturbances(problem, plan, now))
    rest = rest_of(problem, plan, now, what)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ModelWarning)
        validate(rest.problem)
    shifted = right_shift(rest)
    if shifted is not None:
        assert verify(rest.problem, shifted) == []
        assert (shifted.mode[rest.plan.present] == rest.plan.mode[rest.plan.present]).all()
        free = rest.plan.present & ~rest.fixed
        assert (shifted.start[free] >= rest.plan.start[free]).all()
    mended = mend(problem, plan, now, *what)
    if mended.schedule is None:
        assert shifted is None
        return
    assert verify(mended.problem, mended.schedule) == []
    begun = plan.present & (plan.start < now)
    assert (mended.schedule.start[: len(plan)][begun] == plan.start[begun]).all()
    assert (mended.schedule.mode[: len(plan)][begun] == plan.mode[begun]).all()
    free = mended.schedule.present.copy()
    free[: len(plan)] &= ~begun
    assert (mended.schedule.start[free] >= now).all()
    if mended.shifted:
        assert mended.after <= mended.shifted
    assert mended.after == tuple(evaluate(mended.problem, mended.schedule))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 200), share=st.integers(0, 10))
def test_without_disturbance_the_plan_is_its_own_right_shift(seed: int, share: int) -> None:
    """Nothing moves when nothing has happened, whatever the features in use."""
    problem, plan = planted_everything(16, seed=seed)
    rest = rest_of(problem, plan, plan.makespan * share // 10, [])
    assert right_shift(rest) == plan


def test_breakdown_moves_what_it_must() -> None:
    """Hand computed: the drill is down in [3, 6); one of its bores waits until the other ends."""
    problem, plan = shop()
    mended = mend(problem, plan, 2, Breakdown("drill", 3, 6))
    assert mended.before == (8,)
    assert mended.shifted == mended.after == (10,)
    assert mended.right_shift is not None
    assert mended.right_shift.start.tolist() == [0, 6, 3, 8]
    assert [str(move) for move in mended.moves] == ["table bore: 3 -> 8"], "the fewest moves"


def test_task_on_the_broken_machine_goes_on_afterwards() -> None:
    """A cut that runs in [0, 3) when the saw breaks at 2 for 4 ticks ends at 7."""
    problem, plan = shop()
    mended = mend(problem, plan, 1, Breakdown("saw", 2, 6))
    assert mended.schedule is not None
    assert (mended.schedule.start[0], mended.schedule.end[0]) == (0, 7)
    assert verify(mended.problem, mended.schedule) == []


def test_late_running_task_pushes_its_followers() -> None:
    """The first cut takes 2 more: everything after it shifts by 2."""
    problem, plan = shop()
    mended = mend(problem, plan, 1, Late("table cut", 2))
    assert mended.shifted == (10,)
    assert mended.right_shift is not None
    assert mended.right_shift.start.tolist() == [0, 5, 5, 8]


def test_task_that_is_late_to_start_only_waits() -> None:
    """A task that has not begun keeps its length and starts later."""
    problem, plan = shop()
    mended = mend(problem, plan, 1, Late("chair cut", 4))
    assert mended.right_shift is not None
    assert mended.right_shift.start.tolist() == [0, 3, 7, 10]


def test_finished_early_frees_its_machine() -> None:
    """Work that is done sooner lets the rest move up."""
    problem, plan = shop()
    mended = mend(problem, plan, 2, Finished("table cut", 1), stability=0)
    assert mended.schedule is not None
    assert mended.schedule.end[0] == 1
    assert mended.after == (7,)


def test_stability_by_default_moves_nothing_that_need_not() -> None:
    """Among the best schedules the one with the fewest moves is chosen."""
    problem, plan = shop()
    mended = mend(problem, plan, 2, engine=AlnsSolver(AlnsOptions(moves=40)))
    assert mended.moves == ()
    assert mended.result.status is Status.OPTIMAL


def test_weighted_stability_trades_change_for_objective() -> None:
    """With a high price of change a worse makespan is kept."""
    b = ProblemBuilder("gap")
    machine = b.machine("M")
    b.task("a", duration=2, machine=machine)
    b.task("b", duration=2, machine=machine)
    problem = b.build()
    plan = Schedule.from_starts(problem, np.array([0, 5]))
    engine = AlnsSolver(AlnsOptions(moves=20))
    assert mend(problem, plan, 1, engine=engine).after == (4,)
    assert mend(problem, plan, 1, engine=engine, stability=10).after == (7,)


def test_cancelled_job_is_left_out() -> None:
    """What has not begun of a cancelled job disappears; what has begun stays."""
    problem, plan = shop()
    mended = mend(problem, plan, 1, Cancelled("table"))
    assert mended.schedule is not None
    assert mended.schedule.present.tolist() == [True, False, True, True]
    assert mended.dropped == ("table bore",)


def test_new_work_comes_on_top() -> None:
    """A rush job of another problem is planned on the machines of the same names."""
    problem, plan = shop()
    b = ProblemBuilder("rush")
    job = b.job("stool", due=7)
    b.chain(
        b.task("stool cut", duration=1, machine=b.machine("saw"), job=job),
        b.task("stool bore", duration=1, machine=b.machine("drill"), job=job),
    )
    mended = mend(problem, plan, 2, NewWork(b.build()), engine=AlnsSolver(AlnsOptions(moves=30)))
    assert mended.right_shift is not None, "new work fits behind everything"
    assert mended.added == ("stool cut", "stool bore")
    assert mended.after == (9,)
    with pytest.raises(ProblemError, match="has a task 'table cut'"):
        mend(problem, plan, 2, NewWork(problem))


def test_new_work_on_unknown_resources_is_refused() -> None:
    """The message names the resource."""
    problem, plan = shop()
    b = ProblemBuilder("rush")
    b.task("polish", duration=1, machine=b.machine("polisher"))
    with pytest.raises(ProblemError, match="polisher"):
        mend(problem, plan, 2, NewWork(b.build()))


def test_capacity_drop_leaves_running_tasks_alone() -> None:
    """Two of three crew members go; the running task keeps its two, the others wait."""
    b = ProblemBuilder("crew")
    crew = b.renewable("crew", capacity=3)
    for name, length in (("a", 6), ("b", 2), ("c", 2)):
        b.task(name, duration=length, demands={crew: 2 if name == "a" else 1})
    problem = b.build()
    plan = Schedule.from_starts(problem, np.array([0, 2, 4]))
    mended = mend(problem, plan, 1, CapacityDrop("crew", 1, 8, 1))
    assert mended.schedule is not None
    assert mended.schedule.start[0] == 0
    assert min(mended.schedule.start[1:]) >= 6
    assert mended.after == (10,)


def test_dates_of_jobs_and_tasks_change() -> None:
    """Due dates, deadlines and releases are those of the future."""
    problem, plan = shop()
    problem = replace(problem, objective=replace(problem.objective))
    rest = rest_of(
        problem, plan, 1, [NewDue("table", 4), NewDeadline("chair", 20), NewRelease("chair", 5)]
    )
    assert rest.problem.jobs.due.tolist() == [4, 9]
    assert rest.problem.jobs.deadline[1] == 20
    assert rest.problem.tasks.release[2:].tolist() == [5, 5]


def test_impossible_deadline_gives_no_schedule() -> None:
    """Where nothing fits any more, the status says so."""
    problem, plan = shop()
    mended = mend(problem, plan, 2, NewDeadline("chair", 4))
    assert not mended
    assert mended.result.status is Status.INFEASIBLE
    assert mended.after == ()


def test_repairs_follow_each_other() -> None:
    """The rest problem and its schedule are a plan that can be repaired again."""
    problem = random_job_shop(5, 4, seed=1)
    plan = solve(problem, engine=FEW, threads=1).schedule
    assert plan is not None
    for k in range(1, 4):
        now = plan.makespan * k // 4
        mended = mend(problem, plan, now, Breakdown(problem.resources.names[k], now, now + 15))
        assert mended.schedule is not None
        problem, plan = mended.problem, mended.schedule


def test_setups_are_kept_by_the_shift() -> None:
    """Machine orders with setup times survive a delay."""
    problem = random_setup_job_shop(5, 4, seed=2)
    plan = solve(problem, engine=FEW, threads=1).schedule
    assert plan is not None
    now = plan.makespan // 3
    running = np.flatnonzero((plan.start < now) & (plan.end > now))
    mended = mend(problem, plan, now, Late(problem.tasks.names[int(running[0])], 25))
    assert mended.right_shift is not None
    assert mended.after <= mended.shifted


@pytest.mark.parametrize(
    ("what", "match"),
    [
        (Late("sofa", 3), "no task 'sofa'"),
        (Cancelled("sofa"), "no job or task 'sofa'"),
        (Breakdown("lathe", 1, 2), "no resource 'lathe'"),
        (Breakdown("saw", 3, 3), "is empty"),
        (Finished("chair bore"), "has not begun"),
        (Finished("table cut", 9), "cannot have ended"),
        (Longer("table cut", -1), "no delay"),
    ],
)
def test_contradictions_are_named(what: Disturbance, match: str) -> None:
    """A disturbance that does not fit the plan is refused with its name."""
    problem, plan = shop()
    with pytest.raises(ProblemError, match=match):
        mend(problem, plan, 2, what)


def test_late_after_the_end_is_refused() -> None:
    """History cannot be late."""
    problem, plan = shop()
    with pytest.raises(ProblemError, match="ended at 3"):
        mend(problem, plan, 4, Late("table cut", 2))


def test_options_are_checked() -> None:
    """Wrong plans, limits, measures and weights are refused."""
    problem, plan = shop()
    with pytest.raises(ProblemError, match="breaks"):
        mend(problem, Schedule.from_starts(problem, np.zeros(4)), 0)
    with pytest.raises(OptionError, match="time_limit"):
        mend(problem, plan, 0, time_limit=0.0)
    with pytest.raises(OptionError, match="measure"):
        mend(problem, plan, 0, measure="makespan")
    with pytest.raises(OptionError, match="measure"):
        mend(problem, plan, 0, measure="beauty")
    with pytest.raises(OptionError, match="stability"):
        mend(problem, plan, 0, stability=-1)
