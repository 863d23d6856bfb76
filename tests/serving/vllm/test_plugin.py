"""The plug-in as a server has it: strangers, aborts, configurations that cannot be ruled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from makespan.core.errors import EngineError, OptionError
from makespan.serving.policy import EngineView, Policy
from makespan.serving.settings import EngineSettings
from makespan.serving.vllm import adapter, plugin
from makespan.serving.vllm.adapter import Scheduling
from makespan.serving.vllm.plugin import scheduler_of
from tests.serving.engine.cases import KeepsAll, LongestVictim, ShortestPrompt
from tests.serving.vllm.three_ways import DropsTheLast

pytestmark = pytest.mark.usefixtures("vllm")

LIMITS = EngineSettings(blocks=8, block_size=4, max_num_batched_tokens=16, max_num_seqs=2)


class Server:
    """vLLM's scheduler with requests of strangers, step by step."""

    def __init__(self, cls: type, limits: EngineSettings = LIMITS, policy: str = "fcfs") -> None:
        self.scheduling = Scheduling(limits, cls=cls, policy=policy)
        self.scheduler = self.scheduling.scheduler
        self.token = 1000

    def send(self, name: str, prompt: list[int], output: int, **said: object) -> Any:
        """A request arrives."""
        request = self.scheduling.request(name, prompt, output)
        request.sampling_params.extra_args = said
        self.scheduler.add_request(request)
        return request

    def step(self) -> tuple[dict[str, int], list[Any]]:
        """One step: its plan, and what clients are told."""
        step = self.scheduling.schedule()
        sampled = {}
        for name in step.tokens:
            request = self.scheduler.requests[name]
            if request.num_computed_tokens >= request.num_tokens:
                self.token += 1
                sampled[name] = self.token
        told: list[Any] = []
        update = self.scheduler.update_from_output

        def heard(*given: Any) -> Any:
            out = update(*given)
            told.extend(one for box in out.values() for one in box.outputs)
            return out

        self.scheduler.update_from_output = heard
        self.scheduling.complete(step, sampled)
        self.scheduler.update_from_output = update
        return dict(step.tokens), told

    def run(self) -> None:
        """Steps until nobody is there."""
        while self.scheduler.requests:
            self.step()

    @property
    def free(self) -> int:
        """Blocks that nobody holds."""
        return int(self.scheduler.kv_cache_manager.block_pool.get_num_free_blocks())


def numbers(first: int, count: int) -> list[int]:
    """A prompt."""
    return list(range(first, first + count))


def test_server_takes_its_policy_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The class is found by vLLM under its path and follows the named policy."""
    monkeypatch.setenv("MAKESPAN_POLICY", "shortest-prompt")
    find = adapter.part("vllm.utils.import_utils", "resolve_obj_by_qualname")
    server = Server(find("makespan.serving.vllm.plugin.PolicyScheduler"))
    assert find("makespan.serving.vllm.plugin.PolicyScheduler") is plugin.PolicyScheduler
    for name, size in (("long", 9), ("middle", 6), ("short", 3)):
        server.send(name, numbers(10 * size, size), 2)
    assert list(server.step()[0]) == ["short", "middle"]


def test_server_without_a_policy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not start, and says what to set."""
    monkeypatch.delenv("MAKESPAN_POLICY", raising=False)
    with pytest.raises(OptionError, match="no policy for vLLM's scheduler"):
        Server(plugin.PolicyScheduler)
    monkeypatch.setenv("MAKESPAN_POLICY", "shortest-job-oracle")
    with pytest.raises(OptionError, match="oracle"):
        Server(plugin.PolicyScheduler)


def test_nothing_else_is_in_the_module() -> None:
    """A misspelt name is the usual error."""
    with pytest.raises(AttributeError, match="has no attribute 'Scheduler'"):
        plugin.__getattr__("Scheduler")


def test_programs_of_strangers_keep_their_memory() -> None:
    """A program is known by what its requests say; its next turn takes over what was kept."""
    server = Server(scheduler_of(KeepsAll))
    server.send("a", numbers(1, 8), 1, makespan_program="p")
    server.step()
    assert server.free == 8 - 2
    server.send("b", numbers(1, 10), 1, makespan_program="p")
    tokens, _ = server.step()
    assert tokens == {"b": 2}
    assert server.free == 8 - 3  # those of the first turn are in the second's
    assert server.scheduler.reset_prefix_cache()
    assert server.free == 8


def test_client_that_hangs_up_leaves_nothing_behind() -> None:
    """Waiting and running requests may be aborted; who has got tokens counts as ended."""
    heard: list[tuple[int, int]] = []

    class Listens(Policy):
        def finished(self, request: int, engine: EngineView) -> None:
            """See the base class."""
            heard.append((request, engine.generated(request)))

    server = Server(scheduler_of(Listens))
    aborted = adapter.part("vllm.v1.request", "RequestStatus").FINISHED_ABORTED
    for name in "abc":
        server.send(name, numbers(100 * ord(name), 5), 9)
    server.step()
    server.scheduler.finish_requests(["a", "c"], aborted)
    assert heard == [(0, 1)]
    server.scheduler.finish_requests(None, aborted)
    assert heard == [(0, 1), (1, 1)]
    view = server.scheduler.deciding.view
    assert not view.clients
    assert not view.numbers
    assert server.free == 8


