"""Policies inside a whole vLLM on a CPU: its decisions are those foretold, its words unchanged."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from makespan.serving.cost.step import LinearCost
from makespan.serving.policies.continuum import Continuum
from makespan.serving.policies.past_future import PastFuture
from makespan.serving.policy import EngineView, Policy
from makespan.serving.record import Fate, Kind, Record
from makespan.serving.settings import EngineSettings
from makespan.serving.vllm import RealEngine, run_stock
from makespan.serving.vllm.plugin import scheduler_of
from makespan.serving.vllm.real import Plan
from makespan.serving.workload import PICOSECONDS, Workload
from tests.serving.engine.cases import LongestVictim, ShortestPrompt
from tests.serving.vllm.three_ways import DropsTheLast, SmallSteps

# An engine takes seconds to load, and minutes on a machine that is busy otherwise.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LIMITS = EngineSettings(blocks=12, block_size=32, max_num_batched_tokens=128, max_num_seqs=6)
COST = LinearCost(floor=1000, per_token=10, per_context=1, per_sequence=0)


class Listening(RealEngine):
    """Remembers what was said, and runs the policy of the moment."""

    def __init__(self, model: Path) -> None:
        self.policy: Callable[[], Policy] = Policy
        self.heard: dict[int, list[int]] = defaultdict(list)
        self.handed: dict[int, int] = {}
        # In float32 the words of an answer do not depend on what it was computed together with.
        super().__init__(model, LIMITS, scheduler=scheduler_of(self.make), dtype="float32")

    def make(self) -> Policy:
        """The policy of the moment."""
        return self.policy()

    def submit(self, name: str, prompt: list[int], output: int, due: int, priority: int) -> str:
        """See the base class."""
        self.handed[int(name)] = self.now()
        return super().submit(name, prompt, output, due, priority)

    def step(self) -> tuple[list[Plan], list[Any]]:
        """See the base class."""
        plans, outputs = super().step()
        for output in outputs:
            self.heard[int(output.request_id)] += output.outputs[0].token_ids
        return plans, outputs

    def under(
        self, make: Callable[[], Policy], load: Workload
    ) -> tuple[Record, dict[int, list[int]]]:
        """Serve a load under a policy; the record, and what was said to whom."""
        self.policy = make
        self.heard.clear()
        self.handed.clear()
        return self.run(load, events=True, log=True, time_limit=600), dict(self.heard)


@pytest.fixture(scope="module")
def engine(vllm: str) -> Iterator[Listening]:
    """One engine for all tests: it takes seconds to load."""
    folder = os.environ.get("MAKESPAN_MODEL")
    if not folder or not (Path(folder) / "config.json").is_file():
        pytest.skip("no model: set MAKESPAN_MODEL to what scripts/prepare_model.py made")
    with Listening(Path(folder)) as one:
        yield one


def at_once() -> Workload:
    """Requests sent at one time, so that decisions do not depend on how long steps last."""
    g = np.random.default_rng(7)
    n = 18
    prompt = g.integers(5, 150, n)
    pieces = [[100 * (r % 2) + k for k in range(int(p) // 32)] for r, p in enumerate(prompt)]
    return Workload(
        "at once",
        np.zeros(n, dtype=np.int64),
        prompt,
        g.integers(2, 40, n),
        content_ptr=np.cumsum([0, *map(len, pieces)]),
        content=np.array([name for row in pieces for name in row], dtype=np.int64),
        grain=32,
    )


def decisions(record: Record) -> list[tuple[int, int]]:
    """What was decided about whom, in order, without the times."""
    assert record.events is not None
    return list(zip(record.events.kind.tolist(), record.events.request.tolist(), strict=True))


def ways(record: Record) -> tuple[object, ...]:
    """What was decided, and the sizes of the steps."""
    assert record.log is not None
    return *decisions(record), *record.log.tokens.tolist()


class Rotates(Policy):
    """Interrupts each request once, in the middle of its answer."""

    def interrupt(self, engine: EngineView) -> Sequence[int]:
        """See the base class."""
        running = [r for r in engine.running() if not engine.preemptions(r)]
        return [r for r in running if engine.generated(r) > 3][:1]


def careful() -> Policy:
    """Past-Future with few outputs remembered, so that it decides soon."""
    return PastFuture(history=8, every=1, seed=5)


POLICIES = [Policy, ShortestPrompt, LongestVictim, Rotates, SmallSteps, careful]


@pytest.mark.parametrize("make", POLICIES, ids=lambda make: make.__name__)
def test_decisions_are_those_foretold(engine: Listening, make: Callable[[], Policy]) -> None:
    """The whole engine decides as its scheduler on a virtual clock, under the same policy."""
    load = at_once()
    real, _ = engine.under(make, load)
    foretold = run_stock(load, LIMITS, COST, scheduler=scheduler_of(make), events=True)
    assert decisions(real) == decisions(foretold)
    for name in ("preemptions", "hit", "hits"):
        np.testing.assert_array_equal(getattr(real, name), getattr(foretold, name))
    assert real.steps == foretold.steps
    assert real.hits.any()


def test_words_do_not_depend_on_the_policy(engine: Listening) -> None:
    """Greedy answers are those of the default, token by token, in whatever order they came.

    Preemption, interruption and keys and values of others are where words could get lost.
    """
    load = at_once()
    default, words = engine.under(Policy, load)
    runs = {ways(default)}
    for make in POLICIES[1:]:
        record, said = engine.under(make, load)
        assert said == words, make.__name__
        runs.add(ways(record))
    assert [len(words[r]) for r in range(load.count)] == load.output.tolist()
    # The policies did do something.
    assert len(runs) == len(POLICIES)


def test_dropped_requests_end_with_an_abort(engine: Listening) -> None:
    """Their clients hear of it, and the others get their words."""
    load = at_once()
    _, words = engine.under(Policy, load)
    record, said = engine.under(DropsTheLast, load)
    dropped = np.flatnonzero(record.fate == Fate.DROPPED)
    assert dropped.tolist() == list(range(12, 18))
    assert record.finished.sum() == 12
    for r in range(12):
        assert said[r] == words[r]
    assert not any(said.get(r) for r in range(12, 18))


class Replayed:
    """Step times as they were: from the beginning of a step to that of the next.

    Parameters
    ----------
    arrival
        When each request was there.
    """

    def __init__(self, record: Record, arrival: np.ndarray) -> None:
        log = record.log
        assert log is not None
        # While nobody is there the clock waits for the next arrival.
        last = np.sort(record.last)
        there = np.searchsorted(np.sort(arrival), log.end) > np.searchsorted(last, log.end, "right")
        until = np.where(there, np.append(log.begin[1:], log.end[-1]), log.end)
        self.times = iter(until - log.begin)
        self.sizes = iter(zip(log.tokens, log.sequences, log.context, log.pairs, strict=True))

    def step(self, tokens: int, sequences: int, context: int, pairs: int) -> int:
        """See StepCost."""
        assert next(self.sizes) == (tokens, sequences, context, pairs)
        return int(next(self.times))

    def decode(self, sequences: int) -> tuple[int, int]:
        """See StepCost."""
        raise NotImplementedError


def agents() -> Workload:
    """Programs of four turns with pauses, each quoting all before it, and strangers."""
    second = PICOSECONDS
    programs, turns, alone = 3, 4, 6
    arrival, prompt, output, program, parents, pieces = [], [], [], [], [], []
    for p in range(programs):
        for t in range(turns):
            arrival.append(p * second // 3)
            prompt.append(40 + 32 * t)
            output.append(6)
            program.append(p)
            parents.append([len(arrival) - 2] if t else [])
            pieces.append([10 * p + k for k in range((40 + 32 * t) // 32)])
    for k in range(alone):
        arrival.append((2 * k + 1) * second // 5)
        prompt.append(90)
        output.append(20)
        program.append(-1)
        parents.append([])
        pieces.append([])
    order = np.argsort(np.array(arrival), kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    rows = [[int(place[q]) for q in parents[r]] for r in order]
    names = [pieces[r] for r in order]
    return Workload(
        "agents",
        np.array(arrival)[order],
        np.array(prompt)[order],
        np.array(output)[order],
        program=np.array(program)[order],
        parent_ptr=np.cumsum([0, *map(len, rows)]),
        parent=np.array([q for row in rows for q in row], dtype=np.int64),
        delay=np.array([second // 5 for row in rows for _ in row], dtype=np.int64),
        content_ptr=np.cumsum([0, *map(len, names)]),
        content=np.array([name for row in names for name in row], dtype=np.int64),
        grain=32,
    )


def test_run_in_real_time_is_replayed_on_its_own_step_times(engine: Listening) -> None:
    """Agents' contexts are kept and found again as the scheduler alone does at those times.

    Requests of the virtual run are there when the real engine planned its first step with them in
    the queue. It is held to the real one's step sizes as it goes.
    """
    load = agents()

    def keeps(load: Workload) -> Callable[[], Policy]:
        return lambda: Continuum(load, rule="fixed", fixed=60.0)

    real, _ = engine.under(keeps(load), load)
    assert real.log is not None
    taken = list(engine.handed)  # in the order in which they were handed over
    steps = np.searchsorted(real.log.begin, [engine.handed[r] for r in taken])
    there = real.log.begin[steps]
    empty = np.zeros(0, dtype=np.int64)
    alone = replace(
        load, parent_ptr=np.zeros(load.count + 1, dtype=np.int64), parent=empty, delay=empty
    )
    as_taken = alone.sent_at(np.argsort(taken)).sent_at(there)
    replayed = run_stock(
        as_taken,
        LIMITS,
        Replayed(real, there),
        scheduler=scheduler_of(keeps(as_taken)),
        events=True,
    )
    assert decisions(real) == [(kind, taken[r]) for kind, r in decisions(replayed)]
    for name in ("preemptions", "hit", "hits"):
        np.testing.assert_array_equal(getattr(real, name)[taken], getattr(replayed, name))
    assert (real.hit[np.diff(load.parent_ptr) > 0] > 0).any()
    kinds = [kind for kind, _ in decisions(real)]
    assert kinds.count(Kind.FINISH) == load.count
