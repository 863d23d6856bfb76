"""Every kind of constraint on a case small enough to work out by hand."""

from __future__ import annotations

import pytest
from tests.solvers.cpsat_support import best_schedule, infeasible, optimum

from makespan.core.builder import ProblemBuilder
from makespan.core.vocabulary import Blocking

pytestmark = pytest.mark.filterwarnings("ignore::makespan.core.validation.ModelWarning")


# Machines, modes, renewables ---------------------------------------------------------------------


def test_machine_runs_one_task_at_a_time() -> None:
    """Three tasks of one machine take the sum of their durations."""
    b = ProblemBuilder("one machine")
    m = b.machine("M")
    for d in (3, 4, 5):
        b.task(f"t{d}", duration=d, machine=m)
    assert optimum(b.build()) == (12,)


def test_modes_choose_machines() -> None:
    """Two equal tasks with two alternative machines run side by side."""
    b = ProblemBuilder("pool")
    first, second = b.machine("A"), b.machine("B")
    for k in range(2):
        b.task(f"t{k}", duration=4, machine=first).mode(5, second)
    assert optimum(b.build()) == (5,)


def test_mode_may_hold_two_machines() -> None:
    """A task that needs both machines waits until both are free."""
    b = ProblemBuilder("both")
    first, second = b.machine("A"), b.machine("B")
    b.task("a", duration=2, machine=first)
    b.task("b", duration=3, machine=second)
    b.task("both", duration=4, machine=(first, second))
    assert optimum(b.build()) == (7,)


def test_renewable_limits_parallel_work() -> None:
    """Demands 2, 2 and 1 on capacity 3 need two rounds."""
    b = ProblemBuilder("crew")
    crew = b.renewable("crew", capacity=3)
    for k, q in enumerate((2, 2, 1)):
        b.task(f"t{k}", duration=3, demands={crew: q})
    assert optimum(b.build()) == (6,)


def test_capacity_steps_hold_work_back() -> None:
    """A task of demand 2 waits for the step that raises capacity to 2 at time 5."""
    b = ProblemBuilder("step")
    crew = b.renewable("crew", capacity=1, steps=[(5, 2), (9, 1)])
    b.task("pair", duration=4, demands={crew: 2})
    b.task("single", duration=5, demands={crew: 1})
    assert optimum(b.build()) == (9,)


def test_capacity_step_of_zero_forbids_work() -> None:
    """Nothing may cross a stretch in which capacity is 0."""
    b = ProblemBuilder("gap")
    crew = b.renewable("crew", capacity=1, steps=[(2, 0), (4, 1)])
    b.task("t", duration=3, demands={crew: 1})
    assert optimum(b.build()) == (7,)


def test_consumable_budget_forces_the_cheap_mode() -> None:
    """With 5 units for two tasks only one of them can take the fast mode of 4 units."""
    b = ProblemBuilder("budget")
    money = b.consumable("money", amount=5)
    m = b.machine("M")
    for k in range(2):
        t = b.task(f"t{k}", duration=2, machine=m, demands={money: 4})
        t.mode(6, m, demands={money: 1})
    assert optimum(b.build()) == (8,)


def test_reservoir_waits_for_production() -> None:
    """The consumer starts when the producer has filled the tank at its end."""
    b = ProblemBuilder("tank")
    tank = b.reservoir("tank", initial=0, minimum=0, maximum=3)
    b.task("fill", duration=4, ends_with={tank: 3})
    b.task("draw", duration=2, starts_with={tank: -2})
    assert optimum(b.build()) == (6,)


def test_reservoir_maximum_holds_production_back() -> None:
    """A second filling would overflow until the consumer has drawn; equal instants are summed."""
    b = ProblemBuilder("tank")
    tank = b.reservoir("tank", initial=2, minimum=0, maximum=3)
    m = b.machine("M")
    b.task("fill", duration=1, machine=m, starts_with={tank: 2})
    b.task("draw", duration=3, release=5, starts_with={tank: -1})
    b.minimise("total_completion")
    assert best_schedule(b.build()).start.tolist() == [5, 5]


def test_reservoir_change_of_an_unchosen_mode_does_not_count() -> None:
    """Only the mode that produces lets the consumer run."""
    b = ProblemBuilder("tank")
    tank = b.reservoir("tank", initial=0, minimum=0, maximum=5)
    m = b.machine("M")
    b.task("fill", duration=1, machine=m).mode(6, m, ends_with={tank: 1})
    b.task("draw", duration=1, starts_with={tank: -1})
    assert optimum(b.build()) == (7,)


