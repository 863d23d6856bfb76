"""Dispatch once by a rule, or sample many biased runs and keep the best schedule."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Final

import numpy as np

from makespan.core.errors import EngineError, OptionError
from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.result import Progress, Result
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.core.vocabulary import Status
from makespan.solvers.dispatch import _layout as at
from makespan.solvers.dispatch._clock import Clock
from makespan.solvers.dispatch._runner import SCHEMES, Attempt, Failure, Runner, Scheme
from makespan.solvers.dispatch.bounds import level_bounds
from makespan.solvers.dispatch.rules import RULES, find_rule

OPENING: Final = (
    ("LFT", "serial"), ("MWKR", "parallel"), ("LFT", "parallel"), ("MWKR", "giffler-thompson"),
    ("LST", "serial"), ("ATC", "parallel"), ("MTS", "serial"), ("SPT", "parallel"),
    ("EDD", "serial"), ("MOPNR", "giffler-thompson"), ("PT+WINQ", "parallel"),
    ("GRPW*", "serial"), ("COVERT", "parallel"), ("FIFO", "parallel"), ("SPT", "serial"),
    ("LPT", "serial"), ("WSPT", "serial"), ("SLACK", "parallel"),
)  # fmt: skip
"""Rules and schemes tried first, best first in the median over the classic benchmarks."""


_CLOSURE_RULES: Final = ("MTS", "GRPW*")
_CLOSURE_LIMIT: Final = 1_000_000_000
"""Above it, sums over all successors would take many times longer than a run."""


def dispatch(
    problem: Problem, *, rule: str = "MWKR", scheme: Scheme = "serial", seed: int = 0
) -> Schedule:
    """Schedule built in one pass by a priority rule.

    Parameters
    ----------
    rule
        Name in :data:`RULES`.
    scheme
        "serial": next task by priority, as early as it fits; "parallel": forward in time, never
        leaving a resource idle for a task that waits (non-delay); "giffler-thompson": active
        schedules of plain shops.
    seed
        Matters for the rule RANDOM only.

    Raises
    ------
    OptionError
        If rule or scheme is unknown, or the scheme does not apply to the problem.
    EngineError
        If greedy placement finds no schedule; the message names the task that did not fit.
    """
    if scheme not in SCHEMES:
        raise OptionError(f"unknown scheme {scheme!r}", hint=f"known: {', '.join(SCHEMES)}")
    runner = Runner(problem)
    if not runner.run(Attempt(find_rule(rule), scheme), seed):
        raise EngineError(
            explain(problem, runner.failure), hint="try other rules, sample(), or engine 'cpsat'"
        )
    return runner.schedule()


def explain(problem: Problem, failure: Failure | None) -> str:
    """Sentence about why greedy placement stopped."""
    if failure is None:
        return "dispatch found no schedule"
    if failure.code == at.NO_CHOICE:
        return "dispatch: no choice of optional tasks and modes meets selections, links and budgets"
    if failure.code == at.OVERTAKEN:
        return "dispatch: the orders of jobs it tried on same-order machines break precedences"
    if failure.code == at.HALTED:
        return "dispatch was stopped before its first schedule was complete"
    name = problem.tasks.names[failure.task]
    if failure.code == at.NO_STOCK:
        return f"dispatch: task {name!r} waits for a reservoir level that no placed task brings"
    if failure.code == at.TOO_TIGHT:
        return f"dispatch: maximum lags or blocking around task {name!r} were not met in time"
    return (
        f"dispatch: task {name!r} fits nowhere in the schedule built so far: its windows, lags, "
        "calendars, deadline and the free capacity leave no room"
    )


@dataclass(slots=True)
class Best:
    """Incumbent of one worker: objective levels, and the run that found it (-1: the hint)."""

    value: tuple[int, ...] | None = None
    schedule: Schedule | None = None
    run: int = -1


def sample(
    problem: Problem,
    *,
    rules: Sequence[str] | None = None,
    schemes: Sequence[Scheme] | None = None,
    time_limit: float | None = None,
    iterations: int | None = None,
    threads: int = 1,
    seed: int = 0,
    hint: Schedule | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
) -> Result:
    """Best of many biased random dispatches.

    Every worker first runs the plain rules, then repeats: a rule with Gumbel noise on its
    priorities (a draw from the softmax over the waiting tasks), or the starts of its best
    schedule, with noise, as priorities of the serial scheme.

    Parameters
    ----------
    rules, schemes
        What to open with and to draw from; default is a selection that suits the problem.
    time_limit
        Seconds; at least one run is made. With neither limit, 1000 runs per thread.
    iterations
        Runs in all, divided among threads; without a time limit the schedule then depends on
        ``seed`` and ``threads`` alone.
    hint
        Schedule to start from, if it verifies.

    Returns
    -------
    Result
        FEASIBLE, OPTIMAL if the objective meets a bound on every level, or UNKNOWN with a
        message about the task that did not fit.
    """
    if threads < 1:
        raise OptionError(f"threads is {threads}", hint="at least 1")
    if iterations is not None and iterations < 1:
        raise OptionError(f"iterations is {iterations}", hint="at least 1")
    clock = Clock(time_limit, stop or threading.Event())
    if iterations is None and time_limit is None:
        iterations = 1000 * threads
    first = Runner(problem)
    opening = _opening(first, rules, schemes)
    bounds = level_bounds(problem, first.compiled, first.attributes)
    start = Best()
    if hint is not None and _verified(problem, hint):
        start = Best(evaluate(problem, hint), hint)
    history: list[Progress] = []
    lock = threading.Lock()
    shared = Best()

    def improved(value: tuple[int, ...], run: int, worker: int) -> None:
        with lock:
            if value == bounds:
                clock.prove(run, worker)
            if shared.value is not None and value >= shared.value:
                return
            level = 0
            if shared.value is not None:
                level = next(k for k, v in enumerate(value) if v != shared.value[k])
            shared.value = value
            bound = bounds[level] if level < len(bounds) else None
            point = Progress(clock.seconds, level, value[level], bound, "dispatch")
            history.append(point)
            if on_progress is not None:
                on_progress(point)

    if start.value is not None:
        improved(start.value, -1, 0)
    shares = [None] * threads if iterations is None else _shares(iterations, threads)
    workers = [
        _Worker(problem, first if k == 0 else Runner(problem, first), opening, seed, k, start)
        for k in range(threads)
    ]
    _work(workers, shares, clock, improved)
    found = [(w.best.value, w.best.run, w.number) for w in workers if w.best.value is not None]
    cancelled = stop is not None and stop.is_set()
    if not found:
        return Result(
            Status.UNKNOWN,
            engine="dispatch",
            seed=seed,
            threads=threads,
            bounds=bounds,
            seconds=clock.seconds,
            cancelled=cancelled,
            message=workers[0].message,
        )
    value, _, number = min(found)
    schedule = workers[number].best.schedule
    status = Status.OPTIMAL if value == bounds else Status.FEASIBLE
    runs = sum(w.runs for w in workers)
    return Result(
        status,
        schedule,
        value,
        bounds,
        tuple(history),
        "dispatch",
        seed,
        threads,
        clock.seconds,
        cancelled=cancelled,
        message=f"best of {runs} runs",
    )


def _work(
    workers: Sequence[_Worker],
    shares: Sequence[int | None],
    clock: Clock,
    improved: Callable[[tuple[int, ...], int, int], None],
) -> None:
    """Run all workers to their end; if one raises, or Ctrl-C comes, the others end soon.

    Even a single worker gets a thread, for the main thread handles signals only while it waits.
    """
    with ThreadPoolExecutor(len(workers)) as pool, clock.watch():
        jobs = [
            pool.submit(worker.work, share, clock, improved)
            for worker, share in zip(workers, shares, strict=True)
        ]
        for job in as_completed(jobs):
            job.result()


def _verified(problem: Problem, schedule: Schedule) -> bool:
    return len(schedule) == problem.tasks.count and not verify(problem, schedule)


def _shares(iterations: int, threads: int) -> list[int | None]:
    return [iterations // threads + (k < iterations % threads) for k in range(threads)]


def _opening(
    runner: Runner, rules: Sequence[str] | None, schemes: Sequence[Scheme] | None
) -> tuple[Attempt, ...]:
    """Attempts to open with, all without noise."""
    for scheme in schemes or ():
        if scheme not in SCHEMES:
            raise OptionError(f"unknown scheme {scheme!r}", hint=f"known: {', '.join(SCHEMES)}")
    usable = [s for s in (schemes or SCHEMES) if runner.shop or s != "giffler-thompson"]
    if not usable:
        raise OptionError("the Giffler-Thompson scheme is for plain shops", hint="use 'serial'")
    pairs: list[tuple[str, Scheme]]
    if rules is None:
        costly = _CLOSURE_RULES if runner.attributes.closure_work > _CLOSURE_LIMIT else ()
        pairs = [(name, s) for name, s in OPENING if s in usable and name not in costly]
    else:
        pairs = [(name, scheme) for name in rules for scheme in usable]
    if not pairs:
        raise OptionError("no rules given", hint=f"known: {', '.join(RULES)}")
    return tuple(Attempt(find_rule(name), scheme) for name, scheme in pairs)


_HEATS: Final = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
_NEAR_HEATS: Final = (0.003, 0.01, 0.02, 0.05, 0.1)
_CHOICES: Final = 32
_KEEP_CHOICE: Final = 0.9


class _Worker:
    """One thread's share of the sampling, with its own memory, incumbent and random stream."""

    def __init__(
        self,
        problem: Problem,
        runner: Runner,
        opening: tuple[Attempt, ...],
        seed: int,
        number: int,
        start: Best,
    ) -> None:
        self.problem, self.runner, self.opening, self.number = problem, runner, opening, number
        self.best = Best(start.value, start.schedule)
        self.runs = 0
        self.message = ""
        self._random = np.random.default_rng(np.random.SeedSequence([seed, number]))
        self._merit: list[tuple[int, ...] | None] = []
        self._trusted = runner.shop
        self._choice = 0

    def work(
        self,
        share: int | None,
        clock: Clock,
        improved: Callable[[tuple[int, ...], int, int], None],
    ) -> None:
        """Run until the share is used up or the clock says stop."""
        while (share is None or self.runs < share) and not clock.over(self.runs, self.number):
            attempt = self._next()
            seed = int(self._random.integers(1 << 62))
            self.runs += 1
            done = self.runner.run(attempt, seed)
            self.runner.halt = clock.halt
            value = self.runner.objective() if done else None
            if not done and not self.message:
                self.message = explain(self.problem, self.runner.failure)
            if self.runs <= len(self.opening):
                self._merit.append(value)
            if value is None or (self.best.value is not None and value >= self.best.value):
                continue
            schedule = self.runner.schedule()
            if not self._trusted and verify(self.problem, schedule):
                self.message = "dispatch built a schedule that does not verify and dropped it"
                continue
            self.best = Best(value, schedule, self.runs - 1)
            self._choice = attempt.choice
            improved(value, self.runs - 1, self.number)

    def _next(self) -> Attempt:
        opening = self.opening
        if self.runs < len(opening):
            # Workers open at different places, so that together they cover the list sooner.
            return opening[(self.runs + self.number * 7) % len(opening)]
        draw = self._random.random()
        cost = float(self._random.choice((0.0, 0.0, 1.0)))
        stir = float(self._random.choice((0.0, 0.0, 0.3)))
        if self.best.schedule is not None and draw < 0.6:
            near = float(self._random.choice(_NEAR_HEATS))
            base = self.best.schedule.start.astype(np.float64)
            return Attempt(opening[0].rule, "serial", near, cost, stir, base, self._choice)
        order = sorted(
            range(len(self._merit)),
            key=lambda k: (self._merit[k] is None, self._merit[k] or (), k),
        )
        rank = min(int(self._random.exponential(2.0)), len(order) - 1)
        chosen = opening[(order[rank] + self.number * 7) % len(opening)]
        heat = float(self._random.choice(_HEATS))
        return Attempt(chosen.rule, chosen.scheme, heat, cost, stir, choice=self._drawn_choice())

    def _drawn_choice(self) -> int:
        """Mostly the best schedule's choice of tasks and modes, now and then another one."""
        if not self.runner.choices.varied or self._random.random() < _KEEP_CHOICE:
            return self._choice
        return int(self._random.integers(_CHOICES))
