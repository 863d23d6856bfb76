"""Parts of the verifier on their own: orders, clashes, runs, levels and working intervals."""

from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.builder import ProblemBuilder
from makespan.core.calendar import Calendar
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.verification.sequence import _clashes, turn_order
from makespan.core.verification.stocks import _working
from makespan.core.verification.working import WorkingTime, clip
from makespan.core.verify import ViolationKind, verify
from makespan.core.vocabulary import Blocking
from tests import oracle

near = st.integers(-3, 12)
far = st.one_of(near, st.integers(-(1 << 60), 1 << 60))


def plan(problem: Problem, *rows: tuple[int, int]) -> Schedule:
    """A schedule of first modes from (start, end) per task."""
    start, end = np.array(rows).T
    return Schedule(start, end, problem.tasks.mode_ptr[:-1])


def found(problem: Problem, *rows: tuple[int, int]) -> list[tuple[str, tuple[str, ...], int]]:
    """Kind, tasks and amount of every violation."""
    violations = verify(problem, plan(problem, *rows))
    return [(v.kind.value, v.tasks, v.amount) for v in violations]


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 3), far, st.booleans()), max_size=12))
def test_turn_order_sorts(rows: list[tuple[int, int, bool]]) -> None:
    """Rows come by group, start, instants first, then index, however far apart."""
    group = np.array([g for g, _, _ in rows], dtype=np.int64)
    start = np.array([s for _, s, _ in rows], dtype=np.int64)
    instant = np.array([i for _, _, i in rows], dtype=np.bool_)
    order = turn_order(group, start, np.arange(len(rows)), instant)
    expected = sorted(range(len(rows)), key=lambda k: (*rows[k][:2], not rows[k][2], k))
    assert order.tolist() == expected


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 2), near, st.integers(1, 6)), max_size=10))
def test_clashes_are_with_the_latest_end_before(rows: list[tuple[int, int, int]]) -> None:
    """A row clashes if an earlier one of its group ends after it starts; the latest is named."""
    rows = sorted(rows)
    group, start, length = (
        (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
        if rows
        else (np.empty(0, dtype=np.int64),) * 3
    )
    end = start + length
    later, earlier = _clashes(group, start, end)
    expected = []
    for k in range(len(rows)):
        before = [i for i in range(k) if group[i] == group[k] and end[i] > start[k]]
        if before:
            expected.append((k, max(before, key=lambda i: (int(end[i]), -i))))
    assert list(zip(later.tolist(), earlier.tolist(), strict=True)) == expected


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12)), min_size=1, max_size=8),
    st.sets(st.integers(0, 60), max_size=12),
)
def test_intervals_are_cut_to_working_time(spans: list[tuple[int, int]], breaks: set[int]) -> None:
    """Cut to the working time around them, intervals keep exactly their working ticks."""
    calendar = Calendar.create("c", exceptions=[(t, t + 1, False) for t in sorted(breaks)])
    clock = WorkingTime([calendar], 0, 60)
    start = np.array([s for s, _ in spans])
    stop = start + np.array([d for _, d in spans])
    row, low, high = clip(start, stop, _working(clock, start, stop))
    ticks: list[list[int]] = [[] for _ in spans]
    for k, a, b in zip(row.tolist(), low.tolist(), high.tolist(), strict=True):
        ticks[k] += range(a, b)
    for k, (s, d) in enumerate(spans):
        assert ticks[k] == [t for t in range(s, s + d) if oracle.works(calendar, t)]


def test_milestones_are_measured_to_the_nearer_end() -> None:
    """A milestone near the end of a task is that little inside it."""
    b = ProblemBuilder("near")
    m = b.machine("M")
    run = b.task("run", duration=9, machine=m)
    look = b.task("look", duration=0, machine=m)
    p = b.build()
    assert found(p, (0, 9), (7, 7)) == [("milestone", ("run", "look"), 2)]
    b.no_overlap([run, look])
    p = b.build()
    assert found(p, (0, 9), (7, 7))[1] == ("no_overlap", ("run", "look"), 2)


def test_empty_and_reversed_intervals_take_nothing() -> None:
    """A task with a wrong end is told so once, and shares nothing."""
    b = ProblemBuilder("reversed")
    m, r = b.machine("M"), b.renewable("R", capacity=1)
    long = b.task("long", duration=9, machine=m, demands={r: 1})
    short = b.task("short", duration=1, machine=m, demands={r: 1})
    b.no_overlap([long, short])
    p = b.build()
    assert found(p, (0, 9), (4, 4)) == [("duration", ("short",), 1)]
    assert found(p, (0, 9), (6, 2)) == [("duration", ("short",), 5)]
    b.task("other", duration=1, demands={r: 1})
    p = b.build()
    assert ("capacity", ("long", "other"), 1) in found(p, (0, 9), (6, 2), (4, 5))


