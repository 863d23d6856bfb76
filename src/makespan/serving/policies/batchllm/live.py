"""BatchLLM in a live server: a plan of what is waiting now, made anew as the queue changes.

The paper (arXiv 2412.03594) plans a batch that is known as a whole. A server knows the prompts that
wait; of those the same plan is made: prefixes in common flattened to one per request, groups by
what they decode for what they prefill, admission by memory. Who sends a server a whole batch at
once gets the paper's plan of it. What arrives later is beyond the paper (ours):

- The plan is made anew when so many have arrived since the last that they are a given share of the
  queue; until then they wait behind it. So the work per arrival does not grow with the queue.
- Requests that run are planned with those that wait, and a group of which one runs goes first: its
  prefix is in memory.

The attention kernel that reads a shared prefix once for a whole group is not part of it; vLLM's
prefix cache is what saves here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from makespan.core.errors import OptionError
from makespan.serving.policies.batchllm.planning import GROUPING_RULES, GroupingRule, plan_batch
from makespan.serving.policies.batchllm.policy import ByMemory
from makespan.serving.policies.told import Prompts
from makespan.serving.policy import EngineView

_LAST: Final = 1 << 62


class QueueBatch(ByMemory):
    """See the module.

    Parameters
    ----------
    prompts
        Tells what the prompts say.
    fresh
        Share of the queue that must not have been planned for a new plan to be made.
    window
        Requests from the head of the queue that are planned.
    grouping
        As of :func:`.planning.plan_batch`.
    threshold, growth, hysteresis, tokens, memory
        As of :class:`.policy.ByMemory`.

    Attributes
    ----------
    plans
        Plans made so far.
    """

    name = "batchllm"

    def __init__(
        self,
        prompts: Prompts,
        *,
        fresh: float = 0.1,
        window: int = 1024,
        grouping: GroupingRule = "exact",
        threshold: float = 0.95,
        growth: float = 0.5,
        hysteresis: float = 0.02,
        tokens: int = 16_384,
        memory: bool = True,
    ) -> None:
        if not (0.0 < fresh <= 1.0) or window < 1:
            raise OptionError(
                f"fresh is {fresh}, the window {window}",
                hint="a share above 0 and up to 1, and a window of at least 1",
            )
        if grouping not in GROUPING_RULES:
            raise OptionError(f"no grouping is called {grouping!r}", hint=", ".join(GROUPING_RULES))
        super().__init__(
            threshold=threshold, growth=growth, hysteresis=hysteresis, tokens=tokens, memory=memory
        )
        self.prompts, self.fresh, self.window, self.grouping = prompts, fresh, window, grouping
        self.plans = 0
        self._rank: dict[int, int] = {}
        self._group: dict[int, tuple[int, int]] = {}

    def order(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See :meth:`Policy.order`; O(n log n) comparisons of prompts when a plan is made."""
        new = sum(r not in self._rank for r in waiting)
        if new and new >= self.fresh * len(waiting):
            self._plan(waiting, engine)
        rank = self._rank
        # Who lost its memory keeps the head; who is not planned yet comes last, by arrival.
        return sorted(waiting, key=lambda r: (not engine.preemptions(r), rank.get(r, _LAST), r))

    def group_of(self, request: int) -> tuple[int, int]:
        """See :meth:`ByMemory.group_of`; who is not planned is a group of its own."""
        return self._group.get(request, (-1 - request, 0))

    def most(self, request: int, engine: EngineView) -> int:
        """See :meth:`ByMemory.most`: the cap."""
        return engine.cap(request)

    def _plan(self, waiting: Sequence[int], engine: EngineView) -> None:
        running = list(engine.running())
        batch = [*running, *waiting]
        plan = plan_batch(
            [self.prompts.prompt_tokens(r) for r in batch],
            output_tokens=[max(self._left(r, engine), 0) for r in batch],
            keys=[self.prompts.sharing(r) for r in batch],
            block_size=engine.block_size,
            grouping=self.grouping,
        )
        groups = [(group.prefix, [batch[k] for k in group.members]) for group in plan]
        here = set(running)
        # A stable sort: within both kinds the plan's order stays.
        groups.sort(key=lambda group: here.isdisjoint(group[1]))
        self._rank = {r: k for k, r in enumerate(r for _, members in groups for r in members)}
        self._group = {
            r: (number, prefix) for number, (prefix, members) in enumerate(groups) for r in members
        }
        # What was known of the groups of the batch had the numbers of the last plan.
        self.at = -1
        self.plans += 1
