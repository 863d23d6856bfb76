"""The weight of speed against balance, found by simulation.

HexGen-Text2SQL (arXiv 2505.05286) replays recent requests in a light simulator for several alpha
and takes the one that keeps most deadlines, again whenever the load has changed. What the paper
leaves open is ours: a grid over 0 to 1, golden sections around its best, three replays of which
all but the first let the same queries come in another order, the same for every alpha; most
deadlines kept decide, then the time that 95 % of the queries keep.

The simulator is the product's own, with the same policies. :class:`TunedBalance` runs it inside a
router, on queries that have ended: by then their calls and lengths are known (clients say which
call is a query's last).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from makespan.core.errors import OptionError
from makespan.serving.cost.step import StepCost
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.policies.hexgen.budget import Budgets
from makespan.serving.policies.hexgen.profile import Profile
from makespan.serving.policies.hexgen.queries import kept_by, query_seconds
from makespan.serving.policies.hexgen.routing import ALPHA, Rule, WorkloadBalance
from makespan.serving.policies.hexgen.urgency import Urgency
from makespan.serving.policies.hexgen.workflow import Workflow
from makespan.serving.policy import FleetView, Policy
from makespan.serving.service import attained
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import PICOSECONDS, Workload
from makespan.serving.workloads.assemble import assemble

_GOLDEN: Final = (math.sqrt(5.0) - 1.0) / 2.0


@dataclass(frozen=True, slots=True)
class Trial:
    """What one alpha came to, in the mean over the replays.

    Attributes
    ----------
    attained
        Share of queries that keep their deadline.
    seconds
        Time that 95 % of the queries keep.
    """

    alpha: float
    attained: float
    seconds: float

    @property
    def score(self) -> tuple[float, float]:
        """The larger, the better."""
        return self.attained, -self.seconds


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best alpha, and all that were tried, in order."""

    alpha: float
    trials: tuple[Trial, ...]


def tune_alpha(
    workload: Workload,
    settings: Sequence[EngineSettings],
    costs: Sequence[StepCost],
    profile: Profile,
    workflow: Workflow,
    *,
    steps: int = 10,
    refinements: int = 4,
    replays: int = 3,
    rule: Rule = "outstanding",
    policy: Callable[[Budgets], Policy] = Urgency,
    seed: int = 0,
) -> Tuned:
    """The alpha under which a load is served best by these engines; deterministic.

    Parameters
    ----------
    steps
        Parts into which the grid cuts 0 to 1.
    refinements
        Further trials, by golden sections between the neighbours of the best.
    replays
        Replays of each trial: the load, and others with its queries in another order.
    policy
        Makes the policy of an engine.

    Raises
    ------
    OptionError
        If a number is below 1 (``refinements``: 0), or the load is empty.
    """
    if min(steps, replays) < 1 or refinements < 0 or not workload.count:
        raise OptionError(
            f"{steps} steps, {refinements} refinements and {replays} replays of "
            f"{workload.count} requests",
            hint="at least one step, one replay and one request",
        )
    loads = [workload]
    loads += [reordered(workload, seed=seed + k) for k in range(1, replays)]
    trials: dict[float, Trial] = {}

    def attempt(alpha: float) -> Trial:
        if alpha not in trials:
            found = [_replay(one, alpha) for one in loads]
            kept, seconds = (sum(column) / len(found) for column in zip(*found, strict=True))
            trials[alpha] = Trial(alpha, kept, seconds)
        return trials[alpha]

    def _replay(load: Workload, alpha: float) -> tuple[float, float]:
        known = profile.copy()
        budgets = Budgets(load, known, workflow)
        record = simulate_serving(
            load,
            settings,
            costs,
            policy=lambda: policy(budgets),
            router=WorkloadBalance(load, known, alpha=alpha, rule=rule),
        )
        return _kept(record.workload, attained(record)), kept_by(query_seconds(record), 0.95)

    grid = [attempt(k / steps) for k in range(steps + 1)]
    best = max(grid, key=lambda trial: (trial.score, -trial.alpha))
    low, high = max(best.alpha - 1 / steps, 0.0), min(best.alpha + 1 / steps, 1.0)
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    for _ in range(refinements):
        # Both ends of the comparison are known but for one, which is the trial of this round.
        if attempt(left).score >= attempt(right).score:
            high, right = right, left
            left = high - _GOLDEN * (high - low)
        else:
            low, left = left, right
            right = low + _GOLDEN * (high - low)
    best = max(trials.values(), key=lambda trial: (trial.score, -trial.alpha))
    return Tuned(best.alpha, tuple(trials.values()))


