"""BatchLLM on what is waiting: the paper's plan of what is sent at once, and plans anew."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.policies.batchllm import BatchLLM
from makespan.serving.policies.batchllm.live import QueueBatch
from makespan.serving.policies.batchllm.planning import plan_batch
from makespan.serving.record import first_difference
from makespan.serving.settings import EngineSettings
from makespan.serving.vllm.clients import LiveClients, RunClock
from makespan.serving.vllm.configured import policy_from
from makespan.serving.vllm.tokens import Tokens
from makespan.serving.workload import Workload

COST = LinearCost(8 * 10**9, 2 * 10**7, 0, 0)
LIMITS = EngineSettings(blocks=120, max_num_batched_tokens=512, max_num_seqs=16)


class Told:
    """Prompts of a load, as a server would tokenize them."""

    def __init__(self, load: Workload) -> None:
        tokens = Tokens(load)
        self.prompts = [tokens.prompt(r) for r in range(load.count)]

    def prompt_tokens(self, request: int) -> Sequence[int]:
        """See ``Prompts``."""
        return self.prompts[request]

    def sharing(self, request: int) -> Hashable:
        """The same for all."""
        return ""


def batch(groups: int, size: int, *, apart: int = 0) -> Workload:
    """Groups of prompts with 64 tokens in common each, their members scattered."""
    n = groups * size
    content = [
        word
        for r in range(n)
        for word in (*(100 * (r % groups) + k for k in range(4)), 10_000 + 2 * r, 10_001 + 2 * r)
    ]
    return Workload(
        "batch",
        np.arange(n, dtype=np.int64) * apart,
        np.full(n, 96),
        4 + 5 * (np.arange(n) % groups),
        content=np.array(content),
        content_ptr=np.arange(n + 1) * 6,
        grain=16,
    )


def test_a_batch_sent_at_once_is_planned_as_in_the_paper() -> None:
    """Admission by admission, to the picosecond; and the plan is made once."""
    load = batch(40, 4)
    known = simulate_serving(load, LIMITS, COST, policy=lambda: BatchLLM(load))
    live = QueueBatch(Told(load))
    told = simulate_serving(load, LIMITS, COST, policy=lambda: live)
    assert first_difference(known, told) is None
    assert live.plans == 1
    plain = simulate_serving(load, LIMITS, COST)
    assert told.hits.sum() > plain.hits.sum()


def test_arrivals_one_by_one_are_planned_anew() -> None:
    """Prefixes are found that order of arrival loses, at a number of plans below that of arrivals."""
    load = batch(40, 4, apart=3 * 10**9)
    live = QueueBatch(Told(load))
    told = simulate_serving(load, LIMITS, COST, policy=lambda: live)
    plain = simulate_serving(load, LIMITS, COST)
    assert told.finished.all()
    assert told.hits.sum() > plain.hits.sum()
    assert 1 < live.plans < load.count


def view(running: list[int], lost: tuple[int, ...] = ()) -> SimpleNamespace:
    """An engine."""
    return SimpleNamespace(
        running=lambda: running,
        preemptions=lambda r: int(r in lost),
        generated=lambda r: 0,
        cap=lambda r: 10,
        block_size=16,
    )


def test_group_of_a_running_request_goes_first() -> None:
    """Its prefix is in memory; then the plan's order; who lost his memory is before all."""
    load = batch(3, 4)
    policy = QueueBatch(Told(load))
    waiting = [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    order = list(policy.order(waiting, view([2])))  # type: ignore[arg-type]
    assert {r % 3 for r in order[:3]} == {2}
    assert policy.group_of(2) == policy.group_of(5)
    assert policy.group_of(2)[1] == 64
    plan = plan_batch([Told(load).prompts[r] for r in waiting], output_tokens=10)
    rest = [waiting[k] for group in plan for k in group.members if waiting[k] % 3 != 2]
    assert order[3:] == rest
    assert policy.order(waiting, view([2], (4,)))[0] == 4  # type: ignore[arg-type]


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.integers(0, 2), max_size=40), min_size=1, max_size=12),
    st.floats(0.05, 1.0),
    st.data(),
)
def test_order_is_always_the_same_requests(
    prompts: list[list[int]], fresh: float, data: st.DataObject
) -> None:
    """Whatever prompts say, none of them too, and whoever comes and goes."""
    told = SimpleNamespace(prompt_tokens=lambda r: prompts[r], sharing=lambda r: r % 2)
    policy = QueueBatch(told, fresh=fresh)
    for _ in range(5):
        here = data.draw(st.lists(st.integers(0, len(prompts) - 1), unique=True))
        cut = data.draw(st.integers(0, len(here)))
        order = policy.order(here[cut:], view(here[:cut]))  # type: ignore[arg-type]
        assert sorted(order) == sorted(here[cut:])
        for r in here[cut:]:
            assert len(prompts[r]) >= policy.group_of(r)[1]


def test_clients_tell_their_prompts_until_they_are_gone() -> None:
    """And what else must be equal for two to share memory."""
    clients = LiveClients(RunClock(lambda: 0))

    def request(**more: object) -> SimpleNamespace:
        plain = {
            "arrival_time": 0.0, "max_tokens": 5, "priority": 0, "session_id": None,
            "sampling_params": None, "pooling_params": None,
        }  # fmt: skip
        return SimpleNamespace(**{**plain, **more})

    met = [
        clients.meet(request(prompt_token_ids=[1, 2, 3])),
        clients.meet(request(prompt_token_ids=None)),
        clients.meet(request(prompt_token_ids=[1], cache_salt="x")),
        clients.meet(request(prompt_token_ids=[1], lora_request=SimpleNamespace(lora_name="l"))),
        clients.meet(request(prompt_token_ids=[1], mm_features=[SimpleNamespace(identifier="p")])),
    ]
    assert [list(clients.prompt_tokens(one.number)) for one in met[:2]] == [[1, 2, 3], []]
    assert clients.sharing(0) == clients.sharing(1)
    assert len({clients.sharing(one.number) for one in met}) == 4
    clients.forget(met[0])
    with pytest.raises(KeyError):
        clients.prompt_tokens(0)


@pytest.mark.parametrize(
    "options", [{"fresh": 0.0}, {"window": 0}, {"grouping": "all"}, {"threshold": 2.0}]
)
def test_nonsense_is_refused(options: dict[str, object]) -> None:
    """Before a server starts."""
    with pytest.raises(OptionError):
        policy_from({"policy": "batchllm", "options": options}, RunClock(lambda: 0), "test")
