"""Threads that work on one board."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Sequence
from typing import Final

from makespan.solvers.board import Board
from makespan.solvers.compiling import COMPILE_CLOCK

_JOIN_SECONDS: Final = 0.05
"""The caller's thread stays in Python, for signal handlers run nowhere else."""

Work = tuple[str, Callable[[int], None], int]
"""Name, function and the number it is called with."""


def run_workers(board: Board, work: Sequence[Work]) -> None:
    """Call every function in a thread of its own and wait until all have returned.

    The board's clock runs meanwhile, and the board is over afterwards. If a function raises, the
    others end soon and the error is raised here.
    """
    with board.watch():
        join_workers(board, work)


def join_workers(board: Board, work: Sequence[Work]) -> None:
    """The same within a watch that goes on, which also raises the error."""

    def guarded(function: Callable[[int], None], number: int) -> None:
        try:
            function(number)
        except BaseException as error:  # noqa: BLE001  # raised again when the watch ends
            board.fail(error)

    threads = [
        threading.Thread(
            target=guarded, args=(function, number), name=f"makespan-{name}-{number}", daemon=True
        )
        for name, function, number in work
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(_JOIN_SECONDS)
            answered = board.schedule is not None or board.cancelled
            if board.over and answered and COMPILE_CLOCK.active:
                # Compilation cannot be interrupted, but an answer need not wait for it.
                atexit.register(thread.join)
                break
