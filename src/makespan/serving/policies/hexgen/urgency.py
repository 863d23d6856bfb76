"""The queue of one engine: the call first that has used most of its budget.

HexGen-Text2SQL (arXiv 2505.05286, section 3; ``update_urgency`` of its simulator) recomputes
``U = t(stage, this GPU) - (budget - waited)``, the negative slack, for all that wait at every
dispatch and starts the largest. All ``waited`` grow alike, so that the order of two calls never
changes while they wait: the largest U is the earliest *latest start*, ``sent + budget - t``. A call
therefore gets its place in the order when it arrives, with the times known then, and the order is
asked for at events only.

Ours: a budget below 0 is taken for 0, so that a query that is lost does not go before those that
can be saved; among equals the one with the smaller budget goes first. Requests that lost their
memory come first, because the paper preempts nobody. Calls that are due at no time come last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from makespan.core.errors import OptionError
from makespan.serving.policies.hexgen.budget import Shares
from makespan.serving.policy import EngineView, Policy
from makespan.serving.workload import PICOSECONDS

Late = Literal["clamp", "raw"]


class Urgency(Policy):
    """See the module.

    Parameters
    ----------
    budgets
        Those of the fleet or of the engine alone; completions seen here update their profile.
    late
        "clamp" takes budgets below 0 for 0; "raw" leaves them, as the authors' simulator does.
    """

    name = "hexgen-urgency"

    def __init__(self, budgets: Shares, *, late: Late = "clamp") -> None:
        if late not in ("clamp", "raw"):
            raise OptionError(f"late is {late!r}", hint="clamp or raw")
        self.late = late
        self.budgets: Shares = budgets
        self.profile = budgets.profile
        self.keys: dict[int, tuple[float, float, int, int]] = {}
        self.begun: dict[int, int] = {}
        self.idle_since = 0

    def arrived(self, request: int, engine: EngineView) -> None:
        """See :meth:`Policy.arrived`; the budget is that of the moment when the stage begins."""
        sent = engine.arrival(request)
        budget = self.budgets.budget(request, sent)
        self.keys[request] = (*self._latest_start(request, sent, budget, engine.index), request)

    def _latest_start(
        self, request: int, sent: int, budget: float | None, engine: int
    ) -> tuple[float, float, int]:
        """When the call must begin to keep its budget, seconds, and what breaks ties."""
        if budget is None:
            return float("inf"), 0.0, sent
        allowed = max(budget, 0.0) if self.late == "clamp" else budget
        stage, prompt = self.budgets.stage[request], self.budgets.prompt[request]
        takes = self.profile.seconds(stage, prompt, engine)
        return sent / PICOSECONDS + allowed - takes, budget, sent

    def order(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See :meth:`Policy.order`; O(n log n)."""
        keys = self.keys
        return sorted(waiting, key=lambda r: (not engine.preemptions(r), keys[r]))

    def admit(self, request: int, engine: EngineView) -> bool:
        """See :meth:`Policy.admit`; always, noting when."""
        self.begun.setdefault(request, engine.now)
        return True

    def finished(self, request: int, engine: EngineView) -> None:
        """See :meth:`Policy.finished`; the profile learns what the call took."""
        # Nobody is asked about a request that an idle engine admits: it began as soon as it could.
        idle = max(engine.arrival(request), self.idle_since)
        took = engine.now - self.begun.pop(request, idle)
        self.profile.observe(
            self.budgets.stage[request],
            engine.index,
            took / PICOSECONDS,
            engine.generated(request),
        )
        self.keys.pop(request, None)
        if not engine.running():
            self.idle_since = engine.now
