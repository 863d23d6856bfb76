"""How the experiments of Llumnix judge; their quick runs are in ``test_experiments``."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.serving.policies.llumnix.fakes import Load, fleet

from makespan.claims.llumnix_experiments import ENGINES, Bench
from makespan.claims.llumnix_real import _mover, _one_by_one, judge, move_for_real
from makespan.claims.outcome import Conditions, Verdict
from makespan.serving.policy import Move, Router

QUICK = Conditions(quick=True)
LENGTHS = [48, 96, 192]


def runs(live: list[float], blocking: list[float], differ: int = 0) -> dict[str, Any]:
    """Runs whose moves took so many milliseconds."""
    answers = tuple((r, r + 1) for r in range(len(LENGTHS)))
    other = tuple((-1,) if r < differ else answer for r, answer in enumerate(answers))

    def one(times: list[float], answers: tuple[tuple[int, ...], ...]) -> SimpleNamespace:
        moves = [
            SimpleNamespace(request=r, downtime=round(time * 1e9)) for r, time in enumerate(times)
        ]
        return SimpleNamespace(answers=answers, migrations=moves)

    return {
        "unmoved": one([], answers),
        "live": one(live, other),
        "blocking": one(blocking, answers),
    }


@pytest.mark.parametrize(
    ("live", "blocking", "differ", "verdict"),
    [
        ([20, 22, 25], [40, 90, 200], 0, Verdict.REPRODUCED),
        ([20, 22, 45], [40, 90, 200], 0, Verdict.PARTLY),
        ([20, 22, 25], [40, 50, 60], 0, Verdict.PARTLY),
        ([20, 22, 45], [40, 50, 60], 0, Verdict.NOT),
        ([20, 22, 25], [40, 90, 200], 1, Verdict.NOT),
        ([20, 22], [40, 90, 200], 0, Verdict.NOT),
    ],
)
def test_the_verdict_on_real_moves_follows_its_tolerance(
    live: list[float], blocking: list[float], differ: int, verdict: Verdict
) -> None:
    """Flat, growing, equal answers, and every length moved."""
    outcome = judge(QUICK, _one_by_one(LENGTHS), runs(live, blocking, differ))
    assert outcome.verdict is verdict
    assert outcome.measured["answers that differ"].value == differ


def test_every_request_is_moved_once() -> None:
    """When it has said enough, and never back."""
    router = _mover()
    assert isinstance(router, Router)
    crowd = fleet([[Load(20, 7), Load(20, 8)], []])
    assert router.route(0, crowd) == 0
    assert router.migrate(crowd) == [Move(1, 1)]
    assert router.migrate(crowd) == []
    crowd.requests[0].generated = 9
    assert router.migrate(crowd) == [Move(0, 1)]


def test_without_a_model_nothing_is_claimed() -> None:
    """What is missing is named."""
    assert move_for_real(QUICK).verdict is Verdict.UNCONFIRMED


def test_the_limit_is_where_memory_is_full() -> None:
    """Tokens times steps per second of arrivals equal the memory over the time of a step."""
    bed = Bench(QUICK)
    load = bed.load("power-medium", 1.0, 0.5)
    held = float((load.output * (load.prompt + load.output / 2)).mean())
    memory = 12_800.0
    rate = (load.count - 1) / (load.span / 1e12)
    together = round(memory * float(load.output.mean()) / held)
    steps_per_second = ENGINES / bed.step(1.0, together)
    assert rate * held == pytest.approx(0.5 * memory * steps_per_second, rel=1e-6)
