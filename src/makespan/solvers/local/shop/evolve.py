"""One worker: populations of tabu-searched schedules joined by path relinking.

After Peng, Lü & Cheng (2015), "A tabu search/path relinking algorithm to solve the job shop
scheduling problem".
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np

from makespan.core.errors import EngineError
from makespan.core.vocabulary import IntArray
from makespan.solvers.board import Board
from makespan.solvers.local.draw import stream
from makespan.solvers.local.shapes import Shop
from makespan.solvers.local.shop.balance import balance
from makespan.solvers.local.shop.graph import build
from makespan.solvers.local.shop.initial import dispatch
from makespan.solvers.local.shop.islands import Champions, Solution
from makespan.solvers.local.shop.layout import (
    Int32,
    Tables,
    UInt32,
    state,
)
from makespan.solvers.local.shop.tabu import descend, tenures
from makespan.solvers.local.shop.translate import schedule_of, solution_of

_PATIENCE: Final = 12_500
"""Moves without improvement that end a descent."""

_TRIAL: Final = 500
"""Moves by which children are compared before one of them is improved further."""

_LARGE: Final = 20_000
"""Operations beyond which descents are cut in proportion, so that there are several of them."""

_SHARES: Final = (0.3, 0.5, 0.7)
_BLUR: Final = 0.15
"""Shares of the second parent in its children, and the deviation of those that are cut in time."""

_EVEN: Final = 0.5
_TRIES: Final = 100
_START: Final = 10
_DOUBLINGS: Final = 2
"""Members that every population starts with, and how often that doubles if time has no limit."""

_GENERATIONS: Final = 10
"""Children per member that a population needs to converge."""

_APART: Final = 0.4
"""Distance that members keep at first, as a share of the mean distance of random ones."""

_CONVERGED: Final = 0.9
"""Share of the time after which members may come as near as they like."""

_VISITS: Final = 0.2
"""Share of children with a parent from another island."""

_STALLED: Final = 0.8
"""Factor of that distance each time that as many children as members have brought nothing."""

_VAIN: Final = 3
"""Such times in a row after which a population of equals, or without that distance, ends."""

_LARGEST: Final = 80
_ELDERS: Final = 20
"""Members of a population, and champions of earlier ones among them, at most."""

_CLOCK_LIMIT: Final = 1 << 30


class Evolution:
    """One worker's populations."""

    def __init__(
        self,
        board: Board,
        shop: Shop,
        tables: Tables,
        champions: Champions,
        *,
        factor: int,
        name: str,
        seed: int,
        worker: int,
        moves: int | None,
    ) -> None:
        self.board, self.shop, self.tables, self.champions = board, shop, tables, champions
        self.factor, self.name = factor, name
        self.state = state(tables)
        self.rng = stream(seed, worker)
        self.random = np.random.default_rng([seed, worker])
        self.clock: IntArray = np.zeros(1, dtype=np.int64)
        self.moves = self.left = moves
        self.seconds = board.left
        self.worker = worker
        self.serial = 0
        machines = len(tables.line_ptr) - 1
        self.tenures = tenures(tables)
        self.patience = int(min(_PATIENCE, max(_TRIAL, _PATIENCE * _LARGE // shop.count)))
        self.origin = int(shop.release.min())
        self.load: IntArray = np.zeros(machines, dtype=np.int64)
        self.flexible = len(tables.option_machine) > shop.count

    def run(self) -> None:
        """Populations one after the other until the board is over or the moves are spent."""
        rounds = 0
        while not self.over():
            elders = self.champions.latest(_ELDERS) if rounds % 2 == 1 else []
            began = self.spent()
            population = self.found(_START + len(elders), elders)
            fit = self.affordable(len(population) - len(elders), began)
            population = self.found(fit or _START << min(rounds, _DOUBLINGS), population)
            if len(population) > 1:
                self.evolve(population, began)
            if population:
                self.champions.add(min(population, key=lambda s: s.value))
            rounds += 1

    def over(self) -> bool:
        """Whether to end now."""
        return self.board.over or (self.left is not None and self.left <= 0)

    def spent(self) -> float:
        """Share of the time or of the moves that is gone; 1 where neither is limited."""
        if self.moves is not None:
            return 1.0 - max(0, self.left or 0) / self.moves
        if self.seconds < float("inf"):
            return 1.0 - max(0.0, self.board.left) / self.seconds
        return 1.0

    def affordable(self, made: int, began: float) -> int:
        """Size of a population that the time left lets converge; 0 if time has no limit.

        Judged by what ``made`` members took since the share ``began`` of the time was gone.
        """
        share = self.spent()
        if share >= 1.0:
            return 0
        descents = made / 2 * (1.0 - share) / max(share - began, 1e-9)
        return int(min(_LARGEST, max(_START, descents / _GENERATIONS)))

    def found(self, size: int, members: list[Solution]) -> list[Solution]:
        """A population of the given members and of improved random schedules."""
        population = list(members)
        n, rows = self.shop.count, len(self.tables.chain)
        while len(population) < size and not self.over():
            order, option = np.zeros(n, dtype=np.uint32), np.zeros(rows, dtype=np.int32)
            dispatch(self.tables, order, option, 0.2 + self.random.random(), self.rng)
            self.even(option)
            if not population:
                self.offer(self.solution(order, option))
            population.append(self.improve(order, option, self.patience // 2))
        return population

    def evolve(self, population: list[Solution], began: float) -> None:
        """Replace members by offspring until nothing has improved for a while.

        A child nearer to a member than a distance that shrinks to nothing as time goes by may
        only replace that member, so that the population converges when the time ends, not before
        (Constantino & Segura 2022). Populations stall before that if there is much time: members
        come to be equally long variants of one schedule. Then the distance shrinks faster, and
        a population of equals ends, which leaves its time to the next one.

        Parameters
        ----------
        began
            Share of the time that was gone when the population was begun.
        """
        fails, held = 0, 1.0
        least = max(1, self.shop.count // 50)
        spread = np.mean([a.distance(b) for a, b in pairwise(population)])
        self.champions.settle(self.worker, population)
        while not self.over():
            left = 1.0 - (self.spent() - began) / max(_CONVERGED * (1.0 - began), 1e-9)
            near = max(least, int(_APART * spread * left * held))
            if fails >= _VAIN * len(population) and (
                near == least or all(s.value == population[0].value for s in population)
            ):
                break
            if fails and fails % len(population) == 0:
                held *= _STALLED
            fails += 1
            child = self.foreign()
            if child is None:
                i, j = self.random.choice(len(population), 2, replace=False)
                child = self.offspring(population[i], self.visitor() or population[j])
            if enter(population, child, near):
                fails = 0

    def visitor(self) -> Solution | None:
        """Now and then a member of another island."""
        if self.random.random() >= _VISITS:
            return None
        return self.champions.visitor(self.worker, int(self.random.integers(1 << 30)))

    def offspring(self, a: Solution, b: Solution) -> Solution:
        """The most promising of three schedules between the parents, improved."""
        starts_a = self.starts(a)
        starts_b = starts_a if self.flexible else self.starts(b)
        best: Solution | None = None
        for share in _SHARES:
            if self.flexible:
                order, option = self.joined(a, b, starts_a, share)
            else:
                mix = (1 - share) * starts_a + share * starts_b
                base = b.order if self.random.random() < 0.5 else a.order
                order, option = base[np.argsort(mix[base], kind="stable")], a.option.copy()
            found = self.improve(order, option, _TRIAL, budget=_TRIAL)
            if best is None or found.value < best.value:
                best = found
        assert best is not None
        return self.improve(best.order.copy(), best.option.copy(), self.patience)

    def joined(
        self, a: Solution, b: Solution, starts: IntArray, share: float
    ) -> tuple[UInt32, Int32]:
        """What one parent does first, by its ``starts``, and then what the other does of the rest.

        Where operations choose their machines, a choice is only good beside those of about the same
        time: a mix drawn operation by operation loses it, two parts in time keep it.
        """
        n = len(a.order)
        cut = float(np.clip(1.0 - share + _BLUR * self.random.normal(), 0.05, 0.95))
        front = a.order[np.argsort(starts[a.order], kind="stable")][: int(cut * n)]
        early = np.zeros(len(starts), dtype=bool)
        early[front] = True
        order = np.concatenate((front, b.order[~early[b.order]]))
        return order, np.where(early, a.option, b.option)

    def foreign(self) -> Solution | None:
        """The incumbent, improved, if another member of the solve has put a new one up."""
        board = self.board
        if board.serial == self.serial or board.source == self.name:
            return None
        self.serial = board.serial
        schedule = board.schedule
        if schedule is None:
            return None
        return self.improve(*solution_of(self.shop, self.tables, schedule), self.patience)

    def even(self, option: Int32) -> None:
        """Balance the loads, every other time, where they are what matters."""
        if self.flexible and self.random.random() < _EVEN:
            balance(self.tables, option, _TRIES * self.shop.count, self.load, self.rng)

    def starts(self, solution: Solution) -> IntArray:
        """Start of every row."""
        build(self.tables, self.state, solution.order, solution.option)
        return self.state.head.astype(np.int64) - self.state.duration

    def improve(
        self, order: UInt32, option: Int32, patience: int, budget: int = 1 << 40
    ) -> Solution:
        """Tabu search from a schedule, whose arrays it takes over."""
        if self.clock[0] > _CLOCK_LIMIT:
            self.state.forbidden[:] = 0
            self.state.barred[:] = 0
            self.clock[0] = 0
        if self.left is not None:
            budget = min(budget, max(1, self.left))
        began = int(self.clock[0])
        value = descend(
            self.tables,
            self.state,
            order,
            option,
            patience,
            budget,
            0,
            int(self.random.choice(self.tenures)),
            self.clock,
            self.rng,
            self.board.halt,
        )
        if value < 0:
            raise EngineError("a move closed a cycle", hint="this is a bug; please report it")
        tried = int(self.clock[0]) - began
        self.clock[0] += 2 * self.tenures.stop
        self.board.count(self.name, tried)
        if self.left is not None:
            self.left -= max(1, tried)
        solution = self.solution(order, option)
        self.offer(solution)
        return solution

    def solution(self, order: UInt32, option: Int32) -> Solution:
        """The schedule with its value and traits."""
        value = int(build(self.tables, self.state, order, option))
        rows = self.tables.operation
        machine = self.tables.option_machine[option[rows]].astype(np.int64)
        trait = machine * len(self.tables.chain) + self.state.before[rows]
        return Solution(value, order, option, trait)

    def offer(self, solution: Solution) -> None:
        """Show a solution to the board if it beats the incumbent."""
        values = (self.factor * (solution.value + self.origin),)
        if not self.board.improves(values):
            return
        build(self.tables, self.state, solution.order, solution.option)
        schedule = schedule_of(self.shop, self.tables, self.state)
        self.board.offer(values, schedule, by=self.name)


def enter(population: list[Solution], child: Solution, near: int) -> bool:
    """Let the child replace its neighbours or the worst member; says whether that is progress.

    Within ``near`` of a member it may only replace the nearest. Equal schedules never enter twice.
    """
    distances = [child.distance(member) for member in population]
    closest = int(np.argmin(distances))
    if distances[closest] == 0:
        return False
    place = closest
    if distances[closest] > near:
        place = max(range(len(population)), key=lambda r: population[r].value)
    progress = child.value < population[place].value
    if child.value <= population[place].value:
        population[place] = child
    return progress
