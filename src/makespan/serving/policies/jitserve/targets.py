"""What the SLO class of a request asks for, in the form in which priorities need it."""

from __future__ import annotations

from typing import Final, NamedTuple

from makespan.serving.policies.told import Told
from makespan.serving.workload import PICOSECONDS, Workload

NEVER: Final = 1e15
"""Seconds; of a target that is not there."""


class Target(NamedTuple):
    """Targets of a class.

    Attributes
    ----------
    ttft, tbt
        Seconds to the first token and between tokens, :data:`NEVER` if not asked for.
    deadline
        Picoseconds to the last token, of a program from its begin; None if not asked for.
    chat
        Whether tokens count one by one: there is no deadline, but a target for tokens.
    """

    ttft: float
    tbt: float
    deadline: int | None
    chat: bool


def targets(told: Workload | Told) -> list[Target]:
    """Of every SLO class, and last (index -1) of the requests without one."""
    found: list[Target] = []
    for slo in told.slos:
        tbt = slo.tpot if slo.tpot is not None else slo.gap
        found.append(
            Target(
                NEVER if slo.ttft is None else slo.ttft / PICOSECONDS,
                NEVER if tbt is None else tbt / PICOSECONDS,
                slo.deadline,
                slo.deadline is None and (slo.ttft is not None or tbt is not None),
            )
        )
    return [*found, Target(NEVER, NEVER, None, False)]
