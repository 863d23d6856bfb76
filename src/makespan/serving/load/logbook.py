"""What a client sees of its requests, as a record.

A client knows when it was due to send, when tokens came and how the answer ended. It does not see
an admission: where a record wants one, it has the time of sending, so that nothing counts as
queued. Prefix hits are known where the server tells them.
"""

from __future__ import annotations

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.serving.load.failures import Failure, Kind
from makespan.serving.record import NEVER, Fate, Record
from makespan.serving.workload import Workload


class Logbook:
    """What has happened so far.

    Attributes
    ----------
    said
        Tokens that each request got.
    words
        Their numbers, where the server told them.
    failures
        Why requests were not answered, by request.
    late
        (n,) how long after it was due each request was sent, ps; the client's fault.
    """

    def __init__(self, load: Workload) -> None:
        n = load.count
        self.said = [0] * n
        self.words: list[list[int]] = [[] for _ in range(n)]
        self.failures: dict[int, Failure] = {}
        self.late: IntArray = np.zeros(n, dtype=np.int64)
        self._load = load
        self._sent, self._first, self._latest, self._last = np.full((4, n), NEVER)
        self._gap, self._hit = np.zeros((2, n), dtype=np.int64)
        self._fate = np.full(n, Fate.UNFINISHED, dtype=np.int64)

    def send(self, r: int, due: int, now: int) -> None:
        """A request that was due is sent."""
        self._sent[r] = due
        self.late[r] = now - due

    def speak(self, r: int, count: int, now: int) -> None:
        """So many tokens came at once."""
        if not count:
            return
        if self.said[r]:
            self._gap[r] = max(self._gap[r], now - self._latest[r])
        else:
            self._first[r] = now
        self.said[r] += count
        self._latest[r] = now

    def found(self, r: int, cached: int) -> None:
        """The server tells how much of a prompt it had."""
        self._hit[r] = min(cached, int(self._load.prompt[r]) - 1)

    def finish(self, r: int) -> None:
        """All tokens are there."""
        self._last[r] = self._latest[r]
        self._fate[r] = Fate.FINISHED

    def fail(self, r: int, failure: Failure) -> None:
        """A request is not answered in full."""
        self.failures[r] = failure
        if failure.kind is Kind.DROPPED:
            self._fate[r] = Fate.DROPPED

    def record(self, name: str) -> Record:
        """What has happened so far, as a record."""
        load = self._load
        fate = self._fate.copy()
        failed = set(self.failures)
        for r in range(load.count):  # parents come before their followers
            if self._sent[r] < 0 and not failed.isdisjoint(load.parents(r).tolist()):
                fate[r] = Fate.ORPHAN
                failed.add(r)
        spoke = self._first >= 0
        return Record(
            workload=load,
            engine=name,
            measured=True,
            fate=fate,
            sent=self._sent,
            admitted=np.where(spoke, self._sent, NEVER),
            first=self._first,
            last=self._last,
            gap=self._gap,
            preemptions=np.zeros(load.count, dtype=np.int64),
            hit=np.where(spoke, self._hit, 0),
            hits=np.where(spoke, self._hit, 0),
            instance=np.where(spoke, 0, NEVER),
            steps=0,
            counters={"failed": len(self.failures), "latest_send": int(self.late.max(initial=0))},
        )
