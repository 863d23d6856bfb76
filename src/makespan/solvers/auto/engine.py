"""The portfolio: sampling, local search and exact search on one board."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from makespan.core.errors import OptionError
from makespan.core.problem import Objective, Problem
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import Status
from makespan.solvers.auto.outlook import Outlook
from makespan.solvers.auto.plan import MEMBERS, Features, Plan, plan_for
from makespan.solvers.board import Board, Relay
from makespan.solvers.compiling import COMPILE_CLOCK
from makespan.solvers.engine import ProgressCallback
from makespan.solvers.exchange import Exchange, exchanging
from makespan.solvers.local.search import Search, find_search
from makespan.solvers.workers import Work, join_workers

if TYPE_CHECKING:
    from makespan.solvers.cpsat.exact import ExactSearch

_LARGE_SECONDS: Final = 60.0
"""Time for a problem that is too large to be proven, where the caller set no limit."""

_LOOK_EVERY: Final = 0.02


@dataclass(frozen=True, slots=True)
class AutoOptions:
    """How the portfolio searches.

    Attributes
    ----------
    moves
        Moves of local search per thread; with it the members work one after the other, each for
        an amount of work that no clock decides, so that equal seeds give equal results.
    deterministic_limit
        CP-SAT's machine-independent seconds in that mode.
    only
        Member that works alone, "local", "exact" or "neighbourhood", where it can; "" for all.
    exchange
        Other solves of the same problem to exchange incumbents and bounds with.
    """

    moves: int | None = None
    deterministic_limit: float = 1.0
    only: str = ""
    exchange: Exchange | None = None

    def __post_init__(self) -> None:
        if self.moves is not None and self.moves < 1:
            raise OptionError(f"moves is {self.moves}; it must be at least 1")
        if self.only not in ("", *MEMBERS):
            raise OptionError(f"no member {self.only!r}", hint=f"known: {', '.join(MEMBERS)}")
        if not self.deterministic_limit > 0:
            raise OptionError(
                f"deterministic_limit is {self.deterministic_limit}; it must be positive"
            )


class AutoSolver:
    """The engine that suits the problem: a mix of members chosen by its features."""

    name = "auto"

    def __init__(self, options: AutoOptions | None = None) -> None:
        self.options = options if options is not None else AutoOptions()

    def solve(
        self,
        problem: Problem,
        *,
        time_limit: float | None,
        threads: int,
        seed: int,
        hint: Schedule | None,
        on_progress: ProgressCallback | None,
        stop: threading.Event,
    ) -> Result:
        """Solve as :class:`makespan.solvers.engine.Solver` describes."""
        board = Board(problem, time_limit=time_limit, stop=stop, on_progress=on_progress)
        first = _first_level(problem)
        moves = self.options.moves
        found = find_search(
            first,
            board if first is problem else Board(first),
            seed=seed,
            workers=threads if moves is None else 1,
            moves=moves,
        )
        features = Features.of(problem, "" if found is None else found.name)
        plan = plan_for(features, threads=threads, time_limit=time_limit)
        plan = plan.alone(self.options.only, features, threads)
        if time_limit is None and not plan.exact and moves is None:
            board.limit(_LARGE_SECONDS)
        whole = found if first is problem else None
        run = _Run(board, plan, self.options, whole, threads=threads, seed=seed, hint=hint)
        with board.watch(), exchanging(board, self.options.exchange):
            board.adopt(hint)
            run.work()
        result = board.result(engine=self.name, seed=seed, threads=threads, message=run.message())
        if run.status is Status.INFEASIBLE:
            result = replace(result, status=Status.INFEASIBLE)
        return result


def _first_level(problem: Problem) -> Problem:
    """The problem under the first level of its objective alone."""
    levels = problem.objective.levels
    return problem if len(levels) == 1 else replace(problem, objective=Objective(levels[:1]))


class _Run:
    """One call of the portfolio.

    Parameters
    ----------
    whole
        Local search of the whole problem on every thread, if there is one.
    """

    def __init__(
        self,
        board: Board,
        plan: Plan,
        options: AutoOptions,
        whole: Search | None,
        *,
        threads: int,
        seed: int,
        hint: Schedule | None,
    ) -> None:
        self._board = board
        self._whole = whole
        self._plan = plan
        self._options = options
        self._threads = threads
        self._seed = seed
        self._hint = hint
        self._notes: list[str] = []
        self._sampled = threading.Event()
        self._sampled.set()
        self._heir: Search | None = None
        self.status = Status.UNKNOWN

    def work(self) -> None:
        """All stages of the plan, until the board is over."""
        plan, board = self._plan, self._board
        sampling = plan.sampling > 0 and board.schedule is None
        beside = plan.exact > 0 and self._options.moves is None
        if sampling and not beside:
            self._sample()
        if self._options.moves is not None:
            self._local_first(None)
            if plan.exact:
                self._finish(self._exact(1))
            return
        if plan.local_first is None or plan.local_first > 0:
            self._local_first(plan.local_first)
        if board.over:
            return
        work: list[Work] = []
        if sampling and beside:
            self._sampled.clear()
            work.append(("dispatch", self._sample, 0))
        if plan.local:
            later = plan.exact if plan.exact_trial is not None else 0
            search = self._search(board, plan.local + later)
            if search is not None:
                work += [(search.name, search.work, k) for k in range(plan.local)]
                self._heir = search
        if plan.neighbourhood:
            around = self._around(plan.neighbourhood)
            if around is not None:
                work += [(around.name, around.work, k) for k in range(plan.neighbourhood)]
        if plan.exact:
            work.append(("cpsat", self._exact_later, plan.exact))
        join_workers(board, work)

    def message(self) -> str:
        """Why there is no schedule, if there is none."""
        notes = self._notes if self._board.schedule is None else []
        return "; ".join(note for note in notes if note)

    def _search(self, board: Board, workers: int) -> Search | None:
        return find_search(
            board.problem, board, seed=self._seed, workers=workers, moves=self._options.moves
        )

    def _around(self, workers: int) -> Search | None:
        from makespan.solvers.alns import search

        return search(
            self._board.problem,
            self._board,
            seed=self._seed,
            workers=workers,
            moves=self._options.moves,
        )

    def _local_first(self, seconds: float | None) -> None:
        """Local search on every thread, on the first level of the objective."""
        workers = 1 if self._options.moves is not None else self._threads
        whole = self._whole
        if seconds is None and whole is not None:
            join_workers(self._board, [(whole.name, whole.work, k) for k in range(workers)])
            return
        relay = Relay(self._board, problem=_first_level(self._board.problem), seconds=seconds)
        search = self._search(relay, workers)
        if search is None:
            return
        with relay.watch():
            join_workers(relay, [(search.name, search.work, k) for k in range(workers)])

    def _sample(self, _worker: int = 0) -> None:
        """Priority rules and noise, for a first schedule of any problem."""
        from makespan.solvers.dispatch import sample

        fixed = self._options.moves is not None
        result = sample(
            self._board.problem,
            time_limit=None if fixed else self._plan.sampling,
            iterations=self._options.moves,
            threads=1 if fixed else self._threads,
            seed=self._seed,
            stop=self._board.stop,
        )
        for level, bound in enumerate(result.bounds):
            if bound is not None:
                self._board.raise_bound(bound, by="dispatch", level=level)
        if result.schedule is not None:
            self._board.offer(result.objectives, result.schedule, by="dispatch")
        else:
            self._notes.append(result.message)
        self._sampled.set()

    def _exact(self, threads: int, outlook: Outlook | None = None) -> ExactSearch:
        from makespan.solvers.cpsat import CpSatOptions
        from makespan.solvers.cpsat.exact import ExactSearch

        fixed = self._options.moves is not None
        options = CpSatOptions(
            deterministic_limit=self._options.deterministic_limit if fixed else None
        )
        return ExactSearch(
            options,
            self._board,
            threads=threads,
            seed=self._seed,
            hint=self._hint,
            gives_up=None if outlook is None else outlook.is_hopeless,
        )

    def _exact_later(self, threads: int) -> None:
        """Wait for a first schedule, unless its makers are still being compiled."""
        board = self._board
        while not board.over and not COMPILE_CLOCK.active:
            ready = board.schedule is not None or not self._plan.local
            if ready and self._sampled.is_set() and board.seconds >= self._plan.exact_after:
                break
            time.sleep(_LOOK_EVERY)
        trial = self._plan.exact_trial
        outlook = None if trial is None else Outlook(board, trial)
        self._finish(self._exact(threads, outlook))
        if outlook is not None and not board.over:
            self._inherit(threads)

    def _inherit(self, threads: int) -> None:
        """Local search on the threads of an exact search that gave up."""
        first, heir = self._plan.local, self._heir
        if heir is None:
            heir = self._search(self._board, threads)
        if heir is not None:
            join_workers(self._board, [(heir.name, heir.work, first + k) for k in range(threads)])

    def _finish(self, member: ExactSearch) -> None:
        member.work()
        self.status = member.status
        self._notes.append(member.message)
