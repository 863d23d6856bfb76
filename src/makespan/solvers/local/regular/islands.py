"""The search over a shop with a regular objective: annealing from a pool of good schedules.

Every worker is an island with a pool of its own. It begins with dispatched schedules, anneals the
best from hot to cold, and goes on in rounds: two of the pool are mixed by sorting the operations
on a convex mix of their starts, which always is a feasible order, the child is annealed, slower
from round to round and from a temperature that is drawn, and it takes the place of a worse one. The
last round is as long as what is left, so that any time limit ends cold. What other islands tell the
board is adopted between rounds, and every better schedule is told to it within a fraction of a
second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.solvers.board import Board
from makespan.solvers.local.draw import Stream, draw, stream
from makespan.solvers.local.regular._anneal import anneal
from makespan.solvers.local.regular._plan import Plan, load
from makespan.solvers.local.regular._start import INDICES, LOCAL_DUE, SHORTEST, dispatch, urgency
from makespan.solvers.local.regular.bounds import chain_bound, machine_bound
from makespan.solvers.local.regular.guide import guided
from makespan.solvers.local.regular.objective import DUE, LATE, FloatArray, Points
from makespan.solvers.local.shapes import Shop

_POOL: Final = 6
"""Schedules an island keeps."""

_DISPATCHED: Final = 30
"""Schedules dispatched at first."""

_HOT: Final = 0.6
_TINY: Final = 3.0
_WARM: Final = 0.15
_COLD: Final = 0.07
"""Temperatures between which a round begins, at the beginning of one where the pool is not
full, and at the ends of all, as multiples of the mean change of a move. Below the last hardly
anything improves."""

_FIRST_ROUND: Final = 100
_ROUND: Final = 6_000
_GROWTH: Final = 2
"""Moves per operation in the first round and in the longest; ratio of a round to the one before."""

_STRETCH: Final = 2
"""Rounds' worth of moves that are left when the round takes them all, to end cold in time."""

_RESIGN: Final = 0.08
_HOPE: Final = 0.15
"""Chances that a child gives up a job that is on time, and that it hurries one that is late."""

_MEASURED: Final = 500
"""Moves by which the unit of temperature is measured."""

_CHUNK: Final = 50_000
"""Moves between looks at the board."""


@dataclass(frozen=True, slots=True)
class Member:
    """A schedule of a pool: value, topological order, options and starts of the operations."""

    value: int
    order: IntArray
    option: IntArray
    start: IntArray


class RegularSearch:
    """Annealing islands for one shop; see :class:`makespan.solvers.local.search.Search`."""

    def __init__(
        self, shop: Shop, points: Points, board: Board, *, seed: int, moves: int | None
    ) -> None:
        self.shop = shop
        self.board = board
        self.seed = seed
        self.moves = moves
        self.urgency = urgency(shop, points)
        board.raise_bound(chain_bound(shop, points), by=self.name)
        bound, maxima = machine_bound(shop, points, board)
        board.raise_bound(bound, by=self.name)
        self.points = guided(points, maxima, float(self.urgency[:, 2].mean()))

    @property
    def name(self) -> str:
        """Word for the history and the report."""
        return "regular"

    def work(self, worker: int) -> None:
        """Search as one island until the board is over or the moves are spent."""
        Island(self, worker).run()


