"""The policies by name, for command lines and comparisons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

from makespan.core.errors import OptionError
from makespan.serving.cost.step import StepCost
from makespan.serving.policies.admission import Aggressive, Conservative, TrueLengths
from makespan.serving.policies.autellix import Autellix
from makespan.serving.policies.batchllm import BatchLLM
from makespan.serving.policies.batchllm.orders import depth_first, lexicographic, ranks
from makespan.serving.policies.batchllm.planning import workload_tree
from makespan.serving.policies.batchllm.policy import InOrder
from makespan.serving.policies.continuum import Continuum
from makespan.serving.policies.hexgen import by_name as hexgen
from makespan.serving.policies.hexgen.baselines import QueryDeadline
from makespan.serving.policies.jitserve import by_name as jitserve
from makespan.serving.policies.ordering import (
    EarliestDeadline,
    Priority,
    ShortestJob,
    ShortestPrompt,
    ShortestRemaining,
)
from makespan.serving.policies.past_future import PastFuture
from makespan.serving.policies.predicted import LearnedRanks, ShortestPredicted
from makespan.serving.policies.sarathi import Sarathi, tightest
from makespan.serving.policies.slos_serve import SlosServe
from makespan.serving.policy import Policy
from makespan.serving.settings import EngineSettings
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
    offloading
        Of a policy that asks what loading takes: given the workload, step times and the picoseconds
        to load a block, makes one for an engine with a second tier of the prefix cache.
    """

    name: str
    make: Callable[[Workload, StepCost | None, int], Policy]
    says: str
    oracle: bool = False
    offloading: Callable[[Workload, StepCost | None, int], Policy] | None = None


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
            "sarathi",
            lambda w, c, _s: Sarathi(c, target=tightest(w)) if c else Policy(),
            "chunks of prompts as large as the time between tokens that is asked for allows",
        ),
        Entry(
            "batchllm",
            lambda w, _c, _s: BatchLLM(w),
            "an offline batch in groups with a prefix in common, admitted by memory",
        ),
        Entry(
            "prefix-sort",
            lambda w, _c, _s: InOrder(ranks(lexicographic(workload_tree(w)))),
            "an offline batch sorted by its prompts",
        ),
        Entry(
            "prefix-tree",
            lambda w, _c, _s: InOrder(ranks(depth_first(workload_tree(w)))),
            "an offline batch along its prefix tree, the largest branch first",
        ),
        Entry(
            "continuum",
            lambda w, c, _s: Continuum(w, c),
            "keeps contexts of agents while waiting for them pays, programs in order of arrival",
            offloading=lambda w, c, time: Continuum(w, c, offload_time=time),
        ),
        Entry(
            "program-fcfs",
            lambda w, c, _s: Continuum(w, c, rule="never"),
            "programs in order of arrival, keeping nothing",
        ),
        Entry(
            "hexgen-urgency",
            lambda w, c, _s: hexgen.urgency(w, c),
            "the call first that has used most of its share of its query's deadline",
        ),
        Entry("edf-query", lambda w, _c, _s: QueryDeadline(w), "the query first that is due first"),
        Entry(
            "heft-rank",
            lambda w, c, _s: hexgen.upward_rank(w, c),
            "the call first behind which most work is expected",
        ),
        Entry(
            "least-slack-oracle",
            lambda w, c, _s: hexgen.least_slack(w, c),
            "the query first with the least time to spare, knowing all calls and lengths",
            True,
        ),
        Entry(
            "jitserve",
            lambda w, c, _s: jitserve.jitserve(w, c),
            "the batch by goodput per second of service, in frames",
        ),
        Entry(
            "jitserve-artifact",
            lambda w, c, _s: jitserve.artifact(w, c),
            "the same by the rewards of the authors' code",
        ),
        Entry("sjf", lambda _w, _c, _s: ShortestPredicted(), "the shortest predicted output first"),
        Entry(
            "ltr",
            lambda _w, _c, _s: LearnedRanks(),
            "the same, preempting by it, who has waited long first",
        ),
        Entry("autellix", lambda _w, _c, _s: Autellix(), "programs that got little service first"),
        Entry(
            "slos-serve",
            lambda w, _c, _s: SlosServe(w),
            "plans who can be in time; the others behind",
        ),
        Entry(
            "jitserve-oracle",
            lambda w, c, _s: jitserve.oracle(w, c),
            "JITServe knowing all lengths and tasks",
            True,
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
    name: str,
    workload: Workload,
    cost: StepCost | Sequence[StepCost] | None = None,
    *,
    settings: Sequence[EngineSettings] = (),
    seed: int = 0,
) -> Callable[[], Policy]:
    """What makes the named policy for each engine of a fleet; seeds follow one another.

    Parameters
    ----------
    cost
        Step times; of several, each engine knows its own.
    settings
        Of the engines, in turn, for policies that ask what loading from a second tier of the prefix
        cache takes; none: there is no such tier.

    Raises
    ------
    OptionError
        If there is none of that name.
    """
    entry = POLICIES.get(name)
    if entry is None:
        raise OptionError(f"no policy is called {name!r}", hint=f"there are {', '.join(POLICIES)}")
    costs = list(cost) if isinstance(cost, Sequence) else [cost]
    made = count()

    def make() -> Policy:
        k = next(made)
        engine = settings[k % len(settings)] if settings else None
        if entry.offloading and engine and engine.offload_blocks:
            return entry.offloading(workload, costs[k % len(costs)], engine.offload_time)
        return entry.make(workload, costs[k % len(costs)], seed + k)

    return make
