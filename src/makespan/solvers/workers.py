"""Threads that work on one board."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final

from makespan.solvers.board import Board

_JOIN_SECONDS: Final = 0.05
"""The caller's thread stays in Python, for signal handlers run nowhere else."""


def run_workers(board: Board, work: Sequence[tuple[str, Callable[[int], None], int]]) -> None:
    """Call every ``(name, function, number)`` in a thread of its own until the board is over.

    If one raises, the others end soon and the error is raised here.
    """

    def guarded(function: Callable[[int], None], number: int) -> None:
        try:
            function(number)
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            board.fail(error)

    threads = [
        threading.Thread(
            target=guarded, args=(function, number), name=f"makespan-{name}-{number}", daemon=True
        )
        for name, function, number in work
    ]
    with board.watch():
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(_JOIN_SECONDS)
