"""Adaptive large neighbourhood search: free some tasks, keep the order of the rest, repair.

Destroy and repair: Shaw, CP 1998; adaptive choice: Ropke & Pisinger, Transportation Science 40(4),
2006; kept tasks relaxed to a partial order, neighbourhoods that adapt their size: Godard, Laborie
& Nuijten, ICAPS 2005; Laborie & Godard, MISTA 2007. What differs: the repair model is an exact
model of every constraint of the vocabulary, and a neighbourhood that has grown to everything
proves the optimum.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import Final

import numpy as np

from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.solvers.alns.adaptation import Roulette, Size
from makespan.solvers.alns.destroy import OPERATORS, destroy
from makespan.solvers.alns.first import first_schedule
from makespan.solvers.alns.model_repair import ModelRepair
from makespan.solvers.alns.patience import unless_over
from makespan.solvers.alns.picture import Frame, Picture
from makespan.solvers.alns.rule_repair import RuleRepair, WarmUp, same_or_better
from makespan.solvers.board import Board

MODEL_LIMIT: Final = 20_000
"""Most modes for which the whole model is built; larger problems are repaired by rules alone."""

_NAME: Final = "alns"
_PATIENCE: Final = 5.0
_WAIT: Final = 0.01
_EFFORT: Final = 0.04
_FIRST_SIZE: Final = 16
_TIES: Final = 0.15
_STALE: Final = 12
"""Repairs without gain after which the next open level gets a turn."""

_OPENING_RUNS: Final = 60
_RULE_RUNS: Final = 40
_RULE_EFFORT: Final = 4e-7
"""Deterministic seconds that one task costs in one run of a rule, about."""


def search(
    problem: Problem,
    board: Board,
    *,
    seed: int,
    workers: int,  # noqa: ARG001  # every worker learns for itself
    moves: int | None,
) -> LargeNeighbourhoodSearch | None:
    """The search for any problem that has tasks."""
    if problem.tasks.count == 0:
        return None
    return LargeNeighbourhoodSearch(problem, board, seed=seed, moves=moves)


class LargeNeighbourhoodSearch:
    """The search on one board; a move is one repair.

    Attributes
    ----------
    infeasible
        Whether the model has no solution at all.
    """

    name = _NAME

    def __init__(
        self, problem: Problem, board: Board, *, seed: int = 0, moves: int | None = None
    ) -> None:
        self.problem, self.board, self.moves, self._seed = problem, board, moves, seed
        self.frame = Frame(problem)
        self.infeasible = False
        self._lock = threading.Lock()
        self._model: ModelRepair | None = None
        self._warm: WarmUp | None = None
        self._modelled = problem.modes.count <= MODEL_LIMIT

    def work(self, worker: int) -> None:
        """Search as :class:`makespan.solvers.local.search.Search` describes."""
        with self._lock:
            if self._warm is None:
                self._warm = WarmUp(
                    self.problem, self.board, _NAME, seed=self._seed, runs=self._opening_runs()
                )
            if not self._begun():
                return
        if not self.board.over:
            _Worker(self, worker, self._seed).run()

    def _begun(self) -> bool:
        """Whether there is an incumbent, waiting for dispatch a while and asking CP-SAT then."""
        board, warm = self.board, self._warm
        assert warm is not None
        deadline = time.perf_counter() + min(_PATIENCE, 0.2 * board.left)
        fixed = self.moves is not None
        while not board.over and not warm.done.is_set():
            # With a budget of moves the result must not depend on who came first.
            late = not fixed and time.perf_counter() > deadline
            if (board.schedule is not None and not fixed) or (late and self._modelled):
                break
            warm.done.wait(_WAIT)
        if board.schedule is None and not board.over and self._modelled:
            schedule, self.infeasible = first_schedule(self.problem, board, self._seed)
            board.adopt(schedule, by=_NAME)
        return board.schedule is not None

    def _opening_runs(self) -> int | None:
        """Runs of dispatch before the first repair, where the clock must not decide."""
        return None if self.moves is None else _OPENING_RUNS

    def model(self, schedule: Schedule) -> ModelRepair | None:
        """The model, built again when the schedule does not fit into its horizon."""
        if not self._modelled:
            return None
        with self._lock:
            if self._model is None or not self._model.holds(schedule):
                make = partial(ModelRepair, self.problem, self.board, schedule)
                self._model = unless_over(self.board, make)
            return self._model

    def rules(self) -> RuleRepair | None:
        """Dispatch, once it is compiled."""
        warm = self._warm
        if warm is None or not warm.done.is_set() or warm.repair is None:
            return None
        return RuleRepair(self.problem, warm.repair)


class _Worker:
    """One thread: its schedule, its random stream and what it learned."""

    def __init__(self, owner: LargeNeighbourhoodSearch, number: int, seed: int) -> None:
        self._owner, self._board, self._problem = owner, owner.board, owner.problem
        self._random = np.random.default_rng(np.random.SeedSequence([seed, number]))
        n = owner.frame.count
        self._sizes = {name: Size(n, float(min(n, _FIRST_SIZE))) for name in OPERATORS}
        self._operators = Roulette(tuple(OPERATORS))
        self._repairs = Roulette(("model", "rule"))
        self._rules: RuleRepair | None = None
        self._effort = _EFFORT
        self._stale = 0
        self._level = 0
        self._serial = -1
        self._adopt()

    def _adopt(self) -> None:
        """Take over the board's incumbent."""
        board = self._board
        assert board.schedule is not None
        self._serial = board.serial
        self._move_to(board.schedule)

    def _move_to(self, schedule: Schedule) -> None:
        self._picture = Picture(self._owner.frame, schedule)
        self._values = tuple(evaluate(self._problem, schedule))

    def run(self) -> None:
        """Repair until the board is over or the moves are spent."""
        moves, board = self._owner.moves, self._board
        done = 0
        while not board.over and (moves is None or done < moves):
            if board.serial != self._serial and board.values is not None:
                if board.values < self._values:
                    self._adopt()
                self._serial = board.serial
            level = self._open_level()
            if level is None:
                return
            if self._rules is None:
                self._rules = self._owner.rules()
            self._step(level)
            board.count(_NAME, 1)
            done += 1

    def _open_level(self) -> int | None:
        """Level to improve: the first that is not proven, in turn with later ones when stale."""
        bounds, values = self._board.bounds, self._values
        open_levels = [k for k, v in enumerate(values) if bounds[k] != v]
        if not open_levels:
            return None
        if self._level not in open_levels:
            self._level, self._stale = open_levels[0], 0
        if self._stale >= _STALE:
            later = [k for k in open_levels if k > self._level]
            self._level, self._stale = (later or open_levels)[0], 0
        return self._level

    def _step(self, level: int) -> None:
        random = self._random
        name = self._operators.draw(random)
        size = self._sizes[name].draw(random)
        freed = destroy(name, self._picture, random, size, level)
        model = self._owner.model(self._picture.schedule)
        usable = [
            repair for repair, here in (("model", model), ("rule", self._rules)) if here is not None
        ]
        if not usable:
            time.sleep(_WAIT)
            return
        repair = (
            "model" if freed.all() and model is not None else self._repairs.draw(random, usable)
        )
        if repair == "rule":
            gained, effort = self._by_rule(freed)
        else:
            assert model is not None
            gained, effort = self._by_model(model, name, freed, level)
        reward = (2.0 if gained else 0.0) + 0.5
        self._operators.learn(name, reward)
        self._repairs.learn(repair, (float(gained) + 0.02) / max(effort, 1e-3))
        self._stale = 0 if gained else self._stale + 1

    def _by_rule(self, freed: np.ndarray) -> tuple[bool, float]:
        assert self._rules is not None
        found = self._rules.again(
            self._picture.schedule,
            self._values,
            freed,
            random=self._random,
            count=_RULE_RUNS,
            board=self._board,
        )
        effort = _RULE_RUNS * self._owner.frame.count * _RULE_EFFORT
        return (found is not None and self._take(found[1])), effort

    def _by_model(
        self, model: ModelRepair, name: str, freed: np.ndarray, level: int
    ) -> tuple[bool, float]:
        whole = bool(freed.all())
        ties = not whole and self._random.random() < _TIES
        effort = self._effort * (4 if whole else 1)
        outcome = model.repair(
            self._picture,
            self._values,
            freed,
            level=level,
            ties=ties,
            effort=effort,
            seed=int(self._random.integers(1 << 30)),
        )
        if self._board.over and outcome.schedule is None:
            return False, outcome.effort
        gained = outcome.schedule is not None and self._take(outcome.schedule)
        if whole:
            self._after_everything(model, level, outcome.closed)
        elif not ties:
            spent = outcome.effort / effort
            self._sizes[name].learn(gained=gained, closed=outcome.closed, spent=spent)
        return gained, outcome.effort

    def _after_everything(self, model: ModelRepair, level: int, closed: bool) -> None:
        """Everything was freed: its optimum is the optimum, given the levels before."""
        board, values = self._board, self._values
        if closed and model.complete and board.bounds[:level] == values[:level]:
            board.raise_bound(values[level], by=_NAME, level=level)
        elif closed:
            self._stale = _STALE
        else:
            self._effort = min(2 * self._effort, 60.0)

    def _take(self, schedule: Schedule) -> bool:
        """Move to a schedule that is no worse and verifies; says whether it is better."""
        problem = self._problem
        if self._rules is not None:
            schedule = same_or_better(problem, schedule, self._rules.left(schedule))
        values = tuple(evaluate(problem, schedule))
        if values > self._values or verify(problem, schedule):
            return False
        gained = values < self._values
        self._move_to(schedule)
        if gained:
            self._board.offer(values, schedule, by=_NAME)
        return gained
