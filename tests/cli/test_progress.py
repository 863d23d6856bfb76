"""What is shown while an engine runs: lines, the panel, and the words for waiting."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from makespan.cli import _progress
from makespan.cli._progress import LineView, LiveView, SilentView, make_view
from makespan.cli._session import Session
from makespan.core.result import Progress
from makespan.generators import named_instance


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        """Seconds on this clock."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the views."""
    own = Clock()
    monkeypatch.setattr(_progress, "time", own)
    return own


def _lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_an_improvement_is_a_line(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    """Time, level, value, bound, gap and engine."""
    view = LineView(["makespan"])
    view.begin()
    clock.now += 12
    view.report(Progress(12.0, 0, 100, 90, "cpsat"))
    view.refresh(stopping=False)
    assert _lines(capsys) == ["     12 s  makespan 100  bound 90  gap 10.0 %  (cpsat)"]
    view.refresh(stopping=False)
    assert _lines(capsys) == []


def test_lines_do_not_flood(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    """A hundred improvements in a moment are one line; bounds alone are told every five seconds."""
    view = LineView(["makespan"])
    view.begin()
    for value in range(200, 100, -1):
        view.report(Progress(0.0, 0, value, 0))
        view.refresh(stopping=False)
    assert len(_lines(capsys)) == 1
    clock.now += 1
    view.refresh(stopping=False)
    assert len(_lines(capsys)) == 1
    for bound in range(50):
        view.report(Progress(0.0, 0, None, bound))
        clock.now += 0.2
        view.refresh(stopping=False)
    assert 1 <= len(_lines(capsys)) <= 3


def test_a_new_level_starts_afresh(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    """Values of the second level may lie above those of the first."""
    view = LineView(["makespan", "total flow time"])
    view.begin()
    view.report(Progress(0.0, 0, 10, 10))
    view.refresh(stopping=False)
    clock.now += 1
    view.report(Progress(1.0, 1, 500, None))
    view.refresh(stopping=False)
    assert _lines(capsys)[-1].split() == ["1.0", "s", "total", "flow", "time", "500"]


def test_worse_values_of_late_messengers_are_not_shown(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Members of a portfolio report out of order; the incumbent never gets worse."""
    view = LineView(["makespan"])
    view.begin()
    view.report(Progress(0.0, 0, 10, 5))
    view.report(Progress(0.0, 0, 12, 3))
    view.refresh(stopping=False)
    assert "makespan 10  bound 5" in _lines(capsys)[0]


class Compiling:
    """A compile clock that a test sets."""

    def __init__(self) -> None:
        self.active, self.seconds = False, 0.0


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> Compiling:
    """The compile clock of the views."""
    own = Compiling()
    monkeypatch.setattr(_progress, "COMPILE_CLOCK", own)
    return own


def test_waiting_for_compilation_is_explained(
    clock: Clock, compiler: Compiling, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once, when it takes more than a moment; the clock of the solve leaves it out."""
    compiler.active, compiler.seconds = True, 0.5
    view = LineView(["makespan"])
    view.begin()
    view.refresh(stopping=False)
    assert _lines(capsys) == []
    clock.now += 6
    compiler.seconds = 6.0
    view.refresh(stopping=False)
    view.refresh(stopping=False)
    assert _lines(capsys) == [_progress._PREPARING]
    compiler.active = False
    clock.now += 1
    view.report(Progress(1.0, 0, 10, None))
    view.refresh(stopping=False)
    assert _lines(capsys)[0].startswith("    1.5 s")


def test_stopping_is_acknowledged_once(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever pressed Ctrl-C learns that it was heard."""
    view = LineView(["makespan"])
    view.begin()
    view.refresh(stopping=True)
    view.refresh(stopping=True)
    assert len(_lines(capsys)) == 1


def _panel(view: LiveView, *, stopping: bool = False) -> str:
    console = Console(file=io.StringIO(), width=100, color_system=None)
    console.print(view._draw(stopping=stopping))
    shown: Any = console.file
    return str(shown.getvalue())


def test_the_panel_shows_the_state_of_the_search(clock: Clock, compiler: Compiling) -> None:
    """Time and limit, incumbent, bound, gap, engine, and how the incumbent improved."""
    view = LiveView(["makespan", "moved"], 60.0, "auto")
    try:
        assert "searching" in _panel(view)
        view.begin()
        clock.now += 6
        compiler.active, compiler.seconds = True, 6.0
        assert "compiling" in _panel(view)
        compiler.active = False
        clock.now += 15
        for value in (120, 110, 100):
            view.report(Progress(1.0, 0, value, 90, "tabu"))
        text = _panel(view)
        for part in ("15 s of 1 min 00 s", "makespan (1 of 2)", "100", "90", "gap 10.0 %",
                     "tabu", "120 → 110 → 100", "Ctrl-C keeps the best"):  # fmt: skip
            assert part in text
        assert "compiling" not in text
        assert "stopping" in _panel(view, stopping=True)
    finally:
        view.close()


def test_the_view_fits_the_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """None when quiet, lines in a pipe, a panel on a terminal."""
    problem = named_instance("ft06")
    options: dict[str, Any] = {"time_limit": None, "engine": "auto"}
    assert isinstance(make_view(Session("solve", quiet=True), problem, **options), SilentView)
    assert isinstance(make_view(Session("solve"), problem, **options), LineView)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    view = make_view(Session("solve"), problem, **options)
    view.close()
    assert isinstance(view, LiveView)
