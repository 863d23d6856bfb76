"""Each rule broken on its own: the right kind, names, resource and amount, in a clear sentence."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest

from makespan.core.builder import ProblemBuilder
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.verification.stocks import _summed
from makespan.core.verify import ScheduleError, Violation, ViolationKind, check, verify
from makespan.core.vocabulary import Blocking


def at(problem: Problem, *rows: tuple[int, int] | tuple[int, int, int] | None) -> Schedule:
    """A schedule from (start, end) or (start, end, local mode) per task; None is absent."""
    start, end, mode = [], [], []
    for i, row in enumerate(rows):
        s, e, m = (*row, 0)[:3] if row is not None else (0, 0, None)
        start.append(s)
        end.append(e)
        mode.append(-1 if m is None else int(problem.tasks.mode_ptr[i]) + m)
    return Schedule(np.array(start), np.array(end), np.array(mode))


def only(problem: Problem, schedule: Schedule) -> Violation:
    """The one violation of a schedule."""
    found = verify(problem, schedule)
    assert len(found) == 1, found
    return found[0]


def expect(
    violation: Violation,
    kind: ViolationKind,
    tasks: Sequence[str],
    resource: str | None,
    amount: int,
) -> None:
    """Check everything but the sentence."""
    assert (violation.kind, violation.tasks, violation.resource, violation.amount) == (
        kind,
        tuple(tasks),
        resource,
        amount,
    )


def shop() -> Problem:
    """Two tasks on one machine with every window; `cut` 3 ticks, `bore` 2 ticks."""
    b = ProblemBuilder("shop", horizon=(0, 30))
    saw = b.machine("saw")
    job = b.job("order", release=2, deadline=25)
    b.task("cut", duration=3, machine=saw, job=job, release=5, deadline=20, forbidden=[(12, 14)])
    b.task("bore", duration=2, machine=saw, job=job)
    return b.build()


def test_feasible_schedule_has_no_violation() -> None:
    """Tasks may touch each other, their windows and their forbidden intervals."""
    p = shop()
    assert verify(p, at(p, (9, 12), (12, 14))) == []
    assert verify(p, at(p, (5, 8), (23, 25))) == []
    assert verify(p, at(p, (17, 20), (2, 4))) == []


def test_shape() -> None:
    """A schedule with another number of tasks is only told that."""
    p = shop()
    v = only(p, Schedule(np.zeros(3), np.zeros(3), np.zeros(3)))
    expect(v, ViolationKind.SHAPE, [], None, 1)
    assert v.sentence == "the schedule has 3 tasks, the problem 2"


def test_mode_of_another_task() -> None:
    """A mode of another task is named, and the task is not judged by it."""
    p = shop()
    v = only(p, Schedule(np.array([5, 9]), np.array([8, 11]), np.array([1, 1])))
    expect(v, ViolationKind.MODE, ["cut"], None, 1)
    assert v.sentence == "task 'cut' uses mode 1, which belongs to task 'bore'"


def test_mode_that_does_not_exist() -> None:
    """A mode number beyond the table is reported, not an index error."""
    p = shop()
    v = only(p, Schedule(np.array([5, 9]), np.array([8, 11]), np.array([0, 7])))
    expect(v, ViolationKind.MODE, ["bore"], None, 1)
    assert v.sentence == "task 'bore' uses mode 7, but the problem has 2 modes"


def test_presence() -> None:
    """A mandatory task must be placed."""
    p = shop()
    v = only(p, at(p, None, (9, 11)))
    expect(v, ViolationKind.PRESENCE, ["cut"], None, 1)
    assert v.sentence == "task 'cut' is left out, but it is not optional"


@pytest.mark.parametrize(("end", "amount", "side"), [(9, 1, "late"), (6, 2, "early")])
def test_duration(end: int, amount: int, side: str) -> None:
    """An end must fit the start and the duration."""
    p = shop()
    v = only(p, at(p, (5, end), (20, 22)))
    expect(v, ViolationKind.DURATION, ["cut"], None, amount)
    assert v.sentence.startswith(
        f"task 'cut' starts at 5 and takes 3 ticks, so it ends at 8, not at {end}"
    )
    assert side in v.sentence


def test_release() -> None:
    """A start before the release."""
    p = shop()
    v = only(p, at(p, (3, 6), (9, 11)))
    expect(v, ViolationKind.RELEASE, ["cut"], None, 2)
    assert v.sentence == "task 'cut' starts at 3, before its release 5 (2 ticks too early)"


def test_deadline() -> None:
    """An end after the deadline."""
    p = shop()
    v = only(p, at(p, (18, 21), (9, 11)))
    expect(v, ViolationKind.DEADLINE, ["cut"], None, 1)
    assert v.sentence == "task 'cut' ends at 21, after its deadline 20 (1 tick too late)"


def test_job_release() -> None:
    """Every task of a job waits for the job's release."""
    p = shop()
    v = only(p, at(p, (5, 8), (1, 3)))
    expect(v, ViolationKind.JOB_RELEASE, ["bore"], None, 1)
    assert "release 2 of its job 'order'" in v.sentence