def test_a_task_with_a_mode_astray_is_left_out_of_everything_else() -> None:
    """Only its mode is reported, not what its times would clash with."""
    b = ProblemBuilder("astray")
    m, r = b.machine("M"), b.renewable("R", capacity=1)
    tasks = [b.task(t, duration=5, machine=m, demands={r: 1}) for t in "ab"]
    b.no_overlap(tasks)
    b.chain(*tasks)
    p = b.build()
    schedule = Schedule(np.array([0, 2]), np.array([5, 7]), np.array([0, 0]))
    assert [v.kind for v in verify(p, schedule)] == [ViolationKind.MODE]


def test_no_setup_to_report_where_none_is_needed() -> None:
    """Where the setup takes no time, an overlap is an overlap only."""
    b = ProblemBuilder("free")
    m = b.machine("M", setup=b.setups("s", [[0]]))
    for t in "ab":
        b.task(t, duration=3, machine=m)
    assert found(b.build(), (0, 3), (2, 5)) == [("overlap", ("a", "b"), 1)]


def test_blocking_of_one_machine_leaves_others_free() -> None:
    """Only tasks that block keep their machine; the next task may have any index."""
    b = ProblemBuilder("mixed")
    one, two = b.machine("M1", blocking=Blocking.SWAP), b.machine("M2")
    job = b.job("J")
    for k, machine in enumerate((one, two, one)):
        b.task(f"j{k}", duration=2, machine=machine, job=job)
    b.task("x", duration=2, machine=two)
    p = b.build()
    assert found(p, (0, 2), (2, 4), (9, 11), (4, 6)) == []
    turned = dataclasses.replace(p.jobs, task=np.array([2, 1, 0], dtype=np.int32))
    p = dataclasses.replace(p, jobs=turned)
    assert found(p, (9, 11), (5, 7), (2, 4), (0, 2)) == []
    b = ProblemBuilder("backwards")
    one, job = b.machine("M1", blocking=Blocking.SWAP), b.job("J")
    b.task("last", duration=2, job=job)
    b.task("first", duration=2, machine=one, job=job)
    b.task("x", duration=2, machine=one)
    p = b.build()
    turned = dataclasses.replace(p.jobs, task=np.array([1, 0], dtype=np.int32))
    p = dataclasses.replace(p, jobs=turned)
    assert found(p, (5, 7), (0, 2), (3, 5)) == [("blocking", ("first", "x"), 2)]


def test_reservoirs_do_not_mix() -> None:
    """What one reservoir is left with is no concern of the next."""
    b = ProblemBuilder("two tanks")
    one, two = b.reservoir("one", initial=3), b.reservoir("two", initial=1, maximum=2)
    b.task("a", duration=2, starts_with={one: -2, two: -1})
    b.task("b", duration=2, starts_with={one: 5, two: 1})
    p = b.build()
    assert found(p, (0, 2), (4, 6)) == []
    b.task("c", duration=1, starts_with={one: -9, two: -2})
    p = b.build()
    assert found(p, (0, 2), (4, 6), (5, 6)) == [
        ("reservoir_low", ("c",), 3),
        ("reservoir_low", ("c",), 1),
    ]


def test_an_excursion_is_reported_once_with_its_worst() -> None:
    """While a level stays out of bounds it is one excursion, measured at its worst."""
    b = ProblemBuilder("deep")
    v = b.reservoir("tank", initial=1)
    for t, change in (("a", -2), ("b", -3), ("c", 9)):
        b.task(t, duration=1, starts_with={v: change})
    p = b.build()
    assert found(p, (0, 1), (2, 3), (5, 6)) == [("reservoir_low", ("a", "b"), 4)]
    sentence = verify(p, plan(p, (0, 1), (2, 3), (5, 6)))[0].sentence
    assert "reaches -4 at 2, 4 below its minimum 0 in [0, 5)" in sentence


