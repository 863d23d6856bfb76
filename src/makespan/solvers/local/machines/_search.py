"""Rounds of annealing on machines, each longer than the one before."""

from __future__ import annotations

from typing import Final

import numpy as np

from makespan.core.vocabulary import INFINITY, IntArray
from makespan.solvers.board import Board
from makespan.solvers.local.draw import stream
from makespan.solvers.local.machines._anneal import Plan, anneal
from makespan.solvers.local.machines._bounds import least_value, optimal_order
from makespan.solvers.local.machines._rows import Rows
from makespan.solvers.local.machines._rules import deal, dispatch
from makespan.solvers.local.machines._shape import Machines

_NAME: Final = "machines"
_UNLIMITED: Final = 1 << 60
_FIRST_ROUND: Final = 30_000
_LONGER: Final = 1.5
"""Moves of the first round, and how many times longer each next one is."""
_HOT: Final = 0.5
_COLD: Final = 0.002
"""First and last temperature in units of what a job costs when it is late by a mean time."""
_WARM: Final = (0.1, 0.5)
_FRESH: Final = (1.0, 4.0)
"""Factors on the first temperature when the best schedule is annealed again, and a new one."""
_MANY: Final = 200
"""Jobs from which on temperatures fall with the number of jobs: a start is worth more the longer
it takes to anneal one."""
_RULES: Final = 4
_MOST_FOR_RULES: Final = 1_000
"""Jobs up to which urgencies, quadratic, are worked out, and plans are started anew."""


class MachinesSearch:
    """Simulated annealing for single and parallel machines."""

    name = _NAME

    def __init__(self, machines: Machines, board: Board, *, seed: int, moves: int | None) -> None:
        self._machines = machines
        self._board = board
        self._seed = seed
        self._moves = _UNLIMITED if moves is None else moves

    def work(self, worker: int) -> None:
        """Anneal until the board is over or the moves are spent."""
        annealer = _Annealer(self._machines, self._board, self._seed, worker, self._moves)
        if worker == 0:
            annealer.prove()
        annealer.run()


class _Annealer:
    """One worker."""

    def __init__(
        self, machines: Machines, board: Board, seed: int, worker: int, moves: int
    ) -> None:
        self.machines, self.board, self.left = machines, board, moves
        self.tables = machines.tables
        self.rows = Rows.room(self.tables)
        self.random = np.random.default_rng([seed, worker])
        self.stream = stream(seed, worker)
        self.bound = least_value(machines)
        self.worker = worker
        T = self.tables
        worth = T.slope + T.steep + machines.largest * np.minimum(T.scale, 1 << 40)
        typical = float(np.where(T.duration >= 0, T.duration, 0).max(axis=0).mean()) + 1.0
        self.unit = max(float(worth.mean()) * typical + float(T.step.mean()), 1.0)
        self.typical = typical

    def prove(self) -> None:
        """Raise the bound; where theory gives an optimal order, put it on the board."""
        constant = self.machines.constant
        self.board.raise_bound(self.bound + constant, by=_NAME)
        order = optimal_order(self.machines)
        if order is not None:
            plan = self.dealt(order)
            value, _ = self.anneal(plan, 0, 1.0)
            self.offer(value, plan)
            self.board.raise_bound(value + constant, by=_NAME)

    def run(self) -> None:
        """Anneal the plans of rules and random ones, and in turn with them the best so far."""
        length = float(_FIRST_ROUND)
        turn = self.worker
        keep = self.construct(turn)
        best, _ = self.anneal(keep, 0, 1.0)
        for kind in range(1, _RULES):
            plan = self.construct(turn + 2 * kind)
            value, _ = self.anneal(plan, 0, 1.0)
            if value < best:
                best, keep = value, plan
        self.offer(best, keep)
        made = 0
        anew = self.machines.count <= _MOST_FOR_RULES
        while not self.board.over and self.left > 0:
            again = turn % 2 == 1 or not anew
            plan = self.incumbent(keep) if again else self.construct(turn)
            heat = float(self.random.uniform(*(_WARM if again else _FRESH)))
            value, moves = self.anneal(plan, min(int(length), self.left), heat)
            self.offer(value, plan)
            if value < best:
                best, keep = value, plan
            self.left -= max(moves, 1)
            made += moves
            length *= _LONGER
            turn += 1
        self.board.count(_NAME, made)

    def anneal(self, plan: Plan, moves: int, heat: float) -> tuple[int, int]:
        """Improve a plan; its value without the constant and the moves made."""
        hot = _HOT * heat * self.unit * min(1.0, _MANY / self.machines.count)
        value, made = anneal(
            self.tables,
            self.rows,
            plan,
            self.machines.largest,
            self.bound,
            moves,
            hot,
            min(_COLD * self.unit, 0.1 * hot),
            self.stream,
            self.board.halt,
        )
        return int(value), int(made)

    def offer(self, value: int, plan: Plan) -> None:
        """Put a plan on the board if it is the best."""
        values = (value + self.machines.constant,)
        if self.board.improves(values):
            self.board.offer(values, self.machines.schedule(plan.machine, plan.end), by=_NAME)

    def incumbent(self, keep: Plan) -> Plan:
        """The sequences of the board's schedule, or else a copy of those kept."""
        schedule = self.board.schedule
        if schedule is None:
            return Plan(*(a.copy() for a in keep))
        plan = Plan.room(self.machines.count)
        plan.machine[:] = self.machines.machine_of(schedule)
        order = np.lexsort((schedule.end, schedule.start, plan.machine))
        first = np.searchsorted(plan.machine[order], np.arange(len(self.tables.start)))
        plan.place[order] = np.arange(len(order)) - first[plan.machine[order]]
        return plan

    def construct(self, turn: int) -> Plan:
        """A plan by one rule after the other, each with random parameters."""
        T = self.tables
        n = self.machines.count
        kind = turn // 2 % _RULES
        if kind == 0 and n <= _MOST_FOR_RULES:
            plan = Plan.room(n)
            ahead = self.typical * float(self.random.uniform(0.5, 5.0))
            patience = self.typical * float(self.random.uniform(0.05, 1.0))
            dispatch(T, plan, ahead, patience, np.arange(n), *self.empty())
            return plan
        shortest = np.where(T.duration >= 0, T.duration, INFINITY).min(axis=0)
        due = np.minimum(T.due, np.where(T.scale > 0, T.target, INFINITY))
        keys = (
            due if (due < INFINITY).any() else -shortest,
            shortest / np.maximum(T.slope + T.steep + T.step, 0.5),
            T.release if T.release.any() else -shortest,
            self.random.random(n),
        )
        return self.dealt(np.argsort(keys[kind], kind="stable"))

    def dealt(self, order: IntArray) -> Plan:
        """The plan of jobs dealt in an order."""
        plan = Plan.room(self.machines.count)
        deal(self.tables, plan, order.astype(np.int64), *self.empty())
        return plan

    def empty(self) -> tuple[IntArray, IntArray, IntArray]:
        """Free times, last jobs and sizes of empty machines."""
        start = self.tables.start
        return start.copy(), np.full_like(start, -1), np.zeros_like(start)