def test_job_deadline() -> None:
    """Every task of a job meets the job's deadline."""
    p = shop()
    v = only(p, at(p, (5, 8), (26, 28)))
    expect(v, ViolationKind.JOB_DEADLINE, ["bore"], None, 3)
    assert "deadline 25 of its job 'order'" in v.sentence


def test_horizon() -> None:
    """Tasks lie within the horizon, at both ends."""
    b = ProblemBuilder("horizon", horizon=(-2, 10))
    b.task("a", duration=3)
    p = b.build()
    assert verify(p, at(p, (-2, 1))) == []
    assert verify(p, at(p, (7, 10))) == []
    expect(only(p, at(p, (9, 12))), ViolationKind.HORIZON, ["a"], None, 2)
    found = verify(p, at(p, (-4, -1)))
    assert [v.kind for v in found] == [ViolationKind.HORIZON, ViolationKind.RELEASE]
    assert found[0].amount == 2


def test_times_beyond_all_bounds() -> None:
    """Absurd times are a violation, not an overflow."""
    p = shop()
    huge = (1 << 63) - 4
    v = only(p, at(p, (huge, huge + 3), (9, 11)))
    expect(v, ViolationKind.HORIZON, ["cut"], None, huge + 3 - (1 << 60))


def test_forbidden_interval() -> None:
    """Ticks in a forbidden interval are counted."""
    p = shop()
    v = only(p, at(p, (11, 14), (20, 22)))
    expect(v, ViolationKind.FORBIDDEN, ["cut"], None, 2)
    assert v.sentence == (
        "task 'cut' runs in [11, 14), 2 ticks of it in its forbidden interval [12, 14)"
    )


def test_forbidden_interval_of_a_milestone() -> None:
    """A milestone may stand at the end of a forbidden interval, not at its start."""
    b = ProblemBuilder("point")
    b.task("ship", duration=0, forbidden=[(3, 5)])
    p = b.build()
    assert verify(p, at(p, (5, 5))) == []
    expect(only(p, at(p, (3, 3))), ViolationKind.FORBIDDEN, ["ship"], None, 1)


def test_overlap() -> None:
    """Two tasks on one machine at one time."""
    p = shop()
    v = only(p, at(p, (5, 8), (6, 8)))
    expect(v, ViolationKind.OVERLAP, ["cut", "bore"], "saw", 2)
    assert v.sentence == "tasks 'cut' and 'bore' overlap on 'saw' in [6, 8) (2 ticks)"


