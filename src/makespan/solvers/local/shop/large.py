"""Large shops: passes forward and backward, then tabu search of one stretch of time at a time.

A tabu move of a whole schedule of many operations costs a recomputation of much of it. So a
stretch of some thousand operations is searched as a shop of its own (see :mod:`.windows`), where
a move costs microseconds, and put back; decompositions in time go back to Bassett, Pekny &
Reklaitis (1996). Workers share one schedule and search disjoint stretches of it. What two of them
save separately may not add up, since both use the slack of the other: a stretch is put back only
if the whole does not get longer.
"""

from __future__ import annotations

import threading
import time
from typing import Final

import numpy as np

from makespan.core.errors import EngineError
from makespan.core.vocabulary import IntArray
from makespan.solvers.board import Board
from makespan.solvers.local.draw import Stream, stream
from makespan.solvers.local.shapes import Shop
from makespan.solvers.local.shop.balance import balance
from makespan.solvers.local.shop.construct import affordable, bench, giffler_thompson
from makespan.solvers.local.shop.graph import build
from makespan.solvers.local.shop.initial import dispatch
from makespan.solvers.local.shop.layout import Int32, State, Tables, UInt32, state
from makespan.solvers.local.shop.tabu import descend, tenures
from makespan.solvers.local.shop.translate import schedule_of, solution_of
from makespan.solvers.local.shop.windows import Part

LARGE: Final = 5_000
"""Operations from which on a shop is searched in parts."""

_WIDTH: Final = 2_490
"""Operations of a part, as many as are recomputed without asking what changes."""

_PATIENCE: Final = 2_000
_PATIENCE_LIMIT: Final = 100_000
"""Moves without improvement that end the search of a part, at first and at most."""

_WORTH: Final = 1e-3
"""Share by which the makespan falls while the parts add up to the whole, or patience doubles."""

_DELAYS: Final = (0.0, 0.3)
_FAILS: Final = 10
"""Passes without improvement that end a series."""

_TRIES: Final = 100
_NAP: Final = 0.002
_DELAY_AT_END: Final = 0.15
"""Seconds that the last schedule may take to be shown after a stop."""

_SHOW: Final = 4.0
"""A better schedule is shown after this many times what showing the last one took."""


