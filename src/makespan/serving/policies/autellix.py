"""Autellix: programs that got little service first.

"Autellix: An Efficient Serving Engine for LLM Agents as General Programs" (arXiv 2502.13965): a
call enters the queue whose level is that of the service that the earlier calls of its program got
(program-level attained service, PLAS), sinks as it is served itself, and is preempted by calls of
higher queues. Queues are told apart by quanta of 400 tokens, as JITServe's comparison has them;
service counted in generated tokens, and the number of queues, are inferred.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from makespan.core.errors import OptionError
from makespan.serving.policies.preempting import outranked
from makespan.serving.policies.remembering import make_room
from makespan.serving.policy import EngineView, Policy
from makespan.serving.workload import PICOSECONDS

QUANTUM: Final = 400
"""Tokens of service between two queues."""


class Autellix(Policy):
    """See the module.

    Parameters
    ----------
    quantum
        Tokens.
    queues
        Number of queues; the last is served in order of arrival.
    every
        Seconds between two looks at who should run.
    """

    name = "autellix"
    window = 4096

    def __init__(self, *, quantum: int = QUANTUM, queues: int = 16, every: float = 0.3) -> None:
        if min(quantum, queues) < 1 or not every > 0:
            raise OptionError(
                f"{queues} queues of {quantum} tokens, a look every {every} s",
                hint="at least one queue, one token and a time above 0",
            )
        self.quantum, self.queues, self.every = quantum, queues, round(every * PICOSECONDS)
        self.attained: dict[int, int] = {}
        self.next = 0

    def level(self, request: int, engine: EngineView) -> int:
        """Queue of a call, by the service of its program's ended calls and its own."""
        earlier = self.attained.get(engine.program(request), 0)
        return min((earlier + engine.generated(request)) // self.quantum, self.queues - 1)

    def order(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See :meth:`Policy.order`."""
        key = {r: (self.level(r, engine), engine.arrival(r), r) for r in waiting}
        return sorted(waiting, key=key.__getitem__)

    def interrupt(self, engine: EngineView) -> Sequence[int]:
        """See :meth:`Policy.interrupt`."""
        if engine.now < self.next:
            return ()
        self.next = engine.now + self.every
        key = {r: self.level(r, engine) for r in (*engine.running(), *engine.waiting())}
        return outranked(engine, key.__getitem__, window=self.window)

    def wake(self, engine: EngineView) -> int | None:
        """See :meth:`Policy.wake`."""
        return self.next

    def finished(self, request: int, engine: EngineView) -> None:
        """See :meth:`Policy.finished`."""
        program = engine.program(request)
        if program >= 0:
            length = engine.generated(request)
            make_room(self.attained, program)
            self.attained[program] = self.attained.get(program, 0) + length
