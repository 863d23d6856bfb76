"""Two real vLLM engines: requests say the same words wherever they are computed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from makespan.core.errors import EngineError
from makespan.serving.policy import FleetView, Move, RoundRobin, Router
from makespan.serving.settings import EngineSettings
from makespan.serving.vllm.fleet import RealFleet
from makespan.serving.vllm.handover import Handing, Outcome
from makespan.serving.workload import PICOSECONDS, Workload

# Engines take seconds to load, and minutes on a machine that is busy otherwise.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LIMITS = EngineSettings(blocks=64, block_size=32, max_num_batched_tokens=256, max_num_seqs=8)
LOAD = Workload(
    "four",
    np.zeros(4, dtype=np.int64),
    np.array([40, 130, 70, 20]),
    np.array([20, 24, 22, 28]),
)


class Swapping(Router):
    """Once a request has said some tokens it goes to the other engine."""

    poll = PICOSECONDS // 20

    def __init__(self) -> None:
        self.moved: set[int] = set()

    def route(self, request: int, fleet: FleetView) -> int:
        """To and fro."""
        return request % 2

    def migrate(self, fleet: FleetView) -> Sequence[Move]:
        """The first that has not been moved."""
        self.moved |= set(fleet.moving)
        return [
            Move(r, 1 - engine.index)
            for engine in fleet.engines
            for r in engine.running()
            if engine.generated(r) >= 3 and r not in self.moved
        ]


@pytest.fixture(scope="module")
def fleet(model: Path) -> Iterator[RealFleet]:
    """One fleet for all tests, in a precision in which a word does not hang on rounding."""
    with RealFleet(model, LIMITS, dtype="float32") as fleet:
        yield fleet


class Killing(RoundRobin):
    """Once all requests have said some tokens, the process of an engine is killed."""

    poll = PICOSECONDS // 50

    def __init__(self, pid: int) -> None:
        super().__init__()
        self.pid = pid

    def scale(self, fleet: FleetView) -> None:
        """Not a matter of scaling."""
        if self.pid and all(fleet.engines[0].generated(r) >= 3 for r in range(LOAD.count)):
            os.kill(self.pid, signal.SIGKILL)
            self.pid = 0


def test_greedy_words_depend_neither_on_moves_nor_on_deaths(fleet: RealFleet) -> None:
    """Token by token, for live and for blocking hand-over, and when an engine is killed."""
    still = fleet.run(LOAD, router=RoundRobin(), time_limit=300)
    assert still.record.finished.all()
    assert [len(said) for said in still.answers] == LOAD.output.tolist()
    assert still.record.instance.tolist() == [0, 1, 0, 1]
    for mode in ("live", "blocking"):
        moving = fleet.run(LOAD, router=Swapping(), handing=Handing(mode=mode), time_limit=300)
        assert moving.answers == still.answers
        moved = [m for m in moving.migrations if m.outcome is Outcome.MOVED]
        assert moved
        for m in moved:
            assert m.downtime is not None
            assert moving.record.gap[m.request] >= m.downtime > 0
        for m in moved:
            if mode == "live":
                # What the stages computed is found at the target, up to the last partial block.
                assert m.stages >= 1
                assert m.computed <= m.lag + LIMITS.block_size
            else:
                assert m.computed == m.tokens
    dead = fleet.processes[1].pid
    assert dead is not None
    killed = fleet.run(LOAD, router=Killing(dead), time_limit=300)
    assert killed.answers == still.answers
    assert killed.record.finished.all()
    [change] = killed.changes
    assert str(change).startswith("engine 1 is dead: was killed by SIGKILL; it had 2 request")


def test_engine_that_cannot_load_says_why(model: Path, tmp_path: Path) -> None:
    """The reason comes out of its process, and no process is left."""
    with pytest.raises(EngineError, match=r"engine [01]: .*config\.json"):
        RealFleet(tmp_path, LIMITS, engines=2)
