"""The hooks of a policy as an engine calls them."""

from __future__ import annotations

from makespan.serving.policy import Policy


class Hooks:
    """The hooks that a policy overrides; None where it keeps the default."""

    __slots__ = (
        "admit",
        "arrived",
        "drop",
        "finished",
        "interrupt",
        "order",
        "policy",
        "retain",
        "time_varying",
        "token_budget",
        "unpin",
        "victim",
        "wake",
        "window",
    )

    def __init__(self, policy: Policy) -> None:
        kind = type(policy)
        self.policy = policy
        self.order = policy.order if kind.order is not Policy.order else None
        self.admit = policy.admit if kind.admit is not Policy.admit else None
        self.retain = policy.retain if kind.retain is not Policy.retain else None
        self.unpin = policy.unpin
        self.victim = policy.victim if kind.victim is not Policy.victim else None
        self.wake = policy.wake if kind.wake is not Policy.wake else None
        self.arrived = policy.arrived if kind.arrived is not Policy.arrived else None
        self.finished = policy.finished if kind.finished is not Policy.finished else None
        self.drop = policy.drop if kind.drop is not Policy.drop else None
        self.interrupt = policy.interrupt if kind.interrupt is not Policy.interrupt else None
        self.token_budget = (
            policy.token_budget if kind.token_budget is not Policy.token_budget else None
        )
        self.time_varying, self.window = policy.time_varying, policy.window
