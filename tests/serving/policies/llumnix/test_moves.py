"""Pairs, choices and moves of Llumnix."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.policies.llumnix.choice import running_choice, waiting_choice
from makespan.serving.policies.llumnix.pairing import PAIRINGS, Pairing, carried
from makespan.serving.policies.llumnix.router import Llumnix
from makespan.serving.policies.llumnix.usage import Measure, Report
from makespan.serving.policy import Move
from tests.serving.policies.llumnix.fakes import FakeFleet, Load, fleet, told

engine_loads = st.lists(
    st.tuples(st.integers(0, 100), st.integers(0, 30), st.integers(0, 4), st.booleans()),
    max_size=12,
)


def several(values: list[tuple[int, int, int, bool]]) -> list[Report]:
    """Reports of free blocks, running and preempted requests, and whether to be emptied."""
    return [
        told(
            i,
            free=free if running else 100,
            running=running,
            waiting=preempted,
            preempted=preempted,
            draining=draining,
        )
        for i, (free, running, preempted, draining) in enumerate(values)
    ]


@pytest.mark.parametrize("rule", PAIRINGS)
@given(
    values=engine_loads,
    low=st.floats(0, 20),
    more=st.floats(0, 20),
    preempted=st.booleans(),
)
def test_no_engine_is_paired_twice_or_with_itself(
    rule: str,
    values: list[tuple[int, int, int, bool]],
    low: float,
    more: float,
    preempted: bool,
) -> None:
    """Sources are below the lower threshold, targets above the higher one and never emptied."""
    reports = several(values)
    pairing = Pairing(rule, low=low, high=low + more, preempted=preempted)
    pairs = pairing.pairs(reports, lambda source, target: carried(source, target, 1))
    ends = list(itertools.chain.from_iterable(pairs))
    assert len(set(ends)) == len(ends)
    for source, target in pairs:
        one, other = reports[source], reports[target]
        free = pairing.measure.freeness
        assert free(one) < low or (preempted and one.preempted)
        assert free(other) > low + more
        assert not other.draining
        assert not (preempted and other.preempted)
    sources = [pairing.measure.freeness(reports[source]) for source, _ in pairs]
    targets = [pairing.measure.freeness(reports[target]) for _, target in pairs]
    assert sources == sorted(sources)
    assert targets == sorted(targets, reverse=True)


def closed(sizes: list[list[int]], total: int) -> FakeFleet:
    """Engines with requests of so many tokens that neither grow nor end."""
    return fleet([[Load(size - 1, 1) for size in row] for row in sizes], total=total)


@given(
    st.lists(st.lists(st.integers(2, 300), max_size=12), min_size=2, max_size=4),
    st.floats(0.5, 40),
    st.sampled_from(["SR", "LR", "LCR"]),
)
def test_balanced_pairs_come_to_rest(sizes: list[list[int]], low: float, choice: str) -> None:
    """Where nothing else happens moves end: every one narrows a gap of freeness."""
    crowd = closed(sizes, total=600)
    router = Llumnix(pairing=Pairing("balanced", low=low), choice=choice)
    for _ in range(200):
        moves = router.migrate(crowd)
        if not moves:
            return
        for move in moves:
            crowd.apply(move)
    raise AssertionError("requests move without end")


@given(st.lists(st.integers(2, 300), min_size=1, max_size=12), st.floats(0.5, 40))
def test_balanced_moves_between_two_engines_narrow_their_gap(sizes: list[int], low: float) -> None:
    """And no request of a closed pair of engines ever goes back."""
    crowd = closed([sizes, []], total=600)
    router, measure = Llumnix(pairing=Pairing("balanced", low=low)), Measure()
    moved: list[int] = []
    gaps: list[float] = []
    while moves := router.migrate(crowd):
        for move in moves:
            crowd.apply(move)
            moved.append(move.request)
        free = [
            measure.freeness(told(total=600, free=engine.free_blocks, running=len(engine.batch)))
            for engine in crowd.engines
        ]
        gaps.append(free[1] - free[0])
        assert gaps[-1] > 0
    assert len(set(moved)) == len(moved)
    assert gaps == sorted(gaps, reverse=True)


def test_defragmenting_pairs_may_hand_a_request_to_and_fro() -> None:
    """Why the other rule is there: one request that is too large for both engines' thresholds."""
    crowd = closed([[480], []], total=32)
    router = Llumnix(pairing=Pairing("defrag", low=3.0))
    seen = []
    for _ in range(4):
        (move,) = router.migrate(crowd)
        crowd.apply(move)
        seen.append(move.target)
    assert seen == [1, 0, 1, 0]
    assert Llumnix(pairing=Pairing("balanced", low=3.0)).migrate(crowd) == []


