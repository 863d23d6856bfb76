"""What HexGen knows beforehand: times of stages, expected workflows, budgets."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.cost.step import LinearCost
from makespan.serving.policies.hexgen.budget import Budgets, due_dates
from makespan.serving.policies.hexgen.profile import (
    DECODE,
    SECONDS,
    Machine,
    Profile,
    published_machine,
)
from makespan.serving.policies.hexgen.workflow import CHESS, Progress, Workflow
from makespan.serving.workload import PICOSECONDS
from makespan.serving.workloads.text2sql import STAGES
from makespan.serving.workloads.transform import mix
from tests.serving.policies.hexgen.fleets import chain, published, queries
from tests.serving.records import workloads

STANDARD = [
    "retriever", "keywords", "retriever", "retriever", "retriever", "candidate",
    "revise", "revise", "revise", "revise", "unit_tester", "generate_unit_test", "unit_tester",
    "evaluate", "unit_tester",
]  # fmt: skip
"""The standard workflow of the authors' simulator, in order."""


@pytest.mark.parametrize("gpu", SECONDS)
def test_two_rates_explain_the_published_table(gpu: str) -> None:
    """All seven times to within 18 %, decoding faster than the published step of a batch."""
    machine = published_machine(gpu)
    for stage, known in zip(STAGES, SECONDS[gpu], strict=True):
        assert machine.seconds(stage.prompt.mean, stage.output.mean) == pytest.approx(
            known, rel=0.18
        )
    assert 0.6 < machine.decode / DECODE[gpu] < 0.8


def test_the_published_table_covers_the_generated_stages() -> None:
    """By name, for every engine, averaged over kinds of GPUs and not over engines."""
    profile = published()
    for k, stage in enumerate(STAGES):
        by_gpu = [SECONDS[gpu][k] for gpu in ("A100", "A6000", "L40S")]
        assert profile.mean(stage.name, 1) == pytest.approx(sum(by_gpu) / 3)
        assert profile.expected(stage.name) == pytest.approx(sum(by_gpu) / 3)
        assert profile.seconds(stage.name, 1, 2) == SECONDS["A6000"][k]
        assert profile.seconds(stage.name, 1, 9) == SECONDS["L40S"][k]
    with pytest.raises(OptionError, match="H100"):
        Profile.published(["H100"])


def test_estimates_follow_step_times() -> None:
    """An engine twice as slow has twice the times; equal engines are one kind."""
    load = queries(30)
    fast = LinearCost(10**10, 10**8, 0, 0)
    slow = LinearCost(2 * 10**10, 2 * 10**8, 0, 0)
    profile = Profile.estimated(load, [fast, slow, fast])
    for stage in load.labels:
        assert profile.seconds(stage, 1, 1) == pytest.approx(2 * profile.seconds(stage, 1, 0))
        assert profile.mean(stage, 1) == pytest.approx(1.5 * profile.seconds(stage, 1, 0))
    assert profile.kinds == [[0, 2], [1]]


@given(st.floats(0.01, 100.0), st.lists(st.floats(0.01, 100.0), max_size=20))
def test_the_profile_follows_completions(first: float, seen: list[float]) -> None:
    """It stays between what it was and what it saw, and copies go their own way."""
    profile = Profile([Machine("one", 0.001, 0.01)], [{"a": first}], learn=0.2)
    other, fixed = profile.copy(), profile.copy(learn=0.0)
    for seconds in seen:
        profile.observe("a", 0, seconds, 10)
        fixed.observe("a", 0, seconds, 10)
    low, high = min([first, *seen]), max([first, *seen])
    assert low - 1e-9 <= profile.seconds("a", 5, 0) <= high + 1e-9
    assert other.seconds("a", 5, 0) == fixed.seconds("a", 5, 0) == first


def test_engines_of_a_kind_learn_together() -> None:
    """What one of them saw by chance would make it look faster than its twin."""
    profile = published(learn=0.5)
    profile.observe("revise", 0, 10.0, 10)
    assert profile.seconds("revise", 1, 0) == profile.seconds("revise", 1, 1) > 6.0
    assert profile.seconds("revise", 1, 2) == SECONDS["A6000"][3]


def test_unknown_stages_are_priced_by_length() -> None:
    """The prompt and the outputs seen; the longer prompt costs more."""
    profile = published()
    before = profile.seconds("summary", 1000, 0)
    assert profile.seconds("summary", 2000, 0) > before
    for _ in range(50):
        profile.observe("summary", 0, 1.0, 4)
    assert profile.seconds("summary", 1000, 0) < before
    assert profile.expected("summary") == 0.0


def test_senseless_tables_are_refused() -> None:
    """Rows missing, times of nothing."""
    machine = Machine("one", 0.001, 0.01)
    for rows, learn in (([], 0.1), ([{"a": 0.0}], 0.1), ([{"a": 1.0}], 1.0)):
        with pytest.raises(OptionError):
            Profile([machine], rows, learn=learn)
    with pytest.raises(OptionError, match="different times"):
        Profile([machine, machine], [{"a": 1.0}, {"a": 2.0}])
    for ends in ({"a": ("b",)}, {"c": ("d",)}):
        with pytest.raises(OptionError):
            Workflow(("a",), (1.0,), ends)
    with pytest.raises(OptionError):
        Workflow(("a", "a"), (1.0, 1.0), {})


