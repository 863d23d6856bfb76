"""vLLM's scheduler as a policy sees it; see :class:`makespan.serving.policy.EngineView`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from makespan.serving.vllm.clients import Client


class SchedulerView:
    """One scheduler. What it tells is vLLM's own state, looked up when asked.

    Attributes
    ----------
    index
        Rank of the engine among data-parallel ones.
    now
        The boundary between two steps that the view shows.
    clients
        Requests in the engine or kept, by number.
    numbers
        Their numbers, by vLLM's ids.
    leaving
        Whether requests have ended that vLLM has not taken out of its list yet.
    """

    def __init__(self, scheduler: Any) -> None:
        self.now = 0
        self.clients: dict[int, Client] = {}
        self.numbers: dict[str, int] = {}
        self.leaving = False
        self._scheduler = scheduler
        self._pool = scheduler.kv_cache_manager.block_pool
        self.index = int(scheduler.parallel_config.data_parallel_index)
        self.total_blocks = int(self._pool.num_gpu_blocks) - 1
        self.block_size = int(scheduler.block_size)
        self.max_num_seqs = int(scheduler.max_num_running_reqs)
        self.max_num_batched_tokens = int(scheduler.max_num_scheduled_tokens)

    @property
    def load(self) -> int:
        """Requests running and waiting."""
        return len(self.running()) + len(self._scheduler.waiting)

    @property
    def free_blocks(self) -> int:
        """KV blocks that no request holds."""
        return int(self._pool.get_num_free_blocks())

    def running(self) -> Sequence[int]:
        """Requests in the batch."""
        numbers = self.numbers
        if self.leaving:
            return [numbers[r.request_id] for r in self._scheduler.running if not r.is_finished()]
        return [numbers[r.request_id] for r in self._scheduler.running]

    def waiting(self) -> Sequence[int]:
        """Requests in the queue."""
        numbers = self.numbers
        return [numbers[r.request_id] for r in self._scheduler.waiting]

    def arrival(self, request: int) -> int:
        """When the request was sent."""
        return self.clients[request].arrival

    def prompt(self, request: int) -> int:
        """Tokens of its prompt."""
        return int(self.clients[request].request.num_prompt_tokens)

    def cap(self, request: int) -> int:
        """Most tokens its client accepts."""
        return self.clients[request].cap

    def priority(self, request: int) -> int:
        """The smaller, the more urgent."""
        return self.clients[request].priority

    def program(self, request: int) -> int:
        """The program it is a part of."""
        return self.clients[request].program

    def label(self, request: int) -> str:
        """What its client calls it."""
        return self.clients[request].label

    def slo(self, request: int) -> int:
        """Its SLO class."""
        return self.clients[request].slo

    def generated(self, request: int) -> int:
        """Tokens it has got so far."""
        return int(self.clients[request].request.num_output_tokens)

    def computed(self, request: int) -> int:
        """Tokens of it in memory at the boundary.

        vLLM advances this once a whole step is planned, so that it does not show what the step
        under construction gives out.
        """
        return int(self.clients[request].request.num_computed_tokens)

    def hit(self, request: int) -> int:
        """Tokens of its prompt found when it was first admitted."""
        return max(self.clients[request].hit, 0)

    def preemptions(self, request: int) -> int:
        """How often it lost its memory."""
        return int(self.clients[request].request.num_preemptions)
