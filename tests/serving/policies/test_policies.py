"""Policies: what they promise, on engines that serve random loads."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.fleet import Fleet
from makespan.serving.engine.reference import Reference
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.policies.admission import Aggressive, Conservative, TrueLengths
from makespan.serving.policies.catalogue import POLICIES, policy_maker
from makespan.serving.policies.continuum import Continuum, Memory, Pauses
from makespan.serving.policies.past_future import PastFuture
from makespan.serving.policies.peak import peak_blocks
from makespan.serving.record import Fate
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import Slo, Workload
from makespan.serving.workloads.catalogue import generate
from tests.serving.engine.cases import random_case

COST = LinearCost(10**10, 10**8, 10**5, 10**7)


@given(
    st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90)), min_size=1, max_size=12),
    st.integers(1, 17),
)
def test_the_peak_is_that_of_the_steps(batch: list[tuple[int, int]], size: int) -> None:
    """Stepping through the remaining lives, counting before each end."""
    held, left = (np.array(column, dtype=np.int64) for column in zip(*batch, strict=True))
    most_tokens = most_blocks = 0
    for step in range(91):
        alive = held[left >= step] + step
        most_tokens = max(most_tokens, int(alive.sum()))
        most_blocks = max(most_blocks, int((-(-alive // size)).sum()))
    assert peak_blocks(held, left, 1) == most_tokens
    assert peak_blocks(held, left, size) == most_blocks


def crowded(seed: int, requests: int = 120) -> dict[str, Any]:
    """A burst of requests for a small memory."""
    random = np.random.default_rng(seed)
    output = random.integers(1, 120, requests)
    workload = Workload(
        "burst",
        np.zeros(requests, dtype=np.int64),
        random.integers(1, 60, requests),
        output,
        cap=np.full(requests, 120),
        slos=(Slo("chat", ttft=10**12),),
        slo=np.zeros(requests, dtype=np.int64),
    )
    return {"workload": workload, "settings": EngineSettings(blocks=60), "cost": COST}


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_serves_everybody(name: str) -> None:
    """Nobody starves and no block leaks, whatever the order."""
    case = crowded(1)
    record = simulate_serving(**case, policy=policy_maker(name, case["workload"]))
    assert (record.fate == Fate.FINISHED).all()


@pytest.mark.parametrize("name", POLICIES)
def test_policies_decide_the_same_on_the_plain_engines(name: str) -> None:
    """They depend on events alone, as the event-driven engines suppose of them."""
    for seed in range(20):
        case = random_case(seed)
        fast = Fleet(**case, policy=policy_maker(name, case["workload"])).run()
        plain = Reference(**case, policy=policy_maker(name, case["workload"])).run()
        assert fast.requests.last == plain.requests.last


def test_admission_by_the_worst_case_never_preempts() -> None:
    """Nor does an oracle; admission by what fits now does."""
    preemptions = {}
    for name in ("conservative", "true-lengths-oracle", "past-future", "aggressive", "fcfs"):
        total = 0
        for seed in range(3):
            case = crowded(seed)
            maker = policy_maker(name, case["workload"], seed=seed)
            total += int(simulate_serving(**case, policy=maker).preemptions.sum())
        preemptions[name] = total
    assert preemptions["conservative"] == preemptions["true-lengths-oracle"] == 0
    assert preemptions["past-future"] < 0.5 * preemptions["aggressive"] <= preemptions["fcfs"]


@given(
    st.lists(
        st.tuples(st.integers(1, 40), st.integers(1, 60), st.floats(0, 1)), min_size=1, max_size=10
    ),
    st.integers(1, 9),
    st.floats(0.3, 1.2),
)
def test_the_oracle_admits_what_fits_at_the_peak(
    batch: list[tuple[int, int, float]], size: int, share: float
) -> None:
    """Whether or not all would fit at their longest at once."""
    prompt, output = (np.array([one[k] for one in batch]) for k in (0, 1))
    had = np.array([int(done * out) for _, out, done in batch])
    left = output - 1 - had
    peak = peak_blocks(prompt + had + np.minimum(left, 0), np.maximum(left, 0), size)
    load = Workload("batch", np.zeros(len(batch), dtype=np.int64), prompt, output)
    engine: Any = SimpleNamespace(
        running=lambda: range(len(batch) - 1),
        prompt=lambda r: int(prompt[r]),
        generated=lambda r: int(had[r]),
        block_size=size,
        total_blocks=round(share * peak),
    )
    admitted = TrueLengths(load).admit(len(batch) - 1, engine)
    assert admitted == (peak <= engine.total_blocks)


def test_wrong_parameters_are_refused() -> None:
    """With a hint."""
    with pytest.raises(OptionError, match="history is 0"):
        PastFuture(history=0)
    with pytest.raises(OptionError, match="watermark"):
        Aggressive(1.0)
    with pytest.raises(OptionError, match="no policy is called 'lifo'"):
        policy_maker("lifo", crowded(0)["workload"])


def test_conservative_counts_caps_by_blocks() -> None:
    """Two requests of 16 + 16 tokens need four blocks of 16."""
    workload = Workload(
        "two",
        np.zeros(2, dtype=np.int64),
        np.array([16, 16]),
        np.array([8, 8]),
        cap=np.array([16, 16]),
    )
    for blocks, together in ((4, True), (3, False)):
        record = simulate_serving(
            workload, EngineSettings(blocks=blocks), COST, policy=Conservative
        )
        assert (record.admitted[0] == record.admitted[1]) == together


def agents(seed: int) -> dict[str, Any]:
    """Agents whose contexts do not all fit, with tools of a second."""
    workload = generate("agents", {"sessions": 25, "rate": 3.0, "scale_tokens": 0.05}, seed=seed)
    return {"workload": workload, "settings": EngineSettings(blocks=700), "cost": COST}


def test_contexts_that_are_kept_are_found_by_the_next_turn() -> None:
    """More of the prompts is found than without keeping, and everybody is served."""
    found = {}
    for name in ("program-fcfs", "continuum"):
        case = agents(3)
        maker = policy_maker(name, case["workload"], COST)
        record = simulate_serving(**case, policy=maker)
        assert (record.fate == Fate.FINISHED).all()
        found[name] = int(record.hits.sum())
    assert found["continuum"] > found["program-fcfs"]


@given(st.lists(st.floats(0.01, 50.0), min_size=1, max_size=30), st.floats(0.0, 60.0))
def test_the_time_to_live_is_the_best_of_all(pauses: list[float], benefit: float) -> None:
    """No other time, of a fine grid and the pauses themselves, has a greater gain."""
    values, past = sorted(pauses), Pauses()
    for pause in pauses:
        past.add(pause)
    best = past.best(benefit)
    assert list(past.values) == values
    assert past.mean == pytest.approx(np.mean(values))

    def gain(ttl: float) -> float:
        return sum(v <= ttl for v in values) / len(values) * benefit - ttl

    assert all(gain(ttl) <= gain(best) + 1e-9 for ttl in [0.0, *values, *np.linspace(0, 60, 200)])


@given(st.lists(st.integers(1, 40), max_size=20))
def test_memoryfulness_is_a_correlation(turns: list[int]) -> None:
    """Of turns served and turns left, at every turn of all programs; 1 where there is none."""
    memory = Memory()
    for count in turns:
        memory.learn(count)
    so_far = [k for n in turns for k in range(1, n + 1)]
    left = [n - k for n in turns for k in range(1, n + 1)]
    if len(set(so_far)) > 1 and len(set(left)) > 1:
        assert memory.eta == pytest.approx(-np.corrcoef(so_far, left)[0, 1], abs=1e-9)
    else:
        assert memory.eta == 1.0


def test_before_pauses_are_known_an_exponential_law_is_assumed() -> None:
    """Its optimum is the logarithm of the benefit in seconds, none below one second."""
    policy = Continuum(agents(0)["workload"])
    policy.lifetime.delays.append(5.0)
    assert policy.lifetime.seconds(100, "bash") == pytest.approx(np.log(5.0))
    policy.lifetime.delays.clear()
    policy.lifetime.delays.append(0.5)
    assert policy.lifetime.seconds(100, "bash") == 0.0
