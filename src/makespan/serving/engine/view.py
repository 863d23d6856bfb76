"""What a policy sees of an engine; see :class:`makespan.serving.policy.EngineView`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from makespan.serving.engine.cohort import Cohort
from makespan.serving.engine.glide import Glide
from makespan.serving.engine.memory import Memory
from makespan.serving.engine.requests import Requests
from makespan.serving.settings import EngineSettings


class InstanceView:
    """An engine as policies and routers see it.

    Attributes
    ----------
    fresh
        Requests that wait and that the step to be launched next, planned before they came, does
        not know of.
    look
        Called when something is asked for that the glide the engine is in has not brought up to
        date; it lands the glide.
    """

    index: int
    now: int
    block_size: int
    requests: Requests
    settings: EngineSettings
    memory: Memory
    cohort: Cohort
    batch: dict[int, int]
    queue: deque[int]
    fresh: list[int]
    given: dict[int, int]
    late: list[int]
    glide: Glide | None
    in_flight: bool
    look: Callable[[int], None]

    @property
    def load(self) -> int:
        """Requests running and waiting."""
        return len(self.batch) + len(self.queue) + len(self.fresh)

    @property
    def max_num_seqs(self) -> int:
        """Sequences that may run at a time."""
        return self.settings.max_num_seqs

    @property
    def max_num_batched_tokens(self) -> int:
        """Tokens that a step may compute."""
        return self.settings.max_num_batched_tokens

    @property
    def total_blocks(self) -> int:
        """KV blocks of the engine."""
        return self.memory.total

    @property
    def free_blocks(self) -> int:
        """KV blocks that no request holds."""
        if self.glide:
            self.look(self.index)
        return self.memory.free

    def running(self) -> Sequence[int]:
        """Requests in the batch."""
        return list(self.batch)

    def waiting(self) -> Sequence[int]:
        """Requests in the queue."""
        return [*self.queue, *self.fresh]

    def arrival(self, request: int) -> int:
        """When the request was sent."""
        return self.requests.arrival[request]

    def prompt(self, request: int) -> int:
        """Tokens of its prompt."""
        return self.requests.prompt[request]

    def cap(self, request: int) -> int:
        """Most tokens its client accepts."""
        return self.requests.cap[request]

    def priority(self, request: int) -> int:
        """The smaller, the more urgent."""
        return int(self.requests.workload.priority[request])

    def program(self, request: int) -> int:
        """The program it is a part of."""
        return int(self.requests.workload.program[request])

    def label(self, request: int) -> str:
        """What the load calls it."""
        label = int(self.requests.workload.label[request])
        return self.requests.workload.labels[label] if label >= 0 else ""

    def slo(self, request: int) -> int:
        """Its SLO class."""
        return int(self.requests.workload.slo[request])

    def generated(self, request: int) -> int:
        """Tokens it has got so far."""
        if self.glide:
            self.look(self.index)
        base = self.cohort.base.get(request)
        if base is None:
            return self.requests.generated[request]
        coming = self.in_flight and request not in self.late
        return base + self.cohort.steps + 1 - coming - self.requests.prompt[request]

    def computed(self, request: int) -> int:
        """Tokens of it in memory at the boundary."""
        if self.glide:
            self.look(self.index)
        base = self.cohort.base.get(request)
        if base is None:
            return self.requests.computed[request] - self.given.get(request, 0)
        return base + self.cohort.steps

    def preemptions(self, request: int) -> int:
        """How often it lost its memory."""
        return self.requests.preemptions[request]
