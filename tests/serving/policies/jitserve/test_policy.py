"""Frames, swaps, places, drops, fairness: JITServe on engines in virtual time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.fleet import Fleet
from makespan.serving.engine.reference import Reference
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.goodput import token_goodput
from makespan.serving.policies.jitserve.lengths import Bounds, TrueLengths
from makespan.serving.policies.jitserve.patterns import Tasks
from makespan.serving.policies.jitserve.policy import JitServe
from makespan.serving.policies.jitserve.router import PowerOfK
from makespan.serving.policy import EngineView, Policy
from makespan.serving.record import Fate, first_difference
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import PICOSECONDS, Slo, Workload
from makespan.serving.workloads.catalogue import generate
from makespan.serving.workloads.transform import set_cap
from tests.serving.engine.cases import random_case

COST = LinearCost(10 * 10**9, 10**8, 10**4, 10**7)
SMALL = EngineSettings(blocks=400, max_num_seqs=6, max_num_batched_tokens=256)


def mix(seed: int, units: int = 24, rate: float = 4.0) -> Workload:
    """A small mix of chats, answers and tasks, with targets that bind."""
    load = generate("service-mix", {"requests": units, "rate": rate}, seed=seed)
    output = np.maximum(load.output // 8, 1)
    none = np.zeros(0, dtype=np.int64)
    slos = [
        replace(slo, deadline=None if slo.deadline is None else slo.deadline // 10)
        for slo in load.slos
    ]
    load = replace(
        load, prompt=np.maximum(load.prompt // 8, 1), output=output, cap=output, content=none,
        content_ptr=none, slos=tuple(slos), delay=load.delay // 8,
    )  # fmt: skip
    return set_cap(load, 512)


VARIANTS: dict[str, dict[str, Any]] = {
    "paper": {},
    "artifact": {"reward": "artifact", "grouping": "bins"},
    "shortest": {"grouping": "shortest", "swaps": 1},
    "fair": {"fairness": 0.5, "keep": 1.5},
    "plain": {"grouping": "none", "frame": 0.05, "penalty": 1.0},
}


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_frames_begin_at_the_same_steps_on_both_engines(options: dict[str, Any]) -> None:
    """What it decides does not depend on being asked at every step, which plain engines do."""
    for seed in range(3):
        load = mix(seed)
        make = partial(JitServe, load, COST, **options)
        case: dict[str, Any] = {"workload": load, "settings": [SMALL], "cost": [COST]}
        fast = Fleet(**case, policy=make).run()
        plain = Reference(**case, policy=make).run()
        assert fast.requests.last == plain.requests.last
        assert fast.requests.preemptions == plain.requests.preemptions


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_random_loads_are_served_alike(seed: int) -> None:
    """Random engines, prefixes, follow-ups."""
    case = random_case(seed)
    load = case["workload"]
    fast = Fleet(**case, policy=lambda: JitServe(load)).run()
    plain = Reference(**case, policy=lambda: JitServe(load)).run()
    assert fast.requests.last == plain.requests.last


def test_it_decides_the_same_twice() -> None:
    """No clock, no hash, no set decides."""
    one, two = (
        simulate_serving(mix(7), SMALL, COST, policy=lambda: JitServe(mix(7), COST), events=True)
        for _ in range(2)
    )
    assert first_difference(one, two) is None
    assert one.preemptions.sum() > 0


class Watched(JitServe):
    """Notes who leaves when, and how many run."""

    def __init__(self, *rest: Any, **named: Any) -> None:
        super().__init__(*rest, **named)
        self.left: list[tuple[int, int]] = []
        self.began: list[int] = []
        self.most = 0

    def begin_frame(self, engine: EngineView) -> None:
        """See the base class."""
        self.began.append(engine.now)
        super().begin_frame(engine)
        assert len(self.chosen) <= engine.max_num_seqs
        assert not self.chosen & set(self.leaving)

    def interrupt(self, engine: EngineView) -> Sequence[int]:
        """See the base class."""
        self.most = max(self.most, len(engine.running()))
        victims = super().interrupt(engine)
        self.left.append((engine.now, len(victims)))
        return victims


def serve(load: Workload, limits: EngineSettings = SMALL, **options: Any) -> tuple[Any, Watched]:
    """Serve a load; the record and the policy."""
    made: list[Watched] = []

    def make() -> Policy:
        made.append(Watched(load, COST, **options))
        return made[-1]

    return simulate_serving(load, limits, COST, policy=make, events=True, timeline=True), made[0]


def test_no_more_leave_in_a_step_than_may() -> None:
    """Frames are at least a frame apart, victims leave a few at a time."""
    record, policy = serve(mix(3), swaps=1, frame=0.2)
    assert (record.fate == Fate.FINISHED).all()
    assert record.preemptions.sum() > 0
    assert max(count for _, count in policy.left) == 1
    assert np.diff(policy.began).min() >= 0.2 * PICOSECONDS
    assert policy.bounds.ended == record.count


def test_overload_is_served_better_than_in_order_of_arrival() -> None:
    """More tokens in time, with true lengths and with those that have ended."""
    load = mix(5, units=60, rate=6.0)
    plain = simulate_serving(load, SMALL, COST, events=True, timeline=True)
    known = {"bounds": Bounds(TrueLengths(load)), "tasks": Tasks(load, known=True)}
    first = token_goodput(plain).good
    assert token_goodput(serve(load)[0]).good > 1.3 * first
    assert token_goodput(serve(load, **known)[0]).good > 1.3 * first


def test_a_victim_is_not_worth_what_it_costs() -> None:
    """An answer at its very end is not taken out for one that would gain less in the frame."""
    n = 2
    load = Workload(
        "two",
        np.array([0, PICOSECONDS // 2]),
        np.full(n, 400),
        np.array([60, 300]),
        cap=np.array([60, 300]),
        slo=np.zeros(n, dtype=np.int64),
        slos=(Slo("answer", deadline=60 * PICOSECONDS),),
    )
    one = replace(SMALL, max_num_seqs=1)
    known = Bounds(TrueLengths(load))
    record, _ = serve(load, one, bounds=known, tasks=Tasks(load))
    assert record.preemptions.tolist() == [0, 0]
    turned = replace(load, output=load.output[::-1], cap=load.cap[::-1])
    known = Bounds(TrueLengths(turned))
    record, _ = serve(turned, one, bounds=known, tasks=Tasks(turned))
    assert record.preemptions.tolist() == [1, 0]


def chats(count: int, tpot: int) -> Workload:
    """Chats that all come at once."""
    return Workload(
        "chats", np.zeros(count, dtype=np.int64), np.full(count, 20), np.full(count, 100),
        slo=np.zeros(count, dtype=np.int64), slos=(Slo("chat", ttft=PICOSECONDS, tpot=tpot),),
    )  # fmt: skip


def test_the_batch_shrinks_when_steps_are_too_slow() -> None:
    """By as many as may leave at a time, and not below a quarter."""
    limits = replace(SMALL, max_num_seqs=32, blocks=4000)
    _, fine = serve(chats(96, PICOSECONDS), limits, swaps=4)
    _, slow = serve(chats(96, 5 * 10**9), limits, swaps=4)
    assert fine.places is None
    assert slow.places == 8
    assert 8 <= slow.most < fine.most == 32


def test_who_waits_too_long_is_refused() -> None:
    """Only if asked for, and only who has got nothing."""
    load = chats(60, PICOSECONDS)
    record, _ = serve(load, waiting_time=2.0)
    dropped = record.fate == Fate.DROPPED
    assert 0 < dropped.sum() < 60
    assert (record.first[dropped] < 0).all()
    record, _ = serve(load)
    assert (record.fate == Fate.FINISHED).all()


def test_fairness_favours_labels_that_got_little() -> None:
    """Two tenants; the one whose requests look worse gets more with the term than without."""
    n = 60
    load = Workload(
        "tenants", np.zeros(n, dtype=np.int64), np.tile([300, 30], n // 2), np.full(n, 40),
        label=np.tile([0, 1], n // 2), labels=("rich", "poor"),
        slo=np.zeros(n, dtype=np.int64), slos=(Slo("answer", deadline=500 * PICOSECONDS),),
    )  # fmt: skip
    known = Bounds(TrueLengths(load))
    plain, _ = serve(load, bounds=known)
    fair, _ = serve(load, bounds=Bounds(TrueLengths(load)), fairness=0.9)
    poor = load.label == 1
    assert fair.last[poor].mean() < 0.8 * plain.last[poor].mean()


def test_copies_on_two_engines_let_nobody_wait_beside_an_idle_one() -> None:
    """What was drawn to a slow engine begins on the fast one of its two as soon as that is free."""
    load = chats(40, PICOSECONDS)
    slow = LinearCost(60 * 10**9, 10**9, 10**4, 10**7)
    case: dict[str, Any] = {"workload": load, "settings": [SMALL] * 2, "cost": [slow, COST]}
    found = {
        copies: simulate_serving(
            **case, router=PowerOfK(seed=1, copies=copies), policy=lambda: JitServe(load)
        )
        for copies in (1, 2)
    }
    assert all((record.fate == Fate.FINISHED).all() for record in found.values())
    assert found[1].counters["waiting requests moved"] == 0
    assert found[2].counters["waiting requests moved"] > 0
    assert found[2].makespan < 0.7 * found[1].makespan


def test_wrong_options_are_refused() -> None:
    """Each with what it is."""
    load = chats(1, PICOSECONDS)
    for wrong in (
        {"reward": "best"}, {"grouping": "length"}, {"frame": 0.0}, {"swaps": 0},
        {"penalty": -1.0}, {"fairness": 2.0},
    ):  # fmt: skip
        with pytest.raises(OptionError):
            JitServe(load, **wrong)
    with pytest.raises(OptionError):
        PowerOfK(copies=0)
    with pytest.raises(OptionError):
        Bounds(TrueLengths(load), level=1.5)