def test_every_overlap_of_a_long_task_is_reported() -> None:
    """A task that covers many is named with each, and with none that it does not touch."""
    b = ProblemBuilder("cover")
    m = b.machine("M")
    b.task("long", duration=10, machine=m)
    for k in range(3):
        b.task(f"short {k}", duration=2, machine=m)
    p = b.build()
    found = verify(p, at(p, (0, 10), (1, 3), (5, 7), (9, 11)))
    assert [v.tasks for v in found] == [("long", f"short {k}") for k in range(3)]
    assert [v.amount for v in found] == [2, 2, 1]
    found = verify(p, at(p, (0, 10), (1, 3), (2, 4), (10, 12)))
    assert [v.tasks for v in found] == [("long", "short 0"), ("long", "short 1")]


def test_milestone_inside_a_task_on_its_machine() -> None:
    """A milestone may stand at either end of a task, not inside."""
    b = ProblemBuilder("inspection")
    m = b.machine("M")
    b.task("run", duration=5, machine=m)
    b.task("look", duration=0, machine=m)
    p = b.build()
    for instant in (2, 7, 0, 9):
        assert verify(p, at(p, (2, 7), (instant, instant))) == []
    v = only(p, at(p, (2, 7), (4, 4)))
    expect(v, ViolationKind.MILESTONE, ["run", "look"], "M", 2)
    assert v.sentence == "milestone 'look' at 4 lies inside 'run' on 'M' in [2, 7)"


def line(code: Blocking) -> Problem:
    """Job X: a on M1, then b on M2; job Y: c on M1."""
    b = ProblemBuilder("line")
    one, two = b.machine("M1", blocking=code), b.machine("M2")
    x, y = b.job("X"), b.job("Y")
    b.task("a", duration=2, machine=one, job=x)
    b.task("b", duration=2, machine=two, job=x)
    b.task("c", duration=2, machine=one, job=y)
    return b.build()


def test_blocking() -> None:
    """A blocked machine stays taken until the job's next task starts."""
    p = line(Blocking.SWAP)
    assert verify(p, at(p, (0, 2), (5, 7), (5, 7))) == []
    assert verify(line(Blocking.NONE), at(p, (0, 2), (5, 7), (2, 4))) == []
    v = only(p, at(p, (0, 2), (5, 7), (2, 4)))
    expect(v, ViolationKind.BLOCKING, ["a", "c"], "M1", 2)
    assert v.sentence == (
        "task 'a' ends at 2 but blocks 'M1' until its job's next task 'b' starts at 5, so 'c' "
        "cannot start there at 2 (2 ticks shared)"
    )


def test_blocking_by_the_task_alone() -> None:
    """The stricter of task and machine decides; a real overlap keeps its own kind."""
    p = line(Blocking.NONE)
    blocking = np.array([Blocking.SWAP, 0, 0], dtype=np.uint8)
    p = dataclasses.replace(p, tasks=dataclasses.replace(p.tasks, blocking=blocking))
    expect(only(p, at(p, (0, 2), (5, 7), (4, 6))), ViolationKind.BLOCKING, ["a", "c"], "M1", 1)
    expect(only(p, at(p, (0, 2), (5, 7), (1, 3))), ViolationKind.OVERLAP, ["a", "c"], "M1", 1)


def test_blocking_skips_absent_tasks() -> None:
    """The next present task of the job ends the blocking; the last one leaves when it ends."""
    b = ProblemBuilder("skip")
    one, two = b.machine("M1", blocking=Blocking.NO_SWAP), b.machine("M2")
    x, y = b.job("X"), b.job("Y")
    b.task("a", duration=2, machine=one, job=x)
    b.task("b", duration=2, machine=two, job=x, optional=True)
    b.task("c", duration=2, machine=two, job=x, optional=True)
    b.task("d", duration=2, machine=one, job=y)
    p = b.build()
    assert verify(p, at(p, (0, 2), (3, 5), (9, 11), (3, 5))) == []
    assert verify(p, at(p, (0, 2), None, None, (2, 4))) == []
    expect(
        only(p, at(p, (0, 2), None, (9, 11), (3, 5))), ViolationKind.BLOCKING, ["a", "d"], "M1", 2
    )


