"""The requests of an engine that decode, without anything to do per step.

All advance by one token a step, so one counter of steps carries them: a request keeps only the
difference ``base`` between the tokens it has computed and the counter. Completions wait in a heap
by the value of the counter at which they fall due. The blocks needed in a step follow from a
histogram of ``-base`` modulo the block size.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right

from makespan.serving.engine.requests import Requests

NEVER = 1 << 62


class Cohort:
    """The decoding requests of one engine.

    Attributes
    ----------
    steps
        Steps taken.
    base
        Of every member: its computed tokens minus ``steps``.
    context
        Sum of the members' computed tokens.
    crossing
        ``crossing[steps % block_size]`` members need a block in the next step.
    """

    __slots__ = (
        "base",
        "block_size",
        "context",
        "crossing",
        "due",
        "entry",
        "lulls",
        "requests",
        "steps",
    )

    def __init__(self, requests: Requests, block_size: int) -> None:
        self.requests, self.block_size = requests, block_size
        self.steps = self.context = 0
        self.base: dict[int, int] = {}
        self.entry: dict[int, int] = {}
        self.crossing = [0] * block_size
        self.due: list[tuple[int, int, int]] = []
        # Falling durations with the step after which each was the longest since.
        self.lulls: list[tuple[int, int]] = []

    def join(self, request: int, rank: int) -> None:
        """A request whose prompt is computed decodes from now on; ``rank`` breaks ties."""
        computed = self.requests.computed[request]
        base = computed - self.steps
        self.base[request] = base
        self.entry[request] = self.steps
        self.context += computed
        self.crossing[-base % self.block_size] += 1
        heapq.heappush(self.due, (self.requests.goal[request] - 1 - base, rank, request))

    def leave(self, request: int, computed: int) -> None:
        """A request ends or loses its memory; its state is written back to the requests."""
        requests = self.requests
        base = self.base.pop(request)
        self.crossing[-base % self.block_size] -= 1
        self.context -= computed
        at = bisect_right(self.lulls, self.entry.pop(request), key=_step)
        if at < len(self.lulls):
            longest = self.lulls[at][1]
            if longest > requests.longest_gap[request]:
                requests.longest_gap[request] = longest

    def next_due(self, running: dict[int, int]) -> int:
        """The value of ``steps`` at which the next member has all its tokens."""
        due, goal = self.due, self.requests.goal
        while due:
            step, rank, request = due[0]
            base = self.base.get(request)
            if (
                base is not None
                and running.get(request) == rank
                and base + step == goal[request] - 1
            ):
                return step
            heapq.heappop(due)  # it left, or was held up, since
        return NEVER

    def hold_up(self, request: int, rank: int) -> None:
        """A member gets no token in the step that ``steps`` already counts."""
        base = self.base[request]
        self.crossing[-base % self.block_size] -= 1
        base -= 1
        self.base[request] = base
        self.crossing[-base % self.block_size] += 1
        heapq.heappush(self.due, (self.requests.goal[request] - 1 - base, rank, request))

    def lasted(self, duration: int) -> None:
        """Note how long the step that ``steps`` just counted took."""
        lulls = self.lulls
        while lulls and lulls[-1][1] <= duration:
            lulls.pop()
        lulls.append((self.steps, duration))


def _step(lull: tuple[int, int]) -> int:
    return lull[0]
