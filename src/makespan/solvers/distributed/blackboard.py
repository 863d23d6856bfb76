"""What the workers of one distributed solve share: the incumbent, the bounds, the wish to stop.

A plain object; on a cluster it lives in one actor on the node of whoever asked for the solve, so
that it is lost only together with the question.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from makespan.core.schedule import Schedule
from makespan.core.vocabulary import IndexArray, IntArray
from makespan.solvers.board import Board


@dataclass(frozen=True, slots=True)
class Incumbent:
    """A schedule in arrays, with its values, its finder and its number."""

    serial: int
    values: tuple[int, ...]
    start: IntArray
    end: IntArray
    mode: IndexArray
    by: str

    @property
    def schedule(self) -> Schedule:
        """The schedule."""
        return Schedule(self.start, self.end, self.mode)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader does not know yet."""

    incumbent: Incumbent | None
    bounds: tuple[int | None, ...]
    stopped: bool


class Blackboard:
    """The shared state; calls come one at a time.

    Parameters
    ----------
    levels
        Number of objective levels.
    """

    def __init__(self, levels: int) -> None:
        self._incumbent: Incumbent | None = None
        self._bounds: list[int | None] = [None] * levels
        self._stopped = False

    def publish(
        self, values: tuple[int, ...], start: IntArray, end: IntArray, mode: IndexArray, by: str
    ) -> bool:
        """Take a schedule if it is better than the incumbent; says whether it was."""
        known = self._incumbent
        if known is not None and values >= known.values:
            return False
        serial = 1 if known is None else known.serial + 1
        arrays = (np.array(start), np.array(end), np.array(mode))
        self._incumbent = Incumbent(serial, tuple(values), *arrays, by)
        return True

    def raise_bound(self, value: int) -> None:
        """Note a proven bound of the first level."""
        known = self._bounds[0]
        if known is None or value > known:
            self._bounds[0] = value

    def stop(self) -> None:
        """Ask every worker to end."""
        self._stopped = True

    def read(self, serial: int) -> Reading:
        """Bounds, stop, and the incumbent if its number is not ``serial``."""
        known = self._incumbent
        fresh = known if known is not None and known.serial != serial else None
        return Reading(fresh, tuple(self._bounds), self._stopped)


class Line(Protocol):
    """Calls a method of the blackboard, wherever that is, and waits for the answer."""

    def __call__(self, method: str, *arguments: Any) -> Any:
        """Value that the method returns."""
        ...


class BlackboardExchange:
    """Exchange between a worker's board and the blackboard.

    Parameters
    ----------
    worker
        Name that goes with what this worker finds.
    """

    def __init__(self, line: Line, worker: str) -> None:
        self._line = line
        self._worker = worker
        self._sent = 0
        self._taken = 0
        self._bound: int | None = None

    def sync(self, board: Board) -> None:
        """Send the board's news, then take the others'."""
        serial, schedule, values = board.serial, board.schedule, board.values
        if serial != self._sent and schedule is not None and values is not None:
            by = board.source if "@" in board.source else f"{board.source}@{self._worker}"
            self._line("publish", values, schedule.start, schedule.end, schedule.mode, by)
            self._sent = serial
        bound = board.bounds[0]
        if bound is not None and bound != self._bound:
            self._line("raise_bound", bound)
            self._bound = bound
        self.take(board)

    def take(self, board: Board) -> None:
        """Take the others' news only."""
        news: Reading = self._line("read", self._taken)
        if news.incumbent is not None:
            self._taken = news.incumbent.serial
            found = news.incumbent
            if board.improves(found.values):
                board.offer(found.values, found.schedule, by=found.by)
        if news.bounds[0] is not None:
            board.raise_bound(news.bounds[0], by="bound")
        if news.stopped:
            board.stop.set()
