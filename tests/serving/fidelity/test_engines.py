"""When engines take in requests, with and without planning ahead, and engines in step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.fidelity.boundaries import Boundaries
from makespan.serving.fidelity.lockstep import serve_in_step
from makespan.serving.record import Record, first_difference
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import Workload

STEP = LinearCost(100, 0, 0, 0)
"""Every step lasts 100 ps."""

ROOMY = EngineSettings(blocks=1000, max_num_batched_tokens=64, max_num_seqs=8)


def served(
    arrivals: list[int],
    prompt: list[int],
    output: list[int],
    engine: EngineSettings = ROOMY,
    *,
    ahead: bool = True,
) -> tuple[Record, dict[int, int]]:
    """A load on one engine, and when each request was taken in."""
    workload = Workload("small", np.array(arrivals), np.array(prompt), np.array(output))
    router = Boundaries()
    settings = replace(engine, async_scheduling=ahead)
    return simulate_serving(workload, settings, STEP, router=router), router.taken


def test_who_arrives_during_a_step_computes_in_the_one_after_the_next() -> None:
    """The next has been planned; the first of all finds an idle engine."""
    record, taken = served([0, 150], [10, 10], [10, 1])
    assert taken == {0: 0, 1: 200}
    assert record.admitted.tolist() == [0, 300]
    assert record.first.tolist() == [100, 400]
    synchronous, taken = served([0, 150], [10, 10], [10, 1], ahead=False)
    assert taken == {0: 0, 1: 200}
    assert synchronous.first.tolist() == [100, 300]


def test_a_place_is_free_a_step_after_its_request_has_ended() -> None:
    """What is launched as a request ends was planned before."""
    one = EngineSettings(blocks=1000, max_num_batched_tokens=64, max_num_seqs=2)
    arrivals, prompt, output = [0, 0, 0], [10, 10, 10], [3, 20, 1]
    record, _ = served(arrivals, prompt, output, one)
    assert record.last.tolist()[0] == 300
    assert record.admitted.tolist()[2] == 400
    synchronous, _ = served(arrivals, prompt, output, one, ahead=False)
    assert synchronous.admitted.tolist()[2] == 300


def test_memory_is_free_a_step_after_its_request_has_ended() -> None:
    """The same of blocks."""
    tight = EngineSettings(
        blocks=6, block_size=16, max_num_batched_tokens=64, max_num_seqs=8,
        enable_prefix_caching=False,
    )  # fmt: skip
    arrivals, prompt, output = [0, 0, 0], [30, 30, 40], [2, 30, 2]
    record, _ = served(arrivals, prompt, output, tight)
    assert record.last.tolist()[0] == 200
    assert record.admitted.tolist()[2] == 300
    synchronous, _ = served(arrivals, prompt, output, tight, ahead=False)
    assert synchronous.admitted.tolist()[2] == 200


def test_nobody_waits_for_a_step_that_an_idle_engine_does_not_take() -> None:
    """When the step in flight was the last, its end is when the next begins."""
    record, _ = served([0, 50], [10, 10], [1, 1])
    assert record.first.tolist() == [100, 200]


LOADS = st.lists(
    st.tuples(st.integers(0, 2000), st.integers(1, 90), st.integers(1, 40)), min_size=1, max_size=12
)


def workload_of(rows: list[tuple[int, int, int]]) -> Workload:
    """Requests by arrival."""
    arrivals, prompt, output = np.array(sorted(rows)).T
    return Workload("drawn", arrivals, prompt, output)


@given(LOADS, st.integers(12, 60))
@settings(max_examples=60, deadline=None)
def test_one_engine_in_step_with_itself_is_an_engine(
    rows: list[tuple[int, int, int]], blocks: int
) -> None:
    """Whatever the load; step by step as in glides."""
    cost = LinearCost(50, 3, 1, 7, 0)
    workload = workload_of(rows)
    for ahead in (False, True):
        engine = EngineSettings(
            blocks=blocks, max_num_batched_tokens=64, max_num_seqs=4, async_scheduling=ahead
        )
        routers = Boundaries(), Boundaries()
        together = serve_in_step(workload, [engine], [cost], router=routers[0])
        alone = simulate_serving(workload, engine, cost, router=routers[1])
        assert first_difference(together, alone) is None
        assert routers[0].taken == routers[1].taken


@given(LOADS, st.integers(2, 3))
@settings(max_examples=40, deadline=None)
def test_engines_in_step_end_their_steps_together(
    rows: list[tuple[int, int, int]], count: int
) -> None:
    """A later boundary of one rank is one of all; every token is there.

    Together is not always later than apart: who is held up may find others to share a step with.
    """
    workload = workload_of(rows)
    cost = LinearCost(50, 3, 1, 7, 0)
    record = serve_in_step(workload, [ROOMY] * count, [cost] * count)
    assert record.finished.all()
    # No two ranks have boundaries nearer to each other than the shortest step.
    ends = np.unique(np.concatenate([record.first, record.last]))
    assert np.diff(ends).min(initial=50) >= 50


def test_a_prompt_on_one_rank_holds_up_the_other() -> None:
    """A step lasts as long as that of the slowest."""
    cost = LinearCost(100, 10, 0, 0)  # 10 ps a token, at least 100
    workload = Workload("two", np.array([0, 0]), np.array([64, 1]), np.array([1, 3]))
    record = serve_in_step(workload, [ROOMY] * 2, [cost] * 2)
    assert sorted(record.instance.tolist()) == [0, 1]
    assert record.first.tolist() == [640, 640]
    assert record.last.tolist() == [640, 840]
    assert record.gap.tolist() == [0, 100]


class Meeting:
    """100 ps a step and 1 for each token that meets at the experts of two ranks."""

    def step(self, tokens: int, sequences: int, context: int, pairs: int) -> int:
        """As if both ranks had as many."""
        return 100 + 2 * tokens

    def decode(self, sequences: int) -> tuple[int, int]:
        """The same."""
        return 100 + 2 * sequences, 0

    def meeting(self, tokens: int, seen: int) -> int:
        """What is not as if."""
        return seen - 2 * tokens


@pytest.mark.parametrize(
    ("prompt", "first"),
    [
        (2 * ROOMY.max_num_seqs, 100 + 4 * ROOMY.max_num_seqs),  # padded to graphs of one size
        (2 * ROOMY.max_num_seqs + 1, 100 + 2 * ROOMY.max_num_seqs + 1 + 3),  # no graph, no padding
    ],
)
def test_tokens_of_all_ranks_meet(prompt: int, first: int) -> None:
    """A rank with three tokens meets one with many, in graphs and without."""
    workload = Workload("two", np.array([0, 0]), np.array([prompt, 3]), np.array([1, 1]))
    record = serve_in_step(workload, [ROOMY] * 2, [Meeting(), Meeting()])
    assert record.first.tolist() == [first] * 2


def test_ranks_without_work_bring_no_tokens() -> None:
    """One request alone, without graphs; then a glide of its decodes, with them."""
    workload = Workload("one", np.array([0]), np.array([60]), np.array([3]))
    record = serve_in_step(workload, [ROOMY] * 2, [Meeting(), Meeting()])
    assert record.first.tolist() == [160]
    assert record.last.tolist() == [160 + 2 * 102]


@pytest.mark.parametrize("ahead", [False, True])
def test_nobody_arrives_in_the_middle_of_a_step(ahead: bool) -> None:
    """Requests are taken in at boundaries, never before they arrive."""
    arrivals = [0, 10, 110, 210, 215, 1000]
    record, taken = served(arrivals, [5] * 6, [4] * 6, ahead=ahead)
    for request, time in taken.items():
        assert arrivals[request] <= time <= record.admitted[request]
        assert time in (0, 1000) or time % 100 == 0


@given(LOADS, st.integers(12, 60), st.booleans())
@settings(max_examples=60, deadline=None)
def test_who_is_watched_is_served_no_differently(
    rows: list[tuple[int, int, int]], blocks: int, ahead: bool
) -> None:
    """Asking at which boundary a request is taken in changes nothing."""
    engine = EngineSettings(
        blocks=blocks, max_num_batched_tokens=64, max_num_seqs=4, async_scheduling=ahead
    )
    workload, cost = workload_of(rows), LinearCost(50, 3, 1, 7, 0)
    router = Boundaries()
    watched = simulate_serving(workload, [engine] * 2, cost, router=router)
    assert first_difference(watched, simulate_serving(workload, [engine] * 2, cost)) is None
    taken = np.array([router.taken[r] for r in range(workload.count)])
    assert np.all(workload.arrival <= taken)
    assert np.all(taken <= watched.admitted)
