"""JITServe over several engines: K engines may serve a request, the first that can does.

"JITServe" (arXiv 2504.20068, section 5) puts dummy copies of a request on K engines and keeps the
one that is dispatched first. Here a request stands in the queue of one of K engines drawn by lot,
the one where it will get a place first as far as that can be told, and is handed to another of the
K as soon as that one has a place for it and nobody waiting. That is when its copy there would have
been dispatched, up to the time between two looks.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from makespan.core.errors import OptionError
from makespan.serving.policy import EngineView, FleetView, Move, Router
from makespan.serving.workload import PICOSECONDS


class PowerOfK(Router):
    """See the module.

    Parameters
    ----------
    copies
        K.
    every
        Seconds between two looks at who waits.
    """

    name = "jitserve"

    def __init__(self, *, copies: int = 2, every: float = 0.1, seed: int = 0) -> None:
        if copies < 1 or not every > 0:
            raise OptionError(f"{copies} copies, a look every {every} s", hint="both above 0")
        self.copies = copies
        self.poll = round(every * PICOSECONDS)
        self.random = random.Random(seed)
        self.drawn: dict[int, list[int]] = {}

    def route(self, request: int, fleet: FleetView) -> int:
        """See :meth:`Router.route`."""
        drawn = sorted(self.random.sample(list(fleet.open), min(self.copies, len(fleet.open))))
        self.drawn[request] = drawn
        return min(drawn, key=lambda i: (*_wait(fleet.engines[i]), i))

    def finished(self, request: int, fleet: FleetView) -> None:
        """See :meth:`Router.finished`."""
        self.drawn.pop(request, None)

    def migrate(self, fleet: FleetView) -> Sequence[Move]:
        """See :meth:`Router.migrate`; only who has got nothing yet is handed over."""
        room = {
            i: fleet.engines[i].max_num_seqs - fleet.engines[i].load
            for i in fleet.open
            if not fleet.engines[i].waiting()
        }
        blocks = {i: fleet.engines[i].free_blocks for i in room}
        moves = []
        for i in fleet.open:
            engine = fleet.engines[i]
            for request in engine.waiting():
                if engine.generated(request) or engine.preemptions(request):
                    continue
                need = -(-engine.prompt(request) // engine.block_size)
                for other in self.drawn.get(request, ()):
                    if room.get(other, 0) > 0 and blocks[other] >= need:
                        room[other] -= 1
                        blocks[other] -= need
                        moves.append(Move(request, other))
                        break
        return moves


def _wait(engine: EngineView) -> tuple[int, int, int]:
    """How late a new request will begin there: those before it without a place, their prompts."""
    waiting = engine.waiting()
    backlog = sum(engine.prompt(r) for r in waiting)
    return max(engine.load + 1 - engine.max_num_seqs, 0), backlog, engine.load