def test_milestone_in_blocked_time() -> None:
    """A milestone may not stand inside the time a machine is blocked."""
    b = ProblemBuilder("blocked")
    one, two = b.machine("M1", blocking=Blocking.SWAP), b.machine("M2")
    x = b.job("X")
    b.task("a", duration=2, machine=one, job=x)
    b.task("b", duration=2, machine=two, job=x)
    b.task("look", duration=0, machine=one)
    p = b.build()
    expect(only(p, at(p, (0, 2), (6, 8), (3, 3))), ViolationKind.MILESTONE, ["a", "look"], "M1", 3)


def exchange(code: Blocking) -> Problem:
    """Two jobs that exchange two machines."""
    b = ProblemBuilder("exchange")
    m = [b.machine("M1", blocking=code), b.machine("M2", blocking=code)]
    for k in range(2):
        job = b.job()
        b.task(f"in {k}", duration=2, machine=m[k], job=job)
        b.task(f"out {k}", duration=2, machine=m[1 - k], job=job)
    return b.build()


def test_swap() -> None:
    """Without swap two jobs cannot exchange machines at one instant; with swap they can."""
    rows = [(0, 2), (2, 4), (0, 2), (2, 4)]
    free = exchange(Blocking.SWAP)
    assert verify(free, at(free, *rows)) == []
    p = exchange(Blocking.NO_SWAP)
    v = only(p, at(p, *rows))
    expect(v, ViolationKind.SWAP, ["in 0", "in 1"], "M1", 2)
    assert v.sentence == (
        "at 2 the jobs of 'in 0', 'in 1' would have to swap 'M1', 'M2' at once, which blocking "
        "without swap forbids"
    )


def test_moves_in_a_row_are_no_swap() -> None:
    """Moves at one instant, each into the machine the next has left, have an order."""
    b = ProblemBuilder("row")
    m = [b.machine(f"M{k}", blocking=Blocking.NO_SWAP) for k in range(3)]
    for k in range(2):
        job = b.job()
        b.task(f"in {k}", duration=2, machine=m[k], job=job)
        b.task(f"out {k}", duration=2, machine=m[k + 1], job=job)
    p = b.build()
    assert verify(p, at(p, (0, 2), (2, 4), (0, 2), (2, 4))) == []


def test_each_swap_cycle_is_reported() -> None:
    """Two separate exchanges are two violations."""
    b = ProblemBuilder("twice")
    rows = []
    for pair in range(2):
        m = [b.machine(f"M{pair}{k}", blocking=Blocking.NO_SWAP) for k in range(2)]
        for k in range(2):
            job = b.job()
            b.task(f"in {pair}{k}", duration=2, machine=m[k], job=job)
            b.task(f"out {pair}{k}", duration=2, machine=m[1 - k], job=job)
            rows += [(0, 2), (2, 4)]
    p = b.build()
    found = verify(p, at(p, *rows))
    assert [v.tasks for v in found] == [("in 00", "in 01"), ("in 10", "in 11")]


def painted(blocking: Blocking = Blocking.NONE) -> Problem:
    """A machine with setups of 3 from red (0) to blue (1), 1 back, and 2 before blue."""
    b = ProblemBuilder("paint", horizon=(1, None))
    colours = b.setups("colours", [[0, 3], [1, 0]], initial_time=[0, 2])
    m = b.machine("booth", setup=colours, blocking=blocking)
    other = b.machine("oven")
    job = b.job("J")
    b.task("red", duration=2, machine=m, family=0, job=job)
    b.task("dry", duration=1, machine=other, family=0, job=job)
    b.task("blue", duration=2, machine=m, family=1)
    return b.build()


def test_setup() -> None:
    """Setup time passes between consecutive tasks."""
    p = painted()
    assert verify(p, at(p, (1, 3), (20, 21), (6, 8))) == []
    v = only(p, at(p, (1, 3), (20, 21), (5, 7)))
    expect(v, ViolationKind.SETUP, ["red", "blue"], "booth", 1)
    assert v.sentence == (
        "task 'blue' starts at 5, but 'red' leaves 'booth' at 3 and the setup takes 3 ticks "
        "(1 tick too early)"
    )


