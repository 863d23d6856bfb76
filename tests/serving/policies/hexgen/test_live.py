"""Urgency by what clients say: the same decisions as with a load that is known."""

from __future__ import annotations

import json

import pytest

from makespan.core.errors import OptionError
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.policies.hexgen.budget import Budgets
from makespan.serving.policies.hexgen.live import LiveUrgency
from makespan.serving.policies.hexgen.profile import DECODE, SECONDS, Profile, published_machine
from makespan.serving.policies.hexgen.urgency import Urgency
from makespan.serving.policies.hexgen.workflow import CHESS
from makespan.serving.policies.told import ToldByWorkload
from makespan.serving.record import first_difference
from makespan.serving.settings import EngineSettings
from makespan.serving.vllm.clients import RunClock
from makespan.serving.vllm.configured import policy_from
from makespan.serving.workload import PICOSECONDS, Slo, Workload
from makespan.serving.workloads.text2sql import STAGES
from tests.serving.policies.hexgen.fleets import View, chain, queries

SETTINGS = EngineSettings(blocks=600, max_num_batched_tokens=8192, max_num_seqs=6)
COST = published_machine("A100").cost(DECODE["A100"])
TABLE = dict(zip([stage.name for stage in STAGES], SECONDS["A100"], strict=True))
WORKFLOW = dict(zip(CHESS.stages, CHESS.count, strict=True))


def live(load: Workload, **more: object) -> LiveUrgency:
    """With the authors' table and workflow."""
    known = {"seconds": TABLE, "workflow": WORKFLOW, "ends": CHESS.ends, **more}
    return LiveUrgency(ToldByWorkload(load), COST, **known)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(4))
def test_a_server_decides_as_one_that_knows_the_load(seed: int) -> None:
    """Every time of every call, if it has been given the same table and workflow."""
    load = queries(10, seed=seed, rate=1.0)
    profile = Profile.published(["A100"])
    known = simulate_serving(
        load, SETTINGS, COST, policy=lambda: Urgency(Budgets(load, profile.copy(), CHESS))
    )
    told = simulate_serving(load, SETTINGS, COST, policy=lambda: live(load))
    assert first_difference(known, told) is None
    plain = simulate_serving(load, SETTINGS, COST)
    assert first_difference(plain, told) is not None  # it does decide something


def test_budget_tightens_as_time_is_lost() -> None:
    """The deadline counts from the first call; late stages get less of what is left."""
    load = chain(["keywords", "candidate", "evaluate"], deadline=30.0)
    policy = live(load)
    sent = [0, 10 * PICOSECONDS, 25 * PICOSECONDS]
    view = Labelled(load, sent)
    for r in range(3):
        policy.arrived(r, view)  # type: ignore[arg-type]
    budgets = policy.budgets
    own = TABLE["candidate"]
    assert budgets.budget(1, sent[1]) == pytest.approx(20.0 * own / (own + budgets.rest(1)))
    last = budgets.budget(2, sent[2])
    assert last is not None
    assert last < 5.0


class Labelled(View):
    """Calls of a load, sent at given times."""

    def __init__(self, load: Workload, sent: list[int]) -> None:
        super().__init__(dict(enumerate(sent)))
        self.of = load

    @property
    def load(self) -> int:
        """Calls here: those of the load."""
        return 0

    def label(self, request: int) -> str:
        """Its stage."""
        return self.of.labels[int(self.of.label[request])]

    def program(self, request: int) -> int:
        """Its query."""
        return int(self.of.program[request])

    def slo(self, request: int) -> int:
        """Its class."""
        return int(self.of.slo[request])

    def prompt(self, request: int) -> int:
        """Its prompt."""
        return int(self.of.prompt[request])

    def generated(self, request: int) -> int:
        """Its answer."""
        return int(self.of.output[request])

    def running(self) -> list[int]:
        """Nobody."""
        return []

    def waiting(self) -> list[int]:
        """Nobody."""
        return []


