"""How far something is: on a terminal, elsewhere, and of work that tells nothing itself."""

from __future__ import annotations

import io
import sys
import threading

import pytest

from makespan.cli._line import Line, Watch
from makespan.cli._session import Session


class Terminal(io.StringIO):
    """Standard error that is a terminal."""

    def isatty(self) -> bool:
        """Whether it is."""
        return True


def narrow(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal of forty columns in place of standard error."""
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    monkeypatch.setenv("COLUMNS", "40")
    return made


def test_a_line_is_rewritten_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """It never breaks, and is gone at the end."""
    terminal = narrow(monkeypatch)
    line = Line(Session("load"))
    line.say("a" * 100)
    line.say("b")
    line.close()
    assert terminal.getvalue() == f"\r{'a' * 39}\x1b[K\rb\x1b[K\r\x1b[K"


def test_elsewhere_lines_are_few(capsys: pytest.CaptureFixture[str]) -> None:
    """One now, the next after a while, the first after the patience; none when quiet."""
    line = Line(Session("load"))
    line.say("first")
    line.say("second")
    line.close()
    Line(Session("load"), patience=60).say("third")
    Line(Session("load", quiet=True)).say("fourth")
    assert capsys.readouterr().err == "first\n"


def test_work_is_watched_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text is asked from another thread; nothing is said of nothing, or after the end."""
    terminal = narrow(monkeypatch)
    asked = threading.Event()
    texts = iter([None, "half"])

    def text() -> str | None:
        now = next(texts, None)
        if now is None and "half" in terminal.getvalue():
            asked.set()
        return now

    with Watch(Session("simulate"), text) as watch:
        assert asked.wait(30)
    assert not watch._thread.is_alive()
    assert terminal.getvalue() == "\rhalf\x1b[K\r\x1b[K"