def test_initial_setup() -> None:
    """The first task waits for its initial setup from the start of the horizon."""
    p = painted()
    assert verify(p, at(p, (6, 8), (20, 21), (3, 5))) == []
    v = only(p, at(p, (6, 8), (20, 21), (2, 4)))
    expect(v, ViolationKind.SETUP, ["blue"], "booth", 1)
    assert v.sentence == (
        "task 'blue' starts at 2, but 'booth' is free from 1 and the setup takes 2 ticks "
        "(1 tick too early)"
    )


def test_setup_after_blocking() -> None:
    """The setup begins when the blocked task has left."""
    p = painted(Blocking.SWAP)
    assert verify(p, at(p, (1, 3), (5, 6), (8, 10))) == []
    expect(only(p, at(p, (1, 3), (5, 6), (7, 9))), ViolationKind.SETUP, ["red", "blue"], "booth", 1)


def test_setups_bind_immediate_successors_only() -> None:
    """A shorter way over a third family is allowed, as the semantics say."""
    b = ProblemBuilder("detour")
    table = b.setups("s", [[0, 1, 9], [1, 0, 1], [9, 1, 0]])
    m = b.machine("M", setup=table)
    for k in range(3):
        b.task(f"f{k}", duration=1, machine=m, family=k)
    with pytest.warns(UserWarning, match="triangle"):
        p = b.build()
    assert verify(p, at(p, (0, 1), (2, 3), (4, 5))) == []


def crew() -> Problem:
    """Tasks that need 2, 2 and 1 of a crew of 3, which is 1 from 10 on and 4 from 20 on."""
    b = ProblemBuilder("crew")
    r = b.renewable("crew", capacity=3, steps=[(10, 1), (20, 4)])
    for name, amount in (("a", 2), ("b", 2), ("c", 1)):
        b.task(name, duration=3, demands={r: amount})
    b.task("point", duration=0, demands={r: 3})
    return b.build()


def test_capacity() -> None:
    """An overload is one violation with its stretch, its peak and the tasks that are active."""
    p = crew()
    assert verify(p, at(p, (0, 3), (3, 6), (0, 3), (1, 1))) == []
    v = only(p, at(p, (0, 3), (2, 5), (2, 5), (1, 1)))
    expect(v, ViolationKind.CAPACITY, ["a", "b", "c"], "crew", 2)
    assert v.sentence == (
        "'crew' is used beyond its capacity in [2, 3): 5 of 3 at 2 (2 too many), by 'a', 'b', 'c'"
    )


def test_capacity_steps() -> None:
    """Capacity falls and rises at its steps; each stretch of overload is told apart."""
    p = crew()
    assert verify(p, at(p, (7, 10), (20, 23), (10, 13), (1, 1))) == []
    v = only(p, at(p, (8, 11), (20, 23), (0, 3), (1, 1)))
    expect(v, ViolationKind.CAPACITY, ["a"], "crew", 1)
    assert "in [10, 11): 2 of 1 at 10" in v.sentence
    found = verify(p, at(p, (9, 12), (18, 21), (0, 3), (1, 1)))
    assert [(w.tasks, w.amount) for w in found] == [(("a",), 1), (("b",), 1)]
    assert "[18, 20)" in found[1].sentence


def test_consumable() -> None:
    """Demands on a consumable are added over all time, milestones included."""
    b = ProblemBuilder("budget")
    c = b.consumable("gold", amount=5)
    b.task("a", duration=1, demands={c: 3})
    b.task("b", duration=0, demands={c: 2})
    b.task("d", duration=1, demands={c: 2}, optional=True)
    p = b.build()
    assert verify(p, at(p, (0, 1), (5, 5), None)) == []
    v = only(p, at(p, (0, 1), (5, 5), (9, 10)))
    expect(v, ViolationKind.CONSUMABLE, ["a", "b", "d"], "gold", 2)
    assert v.sentence == "'gold' has 5, but 7 are consumed (2 too many), by 'a', 'b', 'd'"


