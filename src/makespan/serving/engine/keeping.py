"""What an engine keeps of requests that have ended, for others of their program."""

from __future__ import annotations

from makespan.serving.engine.hooks import Hooks
from makespan.serving.engine.view import Viewed


class Keeping(Viewed):
    """The pins of an engine.

    Attributes
    ----------
    pins
        Until when the memory of ended requests is kept, in the order in which they ended.
    """

    hooks: Hooks
    pins: dict[int, int]
    refused: bool
    changed: bool
    stirred: bool

    def reconsider(self) -> None:
        """Something has happened by which the head of the queue may be admitted."""
        self.refused, self.changed, self.stirred = False, True, True

    def pin(self, request: int) -> bool:
        """Ask the policy whether to keep what a request leaves; True if it is kept."""
        assert self.hooks.retain is not None
        until = self.hooks.retain(request, self.view)
        if until is None or until <= self.now:
            return False
        self.pins[request] = until
        return True

    def unpin(self, request: int) -> None:
        """Keep the memory of an ended request no longer."""
        del self.pins[request]
        self.memory.release(request, self.requests.computed[request])
        self.reconsider()

    def give_up(self, request: int) -> bool:
        """Let the policy give up what is kept, for a request that lacks memory."""
        if not self.pins:
            return False
        chosen = self.hooks.unpin(list(self.pins), request, self.view)
        if chosen is None:
            if self.batch:
                return False
            chosen = next(iter(self.pins))
        self.unpin(chosen)
        return True

    def expire(self) -> None:
        """End what has been kept for its time, unless one of its program waits."""
        program = self.requests.workload.program
        for request, until in list(self.pins.items()):
            if until <= self.now and not (
                program[request] >= 0 and any(program[r] == program[request] for r in self.queue)
            ):
                self.unpin(request)

    def take_over(self, request: int) -> None:
        """What was kept for the program of an admitted request has served its purpose."""
        program = self.requests.workload.program
        if program[request] >= 0:
            for other in [r for r in self.pins if program[r] == program[request]]:
                self.unpin(other)
