"""The policies by name, for command lines and comparisons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from makespan.core.errors import OptionError
from makespan.serving.cost.step import StepCost
from makespan.serving.policies.admission import Aggressive, Conservative, TrueLengths
from makespan.serving.policies.batchllm import BatchLLM
from makespan.serving.policies.continuum import Continuum
from makespan.serving.policies.ordering import (
    EarliestDeadline,
    Priority,
    ShortestJob,
    ShortestPrompt,
    ShortestRemaining,
)
from makespan.serving.policies.past_future import PastFuture
from makespan.serving.policy import Policy
from makespan.serving.workload import Workload


@dataclass(frozen=True, slots=True)
class Entry:
    """A policy that can be asked for by name.

    Attributes
    ----------
    make
        Given the workload, step times and a seed, makes one for an engine.
    says
        What it does, in a line.
    oracle
        Whether it knows what no real engine can know.
    """

    name: str
    make: Callable[[Workload, StepCost | None, int], Policy]
    says: str
    oracle: bool = False


POLICIES: Final = {
    entry.name: entry
    for entry in (
        Entry("fcfs", lambda _w, _c, _s: Policy(), "first come, first served: vLLM's default"),
        Entry("priority", lambda _w, _c, _s: Priority(), "the most urgent first, as in vLLM"),
        Entry("edf", lambda w, _c, _s: EarliestDeadline(w), "the earliest deadline first"),
        Entry("shortest-prompt", lambda _w, _c, _s: ShortestPrompt(), "the shortest prompt first"),
        Entry("conservative", lambda _w, _c, _s: Conservative(), "admits what fits at the worst"),
        Entry("aggressive", lambda _w, _c, _s: Aggressive(), "admits what fits now, leaving 1 %"),
        Entry(
            "past-future", lambda _w, _c, s: PastFuture(seed=s), "admits by sampled peaks of memory"
        ),
        Entry(
            "batchllm",
            lambda w, _c, _s: BatchLLM(w),
            "an offline batch in groups with a prefix in common, admitted by memory",
        ),
        Entry(
            "continuum",
            lambda w, c, _s: Continuum(w, c),
            "keeps contexts of agents while waiting for them pays, programs in order of arrival",
        ),
        Entry(
            "program-fcfs",
            lambda w, c, _s: Continuum(w, c, rule="never"),
            "programs in order of arrival, keeping nothing",
        ),
        Entry(
            "shortest-job-oracle",
            lambda w, _c, _s: ShortestJob(w),
            "the shortest output first",
            True,
        ),
        Entry(
            "shortest-remaining-oracle",
            lambda w, _c, _s: ShortestRemaining(w),
            "the shortest output first, preempting the longest",
            True,
        ),
        Entry(
            "true-lengths-oracle",
            lambda w, _c, _s: TrueLengths(w),
            "admits what will fit, knowing all lengths",
            True,
        ),
    )
}
"""Policies by name."""


def policy_maker(
    name: str, workload: Workload, cost: StepCost | None = None, *, seed: int = 0
) -> Callable[[], Policy]:
    """What makes the named policy for each engine of a fleet; seeds follow one another.

    Raises
    ------
    OptionError
        If there is none of that name.
    """
    entry = POLICIES.get(name)
    if entry is None:
        raise OptionError(f"no policy is called {name!r}", hint=f"there are {', '.join(POLICIES)}")
    made = iter(range(seed, seed + (1 << 31)))
    return lambda: entry.make(workload, cost, next(made))
