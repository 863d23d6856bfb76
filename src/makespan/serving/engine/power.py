"""Which engines of a fleet are on, and for how long they have been."""

from __future__ import annotations

from collections.abc import Sequence

from makespan.core.errors import EngineError
from makespan.serving.policy import Scaling
from makespan.serving.settings import Elastic

OFF, STARTING, ON, DRAINING = range(4)


class Power:
    """States of the engines of a fleet.

    Attributes
    ----------
    state
        OFF, STARTING, ON or DRAINING of each engine.
    powered
        Picoseconds that each engine has been on, from switching on until off, in past spells.
    """

    def __init__(self, engines: int, begin: int, elastic: Elastic | None) -> None:
        self.elastic = elastic
        on = elastic.initial if elastic else engines
        self.state = [ON if i < on else OFF for i in range(engines)]
        self.since = [begin] * engines
        self.powered = [0] * engines
        self.open: Sequence[int] = range(min(on, engines))

    def where(self, state: int) -> list[int]:
        """Engines in a state."""
        return [i for i, there in enumerate(self.state) if there == state]

    def change(self, index: int, state: int, now: int) -> None:
        """An engine gets into a state."""
        if self.state[index] == OFF:
            self.since[index] = now
        if state == OFF:
            self.powered[index] += now - self.since[index]
        self.state[index] = state
        self.open = self.where(ON)

    def scale(self, wanted: Scaling, now: int) -> list[int]:
        """Begin to change the fleet as wanted; the engines that will serve after the startup.

        Raises
        ------
        EngineError
            If an engine to be stopped does not exist.
        """
        assert self.elastic is not None
        started = self.where(OFF)[: wanted.start]
        for index in started:
            self.change(index, STARTING, now)
        for index in wanted.stop:
            if not 0 <= index < len(self.state):
                raise EngineError(f"the router stops engine {index} of {len(self.state)}")
            if self.state[index] == ON and len(self.open) > self.elastic.least:
                self.change(index, DRAINING, now)
        return started

    def total(self, end: int) -> int:
        """Picoseconds of all engines together until ``end``."""
        running = (
            max(end - since, 0)
            for since, state in zip(self.since, self.state, strict=True)
            if state != OFF
        )
        return sum(self.powered) + sum(running)
