"""Waiting for what cannot be interrupted, but no longer than the board goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, TypeVar

from makespan.solvers.board import Board

Made = TypeVar("Made")

_POLL_SECONDS: Final = 0.005


def unless_over(board: Board, make: Callable[[], Made]) -> Made | None:
    """What ``make`` returns; None if the board is over before.

    Building a large model takes seconds and asks nobody, so it gets a thread that is left behind
    when the board is over. Only for pure Python: native threads must not outlive the interpreter.
    """
    made: list[Made] = []
    done = threading.Event()

    def work() -> None:
        try:
            made.append(make())
        except BaseException as error:  # noqa: BLE001  # raised again when the watch ends
            board.fail(error)
        finally:
            done.set()

    threading.Thread(target=work, name="makespan-model", daemon=True).start()
    while not done.wait(_POLL_SECONDS) and not board.over:
        pass
    return made[0] if made else None
