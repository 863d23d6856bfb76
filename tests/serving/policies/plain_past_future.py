"""Past-Future as its authors' code reads: every length one by one, every peak anew.

Random numbers are used in the same order as by the policy, so that decisions must be equal.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable

import numpy as np

from makespan.serving.policies.peak import peak_blocks
from makespan.serving.policy import EngineView, Policy


def remaining(past: Iterable[int], cap: int, had: int, lot: float) -> int:
    """A remaining length given what was generated, by inverse distribution."""
    lengths = sorted(past)
    if had == 0:
        return lengths[int(lot * len(lengths))]
    points = [had, *lengths[bisect_right(lengths, had) :]]
    if cap > lengths[-1]:
        points.append(cap)
    place = lot * (len(points) - 1)
    low = int(place)
    part = place - low
    following = points[min(low + 1, len(points) - 1)]
    return max(round(points[low] * (1.0 - part) + following * part) - had, 0)


class PlainPastFuture(Policy):
    """The policy with the same parameters."""

    time_varying = True

    def __init__(
        self,
        *,
        history: int,
        initial: int | None,
        reserve: float,
        blocks: bool,
        resume: str,
        every: int,
        lists: int,
        seed: int,
    ) -> None:
        self.history: deque[int] = deque(maxlen=history)
        self.initial, self.reserve, self.blocks, self.resume = initial, reserve, blocks, resume
        self.every, self.lists = every, lists
        self.cap: int | None = None
        self.random = np.random.default_rng(seed)
        self.asked = 0
        self.round = (-1, -1)
        self.batch: list[tuple[int, int]] = []
        self.left: list[list[int]] = []

    def begin(self, request: int, engine: EngineView) -> int:
        """The cap, and a history to begin with."""
        if self.cap is None:
            self.cap = engine.cap(request)
            initial = self.cap if self.initial is None else self.initial
            self.history.extend([initial] * -(-(self.history.maxlen or 0) // 2))
        return self.cap

    def admit(self, request: int, engine: EngineView) -> bool:
        """See the base class."""
        cap = self.begin(request, engine)
        fresh = self.round != (engine.index, engine.now)
        if fresh:
            self.round = (engine.index, engine.now)
            self.asked += 1
        if (self.asked - 1) % self.every:
            return False
        running = [(r, engine.prompt(r) + engine.generated(r)) for r in engine.running()]
        if fresh or running != self.batch:
            self.batch = running
            lots = self.random.random((min(self.lists, 200 // len(running) + 1), len(running)))
            self.left = [
                [
                    remaining(self.history, cap, engine.generated(r), u)
                    for (r, _), u in zip(running, lot, strict=True)
                ]
                for lot in lots.tolist()
            ]
        had = engine.generated(request)
        known = 0 if self.resume == "new" else had
        batch = [*self.batch, (request, engine.prompt(request) + had)]
        left = [
            [*row, remaining(self.history, cap, known, self.random.random())] for row in self.left
        ]
        size = engine.block_size if self.blocks else 1
        held = np.array([tokens for _, tokens in batch])
        need = max(peak_blocks(held, np.array(row), size) for row in left)
        allowed = engine.total_blocks * (1.0 - self.reserve)
        if need >= (allowed if self.blocks else allowed * engine.block_size):
            return False
        self.batch, self.left = batch, left
        return True

    def finished(self, request: int, engine: EngineView) -> None:
        """See the base class."""
        self.begin(request, engine)
        self.history.append(engine.generated(request))