def tank() -> Problem:
    """A tank of 0 to 4 that holds 1; `fill` adds 3 when it ends, `drain` takes 3 when it starts."""
    b = ProblemBuilder("tank")
    v = b.reservoir("tank", initial=1, minimum=0, maximum=4)
    b.task("fill", duration=2, ends_with={v: 3})
    b.task("drain", duration=2, starts_with={v: -3})
    b.task("more", duration=2, starts_with={v: 2}, ends_with={v: -2})
    return b.build()


def test_reservoir_low() -> None:
    """A level below the minimum, from the drain to the fill."""
    p = tank()
    assert verify(p, at(p, (0, 2), (2, 4), (8, 10))) == []
    v = only(p, at(p, (0, 2), (1, 3), (8, 10)))
    expect(v, ViolationKind.RESERVOIR_LOW, ["drain"], "tank", 2)
    assert v.sentence == (
        "the level of 'tank' reaches -2 at 1, 2 below its minimum 0 in [1, 2), through 'drain'"
    )


def test_reservoir_high() -> None:
    """A level above the maximum; changes at one instant are added up first."""
    p = tank()
    assert verify(p, at(p, (0, 2), (2, 4), (2, 4))) == []
    v = only(p, at(p, (0, 2), (6, 8), (3, 5)))
    expect(v, ViolationKind.RESERVOIR_HIGH, ["more"], "tank", 2)
    assert "reaches 6 at 3, 2 above its maximum 4 in [3, 5)" in v.sentence


def test_reservoir_that_stays_too_low() -> None:
    """An excursion without end says so."""
    b = ProblemBuilder("leak")
    v = b.reservoir("tank", initial=1)
    b.task("leak", duration=1, ends_with={v: -2})
    p = b.build()
    assert "below its minimum 0 from 1 on" in only(p, at(p, (0, 1))).sentence


@pytest.mark.parametrize(
    ("kind", "fine", "early", "late"),
    [
        # The source runs in [10, 14); lag [1, 3]; target of 2 ticks by its start.
        ("FS", [15, 17], 14, 18),
        ("SS", [11, 13], 10, 14),
        ("FF", [13, 15], 12, 16),
        ("SF", [9, 11], 8, 12),
    ],
)
def test_precedence_kinds(kind: str, fine: list[int], early: int, late: int) -> None:
    """Lags of each kind are measured between the right ends."""
    b = ProblemBuilder("lags")
    first, second = b.task("a", duration=4), b.task("b", duration=2)
    b.precedence(first, second, kind=kind, min_lag=1, max_lag=3)
    p = b.build()
    for start in fine:
        assert verify(p, at(p, (10, 14), (start, start + 2))) == []
    v = only(p, at(p, (10, 14), (early, early + 2)))
    expect(v, ViolationKind.PRECEDENCE_MIN, ["a", "b"], None, 1)
    v = only(p, at(p, (10, 14), (late, late + 2)))
    expect(v, ViolationKind.PRECEDENCE_MAX, ["a", "b"], None, 1)


def test_precedence_sentences() -> None:
    """Sentences name both tasks and what was measured."""
    b = ProblemBuilder("lags")
    first, second = b.task("a", duration=4), b.task("b", duration=2)
    b.precedence(first, second, min_lag=0, max_lag=2)
    p = b.build()
    assert only(p, at(p, (0, 4), (3, 5))).sentence == (
        "task 'b' starts at 3, 1 before 'a' ends at 4, but the lag must be at least 0 "
        "(1 tick too early)"
    )
    assert only(p, at(p, (0, 4), (9, 11))).sentence == (
        "task 'b' starts at 9, 5 after 'a' ends at 4, but the lag must be at most 2 "
        "(3 ticks too late)"
    )


