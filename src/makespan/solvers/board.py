"""What the members of one solve share: the incumbent, the bounds, the clock, the wish to stop."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np

from makespan.core.errors import EngineError
from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.result import Progress, Result
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.core.vocabulary import IntArray, Status
from makespan.solvers.compiling import COMPILE_CLOCK
from makespan.solvers.engine import ProgressCallback

_LOOK_EVERY: Final = 0.01
"""Seconds between looks at the time and at the stop while members work."""


class Board:
    """Incumbent and bounds of one solve, safe to use from many threads.

    Members read ``halt`` in their loops: it becomes non-zero when time is up, a stop is asked
    for, a member failed, or the incumbent is proven optimal. They offer schedules with
    :meth:`offer` and pick up those of others by watching ``serial``, which grows with every
    accepted offer.

    Parameters
    ----------
    time_limit
        Wall seconds from now on; None for no limit.
    stop
        Set from outside to end the solve with the best schedule so far.
    on_progress
        Called for every better incumbent or bound, one call at a time.

    Attributes
    ----------
    halt
        int64 (1,), for kernels to poll without the interpreter.
    stop
        Set when the caller asks for the end; ``over`` covers it.
    moves
        Moves tried so far by each member.
    serial
        Number of incumbents so far.
    values, schedule, source
        Objective levels, schedule and finder of the incumbent; None and "" before the first.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        time_limit: float | None = None,
        stop: threading.Event | None = None,
        on_progress: ProgressCallback | None = None,
    ) -> None:
        self.problem = problem
        self.halt: IntArray = np.zeros(1, dtype=np.int64)
        self.values: tuple[int, ...] | None = None
        self.schedule: Schedule | None = None
        self.source = ""
        self.serial = 0
        self.moves: Counter[str] = Counter()
        self._began = time.perf_counter()
        self._compiled = COMPILE_CLOCK.seconds
        self._limit = time_limit
        self.stop = stop if stop is not None else threading.Event()
        self._on_progress = on_progress
        self._bounds: list[int | None] = [None] * len(problem.objective.levels)
        self._history: list[Progress] = []
        self._failure: BaseException | None = None
        self._lock = threading.RLock()
        self._ended = threading.Event()

    @property
    def seconds(self) -> float:
        """Seconds since the board was made, without those spent compiling."""
        compiled = COMPILE_CLOCK.seconds - self._compiled
        return time.perf_counter() - self._began - compiled

    @property
    def left(self) -> float:
        """Seconds until the time limit, infinite without one."""
        return float("inf") if self._limit is None else self._limit - self.seconds

    @property
    def bounds(self) -> tuple[int | None, ...]:
        """Best proven lower bound per objective level."""
        return tuple(self._bounds)

    @property
    def limited(self) -> bool:
        """Whether there is a time limit."""
        return self._limit is not None

    def limit(self, seconds: float) -> None:
        """Set the time limit, counted from when the board was made."""
        self._limit = seconds

    @property
    def over(self) -> bool:
        """Whether members should end now."""
        return bool(self.halt[0]) or self.stop.is_set() or self.left <= 0

    @property
    def cancelled(self) -> bool:
        """Whether the caller asked for the end."""
        return self.stop.is_set()

    def improves(self, values: tuple[int, ...]) -> bool:
        """Whether a schedule of these objective levels would become the incumbent."""
        return self.values is None or values < self.values

    def offer(self, values: tuple[int, ...], schedule: Schedule, *, by: str) -> bool:
        """Make the schedule the incumbent if it is better; says whether it was.

        Raises
        ------
        EngineError
            If the schedule does not have the stated values: the member's evaluation is wrong.
        """
        if not self.improves(values):
            return False
        found = evaluate(self.problem, schedule)
        if tuple(found) != tuple(values):
            raise EngineError(
                f"member {by!r} states objective {list(values)}, but its schedule has "
                f"{list(found)}",
                hint="this is a bug in the engine; please report it with the problem file",
            )
        with self._lock:
            if not self.improves(values):
                return False
            level = 0
            if self.values is not None:
                level = next(k for k, v in enumerate(values) if v != self.values[k])
                # Bounds of later levels were proven for worse values of this one.
                self._bounds[level + 1 :] = [None] * len(self._bounds[level + 1 :])
            self.values, self.schedule, self.source = tuple(values), schedule, by
            self.serial += 1
            self._tell(level, by)
            self._close()
        return True

    def adopt(self, hint: Schedule | None, *, by: str = "hint") -> bool:
        """Offer a schedule of unknown quality; one that breaks a constraint is left aside."""
        if hint is None or len(hint) != self.problem.tasks.count or verify(self.problem, hint):
            return False
        return self.offer(tuple(evaluate(self.problem, hint)), hint, by=by)

    def raise_bound(
        self, value: int, *, by: str, level: int = 0, given: tuple[int, ...] = ()
    ) -> None:
        """Note a proven lower bound of an objective level.

        Parameters
        ----------
        given
            Values of the levels before for which it was proven; where the incumbent's differ by
            now, it is left aside.
        """
        with self._lock:
            known = self._bounds[level]
            if known is not None and value <= known:
                return
            if given and (self.values is None or self.values[:level] != given):
                return
            self._bounds[level] = value
            self._tell(level, by)
            self._close()

    def count(self, by: str, moves: int) -> None:
        """Add to the number of moves (schedules, nodes, ...) a member tried."""
        with self._lock:
            self.moves[by] += moves

    def fail(self, error: BaseException) -> None:
        """End all members because one of them raised; :meth:`watch` raises it again."""
        with self._lock:
            if self._failure is None:
                self._failure = error
            self.halt[0] = 1

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Raise ``halt`` in time until the block is left; then raise what a member raised."""
        watcher = threading.Thread(target=self._look, name="makespan-clock", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            self.halt[0] = 1
            self._ended.set()
            watcher.join()
        if self._failure is not None:
            raise self._failure

    def result(self, *, engine: str, seed: int, threads: int, message: str = "") -> Result:
        """The board as a Result; OPTIMAL when every level's bound equals its value."""
        closed = self.values is not None and self.bounds == self.values
        status = Status.OPTIMAL if closed else Status.FEASIBLE
        return Result(
            status=status if self.schedule is not None else Status.UNKNOWN,
            schedule=self.schedule,
            objectives=self.values or (),
            bounds=self.bounds,
            history=tuple(self._history),
            engine=engine,
            seed=seed,
            threads=threads,
            seconds=self.seconds,
            moves=dict(self.moves),
            cancelled=self.cancelled,
            message=message,
        )

    def _tell(self, level: int, by: str) -> None:
        value = None if self.values is None else self.values[level]
        point = Progress(self.seconds, level, value, self._bounds[level], by)
        self._history.append(point)
        if self._on_progress is not None:
            try:
                self._on_progress(point)
            except BaseException as error:  # noqa: BLE001  # raised again when the watch ends
                self.fail(error)

    def _close(self) -> None:
        if self.values is not None and self.bounds == self.values:
            self.halt[0] = 1

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_EVERY):
            if self.over:
                self.halt[0] = 1