def test_an_overload_is_reported_once_with_its_worst_and_those_active() -> None:
    """Tasks that end where an overload begins, or begin where it ends, are not named."""
    b = ProblemBuilder("peak")
    r = b.renewable("R", capacity=2)
    for t in "abcde":
        b.task(t, duration=4, demands={r: 2 if t == "c" else 1})
    p = b.build()
    rows = [(0, 4), (2, 6), (4, 8), (5, 9), (9, 13)]
    assert found(p, *rows) == [("capacity", ("b", "c", "d"), 2)]
    sentence = verify(p, plan(p, *rows))[0].sentence
    assert "in [4, 8): 4 of 2 at 5" in sentence


def test_a_second_overload_names_its_own_tasks() -> None:
    """A task that has ended before the second overload is not named there."""
    b = ProblemBuilder("again")
    r = b.renewable("R", capacity=1)
    for t in "abcd":
        b.task(t, duration=4, demands={r: 1})
    p = b.build()
    assert found(p, (0, 4), (2, 6), (6, 10), (8, 12)) == [
        ("capacity", ("a", "b"), 1),
        ("capacity", ("c", "d"), 1),
    ]


def test_each_renewable_has_its_own_steps() -> None:
    """Steps of one renewable leave the next one's capacity alone."""
    b = ProblemBuilder("steps")
    first = b.renewable("first", capacity=5, steps=[(3, 1)])
    second = b.renewable("second", capacity=2, steps=[(6, 4)])
    b.task("a", duration=3, demands={first: 1, second: 3})
    p = b.build()
    assert found(p, (6, 9)) == []
    assert found(p, (0, 3)) == [("capacity", ("a",), 1)]
    assert "3 of 2 at 0" in verify(p, plan(p, (0, 3)))[0].sentence
    assert "in [4, 6): 3 of 2 at 4" in verify(p, plan(p, (4, 7)))[0].sentence


def test_several_groups_and_links_are_told_apart() -> None:
    """Each broken selection group and link is reported with its own tasks and resources."""
    b = ProblemBuilder("several")
    machines = [b.machine(f"M{k}") for k in range(4)]
    group = b.group("all", machines)
    tasks = [b.task(f"t{k}", duration=1, machine=machines[k], optional=True) for k in range(4)]
    b.at_most_one(tasks[:1])
    b.at_most_one(tasks[:2])
    b.all_or_none(tasks)
    b.at_most_one(tasks[1:])
    b.same_resource(tasks[0], tasks[1], group)
    b.same_resource(tasks[1], tasks[2], group)
    p = b.build()
    violations = verify(p, plan(p, *((k, k + 1) for k in range(4))))
    assert [(v.kind.value, v.tasks, v.resource, v.amount) for v in violations] == [
        ("same_resource", ("t0", "t1"), "M0", 2),
        ("same_resource", ("t1", "t2"), "M1", 2),
        ("at_most_one", ("t0", "t1"), None, 1),
        ("at_most_one", ("t1", "t2", "t3"), None, 2),
    ]


def test_capacity_after_several_steps() -> None:
    """The capacity named is that of the last step before the peak."""
    b = ProblemBuilder("several steps")
    r = b.renewable("R", capacity=9, steps=[(2, 7), (4, 3), (6, 8)])
    b.task("a", duration=1, demands={r: 5})
    p = b.build()
    assert "5 of 3 at 5 (2 too many)" in verify(p, plan(p, (5, 6)))[0].sentence


def test_only_the_excursion_and_its_reservoir_are_named() -> None:
    """Changes after an excursion and those of other reservoirs are not its tasks."""
    b = ProblemBuilder("others")
    one, two = b.reservoir("one", initial=0), b.reservoir("two", initial=5)
    for t, v, change in (("a", one, -1), ("b", one, 3), ("c", one, -1), ("d", two, -1)):
        b.task(t, duration=1, starts_with={v: change})
    p = b.build()
    assert found(p, (0, 1), (2, 3), (3, 4), (1, 2)) == [("reservoir_low", ("a",), 1)]
    assert "in [0, 2)" in verify(p, plan(p, (0, 1), (2, 3), (3, 4), (1, 2)))[0].sentence


def test_only_tasks_of_the_overloaded_renewable_are_named() -> None:
    """A task on another renewable at the same time has no part in an overload."""
    b = ProblemBuilder("neighbours")
    one, two = b.renewable("one", capacity=1), b.renewable("two", capacity=1)
    for t, r in (("a", one), ("b", one), ("c", two)):
        b.task(t, duration=2, demands={r: 1})
    assert found(b.build(), (0, 2), (1, 3), (1, 3)) == [("capacity", ("a", "b"), 1)]