def test_the_standard_workflow_is_used_up() -> None:
    """Nothing is expected behind its last stage; its counts are those of its stages."""
    assert dict(zip(CHESS.stages, CHESS.count, strict=True)) == Counter(STANDARD)
    progress = Progress(chain(STANDARD, 100.0), CHESS)
    assert not any(progress.left(len(STANDARD) - 1))
    revised = STANDARD.index("unit_tester")
    assert progress.left(revised)[CHESS.stages.index("revise")] == 0.0


@given(st.lists(st.sampled_from((*CHESS.stages, "other")), min_size=1, max_size=30))
def test_what_is_expected_only_shrinks(stages: list[str]) -> None:
    """And never below nothing, whatever a query does, with any number of retries."""
    progress = Progress(chain(stages, 100.0), CHESS)
    before = CHESS.count
    for r in range(len(stages)):
        left = progress.left(r)
        assert all(0.0 <= a <= b for a, b in zip(left, before, strict=True))
        before = left


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 1000), st.randoms())
def test_queries_share_nothing(one: int, other: int, random: object) -> None:
    """What is left of a query is the same whoever else is there, in whatever order one asks."""
    a, b = queries(2, one), queries(2, other)
    both = mix([a, b])
    together = Progress(both, CHESS)
    order = list(range(both.count))
    random.shuffle(order)  # type: ignore[attr-defined]
    found = {r: together.left(r) for r in order}
    for program in np.unique(both.program):
        members = np.flatnonzero(both.program == program)
        alone = Progress(both.take(members), CHESS)
        assert [alone.left(k) for k in range(len(members))] == [found[int(r)] for r in members]


def test_calls_side_by_side_are_one_stage() -> None:
    """Both candidates expect the same; four evaluations take one from what is expected."""
    load = queries(5)
    progress = Progress(load, CHESS)
    for name in ("candidate", "evaluate"):
        k = CHESS.stages.index(name)
        of = np.flatnonzero(load.label == load.labels.index(name))
        for program in range(5):
            members = of[load.program[of] == program]
            assert len(members) > 1
            assert {progress.left(r)[k] for r in members} == {0.0}


def test_a_typical_workflow_is_the_mean_of_a_history() -> None:
    """Counts of the generator's statistics, and that tests end revisions."""
    flow = Workflow.typical(queries(200))
    count = dict(zip(flow.stages, flow.count, strict=True))
    assert count["retriever"] == 4.0
    assert count["candidate"] == count["evaluate"] == 1.0
    assert 2.5 < count["revise"] < 4.5
    assert {"revise", "candidate", "retriever"} <= set(flow.ends["generate_unit_test"])
    assert "unit_tester" not in flow.ends["evaluate"]


@settings(max_examples=40)
@given(workloads(most=10))
def test_any_load_has_a_workflow(load: object) -> None:
    """Loads without programs or labels, too; each request has a finite rest."""
    flow = Workflow.typical(load)  # type: ignore[arg-type]
    progress = Progress(load, flow)  # type: ignore[arg-type]
    for r in range(load.count):  # type: ignore[attr-defined]
        assert all(0.0 <= x < float("inf") for x in progress.left(r))


@given(st.floats(0.1, 1000.0), st.floats(0.0, 100.0))
def test_budgets_sum_to_the_deadline(deadline: float, begin: float) -> None:
    """If a query goes as expected and each call takes its budget, the last ends when it is due."""
    load = chain(STANDARD, deadline, begin)
    budgets = Budgets(load, published(learn=0.0), CHESS)
    now = int(load.arrival[0])
    for r in range(load.count):
        budget = budgets.budget(r, now)
        assert budget is not None
        assert budget > 0
        now += round(budget * PICOSECONDS)
    assert now == pytest.approx(load.arrival[0] + load.slos[0].deadline, abs=1000)


@given(st.floats(0.0, 200.0), st.integers(1, len(STANDARD) - 1))
def test_time_lost_tightens_what_is_left(lost: float, place: int) -> None:
    """A call sent later has a smaller budget; one sent after the due date a negative one."""
    load = chain(STANDARD, 100.0)
    budgets = Budgets(load, published(learn=0.0), CHESS)
    on_time, late = budgets.budget(place, 0), budgets.budget(place, round(lost * PICOSECONDS))
    assert on_time is not None
    assert late is not None
    assert late <= on_time
    assert (late < 0) == (round(lost * PICOSECONDS) > 100 * PICOSECONDS)


def test_what_is_due_at_no_time_has_no_budget() -> None:
    """No class, or a class without a deadline."""
    load = chain(STANDARD[:3], 10.0)
    free = load.take([0, 1])
    assert due_dates(free) == [10 * PICOSECONDS] * 2
    none = replace(free, slo=np.array([-1, -1]))
    assert due_dates(none) == [None, None]
    assert Budgets(none, published(), CHESS).budget(0, 0) is None
    # A request that waits for others and belongs to no program: nobody knows when it began.
    loose = replace(free, program=np.array([-1, -1]))
    assert due_dates(loose) == [10 * PICOSECONDS, None]
