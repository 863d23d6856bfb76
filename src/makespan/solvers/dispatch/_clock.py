"""When sampling ends: one object that all its threads ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np

from makespan.solvers.compiling import COMPILE_CLOCK

_LOOK_EVERY: Final = 0.02
"""Seconds between looks at the time and the stop while runs are under way."""


class Clock:
    """Says when to stop: time, outside request, failure elsewhere, or a proven optimum.

    ``halt`` ends runs that are under way; workers heed it after their first run.
    """

    def __init__(self, time_limit: float | None, stop: threading.Event) -> None:
        self._began = time.perf_counter()
        self._compiled = COMPILE_CLOCK.seconds
        self._limit = time_limit
        self._stop = stop
        self._failed = False
        self._ended = threading.Event()
        self.halt = np.zeros(1, dtype=np.int64)
        self._proof: tuple[int, int] | None = None

    @property
    def seconds(self) -> float:
        """Seconds since the start, without those spent compiling."""
        compiled = COMPILE_CLOCK.seconds - self._compiled
        return time.perf_counter() - self._began - compiled

    def fail(self) -> None:
        """End all workers because one of them, or the caller, raised."""
        self._failed = True
        self.halt[0] = 1

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Raise ``halt`` when time is up or a stop is asked for, until the block is left."""
        watcher = threading.Thread(target=self._look, daemon=True)
        watcher.start()
        try:
            yield
        except BaseException:
            self.fail()
            raise
        finally:
            self._ended.set()
            watcher.join()

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_EVERY):
            if self._late() or self._stop.is_set():
                self.halt[0] = 1

    def _late(self) -> bool:
        return self._limit is not None and self.seconds >= self._limit

    def prove(self, run: int, worker: int) -> None:
        """Note that this run of this worker met the bound."""
        self._proof = min(self._proof or (run, worker), (run, worker))

    def over(self, run: int, worker: int) -> bool:
        """Whether the worker should not begin the run.

        Only runs later than the proof are dropped, whichever thread was faster, so that the
        earliest proof, and with it the result, does not depend on timing.
        """
        if self._failed or (self._proof is not None and (run, worker) > self._proof):
            return True
        return run > 0 and (self._late() or self._stop.is_set())