# Precedences, windows, calendars -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "expected"), [("FS", (0, 7)), ("SS", (0, 2)), ("FF", (0, 4)), ("SF", (0, 0))]
)
def test_precedence_kinds(kind: str, expected: tuple[int, int]) -> None:
    """Tasks of 5 and 3 with minimum lag 2 (start measured from the right ends)."""
    b = ProblemBuilder("lag")
    first, second = b.task("a", duration=5), b.task("b", duration=3)
    b.precedence(first, second, kind=kind, min_lag=2)
    b.minimise("total_completion")
    assert tuple(best_schedule(b.build()).start.tolist()) == expected


def test_maximum_lag_pulls_tasks_together() -> None:
    """A late successor drags its predecessor along."""
    b = ProblemBuilder("fresh")
    first, second = b.task("bake", duration=2), b.task("sell", duration=1, release=10)
    b.precedence(first, second, max_lag=3)
    b.minimise("total_completion")
    assert best_schedule(b.build()).start.tolist() == [5, 10]


def test_no_wait_joins_tasks() -> None:
    """The successor starts the moment its predecessor ends, even if that delays both."""
    b = ProblemBuilder("steel")
    m = b.machine("M")
    first, second = b.task("melt", duration=2), b.task("roll", duration=2, machine=m)
    b.no_wait(first, second)
    b.task("other", duration=3, machine=m, deadline=3)
    assert best_schedule(b.build()).start.tolist() == [1, 3, 0]


def test_windows_of_tasks_and_jobs() -> None:
    """Releases of task and job both hold; deadlines may make it impossible."""
    b = ProblemBuilder("windows")
    job = b.job("J", release=3, deadline=10)
    b.task("a", duration=2, job=job, release=5)
    b.task("b", duration=2, job=job)
    assert best_schedule(b.build()).start.min() == 3
    assert optimum(b.build()) == (7,)
    b.task("c", duration=5, job=job, release=6)
    assert infeasible(b.build())


def test_forbidden_interval_moves_task_but_not_its_end() -> None:
    """A task may end where the interval begins; a milestone may not lie in it."""
    b = ProblemBuilder("forbidden")
    b.task("fits", duration=3, forbidden=[(3, 5)])
    b.task("moves", duration=4, forbidden=[(3, 5)])
    b.task("instant", duration=0, release=3, forbidden=[(3, 5)])
    assert best_schedule(b.build()).start.tolist()[1:] == [5, 5]
    assert optimum(b.build()) == (9,)


def test_forbidding_calendar() -> None:
    """A task of 3 does not fit into what the first shift has left."""
    b = ProblemBuilder("shifts")
    cal = b.calendar("shift", working=[(0, 4)], period=10)
    m = b.machine("M", calendar=cal)
    b.task("a", duration=2, machine=m)
    b.task("b", duration=3, machine=m)
    assert optimum(b.build()) == (12,)


def test_suspending_calendar() -> None:
    """Work pauses over the break, and a machine stays taken in it."""
    b = ProblemBuilder("shifts")
    cal = b.calendar("shift", working=[(0, 4)], period=10)
    m = b.machine("M", calendar=cal, breaks="suspend")
    b.task("a", duration=6, machine=m)
    b.task("b", duration=1, machine=m, release=1)
    schedule = best_schedule(b.build())
    assert schedule.makespan == 13
    assert (schedule.end - schedule.start).tolist() in ([12, 1], [7, 1])


def test_forbidding_calendar_cuts_short_a_suspending_one() -> None:
    """The crew's break must not fall into a task that the machine suspends."""
    b = ProblemBuilder("mixed")
    day = b.calendar("day", working=[(0, 4)], period=10)
    crew_time = b.calendar("crew", exceptions=[(5, 7, False)])
    m = b.machine("M", calendar=day, breaks="suspend")
    crew = b.renewable("crew", capacity=1, calendar=crew_time)
    b.task("t", duration=6, machine=m, demands={crew: 1})
    schedule = best_schedule(b.build())
    assert (schedule.start[0], schedule.end[0]) == (10, 22)


@pytest.mark.parametrize(("released", "expected"), [(True, 9), (False, 12)])
def test_renewable_released_in_breaks(released: bool, expected: int) -> None:
    """Another task uses the crew during the machine's break only if the crew is set free."""
    b = ProblemBuilder("release")
    cal = b.calendar("pause", exceptions=[(3, 6, False)])
    always = b.calendar("always")
    m = b.machine("M", calendar=cal, breaks="suspend")
    crew = b.renewable(
        "crew", capacity=1, calendar=always, breaks="suspend", released_in_breaks=released
    )
    b.task("long", duration=6, machine=m, demands={crew: 1})
    b.task("short", duration=3, demands={crew: 1})
    assert optimum(b.build()) == (expected,)


