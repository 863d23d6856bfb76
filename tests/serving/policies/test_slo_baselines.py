"""What JITServe is compared with: SJF, LTR, Autellix, SLOs-Serve."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.policies.autellix import Autellix
from makespan.serving.policies.jitserve.lengths import Bounds, TrueLengths
from makespan.serving.policies.predicted import LearnedRanks, ShortestPredicted
from makespan.serving.policies.preempting import outranked
from makespan.serving.policies.slos_serve import SlosServe, on_time
from makespan.serving.policy import Policy
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import PICOSECONDS, Slo, Workload

COST = LinearCost(20 * 10**9, 10**8, 0, 0)
ONE = EngineSettings(blocks=200, max_num_seqs=1, max_num_batched_tokens=64)
SECONDS = PICOSECONDS


def load(output: list[int], arrival: list[int], **more: Any) -> Workload:
    """Requests with prompts of ten tokens."""
    return Workload(
        "baselines", np.array(arrival) * SECONDS, np.full(len(output), 10), np.array(output),
        cap=np.full(len(output), 1000), **more,
    )  # fmt: skip


def ends(workload: Workload, make: Callable[[], Policy]) -> tuple[list[int], list[int]]:
    """Requests in the order in which they end on an engine of one place, and preemptions."""
    record = simulate_serving(workload, ONE, COST, policy=make)
    return np.argsort(record.last).tolist(), record.preemptions.tolist()


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 30)), max_size=9),
    st.integers(0, 6),
)
def test_the_plan_keeps_as_many_as_can_be_in_time(jobs: list[tuple[int, int]], base: int) -> None:
    """Brute force over all subsets, each served in the order of due dates."""
    jobs = sorted(jobs, key=lambda job: job[1])

    def fits(chosen: tuple[int, ...]) -> bool:
        now = base
        for k in chosen:
            now += jobs[k][0]
            if now > jobs[k][1]:
                return False
        return True

    best = max(
        len(chosen)
        for size in range(len(jobs) + 1)
        for chosen in combinations(range(len(jobs)), size)
        if fits(chosen)
    )
    columns = np.array(jobs, dtype=np.float64).reshape(-1, 2)
    taken = on_time(columns[:, 0], columns[:, 1], float(base))
    assert sum(taken) == best
    assert fits(tuple(k for k, inside in enumerate(taken) if inside))


def test_hopeless_requests_wait_behind_those_that_can_be_in_time() -> None:
    """By due date alone the first would make all late."""
    tight = (Slo("soon", deadline=3 * SECONDS), Slo("later", deadline=8 * SECONDS))
    workload = load([20, 900, 60, 60], [0, 0, 0, 0], slos=tight, slo=np.array([0, 0, 1, 1]))
    known = Bounds(TrueLengths(workload), level=None)
    order, _ = ends(workload, lambda: SlosServe(workload, known))
    assert order == [0, 2, 3, 1]


def test_shortest_predictions_go_first_and_nobody_is_preempted() -> None:
    """With true lengths; the first runs to its end."""
    workload = load([100, 50, 10, 30], [0, 1, 1, 1])
    make = lambda: ShortestPredicted(Bounds(TrueLengths(workload), level=None))  # noqa: E731
    assert ends(workload, make) == ([0, 2, 3, 1], [0, 0, 0, 0])


def test_ranks_preempt_and_patience_ends() -> None:
    """A long output gives way to short ones, but not for ever."""
    short = [10] * 60
    workload = load([400, *short], [0, *[1 + k // 5 for k in range(60)]])
    known = lambda: Bounds(TrueLengths(workload), level=None)  # noqa: E731
    order, preempted = ends(workload, lambda: LearnedRanks(known()))
    assert order[-1] == 0
    assert preempted[0] >= 1
    order, _ = ends(workload, lambda: LearnedRanks(known(), patience=2.0))
    assert order.index(0) < 50


def test_programs_that_got_much_give_way() -> None:
    """The second call of a program that was served stands behind a new one, and sinks as it runs."""
    workload = load(
        [500, 300, 300], [0, 11, 12],
        program=np.array([0, 0, 1]), parent_ptr=np.array([0, 0, 1, 1]), parent=np.array([0]),
        delay=np.array([SECONDS]),
    )  # fmt: skip
    order, preempted = ends(workload, Autellix)
    assert order == [0, 2, 1]
    assert preempted == [0, 1, 0]
    order, _ = ends(workload, lambda: Autellix(quantum=10_000))
    assert order == [0, 1, 2]


class View:
    """An engine of three places and 24 blocks of 4 tokens, all prompts of 8."""

    max_num_seqs, block_size = 3, 4

    def __init__(self, running: list[int], waiting: list[int], free: int = 24) -> None:
        self._running, self._waiting, self.free_blocks = running, waiting, free

    def running(self) -> list[int]:
        """Who runs."""
        return self._running

    def waiting(self) -> list[int]:
        """Who waits."""
        return self._waiting

    def prompt(self, _request: int) -> int:
        """Its prompt."""
        return 8

    def generated(self, _request: int) -> int:
        """Nothing."""
        return 0

    def computed(self, _request: int) -> int:
        """All of the prompt."""
        return 8


def key(request: int) -> int:
    """The smaller, the sooner."""
    return request


@pytest.mark.parametrize(
    ("view", "most", "victims"),
    [
        (View([1, 2, 3], [4, 5]), 8, []),
        (View([1, 5, 9], [4, 6]), 8, [9]),
        (View([7, 8, 9], [1, 2, 3]), 8, [9, 8, 7]),
        (View([7, 8, 9], [1, 2, 3]), 2, [9, 8]),
        (View([8, 9], [1, 2]), 8, [9]),
        (View([8, 9], [1], free=1), 8, [9]),
        (View([8, 9], [1], free=2), 8, []),
    ],
)
def test_only_those_are_preempted_whose_place_is_needed(
    view: Any, most: int, victims: list[int]
) -> None:
    """The worst first, for a better one that waits and finds no place or memory."""
    assert outranked(view, key, window=8, most=most) == victims


def test_wrong_options_are_refused() -> None:
    """Each with what it is."""
    workload = load([1], [0])
    for wrong in (
        lambda: Autellix(quantum=0),
        lambda: Autellix(every=0.0),
        lambda: LearnedRanks(patience=0.0),
        lambda: SlosServe(workload, planned=0),
    ):
        with pytest.raises(OptionError):
            wrong()
