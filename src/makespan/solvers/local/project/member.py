"""The search of a project: a population per worker, champions through the board."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.vocabulary import IntArray
from makespan.solvers.board import Board
from makespan.solvers.local.project.bounds import lower_bound
from makespan.solvers.local.project.cost import Price, dates, price, weights
from makespan.solvers.local.project.desk import Desk, make_desk
from makespan.solvers.local.project.evolve import breed
from makespan.solvers.local.project.modes import find_modes
from makespan.solvers.local.project.network import Project
from makespan.solvers.local.project.population import Population, make_guide, make_population
from makespan.solvers.local.project.windows import right_justified, shorten
from makespan.solvers.local.search import Search

_NAME: Final = "project"
_MODE_SECONDS: Final = 20.0
_SIZE: Final = 150
"""Rows of the first population where neither time nor moves are limited."""
_PASSES: Final = 2000
"""Schedules per row in which a population converges, with some to spare."""
_TASTER: Final = 20
"""Rows by which the speed is measured."""
_LEAST: Final = 100
_MOST: Final = 2000
_CELLS: Final = 4_000_000
"""Most activities over all rows of a population, for memory's sake."""
_GROWTH: Final = 1.5
_PATIENCE: Final = 6
"""Generations without progress after which a population is given up."""
_CHAMPIONS: Final = 8
_WINDOW: Final = 30
_EFFORT: Final = 0.1
_WINDOW_SHARE: Final = 0.1
"""Windows may take this share of the time that the population before them took."""
_WINDOW_COUNT: Final = 4
"""Windows after a population where moves are counted, not seconds."""
_FAR: Final = 1 << 62


def search(
    problem: Problem,
    board: Board,
    *,
    seed: int,
    workers: int,  # noqa: ARG001  # every worker brings its own population
    moves: int | None,
) -> Search | None:
    """Search for a resource-constrained project with a regular objective, else None.

    Takes mandatory activities with one or more modes on renewables, machines and consumables,
    precedence with minimum lags (not negative from end to start), and releases; one objective
    level of regular terms. Declines what has no schedule, for exact engines to prove.
    """
    terms = weights(problem)
    if terms is None:
        return None
    project = Project.of(problem, dates(problem, terms))
    if project is None:
        return None
    costs = price(problem, project, terms)
    if costs is None:
        return None
    modes = find_modes(project, min(board.left, _MODE_SECONDS), lambda: board.cancelled)
    if modes is None:
        return None
    bound = lower_bound(problem, project, terms)
    return ProjectSearch(problem, board, project, costs, modes, bound, seed, moves)


class _Row(NamedTuple):
    """One schedule, outside a population."""

    cost: int
    start: IntArray
    mode: IntArray
    mark: int

    @classmethod
    def of(cls, pool: Population, row: int) -> _Row:
        """A copy of a row."""
        return cls(
            int(pool.cost[row]), pool.start[row].copy(), pool.mode[row].copy(), pool.mark[row]
        )

    def enter(self, pool: Population, row: int) -> None:
        """Write the schedule into a row."""
        pool.cost[row], pool.start[row], pool.mode[row], pool.mark[row] = self


class ProjectSearch:
    """A genetic algorithm per worker; see :mod:`makespan.solvers.local.project.evolve`.

    A population is as large as can converge in the time left. Every other one gets the champions
    of those before, and every one gets the incumbents that others put on the board.
    """

    name = _NAME

    def __init__(
        self,
        problem: Problem,
        board: Board,
        project: Project,
        costs: Price,
        modes: IntArray,
        bound: int,
        seed: int,
        moves: int | None,
    ) -> None:
        self.problem, self.board, self.project, self.costs = problem, board, project, costs
        self.guide = make_guide(project, costs, modes, seed)
        self.bound, self.seed, self.moves = bound, seed, moves

    def work(self, worker: int) -> None:
        """Search until the board is over or the moves are spent."""
        if worker == 0:
            self.board.raise_bound(self.bound, by=self.name)
        _Worker(self, worker).run()

    def mark(self, start: IntArray, mode: IntArray) -> int:
        """The hash of a schedule, as the kernel computes it."""
        salt = self.guide.salt
        words = salt[0] * (start + 1).astype(np.uint64) + salt[1] * mode.astype(np.uint64)
        return words.sum()


