"""Policies inside vLLM: a subclass of its scheduler that asks a policy at every decision.

The policy is the very object that the simulator runs. vLLM's own ``schedule()`` is not copied but
steered at the few places where it turns to something that can be given to it:

- the queue of waiting requests is one of ours, which is ordered when vLLM first looks at its head;
- ``allocate_slots`` is wrapped: where it finds no memory, ``unpin`` is asked and then ``victim``;
  where it has found enough for somebody new and is about to give it out, ``admit`` is asked;
- who was chosen as a victim gets, until it is preempted, a priority that vLLM's branch for
  priorities cannot pass over;
- blocks that are kept are popped from their request before vLLM frees them.

Steps must not overlap: with asynchronous scheduling or pipeline parallelism the next step is
planned before the outcome of the last is known, and there is no boundary that a policy could be
shown. Such configurations are refused, as are transfers of keys and values between engines.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from makespan.core.errors import EngineError
from makespan.serving.policy import Policy
from makespan.serving.vllm import contract
from makespan.serving.vllm.adapter import demand, part
from makespan.serving.vllm.clients import (
    Clients,
    Clock,
    LiveClients,
    RunClock,
    ServerClock,
    WorkloadClients,
)
from makespan.serving.vllm.configured import policy_of_server
from makespan.serving.vllm.deciding import Deciding, Refused
from makespan.serving.workload import Workload


def scheduler_of(make_policy: Callable[[], Policy]) -> type:
    """A scheduler class for vLLM that is ruled by a policy.

    For ``run_stock``, ``run_real`` and ``RealEngine``, which tell it the workload, so that requests
    have its numbers; given to vLLM itself (``LLM(scheduler_cls=...)``, in this process), it numbers
    requests as they come.

    Parameters
    ----------
    make_policy
        Makes the policy of one run.

    Raises
    ------
    MissingDependencyError
        If vLLM is not installed.
    EngineError
        If it is another release, or does not have what we rely on.
    """

    def live(_config: Any, clock: Clock) -> tuple[Policy, Clients]:
        return make_policy(), LiveClients(clock)

    return _scheduler(live, make_policy)


def server_scheduler() -> type:
    """The class behind ``--scheduler-cls makespan.serving.vllm.plugin.PolicyScheduler``."""
    return _scheduler(policy_of_server, None)


def __getattr__(name: str) -> type:
    """``PolicyScheduler``, made when it is asked for: only then is vLLM needed."""
    if name != "PolicyScheduler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = server_scheduler()
    globals()[name] = made
    return made


def _scheduler(
    live: Callable[[Any, Clock], tuple[Policy, Clients]],
    make_policy: Callable[[], Policy] | None,
) -> type:
    base = part("vllm.v1.core.sched.scheduler", "Scheduler")
    fcfs = part("vllm.v1.core.sched.request_queue", "FCFSRequestQueue")
    rules = part("vllm.v1.core.sched.request_queue", "SchedulingPolicy")
    status = part("vllm.v1.request", "RequestStatus")
    running, aborted = status.RUNNING, status.FINISHED_ABORTED
    output = part("vllm.v1.engine", "EngineCoreOutput")
    outputs = part("vllm.v1.engine", "EngineCoreOutputs")

    class Queue(fcfs):  # type: ignore[misc, valid-type]
        """A queue that is put in order when its head is looked at."""

        def __init__(self, scheduler: Any) -> None:
            super().__init__()
            self.scheduler = scheduler

        def peek_request(self) -> Any:
            self.scheduler.deciding.order(self)
            return super().peek_request()

    class PolicyScheduler(base):  # type: ignore[misc, valid-type]
        """vLLM's scheduler, ruled by a policy.

        Attributes
        ----------
        deciding
            The policy and what it has decided.
        dropped
            Ids of the requests that it has given up before the last step, in order.
        """

        deciding: Deciding
        max_num_scheduled_tokens: int

        def __init__(self, *rest: Any, **named: Any) -> None:
            super().__init__(*rest, **named)
            _refuse(self.vllm_config)
            demand(self, contract.STEERED)
            self.waiting = Queue(self)
            demand(self.waiting, contract.STEERED_QUEUE)
            self._looked = False
            self._steered = self.kv_cache_manager.allocate_slots
            self.kv_cache_manager.allocate_slots = self._allocate
            coordinator = self.kv_cache_manager.coordinator
            self._giving = {
                name: getattr(coordinator, name)
                for name in ("allocate_new_computed_blocks", "allocate_new_blocks")
            }
            self._gates = {name: self._gated(call) for name, call in self._giving.items()}
            # The victim that has been lent the least urgent priority, and its own.
            self._lent: tuple[Any, int] | None = None
            self.dropped: list[str] = []
            # Of all that were given up: those whose clients have not been told.
            self._untold: list[Any] = []
            self._updating = False
            clock = ServerClock()
            self._rule(*live(self.vllm_config, clock), clock)

        def serves(
            self, now: Callable[[], int], workload: Workload | None = None, *, plain: bool = False
        ) -> None:
            """A run begins, with a policy of its own, on a clock of its own.

            Parameters
            ----------
            now
                The clock, picoseconds, on which vLLM is told the arrivals.
            workload
                Whose indices the ids of the requests begin with; None: number them as they come.
            plain
                Follow vLLM's defaults and not the policy, as for a warm-up.
            """
            if self.requests:
                raise EngineError(f"a run begins though {len(self.requests)} requests are there")
            clock = RunClock(now)
            if plain:
                self._rule(Policy(), LiveClients(clock), clock)
            elif workload is None or make_policy is None:
                self._rule(*live(self.vllm_config, clock), clock)
            else:
                self._rule(make_policy(), WorkloadClients(workload, clock), clock)

        def schedule(self, *rest: Any, **named: Any) -> Any:
            deciding = self.deciding
            whole = self.max_num_scheduled_tokens
            self.dropped = []
            budget = deciding.begin()
            if budget is not None:
                self.max_num_scheduled_tokens = min(budget, whole)
            try:
                plan = super().schedule(*rest, **named)
            finally:
                self.max_num_scheduled_tokens = whole
                self._give_back()
            deciding.end()
            return plan

        def update_from_output(self, scheduler_output: Any, model_runner_output: Any) -> Any:
            self.deciding.tick()
            self._updating = True
            try:
                told = super().update_from_output(scheduler_output, model_runner_output)
            finally:
                self._updating = False
            self.deciding.settle()
            for request in self._untold:
                # Nobody else tells the client of a request that the scheduler itself ends.
                box = told.setdefault(request.client_index, outputs(outputs=[]))
                box.outputs.append(
                    output(
                        request_id=request.request_id,
                        new_token_ids=[],
                        finish_reason=request.get_finished_reason(),
                        events=request.take_events(),
                        trace_headers=request.trace_headers,
                    )
                )
            self._untold.clear()
            return told

        def add_request(self, request: Any) -> None:
            known = request.request_id in self.requests
            super().add_request(request)
            if not known:
                if not self._looked:
                    demand(request, contract.STEERED_REQUEST)
                    self._looked = True
                self.deciding.tick()
                self.deciding.arrived(request)

        def finish_requests(self, request_ids: Any, finished_status: Any) -> Any:
            if not self._updating:
                self.deciding.tick()
            ended = super().finish_requests(request_ids, finished_status)
            if not self._updating:
                self.deciding.settle()
            return ended

        def reset_prefix_cache(self, *rest: Any, **named: Any) -> bool:
            self.deciding.release()
            return bool(super().reset_prefix_cache(*rest, **named))

        def _preempt_request(
            self, request: Any, timestamp: float, drop_stale_output: bool = False
        ) -> None:
            self._give_back()
            super()._preempt_request(request, timestamp, drop_stale_output)
            self.deciding.preempted()

        def _free_request(self, request: Any, delay_free_blocks: bool = False) -> Any:
            self.deciding.leaves(request)
            return super()._free_request(request, delay_free_blocks)

        def _rule(self, policy: Policy, clients: Clients, clock: Clock) -> None:
            if hasattr(self, "deciding"):
                self.deciding.release()
            self.deciding = Deciding(self, policy, clients, clock, self._drop, self._interrupt)
            # By priority vLLM takes the victim from anywhere in the batch, else from its end.
            self.policy = rules.PRIORITY if self.deciding.hooks.victim else rules.FCFS

        def _drop(self, names: Sequence[str]) -> None:
            self.dropped += names
            self._untold += [self.requests[name] for name in names]
            super().finish_requests(names, aborted)

        def _interrupt(self, request: Any) -> None:
            self.running.remove(request)
            # The worker must hear of it anew if this very step takes it in again.
            self.prev_step_scheduled_req_ids.discard(request.request_id)
            self._preempt_request(request, time.monotonic())

        def _allocate(
            self,
            request: Any,
            num_new_tokens: int,
            num_new_computed_tokens: int = 0,
            *rest: Any,
            **named: Any,
        ) -> Any:
            """vLLM's ``allocate_slots``, and the hooks for when it fails or is about to succeed."""
            deciding, found = self.deciding, num_new_computed_tokens
            allocate = partial(self._steered, request, num_new_tokens, found, *rest, **named)
            if request.status == running:
                while (blocks := allocate()) is None:
                    if not deciding.give_up(request):
                        if deciding.hooks.victim:
                            self._lend(deciding.victim())
                        return None
                return blocks
            deciding.applicant = request
            self._put(self._gates)
            try:
                while (blocks := allocate()) is None:
                    if not deciding.give_up(request):
                        return None
                deciding.admitted(request, found)
                return blocks
            except Refused:
                return None
            finally:
                self._put(self._giving)
                deciding.applicant = None

        def _gated(self, allocate: Callable[..., Any]) -> Callable[..., Any]:
            """What vLLM calls once it knows that a request fits, and before anything is changed."""

            def gated(*rest: Any, **named: Any) -> Any:
                self._put(self._giving)  # whichever is called first asks, once
                self.deciding.gate()
                return allocate(*rest, **named)

            return gated

        def _put(self, calls: dict[str, Callable[..., Any]]) -> None:
            coordinator = self.kv_cache_manager.coordinator
            for name, call in calls.items():
                setattr(coordinator, name, call)

        def _lend(self, victim: Any) -> None:
            self._give_back()
            self._lent = victim, victim.priority
            victim.priority = math.inf

        def _give_back(self) -> None:
            if self._lent is not None:
                victim, priority = self._lent
                victim.priority = priority
                self._lent = None

    PolicyScheduler.__module__ = __name__
    PolicyScheduler.__qualname__ = "PolicyScheduler"
    return PolicyScheduler


def _refuse(config: Any) -> None:
    """Refuse what the plug-in does not do.

    Raises
    ------
    EngineError
        If steps would overlap, or memory be shared with other engines.
    """
    reasons: Iterable[tuple[bool, str, str]] = (
        (
            config.scheduler_config.async_scheduling is True,
            "asynchronous scheduling, which plans a step before the last has ended",
            "start vLLM with --no-async-scheduling",
        ),
        (
            config.max_concurrent_batches > 1,
            "several steps in flight (pipeline parallelism)",
            "use tensor parallelism",
        ),
        (
            config.kv_transfer_config is not None or config.ec_transfer_config is not None,
            "transfers of keys and values or of encodings between engines",
            "start vLLM without a connector",
        ),
    )
    for given, what, hint in reasons:
        if given:
            raise EngineError(f"policies cannot rule a vLLM with {what}", hint=hint)
