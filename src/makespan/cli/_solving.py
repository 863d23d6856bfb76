"""Running an engine in a thread, so that Ctrl-C and the live display always answer."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Protocol, TypeVar

from makespan.cli._session import CANCELLED
from makespan.core.errors import EngineError

if TYPE_CHECKING:
    from makespan.core.problem import Problem
    from makespan.core.result import Progress, Result
    from makespan.core.schedule import Schedule

Outcome = TypeVar("Outcome")

_TICK_SECONDS = 0.1


class View(Protocol):
    """What shows a solve while it runs."""

    def begin(self) -> None:
        """Start the clock; called from the engine's thread."""

    def report(self, progress: Progress) -> None:
        """Take one point of the history; called from the engine's thread."""

    def refresh(self, *, stopping: bool) -> None:
        """Draw; called from the main thread about ten times a second."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class _Interrupts:
    """Counts requests to stop; the first stops the engine, the second abandons the process."""

    def __init__(self) -> None:
        self.stop = threading.Event()

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if self.stop.is_set():
            # Engines hold native threads that a normal exit would wait for.
            sys.stderr.write("\nmakespan: abandoned; nothing was written\n")
            sys.stderr.flush()
            os._exit(CANCELLED)
        self.stop.set()


@contextmanager
def _listening(interrupts: _Interrupts) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = [n for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]
    before = {getattr(signal, n): signal.getsignal(getattr(signal, n)) for n in names}
    for number in before:
        signal.signal(number, interrupts)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_engine(
    problem: Problem,
    view: View,
    *,
    engine: str,
    time_limit: float | None,
    threads: int | None,
    seed: int,
    hint: Schedule | None,
) -> tuple[Result, bool]:
    """Solve while ``view`` shows the progress.

    Returns
    -------
    tuple
        The result, and whether the user asked to stop before the engine was done.
    """
    from makespan import solve

    def work(stop: threading.Event) -> Result:
        return solve(
            problem,
            engine=engine,
            time_limit=time_limit,
            threads=threads,
            seed=seed,
            hint=hint,
            on_progress=view.report,
            stop=stop,
        )

    return run_watched(view, work)


def run_watched(view: View, work: Callable[[threading.Event], Outcome]) -> tuple[Outcome, bool]:
    """Do ``work``, which ends soon after its event is set, while ``view`` shows the progress.

    Returns
    -------
    tuple
        What it returned, and whether the user asked to stop before it was done.
    """
    interrupts = _Interrupts()
    outcome: list[Outcome] = []
    failure: list[BaseException] = []

    def guarded() -> None:
        try:
            view.begin()
            outcome.append(work(interrupts.stop))
        except BaseException as error:  # noqa: BLE001  # carried over to the main thread
            failure.append(error)

    thread = threading.Thread(target=guarded, name="makespan-solve", daemon=True)
    try:
        with _listening(interrupts):
            thread.start()
            while thread.is_alive():
                thread.join(_TICK_SECONDS)
                view.refresh(stopping=interrupts.stop.is_set())
    finally:
        view.close()
    if failure:
        raise failure[0]
    if not outcome:
        raise EngineError("the engine ended without a result")
    return outcome[0], interrupts.stop.is_set()
