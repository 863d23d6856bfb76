"""Two real vLLM engines: moved requests say what unmoved ones say."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from makespan.core.errors import EngineError
from makespan.serving.policies.ordering import ShortestPrompt
from makespan.serving.policy import FleetView, Move, RoundRobin, Router
from makespan.serving.settings import EngineSettings
from makespan.serving.vllm.fleet import RealFleet
from makespan.serving.vllm.handover import Handing, Outcome
from makespan.serving.vllm.worker import Place
from makespan.serving.workload import PICOSECONDS, Workload

# Engines take seconds to load, and minutes on a machine that is busy otherwise.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LIMITS = EngineSettings(blocks=64, block_size=32, max_num_batched_tokens=256, max_num_seqs=8)
LOAD = Workload(
    "four",
    np.zeros(4, dtype=np.int64),
    np.array([40, 130, 70, 20]),
    np.array([24, 30, 26, 40]),
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
def model(vllm: str) -> Path:
    """Folder of a prepared model; skips where there is none."""
    folder = os.environ.get("MAKESPAN_MODEL")
    if not folder or not (Path(folder) / "config.json").is_file():
        pytest.skip("no model: set MAKESPAN_MODEL to what scripts/prepare_model.py made")
    return Path(folder)


@pytest.fixture(scope="module")
def fleet(model: Path) -> Iterator[RealFleet]:
    """One fleet for all tests, in a precision in which a word does not hang on rounding."""
    with RealFleet(model, LIMITS, dtype="float32") as fleet:
        yield fleet


def test_greedy_words_do_not_depend_on_moves(fleet: RealFleet) -> None:
    """Token by token, for live and for blocking hand-over; and some are moved."""
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


def test_every_engine_has_its_policy_and_its_death_is_told(model: Path) -> None:
    """The plug-in rules each, by the order of prompts; an engine that is killed ends the run."""
    load = Workload("line", 0 * LOAD.arrival, LOAD.prompt, np.full(4, 3))
    narrow = EngineSettings(blocks=64, block_size=32, max_num_batched_tokens=160, max_num_seqs=1)
    place = Place(nice=1, slowdown=2.0)
    with RealFleet(model, narrow, engines=1, places=[place], policy=ShortestPrompt) as fleet:
        found = fleet.run(load, time_limit=300)
        assert found.record.finished.all()
        # The first may have been admitted before the others had come through the pipe.
        later = [int(r) for r in np.argsort(found.record.admitted)][1:]
        assert later == sorted(later, key=lambda r: load.prompt[r])
        fleet.processes[0].kill()
        with pytest.raises(EngineError, match="engine 0"):
            fleet.run(load, time_limit=300)


def test_engine_that_cannot_load_says_why(model: Path, tmp_path: Path) -> None:
    """The reason comes out of its process, and no process is left."""
    with pytest.raises(EngineError, match=r"engine 0: .*config\.json"):
        RealFleet(tmp_path, LIMITS, engines=2)