def test_calls_side_by_side_are_one_stage() -> None:
    """And one that comes after the others have ended is another."""
    load = chain(["revise"] * 3, deadline=60.0)
    policy = live(load)
    view = Labelled(load, [0, 0, 5 * PICOSECONDS])
    rests = []
    for r in range(2):
        policy.arrived(r, view)  # type: ignore[arg-type]
        rests.append(policy.budgets.rest(r))
    for r in range(2):
        policy.finished(r, view)  # type: ignore[arg-type]
    policy.arrived(2, view)  # type: ignore[arg-type]
    assert rests[0] == rests[1]
    assert rests[0] - policy.budgets.rest(2) == pytest.approx(TABLE["revise"])


def test_workflow_and_times_are_learned_where_none_are_given() -> None:
    """From queries that said that they ended, and from calls that did."""
    load = chain(["plan", "draft", "draft"], deadline=60.0)
    told = ToldByWorkload(load)
    policy = LiveUrgency(told, COST)
    view = Labelled(load, [0, PICOSECONDS, 2 * PICOSECONDS])
    for r in range(3):
        policy.arrived(r, view)  # type: ignore[arg-type]
        assert policy.budgets.rest(r) == 0.0
        policy.finished(r, view)  # type: ignore[arg-type]
    assert not policy.keys
    assert not policy.budgets.stage
    policy.arrived(0, view)  # type: ignore[arg-type]
    draft = policy.profile.expected("draft")
    machine = policy.profile.machines[0]
    assert draft == pytest.approx(machine.seconds(10, 10))
    assert policy.budgets.rest(0) == pytest.approx(2 * draft)


def test_calls_that_are_cut_off_are_forgotten() -> None:
    """A server that runs for months keeps nothing of clients that hang up."""
    count = 500
    load = chain(["keywords"] * count, deadline=9.0)
    policy = live(load)
    view = Labelled(load, [0] * count)
    for r in range(count):
        policy.arrived(r, view)  # type: ignore[arg-type]
    assert len(policy.keys) <= 66
    assert len(policy.budgets.stage) == len(policy.keys)


def test_calls_without_a_deadline_come_last() -> None:
    """Among themselves by arrival."""
    load = chain(["keywords"] * 3, deadline=9.0)
    bare = Workload(
        "bare", load.arrival, load.prompt, load.output, label=load.label, labels=load.labels,
        slo=load.slo - [1, 0, 1], slos=(Slo("query", deadline=PICOSECONDS),),
    )  # fmt: skip
    policy = live(bare)
    view = Labelled(bare, [0, 7, 5])
    for r in range(3):
        policy.arrived(r, view)  # type: ignore[arg-type]
    assert policy.order([2, 0, 1], view) == [1, 0, 2]  # type: ignore[arg-type]


def test_servers_can_be_told_all_of_it() -> None:
    """As options of the policy in JSON."""
    options = {"seconds": TABLE, "workflow": WORKFLOW, "ends": {"unit_tester": ["revise"]}}
    spec = {
        "policy": "hexgen-urgency",
        "options": options,
        "slos": [{"name": "text2sql", "deadline_s": 60}],
    }
    policy, _ = policy_from(json.dumps(spec), RunClock(lambda: 0), "test")
    assert isinstance(policy, LiveUrgency)
    assert policy.profile.expected("candidate") == TABLE["candidate"]


@pytest.mark.parametrize(
    "options",
    [
        {"seconds": {"a": 0}},
        {"seconds": {"a": "1"}},
        {"seconds": [1]},
        {"workflow": {"a": -1}},
        {"workflow": {"a": float("inf")}},
        {"ends": {"a": "b"}},
        {"late": "never"},
    ],
)
def test_nonsense_is_refused(options: dict[str, object]) -> None:
    """Before a server starts."""
    with pytest.raises(OptionError):
        policy_from({"policy": "hexgen-urgency", "options": options}, RunClock(lambda: 0), "test")
