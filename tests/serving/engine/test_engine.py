"""The event-driven engines do exactly what the plain ones do."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.fleet import Fleet
from makespan.serving.engine.instance import Instance
from makespan.serving.engine.plain import PlainInstance
from makespan.serving.engine.reference import Reference
from makespan.serving.engine.simulating import record_of
from makespan.serving.policy import EngineView, Policy, Router
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import Workload
from tests.serving.engine.cases import (
    POLICIES,
    ROUTERS,
    Aging,
    Everything,
    Restless,
    ahead,
    offloading,
    random_case,
    restless,
    swapping,
)

PER_REQUEST = (
    "arrival", "first", "last", "admitted", "generated", "preemptions", "longest_gap", "hit", "hits", "engine",
)  # fmt: skip


def offloaded(engine: Instance, plain: PlainInstance) -> list[Hashable]:
    """Blocks of an engine's tier by the names that the plain engine gives them, the oldest first."""
    names: list[Hashable] = []
    tier = engine.tier
    for stretch in (s for slot in tier.slots.values() for s in slot) if tier else ():
        own, which = stretch.key
        for j in reversed(range(stretch.low, stretch.high)):
            if own:
                shared = engine.memory.pieces_blocks(len(engine.requests.chain[which]))
                names.append(plain.memory.name_of(which, shared + j))
            else:
                names.append((which, j))
    return names


def same(case: dict[str, Any], policy: type[Policy], router: Callable[[], Router]) -> Fleet:
    """Assert equality; the event-driven fleet."""
    made: list[list[Policy]] = [[], []]

    def make(side: int) -> Callable[[], Policy]:
        def one() -> Policy:
            made[side].append(policy())
            return made[side][-1]

        return one

    routers = router(), router()
    fast = Fleet(**case, policy=make(0), router=routers[0])
    for engine in fast.engines:
        engine.noted, engine.stretches = [], []
    fast.run()
    plain = Reference(**case, policy=make(1), router=routers[1]).run()
    assert (fast.refused, fast.dropped) == (plain.refused, plain.dropped)
    if isinstance(routers[0], Restless) and isinstance(routers[1], Restless):
        assert routers[0].log == routers[1].log
    moves = fast.moves
    assert (moves.moved, moves.aborted, fast.handed) == (plain.moved, plain.aborted, plain.handed)
    assert fast.power.total(max(plain.requests.last)) == sum(plain.powered)
    for key in PER_REQUEST:
        assert getattr(fast.requests, key) == getattr(plain.requests, key), key
    assert [e.steps for e in fast.engines] == [e.steps for e in plain.engines]
    assert [e.attended for e in fast.engines] == [e.attended for e in plain.engines]
    for engine, other in zip(fast.engines, plain.engines, strict=True):
        assert engine.memory.free == other.view.free_blocks == other.settings.blocks
        assert engine.swapping.free == other.host == other.settings.swap_blocks
        assert engine.swapping.blocks == other.swapped
        assert (engine.tier.loaded if engine.tier else 0) == other.loaded
        assert offloaded(engine, other) == list(other.memory.tier)
        assert engine.noted == other.noted
        assert sum(stretch[3] for stretch in engine.stretches or ()) == engine.steps
    for one, other_policy in zip(*made, strict=True):
        if isinstance(one, Everything) and isinstance(other_policy, Everything):
            assert one.log == other_policy.log
    record_of(fast)  # which looks for contradictions
    return fast


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.__name__)
def test_every_policy_sees_and_gets_the_same(policy: type[Policy]) -> None:
    """First and last tokens, preemptions, hits and steps agree to the picosecond."""
    preemptions = 0
    for seed in range(20):
        fleet = same(random_case(seed), policy, ROUTERS[seed % len(ROUTERS)])
        preemptions += sum(fleet.requests.preemptions)
    assert preemptions > 0


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.__name__)
def test_memory_at_the_host_spares_recomputing(policy: type[Policy]) -> None:
    """Swapping agrees, too, and happens."""
    swapped = 0
    for seed in range(12):
        fleet = same(swapping(random_case(seed), seed), policy, ROUTERS[seed % len(ROUTERS)])
        swapped += sum(engine.swapping.blocks for engine in fleet.engines)
    assert swapped > 0


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.__name__)
def test_a_tier_for_prefixes_gives_back_what_the_device_has_lost(policy: type[Policy]) -> None:
    """Offloading agrees, too: what is loaded, what is held, and the order in which it goes."""
    loaded = 0
    for seed in range(8):
        case = offloading(random_case(seed), seed)
        if seed % 3 == 0:
            case = swapping(case, seed)
        fleet = same(case, policy, ROUTERS[seed % len(ROUTERS)])
        loaded += sum(engine.tier.loaded for engine in fleet.engines if engine.tier)
    assert loaded > 0


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.__name__)
def test_engines_that_plan_ahead_agree(policy: type[Policy]) -> None:
    """With what they keep, and with moves."""
    for seed in range(12):
        same(ahead(random_case(seed)), policy, ROUTERS[seed % len(ROUTERS)])
    for seed in range(4):
        case = ahead(offloading(restless(random_case(seed), seed), seed))
        same(case, policy, partial(Restless, seed))