class _Worker:
    """What one thread does, and what it has seen.

    Attributes
    ----------
    offset
        Objective less cost, the same for all schedules; None before the first.
    target
        Cost at which the bound is met.
    """

    def __init__(self, search: ProjectSearch, number: int) -> None:
        self.search, self.board, self.project = search, search.board, search.project
        self.desk: Desk = make_desk(
            self.project, search.costs, search.seed, number, by_tick=self.project.by_tick
        )
        self.offset: int | None = None
        self.target = -_FAR
        self.serial = 0
        self.champions: list[_Row] = []
        self.dice = np.random.default_rng([search.seed, number])
        self.windows = (
            len(search.costs.due) == 0
            and self.project.by_tick
            and len(self.project.capacity) > 0
            and self.project.count > _WINDOW // 2
        )

    @property
    def ended(self) -> bool:
        """Whether to stop: the board is over, or the moves are spent."""
        moves = self.search.moves
        return self.board.over or (moves is not None and int(self.desk.passes[0]) >= moves)

    def run(self) -> None:
        """Round after round; at least one schedule is made, whatever the time."""
        rounds = 0
        most = max(_TASTER, min(_MOST, _CELLS // self.project.count))
        speed = self._measure()
        while rounds == 0 or not self.ended:
            rounds += 1
            size = self._size(rounds, speed)
            pool = make_population(self.project, min(size, most))
            if rounds % 2 == 0 or rounds > 4:
                for champion in self.champions[-_CHAMPIONS:]:
                    champion.enter(pool, int(pool.filled[0]))
                    pool.filled[0] += 1
            began = self.board.seconds
            self._evolve(pool)
            best = int(pool.cost[: pool.filled[0]].argmin())
            champion = _Row.of(pool, best)
            if self.windows and not self.ended:
                until = began + (1 + _WINDOW_SHARE) * (self.board.seconds - began)
                champion = self._reopen(champion, until)
            self.champions.append(champion)

    def _measure(self) -> float:
        """Schedules per second, by a small population; 0 where the clock has no say."""
        pool = make_population(self.project, _TASTER)
        self._breed(pool, 1)  # compiles, and makes sure that there is a schedule
        self._import(pool)
        if self.search.moves is not None or self.ended:
            return 0.0
        passes, began = int(self.desk.passes[0]), self.board.seconds
        self._breed(pool, 4 * _TASTER)
        made = int(self.desk.passes[0]) - passes
        return made / max(self.board.seconds - began, 1e-6)

    def _size(self, rounds: int, speed: float) -> int:
        """Rows of a population that converges within what is left of time or moves."""
        moves, left = self.search.moves, self.board.left
        if moves is not None:
            passes = float(moves - int(self.desk.passes[0]))
        elif left < _FAR:
            passes = left * speed
        else:
            return int(min(_SIZE * _GROWTH ** (rounds - 1), _MOST))
        return int(min(max(passes / _PASSES, _LEAST), _MOST))

    def _evolve(self, pool: Population) -> None:
        """Fill the population and evolve it until it stagnates."""
        size = len(pool.cost)
        self._breed(pool, 1)
        self._import(pool)
        while pool.filled[0] < size and not self.ended:
            self._breed(pool, min(_TASTER, size - int(pool.filled[0])))
        least, total, idle = int(pool.cost.min()), int(pool.cost.sum()), 0
        while idle < _PATIENCE and not self.ended:
            generations = 4 if size < 200 else 1
            self._breed(pool, generations * size)
            self._import(pool)
            idle += generations
            now, sum_now = int(pool.cost.min()), int(pool.cost.sum())
            if now < least or sum_now < total - 0.02 * size:
                least, total, idle = now, sum_now, 0

    def _breed(self, pool: Population, children: int) -> None:
        """Make children, and offer the best row if it is better than the incumbent."""
        search = self.search
        if search.moves is not None:  # a child takes about four schedules
            rest = (search.moves - int(self.desk.passes[0])) // 4
            children = max(1, min(children, rest))
        before = int(self.desk.passes[0])
        best = breed(
            self.project.network,
            search.costs,
            self.desk,
            search.guide,
            pool,
            self.board.halt,
            children,
            self.target,
        )
        # Counted as they are made: the result may be drawn up before this worker has ended.
        self.board.count(search.name, int(self.desk.passes[0]) - before)
        cost = int(pool.cost[best])
        if self.offset is not None and not self.board.improves((cost + self.offset,)):
            return
        schedule = self.project.schedule(pool.start[best], pool.mode[best])
        values = evaluate(search.problem, schedule)
        self.offset = values[0] - cost
        self.target = search.bound - self.offset
        if self.board.offer(values, schedule, by=search.name):
            self.serial = self.board.serial

    def _reopen(self, row: _Row, until: float) -> _Row:
        """The schedule after attempts to end earlier by freeing windows of it."""
        clocked = self.search.moves is None
        tried = 0
        while not self.ended and tried < self.project.count:
            if (self.board.seconds >= until) if clocked else (tried >= _WINDOW_COUNT):
                break
            end = int((row.start + self.project.network.duration[row.mode]).max())
            late = right_justified(self.project, row.start, row.mode, end)
            order = np.argsort(row.start + late, kind="stable")
            places = max(1, self.project.count - _WINDOW // 2)
            place = int(self.dice.integers(places)) - _WINDOW // 4
            free = order[max(place, 0) : place + _WINDOW]
            tried += 1
            found = shorten(
                self.project, row.start, late, row.mode, free, _EFFORT, lambda: self.board.over
            )
            if found is not None:
                row = self._offer_row(found, row.mode)
        return row

    def _offer_row(self, start: IntArray, mode: IntArray) -> _Row:
        """The row of a schedule that another search made; an incumbent if it is better."""
        schedule = self.project.schedule(start, mode)
        values = evaluate(self.search.problem, schedule)
        if self.board.offer(values, schedule, by=self.search.name):
            self.serial = self.board.serial
        return _Row(values[0] - (self.offset or 0), start, mode, self.search.mark(start, mode))

    def _import(self, pool: Population) -> None:
        """Let an incumbent that someone else found take the place of a row, or of a new one."""
        values, schedule = self.board.values, self.board.schedule
        if self.serial == self.board.serial or self.offset is None:
            return
        self.serial = self.board.serial
        if values is None or schedule is None or self.board.values != values:
            return  # changed meanwhile; seen again after the next children
        read = self.project.read(schedule)
        if read is None:
            return
        start, mode = read
        mark = self.search.mark(start, mode)
        count = int(pool.filled[0])
        if (pool.mark[:count] == mark).any():
            return
        row = int(pool.cost[:count].argmax())
        if count < len(pool.cost):
            row = count
            pool.filled[0] += 1
        _Row(values[0] - self.offset, start, mode, mark).enter(pool, row)
