"""What a router sees of a fleet; see :class:`makespan.serving.policy.FleetView`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from makespan.serving.engine.power import DRAINING, STARTING, Power
from makespan.serving.engine.view import View


class Viewed(Protocol):
    """A fleet, as far as its view tells of it."""

    now: int
    power: Power


class FleetView:
    """A fleet as routers see it; like :class:`~makespan.serving.engine.view.View`, not the fleet.

    Attributes
    ----------
    engines
        Views of all engines.
    """

    __slots__ = ("_draining", "_moving", "_now", "_open", "_starting", "engines")

    def __init__(
        self, fleet: Viewed, engines: Sequence[View], transfers: Mapping[int, object]
    ) -> None:
        power = fleet.power
        self.engines: tuple[View, ...] = tuple(engines)
        self._now: Callable[[], int] = lambda: fleet.now
        self._open: Callable[[], Sequence[int]] = lambda: power.open
        self._starting: Callable[[], Sequence[int]] = lambda: power.where(STARTING)
        self._draining: Callable[[], Sequence[int]] = lambda: power.where(DRAINING)
        self._moving: Callable[[], Sequence[int]] = lambda: list(transfers)

    @property
    def now(self) -> int:
        """The time of the decision."""
        return self._now()

    @property
    def open(self) -> Sequence[int]:
        """Engines that take requests."""
        return self._open()

    @property
    def starting(self) -> Sequence[int]:
        """Engines that do not serve yet."""
        return self._starting()

    @property
    def draining(self) -> Sequence[int]:
        """Engines that will be switched off."""
        return self._draining()

    @property
    def moving(self) -> Sequence[int]:
        """Requests on their way from one engine to another."""
        return self._moving()
