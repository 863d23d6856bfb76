"""Whether a proof can still be hoped for."""

from __future__ import annotations

from typing import Final

from makespan.solvers.board import Board

_SLACK: Final = 2.0
"""A proof is out of reach if it would take this many times what is left."""


class Outlook:
    """Judges by the pace of the bound whether it will meet the incumbent in time.

    The bound's rise over the latter half of the time since the beginning is taken to go on. A
    solve without a limit has time for any proof.

    Parameters
    ----------
    trial
        Seconds before the first judgement.
    """

    def __init__(self, board: Board, trial: float) -> None:
        self.board, self.trial = board, trial
        self.began = board.seconds
        self.rises: list[tuple[float, int]] = []

    def is_hopeless(self) -> bool:
        """Whether to give up; asked again and again, for it notes how the bound rises."""
        board = self.board
        values, bound = board.values, board.bounds[0]
        spent = board.seconds - self.began
        if values is None or bound is None or not board.limited:
            return False
        if not self.rises or bound > self.rises[-1][1]:
            self.rises.append((spent, bound))
        if spent < self.trial:
            return False
        before = [known for when, known in self.rises if when <= spent / 2]
        pace = (bound - before[-1]) / (spent / 2) if before else 0.0
        return values[0] - bound > pace * board.left * _SLACK
