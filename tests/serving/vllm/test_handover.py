"""Moves of requests whose engines die and come back: driven by hand, so that order is exact."""

from __future__ import annotations

import pytest

from makespan.serving.policy import Move
from makespan.serving.vllm import messages as say
from makespan.serving.vllm.fleet_view import RemoteEngine, Requests
from makespan.serving.vllm.handover import Handing, Handovers, Outcome
from tests.serving.vllm.test_fleet import LIMITS, load


class Quiet:
    """A run in which nothing happens by itself."""

    def __init__(self) -> None:
        self.requests = Requests(load((0, 10, 60)))
        self.engines = [RemoteEngine(k, LIMITS, 1000, self.requests) for k in (0, 1)]
        self.dispatched: list[int] = []
        self.orders: list[tuple[int, say.Order]] = []
        self.served: list[tuple[int, int, bool, bool]] = []
        self.dead: set[int] = set()
        self.open, self.now = (0, 1), 0

    def order(self, engine: int, order: say.Order) -> None:
        """Kept."""
        self.orders.append((engine, order))

    def tokens(self, request: int) -> list[int]:
        """Prompt and answer."""
        return [1] * 10 + self.requests.said[request]

    def serve(self, request: int, engine: int, *, first: bool, guarded: bool) -> None:
        """Kept."""
        self.served.append((request, engine, first, guarded))

    def lives(self, engine: int) -> bool:
        """All but the dead."""
        return engine not in self.dead

    def dispatch(self, request: int) -> None:
        """Kept."""
        self.requests.engine[request] = -1
        self.dispatched.append(request)


def under_way() -> tuple[Quiet, Handovers]:
    """Request 0 has said a word at engine 0; engine 1 has been told to warm up for it."""
    run = Quiet()
    run.engines[0].heard(say.Report(0, 1, [], 0, [], [], [], [], [], [0], 50))
    run.engines[0].assigned[0] = None
    run.requests.engine[0] = 0
    run.requests.said[0] = [7]
    handovers = Handovers(run, Handing())
    assert handovers.begin(Move(0, 1))
    return run, handovers


def test_what_a_dead_target_had_computed_counts_for_nothing() -> None:
    """The one that was started in its place takes the request over, and all is still to do."""
    run, handovers = under_way()
    handovers.heard(1, say.Report(1, 2, [], 11, [], [], [], [], [0], [], 50))
    assert run.orders[-1] == (0, say.Stop(0))
    handovers.lost(1)
    handovers.stopped(0, say.Stopped(0, True, 50))
    assert run.served == [(0, 1, True, True)]
    handovers.heard(1, say.Report(3, 4, [(0, 11, 11)], 0, [], [(0, [8])], [], [], [], [0], 50))
    [one] = handovers.done
    assert (one.outcome, one.tokens, one.lag, one.computed) == (Outcome.MOVED, 11, 11, 11)


@pytest.mark.parametrize("ended", [False, True])
def test_request_whose_engine_is_back_before_its_move_is_over_goes_elsewhere(ended: bool) -> None:
    """The engine that was started anew knows nothing of it; one that had ended stays ended."""
    run, handovers = under_way()
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
