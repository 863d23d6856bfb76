"""How far something is: a line that is rewritten on a terminal, one now and then elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from makespan.cli._session import Session

_ELSEWHERE: Final = 10.0
"""Seconds between two lines where they stay."""

_LOOK: Final = 0.25
"""Seconds between two looks of a watch."""


class Line:
    """One line about one thing that is under way.

    Parameters
    ----------
    patience
        Seconds before anything is said where lines stay.
    """

    def __init__(self, session: Session, *, patience: float = 0.0) -> None:
        self._session = session
        self._live = sys.stderr.isatty() and not session.quiet
        self._next = time.monotonic() + patience

    def say(self, text: str) -> None:
        """Tell, if it is time to."""
        if self._live:
            sys.stderr.write(f"\r{text[: self._width()]}\x1b[K")
            sys.stderr.flush()
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + _ELSEWHERE
            self._session.note(text)

    def close(self) -> None:
        """Leave the line."""
        if self._live:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _width(self) -> int:
        """Characters of a line that does not break, as one that does cannot be rewritten."""
        return max(20, self._session.console.width - 1)


class Watch:
    """Says again and again how far a piece of work is that tells nothing by itself.

    Parameters
    ----------
    text
        What is to be said now, asked from another thread; None: nothing.
    """

    def __init__(self, session: Session, text: Callable[[], str | None]) -> None:
        self._line = Line(session, patience=_ELSEWHERE)
        self._text = text
        self._ended = threading.Event()
        self._saying = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def clear(self) -> None:
        """Leave the line, for others to write."""
        with self._saying:
            self._line.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._line.close()

    def _run(self) -> None:
        while not self._ended.wait(_LOOK):
            with self._saying:
                if text := self._text():
                    self._line.say(text)
