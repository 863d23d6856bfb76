"""Continuum: what it keeps, for how long, and how much of the memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from makespan.core.errors import OptionError
from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.fleet import Fleet
from makespan.serving.engine.instance import Instance
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.load.programs import program_times
from makespan.serving.policies.catalogue import policy_maker
from makespan.serving.policies.continuum import Continuum, Rule
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


def forgetful(load: Workload, tools: set[str]) -> Workload:
    """The load with prompts that begin otherwise than the context before, after some tools."""
    content = load.content.copy()
    version = [0] * load.count
    for turn in range(load.count):
        for parent in load.parents(turn):
            version[turn] = version[parent] + (load.labels[load.label[parent]] in tools)
            # Of one program all is named anew with every version, nothing that others share.
            own = slice(load.content_ptr[turn], load.content_ptr[turn + 1])
            if version[turn]:
                content[own] += 10**9 * (1 + version[turn] + 100 * int(load.program[turn]))
    return replace(load, content=content)


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
    policy.lifetime.delays.append(2.0)
    reload = COST.step(500, 1, 500, 500**2) / PICOSECONDS
    assert policy.lifetime.seconds(500, "bash", 1.9) == pytest.approx(1.9, abs=0.01)
    assert policy.lifetime.seconds(500, "bash", 2.0 + reload) == 0.0
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


def test_nothing_is_kept_for_long_where_nothing_is_found_again() -> None:
    """A tool whose callers come back with other prompts is found out, and only that one."""
    load = agents()
    forgetting = load.labels[0]
    changed = forgetful(load, {forgetting})
    policy = Continuum(changed, COST, rule="fixed", fixed=100.0, recall=0.5)
    assert serve(changed, policy).finished.all()
    means = {tool: float(np.mean(found)) for tool, found in policy.found.items()}
    assert set(means) == set(load.labels) - {"end"}
    assert means.pop(forgetting) == 0.0
    assert min(means.values()) > 0.5
    assert len(policy.found[forgetting]) < len(policy.found[load.labels[1]])


def test_keeping_in_vain_costs_and_is_left_off() -> None:
    """Contexts that nobody finds take memory from those at work, until it is noticed."""
    load = agents()
    changed = forgetful(load, set(load.labels))
    times = {}
    for recall in (0.0, 0.5):
        policy = Continuum(changed, COST, rule="fixed", fixed=100.0, recall=recall)
        times[recall] = program_times(serve(changed, policy))[0].mean()
    assert times[0.5] < times[0.0]


@pytest.mark.parametrize("rule", ["ttl", "fixed", "threshold"])
def test_where_contexts_are_found_nothing_changes(rule: Rule) -> None:
    """To the picosecond."""
    load = agents()
    one, other = (
        serve(load, Continuum(load, COST, rule=rule, recall=recall)) for recall in (0.0, 0.5)
    )
    assert (one.last == other.last).all()


@pytest.mark.parametrize(
    "options", [{"rule": "some"}, {"fixed": -1.0}, {"fixed": 1e9}, {"share": 2.0}, {"recall": -0.1}]
)
def test_impossible_options_are_refused(options: dict[str, Any]) -> None:
    """With an error of ours."""
    with pytest.raises(OptionError):
        Continuum(agents(), **options)


def test_reload_is_the_faster_of_computing_anew_and_loading() -> None:
    """By whole blocks; without a tier it is computing, and cheap reloads shorten the time kept."""
    load = agents()
    alone = Continuum(load, COST)
    anew = COST.step(500, 1, 500, 500**2) / PICOSECONDS
    assert alone.lifetime.reload(500, block_size=16) == anew
    for block, seconds in ((10**6, 32e-6), (10**12, anew)):
        policy = Continuum(load, COST, offload_time=block)
        assert policy.lifetime.reload(500, block_size=16) == pytest.approx(seconds)
    told = Continuum(load, COST, offload_time=10**6)
    for policy in (alone, told):
        policy.lifetime.delays.append(1.0)
    assert told.lifetime.seconds(5000, "bash") < alone.lifetime.seconds(5000, "bash")
    with pytest.raises(OptionError, match="offload_time"):
        Continuum(load, COST, offload_time=-1)


def test_a_study_tells_what_its_engines_load() -> None:
    """Each engine by its own tier, if it has one."""
    load = agents()
    plain = EngineSettings(700)
    tier = replace(plain, offload_blocks=9, offload_time=5)
    make = policy_maker("continuum", load, COST, settings=[plain, tier])
    made = [make() for _ in range(3)]
    assert [p.lifetime.offload_time for p in made if isinstance(p, Continuum)] == [None, 5, None]
