"""The board that members of a solve share, its relays, its workers and its clock."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from makespan.core.builder import ProblemBuilder
from makespan.core.errors import EngineError
from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.result import Progress
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import Status
from makespan.solvers.board import Board, Relay
from makespan.solvers.compiling import COMPILE_CLOCK, CompileClock
from makespan.solvers.workers import join_workers, run_workers


def two_tasks(*levels: str) -> Problem:
    """Two tasks of 3 and 2 ticks on one machine."""
    b = ProblemBuilder("two")
    m = b.machine("M")
    b.task("a", duration=3, machine=m, due=3)
    b.task("b", duration=2, machine=m, due=2)
    for k, level in enumerate(levels or ("makespan",)):
        (b.minimise if k == 0 else b.then_minimise)(level)
    return b.build()


def plan(problem: Problem, a: int, b: int) -> Schedule:
    """Schedule with these starts."""
    return Schedule.from_starts(problem, np.array([a, b]))


def offer(board: Board, a: int, b: int, by: str = "me") -> bool:
    """Offer the schedule with these starts under its true values."""
    schedule = plan(board.problem, a, b)
    return board.offer(tuple(evaluate(board.problem, schedule)), schedule, by=by)


def test_only_better_offers_become_the_incumbent() -> None:
    """Equal and worse ones are refused; the serial number counts the others."""
    board = Board(two_tasks())
    assert offer(board, 0, 4, "first")
    assert not offer(board, 0, 4, "again")
    assert not offer(board, 0, 9, "worse")
    assert offer(board, 0, 3, "better")
    assert (board.values, board.source, board.serial) == ((5,), "better", 2)
    history = board.result(engine="x", seed=0, threads=1).history
    assert [(p.objective, p.engine) for p in history] == [(6, "first"), (5, "better")]


def test_a_wrong_value_is_an_error_of_the_member() -> None:
    """Members state what they believe; the board checks it against the definition."""
    board = Board(two_tasks())
    with pytest.raises(EngineError, match="'liar' states objective"):
        board.offer((4,), plan(board.problem, 0, 3), by="liar")


def test_meeting_the_bound_ends_the_solve() -> None:
    """Value equal to bound on every level is OPTIMAL, in whichever order they come."""
    board = Board(two_tasks())
    board.raise_bound(4, by="x")
    board.raise_bound(3, by="x")
    assert board.bounds == (4,)
    assert offer(board, 0, 3)
    assert not board.over
    board.raise_bound(5, by="x")
    assert board.over
    assert board.result(engine="x", seed=0, threads=1).status is Status.OPTIMAL


def test_bounds_of_later_levels_depend_on_the_levels_before() -> None:
    """A better first level drops them; one proven for other values is not taken."""
    board = Board(two_tasks("makespan", "total_tardiness"))
    offer(board, 0, 4)
    seen: list[tuple[int | None, ...]] = []
    board.raise_bound(1, by="x", level=1, given=(6,))
    seen.append(board.bounds)
    offer(board, 0, 3)
    seen.append(board.bounds)
    board.raise_bound(1, by="x", level=1, given=(6,))
    seen.append(board.bounds)
    board.raise_bound(2, by="x", level=1, given=(5,))
    seen.append(board.bounds)
    assert seen == [(None, 1), (None, None), (None, None), (None, 2)]


def test_broken_hints_are_left_aside() -> None:
    """One of wrong length or with an overlap never becomes the incumbent."""
    board = Board(two_tasks())
    assert not board.adopt(None)
    assert not board.adopt(plan(board.problem, 0, 1))
    assert not board.adopt(Schedule(np.zeros(1), np.ones(1), np.zeros(1)))
    assert board.adopt(plan(board.problem, 2, 0))
    assert board.values == (5,)


def test_failures_of_the_callers_callback_are_raised_by_the_watch() -> None:
    """They end the solve and reach the caller."""

    def fail(_point: Progress) -> None:
        raise RuntimeError("display broke")

    board = Board(two_tasks(), on_progress=fail)

    def work() -> None:
        with board.watch():
            offer(board, 0, 3)
            assert board.over

    with pytest.raises(RuntimeError, match="display broke"):
        work()


def test_workers_end_when_one_raises() -> None:
    """The others see `halt`, and the error reaches the caller."""
    board = Board(two_tasks())

    def work(number: int) -> None:
        if number == 0:
            raise ValueError("worker broke")
        while not board.halt[0]:
            time.sleep(0.001)

    with pytest.raises(ValueError, match="worker broke"):
        run_workers(board, [("w", work, k) for k in range(3)])


@pytest.mark.parametrize("how", ["time", "stop"])
def test_the_watch_raises_halt(how: str) -> None:
    """When the time is up or the caller asks for the end."""
    stop = threading.Event()
    board = Board(two_tasks(), time_limit=0.05 if how == "time" else None, stop=stop)
    with board.watch():
        assert board.limited == (how == "time")
        if how == "stop":
            stop.set()
        while not board.halt[0]:
            time.sleep(0.001)
    assert board.cancelled == (how == "stop")


def test_a_relay_passes_on_what_a_part_finds() -> None:
    """Schedules are valued by the whole's objective, bounds and counts arrive there too."""
    whole = Board(two_tasks("makespan", "total_tardiness"))
    offer(whole, 0, 9)
    part = Relay(whole, problem=two_tasks())
    assert part.values == (11,)
    assert offer(part, 0, 3, "part")
    assert whole.values == (5, 3)
    part.raise_bound(5, by="part")
    part.count("part", 7)
    assert (whole.bounds, whole.moves["part"]) == ((5, None), 7)
    assert part.over
    assert not whole.over
    whole.halt[0] = 1
    assert Relay(whole).over


def test_a_relay_has_its_own_time() -> None:
    """The part ends first; the whole goes on."""
    whole = Board(two_tasks())
    part = Relay(whole, seconds=0.02)
    with part.watch():
        join_workers(part, [("wait", lambda _k: _until(part), 0)])
    assert not whole.over


def _until(board: Board) -> None:
    while not board.halt[0]:
        time.sleep(0.001)


def test_compilation_is_not_counted() -> None:
    """Clocks of solves stand still while something compiles, nested or not."""
    clock = CompileClock()
    clock.on_start(None)
    clock.on_start(None)
    assert clock.active
    clock.on_end(None)
    assert clock.active
    time.sleep(0.01)
    clock.on_end(None)
    assert not clock.active
    assert clock.seconds >= 0.01
    board = Board(two_tasks(), time_limit=100.0)
    COMPILE_CLOCK.on_start(None)
    try:
        time.sleep(0.05)
        assert board.seconds < 0.04
        assert board.left > 99.9
    finally:
        COMPILE_CLOCK.on_end(None)


@pytest.mark.parametrize("answered", [False, True])
def test_only_an_answer_need_not_wait_for_compilation(answered: bool) -> None:
    """Past the limit a solve with a schedule returns at once; one without waits for its first."""
    board = Board(two_tasks(), time_limit=0.0)
    if answered:
        offer(board, 0, 9)
    go = threading.Event()

    def compile_then_offer(_worker: int) -> None:
        COMPILE_CLOCK.on_start(None)
        try:
            go.wait(0.3 if not answered else 30.0)
        finally:
            COMPILE_CLOCK.on_end(None)
        offer(board, 0, 3)

    try:
        join_workers(board, [("late", compile_then_offer, 0)])
        assert board.values == ((11,) if answered else (5,))
    finally:
        go.set()