def test_a_long_prompt_that_waits_makes_room_for_itself() -> None:
    """De-fragmentation: it fits nowhere though there is memory enough in all."""
    crowd = fleet(
        [[Load(300, 20), Load(300, 20), Load(300, 20)], [Load(500, 12)]],
        [[Load(800)]],
        total=100,
    )
    assert crowd.engines[0].free_blocks < 50 < sum(e.free_blocks for e in crowd.engines)
    assert Llumnix(pairing=Pairing()).migrate(crowd) == [Move(0, 1)]


RULES = {"SR": 1, "LR": 0, "LCR": 3, "FCWSR": 1}


@pytest.mark.parametrize(("rule", "expected"), RULES.items())
def test_each_rule_picks_who_it_says(rule: str, expected: int) -> None:
    """Of requests that decode; who computes its prompt or is on its way is left out."""
    batch = [Load(60, 5), Load(20, 5), Load(5, 0, computed=3), Load(30, 5), Load(4, 3, computed=2)]
    engine = fleet([batch]).engines[0]
    assert running_choice(rule, engine, ()) == expected
    assert running_choice(rule, engine, {expected}) not in (expected, 2, 4, None)
    assert running_choice(rule, engine, {0, 1, 3}) is None
    assert running_choice("FCW", engine, ()) is None


@given(st.lists(st.tuples(st.integers(1, 90), st.integers(-2, 2)), min_size=1, max_size=8))
def test_the_least_urgent_moves_first(loads: list[tuple[int, int]]) -> None:
    """Among them the rule decides; urgent ones stay if so wanted."""
    engine = fleet([[Load(prompt, 1, priority=priority) for prompt, priority in loads]]).engines[0]
    chosen = running_choice("SR", engine, ())
    assert chosen is not None
    least = max(priority for _, priority in loads)
    assert loads[chosen] == min((p for p in loads if p[1] == least), key=lambda p: p[0])
    kept = running_choice("SR", engine, (), urgent=0)
    assert (kept is None) == (least <= 0)


def test_who_waits_moves_only_ahead_of_younger_ones() -> None:
    """Its head goes where the head is younger, or where nobody waits."""
    crowd = fleet(
        [[], [], [], []],
        [[Load(9, arrival=5), Load(9, arrival=6)], [Load(9, arrival=4)], [Load(9, arrival=7)]],
    )
    one = crowd.engines[0]
    for rule in ("FCW", "FCWSR"):
        assert waiting_choice(rule, one, crowd.engines[1], ()) is None
        assert waiting_choice(rule, one, crowd.engines[2], ()) == 0
        assert waiting_choice(rule, one, crowd.engines[3], ()) == 0
        assert waiting_choice(rule, one, crowd.engines[3], {0}) is None
        assert waiting_choice(rule, crowd.engines[3], one, ()) is None
    assert waiting_choice("SR", one, crowd.engines[3], ()) is None


def test_an_engine_that_is_switched_off_is_emptied() -> None:
    """Its queue is dispatched anew and its batch leaves one by one, even to a busy engine."""
    crowd = fleet([[Load(20, 5), Load(90, 5)], [Load(200, 5)]], [[Load(9), Load(9)]])
    crowd.draining = [0]
    router = Llumnix(pairing=Pairing("balanced", low=3.0))
    moves = router.migrate(crowd)
    assert moves == [Move(2, 1), Move(3, 1), Move(0, 1)]
    for move in moves:
        crowd.apply(move)
    assert router.migrate(crowd) == [Move(1, 1)]
    crowd.moving = [1]
    assert router.migrate(crowd) == []


@given(
    engine_loads, st.sampled_from(["SR", "LR", "LCR", "FCW", "FCWSR"]), st.sampled_from(PAIRINGS)
)
def test_moves_name_requests_of_their_source(
    values: list[tuple[int, int, int, bool]], choice: str, rule: str
) -> None:
    """No request is moved twice at a time, none to where it is, none to an engine being emptied."""
    crowd = fleet(
        [[Load(16 + 5 * j, j % 3) for j in range(running % 9)] for _, running, _, _ in values],
        [
            [Load(50 + j, arrival=i + j, preemptions=j % 2) for j in range(waiting)]
            for i, (_, _, waiting, _) in enumerate(values)
        ],
        total=60,
    )
    crowd.draining = [i for i, value in enumerate(values) if value[3]]
    moves = Llumnix(pairing=Pairing(rule, low=5.0), choice=choice).migrate(crowd)
    assert len({move.request for move in moves}) == len(moves)
    for move in moves:
        assert move.target in crowd.open
        target = crowd.engines[move.target]
        assert move.request not in (*target.batch, *target.queue)


def test_without_its_parts_nothing_moves_or_scales() -> None:
    """And nobody polls."""
    router = Llumnix()
    assert router.poll is None
    assert router.migrate(closed([[500]], 32)) == ()
    assert router.scale(closed([[500]], 32)) is None
    with pytest.raises(OptionError, match="pairing"):
        Pairing("random")
    with pytest.raises(OptionError, match="freer"):
        Pairing(low=3.0, high=2.0)
