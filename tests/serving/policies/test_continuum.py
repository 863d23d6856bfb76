"""Continuum: what it keeps, for how long, and how much of the memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from makespan.core.errors import OptionError
from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.fleet import Fleet
from makespan.serving.engine.instance import Instance
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.policies.continuum import Continuum
from makespan.serving.policies.told import ToldByWorkload
from makespan.serving.policy import EngineView
from makespan.serving.record import Record
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import PICOSECONDS, Workload
from makespan.serving.workloads.catalogue import generate

COST = LinearCost(10**10, 10**8, 10**5, 10**7)


def agents(seed: int = 0, **parameters: Any) -> Workload:
    """Agents whose contexts do not all fit into 700 blocks."""
    chosen = {"sessions": 25, "rate": 3.0, "scale_tokens": 0.05} | parameters
    return generate("agents", chosen, seed=seed)


def serve(load: Workload, policy: Continuum) -> Record:
    """Served by one engine with little memory."""
    return simulate_serving(load, EngineSettings(700), COST, policy=lambda: policy)


class Noting(Continuum):
    """Notes the most blocks that its engine, behind the view, keeps."""

    most = 0
    behind: Instance

    def retain(self, request: int, engine: EngineView) -> int | None:
        """See the base class."""
        until = super().retain(request, engine)
        if until is not None:
            kept = [request, *(r for r, end in self.behind.pins.items() if end > engine.now)]
            blocks = sum(-(-engine.computed(r) // engine.block_size) for r in kept)
            self.most = max(self.most, blocks)
        return until


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_kept_contexts_have_their_share_of_the_memory(share: float) -> None:
    """However long they are asked to be kept."""
    load = agents()
    policy = Noting(load, COST, rule="fixed", fixed=1e4, share=share)
    fleet = Fleet(load, [EngineSettings(700)], [COST], policy=lambda: policy)
    policy.behind = fleet.engines[0]
    assert fleet.run().requests.generated == load.output.tolist()
    assert 0 < policy.most <= share * 700


def test_nothing_is_kept_without_a_share() -> None:
    """As if the rule were never to keep."""
    load = agents()
    none = serve(load, Continuum(load, COST, share=0.0))
    assert (none.last == serve(load, Continuum(load, COST, rule="never")).last).all()


def test_the_oracle_keeps_for_the_pause_or_not_at_all() -> None:
    """It is told what is to come by the load, and by nobody else."""
    load = agents()
    policy = Continuum(load, COST, rule="oracle")
    policy.delays.append(2.0)
    reload = COST.step(500, 1, 500, 500**2) / PICOSECONDS
    assert policy.time_to_live(500, "bash", 1.9) == pytest.approx(1.9, abs=0.01)
    assert policy.time_to_live(500, "bash", 2.0 + reload) == 0.0
    with pytest.raises(OptionError):
        Continuum(ToldByWorkload(load), COST, rule="oracle")
    stuck = agents(hang=0.1, hang_seconds=500.0)
    kept = [serve(stuck, Continuum(stuck, COST, rule=rule)) for rule in ("oracle", "never")]
    assert all(record.finished.all() for record in kept)
    assert kept[0].hits.sum() > kept[1].hits.sum()


def test_an_expired_context_gives_no_precedence() -> None:
    """A turn that comes back too late waits with the others, and its delay counts."""
    whole = np.zeros(2, dtype=np.int64)
    load = Workload(
        "late", whole, whole + 20, whole + 5, program=whole,
        parent_ptr=np.array([0, 0, 1]), parent=np.array([0]), delay=np.array([3 * PICOSECONDS]),
    )  # fmt: skip
    for seconds, waited in ((1.0, True), (10.0, False)):
        policy = Continuum(load, COST, rule="fixed", fixed=seconds)
        seen = {}
        original = policy.arrived

        def arrived(
            request: int, engine: EngineView, policy: Any = policy, original: Any = original,
            seen: Any = seen,
        ) -> None:  # fmt: skip
            original(request, engine)
            seen[request] = request in policy.unkept

        policy.arrived = arrived  # type: ignore[method-assign]
        assert serve(load, policy).finished.all()
        assert seen[1] is waited


@pytest.mark.parametrize(
    "options", [{"rule": "some"}, {"fixed": -1.0}, {"fixed": 1e9}, {"share": 2.0}]
)
def test_impossible_options_are_refused(options: dict[str, Any]) -> None:
    """With an error of ours."""
    with pytest.raises(OptionError):
        Continuum(agents(), **options)
