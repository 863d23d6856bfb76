"""What a policy may be told beside its view: what clients say, never what the future holds."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Protocol

from makespan.serving.workload import Slo, Workload


class Told(Protocol):
    """What the clients of an engine and its operator have said."""

    @property
    def slos(self) -> tuple[Slo, ...]:
        """SLO classes, by the indices that a view gives."""

    def is_last(self, request: int) -> bool:
        """Whether the client has said that the request is the last of its program."""


class Prompts(Protocol):
    """Who can also tell what prompts say: the process of an engine, which has to compute them."""

    def prompt_tokens(self, request: int) -> Sequence[int]:
        """Token ids of the prompt of a request that is here; none if it is given otherwise."""

    def sharing(self, request: int) -> Hashable:
        """What must be equal besides for two prompts to share memory."""


class ToldByWorkload:
    """The clients of a workload, who say of the last request of each program that it is.

    Last is the one that comes last in the arrays.
    """

    def __init__(self, workload: Workload) -> None:
        self.slos = workload.slos
        last = {int(p): r for r, p in enumerate(workload.program.tolist()) if p >= 0}
        self._last = set(last.values())

    def is_last(self, request: int) -> bool:
        """See :class:`Told`."""
        return request in self._last
