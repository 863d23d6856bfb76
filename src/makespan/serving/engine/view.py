"""What a policy sees of an engine; see :class:`makespan.serving.policy.EngineView`.

An engine knows the length of every output. Policies and routers are therefore not handed the
engine but an object whose attributes are what the protocol names, and answers that are functions
with the engine's state in their cells: no chain of attributes leads from it to a length.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from makespan.serving.engine.cohort import Cohort
from makespan.serving.engine.glide import Glide
from makespan.serving.engine.memory import Memory
from makespan.serving.engine.requests import Requests
from makespan.serving.settings import EngineSettings


class Viewed:
    """The state of an engine that its view tells of.

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
    view: View


class View:
    """An engine as policies and routers see it; methods are functions made for the engine."""

    __slots__ = (
        "_free_blocks",
        "_load",
        "_now",
        "arrival",
        "block_size",
        "cap",
        "computed",
        "generated",
        "hit",
        "index",
        "label",
        "max_num_batched_tokens",
        "max_num_seqs",
        "preemptions",
        "priority",
        "program",
        "prompt",
        "running",
        "slo",
        "total_blocks",
        "waiting",
    )

    def __init__(self, engine: Viewed) -> None:
        requests, settings = engine.requests, engine.settings
        workload, memory, cohort = requests.workload, engine.memory, engine.cohort
        batch, queue, fresh, given = engine.batch, engine.queue, engine.fresh, engine.given
        index, look = engine.index, engine.look
        arrivals, prompts, caps = requests.arrival, requests.prompt, requests.cap
        generated_of, computed_of = requests.generated, requests.computed
        preemptions_of, hits = requests.preemptions, requests.hit

        def now() -> int:
            return engine.now

        def load() -> int:
            return len(batch) + len(queue) + len(fresh)

        def free_blocks() -> int:
            if engine.glide:
                look(index)
            return memory.free

        def running() -> Sequence[int]:
            return list(batch)

        def waiting() -> Sequence[int]:
            return [*queue, *fresh]

        def arrival(request: int) -> int:
            return arrivals[request]

        def prompt(request: int) -> int:
            return prompts[request]

        def cap(request: int) -> int:
            return caps[request]

        def priority(request: int) -> int:
            return int(workload.priority[request])

        def program(request: int) -> int:
            return int(workload.program[request])

        def label(request: int) -> str:
            place = int(workload.label[request])
            return workload.labels[place] if place >= 0 else ""

        def slo(request: int) -> int:
            return int(workload.slo[request])

        def generated(request: int) -> int:
            if engine.glide:
                look(index)
            base = cohort.base.get(request)
            if base is None:
                return generated_of[request]
            coming = engine.in_flight and request not in engine.late
            return base + cohort.steps + 1 - coming - prompts[request]

        def computed(request: int) -> int:
            if engine.glide:
                look(index)
            base = cohort.base.get(request)
            if base is None:
                return computed_of[request] - given.get(request, 0)
            return base + cohort.steps

        def hit(request: int) -> int:
            return hits[request]

        def preemptions(request: int) -> int:
            return preemptions_of[request]

        self.index, self.block_size, self.total_blocks = index, engine.block_size, memory.total
        self.max_num_seqs = settings.max_num_seqs
        self.max_num_batched_tokens = settings.max_num_batched_tokens
        self._now, self._load, self._free_blocks = now, load, free_blocks
        self.running, self.waiting = running, waiting
        self.arrival, self.prompt, self.cap, self.priority = arrival, prompt, cap, priority
        self.program, self.label, self.slo = program, label, slo
        self.generated, self.computed, self.hit = generated, computed, hit
        self.preemptions = preemptions

    @property
    def now(self) -> int:
        """The boundary between two steps that the view shows."""
        return self._now()

    @property
    def load(self) -> int:
        """Requests running and waiting."""
        return self._load()

    @property
    def free_blocks(self) -> int:
        """KV blocks that no request holds."""
        return self._free_blocks()
