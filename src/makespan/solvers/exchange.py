"""Exchanging incumbents with solves elsewhere, on other machines for instance."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from makespan.solvers.board import Board

PERIOD: Final = 0.2
"""Seconds between two exchanges."""


class Exchange(Protocol):
    """Tells others what a board knows, and the board what others know."""

    def sync(self, board: Board) -> None:
        """Send and take what is new; called about five times a second from one thread."""
        ...


@contextmanager
def exchanging(board: Board, exchange: Exchange | None) -> Iterator[None]:
    """Exchange in a thread until the block is left, and once more at its end."""
    if exchange is None:
        yield
        return
    ended = threading.Event()

    def work() -> None:
        try:
            while not ended.wait(PERIOD):
                exchange.sync(board)
        except BaseException as error:  # noqa: BLE001  # raised again when the board's watch ends
            board.fail(error)

    thread = threading.Thread(target=work, name="makespan-exchange", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        exchange.sync(board)