class Relay(Board):
    """A board for a part of a solve, which passes what is found there on to the whole's board.

    The part may have less time, or a problem with fewer objective levels; its schedules must be
    schedules of the whole's problem.

    Parameters
    ----------
    seconds
        Time for the part; None for as long as the whole goes on.
    """

    def __init__(
        self, parent: Board, *, problem: Problem | None = None, seconds: float | None = None
    ) -> None:
        limit = parent.left if seconds is None else min(seconds, parent.left)
        super().__init__(
            parent.problem if problem is None else problem,
            time_limit=limit if parent.limited or seconds is not None else None,
        )
        self._parent = parent
        if parent.schedule is not None:
            super().offer(
                tuple(evaluate(self.problem, parent.schedule)), parent.schedule, by=parent.source
            )

    @property
    def over(self) -> bool:
        """Whether the part or the whole has come to its end."""
        return super().over or self._parent.over

    def offer(self, values: tuple[int, ...], schedule: Schedule, *, by: str) -> bool:
        """Offer to both boards."""
        better = super().offer(values, schedule, by=by)
        if better:
            whole = self._parent.problem
            full = values if whole is self.problem else tuple(evaluate(whole, schedule))
            self._parent.offer(full, schedule, by=by)
        return better

    def raise_bound(
        self, value: int, *, by: str, level: int = 0, given: tuple[int, ...] = ()
    ) -> None:
        """Note the bound on both boards; the part's levels are the first ones of the whole."""
        super().raise_bound(value, by=by, level=level, given=given)
        self._parent.raise_bound(value, by=by, level=level, given=given)

    def count(self, by: str, moves: int) -> None:
        """Count on the whole's board."""
        self._parent.count(by, moves)