class Whole:
    """The schedule that the workers share, and the board's view of it.

    Attributes
    ----------
    value
        Makespan, counted from the earliest release; 0 before the first schedule.
    epoch
        Grows when the schedule is replaced as a whole.
    """

    def __init__(self, board: Board, shop: Shop, tables: Tables, *, factor: int, name: str) -> None:
        self.board, self.shop, self.tables = board, shop, tables
        self.factor, self.name = factor, name
        self.state = state(tables)
        self.order: UInt32 = np.zeros(shop.count, dtype=np.uint32)
        self.option: Int32 = np.zeros(len(tables.chain), dtype=np.int32)
        self.value = 0
        self.epoch = 0
        self.lock = threading.Lock()
        self.busy: dict[int, tuple[int, int]] = {}
        self.origin = int(shop.release.min())
        self._shown_at = 0.0
        self._show_seconds = 0.0

    @property
    def goal(self) -> int:
        """Makespan that is known to be the least, or 0."""
        bound = self.board.bounds[0]
        return 0 if bound is None else -(-bound // self.factor) - self.origin

    def begin(self, rng: Stream) -> None:
        """A first schedule: the board's, or one by work remaining."""
        order, option = np.zeros_like(self.order), np.zeros_like(self.option)
        schedule = self.board.schedule
        if schedule is not None:
            order, option = solution_of(self.shop, self.tables, schedule)
        else:
            dispatch(self.tables, order, option, 0.0, rng)
        self.replace(order, option)

    def replace(self, order: UInt32, option: Int32) -> None:
        """Take over a better schedule, sorted by starts."""
        with self.lock:
            S = self.state
            value = int(build(self.tables, S, order, option))
            if 0 < self.value <= value:
                self._restore()
                return
            start = S.head[order] - S.duration[order]
            self.order = order[np.argsort(start, kind="stable")]
            self.option = option.copy()
            self.value = value
            self.epoch += 1
            self._restore()
            self._show()

    def take(self, worker: int, width: int, lot: float) -> tuple[int, int, int, Part] | None:
        """A stretch for the worker that no other is at; ``lot`` in [0, 1) says where.

        Returns its begin and end, the epoch, and the stretch.
        """
        n = self.shop.count
        with self.lock:
            low = int(lot * n) - width // 2
            low, high = max(0, low), min(n, low + width)
            for begin, end in self.busy.values():
                if low < end and begin < high:
                    if begin - low > high - end:
                        high = begin
                    else:
                        low = end
            if high - low < 2:
                return None
            self.busy[worker] = low, high
            S = self.state
            part = Part.of(self.tables, self.order, self.option, low, high, S.head, S.tail)
            return low, high, self.epoch, part

    def put_back(self, worker: int, low: int, high: int, epoch: int, part: Part) -> bool:
        """Put a searched stretch back unless the whole would get longer; says whether it was."""
        with self.lock:
            del self.busy[worker]
            if epoch != self.epoch:
                return False
            before = self.order[low:high].copy()
            options = self.option[part.rows]
            part.put_back(self.order, self.option, low)
            value = int(build(self.tables, self.state, self.order, self.option))
            if value > self.value:
                self.order[low:high] = before
                self.option[part.rows] = options
                self._restore()
                return False
            better = value < self.value
            self.value = value
            if better:
                self._show()
        return True

    def close(self) -> None:
        """Show what has not been shown, unless that would delay a stop for long."""
        with self.lock:
            late = self.board.over and self._show_seconds > _DELAY_AT_END
            if self.value and not late:
                self._restore()
                self._show(at_once=True)

    def _restore(self) -> None:
        build(self.tables, self.state, self.order, self.option)

    def _show(self, *, at_once: bool = False) -> None:
        """Offer the state's schedule to the board unless that was done shortly before."""
        now = time.perf_counter()
        at_once = at_once or self.value <= self.goal
        if not at_once and now - self._shown_at < _SHOW * self._show_seconds:
            return
        values = (self.factor * (self.value + self.origin),)
        if not self.board.improves(values):
            return
        schedule = schedule_of(self.shop, self.tables, self.state)
        self.board.offer(values, schedule, by=self.name)
        self._shown_at = time.perf_counter()
        self._show_seconds = self._shown_at - now


class Sweep:
    """One worker that improves the whole.

    Parameters
    ----------
    moves
        Passes and moves after which to end.
    """

    def __init__(
        self, whole: Whole, *, seed: int, worker: int, workers: int, moves: int | None
    ) -> None:
        self.whole, self.worker, self.workers = whole, worker, workers
        self.rng = stream(seed, worker)
        self.random = np.random.default_rng([seed, worker])
        self.left = moves
        self.tenures = tenures(whole.tables)
        self.clock: IntArray = np.zeros(1, dtype=np.int64)
        self.patience: int = _PATIENCE

    def over(self) -> bool:
        """Whether to end now."""
        return self.whole.board.over or (self.left is not None and self.left <= 0)

    def run(self) -> None:
        """Passes, then parts, until the board is over or the moves are spent."""
        whole = self.whole
        if affordable(whole.tables):
            self.passes()
        covered, value = 0, whole.value
        while not self.over():
            taken = whole.take(self.worker, _WIDTH, self.random.random())
            if taken is None:
                time.sleep(_NAP)
                continue
            low, high, epoch, part = taken
            self.search(part)
            whole.put_back(self.worker, low, high, epoch, part)
            covered += high - low
            if covered >= whole.shop.count:
                if value - whole.value < _WORTH * value:
                    self.patience = min(2 * self.patience, _PATIENCE_LIMIT)
                covered, value = 0, whole.value
        whole.close()

    def passes(self) -> None:
        """Series of passes of this worker's share of the delays."""
        whole = self.whole
        S = state(whole.tables)
        options = [whole.option]
        if whole.shop.flexible:
            even = whole.option.copy()
            load: IntArray = np.zeros(len(S.length), dtype=np.int64)
            balance(whole.tables, even, _TRIES * whole.shop.count, load, self.rng)
            options.append(even)
        ways = [(option, delay) for delay in _DELAYS for option in options]
        for option, delay in ways[self.worker :: self.workers]:
            self.series(S, option, delay)

    def series(self, S: State, option: Int32, delay: float) -> None:
        """Passes forward and backward until they stagnate."""
        whole = self.whole
        T, halt = whole.tables, whole.board.halt
        scratch = bench(T)
        with whole.lock:
            order = whole.order.copy()
        build(T, S, order, option)
        step, fails, least = -1, 0, 1 << 40
        while fails < _FAILS and not self.over():
            rank = S.tail if step > 0 else S.head
            if not giffler_thompson(T, scratch, step, rank, option, delay, order, halt):
                return
            value = int(build(T, S, order, option))
            whole.board.count(whole.name, 1)
            if self.left is not None:
                self.left -= 1
            fails += 1
            if value < least:
                least, fails = value, 0
                if value < whole.value:
                    whole.replace(order, option)
            step = -step

    def search(self, part: Part) -> None:
        """Tabu search of one part."""
        whole = self.whole
        self.clock[0] = 0
        budget = 1 << 40 if self.left is None else max(1, self.left)
        value = descend(
            part.tables,
            part.state,
            part.order,
            part.option,
            self.patience,
            budget,
            whole.goal,
            int(self.random.choice(self.tenures)),
            self.clock,
            self.rng,
            whole.board.halt,
        )
        if value < 0:
            raise EngineError("a move closed a cycle", hint="this is a bug; please report it")
        tried = int(self.clock[0])
        whole.board.count(whole.name, tried)
        if self.left is not None:
            self.left -= max(1, tried)
