"""What BatchLLM's attention kernel could save at most: reading a group's prefix once per step.

The kernel (part 5) reads the keys and values of a shared prefix once for all members of a group
that decode in a step, instead of once for each. Step costs here are functions of four sums and do
not know who shares what (:mod:`makespan.serving.cost.step`), so that simulated times are without
it. What can be said of a plan is a bound: of k members with outputs of o tokens, decoding needs
``sum(o - 1)`` steps of members, which cannot happen in fewer than ``max(o) - 1`` steps, and a
prefix is read at least once in each of those. The chunks of suffixes, which read the prefix, too,
and the cost of merging two partial results are left out.
"""

from __future__ import annotations

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.serving.cost.step import StepCost
from makespan.serving.policies.batchllm.plan import Plan


def reads_saved(plan: Plan, output: IntArray) -> int:
    """Tokens of context that decoding need not read again, at most.

    Parameters
    ----------
    output
        (n,) tokens of each output.
    """
    if not len(plan):
        return 0
    steps = np.maximum(output[plan.order] - 1, 0)
    begin = plan.ptr[:-1]
    spared = np.add.reduceat(steps, begin) - np.maximum.reduceat(steps, begin)
    return int((spared * plan.prefix).sum())


def time_saved(plan: Plan, output: IntArray, cost: StepCost) -> int:
    """Picoseconds that the kernel could take off the steps of one engine, at most."""
    return reads_saved(plan, output) * cost.decode(1)[1]