def test_client_of_a_dropped_request_is_told() -> None:
    """It gets a last output, with the reason vLLM gives for aborts."""

    class Drops(Policy):
        def drop(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
            """See the base class."""
            return [r for r in waiting if engine.label(r) == "late"]

    server = Server(scheduler_of(Drops))
    server.send("kept", numbers(1, 3), 2)
    server.send("gone", numbers(50, 3), 2, makespan_label="late")
    _, told = server.step()
    assert {one.request_id: str(one.finish_reason) for one in told} == {
        "kept": "None",
        "gone": "abort",
    }
    assert server.scheduler.dropped == ["gone"]
    assert list(server.scheduler.requests) == ["kept"]
    assert [one.request_id for one in server.step()[1]] == ["kept"]
    assert server.scheduler.dropped == []


def test_workloads_of_a_run_follow_one_another() -> None:
    """Each run has a policy of its own; none begins while requests are there."""
    made: list[Policy] = []

    def make() -> Policy:
        made.append(Policy())
        return made[-1]

    server = Server(scheduler_of(make))
    server.scheduler.serves(lambda: 0)
    assert len(made) == 2
    server.scheduler.serves(lambda: 0, plain=True)
    assert len(made) == 2
    server.send("a", numbers(1, 3), 1)
    with pytest.raises(EngineError, match="a run begins though 1 requests are there"):
        server.scheduler.serves(lambda: 0)


def bad(**hooks: Callable[..., object]) -> type[Policy]:
    """A policy with these hooks."""
    return type("Bad", (Policy,), {"name": "bad", **hooks})


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (bad(order=lambda _s, w, _e: [w[0], w[0], *w[2:]]), "orders the queue"),
        (bad(order=lambda _s, w, _e: w[1:]), "orders the queue"),
        (bad(drop=lambda _s, _w, _e: [77]), "drops: it answers .77., asked about"),
        (bad(drop=lambda _s, w, _e: [w[0], w[0]]), "drops"),
        (bad(interrupt=lambda _s, _e: [77]), "interrupts: it answers 77"),
        (bad(victim=lambda _s, _r, _e: 77), "preempts: it answers 77"),
        (
            bad(retain=lambda _s, _r, e: e.now + 10**15, unpin=lambda _s, _p, _r, _e: 77),
            "gives up: it answers 77",
        ),
    ],
)
def test_nonsense_of_a_policy_is_told(policy: type[Policy], words: str) -> None:
    """An answer that names others than it was asked about stops the engine in words."""
    server = Server(scheduler_of(policy))
    for name in "abcd":
        server.send(name, numbers(100 * ord(name), 8), 20)
    server.send("e", numbers(1, 3), 2)
    with pytest.raises(EngineError, match=f"policy 'bad' {words}"):
        server.run()


def test_priorities_survive_a_victim() -> None:
    """What is lent to the victim, so that vLLM takes it, is given back."""
    server = Server(scheduler_of(LongestVictim), policy="priority")
    for name in "ab":
        server.send(name, numbers(100 * ord(name), 10), 12)
    preempted = 0
    while server.scheduler.requests:
        server.step()
        for request in server.scheduler.requests.values():
            assert request.priority == 0
            preempted += request.num_preemptions
    assert preempted


class Config:
    """A part of vLLM's configuration that is not in its place."""

    def __init__(self, **given: object) -> None:
        self.__dict__.update(given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"asynchronous": True}, "asynchronous scheduling.*--no-async-scheduling"),
        ({"max_concurrent_batches": 2}, "pipeline parallelism"),
        ({"kv_transfer_config": object()}, "transfers of keys and values"),
        ({"ec_transfer_config": object()}, "transfers of keys and values"),
    ],
)
def test_configurations_that_cannot_be_ruled_are_refused(given: dict[str, Any], words: str) -> None:
    """With the option that mends it."""
    config = Config(
        scheduler_config=Config(async_scheduling=given.pop("asynchronous", False)),
        **{
            "max_concurrent_batches": 1,
            "kv_transfer_config": None,
            "ec_transfer_config": None,
            **given,
        },
    )
    with pytest.raises(EngineError, match=words):
        plugin._refuse(config)


def test_vllm_that_lost_a_part_is_refused() -> None:
    """What the plug-in steers by is in the contract, and named when it is absent."""

    class Drifted(scheduler_of(ShortestPrompt)):  # type: ignore[misc]
        def finish_requests(self, names: object, status: object) -> None:
            """With other parameters."""

    with pytest.raises(EngineError, match="finish_requests takes no request_ids, finished_status"):
        Server(Drifted)


def test_view_forgets_who_ended() -> None:
    """A server runs for long: nothing is kept of requests that are neither here nor pinned."""
    server = Server(scheduler_of(DropsTheLast))
    for k in range(40):
        server.send(str(k), numbers(10 * k, 3), 1 + k % 3, makespan_program=str(k % 5))
        server.step()
    server.run()
    deciding = server.scheduler.deciding
    assert not deciding.view.clients
    assert not deciding.pins
