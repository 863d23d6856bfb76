"""The policies by name, for command lines and comparisons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count, cycle
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
class Given:
    """What a policy is made from: a load, and the engine that will serve it.

    Attributes
    ----------
    cost
        Step times of the engine; None: they are not known.
    engine
        Its settings; None: they are not known.
    seed
        Of what the policy draws.
    """

    workload: Workload
    cost: StepCost | None = None
    engine: EngineSettings | None = None
    seed: int = 0

    @property
    def offload_time(self) -> int | None:
        """Picoseconds to load a block from the second tier of the prefix cache; None: no tier."""
        engine = self.engine
        return engine.offload_time if engine and engine.offload_blocks else None


@dataclass(frozen=True, slots=True)
class Entry:
    """A policy that can be asked for by name.

    Attributes
    ----------
    make
        Makes one for an engine.
    says
        What it does, in a line.
    oracle
        Whether it knows what no real engine can know.
    """

    name: str
    make: Callable[[Given], Policy]
    says: str
    oracle: bool = False


POLICIES: Final = {
    entry.name: entry
    for entry in (
        Entry("fcfs", lambda _: Policy(), "first come, first served: vLLM's default"),
        Entry("priority", lambda _: Priority(), "the most urgent first, as in vLLM"),
        Entry("edf", lambda g: EarliestDeadline(g.workload), "the earliest deadline first"),
        Entry("shortest-prompt", lambda _: ShortestPrompt(), "the shortest prompt first"),
        Entry("conservative", lambda _: Conservative(), "admits what fits at the worst"),
        Entry("aggressive", lambda _: Aggressive(), "admits what fits now, leaving 1 %"),
        Entry(
            "past-future", lambda g: PastFuture(seed=g.seed), "admits by sampled peaks of memory"
        ),
        Entry(
            "sarathi",
            lambda g: Sarathi(g.cost, target=tightest(g.workload.slos)) if g.cost else Policy(),
            "chunks of prompts as large as the time between tokens that is asked for allows",
        ),
        Entry(
            "batchllm",
            lambda g: BatchLLM(g.workload),
            "an offline batch in groups with a prefix in common, admitted by memory",
        ),
        Entry(
            "prefix-sort",
            lambda g: InOrder(ranks(lexicographic(workload_tree(g.workload)))),
            "an offline batch sorted by its prompts",
        ),
        Entry(
            "prefix-tree",
            lambda g: InOrder(ranks(depth_first(workload_tree(g.workload)))),
            "an offline batch along its prefix tree, the largest branch first",
        ),
        Entry(
            "continuum",
            lambda g: Continuum(g.workload, g.cost, offload_time=g.offload_time),
            "keeps contexts of agents while waiting for them pays, programs in order of arrival",
        ),
        Entry(
            "program-fcfs",
            lambda g: Continuum(g.workload, g.cost, rule="never"),
            "programs in order of arrival, keeping nothing",
        ),
        Entry(
            "hexgen-urgency",
            lambda g: hexgen.urgency(g.workload, g.cost),
            "the call first that has used most of its share of its query's deadline",
        ),
        Entry(
            "edf-query", lambda g: QueryDeadline(g.workload), "the query first that is due first"
        ),
        Entry(
            "heft-rank",
            lambda g: hexgen.upward_rank(g.workload, g.cost),
            "the call first behind which most work is expected",
        ),
        Entry(
            "least-slack-oracle",
            lambda g: hexgen.least_slack(g.workload, g.cost),
            "the query first with the least time to spare, knowing all calls and lengths",
            True,
        ),
        Entry(
            "jitserve",
            lambda g: jitserve.jitserve(g.workload, g.cost),
            "the batch by goodput per second of service, in frames",
        ),
        Entry(
            "jitserve-artifact",
            lambda g: jitserve.artifact(g.workload, g.cost),
            "the same by the rewards of the authors' code",
        ),
        Entry("sjf", lambda _: ShortestPredicted(), "the shortest predicted output first"),
        Entry(
            "ltr",
            lambda _: LearnedRanks(),
            "the same, preempting by it, who has waited long first",
        ),
        Entry("autellix", lambda _: Autellix(), "programs that got little service first"),
        Entry(
            "slos-serve",
            lambda g: SlosServe(g.workload),
            "plans who can be in time; the others behind",
        ),
        Entry(
            "jitserve-oracle",
            lambda g: jitserve.oracle(g.workload, g.cost),
            "JITServe knowing all lengths and tasks",
            True,
        ),
        Entry(
            "shortest-job-oracle",
            lambda g: ShortestJob(g.workload),
            "the shortest output first",
            True,
        ),
        Entry(
            "shortest-remaining-oracle",
            lambda g: ShortestRemaining(g.workload),
            "the shortest output first, preempting the longest",
            True,
        ),
        Entry(
            "true-lengths-oracle",
            lambda g: TrueLengths(g.workload),
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
        Step times; of several, each engine knows its own, in turn.
    settings
        Those of the engines, in turn; none: policies do not know of a second tier of the prefix
        cache.

    Raises
    ------
    OptionError
        If there is none of that name.
    """
    entry = POLICIES.get(name)
    if entry is None:
        raise OptionError(f"no policy is called {name!r}", hint=f"there are {', '.join(POLICIES)}")
    costs = cycle((cost if isinstance(cost, Sequence) else [cost]) or [None])
    engines = cycle(settings or [None])
    seeds = count(seed)

    def make() -> Policy:
        return entry.make(Given(workload, next(costs), next(engines), next(seeds)))

    return make
