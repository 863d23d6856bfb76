"""How long this process has spent compiling hot loops, so that no time limit pays for it.

numba compiles a kernel on its first call on a machine and keeps it on disk. Clocks of solves
subtract that time; the terminal shows it.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Final


class CompileClock:
    """Seconds in which some thread compiled; calls of compilers may nest and overlap."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depth = 0
        self._since = 0.0
        self._spent = 0.0

    @property
    def active(self) -> bool:
        """Whether something is being compiled right now."""
        return self._depth > 0

    @property
    def seconds(self) -> float:
        """Seconds spent compiling since the process began, the running compilation included."""
        with self._lock:
            running = time.perf_counter() - self._since if self._depth else 0.0
            return self._spent + running

    def on_start(self, _event: Any) -> None:
        """A compiler begins (numba's listener protocol)."""
        with self._lock:
            if self._depth == 0:
                self._since = time.perf_counter()
            self._depth += 1

    def on_end(self, _event: Any) -> None:
        """A compiler has ended."""
        with self._lock:
            self._depth -= 1
            if self._depth == 0:
                self._spent += time.perf_counter() - self._since


COMPILE_CLOCK: Final = CompileClock()
"""The one clock of this process; :mod:`makespan.solvers.jit` connects it to numba."""
