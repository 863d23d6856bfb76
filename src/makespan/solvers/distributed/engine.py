"""The engine ``ray``: workers with different members and seeds on every CPU of a cluster."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import Any, Final

from makespan.core.errors import EngineError, OptionError
from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import Status
from makespan.solvers.auto import AutoOptions, AutoSolver
from makespan.solvers.board import Board
from makespan.solvers.distributed.blackboard import Blackboard, BlackboardExchange, Line
from makespan.solvers.distributed.ray_link import ActorLine, connected, here, lost
from makespan.solvers.engine import ProgressCallback

_DEFAULT_SECONDS: Final = 60.0
_POLL: Final = 0.1
_GRACE: Final = 5.0
"""Seconds that workers have for their last words after the end."""

_RETRIES: Final = 100
"""Deaths of workers after which the cluster is given up."""

_ROLES: Final = ("", "local", "exact", "local", "neighbourhood")
"""Members in the order in which workers take them; the first runs the whole portfolio."""


@dataclass(frozen=True, slots=True)
class RayOptions:
    """How the engine uses a cluster.

    Attributes
    ----------
    address
        Of the cluster ("auto", "host:port", "ray://..."); None: RAY_ADDRESS, or else a cluster
        of this machine alone.
    threads
        Threads, and so CPUs, of each worker.
    workers
        Most workers at once; None: as many as there are CPUs for, new nodes included.
    """

    address: str | None = None
    threads: int = 1
    workers: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("threads", self.threads), ("workers", self.workers)):
            if value is not None and value < 1:
                raise OptionError(f"{name} is {value}; it must be at least 1")


class RaySolver:
    """The portfolio spread over a Ray cluster; incumbents and bounds are shared as they come.

    A worker or node that dies costs nothing but its own time: what it found has been shared, and
    its work begins again elsewhere. Nodes that join get workers.
    """

    name = "ray"

    def __init__(self, options: RayOptions | None = None) -> None:
        self.options = options if options is not None else RayOptions()

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
        """Solve as :class:`makespan.solvers.engine.Solver` describes; ``threads`` is unused."""
        began = time.perf_counter()
        with connected(self.options.address) as ray:
            # Starting a cluster of one's own takes seconds that belong to the call.
            limit = _DEFAULT_SECONDS if time_limit is None else time_limit
            left = max(limit - (time.perf_counter() - began), 0.1)
            board = Board(problem, time_limit=left, stop=stop, on_progress=on_progress)
            crew = _Crew(ray, board, self.options, seed)
            with board.watch():
                board.adopt(hint)
                try:
                    crew.work()
                finally:
                    crew.dismiss()
        result = board.result(
            engine=self.name, seed=seed, threads=self.options.threads, message=crew.message()
        )
        if crew.infeasible:
            result = replace(result, status=Status.INFEASIBLE)
        return result


class _Crew:
    """The workers of one solve, as seen from the caller's process."""

    def __init__(self, ray: Any, board: Board, options: RayOptions, seed: int) -> None:
        self._ray = ray
        self._board = board
        self._options = options
        self._seed = seed
        self._actor = here(ray, Blackboard, len(board.bounds))
        self._line: Line = ActorLine(self._actor)
        self._exchange = BlackboardExchange(self._line, "caller")
        self._problem = ray.put(board.problem)
        self._remote = ray.remote(_search).options(
            num_cpus=options.threads, max_retries=0, scheduling_strategy="SPREAD"
        )
        self._running: dict[Any, int] = {}
        self._again: list[int] = []
        self._hired = 0
        self._deaths = 0
        self.infeasible = False

    def work(self) -> None:
        """Hire, exchange and replace until the board is over."""
        board = self._board
        self._exchange.sync(board)
        while not board.over and not self.infeasible:
            self._hire()
            if not self._running:
                time.sleep(_POLL)
            for reference in self._ended():
                self._collect(reference)
            self._exchange.sync(board)

    def dismiss(self) -> None:
        """Stop all workers, take their last words, let the cluster go."""
        ray = self._ray
        self._line("stop")
        if self._running:
            ray.wait(list(self._running), num_returns=len(self._running), timeout=_GRACE)
        self._exchange.take(self._board)
        for reference in self._running:
            ray.cancel(reference, force=True)
        ray.kill(self._actor)

    def message(self) -> str:
        """How many workers there were, and how many were lost."""
        lost_words = f", {self._deaths} lost and replaced" if self._deaths else ""
        return f"{self._hired} workers{lost_words}"

    def _ended(self) -> list[Any]:
        """Workers that ended within the next moment."""
        if not self._running:
            return []
        references = list(self._running)
        done, _ = self._ray.wait(references, num_returns=len(references), timeout=_POLL)
        return list(done)

    def _hire(self) -> None:
        most = self._options.workers
        free = int(self._ray.available_resources().get("CPU", 0)) // self._options.threads
        # Tasks that wait for a CPU do not show as used yet, so one at a time beyond the first lot.
        room = free if not self._running else min(free, 1)
        for _ in range(room):
            if most is not None and len(self._running) >= most:
                return
            number = self._again.pop() if self._again else self._hired
            self._hired = max(self._hired, number + 1)
            reference = self._remote.remote(
                self._problem,
                self._line,
                number=number,
                time_limit=max(self._board.left, 0.1),
                threads=self._options.threads,
                seed=self._seed,
            )
            self._running[reference] = number

    def _collect(self, reference: Any) -> None:
        number = self._running.pop(reference)
        try:
            status = Status(self._ray.get(reference))
        except Exception as error:
            if not lost(self._ray, error):
                raise EngineError(f"worker {number} failed: {error}") from error
            self._deaths += 1
            if self._deaths > _RETRIES:
                raise EngineError(
                    f"{self._deaths} workers died; the last one: {error}",
                    hint="look at the cluster's logs; nodes may lack memory",
                ) from error
            self._again.append(number)
            return
        if status is Status.INFEASIBLE:
            self.infeasible = True


def _search(
    problem: Problem, line: Line, *, number: int, time_limit: float, threads: int, seed: int
) -> str:
    """One worker's solve, in a process of the cluster; its findings go to the blackboard."""
    exchange = BlackboardExchange(line, f"worker {number}")
    only = _ROLES[number % len(_ROLES)]
    solver = AutoSolver(AutoOptions(only=only, exchange=exchange))
    result = solver.solve(
        problem,
        time_limit=time_limit,
        threads=threads,
        seed=(seed + 7919 * number) % 2**31,
        hint=None,
        on_progress=None,
        stop=threading.Event(),
    )
    return result.status.value
