"""Patterns of tasks: likeness, medoids, and sub-deadlines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.policies.jitserve.features import depths
from makespan.serving.policies.jitserve.patterns import (
    Graph,
    Library,
    Stage,
    Tasks,
    alike,
    graphs_of,
    likeness,
    medoids,
    stage_of,
)
from makespan.serving.workload import Workload
from makespan.serving.workloads.catalogue import generate

SECOND = 10**12


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=8),
)
def test_shares_accumulate_to_the_whole_deadline(times: list[tuple[float, float]]) -> None:
    """Ascending, not equal parts, and 1 at the last stage."""
    graph = Graph(tuple(Stage({}, tool, seconds) for tool, seconds in times))
    shares = [graph.share(k) for k in range(len(times))]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    whole = sum(a + b for a, b in times)
    if whole > 0:
        assert shares[0] == pytest.approx(sum(times[0]) / whole)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 14), st.integers(1, 5))
def test_medoids_are_no_worse_than_a_better_one_each(seed: int, n: int, size: int) -> None:
    """Within each cluster no member would serve better; every medoid is there once."""
    random = np.random.default_rng(seed)
    points = random.random((n, 2))
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    weight = random.random(n) + 0.1
    chosen = medoids(apart, weight, size)
    assert len(set(chosen.tolist())) == min(size, n)
    owner = np.argmin(apart[:, chosen], axis=1)
    for k, at in enumerate(chosen.tolist()):
        members = np.flatnonzero(owner == k)
        cost = (apart[np.ix_(members, members)] * weight[members]).sum(axis=1)
        mine = (apart[at, members] * weight[members]).sum()
        assert mine <= cost.min(initial=np.inf) + 1e-12


def test_the_library_stays_small_and_keeps_what_is_frequent() -> None:
    """Copies of two patterns collapse into them; old ones count less, a tenth an hour."""
    quick = Graph((stage_of([("plan", 100, 50)], 0.0, 1.0),))
    slow = Graph((stage_of([("plan", 9000, 4000)], 0.0, 60.0),))
    library = Library(2)
    for _ in range(3):
        library.add(replace(quick, seen=0.0))
    library.add(replace(slow, seen=0.0))
    library.add(replace(quick, seen=3600.0))
    assert len(library.graphs) == 2
    frequencies = sorted(graph.frequency for graph in library.graphs)
    assert frequencies == pytest.approx([0.9, 3 * 0.9 + 1.0])
    with pytest.raises(OptionError):
        Library(0)


def test_stages_are_alike_as_their_tokens_are() -> None:
    """1 for the same, less for others, 0 for other labels; unknown outputs are not compared."""
    one = stage_of([("search", 1000, 200), ("search", 1000, 200)], 1.0, 5.0)
    near = stage_of([("search", 1200, 200)] * 2, 1.0, 5.0)
    running = stage_of([("search", 1000, None), ("search", 1000, 7)], 1.0, 0.0)
    other = stage_of([("plan", 1000, 200)], 1.0, 5.0)
    assert likeness(one, one) == 1.0 > likeness(one, near) > 0.9
    assert likeness(running, one) == 1.0
    assert likeness(one, other) == 0.0
    assert alike(Graph((one,)), Graph((one, one))) == 0.0
    assert alike(Graph((one, one)), Graph((one, near))) == likeness(one, near)


def play(tasks: Tasks, load: Workload, program: int) -> list[int]:
    """Serve the calls of a program one stage after the other; sub-deadlines as stages begin."""
    depth = depths(load)
    found, now = [], 0
    calls = np.flatnonzero(load.program == program)
    for stage in range(int(depth[calls].max()) + 1):
        here = calls[depth[calls] == stage].tolist()
        for r in here:
            label = load.labels[load.label[r]]
            tasks.arrived(program, r, label, int(load.prompt[r]), now)
        due = tasks.due(program, 100 * SECOND)
        assert due is not None
        found.append(due)
        assert tasks.begun(program) == 0
        for r in here:
            now += int(load.output[r]) * SECOND // 50
            tasks.finished(program, r, int(load.output[r]), now)
    return found


def test_sub_deadlines_ascend_to_that_of_the_task() -> None:
    """With known stages exactly; with a library as far as a pattern fits; else the task's own."""
    load = generate("compound", {"tasks": 12, "kind": "code"}, seed=4)
    history = generate("compound", {"tasks": 40, "kind": "code"}, seed=5)
    for program in range(12):
        exact = play(Tasks(load, known=True), load, program)
        assert exact == sorted(exact)
        assert exact[-1] == pytest.approx(100 * SECOND)
        assert exact[0] < 100 * SECOND
        blind = play(Tasks(load, foretell=False), load, program)
        assert set(blind) == {100 * SECOND}
        foretold = play(Tasks(load, history), load, program)
        assert all(0 < due <= 100 * SECOND for due in foretold)
        assert foretold[0] < 100 * SECOND


def test_ended_tasks_are_remembered_and_forgotten() -> None:
    """The first of its kind has no pattern; the second has that of the first."""
    load = generate("compound", {"tasks": 2, "kind": "code", "width": 1, "rounds": 1}, seed=8)
    tasks = Tasks(load)
    assert set(play(tasks, load, 0)) == {100 * SECOND}
    assert len(tasks.library.graphs) == 1
    assert tasks.begun(0) is None
    assert tasks.due(0, SECOND) is None
    tasks.library.graphs[0] = graphs_of(load)[1]  # what fits the second for certain
    second = play(tasks, load, 1)
    assert second[0] < second[-1] == pytest.approx(100 * SECOND)


class Clients:
    """Clients who say what their last call is, and nothing of what hangs on what."""

    slos = ()

    def __init__(self, last: int) -> None:
        self.last = last

    def is_last(self, request: int) -> bool:
        """Whether it is that one."""
        return request == self.last


def test_without_a_workload_stages_open_when_nothing_of_the_task_is_there() -> None:
    """Two calls side by side, then one: two stages, remembered when the last has ended."""
    tasks = Tasks(Clients(2))
    tasks.arrived(9, 0, "search", 100, 0)
    tasks.arrived(9, 1, "search", 120, 0)
    tasks.finished(9, 0, 50, SECOND)
    tasks.finished(9, 1, 60, 2 * SECOND)
    assert tasks.tokens(9) == 330
    tasks.arrived(9, 2, "report", 500, 3 * SECOND)
    tasks.finished(9, 2, 700, 9 * SECOND)
    (graph,) = tasks.library.graphs
    assert [set(stage.kinds) for stage in graph.stages] == [{"search"}, {"report"}]
    assert [stage.seconds for stage in graph.stages] == [2.0, 6.0]
    assert [stage.tool for stage in graph.stages] == [0.0, 1.0]
    assert graph.share(0) == pytest.approx(2 / 9)
    tasks.arrived(10, 3, "search", 100, 20 * SECOND)
    tasks.arrived(10, 4, "search", 120, 20 * SECOND)
    assert tasks.due(10, 9 * SECOND) == 22 * SECOND
    with pytest.raises(OptionError, match="only a workload"):
        Tasks(Clients(0), known=True)