def _kept(load: Workload, kept: np.ndarray) -> float:
    """Share of queries whose requests all attain their class."""
    alone = load.program < 0
    key = np.where(alone, load.program.max(initial=-1) + 1 + np.cumsum(alone), load.program)
    _, place = np.unique(key, return_inverse=True)
    whole = np.ones(int(place.max()) + 1, dtype=np.bool_)
    np.logical_and.at(whole, place, kept)
    return float(whole.mean())


def reordered(workload: Workload, *, seed: int) -> Workload:
    """The same queries, which begin at the same times as each other do in the load."""
    alone = workload.program < 0
    key = np.where(alone, workload.program.max(initial=-1) + 1 + np.cumsum(alone), workload.program)
    _, place = np.unique(key, return_inverse=True)
    count = int(place.max(initial=-1)) + 1
    begin = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(begin, place, workload.arrival)
    order = np.random.default_rng(seed).permutation(count)
    arrival = np.maximum(workload.arrival + (begin[order] - begin)[place], 0)
    child = np.repeat(np.arange(workload.count), np.diff(workload.parent_ptr))
    return assemble(
        workload.name,
        arrival=arrival,
        prompt=workload.prompt,
        output=workload.output,
        cap=workload.cap,
        priority=workload.priority,
        slo=workload.slo,
        program=workload.program,
        label=workload.label,
        parents=(child, workload.parent, workload.delay),
        contents=(workload.content_ptr, workload.content),
        grain=workload.grain,
        slos=workload.slos,
        labels=workload.labels,
        source=f"{workload.source}, queries in order {seed}",
    )


class TunedBalance(WorkloadBalance):
    """Dispatch whose alpha follows the load.

    Every so often the queries that have ended last are replayed. The work is bounded by their
    number and that of trials, and rests on simulated time alone, so that runs can be repeated.

    Parameters
    ----------
    settings, costs
        Of the engines, as far as is known.
    every
        Seconds between two searches.
    queries
        Latest ended queries that are replayed; with fewer than a tenth of them there is no search.
    steps, refinements, replays
        As :func:`tune_alpha`, with a coarser grid.

    Attributes
    ----------
    history
        Times of the searches, seconds, and what they found.
    """

    name = "hexgen-tuned"

    def __init__(
        self,
        workload: Workload,
        profile: Profile,
        workflow: Workflow,
        settings: Sequence[EngineSettings],
        costs: Sequence[StepCost],
        *,
        alpha: float = ALPHA,
        rule: Rule = "outstanding",
        every: float = 60.0,
        queries: int = 40,
        steps: int = 5,
        refinements: int = 3,
        replays: int = 3,
    ) -> None:
        if not every > 0.0 or queries < 1:
            raise OptionError(f"a search every {every} s for {queries} queries")
        super().__init__(workload, profile, alpha=alpha, rule=rule)
        self.workload, self.workflow = workload, workflow
        self.settings, self.costs = list(settings), list(costs)
        self.every, self.queries = round(every * PICOSECONDS), queries
        self.numbers = {"steps": steps, "refinements": refinements, "replays": replays}
        self.next: int | None = None
        self.pending: dict[int, int] = {}
        for p in workload.program.tolist():
            self.pending[p] = self.pending.get(p, 0) + 1
        self.members: dict[int, list[int]] = {}
        self.ended: list[int] = []
        self.history: list[tuple[float, Tuned]] = []

    def route(self, request: int, fleet: FleetView) -> int:
        """See :meth:`Router.route`."""
        if self.next is None:
            self.next = fleet.now + self.every
        elif fleet.now >= self.next:
            self.next = fleet.now + self.every
            if len(self.ended) >= max(1, self.queries // 10):
                self._search(fleet.now)
        return super().route(request, fleet)

    def finished(self, request: int, fleet: FleetView) -> None:
        """See :meth:`Router.finished`; notes which queries have ended."""
        super().finished(request, fleet)
        program = int(self.workload.program[request])
        if program < 0:
            return
        self.members.setdefault(program, []).append(request)
        self.pending[program] -= 1
        if not self.pending[program]:
            self.ended.append(program)

    def _search(self, now: int) -> None:
        latest = self.ended[-self.queries :]
        chosen = np.array(sorted(r for p in latest for r in self.members[p]), dtype=np.int64)
        window = self.workload.take(chosen)
        window = replace(window, arrival=window.arrival - window.arrival[0])
        found = tune_alpha(
            window,
            self.settings,
            self.costs,
            self.profile,
            self.workflow,
            rule=self.rule,
            **self.numbers,  # type: ignore[arg-type]
        )
        self.alpha = found.alpha
        self.history.append((now / PICOSECONDS, found))
