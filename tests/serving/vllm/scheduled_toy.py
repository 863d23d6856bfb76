"""The toy model behind vLLM's own scheduler: real decisions and real memory, made-up words."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

from makespan.serving.settings import EngineSettings
from makespan.serving.vllm.adapter import Scheduling, part
from makespan.serving.vllm.holding import holding
from makespan.serving.vllm.scheduled import Scheduled
from makespan.serving.workload import Workload
from tests.serving.vllm.toy import VOCABULARY, next_token


class ScheduledToy(Scheduled):
    """See :class:`makespan.serving.vllm.worker.Stepping`.

    Parameters
    ----------
    pause
        Seconds that a step lasts.
    cls
        Subclass of vLLM's scheduler.
    """

    def __init__(
        self, settings: EngineSettings, *, pause: float = 0.0, cls: type | None = None
    ) -> None:
        self.settings = settings
        self.scheduling = Scheduling(settings, cls=holding(cls))
        self.scheduler = self.scheduling.scheduler
        self.max_model_len = self.scheduling.max_model_len
        self.vocabulary = VOCABULARY
        self.name = "scheduled toy"
        self._pause = pause
        self._zero = 0
        self._count = 0
        self._external: dict[str, str] = {}
        self._aborted = part("vllm.v1.request", "RequestStatus").FINISHED_ABORTED

    def start(self, zero: int, workload: Workload) -> None:
        """Set the clock."""
        self._zero = zero

    def forget(self) -> None:
        """Nothing may be held or used."""
        assert self.free_blocks == self.settings.blocks
        assert self.scheduler.reset_prefix_cache()

    def now(self) -> int:
        """The clock."""
        return time.perf_counter_ns() * 1000 - self._zero

    def submit(self, name: str, prompt: list[int], output: int, due: int, priority: int) -> str:
        """Queue a request."""
        self._count += 1
        own = f"{name}-{self._count}"
        self._external[own] = name
        self.scheduler.add_request(self.scheduling.request(own, prompt, output, priority=priority))
        return own

    def withdraw(self, names: list[str]) -> None:
        """Abort requests."""
        self.scheduler.finish_requests(names, self._aborted)

    def step(self) -> tuple[list[Any], list[Any]]:
        """Plan, and say what the toy model says."""
        begin = self.now()
        step = self.scheduling.schedule()
        requests = {name: self.scheduler.requests[name] for name in step.tokens}
        parts = [
            (name, count, requests[name].num_computed_tokens) for name, count in step.tokens.items()
        ]
        sampled = {
            name: next_token(list(request.all_token_ids))
            for name, request in requests.items()
            if request.num_computed_tokens == request.num_tokens
        }
        self.scheduling.complete(step, sampled)
        time.sleep(self._pause if step.tokens else 0.0005)
        outputs = [
            SimpleNamespace(
                request_id=self._external[name],
                finished=requests[name].is_finished(),
                outputs=[SimpleNamespace(token_ids=[token], finish_reason=None)],
            )
            for name, token in sampled.items()
        ]
        plan = SimpleNamespace(begin=begin, preempted=list(step.preempted), parts=parts)
        return [plan], outputs
