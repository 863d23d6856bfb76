"""Which engine gets a call: fast machines against balanced work, weighed by alpha.

HexGen-Text2SQL (arXiv 2505.05286, section 3; ``workload_balance`` of its simulator) sends a call to
the engine with the largest ``alpha * t(stage, b) / t(stage, e) - (1 - alpha) * W_e / W``: how much
faster than a reference b the engine e is, against the work that it has been given. alpha = 1 takes
the fastest machine always, alpha = 0 balances only.

W_e is the seconds of service that engine e has yet to give, ours: the text of the paper speaks of
the work in the queue, the released code never takes off what is done. W is the most that any has;
the released code divides by the work of the first engine, to which it sends while that has none.
"""

from __future__ import annotations

from typing import Final, Literal

from makespan.core.errors import OptionError
from makespan.serving.policies.hexgen.profile import Profile
from makespan.serving.policy import FleetView, Router
from makespan.serving.workload import Workload

Rule = Literal["outstanding", "cumulative", "released"]

ALPHA: Final = 0.3
"""The middle of what served a mixed fleet alike well (0.1 to 0.5); to be tuned (:mod:`.tuning`)."""

_SLOW: Final = 0.5
"""Factor on the work of slower classes in the released code."""


class Work:
    """Seconds of service promised to each engine and not given yet."""

    def __init__(self) -> None:
        self.seconds: dict[int, float] = {}
        self.of: dict[int, tuple[int, float]] = {}
        self.calls: dict[int, int] = {}

    def give(self, request: int, engine: int, seconds: float) -> None:
        """The engine gets a call of so many seconds."""
        self.of[request] = engine, seconds
        self.seconds[engine] = self.seconds.get(engine, 0.0) + seconds
        self.calls[engine] = self.calls.get(engine, 0) + 1

    def take(self, request: int) -> None:
        """The call has ended, however it did; nothing if it has ended before."""
        if request not in self.of:
            return
        engine, seconds = self.of.pop(request)
        self.calls[engine] -= 1
        # An engine without calls has no work, whatever rounding says.
        left = max(self.seconds[engine] - seconds, 0.0) if self.calls[engine] else 0.0
        self.seconds[engine] = left

    def __getitem__(self, engine: int) -> float:
        return self.seconds.get(engine, 0.0)


class WorkRouter(Router):
    """A router that knows the stages of calls and keeps account of the work it gave out."""

    def __init__(self, workload: Workload, profile: Profile) -> None:
        self.profile = profile
        self.stage = [workload.labels[k] if k >= 0 else "" for k in workload.label.tolist()]
        self.prompt: list[int] = workload.prompt.tolist()
        self.work = Work()

    def seconds(self, request: int, engine: int) -> float:
        """Mean service seconds of a call on an engine."""
        return self.profile.seconds(self.stage[request], self.prompt[request], engine)

    def route(self, request: int, fleet: FleetView) -> int:
        """See :meth:`Router.route`; asked again, an engine that died owes the work no more."""
        self.work.take(request)
        chosen = self.choose(request, fleet)
        self.work.give(request, chosen, self.seconds(request, chosen))
        return chosen

    def choose(self, request: int, fleet: FleetView) -> int:
        """Index of the open engine that is to get the call."""
        raise NotImplementedError

    def finished(self, request: int, fleet: FleetView) -> None:
        """See :meth:`Router.finished`."""
        self.work.take(request)


class WorkloadBalance(WorkRouter):
    """See the module.

    Parameters
    ----------
    alpha
        Weight of speed against balance, 0 to 1.
    rule
        "outstanding" counts work not done yet; "cumulative" all work ever given; "released" is the
        authors' simulator: cumulative, relative to the first engine, which gets the call while it
        has no work, and with the work of engines slower than the first counted half.
    """

    name = "hexgen"

    def __init__(
        self,
        workload: Workload,
        profile: Profile,
        *,
        alpha: float = ALPHA,
        rule: Rule = "outstanding",
    ) -> None:
        if not 0.0 <= alpha <= 1.0 or rule not in ("outstanding", "cumulative", "released"):
            raise OptionError(
                f"alpha is {alpha}, the rule {rule!r}",
                hint="alpha from 0 to 1; outstanding, cumulative or released",
            )
        super().__init__(workload, profile)
        self.alpha, self.rule = alpha, rule

    def choose(self, request: int, fleet: FleetView) -> int:
        """The engine of the best score; of equal ones that with less work, then the first."""
        engines = fleet.open
        first, released = engines[0], self.rule == "released"
        if released and self.work[first] == 0.0:
            return first
        takes = [self.seconds(request, e) for e in engines]
        base = takes[0]
        work = [
            self.work[e] * (_SLOW if released and time > base else 1.0)
            for e, time in zip(engines, takes, strict=True)
        ]
        scale = (work[0] if released else max(work)) or 1.0
        alpha = self.alpha
        # -work and -e make a total order: of equal scores the idler engine, then the first.
        return -max(
            (alpha * base / time - (1.0 - alpha) * given / scale, -given, -e)
            for e, time, given in zip(engines, takes, work, strict=True)
        )[2]

    def finished(self, request: int, fleet: FleetView) -> None:
        """See :meth:`Router.finished`."""
        if self.rule == "outstanding":
            super().finished(request, fleet)


class LeastSeconds(WorkRouter):
    """Sends a call where it ends first if work is done one after the other.

    List scheduling on unrelated machines: the least of outstanding work plus the call's own time
    (minimum completion time; HEFT's choice of a processor, Topcuoglu et al. 2002).
    """

    name = "least-seconds"

    def choose(self, request: int, fleet: FleetView) -> int:
        """See :meth:`WorkRouter.choose`."""
        return min(fleet.open, key=lambda e: (self.work[e] + self.seconds(request, e), e))
