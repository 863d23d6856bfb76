"""vLLM's scheduler on a virtual clock: times by hand, dependences, refusals, determinism."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.errors import EngineError
from makespan.serving.cost.step import LinearCost
from makespan.serving.record import Fate, Kind, first_difference
from makespan.serving.settings import EngineSettings
from makespan.serving.vllm import StockEngine, adapter, run_stock
from makespan.serving.workload import Workload
from tests.serving.records import workloads

pytestmark = pytest.mark.usefixtures("vllm")

COST = LinearCost(floor=10, per_token=2, per_context=1, per_sequence=3, per_pair=1)


def column(*values: int) -> np.ndarray:
    """An int64 array."""
    return np.array(values, dtype=np.int64)


def load(*requests: tuple[int, int, int], **more: Any) -> Workload:
    """A workload of (arrival, prompt, output)."""
    return Workload("by hand", *(column(*values) for values in zip(*requests, strict=True)), **more)


@dataclass
class Noting:
    """A cost model that keeps what it was asked; each step lasts 10 ps."""

    asked: list[tuple[int, int, int, int]] = field(default_factory=list)
    lasts: int = 10

    def step(self, tokens: int, sequences: int, context: int, pairs: int) -> int:
        """See StepCost."""
        self.asked.append((tokens, sequences, context, pairs))
        return self.lasts

    def decode(self, sequences: int) -> tuple[int, int]:
        """See StepCost."""
        return self.lasts, 0


def test_one_request_by_hand() -> None:
    """Chunks of 16, 16 and 8, two decodes; every term of the cost counts."""
    record = run_stock(load((100, 40, 3)), EngineSettings(64, 4, 16, 4), COST)
    # 2 q + context + 3 + q (2 past + q) with contexts 16, 32, 40; then max(10, 2) + context + 3.
    first = (32 + 16 + 3 + 256) + (32 + 32 + 3 + 16 * 48) + (16 + 40 + 3 + 8 * 72)
    second, third = 10 + 41 + 3, 10 + 42 + 3
    assert record.sent.tolist() == record.admitted.tolist() == [100]
    assert record.first.tolist() == [100 + first]
    assert record.last.tolist() == [100 + first + second + third]
    assert record.gap.tolist() == [third]
    assert record.steps == 5
    assert record.counters == {"scheduled_tokens": 42}
    assert record.makespan == first + second + third
    assert not record.measured
    assert record.engine.startswith("vLLM 0.32.")


def test_cost_model_is_asked_by_the_definitions() -> None:
    """Tokens, sequences, all tokens after the step, and pairs of chunks longer than one token."""
    cost = Noting()
    requests = load((0, 20, 2), (0, 5, 2), (15, 1, 1))
    record = run_stock(requests, EngineSettings(64, 4, 16, 4), cost, log=True)
    assert cost.asked == [
        (16, 1, 16, 16 * 16),  # chunk of the first request
        (4 + 5, 2, 20 + 5, 4 * (2 * 16 + 4) + 5 * 5),  # its rest, and all of the second
        (3, 3, 21 + 6 + 1, 0),  # a token each: a prompt of one token has no pairs
    ]
    log = record.log
    assert log is not None
    assert len(log) == 3
    assert log.begin.tolist() == [0, 10, 20]
    assert log.end.tolist() == [10, 20, 30]
    asked = zip(log.tokens, log.sequences, log.context, log.pairs, strict=True)
    assert list(asked) == cost.asked


def test_arrivals_at_a_boundary_are_in_time() -> None:
    """A request sent at the very end of a step is in the next one; a later one is not."""
    record = run_stock(
        load((0, 4, 3), (10, 4, 1), (11, 4, 1)), EngineSettings(64, 4, 16, 4), Noting()
    )
    assert record.admitted.tolist() == [0, 10, 20]
    assert record.first.tolist() == [10, 20, 30]


def test_idle_engine_waits_for_the_next_arrival() -> None:
    """Time passes over stretches with nothing to do."""
    record = run_stock(load((7, 4, 1), (500, 4, 1)), EngineSettings(64, 4, 16, 4), Noting())
    assert record.admitted.tolist() == [7, 500]
    assert record.steps == 2


def test_follow_ups_are_sent_after_their_parents() -> None:
    """The delay counts from the last token of the last parent to end."""
    record = run_stock(
        load(
            (0, 4, 2),
            (0, 4, 4),
            (3, 4, 1),
            parent_ptr=column(0, 0, 0, 2),
            parent=column(0, 1),
            delay=column(30, 5),
        ),
        EngineSettings(64, 4, 16, 4),
        Noting(),
    )
    assert record.last.tolist() == [20, 40, 60]
    assert record.sent.tolist() == [0, 0, 50]


def test_follow_up_finds_the_answer() -> None:
    """Pieces that reach into the output are found by who quotes it."""
    record = run_stock(
        load(
            (0, 8, 8),
            (0, 20, 1),
            parent_ptr=column(0, 0, 1),
            parent=column(0),
            delay=column(0),
            content=column(1, 2, 3, 4, 1, 2, 3, 4),
            content_ptr=column(0, 4, 8),
            grain=4,
        ),
        EngineSettings(64, 4, 64, 4),
        Noting(),
    )
    # Fifteen of sixteen tokens were computed: three blocks.
    assert record.hit.tolist() == [0, 12]
    assert record.hits.tolist() == [0, 12]
    assert record.sent.tolist() == [0, 80]


def test_impossible_requests_are_refused() -> None:
    """What cannot fit is refused, what waits for it never sent, and the rest is served."""
    record = run_stock(
        load(
            (0, 4, 4),
            (0, 10, 4),
            (0, 4, 4),
            (0, 4, 4),
            (0, 12, 4),
            cap=column(12, 7, 13, 4, 4),
            parent_ptr=column(0, 0, 0, 0, 2, 3),
            parent=column(0, 1, 3),
            delay=column(0, 0, 0),
        ),
        EngineSettings(4, 4, 16, 4),
        COST,
        events=True,
    )
    assert record.fate.tolist() == [
        Fate.FINISHED,
        Fate.TOO_LONG,
        Fate.TOO_LONG,
        Fate.ORPHAN,
        Fate.ORPHAN,
    ]
    assert record.sent.tolist() == [0, 0, 0, -1, -1]
    assert record.events is not None
    assert record.events.request.tolist() == [0, 0]
    assert "2 too long, 2 orphan" in str(record.summary())


def test_longest_sequence_can_be_set() -> None:
    """A limit below the memory refuses more."""
    requests = load((0, 4, 4), (0, 5, 4))
    record = run_stock(requests, EngineSettings(64, 4, 16, 4), COST, max_model_len=8)
    assert record.fate.tolist() == [Fate.FINISHED, Fate.TOO_LONG]


def test_preemption_by_hand() -> None:
    """Who lost its memory waits at the head, finds its full block and is done last."""
    record = run_stock(
        load((0, 7, 4), (0, 7, 4)), EngineSettings(4, 4, 16, 4), Noting(), events=True
    )
    assert record.preemptions.tolist() == [0, 1]
    assert record.last.tolist() == [40, 60]
    # Of its two full blocks the later one went to the first request.
    assert record.hits.tolist() == [0, 4]
    assert record.hit.tolist() == [0, 0]
    assert record.gap.tolist() == [10, 30]
    assert record.events is not None
    assert list(
        zip(record.events.time, record.events.kind, record.events.request, strict=True)
    ) == [
        (0, Kind.ADMIT, 0),
        (0, Kind.ADMIT, 1),
        (20, Kind.PREEMPT, 1),
        (40, Kind.FINISH, 0),
        (40, Kind.ADMIT, 1),
        (60, Kind.FINISH, 1),
    ]


def test_urgent_requests_go_first() -> None:
    """With vLLM's priority policy the workload's priorities count."""
    requests = load((0, 4, 1), (0, 4, 1), (0, 4, 1), priority=column(3, 1, 2))
    limits = EngineSettings(64, 4, 16, 1)
    assert run_stock(requests, limits, Noting()).first.tolist() == [10, 20, 30]
    urgent = run_stock(requests, limits, Noting(), policy="priority")
    assert urgent.first.tolist() == [30, 10, 20]


def test_another_scheduler_can_run() -> None:
    """A subclass decides in place of the stock class: here the first, not the last, is preempted."""
    stock = adapter.part("vllm.v1.core.sched.scheduler", "Scheduler")

    class First(stock):  # type: ignore[misc, valid-type]
        def schedule(self, *rest: Any, **named: Any) -> Any:
            """Plan with the last comers in front."""
            self.running.sort(key=lambda request: request.request_id, reverse=True)
            return super().schedule(*rest, **named)

    requests = load((0, 7, 4), (0, 7, 4))
    record = run_stock(requests, EngineSettings(4, 4, 16, 4), Noting(), scheduler=First)
    assert record.preemptions.tolist() == [1, 0]


@pytest.mark.parametrize("lasts", [0, -5])
def test_steps_take_time(lasts: int) -> None:
    """A cost model that lets time stand still is refused."""
    with pytest.raises(EngineError, match=rf"a step of 4 tokens lasts {lasts} ps"):
        run_stock(load((0, 4, 1)), EngineSettings(4, 4, 16, 4), Noting(lasts=lasts))


def test_stalled_scheduler_is_told() -> None:
    """A scheduler that never plans anything ends in an error, not in a loop."""
    stock = adapter.part("vllm.v1.core.sched.scheduler", "Scheduler")

    class Lazy(stock):  # type: ignore[misc, valid-type]
        waiting: Any

        def schedule(self, *rest: Any, **named: Any) -> Any:
            """Plan without the queue."""
            kept, self.waiting = self.waiting, type(self.waiting)()
            try:
                return super().schedule(*rest, **named)
            finally:
                self.waiting = kept

    with pytest.raises(EngineError, match="plans nothing though 2 requests wait and 4 blocks"):
        run_stock(load((0, 4, 1), (9, 4, 1)), EngineSettings(4, 4, 16, 4), COST, scheduler=Lazy)


def test_record_of_a_run_that_goes_on() -> None:
    """Between two steps the record tells what has happened so far."""
    engine = StockEngine(load((0, 4, 3), (99, 4, 1)), EngineSettings(64, 4, 16, 4), Noting())
    assert engine.advance()
    assert engine.now == 10
    record = engine.record()
    assert record.first.tolist() == [10, -1]
    assert record.fate.tolist() == [Fate.UNFINISHED] * 2
    while engine.advance():
        pass
    assert engine.record().last.tolist() == [30, 109]
    assert not engine.advance()


def test_empty_load() -> None:
    """Nothing to serve is served at once."""
    none = column()
    record = run_stock(Workload("none", none, none, none), EngineSettings(4), COST)
    assert (record.steps, record.makespan) == (0, 0)


ENGINES = st.builds(
    EngineSettings,
    blocks=st.integers(2, 12),
    block_size=st.sampled_from([1, 2, 4]),
    max_num_batched_tokens=st.integers(4, 16),
    max_num_seqs=st.integers(1, 4),
    enable_prefix_caching=st.booleans(),
)


@settings(max_examples=60)
@given(workloads(), ENGINES, st.sampled_from(["fcfs", "priority"]))
def test_any_load_ends(requests: Workload, limits: EngineSettings, policy: str) -> None:
    """Every request is served whole or refused with its followers, the same way each time.

    The record itself checks that times respect arrivals, parents and each other.
    """
    runs = [run_stock(requests, limits, COST, policy=policy, events=True) for _ in range(2)]
    record = runs[0]
    assert first_difference(*runs) is None
    assert Fate.UNFINISHED not in record.fate
    too_long = requests.prompt + requests.cap > limits.blocks * limits.block_size
    assert (record.fate[too_long] != Fate.FINISHED).all()
    assert (record.fate[~too_long] != Fate.TOO_LONG).all()
    done = record.finished
    computed = (requests.prompt + requests.output - 1)[done].sum() - record.hits.sum()
    if record.preemptions.any():
        assert record.counters["scheduled_tokens"] >= computed
    else:
        assert record.counters["scheduled_tokens"] == computed
    if not limits.enable_prefix_caching:
        assert not record.hits.any()
    assert record.events is not None
    assert (np.diff(record.events.time) >= 0).all()
    admissions = np.bincount(
        record.events.request[record.events.kind == Kind.ADMIT], minlength=record.count
    )
    assert (admissions[done] == record.preemptions[done] + 1).all()


@settings(max_examples=40)
@given(workloads(parents=False))
def test_ample_memory_preempts_nobody_and_serves_in_order(requests: Workload) -> None:
    """With room for all, admissions follow the arrivals and every shared block is found once."""
    record = run_stock(requests, EngineSettings(400, 1, 64, 64), COST)
    assert not record.preemptions.any()
    assert record.finished.all()
    assert (np.diff(record.admitted) >= 0).all()
    # Blocks of one token: a prompt finds as much as any request before it has in common with it.
    for r in range(requests.count):
        names = requests.contents(r).tolist()
        known = 0
        for other in range(r):
            shared = 0
            for a, b in zip(names, requests.contents(other).tolist(), strict=False):
                if a != b:
                    break
                shared += 1
            within = min(shared * requests.grain, int(requests.prompt[other]))
            known = max(known, within)
        least = min(known, int(requests.prompt[r]) - 1)
        assert record.hit[r] >= least
