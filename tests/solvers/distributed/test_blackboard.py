"""What workers of a distributed solve share, without a cluster."""

from __future__ import annotations

from typing import Any

import numpy as np

from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.generators import random_job_shop
from makespan.solvers.board import Board
from makespan.solvers.distributed.blackboard import Blackboard, BlackboardExchange


class Direct:
    """A line within the process that counts calls."""

    def __init__(self, blackboard: Blackboard) -> None:
        self.blackboard = blackboard
        self.calls: list[str] = []

    def __call__(self, method: str, *arguments: Any) -> Any:
        """Call the method and note it."""
        self.calls.append(method)
        return getattr(self.blackboard, method)(*arguments)


def serial(problem: Problem, delay: int = 0) -> Schedule:
    """Every task after the one before."""
    duration = problem.modes.duration
    return Schedule.from_starts(problem, np.concatenate(([0], np.cumsum(duration)[:-1])) + delay)


def offer(board: Board, delay: int) -> None:
    """Offer the serial schedule, so much later."""
    schedule = serial(board.problem, delay)
    board.offer(tuple(evaluate(board.problem, schedule)), schedule, by="me")


def test_the_better_of_two_boards_reaches_the_other() -> None:
    """Through the blackboard, with the name of who found it; the worse one does not."""
    problem = random_job_shop(3, 2, seed=1)
    line = Direct(Blackboard(1))
    boards = [Board(problem), Board(problem)]
    links = [BlackboardExchange(line, f"w{k}") for k in range(2)]
    offer(boards[0], 5)
    offer(boards[1], 0)
    for _ in range(3):
        for board, link in zip(boards, links, strict=True):
            link.sync(board)
    assert boards[0].values == boards[1].values
    assert boards[0].schedule == serial(problem)
    assert boards[0].source == "me@w1"
    assert line.calls.count("publish") == 3  # two of their own, and what came back, refused


def test_bounds_and_the_wish_to_stop_reach_everyone() -> None:
    """The larger bound counts; a stop sets the boards' stop."""
    problem = random_job_shop(3, 2, seed=1)
    line = Direct(Blackboard(1))
    first, second = Board(problem), Board(problem)
    mine, yours = BlackboardExchange(line, "a"), BlackboardExchange(line, "b")
    first.raise_bound(7, by="x")
    second.raise_bound(4, by="x")
    yours.sync(second)
    mine.sync(first)
    yours.sync(second)
    assert second.bounds == (7,)
    line.blackboard.stop()
    mine.sync(first)
    assert first.cancelled
    assert first.over


def test_reading_gives_only_what_is_new() -> None:
    """A schedule travels once to each reader."""
    problem = random_job_shop(3, 2, seed=1)
    blackboard = Blackboard(1)
    s = serial(problem)
    assert blackboard.publish((9,), s.start, s.end, s.mode, "x")
    assert not blackboard.publish((9,), s.start, s.end, s.mode, "y")
    reading = blackboard.read(0)
    assert reading.incumbent is not None
    assert reading.incumbent.schedule == s
    assert blackboard.read(reading.incumbent.serial).incumbent is None
