"""What a router sees of real engines: what they last reported, and what was sent to them since.

The view is stale by a step and the way through a pipe, as that of every router before real engines
is. Which requests an engine has is exact up to ends not yet reported; its batch and its memory are
those of its last step.
"""

from __future__ import annotations

from collections.abc import Sequence

from makespan.serving.settings import EngineSettings
from makespan.serving.vllm.messages import Report
from makespan.serving.workload import Workload


class Requests:
    """What a fleet knows of the requests of its run.

    Attributes
    ----------
    said
        Tokens that each has got, wherever.
    latest
        When each got its last one, -1 before.
    sent
        When each was sent, -1 before.
    engine
        Which engine has it, -1 for none.
    computed
        Tokens in memory by the last report.
    hit
        Tokens found in the prefix cache when each was first admitted.
    preemptions
        How often each lost its memory.
    """

    def __init__(self, load: Workload) -> None:
        self.load = load
        self.said: list[list[int]] = [[] for _ in range(load.count)]
        self.latest = [-1] * load.count
        self.sent = [-1] * load.count
        self.engine = [-1] * load.count
        self.computed = [0] * load.count
        self.hit = [0] * load.count
        self.preemptions = [0] * load.count


class RemoteEngine:
    """An engine in another process; see :class:`makespan.serving.policy.EngineView`.

    Attributes
    ----------
    assigned
        Requests that it has, in the order in which they were sent there.
    heard_at
        When it last said something, or got something to do after it had nothing.
    """

    def __init__(
        self, index: int, settings: EngineSettings, max_model_len: int, requests: Requests
    ) -> None:
        self.index = index
        self.now = self.heard_at = 0
        self.max_model_len = max_model_len
        self.assigned: dict[int, None] = {}
        self._settings = settings
        self._requests = requests
        self._batch: list[int] = []
        self._free = settings.blocks

    def heard(self, report: Report) -> None:
        """Take in a step."""
        self.now = report.end
        self._batch = report.running
        self._free = report.free_blocks

    def freed(self, blocks: int) -> None:
        """Take in that so many blocks are free after something was taken away."""
        self._free = blocks

    def renewed(self) -> None:
        """Another process, which has nothing yet, is the engine from now on."""
        self._batch, self._free = [], self._settings.blocks

    @property
    def load(self) -> int:
        """Requests running and waiting."""
        return len(self.assigned)

    @property
    def total_blocks(self) -> int:
        """KV blocks of the engine."""
        return self._settings.blocks

    @property
    def free_blocks(self) -> int:
        """KV blocks that no request had after the last step and that were held for none."""
        return self._free

    @property
    def block_size(self) -> int:
        """Tokens of a block."""
        return self._settings.block_size

    @property
    def max_num_seqs(self) -> int:
        """Sequences that may run at a time."""
        return self._settings.max_num_seqs

    @property
    def max_num_batched_tokens(self) -> int:
        """Tokens that a step may compute."""
        return self._settings.max_num_batched_tokens

    def running(self) -> Sequence[int]:
        """The batch after the last step, without what has left since."""
        return [r for r in self._batch if r in self.assigned]

    def waiting(self) -> Sequence[int]:
        """What it has and was not running after the last step, in the order of sending."""
        batch = set(self._batch)
        return [r for r in self.assigned if r not in batch]

    def arrival(self, request: int) -> int:
        """When the request was sent."""
        return self._requests.sent[request]

    def prompt(self, request: int) -> int:
        """Tokens of its prompt."""
        return int(self._requests.load.prompt[request])

    def cap(self, request: int) -> int:
        """Most tokens its client accepts."""
        return int(self._requests.load.cap[request])

    def priority(self, request: int) -> int:
        """The smaller, the more urgent."""
        return int(self._requests.load.priority[request])

    def program(self, request: int) -> int:
        """The program it is a part of, -1 for none."""
        return int(self._requests.load.program[request])

    def label(self, request: int) -> str:
        """What the load calls it, "" for nothing."""
        label = int(self._requests.load.label[request])
        return self._requests.load.labels[label] if label >= 0 else ""

    def slo(self, request: int) -> int:
        """Its SLO class, -1 for none."""
        return int(self._requests.load.slo[request])

    def generated(self, request: int) -> int:
        """Tokens it has got so far."""
        return len(self._requests.said[request])

    def computed(self, request: int) -> int:
        """Tokens of it in memory after the last step."""
        return self._requests.computed[request]

    def hit(self, request: int) -> int:
        """Tokens of its prompt found when an engine first admitted it."""
        return self._requests.hit[request]

    def preemptions(self, request: int) -> int:
        """How often it lost its memory."""
        return self._requests.preemptions[request]
