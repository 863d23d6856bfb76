"""Passes and parts of large shops, on shops small enough to check everything."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.solvers.local.shop.shop_support import check, shops

from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.generators import random_flexible_job_shop, random_job_shop
from makespan.solvers.board import Board
from makespan.solvers.local.draw import stream
from makespan.solvers.local.shapes import Shop
from makespan.solvers.local.shop import large, member
from makespan.solvers.local.shop.bounds import bounds
from makespan.solvers.local.shop.construct import bench, giffler_thompson
from makespan.solvers.local.shop.graph import build
from makespan.solvers.local.shop.initial import dispatch
from makespan.solvers.local.shop.layout import Int32, State, Tables, UInt32, state, tables
from makespan.solvers.local.shop.member import ShopSearch
from makespan.solvers.local.shop.tabu import descend
from makespan.solvers.local.shop.windows import Part
from makespan.solvers.workers import run_workers

GO = np.zeros(1, dtype=np.int64)


def start(problem: Problem, seed: int) -> tuple[Shop, Tables, State, UInt32, Int32]:
    """A random schedule of the shop, sorted by starts, with its heads and tails."""
    shop = Shop.of(problem)
    assert shop is not None
    T = tables(shop)
    S = state(T)
    order = np.zeros(shop.count, dtype=np.uint32)
    option = np.zeros(len(T.chain), dtype=np.int32)
    dispatch(T, order, option, 1.0, stream(seed))
    build(T, S, order, option)
    return shop, T, S, order[np.argsort((S.head - S.duration)[order], kind="stable")], option


def search(part: Part, moves: int, seed: int) -> int:
    """Tabu search of a part in place."""
    clock = np.zeros(1, dtype=np.int64)
    T, S = part.tables, part.state
    return descend(T, S, part.order, part.option, moves, moves, 0, 5, clock, stream(seed), GO)


@given(shops(), st.integers(0, 9), st.data())
@settings(max_examples=150, deadline=None)
def test_a_part_sees_the_schedule_around_it(
    problem: Problem, seed: int, data: st.DataObject
) -> None:
    """Its heads and tails are those of the whole, before and after its search."""
    _, T, S, order, option = start(problem, seed)
    makespan = int(build(T, S, order, option))
    low = data.draw(st.integers(0, len(order) - 1))
    high = data.draw(st.integers(low + 1, len(order)))
    for _ in range(2):
        part = Part.of(T, order, option, low, high, S.head, S.tail)
        longest = int((S.head + S.tail - S.duration)[order[low:high]].max())
        assert build(part.tables, part.state, part.order, part.option) == longest
        inside = part.tables.operation
        for name in ("head", "tail", "duration"):
            theirs, ours = getattr(part.state, name)[inside], getattr(S, name)[part.rows]
            np.testing.assert_array_equal(theirs, ours)
        found = search(part, 200, seed)
        assert found <= longest
        assert part.put_back(order, option, low) == found
        after = int(build(T, S, order, option))
        assert check(T, S) == 0
        # Options may leave a machine on which other critical paths do not cross the part.
        assert after <= max(makespan, found)
        assert found <= after
        makespan = after


@given(shops(), st.integers(0, 9), st.sampled_from([0.0, 0.3, 1.0]))
@settings(max_examples=100, deadline=None)
def test_passes_make_schedules(problem: Problem, seed: int, delay: float) -> None:
    """Orders of every direction respect the chains and repeat for equal ranks."""
    shop, T, S, order, option = start(problem, seed)
    scratch = bench(T)
    for step in (-1, 1, -1):
        rank = S.tail.copy() if step > 0 else S.head.copy()
        again = np.zeros_like(order)
        assert giffler_thompson(T, scratch, step, rank, option, delay, order, GO)
        assert giffler_thompson(T, scratch, step, rank, option, delay, again, GO)
        np.testing.assert_array_equal(order, again)
        np.testing.assert_array_equal(np.sort(order), T.operation)
        build(T, S, order, option)
        assert check(T, S) == 0
    assert shop.count == len(order)


def test_a_halted_pass_says_so() -> None:
    """Nothing is promised about its order then."""
    _, T, _, order, option = start(random_job_shop(5, 4, seed=1), 1)
    halt = np.ones(1, dtype=np.int64)
    assert not giffler_thompson(T, bench(T), 1, option, option, 0.0, order, halt)


def test_no_machine_waits_in_a_non_delay_pass() -> None:
    """At every start, the machine's idle time before it had nothing to run."""
    _, T, S, order, option = start(random_job_shop(8, 5, seed=3), 1)
    giffler_thompson(T, bench(T), 1, S.tail.copy(), option, 0.0, order, GO)
    build(T, S, order, option)
    begin = S.head - S.duration
    for x in order:
        for y in S.line[S.place[x] : T.line_ptr[S.machine[x]] + S.length[S.machine[x]]]:
            assert begin[x] <= max(S.head[y - 1], S.head[S.before[x]])


