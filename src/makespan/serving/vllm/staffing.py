"""Which engines of a run are on: started and stopped as its router asks, failed, dead.

The rules are those of the simulated fleet (:class:`makespan.serving.engine.power.Power`), but a
start takes what it takes, it can fail, and an engine can die:

- An engine that cannot be started is told and not tried again in the run.
- One that is to be stopped gets no more requests. Its router may move those it has; what is left
  ends there, and then its process is told to end.
- One that dies is off from then on; the router may have it started again, those first that have
  not died, and none for a fourth time: what kills engines may be a request. If fewer than ``least``
  are left, one that was to be stopped serves on, or another is started without being asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from makespan.core.errors import EngineError
from makespan.serving.engine.power import DRAINING, OFF, ON, STARTING, Power
from makespan.serving.policy import Scaling
from makespan.serving.settings import Elastic
from makespan.serving.vllm import messages as say
from makespan.serving.vllm.processes import START_LIMIT
from makespan.serving.workload import PICOSECONDS

_LOG = logging.getLogger(__name__)

_LIVES: Final = 3
"""Deaths of an engine in a run after which it is not started again."""


class Crew(Protocol):
    """The engines themselves; :class:`makespan.serving.vllm.processes.Processes` are."""

    @property
    def count(self) -> int:
        """Engines that there can be."""

    @property
    def ready(self) -> dict[int, say.Ready]:
        """What those said that have loaded."""

    def start(self, k: int) -> None:
        """Start an engine that is off."""

    def loaded(self, k: int, answer: say.Answer) -> None:
        """Take the first words of an engine."""

    def dismiss(self, k: int) -> None:
        """Tell an engine to end."""

    def gone(self, k: int) -> bool:
        """Whether one that was dismissed has ended."""

    def bury(self, k: int) -> None:
        """An engine is dead, or is to be."""


class Change(Enum):
    """What can become of an engine during a run."""

    STARTED = "is being started"
    OPENED = "serves"
    FAILED = "could not be started"
    DRAINED = "gets no more requests and is stopped when it has none"
    STOPPED = "has been stopped"
    LOST = "is dead"


@dataclass(frozen=True, slots=True)
class EngineChange:
    """Something that became of an engine.

    Attributes
    ----------
    time
        On the clock of the run, picoseconds.
    why
        What is known of it, "" for nothing.
    requests
        Of a dead one, the requests that it had; they are computed again elsewhere.
    """

    time: int
    engine: int
    change: Change
    why: str = ""
    requests: int = 0

    def __str__(self) -> str:
        why = f": {self.why}" if self.why else ""
        what = f"engine {self.engine} {self.change.value}{why}"
        return what + (f"; it had {self.requests} requests" if self.requests else "")


class Staffing:
    """See the module.

    Parameters
    ----------
    elastic
        What the router may change; None: nothing, and engines that die are not replaced.

    Attributes
    ----------
    changes
        All that has become of engines, in order.
    """

    def __init__(self, crew: Crew, now: int, elastic: Elastic | None) -> None:
        self.changes: list[EngineChange] = []
        self._crew, self._elastic = crew, elastic
        self.power = Power(crew.count, now, elastic)
        for k in range(crew.count):
            # What serves at the beginning is what has been made ready for it.
            self.power.change(k, ON if k in crew.ready else OFF, now)
        self._failed: set[int] = set()
        self._deaths = [0] * crew.count
        self._leaving: set[int] = set()
        self._limit: dict[int, int] = {}

    @property
    def open(self) -> Sequence[int]:
        """Engines that take requests."""
        return self.power.open

    @property
    def starting(self) -> Sequence[int]:
        """Engines that do not serve yet."""
        return self.power.where(STARTING)

    @property
    def draining(self) -> Sequence[int]:
        """Engines that will be off."""
        return self.power.where(DRAINING)

    @property
    def next(self) -> int | None:
        """When there is something to look after though nothing happens."""
        return min(self._limit.values(), default=None)

    def lives(self, k: int) -> bool:
        """Whether an engine is on and can be told something."""
        return self.power.state[k] in (ON, DRAINING) and k not in self._leaving

    def scale(self, wanted: Scaling | None, now: int) -> None:
        """Begin to change what a router wants.

        Raises
        ------
        EngineError
            If an engine to be stopped does not exist.
        """
        if self._elastic is None or wanted is None:
            return
        before = list(self.power.state)
        # Those that could not be started are passed over, not tried again and again.
        for _ in range(wanted.start):
            self._start_one(now)
        self.power.scale(Scaling(stop=wanted.stop), now)
        for k, state in enumerate(self.power.state):
            if state == DRAINING != before[k]:
                self._note(now, k, Change.DRAINED)

    def tidy(self, empty: Sequence[int], now: int) -> None:
        """Stop what is to be stopped and has nothing left; give up what takes too long to start.

        Parameters
        ----------
        empty
            Engines that no request and no migration needs.
        """
        for k in self.draining:
            if k in self._leaving:
                if self._crew.gone(k):
                    self._leaving.discard(k)
                    self.power.change(k, OFF, now)
                    self._note(now, k, Change.STOPPED)
            elif k in empty:
                self._leaving.add(k)
                self._crew.dismiss(k)
        for k, limit in list(self._limit.items()):
            if now >= limit:
                self.failed(k, now, f"it has not loaded within {START_LIMIT:g} s")

    def opened(self, k: int, answer: say.Answer, now: int) -> None:
        """An engine that was started has spoken."""
        self._crew.loaded(k, answer)
        del self._limit[k]
        self.power.change(k, ON, now)
        self._note(now, k, Change.OPENED)

    def failed(self, k: int, now: int, why: str) -> None:
        """An engine could not be started."""
        self._limit.pop(k, None)
        self._failed.add(k)
        self._crew.bury(k)
        self.power.change(k, OFF, now)
        self._note(now, k, Change.FAILED, why)
        self._keep_least(now)

    def lost(self, k: int, now: int, why: str, requests: int) -> None:
        """An engine is dead."""
        self._deaths[k] += 1
        self._crew.bury(k)
        self.power.change(k, OFF, now)
        self._note(now, k, Change.LOST, why, requests)
        self._keep_least(now)

    def cut(self, now: int) -> None:
        """The run is over; what does not serve yet is not needed."""
        for k in self.starting:
            self._limit.pop(k, None)
            self._crew.bury(k)
            self.power.change(k, OFF, now)

    def nobody(self) -> EngineError:
        """That no engine is left, and what became of them."""
        told = "; ".join(str(one) for one in self.changes if one.why)
        return EngineError(
            f"no engine is left to serve requests: {told or 'none was on'}",
            hint="requests that have ended are lost with the run",
        )

    def _keep_least(self, now: int) -> None:
        if self._elastic is None:
            return
        while len(self.open) + len(self.starting) < self._elastic.least:
            kept = [k for k in self.draining if k not in self._leaving]
            if kept:
                self.power.change(kept[0], ON, now)
                self._note(now, kept[0], Change.OPENED, "too few are left to stop it")
            elif not self._start_one(now):
                return

    def _start_one(self, now: int) -> bool:
        able = [
            (self._deaths[k], k)
            for k in self.power.where(OFF)
            if k not in self._failed and self._deaths[k] < _LIVES
        ]
        if not able:
            return False
        _, k = min(able)
        self.power.change(k, STARTING, now)
        self._note(now, k, Change.STARTED)
        try:
            self._crew.start(k)
        except (OSError, EngineError) as error:
            self._limit[k] = now
            self.failed(k, now, str(error))
            return False
        self._limit[k] = now + round(START_LIMIT * PICOSECONDS)
        return True

    def _note(self, now: int, k: int, change: Change, why: str = "", requests: int = 0) -> None:
        one = EngineChange(now, k, change, why, requests)
        self.changes.append(one)
        bad = change in (Change.FAILED, Change.LOST)
        _LOG.log(logging.WARNING if bad else logging.INFO, "%s", one)