def test_precedence_binds_present_tasks_only() -> None:
    """An absent task satisfies every relation."""
    b = ProblemBuilder("absent")
    first, second = b.task("a", duration=4, optional=True), b.task("b", duration=2)
    b.chain(first, second)
    p = b.build()
    assert verify(p, at(p, None, (0, 2))) == []


def test_no_overlap_set() -> None:
    """Members of a set take turns even on different machines; milestones stay outside."""
    b = ProblemBuilder("family")
    first, second = b.task("a", duration=4), b.task("b", duration=4)
    point, other = b.task("p", duration=0), b.task("z", duration=9)
    b.no_overlap([first, second, point], name="pair")
    p = b.build()
    assert other.index == 3
    assert verify(p, at(p, (0, 4), (4, 8), (4, 4), (0, 9))) == []
    v = only(p, at(p, (0, 4), (3, 7), (7, 7), (0, 9)))
    expect(v, ViolationKind.NO_OVERLAP, ["a", "b"], None, 1)
    assert v.sentence == "tasks 'a' and 'b' of no-overlap set 'pair' overlap in [3, 4) (1 tick)"
    v = only(p, at(p, (0, 4), (4, 8), (5, 5), (0, 9)))
    expect(v, ViolationKind.NO_OVERLAP, ["b", "p"], None, 1)
    assert "milestone 'p' at 5 lies inside 'b' in [4, 8)" in v.sentence


def linked() -> Problem:
    """Tasks a, b, c of two modes (M1 or M2): a and b alike, a and c apart."""
    b = ProblemBuilder("linked")
    one, two, three = (b.machine(f"M{k}") for k in (1, 2, 3))
    group = b.group("mills", [one, two])
    tasks = [b.task(t).mode(1, [one, three]).mode(1, [two, three]) for t in "abc"]
    b.same_resource(tasks[0], tasks[1], group)
    b.different_resource(tasks[0], tasks[2], group)
    return b.build()


def test_links() -> None:
    """Linked tasks use the same resource of the group, or none in common; others do not count."""
    p = linked()
    assert verify(p, at(p, (0, 1, 0), (1, 2, 0), (2, 3, 1))) == []
    v = only(p, at(p, (0, 1, 0), (1, 2, 1), (2, 3, 1)))
    expect(v, ViolationKind.SAME_RESOURCE, ["a", "b"], "M1", 2)
    assert v.sentence == (
        "tasks 'a' and 'b' must use the same resources of group 'mills', but only one of them "
        "uses 'M1', 'M2'"
    )
    v = only(p, at(p, (0, 1, 1), (1, 2, 1), (2, 3, 1)))
    expect(v, ViolationKind.DIFFERENT_RESOURCE, ["a", "c"], "M2", 1)
    assert v.sentence.endswith("but both use 'M2'")


def chosen(kind: str) -> Problem:
    """Three optional tasks in one selection group."""
    b = ProblemBuilder("selection")
    tasks = [b.task(t, duration=1, optional=True) for t in "abc"]
    if kind == "implies":
        b.implies(*tasks)
    else:
        getattr(b, kind)(tasks)
    return b.build()


@pytest.mark.parametrize(
    ("kind", "fine", "present", "names", "amount"),
    [
        ("exactly_one", ["a", "b", "c"], "", "abc", 1),
        ("exactly_one", ["c"], "abc", "abc", 2),
        ("at_most_one", ["", "b"], "ac", "ac", 1),
        ("all_or_none", ["", "abc"], "b", "abc", 2),
        ("implies", ["", "b", "bc", "abc"], "ac", "ab", 1),
    ],
)
def test_selections(kind: str, fine: list[str], present: str, names: str, amount: int) -> None:
    """Presence obeys each kind of selection group."""
    p = chosen(kind)

    def placing(which: str) -> Schedule:
        return at(p, *((0, 1) if t in which else None for t in "abc"))

    for which in fine:
        assert verify(p, placing(which)) == []
    expect(only(p, placing(present)), ViolationKind(kind), list(names), None, amount)


