"""The global scheduler: dispatch at arrivals, moves and scaling at every poll."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from makespan.core.errors import OptionError
from makespan.serving.policies.llumnix.choice import (
    CHOICES,
    length,
    running_choice,
    waiting_choice,
)
from makespan.serving.policies.llumnix.dispatch import Dispatch
from makespan.serving.policies.llumnix.pairing import Pair, Pairing, carried, handed, joined
from makespan.serving.policies.llumnix.scaling import AutoScaling
from makespan.serving.policies.llumnix.usage import Report, report, reports
from makespan.serving.policy import EngineView, FleetView, Move, Router, Scaling
from makespan.serving.workload import PICOSECONDS

POLL: Final = PICOSECONDS // 20
"""Between two looks at the fleet [main: 0.05 s; the artifact looks after every four steps]."""


class Llumnix(Router):
    """See the package.

    Urgent requests also go first within an engine [paper]; that is for its policy, ``priority``.

    Parameters
    ----------
    dispatch, pairing, scaling
        The parts; without ``pairing`` nothing is moved, without ``scaling`` engines stay.
    choice
        Which request is moved, one of :data:`CHOICES`.
    urgent
        Requests of at most this priority number are of high priority; None: all are alike, which
        is Llumnix-base of the paper. vLLM's default priority is 0.
    pinned
        Whether urgent requests are never moved [artifact] or just after all others [paper].
    poll
        Picoseconds between two looks.
    refresh
        Picoseconds for which dispatch goes by one report of an engine. 0: reports are always new,
        which no distributed system has.
    """

    name = "llumnix"

    def __init__(
        self,
        *,
        dispatch: Dispatch | None = None,
        pairing: Pairing | None = None,
        scaling: AutoScaling | None = None,
        choice: str = "SR",
        urgent: int | None = None,
        pinned: bool = False,
        poll: int = POLL,
        refresh: int = 0,
    ) -> None:
        if choice not in CHOICES:
            raise OptionError(
                f"choice of requests to move is {choice!r}", hint=f"one of {', '.join(CHOICES)}"
            )
        if poll < 1 or refresh < 0:
            raise OptionError(
                f"poll is {poll} ps, refresh {refresh} ps",
                hint="poll is at least 1, refresh at least 0",
            )
        self.dispatch = dispatch or Dispatch()
        self.pairing, self.scaling = pairing, scaling
        self.choice, self.refresh = choice, refresh
        self.urgent = urgent
        self.pinned = urgent if pinned else None
        self.poll = poll if pairing or scaling else None
        self._pressing: set[int] = set()  # urgent ones that were dispatched
        self._told: dict[int, tuple[int, Report]] = {}

    def route(self, request: int, fleet: FleetView) -> int:
        """See :meth:`Router.route`."""
        presses = self.urgent is not None and fleet.engines[0].priority(request) <= self.urgent
        # A number may have been that of another request before.
        (self._pressing.add if presses else self._pressing.discard)(request)
        told = [self._report(fleet, i) for i in fleet.open]
        return self.dispatch.choose(told, urgent=presses)

    def migrate(self, fleet: FleetView) -> Sequence[Move]:
        """See :meth:`Router.migrate`."""
        if self.pairing is None:
            return ()
        told, moving = reports(fleet, urgent=self._pressing), set(fleet.moving)
        engines = fleet.engines
        moves = self._emptied(fleet, told, moving)
        moving.update(move.request for move in moves)
        pairs = self.pairing.pairs(
            told, lambda source, target: self._outlook(engines, source, target, moving)
        )
        for pair in pairs:
            moves += self._moves(engines, pair, moving)
        return moves

    def scale(self, fleet: FleetView) -> Scaling | None:
        """See :meth:`Router.scale`."""
        if self.scaling is None:
            return None
        return self.scaling.decide(fleet, reports(fleet, urgent=self._pressing))

    def _report(self, fleet: FleetView, index: int) -> Report:
        """What dispatch knows of an engine."""
        if self.refresh:
            time, told = self._told.get(index, (-self.refresh, None))
            if told is not None and fleet.now < time + self.refresh:
                return told
        told = report(fleet.engines[index], urgent=self._pressing)
        if self.refresh:
            self._told[index] = fleet.now, told
        return told

    def _emptied(
        self, fleet: FleetView, told: Sequence[Report], moving: Collection[int]
    ) -> list[Move]:
        """The queues of engines that are switched off are dispatched anew."""
        there = {one.engine: one for one in told if not one.draining}
        moves: list[Move] = []
        for index in fleet.draining if there else ():
            engine = fleet.engines[index]
            for request in engine.waiting():
                if request not in moving:
                    target = self.dispatch.choose(
                        list(there.values()), urgent=request in self._pressing
                    )
                    blocks = length(request, engine) / engine.block_size
                    there[target] = joined(there[target], blocks)
                    moves.append(Move(request, target))
        return moves

    def _moves(
        self, engines: Sequence[EngineView], pair: Pair, moving: Collection[int]
    ) -> list[Move]:
        """What a source hands to its target."""
        source, target = engines[pair[0]], engines[pair[1]]
        chosen = (
            waiting_choice(self.choice, source, target, moving),
            running_choice(self.choice, source, moving, urgent=self.pinned),
        )
        return [Move(request, pair[1]) for request in chosen if request is not None]

    def _outlook(
        self,
        engines: Sequence[EngineView],
        source: Report,
        target: Report,
        moving: Collection[int],
    ) -> tuple[Report, Report] | None:
        """The reports after the move; of two moves, after that of the request that runs."""
        engine = engines[source.engine]
        request = running_choice(self.choice, engine, moving, urgent=self.pinned)
        if request is not None:
            blocks = -(-engine.computed(request) // engine.block_size)
            return carried(source, target, blocks)
        if waiting_choice(self.choice, engine, engines[target.engine], moving) is None:
            return None
        waiting = engine.waiting()
        behind = length(waiting[1], engine) / engine.block_size if len(waiting) > 1 else 0.0
        return handed(source, target, behind)
