"""Fleets under moves and scaling: what they keep whatever a router does to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.fleet import Fleet
from makespan.serving.engine.simulating import record_of, simulate_serving
from makespan.serving.policies.llumnix import AutoScaling, Llumnix
from makespan.serving.policies.llumnix.pairing import Pairing
from makespan.serving.policy import FleetView, Move, Router, Scaling
from makespan.serving.record import PER_REQUEST, Fate, Kind, Record
from makespan.serving.settings import Elastic, EngineSettings, Migration
from makespan.serving.workload import Workload
from tests.serving.engine.cases import Restless, random_case, restless

seeds = st.integers(0, 10_000)


def checked(fleet: Fleet) -> None:
    """Every block is free, held by one engine's batch, or reserved for who is on his way there."""
    transfers = fleet.moves.transfers.values()
    placed = Counter(r for engine in fleet.engines for r in (*engine.batch, *engine.queue))
    away = {t.request for t in transfers if t.last}
    placed.update(away)
    assert set(placed.values()) <= {1}
    for engine in fleet.engines:
        assert engine.load == len(engine.batch) + len(engine.queue) + len(engine.fresh)
    for engine in fleet.engines:
        memory, size = engine.memory, engine.block_size
        assert 0 <= memory.free <= memory.total
        coming = [t for t in transfers if t.target is engine]
        assert engine.seats == len(coming)
        assert len(engine.batch) + engine.seats <= engine.settings.max_num_seqs
        held = {r: -(-engine.view.computed(r) // size) for r in engine.batch}
        leaving = [
            -(-fleet.requests.computed[t.request] // size)
            for t in transfers
            if t.source is engine and t.last and t.request not in t.target.incoming
        ]
        if not engine.settings.enable_prefix_caching:
            reserved = sum(t.blocks for t in coming)
            assert memory.total - memory.free == sum(held.values()) + reserved + sum(leaving)
    ends = [engine for t in transfers for engine in (t.source, t.target)]
    assert len(ends) == len({engine.index for engine in ends})


class Watched(Router):
    """Asks another router, and looks at the fleet behind the view whenever it is asked."""

    fleet: Fleet

    def __init__(self, inner: Router) -> None:
        self.inner, self.poll = inner, inner.poll
        self.looks = 0

    def look(self, fleet: FleetView) -> None:
        """States are disjoint, engines that are off are empty, and memory adds up."""
        behind = self.fleet
        self.looks += 1
        states = [*fleet.open, *fleet.starting, *fleet.draining]
        assert len(states) == len(set(states))
        assert len(fleet.open) >= (behind.power.elastic.least if behind.power.elastic else 1)
        for index in set(range(len(fleet.engines))) - {*fleet.open, *fleet.draining}:
            engine = fleet.engines[index]
            assert not engine.load
            assert engine.free_blocks == engine.total_blocks
        checked(behind)

    def route(self, request: int, fleet: FleetView) -> int:
        """See the base class."""
        self.look(fleet)
        return self.inner.route(request, fleet)

    def finished(self, request: int, fleet: FleetView) -> None:
        """See the base class."""
        self.look(fleet)
        self.inner.finished(request, fleet)

    def migrate(self, fleet: FleetView) -> Sequence[Move]:
        """See the base class."""
        self.look(fleet)
        return self.inner.migrate(fleet)

    def scale(self, fleet: FleetView) -> Scaling | None:
        """See the base class."""
        self.look(fleet)
        return self.inner.scale(fleet)


def watched(router: Watched, **case: Any) -> Fleet:
    """Run a fleet whose router looks behind its view."""
    router.fleet = Fleet(**case, router=router)
    return router.fleet.run()


def case_of(seed: int, *, caching: bool | None = None) -> dict[str, Any]:
    """A random fleet that may move and perhaps scale."""
    case = restless(random_case(seed), seed)
    if caching is not None:
        plain = [replace(one, enable_prefix_caching=caching) for one in case["settings"]]
        case = {**case, "settings": plain}
    return case


def mover(seed: int) -> Router:
    """A random router, or Llumnix in one of its variants, which polls often."""
    if seed % 3 == 0:
        return Restless(seed)
    choice = ("SR", "LR", "LCR", "FCW", "FCWSR")[seed % 5]
    pairing = Pairing(("defrag", "balanced")[seed % 2], low=float(seed % 7))
    scaling = AutoScaling(low=2.0, high=10.0, interval=10**11) if seed % 4 else None
    return Llumnix(pairing=pairing, scaling=scaling, choice=choice, poll=3 * 10**10)


@settings(max_examples=40)
@given(seeds)
def test_memory_adds_up_at_every_look(seed: int) -> None:
    """No block is leaked, freed twice or promised twice; nobody is in two places."""
    router = Watched(mover(seed))
    fleet = watched(router, **case_of(seed, caching=seed % 2 == 0))
    assert router.looks
    assert not fleet.moves.transfers
    for engine in fleet.engines:
        assert engine.memory.free == engine.memory.total
        assert engine.seats == 0


@settings(max_examples=40)
@given(seeds)
def test_everything_ends(seed: int) -> None:
    """Whoever is not refused, orphaned or dropped gets all of his tokens."""
    record = simulate_serving(**case_of(seed), router=mover(seed))
    assert Fate.UNFINISHED not in record.fate
    served = record.finished
    assert (record.first[served] >= record.admitted[served]).all()


@settings(max_examples=40)
@given(seeds)
def test_moved_requests_compute_nothing_twice(seed: int) -> None:
    """Without preemptions and prefixes, every token but the last is computed exactly once."""
    case = case_of(seed, caching=False)
    record = simulate_serving(**case, router=mover(seed), timeline=True, events=True)
    line, load, served = record.timeline, record.workload, record.finished
    assert line is not None
    prompt, decode = int(load.prompt[served].sum()), int((load.output[served] - 1).sum())
    computed = int(line.prompt.sum() + line.decode.sum())
    if record.preemptions.any():
        assert computed >= prompt + decode
    else:
        assert computed == prompt + decode
    assert (line.used <= case["settings"][0].blocks).all()
    assert (line.running <= case["settings"][0].max_num_seqs).all()
    ended = Counter(record.events.request[record.events.kind == Kind.FINISH].tolist())
    assert ended == Counter(np.flatnonzero(served).tolist())


@settings(max_examples=40)
@given(seeds)
def test_the_same_router_on_the_same_load_gives_the_same_record(seed: int) -> None:
    """Including what was counted."""
    one, other = (simulate_serving(**case_of(seed), router=mover(seed)) for _ in range(2))
    for name in PER_REQUEST:
        assert (getattr(one, name) == getattr(other, name)).all(), name
    assert one.counters == other.counters


@settings(max_examples=40)
@given(seeds)
def test_a_queue_is_served_in_its_order(seed: int) -> None:
    """Who joined a queue first leaves it first, by admission or by being handed over."""
    case = case_of(seed)
    queues: dict[int, list[int]] = {i: [] for i in range(3)}

    class Ordered(Watched):
        """Remembers queues: what stays in one keeps its order."""

        def look(self, fleet: FleetView) -> None:
            super().look(fleet)
            for engine in fleet.engines:
                now = list(engine.waiting())
                fresh = {r for r in now if not engine.preemptions(r)}
                before = [r for r in queues[engine.index] if r in fresh]
                assert [r for r in now if r in before] == before
                queues[engine.index] = now

    watched(Ordered(mover(seed)), **case)


class PingPong(Router):
    """Sends everybody to the next engine as often as it can."""

    poll = 10**9

    def migrate(self, fleet: FleetView) -> Sequence[Move]:
        """See the base class."""
        count = len(fleet.engines)
        return [
            Move(r, (engine.index + 1) % count)
            for engine in fleet.engines
            for r in (*engine.running(), *engine.waiting())
        ]


@pytest.mark.parametrize("latency", [1, 10**8, 10**10])
def test_moving_all_the_time_delays_but_loses_nothing(latency: int) -> None:
    """A request that is always on its way still gets its tokens, and their number is right."""
    load = Workload("pair", np.array([0, 5, 9]), np.array([30, 200, 40]), np.array([300, 200, 150]))
    cost = LinearCost(10**9, 10**7, 10**4, 10**6)
    engines = [EngineSettings(blocks=60, enable_prefix_caching=False)] * 3
    still = simulate_serving(load, engines, cost, router=Router())
    moving = simulate_serving(
        load,
        engines,
        cost,
        router=PingPong(),
        migration=Migration(10**7, latency=latency),
        timeline=True,
    )
    watched(
        Watched(PingPong()),
        workload=load,
        settings=engines,
        cost=[cost] * 3,
        migration=Migration(10**7, latency=latency),
    )
    assert moving.finished.all()
    assert moving.counters["moves"] > 10
    assert moving.timeline is not None
    assert moving.timeline.prompt.sum() == load.prompt.sum()
    assert moving.timeline.decode.sum() == (load.output - 1).sum()
    assert (moving.last > still.last).any()


def downtime(tokens: int, **options: int) -> tuple[int, Record]:
    """Longest gap of one request of so many tokens that is moved once, and the record."""

    class Once(Router):
        """Moves the request when it has eight tokens."""

        poll = 10**10

        def route(self, request: int, fleet: FleetView) -> int:
            return 0

        def migrate(self, fleet: FleetView) -> Sequence[Move]:
            engine = fleet.engines[0]
            return [Move(r, 1) for r in engine.running() if engine.generated(r) >= 8]

    load = Workload("one", np.array([0]), np.array([tokens]), np.array([400]))
    record = simulate_serving(
        load,
        [EngineSettings(blocks=2000)] * 2,
        LinearCost(10**10, 0, 0, 0),
        router=Once(),
        migration=Migration(10**9, **options),
    )
    return int(record.gap[0]), record


def test_the_downtime_of_a_move_does_not_grow_with_the_sequence() -> None:
    """It is that of the last stage: at most its blocks, however long the copy was in all."""
    gaps = [downtime(tokens, latency=10**9)[0] for tokens in (100, 1000, 10_000)]
    step = 10**10
    assert max(gaps) <= step + 10**9 + 17 * 10**9 + step
    assert max(gaps) - min(gaps) <= 8 * 10**9
    moved = downtime(10_000, latency=10**9)[1]
    assert moved.counters["moves"] == 1
    assert moved.instance[0] == 1


def test_a_copy_that_cannot_catch_up_is_given_up() -> None:
    """After the last stage allowed; the request stays and pauses for nothing."""
    gap, record = downtime(20_000, latency=1, last_stage_blocks=1, max_stages=1)
    assert record.counters["moves"] == 0
    assert record.counters["moves given up"] > 0
    assert gap == 10**10
    assert record.instance[0] == 0


def test_engine_time_is_that_of_engines_that_are_on() -> None:
    """Of a fleet that scales, less than all the time and more than what was needed."""
    load = Workload(
        "waves",
        np.repeat(np.array([0, 4 * 10**13]), 20),
        np.full(40, 100),
        np.full(40, 60),
    )
    engines = [EngineSettings(blocks=80)] * 4
    fleet = watched(
        Watched(Llumnix(scaling=AutoScaling(low=5, interval=10**12), pairing=Pairing())),
        workload=load,
        settings=engines,
        cost=[LinearCost(10**10, 10**7, 10**4, 10**6)] * 4,
        migration=Migration(10**8),
        elastic=Elastic(initial=1, least=1, startup=10**12),
    )
    record = record_of(fleet)
    assert record.finished.all()
    on = record.counters["engine picoseconds"]
    assert record.makespan <= on < 4 * record.makespan
    assert len(set(record.instance.tolist())) > 1


def test_the_record_of_a_moved_request_names_where_it_ended() -> None:
    """And its fleet is one for the checks of records."""
    for seed in range(30):
        fleet = Fleet(**case_of(seed), router=Restless(seed)).run()
        record = record_of(fleet)
        assert record.instance[record.finished].min(initial=0) >= 0
