"""The policies that a live server can have: those that need no more than what clients say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from makespan.core.errors import OptionError
from makespan.serving.cost.step import StepCost
from makespan.serving.policies.admission import Aggressive, Conservative
from makespan.serving.policies.autellix import Autellix
from makespan.serving.policies.batchllm.live import QueueBatch
from makespan.serving.policies.catalogue import POLICIES
from makespan.serving.policies.continuum import Continuum
from makespan.serving.policies.hexgen.live import LiveUrgency
from makespan.serving.policies.jitserve.policy import JitServe
from makespan.serving.policies.ordering import EarliestDeadline, Priority, ShortestPrompt
from makespan.serving.policies.past_future import PastFuture
from makespan.serving.policies.predicted import LearnedRanks, ShortestPredicted
from makespan.serving.policies.sarathi import Sarathi, tightest
from makespan.serving.policies.slos_serve import SlosServe
from makespan.serving.policies.told import Prompts, Told
from makespan.serving.policy import Policy

Maker = Callable[..., Policy]


class Listening(Told, Prompts, Protocol):
    """What a live server hears from its clients."""


LIVE: Final[Mapping[str, Callable[[Listening, StepCost | None, int], Maker]]] = {
    "fcfs": lambda _t, _c, _s: Policy,
    "priority": lambda _t, _c, _s: Priority,
    "edf": lambda t, _c, _s: lambda: EarliestDeadline(t),
    "shortest-prompt": lambda _t, _c, _s: ShortestPrompt,
    "conservative": lambda _t, _c, _s: Conservative,
    "aggressive": lambda _t, _c, _s: Aggressive,
    "past-future": lambda _t, _c, s: lambda **more: PastFuture(**{"seed": s, **more}),
    "continuum": lambda t, c, _s: lambda **more: Continuum(t, c, **more),
    "batchllm": lambda t, _c, _s: lambda **more: QueueBatch(t, **more),
    "hexgen-urgency": lambda t, c, _s: lambda **more: LiveUrgency(t, c, **more),
    "jitserve": lambda t, c, _s: lambda **more: JitServe(t, c, **more),
    "sjf": lambda _t, _c, _s: ShortestPredicted,
    "ltr": lambda _t, _c, _s: LearnedRanks,
    "autellix": lambda _t, _c, _s: Autellix,
    "slos-serve": lambda t, _c, _s: lambda **more: SlosServe(t, **more),
    "program-fcfs": lambda t, c, _s: lambda: Continuum(t, c, rule="never"),
    "sarathi": lambda t, c, _s: (
        lambda **more: Sarathi(_known(c, "sarathi"), **{"target": tightest(t.slos), **more})
    ),
}
"""By name: given what clients say, step times and a seed, what takes the options."""


def _known(cost: StepCost | None, name: str) -> StepCost:
    if cost is None:
        raise OptionError(
            f"policy {name!r} reckons with the times of steps",
            hint="say what they cost, in picoseconds: floor, per_token, ... (--cost)",
        )
    return cost


_INSTEAD: Final[Mapping[str, str]] = {
    "prefix-sort": "batchllm plans what is waiting",
    "prefix-tree": "batchllm plans what is waiting",
    "edf-query": "edf counts the deadline of a program from its first request",
    "heft-rank": "hexgen-urgency reckons with the stages to come, as clients name them",
    "jitserve-artifact": "jitserve has the rewards of the paper",
}
"""What a server can have that does nearly what is asked for."""


def live_policy(
    name: str,
    told: Listening,
    cost: StepCost | None = None,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
) -> Policy:
    """The named policy for a server whose load nobody knows.

    Raises
    ------
    OptionError
        If there is none of that name, if it needs the future, or if the options are not its own.
    """
    maker = LIVE.get(name)
    if maker is None:
        entry = POLICIES.get(name)
        if entry is None:
            what = f"no policy is called {name!r}"
        elif entry.oracle:
            what = f"policy {name!r} is an oracle: it knows lengths before they are generated"
        else:
            what = f"policy {name!r} must know the load beforehand, which no live server does"
        near = f"{_INSTEAD[name]}; " if name in _INSTEAD else ""
        raise OptionError(what, hint=f"{near}there are {', '.join(LIVE)}")
    try:
        return maker(told, cost, seed)(**(options or {}))
    except TypeError as error:
        raise OptionError(f"options of policy {name!r}: {error}") from None
