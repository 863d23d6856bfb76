"""Moves of requests whose engines die and come back: driven by hand, so that order is exact."""

from __future__ import annotations

import pytest

from makespan.serving.policy import Move
from makespan.serving.vllm import messages as say
from makespan.serving.vllm.fleet_view import RemoteEngine, Requests
from makespan.serving.vllm.handover import Handing, Handovers
from tests.serving.vllm.test_fleet import LIMITS, load


class Quiet:
    """A run in which nothing happens by itself."""

    def __init__(self) -> None:
        self.requests = Requests(load((0, 10, 60)))
        self.engines = [RemoteEngine(k, LIMITS, 1000, self.requests) for k in (0, 1)]
        self.dispatched: list[int] = []
        self.orders: list[tuple[int, say.Order]] = []
        self.dead: set[int] = set()
        self.open, self.now = (0, 1), 0

    def order(self, engine: int, order: say.Order) -> None:
        """Kept."""
        self.orders.append((engine, order))

    def tokens(self, request: int) -> list[int]:
        """Prompt and answer."""
        return [1] * 10 + self.requests.said[request]

    def serve(self, request: int, engine: int, *, first: bool, guarded: bool) -> None:
        """Nothing is moved here."""
        raise AssertionError

    def lives(self, engine: int) -> bool:
        """All but the dead."""
        return engine not in self.dead

    def dispatch(self, request: int) -> None:
        """Kept."""
        self.requests.engine[request] = -1
        self.dispatched.append(request)


@pytest.mark.parametrize("ended", [False, True])
def test_request_whose_engine_is_back_before_its_move_is_over_goes_elsewhere(ended: bool) -> None:
    """The engine that was started anew knows nothing of it; one that had ended stays ended."""
    run = Quiet()
    for engine in run.engines:
        engine.heard(say.Report(0, 1, [], 0, [], [], [], [], [], [0], 50))
    run.engines[0].assigned[0] = None
    run.requests.engine[0] = 0
    run.requests.said[0] = [7]
    handovers = Handovers(run, Handing())
    assert handovers.begin(Move(0, 1))
    if ended:
        handovers.heard(0, say.Report(1, 2, [], 0, [], [], [0], [], [], [], 50))
        run.requests.engine[0] = -1
    run.dead = {0}
    handovers.lost(0)
    run.dead = set()
    assert run.dispatched == []
    handovers.stopped(1, say.Stopped(0, True, 50))
    assert run.dispatched == ([] if ended else [0])
    assert handovers.moving == []