def test_selection_sentences() -> None:
    """Sentences say what is placed and what is missing."""
    p = chosen("all_or_none")
    assert only(p, at(p, (0, 1), None, (0, 1))).sentence == (
        "all or none of 'a', 'b', 'c' must be placed, but 'b' is left out"
    )
    p = chosen("exactly_one")
    assert only(p, at(p, None, None, None)).sentence == (
        "exactly one of 'a', 'b', 'c' must be placed, but none is"
    )
    p = chosen("implies")
    assert only(p, at(p, (0, 1), None, None)).sentence == (
        "task 'a' is placed, so 'b', 'c' must be too, but 'b', 'c' are left out"
    )


def test_every_violation_is_reported() -> None:
    """Faults of different kinds are all named, in a fixed order."""
    p = shop()
    found = verify(p, at(p, (1, 4), (3, 6)))
    assert [v.kind.value for v in found] == ["duration", "release", "job_release", "overlap"]
    assert verify(p, at(p, (1, 4), (3, 6))) == found


def test_check_raises_with_every_violation() -> None:
    """`check` is silent on a feasible schedule and raises with all violations otherwise."""
    p = shop()
    check(p, at(p, (5, 8), (8, 10)))
    with pytest.raises(
        ScheduleError, match=r"breaks 4 rules: task 'bore' .*; and 1 more"
    ) as caught:
        check(p, at(p, (1, 4), (3, 6)))
    assert len(caught.value.violations) == 4
    with pytest.raises(ScheduleError, match="breaks 1 rule: task"):
        check(p, at(p, (5, 8), (8, 11)))


def test_violation_reads_as_its_sentence() -> None:
    """Printing a violation shows the sentence."""
    p = shop()
    v = only(p, at(p, (3, 6), (9, 11)))
    assert str(v) == v.sentence


def test_problem_without_tasks() -> None:
    """Nothing to do is feasible."""
    p = ProblemBuilder("empty").build()
    assert verify(p, at(p)) == []


def test_far_apart_times() -> None:
    """Times too far apart to be packed into one sorting key are compared all the same."""
    b = ProblemBuilder("far")
    machines = [b.machine("M0"), b.machine("M1")]
    for k in range(6):
        b.task(f"t{k}", duration=4, machine=machines[k % 2])
    p = b.build()
    far = 1 << 59
    rows = [(far, far + 4), (0, 4), (far + 4, far + 8), (far + 3, far + 7), (0, 4), (far, far + 4)]
    v = only(p, at(p, *rows))
    expect(v, ViolationKind.OVERLAP, ["t5", "t3"], "M1", 1)


def test_levels_beyond_64_bits() -> None:
    """Sums of amounts that leave 64 bits are kept exact."""
    one = np.zeros(6, dtype=np.int64)
    huge = np.array([1 << 61, 1 << 61, 1 << 61, 1 << 61, -5, 7])
    resource, time, level = _summed(one, np.array([0, 1, 2, 3, 4, 4]), huge)
    assert resource.tolist() == [0] * 5
    assert time.tolist() == [0, 1, 2, 3, 4]
    assert level.tolist() == [1 << 61, 1 << 62, 3 << 61, 1 << 63, (1 << 63) + 2]


def test_verifier_shares_no_code_with_engines() -> None:
    """Importing the verifier loads nothing but data tables, what checks their values, and itself."""
    script = (
        "import sys, makespan.core.verify as v; "
        "print(*sorted(m for m in sys.modules if m.startswith('makespan.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = {name for name in done.stdout.split() if ".verif" not in name}
    tables = {"_checks", "calendar", "errors", "names", "problem", "schedule", "vocabulary"}
    assert loaded <= {"makespan.core", "makespan._version", *(f"makespan.core.{t}" for t in tables)}
