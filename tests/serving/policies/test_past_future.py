"""Past-Future: its draws, its peaks, and all of its decisions against the plain way to make them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.fleet import Fleet
from makespan.serving.policies.drawn import Drawn
from makespan.serving.policies.past import Past
from makespan.serving.policies.past_future import PastFuture
from makespan.serving.policies.peak import peak_blocks
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import Workload
from tests.serving.engine.cases import random_case
from tests.serving.policies.plain_past_future import PlainPastFuture, remaining

LENGTHS = st.lists(st.integers(1, 200), min_size=1, max_size=30)


@given(LENGTHS, st.integers(0, 220))
def test_lengths_are_drawn_from_what_is_left_of_the_past(past: list[int], had: int) -> None:
    """Never below what was generated, never above the cap; new ones are past lengths."""
    lot = np.random.default_rng(3).random((200, 1))
    left = Past(40, 200, past).left(np.array([had]), lot)[:, 0]
    if not had:
        assert set(left.tolist()) <= set(past)
        return
    above = [p for p in past if p > had]
    assert (left >= 0).all()
    assert (left + had <= max(200, had, *past)).all()
    if above == [200]:
        # The points are what it had and the cap: uniform between them.
        assert left.mean() == pytest.approx((200 - had) / 2, abs=0.15 * (200 - had) + 1)


@given(
    st.integers(1, 12),
    st.integers(1, 250),
    LENGTHS,
    st.lists(st.one_of(st.integers(0, 250), LENGTHS), max_size=25),
    st.integers(0, 2**32 - 1),
)
def test_the_past_is_that_of_the_latest_outputs(
    most: int, cap: int, begin: list[int], events: list[int | list[int]], seed: int
) -> None:
    """After whatever has been remembered, draws are those from the latest outputs, sorted."""
    latest = list(begin)
    past = Past(most, cap, begin)
    random = np.random.default_rng(seed)
    for event in events:
        if isinstance(event, int):
            past.remember(event)
            latest.append(event)
            continue
        had = [max(tokens - 50, 0) for tokens in event]
        lot = random.random((2, len(had)))
        for row, lots in zip(past.left(np.array(had), lot).tolist(), lot.tolist(), strict=True):
            assert row == [
                remaining(latest[-most:], cap, h, u) for h, u in zip(had, lots, strict=True)
            ]
        assert past.longest == max(cap, *latest[-most:])


@given(
    LENGTHS,
    st.lists(st.tuples(st.integers(1, 90), st.integers(0, 120)), max_size=8),
    st.lists(st.tuples(st.integers(1, 90), st.one_of(st.just(0), st.integers(1, 120))), max_size=8),
    st.integers(1, 17),
    st.floats(0.0, 1.2),
    st.integers(0, 2**32 - 1),
)
def test_whoever_joins_keeps_all_lists_below_the_limit(
    past: list[int],
    batch: list[tuple[int, int]],
    asked: list[tuple[int, int]],
    size: int,
    share: float,
    seed: int,
) -> None:
    """The limit lies between nothing and what the batch needs in the end, or a bit above."""
    random = np.random.default_rng(seed)
    prompt, had = [p for p, _ in batch], [h for _, h in batch]
    held = [p + h for p, h in batch]
    lot = random.random((3, len(batch)))
    left = [
        [remaining(past, 150, h, u) for h, u in zip(had, lots, strict=True)]
        for lots in lot.tolist()
    ]
    limit = round(share * sum(p + h + 150 for p, h in [*batch, *asked]) / size)
    drawn = Drawn(Past(30, 150, past), list(range(len(batch))), prompt, list(had), lot, size)
    for number, (tokens, known) in enumerate(asked, len(batch)):
        lot = random.random((3, 1))
        longer = [
            [*row, remaining(past, 150, known, u)]
            for row, u in zip(left, lot[:, 0].tolist(), strict=True)
        ]
        together = np.array([*held, tokens])
        fits = max(peak_blocks(together, np.array(row), size) for row in longer) < limit
        assert drawn.join(number, tokens, known, lot, limit) == fits
        if fits:
            held, left = [*held, tokens], longer
        assert drawn.batch[len(batch) :] == sorted(set(drawn.batch[len(batch) :]))
        assert (number in drawn.batch) == fits


def tight(seed: int) -> dict[str, Any]:
    """Requests that come faster than a small memory lets them be served."""
    random = np.random.default_rng(seed)
    count = 60
    workload = Workload(
        "tight",
        np.cumsum(random.integers(0, 3 * 10**11, count)),
        random.integers(1, 60, count),
        random.integers(1, 120, count),
        cap=random.integers(120, 160, count),
    )
    settings = EngineSettings(blocks=int(random.integers(30, 120)), block_size=8)
    cost = LinearCost(10**10, 10**8, 10**5, 10**7)
    return {"workload": workload, "settings": [settings], "cost": [cost]}


VARIANTS = (
    {},
    {"blocks": False, "every": 1, "resume": "new"},
    {"every": 2, "history": 7, "initial": 30},
    {"every": 1, "lists": 1, "reserve": 0.0, "resume": "new", "initial": 1},
)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_decisions_are_those_of_the_plain_policy(variant: dict[str, Any]) -> None:
    """Every request is admitted when it is admitted without any shortcut."""
    given_: dict[str, Any] = {
        "history": 100, "initial": None, "reserve": 0.03, "blocks": True, "resume": "conditional",
        "every": 10, "lists": 5, "seed": 4, **variant,
    }  # fmt: skip
    preempted = 0
    for seed in range(12):
        case = tight(seed) if seed % 2 else random_case(seed)
        fast = Fleet(**case, policy=lambda: PastFuture(**given_)).run()
        plain = Fleet(**case, policy=lambda: PlainPastFuture(**given_)).run()
        assert fast.requests.admitted == plain.requests.admitted
        assert fast.requests.last == plain.requests.last
        preempted += sum(fast.requests.preemptions)
    assert preempted  # so that requests came back with tokens