# Optional tasks, selections, links ---------------------------------------------------------------


def test_optional_task_is_left_out_when_that_is_cheaper() -> None:
    """Of two optional tasks on a short horizon the one with the larger reward is kept."""
    b = ProblemBuilder("admission", horizon=(0, 5))
    m = b.machine("M")
    b.task("small", duration=3, machine=m, optional=True, reward=2)
    b.task("large", duration=3, machine=m, optional=True, reward=7)
    b.minimise("unplaced")
    assert optimum(b.build()) == (2,)
    assert best_schedule(b.build()).present.tolist() == [False, True]


def test_selection_groups() -> None:
    """Exactly one, at most one, all or none and implication hold together."""
    b = ProblemBuilder("choose")
    t = [b.task(f"t{k}", duration=k + 1, optional=True, reward=10 * (k + 1)) for k in range(6)]
    b.exactly_one([t[0], t[1]])
    b.at_most_one([t[2], t[3]])
    b.all_or_none([t[1], t[4]])
    b.implies(t[2], t[5])
    b.minimise("unplaced")
    # Drop t0 (10) for t1, keep t4 with it; drop the cheaper of t2 (30) and t3; t5 is free.
    assert optimum(b.build()) == (10 + 30,)


def test_precedence_binds_present_tasks_only() -> None:
    """An absent predecessor delays nobody."""
    b = ProblemBuilder("absent")
    first, second = b.task("a", duration=9, optional=True), b.task("b", duration=2)
    b.precedence(first, second)
    assert optimum(b.build()) == (2,)


def test_same_and_different_resource() -> None:
    """Linked tasks share or avoid a machine of the group, whatever is faster."""
    b = ProblemBuilder("links")
    a, c = b.machine("A"), b.machine("C")
    group = b.group("pool", [a, c])
    tasks = [b.task(f"t{k}", duration=2, machine=a) for k in range(3)]
    for t in tasks:
        t.mode(3, c)
    b.same_resource(tasks[0], tasks[1], group)
    b.different_resource(tasks[1], tasks[2], group)
    assert optimum(b.build()) == (4,)
    chosen = best_schedule(b.build()).mode - b.build().tasks.mode_ptr[:-1]
    assert chosen[0] == chosen[1] != chosen[2]


def test_no_overlap_set_across_machines() -> None:
    """Members exclude each other although they share no machine."""
    b = ProblemBuilder("apart")
    tasks = [b.task(f"t{k}", duration=3, machine=b.machine(f"M{k}")) for k in range(3)]
    b.no_overlap(tasks)
    assert optimum(b.build()) == (9,)


# Milestones --------------------------------------------------------------------------------------


def test_milestone_lies_at_the_edge_of_other_tasks() -> None:
    """A milestone on a machine may start where a task ends, not strictly inside it."""
    b = ProblemBuilder("milestone")
    m = b.machine("M")
    b.task("run", duration=5, machine=m)
    b.task("mark", duration=0, machine=m, release=2)
    b.minimise("total_completion")
    # Waiting two ticks puts the mark at the start; running at once would push it to 5.
    assert optimum(b.build()) == (2 + 7,)
    b = ProblemBuilder("milestone")
    m = b.machine("M")
    b.task("run", duration=5, machine=m, deadline=5)
    b.task("mark", duration=0, machine=m, release=2, deadline=4)
    assert infeasible(b.build())


def test_milestone_ignores_calendars_and_capacity() -> None:
    """A milestone may lie in a break and beside a full renewable."""
    b = ProblemBuilder("milestone")
    cal = b.calendar("late", exceptions=[(0, 4, False)])
    m = b.machine("M", calendar=cal)
    crew = b.renewable("crew", capacity=1)
    b.task("mark", duration=0, machine=m, demands={crew: 1})
    b.task("work", duration=3, demands={crew: 1})
    b.minimise("total_completion")
    assert best_schedule(b.build()).start.tolist() == [0, 0]


# Setups ------------------------------------------------------------------------------------------


