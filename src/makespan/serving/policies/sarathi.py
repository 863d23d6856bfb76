"""Chunks of prompts as large as the next token of those that decode can wait for.

"Taming Throughput-Latency Tradeoff in LLM Inference with Sarathi-Serve" (OSDI 2024, arXiv
2403.02310, section 4): prompts are computed in chunks beside decoding sequences, under a budget of
tokens that is set by the time between tokens which is asked for. The paper profiles the budget once
per deployment; here it is found anew for every step from the cost model, which is our inference
from the same rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from makespan.core.errors import OptionError
from makespan.serving.cost.step import StepCost
from makespan.serving.policy import EngineView, Policy
from makespan.serving.workload import PICOSECONDS, Slo

TARGET: Final = PICOSECONDS // 10
"""Time between tokens where no request asks for one: 100 ms, our choice."""


class Sarathi(Policy):
    """See the module.

    Parameters
    ----------
    cost
        Step times.
    target
        Longest step, picoseconds.
    least
        Tokens of a prompt that a step computes however long it lasts, so that prompts get on.

    Raises
    ------
    OptionError
        If a parameter is not positive.
    """

    name = "sarathi"

    def __init__(self, cost: StepCost, *, target: int = TARGET, least: int = 16) -> None:
        if target < 1 or least < 1:
            raise OptionError(
                f"sarathi: steps of {target} ps with at least {least} tokens of a prompt",
                hint="give positive numbers",
            )
        self.cost, self.target, self.least = cost, target, least

    def token_budget(self, engine: EngineView) -> int:
        """See :meth:`Policy.token_budget`. O(batch + log tokens)."""
        decoding = context = past = 0
        for request in engine.running():
            computed = engine.computed(request)
            if computed + 1 >= engine.prompt(request) + engine.generated(request):
                decoding += 1
                context += computed + 1
            else:
                past = computed

        def lasts(chunk: int) -> int:
            pairs = chunk * (2 * past + chunk) if chunk > 1 else 0
            tokens = decoding + chunk
            return self.cost.step(tokens, decoding + 1, context + past + chunk, pairs)

        most = engine.max_num_batched_tokens - decoding
        return decoding + largest(lasts, self.target, min(self.least, most), most)


def largest(lasts: Callable[[int], int], target: int, least: int, most: int) -> int:
    """Most tokens, between two limits, that last no longer than a target; O(log).

    ``lasts`` must not fall.
    """
    low, high = least, max(most, least)
    while low < high:
        middle = (low + high + 1) // 2
        if lasts(middle) <= target:
            low = middle
        else:
            high = middle - 1
    return low


def tightest(slos: Iterable[Slo], default: int = TARGET) -> int:
    """The shortest time between tokens that one of the SLO classes asks for."""
    asked = [limit for slo in slos for limit in (slo.gap, slo.tpot) if limit is not None]
    return min(asked, default=default)