class Island:
    """One worker's pool, plan and random numbers."""

    def __init__(self, search: RegularSearch, worker: int) -> None:
        self.search, self.worker = search, worker
        self.board, self.shop, self.points = search.board, search.shop, search.points
        n = self.shop.count
        self.dice: Stream = stream(search.seed, worker)
        self.plan = Plan.of(self.shop)
        self.pool: list[Member] = []
        self.path = np.zeros((3, n + 1), dtype=np.int64)
        self.maxima = np.zeros(3, dtype=np.int64)
        self.change = np.zeros(2)
        self.left = search.moves
        self.moves, self.began = 0, self.board.seconds
        self.serial = -1
        self.counting = bool((self.points.row[:, LATE] > 0).any())
        self.chance = np.array([300, 300 if self.shop.flexible else 0, 700], dtype=np.int64)

    def run(self) -> None:
        """Dispatch, anneal the best, and go on in rounds with children of the pool."""
        self.adopt()
        self.dispatch()
        if not len(self.points.op) or not self.going:
            return  # no end counts, so that all schedules are equally good
        longest, length = _ROUND * self.shop.count, _FIRST_ROUND * self.shop.count
        unit = self.measure()
        parent = self.pool[0]
        while self.going:
            left = self.affordable()
            if left < _STRETCH * length:
                length = max(int(left), 1)
            hot = _WARM * (_HOT / _WARM) ** (draw(self.dice) / 2147483648.0)
            if len(self.pool) < _POOL:
                hot = _TINY  # all that is good is known; look farther
            self.enter(*self.anneal(parent, hot * unit, _COLD * unit, length))
            self.adopt()
            length = min(_GROWTH * length, longest)
            parent = self.child()

    def affordable(self) -> float:
        """Moves left, or those that the time left allows at the speed so far; inf if no limit."""
        left = float("inf") if self.left is None else float(self.left)
        if self.board.limited and self.moves > 0:
            speed = self.moves / max(self.board.seconds - self.began, 1e-3)
            left = min(left, speed * max(self.board.left, 0.0))
        return left

    @property
    def going(self) -> bool:
        """Whether there are time and moves left."""
        return not self.board.over and (self.left is None or self.left > 0)

    def dispatch(self) -> None:
        """Fill the pool with dispatched schedules, each counted as a move."""
        shop, n, dice = self.shop, self.shop.count, self.dice
        mean = max(float(self.search.urgency[:, 2].mean()), 1.0)
        for k in range(_DISPATCHED):
            order, option = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
            look_ahead = mean * (0.5, 1.0, 2.0, 4.0)[draw(dice) % 4]
            dispatch(
                shop.chain_ptr,
                shop.option_ptr,
                shop.option_machine,
                shop.option_duration,
                shop.release,
                shop.machines,
                self.search.urgency,
                INDICES[(k + self.worker) % len(INDICES)],
                look_ahead,
                0.0 if k < len(INDICES) else 0.5,
                dice,
                order,
                option,
            )
            self.enter(order, option)
            if not self.going:
                return

    def enter(self, order: IntArray, option: IntArray) -> Member:
        """Tell the board of a schedule, and keep it in the pool if it is good and new."""
        value = load(self.plan, self.points, order, option)
        member = Member(value, order, option, self.plan.starts())
        self.tell(member)
        if not any(
            other.value == value and np.array_equal(other.start, member.start)
            for other in self.pool
        ):
            self.pool.append(member)
            self.pool.sort(key=lambda one: one.value)
            del self.pool[_POOL:]
        return member

    def tell(self, member: Member) -> None:
        """Offer a schedule to the board."""
        if self.board.improves((member.value,)):
            plan = self.shop.schedule(member.start, member.option)
            if self.board.offer((member.value,), plan, by=self.search.name):
                self.serial = self.board.serial

    def adopt(self) -> None:
        """Take the board's schedule into the pool if another put it there."""
        serial, schedule = self.board.serial, self.board.schedule
        if serial != self.serial and schedule is not None:
            self.serial = serial
            starts = schedule.start[self.shop.task]
            self.enter(
                self.sorted(starts, schedule.end[self.shop.task]), self.shop.options_of(schedule)
            )

    def sorted(self, start: IntArray, end: IntArray) -> IntArray:
        """Operations by start; of those with equal starts shorter ones first, chains in order."""
        return np.lexsort((np.arange(len(start)), end, start)).astype(np.int64)

    def child(self) -> Member:
        """A mix of two of the pool, or the only one."""
        if len(self.pool) == 1:
            return self.pool[0]
        a = draw(self.dice) % len(self.pool)
        b = (a + 1 + draw(self.dice) % (len(self.pool) - 1)) % len(self.pool)
        first, second = self.pool[a], self.pool[b]
        share = 0.25 + 0.5 * (draw(self.dice) / 2147483648.0)
        mixed = share * first.start + (1.0 - share) * second.start
        # Equal keys: the first's order, which respects its chains.
        place = np.empty(len(mixed), dtype=np.int64)
        place[first.order] = np.arange(len(mixed))
        if self.counting:
            mixed = self.resign(first, mixed)
        order = np.lexsort((place, mixed)).astype(np.int64)
        option = first.option
        if self.shop.flexible:
            coin = np.array([draw(self.dice) for _ in range(len(mixed))]) / 2147483648.0
            option = np.where(coin < share, first.option, second.option)
        value = load(self.plan, self.points, order, option)
        return Member(value, order, option, self.plan.starts())

    def resign(self, member: Member, key: FloatArray) -> FloatArray:
        """Keys with most late chains behind all others, the rest of them by operation due dates.

        Who is late anyhow may as well be last; that frees time for others. A few on time are put
        last, too, so that the choice of the late changes.
        """
        points, key = self.points, key.copy()
        end = member.start + self.shop.option_duration[member.option]
        counts = points.row[:, LATE] > 0
        over = end[points.op] - points.row[:, DUE]
        behind = float(key.max()) + 1.0
        ptr = self.shop.chain_ptr
        for c in range(len(ptr) - 1):
            mine = counts & (points.op >= ptr[c]) & (points.op < ptr[c + 1])
            if not mine.any():
                continue
            chance = draw(self.dice) / 2147483648.0
            a, b = int(ptr[c]), int(ptr[c + 1])
            if (over[mine] <= 0).all():
                if chance < _RESIGN:
                    key[a:b] += behind
            elif chance < _HOPE:
                key[a:b] = np.maximum.accumulate(
                    self.search.urgency[a:b, LOCAL_DUE] - self.search.urgency[a:b, SHORTEST]
                )
            else:
                key[a:b] += behind
        return key

    def measure(self) -> float:
        """Mean change of the value by a move from the best schedule, above 0."""
        best = self.pool[0]
        load(self.plan, self.points, best.order, best.option)
        self.change[:] = 0.0
        self.step(
            best.order.copy(), best.option.copy(), np.array([best.value]), 1e-9, 1e-9, _MEASURED
        )
        return max(float(self.change[0]) / max(float(self.change[1]), 1.0), 1e-3)

    def anneal(
        self, parent: Member, hot: float, cold: float, length: int
    ) -> tuple[IntArray, IntArray]:
        """Order and options of the best schedule met while cooling from a parent."""
        order, option = parent.order.copy(), parent.option.copy()
        load(self.plan, self.points, order, option)
        best = np.array([parent.value], dtype=np.int64)
        done, began, left = 0, self.board.seconds, self.board.left
        while self.going and done < length:
            # How far the round is: by moves, or by time where the machine is slower than it was.
            part = done / length
            if self.board.limited:
                part = max(part, (self.board.seconds - began) / max(left, 1e-3))
            moves = min(_CHUNK, length - done)
            ratio = (cold / hot) ** (moves / length)
            now = hot * (cold / hot) ** min(part, 1.0)
            self.step(order, option, best, now, max(now * ratio, cold), moves)
            done += moves
            if self.board.improves((int(best[0]),)):
                spare = Plan.of(self.shop)
                load(spare, self.points, order, option)
                self.tell(Member(int(best[0]), order.copy(), option.copy(), spare.starts()))
        return order, option

    def step(
        self,
        order: IntArray,
        option: IntArray,
        best: IntArray,
        hot: float,
        cold: float,
        moves: int,
    ) -> None:
        """Anneal for some moves, no more than are left."""
        moves = moves if self.left is None else min(moves, self.left)
        done = anneal(
            self.plan,
            self.points,
            hot,
            cold,
            moves,
            self.chance,
            self.dice,
            self.board.halt,
            self.path,
            self.maxima,
            order,
            option,
            best,
            self.change,
        )
        self.board.count(self.search.name, done)
        self.moves += done
        if self.left is not None:
            self.left -= moves
