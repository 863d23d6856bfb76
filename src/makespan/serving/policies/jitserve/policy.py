"""JITServe: just enough service for every request, decided in frames.

"JITServe: SLO-aware LLM Serving with Imprecise Request Information", NSDI 2026 (arXiv 2504.20068);
the authors' code is UIUC-MLSys/JITServe. At the beginning of a frame the priorities of all requests
that run or wait are computed anew (:mod:`.worth`) from bounds of their lengths (:mod:`.lengths`)
and sub-deadlines of their tasks (:mod:`.patterns`); GMAX chooses the batch (:mod:`.gmax`). Running
requests outside it give way to waiting ones inside it, a few per step, where that pays
(:mod:`.swaps`). Between frames vLLM's own order holds: new
requests go to the end of the queue, and whoever fits is admitted.

Inferred or ours: a frame is a time and not a count of steps, so that an engine need not be looked
at in between; of several victims that with the least priority goes first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Literal

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray
from makespan.serving.cost.step import StepCost
from makespan.serving.policies.jitserve.gmax import (
    Cutoff,
    FloatArray,
    binned,
    candidates,
    complete,
    window,
)
from makespan.serving.policies.jitserve.lengths import Bounds, PastLengths
from makespan.serving.policies.jitserve.patterns import Tasks
from makespan.serving.policies.jitserve.swaps import fitting, leaving_for
from makespan.serving.policies.jitserve.targets import NEVER, targets
from makespan.serving.policies.jitserve.worth import PENALTY, REWARDS, Crowd, Reward
from makespan.serving.policies.told import Told
from makespan.serving.policy import EngineView, Policy
from makespan.serving.workload import PICOSECONDS, Workload

FRAME: Final = 0.3
"""Seconds: 50 decode steps of the paper's engine."""

STEP: Final = 0.02
"""Seconds that a step is taken to last before any was seen (the artifact's default)."""

_STEPS: Final = 10
"""Frames whose steps are averaged (the artifact's window)."""

_FEWEST: Final = 4
"""The batch does not shrink below this part of the engine's places (ours)."""

Grouping = Literal["window", "bins", "none", "shortest"]

_BINS: Final = 8


