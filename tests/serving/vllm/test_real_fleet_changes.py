"""Real engines that are started, stopped and ruled by policies: not for a quick look."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from makespan.serving.policies.ordering import ShortestPrompt
from makespan.serving.policy import FleetView, Move, Router, Scaling
from makespan.serving.settings import Elastic, EngineSettings
from makespan.serving.vllm.fleet import RealFleet
from makespan.serving.vllm.handover import Outcome
from makespan.serving.vllm.staffing import Change
from makespan.serving.vllm.worker import Place
from makespan.serving.workload import PICOSECONDS, Workload
from tests.serving.vllm.test_real_fleet import LIMITS, LOAD

# Engines take seconds to load, and minutes on a machine that is busy otherwise.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class Relay(Router):
    """Starts a second engine, moves the request there and stops the first."""

    poll = PICOSECONDS // 20

    def route(self, request: int, fleet: FleetView) -> int:
        """The only one."""
        return fleet.open[0]

    def migrate(self, fleet: FleetView) -> list[Move]:
        """As soon as there is another."""
        if 1 not in fleet.open:
            return []
        return [Move(r, 1) for r in fleet.engines[0].running() if r not in fleet.moving]

    def scale(self, fleet: FleetView) -> Scaling | None:
        """Two, and then one."""
        if 1 not in (*fleet.open, *fleet.starting):
            return Scaling(start=1)
        return Scaling(stop=(0,)) if set(fleet.open) == {0, 1} else None


def test_engine_is_started_for_a_request_and_the_first_is_stopped(model: Path) -> None:
    """A whole relay: the answer is that of one engine, and the first process has ended."""
    one = np.zeros(1, dtype=np.int64)
    load = Workload("long", one, one + 40, one + 1900)
    with RealFleet(model, LIMITS, dtype="float32", engines=2, elastic=Elastic(initial=1)) as fleet:
        first = fleet.processes[0]
        run = fleet.run(load, router=Relay(), time_limit=800)
        assert run.record.finished.all()
        assert run.record.instance.tolist() == [1]
        moved = [m for m in run.migrations if m.outcome is Outcome.MOVED]
        assert len(moved) == 1
        assert [c.change for c in run.changes][:3] == [
            Change.STARTED,
            Change.OPENED,
            Change.DRAINED,
        ]
        assert Change.STOPPED in [c.change for c in run.changes]
        assert first.exitcode is not None
        assert fleet.processes[1].is_alive()


def test_every_engine_has_its_policy(model: Path) -> None:
    """The plug-in rules each, by the order of prompts; one that was killed is there again."""
    load = Workload("line", 0 * LOAD.arrival, LOAD.prompt, np.full(4, 3))
    narrow = EngineSettings(blocks=64, block_size=32, max_num_batched_tokens=160, max_num_seqs=1)
    place = Place(nice=1, slowdown=2.0)
    with RealFleet(model, narrow, engines=1, places=[place], policy=ShortestPrompt) as fleet:
        for _ in range(2):
            found = fleet.run(load, time_limit=300)
            assert found.record.finished.all()
            # The first may have been admitted before the others had come through the pipe.
            later = [int(r) for r in np.argsort(found.record.admitted)][1:]
            assert later == sorted(later, key=lambda r: load.prompt[r])
            fleet.processes[0].kill()
            fleet.processes[0].join()
