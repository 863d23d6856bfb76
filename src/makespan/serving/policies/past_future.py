"""Past-Future: admission by the peak of memory that sampled output lengths foretell.

"Past-Future Scheduler for LLM Serving under SLA Guarantees", ASPLOS 2025 (arXiv 2507.10150).
Lengths of past outputs are the distribution of those to come; that of a running request is
conditioned on what it has generated. The peak of the batch follows from the sampled lengths, and
the head of the queue is admitted if the peak with it stays below the memory. The number of lists,
the start of the history and the reserves are from the authors' code (ModelTC/lightllm, commit
26329d33, and the artifact WuSiYu/lightllm-ae, commit 0da617fe). Ours: blocks instead of tokens, and
that a preempted request is sampled on what it had generated already (``resume="new"`` gives the
authors' behaviour).
"""

from __future__ import annotations

from math import ceil
from typing import Literal

import numpy as np

from makespan.core.errors import OptionError
from makespan.serving.policies.drawn import Drawn
from makespan.serving.policies.past import Past
from makespan.serving.policy import EngineView, Policy


class PastFuture(Policy):
    """See the module.

    Parameters
    ----------
    history
        Outputs remembered; half of them are ``initial`` at first.
    initial
        Length that the history begins with; None: the cap, so that the first minutes are careful.
        The authors' scripts begin with 512, which makes them bold.
    reserve
        Share of the memory kept free: 3 % in the authors' scripts, 5 % in their server.
    cap
        Longest output to be expected; None: the cap of the first request asked about.
    blocks
        Whether to count blocks (as memory is given out) or tokens (as the paper does).
    resume
        How the remaining length of a request that lost its memory is drawn: given what it had, or
        as a whole new length.
    every
        Boundaries between steps, of those at which somebody could be admitted, per round of
        admissions: 10 in the authors' scripts, 2 in their server.
    lists
        Most lists of lengths that are drawn for the batch; the head is admitted if it fits in all.
    """

    name = "past-future"
    time_varying = True

    def __init__(
        self,
        *,
        history: int = 1000,
        initial: int | None = None,
        reserve: float = 0.03,
        cap: int | None = None,
        blocks: bool = True,
        resume: Literal["conditional", "new"] = "conditional",
        every: int = 10,
        lists: int = 5,
        seed: int = 0,
    ) -> None:
        if min(history, every, lists) < 1 or not 0.0 <= reserve < 1.0:
            raise OptionError(
                f"history is {history}, reserve {reserve}, every {every}, lists {lists}",
                hint="a share from 0 to below 1 to keep free, and at least one of the others",
            )
        if any(length is not None and length < 1 for length in (initial, cap)):
            raise OptionError(
                f"initial is {initial}, cap {cap}", hint="at least one token, or leave them out"
            )
        if resume not in ("conditional", "new"):
            raise OptionError(f"resume is {resume!r}", hint="conditional or new")
        self.every, self.asked, self.lists = every, 0, lists
        self.reserve, self.cap, self.blocks, self.resume = reserve, cap, blocks, resume
        self.initial, self.history = initial, history
        self.past: Past | None = None
        self.random = np.random.default_rng(seed)
        self.round = (-1, -1)
        self.drawn: Drawn | None = None

    def admit(self, request: int, engine: EngineView) -> bool:
        """See :meth:`Policy.admit`; O(k n log n) for the first of a round with a batch of n."""
        past = self._start(request, engine) if self.past is None else self.past
        now = (engine.index, engine.now)
        fresh = self.round != now
        if fresh:
            self.round = now
            self.asked += 1
        if (self.asked - 1) % self.every:
            return False
        running, drawn = list(engine.running()), self.drawn
        if drawn is None or fresh or running != drawn.batch:
            drawn = self.drawn = self._draw(running, engine, past)
        allowed = engine.total_blocks * (1.0 - self.reserve)
        if not self.blocks:
            allowed *= engine.block_size
        had = engine.generated(request)
        held, known = engine.prompt(request) + had, 0 if self.resume == "new" else had
        lot = self.random.random((drawn.lists, 1))
        return drawn.join(request, held, known, lot, ceil(allowed))

    def finished(self, request: int, engine: EngineView) -> None:
        """See :meth:`Policy.finished`; remembers the length."""
        past = self._start(request, engine) if self.past is None else self.past
        past.remember(engine.generated(request))

    def _start(self, request: int, engine: EngineView) -> Past:
        """Half a history, before there is one."""
        cap = engine.cap(request) if self.cap is None else self.cap
        length = cap if self.initial is None else self.initial
        self.past = Past(self.history, cap, [length] * -(-self.history // 2))
        return self.past

    def _draw(self, running: list[int], engine: EngineView, past: Past) -> Drawn:
        """Lists of lengths for the batch; they last for one round of admissions."""
        count = min(self.lists, 200 // max(len(running), 1) + 1)
        prompt, had = list(map(engine.prompt, running)), list(map(engine.generated, running))
        lot = self.random.random((count, len(running)))
        return Drawn(past, running, prompt, had, lot, engine.block_size if self.blocks else 1)