def test_setup_times_between_families() -> None:
    """Grouping families saves setups; the initial setup comes first."""
    b = ProblemBuilder("paint")
    colours = b.setups("colours", [[0, 4], [1, 0]], initial_time=[2, 3])
    m = b.machine("M", setup=colours)
    for k, f in enumerate((0, 1, 0, 1)):
        b.task(f"t{k}", duration=2, machine=m, family=f)
    # family 1 first: 3 + 2 + 2 + 1 + 2 + 2
    assert optimum(b.build()) == (12,)


def test_setups_bind_immediate_successors_only() -> None:
    """A short task in between makes a long changeover unnecessary."""
    b = ProblemBuilder("detour")
    s = b.setups("S", [[0, 9, 0], [9, 0, 0], [0, 0, 0]])
    m = b.machine("M", setup=s)
    b.task("a", duration=1, machine=m, family=0)
    b.task("z", duration=1, machine=m, family=1)
    b.task("between", duration=1, machine=m, family=2)
    assert optimum(b.build()) == (3,)


def test_setup_objectives_and_optional_machines() -> None:
    """Setup cost counts arcs of the machine that a task actually uses."""
    b = ProblemBuilder("cost")
    s = b.setups("S", [[0, 1], [1, 0]], cost=[[0, 5], [7, 0]], initial_cost=[2, 1])
    dear, free = b.machine("dear", setup=s), b.machine("free")
    b.task("a", duration=2, machine=dear, family=0)
    b.task("z", duration=2, machine=dear, family=1).mode(20, free)
    b.minimise({"setup_cost": 1, "makespan": 1})
    # Both on the dear machine: best is 0 then 1 (2 + 5) with makespan 5; else 2 + 20.
    assert optimum(b.build()) == (12,)
    b.minimise("setup_cost")
    assert optimum(b.build()) == (2,)


# Blocking ----------------------------------------------------------------------------------------


def two_jobs_crossing(blocking: Blocking) -> ProblemBuilder:
    """Two jobs that visit two blocking machines in opposite order."""
    b = ProblemBuilder("crossing")
    a, c = b.machine("A", blocking=blocking), b.machine("C", blocking=blocking)
    for name, route in (("X", (a, c)), ("Y", (c, a))):
        job = b.job(name)
        b.chain(
            *(b.task(f"{name}{k}", duration=2, machine=m, job=job) for k, m in enumerate(route))
        )
    return b


@pytest.mark.parametrize(
    ("blocking", "expected"), [(Blocking.NONE, 4), (Blocking.SWAP, 4), (Blocking.NO_SWAP, 8)]
)
def test_blocking_with_and_without_swap(blocking: Blocking, expected: int) -> None:
    """Crossing jobs exchange machines at one instant only if swaps are allowed."""
    assert optimum(two_jobs_crossing(blocking).build()) == (expected,)


def test_blocking_task_keeps_its_machine() -> None:
    """A finished task holds its machine until the next machine is free."""
    b = ProblemBuilder("buffer")
    first, second = b.machine("A", blocking=Blocking.SWAP), b.machine("B")
    job = b.job("J")
    b.task("busy", duration=9, machine=second, deadline=9)
    b.chain(
        b.task("x0", duration=2, machine=first, job=job, deadline=2),
        b.task("x1", duration=1, machine=second, job=job),
    )
    b.task("waits", duration=3, machine=first, release=1)
    # "waits" cannot start at 2: x0 stays on A until 9.
    assert optimum(b.build()) == (12,)


def test_blocking_skips_absent_tasks() -> None:
    """The next present task ends the blocking; without one the task leaves at its end."""
    b = ProblemBuilder("skip", horizon=(0, 6))
    first, second = b.machine("A", blocking=Blocking.NO_SWAP), b.machine("B")
    job = b.job("J")
    b.task("x0", duration=2, machine=first, job=job)
    b.task("x1", duration=1, machine=second, job=job, release=5, optional=True, reward=1)
    b.task("waits", duration=3, machine=first)
    b.minimise("unplaced")
    assert optimum(b.build()) == (0,)
    b.then_minimise("total_completion")
    assert optimum(b.build())[0] == 0


def test_three_jobs_rotate_without_swap() -> None:
    """A free machine lets a ring of blocked jobs move one after the other at one instant."""
    b = ProblemBuilder("ring")
    m = [b.machine(f"M{k}", blocking=Blocking.NO_SWAP) for k in range(3)]
    for k in range(2):
        job = b.job(f"J{k}")
        b.chain(
            b.task(f"a{k}", duration=2, machine=m[k], job=job),
            b.task(f"b{k}", duration=2, machine=m[k + 1], job=job),
        )
    assert optimum(b.build()) == (4,)
