"""The policy of a server: what may be said, and what is refused with which words."""

from __future__ import annotations

import contextlib
import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.policies.catalogue import POLICIES
from makespan.serving.policies.continuum import Continuum
from makespan.serving.policies.live import LIVE
from makespan.serving.policies.ordering import EarliestDeadline
from makespan.serving.policies.past_future import PastFuture
from makespan.serving.policies.sarathi import Sarathi
from makespan.serving.vllm.clients import LiveClients, RunClock
from makespan.serving.vllm.configured import VARIABLE, policy_from, policy_of_server
from makespan.serving.workload import PICOSECONDS

CLOCK = RunClock(lambda: 0)
FULL = {
    "policy": "edf",
    "seed": 4,
    "slos": [{"name": "chat", "ttft_s": 0.5, "tpot_s": 0.05}, {"name": "batch", "deadline_s": 60}],
}


@pytest.mark.parametrize("name", LIVE)
def test_live_policies_are_those_of_the_catalogue(name: str) -> None:
    """A name means the same policy for a server as for the simulator."""
    policy, _ = policy_from({"policy": name, "cost": {"per_token": 1}}, CLOCK, "test")
    assert policy.name in (name, "continuum")
    assert not POLICIES[name].oracle


def test_everything_can_be_said() -> None:
    """Classes, seeds, options and step times reach the policy."""
    policy, clients = policy_from(FULL, CLOCK, "test")
    assert isinstance(policy, EarliestDeadline)
    assert [slo.name for slo in clients.slos] == ["chat", "batch"]
    assert clients.slos[0].ttft == PICOSECONDS // 2
    assert policy.allowed[0] == PICOSECONDS // 2
    assert policy.deadline[1] == 60 * PICOSECONDS
    drawn, _ = policy_from(
        json.dumps({"policy": "past-future", "options": {"reserve": 0.2}}), CLOCK, "test"
    )
    assert isinstance(drawn, PastFuture)
    assert drawn.reserve == 0.2
    cost = {"floor": 5, "per_token": 2}
    kept, _ = policy_from({"policy": "continuum", "cost": cost}, CLOCK, "test")
    assert isinstance(kept, Continuum)
    assert kept.lifetime.cost is not None
    assert kept.lifetime.cost.step(10, 1, 10, 100) == 20
    assert isinstance(kept.told, LiveClients)
    chunks, _ = policy_from({**FULL, "policy": "sarathi", "cost": cost}, CLOCK, "test")
    assert isinstance(chunks, Sarathi)
    assert chunks.target == PICOSECONDS // 20


def test_configuration_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """vLLM's additional_config first, then the variable, then a sentence that names both."""
    monkeypatch.setenv(VARIABLE, "priority")
    said = SimpleNamespace(additional_config={"makespan": "conservative"})
    assert policy_of_server(said, CLOCK)[0].name == "conservative"
    silent = SimpleNamespace(additional_config={})
    assert policy_of_server(silent, CLOCK)[0].name == "priority"
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(OptionError, match=r"MAKESPAN_POLICY, or --additional-config"):
        policy_of_server(silent, CLOCK)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("lifo", "no policy is called 'lifo' .*past-future"),
        ("true-lengths-oracle", "is an oracle: it knows lengths before they are generated"),
        ("sarathi", "'sarathi' reckons with the times of steps.*--cost"),
        ("heft-rank", "must know the load beforehand.*hexgen-urgency"),
        ("prefix-tree", "must know the load beforehand.*batchllm plans what is waiting"),
        ('{"policy": ', "is no JSON"),
        ({"policy": 3}, "names no policy"),
        ({}, "names no policy"),
        ([], "is no object"),
        ({"policy": "fcfs", "speed": 1}, "unknown speed .there are policy, options"),
        ({"policy": "fcfs", "options": {"speed": 1}}, "options of policy 'fcfs'"),
        ({"policy": "aggressive", "options": {"watermark": 3}}, "watermark is 3"),
        ({"policy": "fcfs", "seed": -1}, "seed is -1"),
        ({"policy": "edf", "slos": {}}, "slos is no list"),
        ({"policy": "edf", "slos": [{"ttft_s": 1}]}, "has no name"),
        ({"policy": "edf", "slos": [{"name": "a", "ttft_s": 0}]}, "ttft_s of 'a' is 0"),
        ({"policy": "edf", "slos": [{"name": "a", "ttft": 1}]}, "unknown ttft"),
        ({"policy": "continuum", "cost": {}}, "steps would take no time"),
        ({"policy": "continuum", "cost": {"floor": 1.5}}, "floor is 1.5"),
    ],
)
def test_nonsense_is_refused_in_words(given: object, words: str) -> None:
    """Each message says where it was given and what is wrong."""
    with pytest.raises(OptionError, match=f"(?s)the command line.*{words}"):
        policy_from(given, CLOCK, "the command line")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from([*FULL, "options", "cost"]), JSON).map(lambda d: {**FULL, **d})
    | JSON
)
def test_any_json_is_a_policy_or_an_error_in_words(given: object) -> None:
    """Nothing but OptionError comes out of damaged configurations, as objects and as text."""
    for form in (given, json.dumps(given)):
        with contextlib.suppress(OptionError):
            policy_from(form, CLOCK, "test")