def test_planning_ahead_costs_who_arrives_a_step() -> None:
    """A request that finds the engine at work computes in the second step after its arrival."""
    workload = load([0, 5 * 10**9], [10, 10], [50, 5])
    settings = EngineSettings(blocks=200)
    at_once, later = (
        Fleet(workload, [one], [LinearCost(10**9, 0, 0, 0)]).run().requests.admitted
        for one in (settings, replace(settings, async_scheduling=True))
    )
    assert at_once == [0, 5 * 10**9]
    assert later == [0, 6 * 10**9]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.__name__)
def test_requests_move_between_engines_that_come_and_go(policy: type[Policy]) -> None:
    """Whatever a router does agrees; requests are moved, running and waiting."""
    moved = handed = 0
    for seed in (*range(14), 112):
        case = restless(random_case(seed), seed)
        if seed % 3 == 0:
            case = swapping(case, seed)
        if seed % 2:
            case = offloading(case, seed)
        fleet = same(case, policy, partial(Restless, seed))
        moved += fleet.moves.moved
        handed += fleet.handed
    assert moved > 0
    assert handed > 0


def test_who_comes_back_to_an_engine_leaves_its_old_blocks_there_without_content() -> None:
    """Also those with named pieces that no other request has."""
    case = offloading(restless(random_case(1451), 1451), 1451)
    same(case, Aging, partial(Restless, 1451))


def test_seat_freed_after_its_engines_turn_is_taken_at_once() -> None:
    """A move is given up at a boundary of the source; its target stood still for the seat."""
    same(restless(swapping(random_case(1106), 1106), 1106), Policy, partial(Restless, 1106))


@pytest.mark.parametrize("seed", [349, 489, 117])
def test_content_that_several_generate_is_found_in_the_order_in_which_it_was_filled(
    seed: int,
) -> None:
    """Cases in which copies of one piece overlap, are cut, or are filled while another waits."""
    for policy in POLICIES:
        same(random_case(seed), policy, ROUTERS[seed % len(ROUTERS)])


LINEAR = LinearCost(10**9, 10**7, 10**4, 10**6)


def load(arrival: list[int], prompt: list[int], output: list[int], **more: Any) -> Workload:
    """A workload from plain lists."""
    return Workload("load", np.array(arrival), np.array(prompt), np.array(output), **more)


def test_who_can_never_fit_is_refused_and_harms_nobody() -> None:
    """Its prompt and its cap must fit into an empty engine."""
    workload = load([0, 1, 2], [16, 1000, 16], [4, 4, 4])
    fleet = Fleet(workload, [EngineSettings(blocks=4)], [LINEAR]).run()
    assert fleet.refused == [1]
    assert fleet.requests.generated == [4, 0, 4]


def test_a_child_is_sent_when_its_parents_have_ended_and_its_delay_is_over() -> None:
    """Also if the parent itself was sent late."""
    workload = load(
        [0, 0, 0],
        [10, 10, 10],
        [5, 5, 5],
        parent_ptr=np.array([0, 0, 1, 3]),
        parent=np.array([0, 0, 1]),
        delay=np.array([7, 1, 10**12]),
    )
    requests = Fleet(workload, [EngineSettings(blocks=9)], [LINEAR]).run().requests
    assert requests.arrival[1] == requests.last[0] + 7
    assert requests.arrival[2] == requests.last[1] + 10**12


class Curfew(Policy):
    """Admits nobody beside others before a time, at which it asks to be woken."""

    until = 5 * 10**11

    def admit(self, request: int, engine: EngineView) -> bool:
        """See the base class."""
        return engine.now >= self.until

    def wake(self, engine: EngineView) -> int | None:
        """See the base class."""
        return self.until if engine.now < self.until and engine.waiting() else None


def test_a_policy_is_asked_again_when_it_wanted_to_be() -> None:
    """In the middle of a glide, at the first boundary at or after the time."""
    workload = load([0, 1], [10, 10], [2000, 5])
    requests = Fleet(workload, [EngineSettings(blocks=200)], [LINEAR], policy=Curfew).run().requests
    step = LINEAR.step(1, 1, 2010, 0)
    assert Curfew.until <= requests.admitted[1] <= Curfew.until + step


class Curious(Policy):
    """Asks everything there is to ask, and writes down the answers."""

    def __init__(self, heard: list[object]) -> None:
        self.heard = heard

    def admit(self, request: int, engine: EngineView) -> bool:
        """See the base class."""
        for name in dir(EngineView):
            if not name.startswith("_"):
                value = getattr(engine, name)
                whole = name in {"running", "waiting"}
                self.heard.append(
                    (name, value() if whole else value(request) if callable(value) else value)
                )
        return True


def test_no_policy_learns_the_length_of_an_output() -> None:
    """The view answers the same for outputs that differ later."""
    heard: list[list[object]] = [[], []]
    for answers, output in zip(heard, ([3, 400], [3, 500]), strict=True):
        workload = load([0, 1], [10, 10], output, cap=np.array([512, 512]))
        settings = [EngineSettings(blocks=200)]
        Fleet(workload, settings, [LINEAR], policy=partial(Curious, answers)).run()
    assert heard[0]
    assert heard[0] == heard[1]
