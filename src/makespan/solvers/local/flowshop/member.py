"""The search: one iterated greedy per worker, with a look at the board between spells."""

from __future__ import annotations

from typing import Final

import numpy as np

from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.vocabulary import IntArray, ObjectiveKind
from makespan.solvers.board import Board
from makespan.solvers.local.draw import stream
from makespan.solvers.local.flowshop._greedy import BUILD, COST_LIMIT, GO_ON, TAKE, iterate
from makespan.solvers.local.flowshop._insertion import Order, room
from makespan.solvers.local.flowshop._shape import FlowShop
from makespan.solvers.local.flowshop.bounds import completion_bound, makespan_bound

_TAKEN: Final = 2
"""Jobs taken out per iteration, as Dubois-Lacoste, Pagnozzi and Stützle tuned it."""

_HEAT: Final = 0.7
"""Temperature in tenths of the mean duration, as they tuned it."""

_SPELL: Final = 60_000_000
"""Operations looked at between two looks at the board: about 50 ms."""

_SHARE: Final = 0.02
"""Share of the jobs' cost of a tick that the temperature of sums counts (0.005 to 0.1 do about as
well on shops of 50 and 100 jobs)."""

_PATIENCE: Final = 40
"""Spells without a better sequence of its own after which a worker follows the board's."""


class FlowShopSearch:
    """Iterated greedy over sequences of jobs.

    A move is one job tried at every place of the sequence.
    """

    name = "flowshop"

    def __init__(
        self, problem: Problem, board: Board, flow: FlowShop, *, seed: int, moves: int | None
    ) -> None:
        self._problem, self._board, self._flow = problem, board, flow
        self._seed, self._moves = seed, moves

    def work(self, worker: int) -> None:
        """Search as worker ``worker`` until the board is over or the moves are spent."""
        flow, board = self._flow, self._board
        least = makespan_bound(*self._times())
        if worker == 0:
            self._tell_bounds(least)
        shop = flow.shop
        n, m = shop.duration.shape
        random = stream(self._seed, worker)
        memory = room(shop)
        queue = self._queue()
        best = queue.copy()
        state = np.array([COST_LIMIT, COST_LIMIT, -COST_LIMIT], dtype=np.int64)
        if flow.prices is None:
            state[2] = least
        spell = max(1, _SPELL // (n * m * (1 if flow.prices is None else 1 + n // 4)))
        heat = self._temperature()
        mine: tuple[int, ...] | None = None
        begin, spent, stale = BUILD, 0, _PATIENCE
        while not board.over and (self._moves is None or spent < self._moves):
            shared, schedule = board.values, board.schedule
            if mine is not None and stale >= _PATIENCE:
                stale = 0
                if shared is not None and schedule is not None and shared < mine:
                    begin, queue = TAKE, flow.order_of(schedule)
            before = int(state[1])
            made = iterate(
                shop,
                memory,
                flow.prices,
                begin,
                queue,
                best,
                state,
                min(_TAKEN, n - 1),
                heat,
                random,
                board.halt,
                spell if self._moves is None else min(spell, self._moves - spent),
            )
            begin = GO_ON
            spent += made
            stale += 1
            board.count(self.name, made)
            if state[1] < before:
                # After the first sequence the worker looks at the board at once.
                stale = 0 if mine is not None else _PATIENCE
                mine = self._offer(best)
            if n == 1 or state[1] <= state[2]:
                return

    def _offer(self, order: Order) -> tuple[int, ...]:
        schedule = self._flow.schedule(order)
        values = tuple(evaluate(self._problem, schedule))
        self._board.offer(values, schedule, by=self.name)
        return values

    def _times(self) -> tuple[IntArray, IntArray]:
        shop = self._flow.shop
        return shop.duration.astype(np.int64), shop.release.astype(np.int64)

    def _tell_bounds(self, least: int) -> None:
        """Bounds of the levels whose terms all have one."""
        begin, jobs = self._flow.begin, self._problem.jobs
        duration, release = self._times()
        completion = completion_bound(duration, release, jobs.weight)
        completion += begin * int(jobs.weight.sum())
        known = {
            ObjectiveKind.MAKESPAN: least + begin,
            ObjectiveKind.TOTAL_COMPLETION: completion,
            ObjectiveKind.TOTAL_FLOW_TIME: completion - int((jobs.weight * jobs.release).sum()),
            ObjectiveKind.TOTAL_TARDINESS: 0,
            ObjectiveKind.MAX_TARDINESS: 0,
            ObjectiveKind.TARDY_COUNT: 0,
        }
        for level, terms in enumerate(self._problem.objective.levels):
            if all(term.kind in known for term in terms):
                bound = sum(term.coefficient * known[term.kind] for term in terms)
                self._board.raise_bound(bound, by=self.name, level=level)

    def _queue(self) -> Order:
        """Jobs in the order in which construction takes them."""
        shop, prices = self._flow.shop, self._flow.prices
        work = shop.duration.sum(axis=1, dtype=np.int64)
        if prices is None:
            return np.argsort(-work, kind="stable")
        if prices.job[:, 1:].any() or prices.worst[1:].any():
            return np.argsort(np.where(prices.weight >= 0, prices.due, COST_LIMIT), kind="stable")
        return np.argsort(work + shop.release, kind="stable")

    def _temperature(self) -> float:
        shop, prices = self._flow.shop, self._flow.prices
        heat = _HEAT * max(float(shop.duration.mean()), 1.0) / 10
        if prices is None:
            return heat
        # A tick of delay costs what the jobs behind it cost, half of them on average.
        each = float(prices.job[:, :2].sum()) / 2 + float(prices.worst.sum())
        return max(heat * each * _SHARE, 1e-9)


def search(
    problem: Problem,
    board: Board,
    *,
    seed: int,
    workers: int,  # noqa: ARG001  # every search is told; here workers are all alike
    moves: int | None,
) -> FlowShopSearch | None:
    """Iterated greedy if ``problem`` is a permutation flow shop, else None."""
    flow = FlowShop.of(problem)
    if flow is None:
        return None
    return FlowShopSearch(problem, board, flow, seed=seed, moves=moves)
