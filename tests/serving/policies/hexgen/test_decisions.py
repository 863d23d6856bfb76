"""What HexGen decides: whom an engine starts, and which engine a call gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.engine.fleet import Fleet
from makespan.serving.engine.reference import Reference
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.policies.hexgen.baselines import LeastSlack, QueryDeadline, UpwardRank
from makespan.serving.policies.hexgen.budget import Budgets, due_dates
from makespan.serving.policies.hexgen.profile import Profile
from makespan.serving.policies.hexgen.routing import LeastSeconds, Rule, Work, WorkloadBalance
from makespan.serving.policies.hexgen.urgency import Late, Urgency
from makespan.serving.policies.hexgen.workflow import CHESS
from makespan.serving.policy import FleetView, RoundRobin
from makespan.serving.record import first_difference
from makespan.serving.workload import PICOSECONDS
from tests.serving.policies.hexgen.fleets import GPUS, View, chain, fleet, published, queries

LOAD = queries(6, scale=2.0)


def negative_slack(policy: Urgency, request: int, view: View, now: int) -> float:
    """U of the paper at a time, with late budgets as the policy takes them; seconds."""
    sent = view.sent[request]
    budget = policy.budgets.budget(request, sent)
    assert budget is not None
    allowed = max(budget, 0.0) if policy.late == "clamp" else budget
    takes = policy.profile.seconds(policy.budgets.stage[request], 10, view.index)
    return takes - (allowed - (now - sent) / PICOSECONDS)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, LOAD.count - 1), st.integers(0, 400)), max_size=12),
    st.lists(st.integers(400, 10**6), min_size=1, max_size=4),
    st.integers(0, 3),
    st.sampled_from(["clamp", "raw"]),
)
def test_the_order_is_by_urgency_and_time_does_not_change_it(
    calls: list[tuple[int, int]], times: list[int], engine: int, late: Late
) -> None:
    """Sorting by U anew at any later time gives the order of the arrivals."""
    sent = {r: second * PICOSECONDS for r, second in dict(calls).items()}
    view = View(sent, index=engine)
    policy = Urgency(Budgets(LOAD, published(), CHESS), late=late)
    for r in sent:
        policy.arrived(r, view)  # type: ignore[arg-type]
    order = policy.order(list(sent), view)  # type: ignore[arg-type]
    assert sorted(order) == sorted(sent)
    for second in times:
        now = second * PICOSECONDS
        urgencies = [negative_slack(policy, r, view, now) for r in order]
        assert all(a >= b - 1e-9 * max(1.0, abs(a)) for a, b in pairwise(urgencies))


def test_of_equal_urgency_the_later_query_goes_first() -> None:
    """Budgets below 0 are all 0; how late a query is decides among them, then arrival."""
    load = chain(["retriever", "keywords", "candidate"], 1.0)
    policy = Urgency(Budgets(load, published(), CHESS))
    # The same stage of the same query, sent when it was late already, would tie but for lateness.
    view = View({1: 100 * PICOSECONDS, 2: 100 * PICOSECONDS})
    for r in (1, 2):
        policy.arrived(r, view)  # type: ignore[arg-type]
    assert policy.keys[1][1] < 0
    assert policy.keys[2][1] < policy.keys[1][1]


def test_who_lost_its_memory_goes_first_and_who_is_due_never_last() -> None:
    """The paper preempts nobody, so that engines that do must make up for it."""
    slo = LOAD.slo.copy()
    slo[3] = -1
    load = replace(LOAD, slo=slo)
    policy = Urgency(Budgets(load, published(), CHESS))
    view = View(dict.fromkeys(range(6), 0), lost={5})
    for r in range(6):
        policy.arrived(r, view)  # type: ignore[arg-type]
    order = policy.order([0, 1, 2, 3, 4, 5], view)  # type: ignore[arg-type]
    assert order[0] == 5
    assert order[-1] == 3


def test_the_policy_measures_service_and_not_waiting() -> None:
    """From admission to the end; an idle engine admits as soon as it is free."""
    profile = Profile.published(GPUS, learn=0.5)
    policy = Urgency(Budgets(LOAD, profile, CHESS))
    view: Any = View({0: 0, 1: 0, 2: 12 * PICOSECONDS})

    def learnt(request: int, end: int, took: float) -> None:
        stage = policy.budgets.stage[request]
        before = profile.seconds(stage, 1, 0)
        view.now = end * PICOSECONDS
        policy.finished(request, view)
        assert profile.seconds(stage, 1, 0) == pytest.approx((before + took) / 2)

    for r in (0, 1, 2):
        policy.arrived(r, view)
    learnt(0, end=4, took=4.0)
    learnt(1, end=10, took=6.0)
    view.now = 13 * PICOSECONDS
    assert policy.admit(2, view)
    learnt(2, end=14, took=1.0)


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.floats(0.0, 1e6), st.booleans()), min_size=1, max_size=40
    )
)
def test_work_is_never_negative_and_ends_at_nothing(
    moves: list[tuple[int, float, bool]],
) -> None:
    """Whatever is given and taken, twice, too."""
    work = Work()
    for request, (engine, seconds, ends) in enumerate(moves):
        work.give(request, engine, seconds)
        if ends:
            work.take(request // 2)
            work.take(request // 2)
        assert min(work.seconds.values()) >= 0.0
    for request in range(len(moves)):
        work.take(request)
    assert set(work.seconds.values()) == {0.0}
    assert not work.of


class Watched(WorkloadBalance):
    """Checks its account at every decision."""

    choices: list[tuple[list[float], int, int]]

    def choose(self, request: int, fleet: FleetView) -> int:
        """See the base class."""
        work = [self.work[e] for e in fleet.open]
        assert min(work) >= 0.0
        chosen = super().choose(request, fleet)
        self.choices.append((work, request, chosen))
        return chosen


def watched(alpha: float, rule: Rule = "outstanding", seed: int = 0) -> Watched:
    """A run of a load under this router, served to the end."""
    load = queries(10, seed)
    router = Watched(load, published(learn=0.0), alpha=alpha, rule=rule)
    router.choices = []
    record = simulate_serving(
        policy=lambda: Urgency(Budgets(load, router.profile, CHESS)), router=router, **fleet(load)
    )
    assert record.finished.all()
    return router


@pytest.mark.parametrize("seed", range(3))
def test_with_alpha_1_the_fastest_machine_serves(seed: int) -> None:
    """Of the two fastest that with less work."""
    router = watched(1.0, seed=seed)
    for work, _, chosen in router.choices:
        assert chosen in (0, 1)
        assert work[chosen] == min(work[0], work[1])


@pytest.mark.parametrize("seed", range(3))
def test_with_alpha_0_work_alone_decides(seed: int) -> None:
    """The least, and of equals the first."""
    for work, _, chosen in watched(0.0, seed=seed).choices:
        assert chosen == work.index(min(work))


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.5, 1.0])
def test_all_work_is_done_in_the_end(alpha: float) -> None:
    """Outstanding work is 0 for every engine; cumulative is all that was given."""
    router = watched(alpha)
    assert set(router.work.seconds.values()) == {0.0}
    cumulative = watched(alpha, "cumulative")
    given_out = sum(cumulative.seconds(r, chosen) for _, r, chosen in cumulative.choices)
    assert sum(cumulative.work.seconds.values()) == pytest.approx(given_out)


class Open:
    """A fleet of engines that are all open."""

    open: Sequence[int] = range(4)


@pytest.mark.parametrize("kind", [WorkloadBalance, LeastSeconds])
def test_an_engine_that_died_owes_nothing(kind: type[WorkloadBalance | LeastSeconds]) -> None:
    """Its calls are routed again, and their work is that of the engines that have them then."""
    load = queries(3)
    router = kind(load, published())
    view: Any = Open()
    first = [router.route(r, view) for r in range(load.count)]
    dead = first[0]
    view.open = [e for e in range(4) if e != dead]
    moved = {r: router.route(r, view) for r, e in enumerate(first) if e == dead}
    assert router.work[dead] == 0.0
    now = [moved.get(r, e) for r, e in enumerate(first)]
    for e in view.open:
        own = [router.seconds(r, e) for r, there in enumerate(now) if there == e]
        assert router.work[e] == pytest.approx(sum(own))
    for r in range(load.count):
        router.finished(r, view)
    assert set(router.work.seconds.values()) == {0.0}


def test_the_released_rule_begins_with_the_first_engine() -> None:
    """While that has no work; later slower ones count half."""
    load = queries(2)
    router = WorkloadBalance(load, published(), alpha=0.0, rule="released")
    view: Any = Open()
    assert router.route(0, view) == 0
    assert router.route(1, view) == 1
    router.work.give(100, 1, 10.0)
    router.work.give(101, 2, 15.0)
    router.work.give(102, 3, 30.0)
    router.work.give(103, 0, 9.0)
    # 9 and 10 seconds of the fast ones against halves of 15 and 30.
    assert router.choose(2, view) == 2
    router.finished(0, view)
    assert router.work[0] > 9.0


@pytest.mark.parametrize("options", [{"alpha": 1.1}, {"alpha": -0.1}, {"rule": "none"}])
def test_senseless_options_are_refused(options: dict[str, Any]) -> None:
    """Alpha is a share and the rules are three."""
    with pytest.raises(OptionError):
        WorkloadBalance(queries(1), published(), **options)
    with pytest.raises(OptionError):
        Urgency(Budgets(LOAD, published(), CHESS), late="never")  # type: ignore[arg-type]


def arms(load: Any) -> dict[str, dict[str, Any]]:
    """Policies and routers, made anew for a run."""
    profile = published()
    return {
        "urgency": {
            "policy": lambda: Urgency(Budgets(load, profile, CHESS)),
            "router": WorkloadBalance(load, profile),
        },
        "query deadlines": {
            "policy": lambda: QueryDeadline(load),
            "router": LeastSeconds(load, profile),
        },
        "ranks": {
            "policy": lambda: UpwardRank(Budgets(load, profile, CHESS)),
            "router": RoundRobin(),
        },
        "slack": {
            "policy": lambda: LeastSlack(load, profile),
            "router": WorkloadBalance(load, profile, alpha=0.2, rule="released"),
        },
    }


@pytest.mark.parametrize("name", arms(LOAD))
def test_runs_repeat_and_the_engines_agree(name: str) -> None:
    """The event-driven engines, twice, and the plain ones."""
    load = queries(4, seed=3, rate=2.0)
    case = fleet(load)
    one = simulate_serving(**case, **arms(load)[name])
    two = simulate_serving(**case, **arms(load)[name])
    assert one.finished.all()
    assert first_difference(one, two) is None
    plain = Reference(**case, **arms(load)[name]).run()
    assert np.array_equal(plain.requests.last, one.last)
    assert Fleet(**case, **arms(load)[name]).run().requests.last == plain.requests.last


def test_query_deadlines_count_from_the_first_call() -> None:
    """All calls of a query are due together."""
    due = due_dates(LOAD)
    for program in range(6):
        members = np.flatnonzero(LOAD.program == program)
        assert {due[r] for r in members} == {
            int(LOAD.arrival[members].min()) + LOAD.slos[0].deadline  # type: ignore[operator]
        }


def test_the_oracle_knows_the_longest_path() -> None:
    """Spare time grows along a chain by what each call takes."""
    load = chain(["retriever", "keywords", "candidate"], 50.0)
    profile = published()
    spare = LeastSlack(load, profile).spare
    speeds = [profile.machines[members[0]] for members in profile.kinds]
    each = sum(machine.seconds(10, 10) for machine in speeds) / 3
    assert spare == pytest.approx([50.0 - 3 * each, 50.0 - 2 * each, 50.0 - each])
