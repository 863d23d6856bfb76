"""What people see while an engine runs: a live panel on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

from makespan.cli._wording import describe_gap, describe_seconds
from makespan.solvers.compiling import COMPILE_CLOCK

if TYPE_CHECKING:
    from rich.console import RenderableType

    from makespan.cli._session import Session
    from makespan.cli._solving import View
    from makespan.core.problem import Problem
    from makespan.core.result import Progress

_QUIET_SECONDS = 5.0
"""Plain lines: longest silence while bounds move and the incumbent does not."""

_LINE_SECONDS = 0.5
"""Plain lines: shortest time between two of them."""

_PATIENCE_SECONDS = 1.0
"""How long compilation may take before it is spoken of."""

_PREPARING = "compiling the hot loops; only the first run does, and it is not counted as solving"

_TRAIL = 6
"""Live panel: how many incumbents are shown."""


class _Stopwatch:
    """Seconds since it was made, without those spent compiling."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._compiled = COMPILE_CLOCK.seconds

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begun - (COMPILE_CLOCK.seconds - self._compiled)


def compiling() -> bool:
    """Whether hot loops are being compiled, and for long enough to say so."""
    return COMPILE_CLOCK.active and COMPILE_CLOCK.seconds > _PATIENCE_SECONDS


class _Log:
    """Points of a history, written by the engine's thread and read by the main thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._level = 0
        self._best: int | None = None
        self._bound: int | None = None
        self._engine = ""
        self._trail: list[int] = []

    def add(self, progress: Progress) -> None:
        with self._lock:
            if progress.level != self._level:
                self._level, self._best, self._bound, self._trail = progress.level, None, None, []
            value = progress.objective
            if value is not None and (self._best is None or value < self._best):
                self._best = value
                self._trail = [*self._trail[-(_TRAIL - 1) :], value]
                self._engine = progress.engine or self._engine
            if progress.bound is not None and (self._bound is None or progress.bound > self._bound):
                self._bound = progress.bound

    def read(self) -> tuple[int, int | None, int | None, str, list[int]]:
        with self._lock:
            return self._level, self._best, self._bound, self._engine, list(self._trail)


class SilentView:
    """Shows nothing."""

    def begin(self) -> None:
        """Start no clock."""

    def report(self, progress: Progress) -> None:
        """Take a point and forget it."""

    def refresh(self, *, stopping: bool) -> None:
        """Draw nothing."""

    def close(self) -> None:
        """Nothing to clear."""


class LineView:
    """Plain lines on standard error, one per improvement, for logs and pipes."""

    def __init__(self, level_names: list[str]) -> None:
        self._log = _Log()
        self._names = level_names
        self._watch: _Stopwatch | None = None
        self._shown: tuple[int, int | None, int | None] = (0, None, None)
        self._last = -_QUIET_SECONDS
        self._told = False
        self._waiting = False

    def begin(self) -> None:
        """Start the clock."""
        self._watch = _Stopwatch()

    def report(self, progress: Progress) -> None:
        """Take one point of the history."""
        self._log.add(progress)

    def refresh(self, *, stopping: bool) -> None:
        """Print a line if there is something new to say."""
        if stopping and not self._told:
            self._told = True
            _line("stopping: waiting for the engine's best schedule (Ctrl-C again abandons it)")
        if self._watch is None:
            return
        if not self._waiting and compiling():
            self._waiting = True
            _line(_PREPARING)
        now = self._watch.seconds
        level, best, bound, engine, _ = self._log.read()
        state = (level, best, bound)
        if state == self._shown or best is None:
            return
        improved = state[:2] != self._shown[:2]
        if now - self._last < (_LINE_SECONDS if improved else _QUIET_SECONDS):
            return
        self._shown, self._last = state, now
        where = f"{self._names[level]} " if level < len(self._names) else ""
        known = "" if bound is None else f"  bound {bound}  gap {describe_gap(best, bound)}"
        _line(
            f"{describe_seconds(now):>9}  {where}{best}{known}{f'  ({engine})' if engine else ''}"
        )

    def close(self) -> None:
        """Nothing to clear."""


def _line(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


class LiveView:
    """Panel that is redrawn in place and disappears when the solve ends."""

    def __init__(self, level_names: list[str], time_limit: float | None, engine: str) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.spinner import Spinner

        self._log = _Log()
        self._names = level_names
        self._limit = time_limit
        self._asked = engine
        self._watch: _Stopwatch | None = None
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(
            self._draw(stopping=False),
            console=Console(stderr=True, highlight=False),
            transient=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def begin(self) -> None:
        """Start the clock."""
        self._watch = _Stopwatch()

    def report(self, progress: Progress) -> None:
        """Take one point of the history."""
        self._log.add(progress)

    def refresh(self, *, stopping: bool) -> None:
        """Redraw the panel."""
        self._live.update(self._draw(stopping=stopping), refresh=True)

    def close(self) -> None:
        """Remove the panel."""
        self._live.stop()

    def _draw(self, *, stopping: bool) -> RenderableType:
        from rich.panel import Panel
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        level, best, bound, engine, trail = self._log.read()
        elapsed = 0.0 if self._watch is None else self._watch.seconds
        clock = Table.grid(padding=(0, 1))
        shown = describe_seconds(elapsed)
        if self._limit is None:
            clock.add_row(self._spinner, Text(shown))
        else:
            bar = ProgressBar(total=self._limit, completed=min(elapsed, self._limit), width=30)
            clock.add_row(self._spinner, Text(f"{shown} of {describe_seconds(self._limit)}"), bar)
        rows = Table.grid(padding=(0, 2))
        rows.add_column(style="dim")
        rows.add_column()
        name = self._names[level] if level < len(self._names) else "objective"
        if len(self._names) > 1:
            name = f"{name} ({level + 1} of {len(self._names)})"
        rows.add_row("time", clock)
        rows.add_row(name, Text("searching …" if best is None else str(best), style="bold"))
        gap = "" if best is None or bound is None else f"  (gap {describe_gap(best, bound)})"
        rows.add_row("bound", "…" if bound is None else f"{bound}{gap}")
        rows.add_row("engine", engine or self._asked)
        if compiling():
            rows.add_row("", Text(_PREPARING, style="yellow"))
        if len(trail) > 1:
            rows.add_row("progress", " → ".join(map(str, trail)))
        footer = "stopping, Ctrl-C again abandons" if stopping else "Ctrl-C keeps the best"
        return Panel(
            rows,
            title="[bold]solving[/]",
            subtitle=f"[yellow]{footer}[/]" if stopping else f"[dim]{footer}[/]",
            title_align="left",
            subtitle_align="right",
            border_style="cyan",
            expand=False,
            padding=(0, 2),
        )


def make_view(session: Session, problem: Problem, *, time_limit: float | None, engine: str) -> View:
    """The view that fits: none when quiet, live on a terminal, plain lines otherwise."""
    from makespan.cli._wording import level_names

    if session.quiet:
        return SilentView()
    names = level_names(problem.objective)
    if sys.stderr.isatty():
        return LiveView(names, time_limit, engine)
    return LineView(names)