def test_passes_reach_the_bound_where_one_machine_decides() -> None:
    """Many jobs on few machines: priorities alone leave a gap, passes do not."""
    shop, T, S, order, option = start(random_job_shop(300, 10, seed=4), 1)
    bound = max(bounds(shop))
    scratch = bench(T)
    values = []
    for i in range(20):
        step = 1 if i & 1 else -1
        rank = S.tail.copy() if step > 0 else S.head.copy()
        giffler_thompson(T, scratch, step, rank, option, 0.0, order, GO)
        values.append(int(build(T, S, order, option)))
    assert min(values) == bound


def solve(
    problem: Problem,
    *,
    moves: int,
    seed: int = 1,
    workers: int = 1,
    hint: Schedule | None = None,
    stop: threading.Event | None = None,
) -> Result:
    """Run the search; what it returns is verified."""
    board = Board(problem, stop=stop)
    board.adopt(hint)
    shop = Shop.of(problem)
    assert shop is not None
    found = ShopSearch(board, shop, factor=1, seed=seed, workers=workers, moves=moves)
    assert found.whole is not None
    run_workers(board, [(found.name, found.work, k) for k in range(workers)])
    result = board.result(engine="test", seed=seed, threads=workers)
    if result.schedule is not None:
        assert verify(problem, result.schedule) == []
        assert tuple(evaluate(problem, result.schedule)) == result.objectives
    return result


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every shop is searched in parts of at most 30 operations."""
    monkeypatch.setattr(member, "LARGE", 0)
    monkeypatch.setattr(large, "_WIDTH", 30)
    monkeypatch.setattr(large, "_PATIENCE", 200)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("flexible", [False, True])
def test_equal_seeds_give_equal_schedules(flexible: bool) -> None:
    """With moves and one worker; and more moves never give less."""
    make = random_flexible_job_shop if flexible else random_job_shop
    problem = make(12, 10, seed=2)
    first, again = solve(problem, moves=5_000), solve(problem, moves=5_000)
    assert first.schedule is not None
    assert again.schedule is not None
    np.testing.assert_array_equal(first.schedule.start, again.schedule.start)
    np.testing.assert_array_equal(first.schedule.mode, again.schedule.mode)
    assert solve(problem, moves=20_000).objectives <= first.objectives
    assert first.objectives < solve(problem, moves=1).objectives


@pytest.mark.usefixtures("small_parts")
def test_workers_share_a_schedule_and_a_hint_stays() -> None:
    """Stretches of two workers never spoil the whole."""
    problem = random_job_shop(12, 10, seed=5)
    found = solve(problem, moves=5_000, workers=2)
    assert found.schedule is not None
    assert solve(problem, moves=200, hint=found.schedule).objectives <= found.objectives


@pytest.mark.usefixtures("small_parts")
@given(shops(), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_every_shop_can_be_searched_in_parts(problem: Problem, seed: int) -> None:
    """Edges included: one operation, one machine, zero times."""
    board = Board(problem)
    shop = Shop.of(problem)
    assert shop is not None
    factor = sum(term.coefficient for term in problem.objective.levels[0])
    found = ShopSearch(board, shop, factor=factor, seed=seed, moves=300)
    run_workers(board, [(found.name, found.work, 0)])
    assert board.schedule is not None
    assert verify(problem, board.schedule) == []
    assert board.bounds[0] is not None
    assert board.values is not None
    assert board.bounds[0] <= board.values[0]


@pytest.mark.usefixtures("small_parts")
def test_a_stop_returns_the_best_schedule() -> None:
    """An endless search ends."""
    stop = threading.Event()
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    result = solve(random_job_shop(15, 15, seed=1), moves=10**12, workers=2, stop=stop)
    assert result.cancelled
    assert result.schedule is not None


def test_memory_grows_with_the_shop() -> None:
    """Tables, state, scratch and one part: some hundred bytes per operation."""
    shop, T, S, order, option = start(random_job_shop(400, 50, seed=1), 1)
    arrays = (*T, *S, *bench(T), order, option)
    lists = S.forbidden.nbytes + S.barred.nbytes  # at most 16 MB each
    assert sum(a.nbytes for a in arrays) - lists < 250 * shop.count
    part = Part.of(T, order, option, 5_000, 6_000, S.head, S.tail)
    assert sum(a.nbytes for a in part.state) < 3_000 * 1_000
