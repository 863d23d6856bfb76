"""Serving a planned batch: groups in the order of the plan, admission by memory.

Memory-centric batching (BatchLLM, part 4): what limits the batch is KV memory, not a number of
requests or tokens, so that an engine that runs this policy should allow many sequences
(``max_num_seqs``) and tokens (``max_num_batched_tokens``). A request is admitted while the memory
in use, what its own prompt needs beyond a prefix that its group holds, and a share of what running
requests are expected to generate yet stay below a threshold. The numbers are ours: the paper's are
not known to us.

A group's prefix lives as long as one of its members runs: they are admitted in succession, and what
they share is counted once by the engine. If all members that run end before the next is admitted,
the prefix lies in the engine's cache, last of theirs to be evicted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray
from makespan.serving.policies.batchllm.plan import Plan
from makespan.serving.policies.batchllm.planning import plan_workload
from makespan.serving.policy import EngineView, Policy
from makespan.serving.workload import Workload

_SEEN: Final = 20
"""Outputs that must have ended before their mean replaces what was expected of all."""


class InOrder(Policy):
    """Admits in a given order.

    Parameters
    ----------
    rank
        (n,) of each request its place.
    """

    name = "in-order"

    def __init__(self, rank: IntArray) -> None:
        self.rank: list[int] = rank.tolist()
        self.window = max(len(self.rank), 1)
        self.unsorted = False

    def arrived(self, request: int, engine: EngineView) -> None:
        """See :meth:`Policy.arrived`."""
        self.unsorted = True

    def order(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See :meth:`Policy.order`; who is preempted keeps the head of the queue."""
        if not self.unsorted:
            return waiting
        self.unsorted = False
        return sorted(waiting, key=self.rank.__getitem__)


class ByMemory(Policy):
    """Admission by memory; see the module.

    Parameters
    ----------
    threshold
        Share of memory up to which requests are admitted.
    growth
        Share of the expected remaining outputs of running requests that is held free for them.
    hysteresis
        Share of memory that must have been freed below the threshold before requests are admitted
        again, once one was refused.
    tokens
        Most tokens of a step, for the memory of activations.
    memory
        Whether admission is by memory as above; False: as the engine does.
    """

    def __init__(
        self,
        *,
        threshold: float = 0.95,
        growth: float = 0.5,
        hysteresis: float = 0.02,
        tokens: int = 16_384,
        memory: bool = True,
    ) -> None:
        if not (0.0 < threshold <= 1.0 and 0.0 <= hysteresis < threshold and growth >= 0.0):
            raise OptionError(
                f"threshold {threshold}, hysteresis {hysteresis}, growth {growth}",
                hint="a threshold up to 1, a hysteresis below it, and no negative growth",
            )
        if tokens < 1:
            raise OptionError(f"steps of {tokens} tokens", hint="at least 1")
        self.threshold, self.growth, self.hysteresis = threshold, growth, hysteresis
        self.tokens, self.memory = tokens, memory
        self.told = False
        self.ended = self.generated = 0
        self.closed: Sequence[int] | None = None
        # Of the batch at a boundary: what it will yet generate, and the groups in it.
        self.at, self.coming = -1, 0
        self.batch: Sequence[int] = []
        self.groups: set[int] = set()

    def group_of(self, request: int) -> tuple[int, int]:
        """Number of a request's group, and the tokens that its members share."""
        raise NotImplementedError

    def most(self, request: int, engine: EngineView) -> int:
        """Tokens expected of an output before any has ended."""
        raise NotImplementedError

    def admit(self, request: int, engine: EngineView) -> bool:
        """See :meth:`Policy.admit`; O(k) for k running requests, once per boundary."""
        if not self.memory:
            return True
        size, total = engine.block_size, engine.total_blocks
        running = engine.running()
        if self.closed == running:
            return False  # until somebody ends or is preempted: nothing is freed before
        if self.at != engine.now or self.batch != running:
            self.at, self.batch = engine.now, running
            self.coming = sum(self._left(r, engine) for r in running)
            self.groups = {self.group_of(r)[0] for r in running}
        group, shared = self.group_of(request)
        prompt = engine.prompt(request) + engine.generated(request)
        if group in self.groups:
            prompt -= shared
        coming = self.coming + self._left(request, engine)
        need = total - engine.free_blocks + -(-prompt // size) + self.growth * coming / size
        share = self.threshold if self.closed is None else self.threshold - self.hysteresis
        if need > share * total:
            self.closed = running
            return False
        self.closed = None
        self.batch, self.coming = [*running, request], coming
        self.groups.add(group)
        return True

    def token_budget(self, engine: EngineView) -> int:
        """See :meth:`Policy.token_budget`."""
        return min(self.tokens, engine.max_num_batched_tokens)

    def finished(self, request: int, engine: EngineView) -> None:
        """See :meth:`Policy.finished`; remembers the length."""
        self.ended += 1
        self.generated += engine.generated(request)

    def _left(self, request: int, engine: EngineView) -> int:
        """Tokens that the request is expected to generate yet."""
        expected = self.most(request, engine)
        if not self.told and self.ended >= _SEEN:
            expected = min(expected, self.generated // self.ended)
        return max(expected - engine.generated(request), 0)


class BatchLLM(ByMemory, InOrder):
    """See the module.

    Parameters
    ----------
    plan
        A plan of the whole workload; None: one is made, with the caps as expected outputs.
    output
        (n,) tokens expected of each output; None: the caps, until twenty requests have ended, and
        then the mean of those that have.
    threshold, growth, hysteresis, tokens, memory
        As of :class:`ByMemory`.
    """

    name = "batchllm"

    def __init__(
        self,
        workload: Workload,
        plan: Plan | None = None,
        *,
        output: IntArray | None = None,
        threshold: float = 0.95,
        growth: float = 0.5,
        hysteresis: float = 0.02,
        tokens: int = 16_384,
        memory: bool = True,
    ) -> None:
        ByMemory.__init__(
            self,
            threshold=threshold,
            growth=growth,
            hysteresis=hysteresis,
            tokens=tokens,
            memory=memory,
        )
        self.plan = plan_workload(workload, output=output) if plan is None else plan
        if self.plan.total != workload.count or len(self.plan.order) != workload.count:
            raise OptionError(
                f"the plan has {len(self.plan.order)} of {workload.count} requests",
                hint="give a plan of the whole workload",
            )
        InOrder.__init__(self, self.plan.rank)
        self.told = output is not None
        self.expected: list[int] = (workload.cap if output is None else output).tolist()
        self.group: list[int] = self.plan.group.tolist()
        self.prefix: list[int] = self.plan.prefix.tolist()

    def group_of(self, request: int) -> tuple[int, int]:
        """See :meth:`ByMemory.group_of`."""
        group = self.group[request]
        return group, self.prefix[group]

    def most(self, request: int, engine: EngineView) -> int:
        """See :meth:`ByMemory.most`."""
        return self.expected[request]
