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

from collections import deque
from typing import Literal

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray
from makespan.serving.policies.peak import peak_blocks, peak_tokens
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
                hint="remember at least one output and keep a share from 0 to below 1",
            )
        self.every, self.asked, self.lists = every, 0, lists
        self.reserve, self.cap, self.blocks, self.resume = reserve, cap, blocks, resume
        self.initial = initial
        self.history: deque[int] = deque(maxlen=history)
        self.lengths: IntArray | None = None
        self.random = np.random.default_rng(seed)
        self.round = (-1, -1)
        self.batch: list[int] = []
        self.held: IntArray = np.zeros(0, dtype=np.int64)
        self.left: IntArray = np.zeros((0, 0), dtype=np.int64)

    def admit(self, request: int, engine: EngineView) -> bool:
        """See :meth:`Policy.admit`; O(k n log n) for a batch of n."""
        self._start(request, engine)
        fresh = self.round != (engine.index, engine.now)
        if fresh:
            self.round = (engine.index, engine.now)
            self.asked += 1
        if (self.asked - 1) % self.every:
            return False
        running = list(engine.running())
        if fresh or running != self.batch:
            self._begin(running, engine)
        held = np.append(self.held, engine.prompt(request) + engine.generated(request))
        drawn = self._draw([request], engine, len(self.left), fresh=self.resume == "new")
        left = np.concatenate((self.left, drawn), axis=1)
        allowed = engine.total_blocks * (1.0 - self.reserve)
        if self.blocks:
            need = max(peak_blocks(held, row, engine.block_size) for row in left)
        else:
            need = max(peak_tokens(held, row) for row in left)
            allowed *= engine.block_size
        if need >= allowed:
            return False
        self.batch, self.held, self.left = [*running, request], held, left
        return True

    def finished(self, request: int, engine: EngineView) -> None:
        """See :meth:`Policy.finished`; remembers the length."""
        self._start(request, engine)
        self.history.append(engine.generated(request))
        self.lengths = None

    def _start(self, request: int, engine: EngineView) -> None:
        """Half a history, before there is one."""
        if self.cap is None:
            self.cap = engine.cap(request)
        if not self.history:
            length = self.cap if self.initial is None else self.initial
            self.history.extend([length] * -(-(self.history.maxlen or 2) // 2))

    def _begin(self, running: list[int], engine: EngineView) -> None:
        """Draw lists of lengths for the batch; they last for one round of admissions."""
        count = min(self.lists, 200 // max(len(running), 1) + 1)
        self.batch = running
        self.held = np.array(
            [engine.prompt(r) + engine.generated(r) for r in running], dtype=np.int64
        )
        self.left = self._draw(running, engine, count, fresh=False)

    def _draw(self, batch: list[int], engine: EngineView, count: int, *, fresh: bool) -> IntArray:
        """Remaining lengths by inverse distribution, (count, n).

        Of the lengths above the d tokens generated, d itself in front and the cap behind, a point
        between the neighbours of a uniform index is taken.
        """
        assert self.cap is not None
        if self.lengths is None:
            self.lengths = np.sort(np.array(self.history, dtype=np.int64))
        lengths = self.lengths
        had = np.array([engine.generated(r) for r in batch], dtype=np.int64)
        known = np.zeros_like(had) if fresh else had
        begin = np.searchsorted(lengths, known, side="right")
        longest = np.maximum(self.cap, lengths[-1])
        # Points: known, lengths[begin:], and the cap if it is larger than all of them.
        above = len(lengths) - begin
        capped = (longest > lengths[-1]) & (known > 0)
        top = above + capped
        lot = self.random.random((count, len(had)))
        new = known == 0
        place = np.where(new, np.floor(lot * len(lengths)), lot * top)
        low = np.floor(place).astype(np.int64)
        part = np.where(new, 0.0, place - low)

        def point(k: IntArray) -> IntArray:
            inside = np.clip(begin + k - 1, 0, len(lengths) - 1)
            value = np.where(k > above, longest, lengths[inside])
            return np.where(k == 0, known, value).astype(np.int64)

        value = np.where(
            new,
            lengths[np.minimum(low, len(lengths) - 1)],
            np.rint(point(low) * (1.0 - part) + point(np.minimum(low + 1, top)) * part),
        ).astype(np.int64)
        left: IntArray = np.maximum(value - known, 0)
        return left