class JitServe(Policy):
    """See the module.

    Parameters
    ----------
    told
        Tells the targets of requests and how calls of tasks hang together; no lengths.
    cost
        Step times, for how long a victim takes to be computed anew; None: by steps as seen.
    bounds
        Upper bounds of lengths; None: the 0.95 quantile of what ended under the same label.
    tasks
        Sub-deadlines; None: from tasks that ended here.
    reward
        "paper" or "artifact".
    grouping
        "window" is GMAX, "bins" the artifact's alternative, "none" takes the best priorities,
        "shortest" the least service left (the ablation without GMAX).
    cutoff
        Share of the bar of GMAX; None: adapted to the goodput seen.
    keep
        Multiple of the batch kept in place of the cutoff, as in the artifact; None: the cutoff.
    frame
        Seconds.
    swaps
        Requests that may leave the batch in one step.
    penalty
        Exponent of the decay of what cannot be in time; None: 0, no decay, with the paper's
        priority, and 1 with the artifact's.
    waiting_time
        Seconds after which a request that has not begun is refused; None: never.
    fairness
        Weight from 0 to 1 of a term that favours labels which got few tokens.
    swap_time
        Picoseconds per block to bring it back from the host, for engines with memory there; None:
        victims are computed anew.
    """

    name = "jitserve"
    window = 4096

    def __init__(
        self,
        told: Workload | Told,
        cost: StepCost | None = None,
        *,
        bounds: Bounds | None = None,
        tasks: Tasks | None = None,
        reward: Reward = "paper",
        grouping: Grouping = "window",
        cutoff: float | None = None,
        keep: float | None = None,
        frame: float = FRAME,
        swaps: int = 8,
        penalty: float | None = None,
        waiting_time: float | None = None,
        fairness: float = 0.0,
        swap_time: int | None = None,
    ) -> None:
        if reward not in REWARDS or grouping not in ("window", "bins", "none", "shortest"):
            raise OptionError(f"reward {reward!r}, grouping {grouping!r}")
        penalty = PENALTY[reward] if penalty is None else penalty
        if not (frame > 0 and swaps >= 1 and penalty >= 0 and 0 <= fairness <= 1):
            raise OptionError(
                f"frame {frame} s, {swaps} swaps, penalty {penalty}, fairness {fairness}"
            )
        self.cost = cost
        self.bounds = bounds or Bounds(PastLengths())
        self.tasks = tasks or Tasks(told)
        self.rewards: Callable[..., FloatArray] = REWARDS[reward]
        self.grouping, self.keep = grouping, keep
        self.cutoff = Cutoff() if cutoff is None else Cutoff((cutoff,))
        self.frame, self.swaps, self.penalty = frame, swaps, penalty
        self.waiting_time, self.fairness = waiting_time, fairness
        self.swap_time = swap_time
        self.next = 0
        self.frames = 0
        self.leaving: list[int] = []
        self.rank: dict[int, float] = {}
        self.chosen: set[int] = set()
        self.served: dict[str, int] = {}
        self.places: int | None = None
        self.seen: dict[int, int] = {}
        self.seen_at = 0
        self.steps: deque[float] = deque(maxlen=_STEPS)
        self._targets = targets(told)
        self._sorted_at = -1

    # Hooks.

    def arrived(self, request: int, engine: EngineView) -> None:
        """See :meth:`Policy.arrived`; its length is foretold, the pattern of its task unfolds."""
        self.bounds.bound(request, engine.generated(request), engine)
        if self._in_task(request, engine):
            self.tasks.arrived(
                engine.program(request), request, engine.label(request), engine.prompt(request),
                engine.arrival(request),
            )  # fmt: skip

    def finished(self, request: int, engine: EngineView) -> None:
        """See :meth:`Policy.finished`; lengths, patterns and the cutoff learn."""
        length = engine.generated(request)
        self.bounds.finished(request, engine)
        self.cutoff.gain(self._gained(request, length, engine))
        label = engine.label(request)
        self.served[label] = self.served.get(label, 0) + length
        if self._in_task(request, engine):
            self.tasks.finished(engine.program(request), request, length, engine.now)
        self.rank.pop(request, None)
        self.chosen.discard(request)

    def interrupt(self, engine: EngineView) -> Sequence[int]:
        """See :meth:`Policy.interrupt`; begins a frame if it is time."""
        if engine.now >= self.next:
            self.begin_frame(engine)
        if not self.leaving:
            return ()
        running = set(engine.running())
        # The queue has room for no more than wait, and gets its places a few at a time.
        victims = [r for r in self.leaving[: self.swaps] if r in running]
        del self.leaving[: self.swaps]
        self._sorted_at = -1
        return victims

    def order(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See :meth:`Policy.order`; by priority after a frame has begun or victims have left."""
        if self._sorted_at == self.frames:
            return waiting
        if not self.leaving:
            self._sorted_at = self.frames
        rank, chosen = self.rank, self.chosen

        def key(request: int) -> tuple[bool, float, int, int]:
            worth = rank.get(request, 0.0)
            return request not in chosen, -worth, engine.arrival(request), request

        return sorted(waiting, key=key)

    def admit(self, request: int, engine: EngineView) -> bool:
        """See :meth:`Policy.admit`; the batch may have shrunk for the sake of chats."""
        return self.places is None or len(engine.running()) < self.places

    def victim(self, running: Sequence[int], engine: EngineView) -> int:
        """See :meth:`Policy.victim`; the one with the least priority, of equal ones the last."""
        return min(reversed(running), key=lambda r: self.rank.get(r, 0.0))

    def drop(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See :meth:`Policy.drop`; who has waited for too long without a token."""
        if self.waiting_time is None:
            return ()
        latest = engine.now - round(self.waiting_time * PICOSECONDS)
        return [r for r in waiting if engine.arrival(r) < latest and not engine.generated(r)]

    def wake(self, engine: EngineView) -> int | None:
        """See :meth:`Policy.wake`; the next step while victims are to leave, or the next frame."""
        return engine.now + 1 if self.leaving else self.next

    # A frame.

    def begin_frame(self, engine: EngineView) -> None:
        """Choose the batch of a frame."""
        now = engine.now / PICOSECONDS
        self.frames += 1
        self.next = engine.now + round(self.frame * PICOSECONDS)
        self.cutoff.frame(now)
        running = list(engine.running())
        self._time_steps(running, engine)
        live = [*running, *engine.waiting()]
        crowd = self._crowd(live, engine)
        step = self.step
        worth = self.rewards(crowd, now, step, engine.max_num_batched_tokens, self.penalty)
        if self.grouping == "shortest":
            worth = 1.0 / crowd.service(step, engine.max_num_batched_tokens)
        if self.fairness:
            worth = self._fair(live, worth, engine)
        places = self._places(running, crowd, step, engine)
        chosen = self._choose(crowd, worth, now, places, engine)
        chosen = fitting(chosen, worth, crowd, round(self.frame / step), engine)
        self.rank = dict(zip(live, worth.tolist(), strict=True))
        self.chosen = {live[k] for k in chosen.tolist()}
        stall = partial(self._stall, engine=engine)
        leaving = leaving_for(chosen, len(running), crowd, worth, places, self.frame, stall, engine)
        self.leaving = [live[k] for k in leaving]

    @property
    def step(self) -> float:
        """Seconds of a step, a sliding mean."""
        return sum(self.steps) / len(self.steps) if self.steps else STEP

    def _time_steps(self, running: list[int], engine: EngineView) -> None:
        """Time per token since the last frame, by whoever got most of them."""
        had = {r: engine.generated(r) for r in running}
        # Only who decoded at both ends of the time tells how many steps there were.
        most = max((had[r] - self.seen[r] for r in running if self.seen.get(r)), default=0)
        if most > 0:
            self.steps.append((engine.now - self.seen_at) / most / PICOSECONDS)
        self.seen, self.seen_at = had, engine.now

    def _crowd(self, live: list[int], engine: EngineView) -> Crowd:
        rows: list[tuple[float, ...]] = []
        for r in live:
            had, prompt = engine.generated(r), engine.prompt(r)
            ttft, tbt, deadline, chat = self._targets[engine.slo(r)]
            sent, due, task, earlier = engine.arrival(r), NEVER, -1, 0
            if deadline is not None:
                if self._in_task(r, engine):
                    task = engine.program(r)
                    earlier = self.tasks.tokens(task)
                    stage, begun = self.tasks.due(task, deadline), self.tasks.begun(task)
                    begun = sent if begun is None else begun
                    last = begun + deadline
                    # A stage that is late still serves the task, until that is late, too.
                    due_at = stage if stage is not None and stage > engine.now else last
                else:
                    due_at = sent + deadline
                due = due_at / PICOSECONDS
            rows.append(
                (prompt, had, self.bounds.bound(r, had, engine), prompt + had - engine.computed(r),
                 sent / PICOSECONDS, ttft, tbt, due, chat, task, earlier)
            )  # fmt: skip
        columns = list(zip(*rows, strict=True)) or [()] * 11
        prompts, hads, bounds, missing, tasks = (
            np.array(columns[k], dtype=np.int64) for k in (0, 1, 2, 3, 9)
        )
        sents, ttfts, tbts, dues, earliers = (
            np.array(columns[k], dtype=np.float64) for k in (4, 5, 6, 7, 10)
        )
        chats = np.array(columns[8], dtype=np.bool_)
        return Crowd(
            prompts, hads, bounds, missing, sents, ttfts, tbts, dues, chats, tasks, earliers
        )

    def _fair(self, live: list[int], worth: FloatArray, engine: EngineView) -> FloatArray:
        """(1 - f) * priority + f * fairness; that of who got nothing is the mean priority."""
        most = max(self.served.values(), default=0)
        lag = [1 - self.served.get(engine.label(r), 0) / most if most else 0.0 for r in live]
        mean = float(worth.mean()) if len(worth) else 0.0
        return np.asarray((1 - self.fairness) * worth + self.fairness * mean * np.array(lag))

    def _places(self, running: list[int], crowd: Crowd, step: float, engine: EngineView) -> int:
        """Sequences of the batch: fewer by ``swaps`` when steps last longer than a chat bears.

        They come back at the same pace (inferred).
        """
        full = engine.max_num_seqs
        places = full if self.places is None else self.places
        tightest = float(crowd.tbt[: len(running)].min(initial=NEVER))
        if step > tightest:
            places = max(min(places, len(running)) - self.swaps, full // _FEWEST, 1)
        else:
            places = min(places + self.swaps, full)
        self.places = None if places == full else places
        return places

    def _choose(
        self, crowd: Crowd, worth: FloatArray, now: float, places: int, engine: EngineView
    ) -> IntArray:
        length = crowd.prompt + crowd.had
        if self.grouping == "bins":
            chosen = binned(worth, length, places, _BINS)
        elif self.grouping == "window":
            kept = candidates(worth, places, self.cutoff.value, self.keep)
            chosen = kept[window(worth[kept], length[kept], places)]
        else:
            chosen = candidates(worth, places, 1.0)[:places]
        if self.grouping in ("window", "bins") and (crowd.task >= 0).any():
            service = crowd.service(self.step, engine.max_num_batched_tokens)
            calls = np.flatnonzero(crowd.task >= 0)
            numbers, which = np.unique(crowd.task[calls], return_inverse=True)
            whole = np.bincount(which, weights=service[calls])
            soonest = np.full(len(numbers), np.inf)
            np.minimum.at(soonest, which, crowd.due[calls])
            need = np.zeros(len(worth))
            need[calls] = (whole / np.maximum(soonest - now, self.frame) * self.frame)[which]
            need[worth <= 0.0] = 0.0  # what is late needs nothing any more
            chosen = complete(chosen, worth, crowd.task, need, self.frame, places)
        return chosen

    def _stall(self, computed: int, *, engine: EngineView) -> float:
        """Seconds until a context is in memory again: computed anew or, if sooner, copied back."""
        if computed < 1:
            return 0.0
        if self.cost is not None:
            anew = self.cost.step(computed, 1, computed, computed**2) / PICOSECONDS
        else:
            anew = -(-computed // engine.max_num_batched_tokens) * self.step
        if self.swap_time is None:
            return anew
        return min(anew, -(-computed // engine.block_size) * self.swap_time / PICOSECONDS)

    # What a request is.

    def _in_task(self, request: int, engine: EngineView) -> bool:
        """Whether it is a call of a task: part of a program that has a deadline."""
        if engine.program(request) < 0:
            return False
        return self._targets[engine.slo(request)].deadline is not None

    def _gained(self, request: int, length: int, engine: EngineView) -> float:
        """Tokens that count of a request that ends now; of a chat, as if evenly spaced."""
        ttft, tbt, deadline, chat = self._targets[engine.slo(request)]
        sent, now = engine.arrival(request), engine.now
        if chat:
            allowed = ttft + tbt * (length - 1)
            return float(length) if (now - sent) / PICOSECONDS <= allowed else 0.0
        whole = float(engine.prompt(request) + length)
        if deadline is None:
            return whole
        begun = (
            self.tasks.begun(engine.program(request)) if self._in_task(request, engine) else None
        )
        return whole if now <= (sent if begun is None else begun) + deadline else 0.0
