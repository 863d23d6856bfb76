"""What a request is worth per second of service: the priorities of JITServe.

"JITServe" (arXiv 2504.20068, sections 3 and 4). A request needs ``t_gen`` seconds of service, by
the bound of its length, and has ``t_rem`` until it is due: at least ``t_gen / t_rem`` of a place in
the batch. In a frame it gains ``goodput / t_rem * frame``, so that its goodput per second of
service, its priority, is ``goodput / t_gen``. Goodput is counted in tokens: all of a request with a
deadline, those of a chat that come in time. The calls of a task share their tokens and the longest
of their needs.

Ours: the steps that a prompt needs are part of ``t_gen``; the tokens of a task's ended calls count
with those of its live ones, for they are lost if it is late, so that tasks gain priority as they go
on, as single requests do; what is due counts nothing once it is
late; of a chat that is late the tokens count by which it will have caught up. What cannot be in
time by its bound keeps its worth, since the bound is an upper one: to let it fade by ``t_rem /
t_gen`` (``penalty=1``, as the artifact does) takes service away just when it gets urgent.

:func:`artifact` is the reward of the authors' code (UIUC-MLSys/JITServe, scheduler/policy.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from makespan.core.vocabulary import BoolArray, IntArray
from makespan.serving.policies.jitserve.gmax import FloatArray

Reward = Literal["paper", "artifact"]


@dataclass(frozen=True, slots=True, eq=False)
class Crowd:
    """The live requests of an engine, arrays of one length, times in seconds.

    Attributes
    ----------
    prompt, had, bound
        Tokens of the prompt, generated so far, and that the output will not exceed.
    missing
        Tokens to be computed before the next can be generated.
    sent
        When it arrived.
    ttft, tbt
        Targets of a chat, :data:`~.targets.NEVER` where there is none.
    due
        When it has to end, or the running stage of its task; ``NEVER`` if no matter when.
    chat
        Whether tokens count one by one.
    task
        A number for the task of which it is a live call, -1 for none.
    earlier
        Tokens of the calls of its task that have ended.
    """

    prompt: IntArray
    had: IntArray
    bound: IntArray
    missing: IntArray
    sent: FloatArray
    ttft: FloatArray
    tbt: FloatArray
    due: FloatArray
    chat: BoolArray
    task: IntArray
    earlier: FloatArray

    def service(self, step: float, budget: int) -> FloatArray:
        """Seconds of a place in the batch up to the last token by the bound: t_gen."""
        steps = -(-np.maximum(self.missing - 1, 0) // budget) + self.left
        return np.asarray(steps * step)

    @property
    def left(self) -> IntArray:
        """Tokens left by the bound, at least 1."""
        return np.asarray(np.maximum(self.bound - self.had, 1))


def pooled(
    task: IntArray, worth: FloatArray, service: FloatArray, earlier: FloatArray | None = None
) -> FloatArray:
    """Worth per second; calls of a task have the sum of their worths over the longest service.

    ``earlier``, what ended calls of the task are worth, is added if there is any worth left.
    """
    value = worth / service
    calls = np.flatnonzero(task >= 0)
    if len(calls):
        _, first, which = np.unique(task[calls], return_index=True, return_inverse=True)
        whole = np.bincount(which, weights=worth[calls])
        if earlier is not None:
            whole = whole + np.where(whole > 0, earlier[calls][first], 0.0)
        longest = np.zeros(len(whole))
        np.maximum.at(longest, which, service[calls])
        value[calls] = (whole / longest)[which]
    return np.asarray(value)


def paper(crowd: Crowd, now: float, step: float, budget: int, penalty: float) -> FloatArray:
    """Priorities by the paper: tokens of goodput per second of service."""
    service = crowd.service(step, budget)
    remaining = np.clip((crowd.due - now) / service, 0.0, 1.0) ** penalty
    whole = (crowd.prompt + crowd.bound) * np.where(crowd.due > now, remaining, 0.0)
    worth = np.where(crowd.chat, on_time(crowd, now, step, budget), whole)
    return pooled(crowd.task, worth, service, crowd.earlier)


def on_time(crowd: Crowd, now: float, step: float, budget: int) -> FloatArray:
    """Of each request the tokens that would come in time if it were served from now on."""
    left = crowd.left.astype(np.float64)
    next_token = now + step * (1 + -(-np.maximum(crowd.missing - 1, 0) // budget))
    late = next_token - (crowd.sent + crowd.ttft + crowd.had * crowd.tbt)
    gains = crowd.tbt - step
    with np.errstate(divide="ignore", invalid="ignore"):
        caught = left - np.maximum(np.ceil(late / gains - 1e-9), 0.0)
        kept = np.where(late > 0, 0.0, np.floor(late / gains) + 1)
    kept = np.where(gains == 0, np.where(late > 0, 0.0, left), kept)
    return np.clip(np.where(gains > 0, caught, kept), 0.0, left)


IN_WEIGHT: Final = 1.0
OUT_WEIGHT: Final = 8.0
_LEAST: Final = 1e-6


def artifact(crowd: Crowd, now: float, step: float, budget: int, penalty: float) -> FloatArray:
    """Priorities by the authors' code: a reward that decays softly, over the remaining time.

    What is inferred: after the first token, a chat's ratio is that of the time allowed to the time
    taken for what it has got; before, that of its next tokens is of TBT and step time.
    """
    service = crowd.service(step, budget)
    age = now - crowd.sent
    whole = IN_WEIGHT * crowd.prompt + OUT_WEIGHT * crowd.bound
    whole = whole * _decay((crowd.due - crowd.sent) / (age + service), penalty)
    prefill = step * (1 + -(-np.maximum(crowd.missing - 1, 0) // budget))
    silent = IN_WEIGHT * crowd.prompt * _decay(crowd.ttft / (age + prefill), penalty)
    silent = silent + OUT_WEIGHT * crowd.bound * _decay(crowd.tbt / step, penalty)
    allowed = (crowd.ttft + crowd.tbt * crowd.had) / np.maximum(age, step)
    earned = IN_WEIGHT * crowd.prompt + OUT_WEIGHT * crowd.had
    talking = earned + OUT_WEIGHT * crowd.left * _decay(allowed, penalty)
    chat = np.where(crowd.had > 0, talking, silent)
    return pooled(crowd.task, np.where(crowd.chat, chat, whole), service)


def _decay(ratio: FloatArray, penalty: float) -> FloatArray:
    return np.asarray(np.clip(ratio, _LEAST, 1.0) ** penalty)


REWARDS: Final[dict[Reward, Callable[[Crowd, float, float, int, float], FloatArray]]] = {
    "paper": paper,
    "artifact": artifact,
}
"""Priorities by name."""

PENALTY: Final[dict[Reward, float]] = {"paper": 0.0, "artifact": 1.0}
"""Exponents of the decay: the paper has none, the artifact's default is 1."""
