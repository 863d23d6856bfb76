"""Who is sent when: arrivals of a workload, and follow-ups once their parents have ended."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import numpy as np

from makespan.serving.workload import Workload


class Arrivals:
    """Requests not yet sent, by the time at which they are due and then by index.

    Attributes
    ----------
    missing
        (n,) parents of each request that have not ended.
    """

    def __init__(self, load: Workload) -> None:
        self.missing = np.diff(load.parent_ptr)
        self._ready = load.arrival.copy()
        # The table of parents turned round: children and delays by parent.
        owner = np.repeat(np.arange(load.count), self.missing)
        order = np.argsort(load.parent, kind="stable")
        self._child, self._delay = owner[order], load.delay[order]
        counts = np.bincount(load.parent, minlength=load.count)
        self._ptr = np.concatenate(([0], np.cumsum(counts)))
        self._due = [(int(load.arrival[r]), int(r)) for r in np.flatnonzero(self.missing == 0)]
        heapq.heapify(self._due)

    @property
    def next(self) -> int | None:
        """When the next request is due, as far as is known; None if none is."""
        return self._due[0][0] if self._due else None

    def until(self, now: int) -> Iterator[tuple[int, int]]:
        """(time due, request) of all that are due at or before ``now``; they are sent by this."""
        while self._due and self._due[0][0] <= now:
            yield heapq.heappop(self._due)

    def ended(self, request: int, now: int) -> None:
        """Note the end of a request, which may make others due."""
        for k in range(self._ptr[request], self._ptr[request + 1]):
            child = int(self._child[k])
            self._ready[child] = max(self._ready[child], now + self._delay[k])
            self.missing[child] -= 1
            if not self.missing[child]:
                heapq.heappush(self._due, (int(self._ready[child]), child))


def first_arrival(load: Workload) -> int:
    """When the first request arrives, at which clocks of real time start; 0 of an empty load."""
    return int(load.arrival[0]) if load.count else 0
