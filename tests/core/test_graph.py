"""Order, cycles, levels, reduction, times, slack and criticality against naive references."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan import ProblemBuilder
from makespan.core import graph, graph_loops
from makespan.core.errors import InfeasibleError, ProblemError
from makespan.core.graph_times import (
    critical_path,
    earliest_times,
    heads,
    latest_times,
    slack,
    tails,
)
from makespan.core.names import NameTable
from makespan.core.problem import Jobs, Modes, Precedences, Problem, Resources, Tasks
from makespan.core.vocabulary import INFINITY
from makespan.generators.assembly import job_shop
from makespan.generators.named import named_instance

MINUS = -(10**12)


def bare(
    count: int,
    rows: list[tuple[int, int, int, int, int]],
    durations: list[int] | None = None,
    optional: list[bool] | None = None,
) -> Problem:
    """Tasks without resources, with rows (source, target, kind, minimum, maximum); unvalidated."""
    table = np.array(rows, dtype=np.int64).reshape(-1, 5)
    mode_ptr = np.arange(count + 1, dtype=np.int64)
    tasks = Tasks.plain(NameTable.numbered("T", count), np.full(count, -1, np.int32), mode_ptr)
    if optional is not None:
        from dataclasses import replace

        tasks = replace(tasks, optional=np.array(optional, dtype=np.bool_))
    none = np.empty(0, dtype=np.int64)
    return Problem(
        name="bare",
        tasks=tasks,
        modes=Modes(
            task=np.arange(count, dtype=np.int32),
            duration=np.array(durations or [1] * count, dtype=np.int64),
            cost=np.zeros(count, dtype=np.int64),
            demand_ptr=np.zeros(count + 1, dtype=np.int64),
            demand_resource=none.astype(np.int32),
            demand_amount=none,
            demand_timing=none.astype(np.uint8),
        ),
        resources=Resources.plain(NameTable.explicit(()), none.astype(np.uint8), none),
        jobs=Jobs.plain(NameTable.explicit(()), np.zeros(1, np.int64), none.astype(np.int32)),
        precedences=Precedences(
            source=table[:, 0].astype(np.int32),
            target=table[:, 1].astype(np.int32),
            kind=table[:, 2].astype(np.uint8),
            minimum=table[:, 3],
            maximum=table[:, 4],
        ),
    )


@st.composite
def arc_problems(draw: st.DrawFn, *, acyclic: bool) -> Problem:
    """Small problems with finish-to-start arcs only, some repeated, in scrambled numbering."""
    n = draw(st.integers(1, 9))
    label = draw(st.permutations(range(n)))
    pairs = [(i, j) for i in range(n) for j in range(n) if (i < j if acyclic else i != j)]
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=20)) if pairs else []
    rows = [
        (label[i], label[j], 0, draw(st.integers(0, 3)), INFINITY if draw(st.booleans()) else 9)
        for i, j in chosen
    ]
    durations = draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))
    optional = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    return bare(n, rows, durations, optional)


@st.composite
def lag_problems(draw: st.DrawFn) -> Problem:
    """Small problems with relations of every kind, lags of either sign and maximum lags."""
    n = draw(st.integers(1, 6))
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    rows = []
    for i, j in draw(st.lists(st.sampled_from(pairs), max_size=9)) if pairs else []:
        low = draw(st.integers(-6, 6))
        high = INFINITY if draw(st.booleans()) else low + draw(st.integers(0, 8))
        rows.append((i, j, draw(st.integers(0, 3)), low, high))
    durations = draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))
    optional = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    return bare(n, rows, durations, optional)


def reachable(
    problem: Problem, through: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.bool_]:
    """Which tasks follow which over order arcs, by Warshall's algorithm."""
    n, rows = problem.tasks.count, problem.precedences
    reach = np.zeros((n, n), dtype=bool)
    for i, j, keep in zip(rows.source, rows.target, graph.is_order_arc(problem), strict=True):
        reach[i, j] |= keep
    for k in range(n):
        if through is None or through[k]:
            reach |= reach[:, k : k + 1] & reach[k : k + 1]
    return reach


def longest_paths(problem: Problem, *, back: bool) -> npt.NDArray[np.int64]:
    """Longest paths between the 2 n nodes by Floyd's algorithm; a positive diagonal is a cycle.

    Arcs that leave an optional task (backward: that enter one) are left out.
    """
    n, rows, duration = problem.tasks.count, problem.precedences, problem.modes.duration
    sure = ~problem.tasks.optional
    path = np.full((2 * n, 2 * n), MINUS, dtype=np.int64)
    np.fill_diagonal(path, 0)
    for i in range(n):
        path[2 * i, 2 * i + 1], path[2 * i + 1, 2 * i] = duration[i], -duration[i]
    for i, j, kind, low, high in zip(
        rows.source, rows.target, rows.kind, rows.minimum, rows.maximum, strict=True
    ):
        x, y = 2 * i + (kind in (0, 2)), 2 * j + (kind in (2, 3))
        if sure[j if back else i]:
            path[x, y] = max(path[x, y], low)
        if high < INFINITY and sure[i if back else j]:
            path[y, x] = max(path[y, x], -high)
    for k in range(2 * n):
        path = np.maximum(path, path[:, k : k + 1] + path[k : k + 1])
    return path


@given(arc_problems(acyclic=True))
def test_topological_order_respects_arcs(problem: Problem) -> None:
    """Every order arc points forward, every task occurs once, and depth counts arcs."""
    order = graph.topological_order(problem)
    position = np.argsort(order)
    rows = problem.precedences
    assert sorted(order.tolist()) == list(range(problem.tasks.count))
    assert (position[rows.source] < position[rows.target]).all()
    depth = graph.depths(problem)
    assert (depth[rows.source] < depth[rows.target]).all()
    for i in np.flatnonzero(depth):
        before = rows.source[rows.target == i]
        assert depth[i] == depth[before].max() + 1
    assert graph.find_precedence_cycle(problem) is None


@given(arc_problems(acyclic=False))
def test_cycles_are_found_exactly_when_they_exist(problem: Problem) -> None:
    """A cycle is named if Warshall finds one, and its arcs all exist."""
    cycle = graph.find_precedence_cycle(problem)
    assert (cycle is not None) == reachable(problem).diagonal().any()
    if cycle is not None:
        arcs = set(
            zip(
                problem.precedences.source.tolist(),
                problem.precedences.target.tolist(),
                strict=True,
            )
        )
        assert len(set(cycle)) == len(cycle)
        assert all((i, j) in arcs for i, j in zip(cycle, [*cycle[1:], cycle[0]], strict=True))


def test_cycle_message_names_the_tasks_in_order() -> None:
    """The error of a cyclic problem walks round the cycle by name."""
    problem = bare(4, [(0, 1, 0, 0, INFINITY), (1, 2, 0, 0, INFINITY), (2, 1, 0, 0, INFINITY)])
    with pytest.raises(ProblemError, match=r"cycle: 'T[23]' -> 'T[32]' -> 'T"):
        graph.topological_order(problem)


def test_builder_rejects_cycles() -> None:
    """A cyclic model never leaves the builder."""
    b = ProblemBuilder()
    t = [b.task(duration=1) for _ in range(3)]
    b.chain(*t, t[0])
    with pytest.raises(ProblemError, match="cycle"):
        b.build()


@pytest.mark.parametrize(
    ("kind", "low"), [(1, 0), (2, 0), (3, 0), (0, -1)], ids=["SS", "FF", "SF", "negative FS"]
)
def test_other_relations_may_form_cycles(kind: int, low: int) -> None:
    """Two tasks tied both ways by lags are not a modelling error."""
    problem = bare(2, [(0, 1, kind, low, INFINITY), (1, 0, kind, low, INFINITY)])
    assert graph.find_precedence_cycle(problem) is None


@given(arc_problems(acyclic=True))
def test_levels_equal_recursive_definition(problem: Problem) -> None:
    """Top and bottom levels are the longest paths the textbook recursion gives."""
    rows, duration = problem.precedences, problem.modes.duration
    top, bottom = graph.top_levels(problem), graph.bottom_levels(problem)
    for i in range(problem.tasks.count):
        into, out = rows.target == i, rows.source == i
        before, after = rows.source[into], rows.target[out]
        assert top[i] == max([0, *(top[before] + duration[before] + rows.minimum[into]).tolist()])
        assert bottom[i] == duration[i] + max([0, *(bottom[after] + rows.minimum[out]).tolist()])


@given(arc_problems(acyclic=True))
def test_reduction_keeps_reachability_and_nothing_superfluous(problem: Problem) -> None:
    """Kept rows imply the dropped ones through mandatory tasks; no kept plain row is implied."""
    keep = graph.transitive_reduction(problem)
    rows, sure = problem.precedences, ~problem.tasks.optional
    plain = (rows.minimum == 0) & (rows.maximum == INFINITY)
    assert keep[~plain].all()
    kept = [
        (int(i), int(j), 0, int(low), int(high))
        for i, j, low, high, k in zip(
            rows.source, rows.target, rows.minimum, rows.maximum, keep, strict=True
        )
        if k
    ]
    reduced = bare(problem.tasks.count, kept, optional=problem.tasks.optional.tolist())
    after = reachable(reduced, sure)
    assert np.array_equal(reachable(problem, sure), after)
    for k in np.flatnonzero(keep & plain):
        others = np.flatnonzero(keep & (np.arange(rows.count) != k))
        without = bare(
            problem.tasks.count,
            [(int(rows.source[o]), int(rows.target[o]), 0, 0, INFINITY) for o in others],
        )
        assert not reachable(without, sure)[rows.source[k], rows.target[k]]


@given(lag_problems())
def test_times_equal_all_pairs_longest_paths(problem: Problem) -> None:
    """Earliest and latest times are longest paths; a positive cycle is an error that shows it."""
    n = problem.tasks.count
    path = longest_paths(problem, back=False)
    if path.diagonal().max() > 0:
        with pytest.raises(InfeasibleError) as caught:
            earliest_times(problem)
        assert len(caught.value.conflict) >= 2
        assert "by " in caught.value.message
    else:
        times = earliest_times(problem)
        moment = np.stack((times.start, times.end), axis=1).ravel()
        assert np.array_equal(moment, path[0::2].max(axis=0))
        assert np.array_equal(heads(problem), times.start)
    path = longest_paths(problem, back=True)
    if path.diagonal().max() > 0:
        with pytest.raises(InfeasibleError):
            tails(problem)
    else:
        ends = np.arange(n) * 2 + 1
        assert np.array_equal(tails(problem), path[:, ends].max(axis=1)[ends])
        late = latest_times(problem, 100)
        moment = np.stack((late.start, late.end), axis=1).ravel()
        assert np.array_equal(moment, 100 - path[:, ends].max(axis=1))


def test_positive_cycle_lists_the_clash_and_its_size() -> None:
    """A minimum lag beyond a maximum lag is reported with both, in the user's names."""
    b = ProblemBuilder()
    mix, pour = b.task("mix", duration=2), b.task("pour", duration=1)
    cool = b.task("cool", duration=4)
    b.chain(mix, cool, pour)
    b.precedence(mix, pour, max_lag=3)
    with pytest.raises(InfeasibleError, match="contradict each other by 1") as caught:
        earliest_times(b.build())
    assert set(caught.value.conflict) == {
        "FS 'mix' -> 'cool' with minimum lag 0",
        "task 'cool' takes at least 4",
        "FS 'cool' -> 'pour' with minimum lag 0",
        "FS 'mix' -> 'pour' with maximum lag 3",
    }


def test_times_respect_windows_of_tasks_jobs_and_horizon() -> None:
    """Releases and deadlines of all three levels bound the times."""
    b = ProblemBuilder(horizon=(2, 50))
    job = b.job(release=5, deadline=40)
    first = b.task(duration=3, job=job)
    second = b.task(duration=4, job=job, release=20, deadline=30)
    third = b.task(duration=1)
    b.chain(first, second, third)
    problem = b.build()
    early, late = earliest_times(problem), latest_times(problem, 100)
    assert early.start.tolist() == [5, 20, 24]
    assert early.end.tolist() == [8, 24, 25]
    assert late.start.tolist() == [23, 26, 49]
    assert latest_times(problem, 26).start.tolist() == [18, 21, 25]


def test_modes_widen_durations() -> None:
    """Heads count on the shortest mode, and an end bound reaches the start by the longest one."""
    b = ProblemBuilder()
    fixed = b.task("fixed", duration=10)
    either = b.task("either", duration=2).mode(6)
    b.precedence(fixed, either, kind="FF", min_lag=0)
    times = earliest_times(b.build())
    assert times.start.tolist() == [0, 4]
    assert times.end.tolist() == [10, 10]


def test_breaks_stretch_without_bound() -> None:
    """A task that pauses in breaks may start long before its end bound."""
    b = ProblemBuilder()
    shift = b.calendar("shift", working=[(0, 2)], period=10)
    saw = b.machine("saw", calendar=shift, breaks="suspend")
    fixed, cut = b.task(duration=10), b.task(duration=2, machine=saw)
    b.precedence(fixed, cut, kind="FF")
    assert earliest_times(b.build()).start.tolist() == [0, 0]


def test_optional_tasks_restrict_only_themselves() -> None:
    """What may be left out delays nobody, unless it is said to be present."""
    b = ProblemBuilder()
    a, o, c = b.task(duration=2), b.task(duration=7, optional=True), b.task(duration=1)
    b.chain(a, o, c)
    problem = b.build()
    assert earliest_times(problem).start.tolist() == [0, 2, 0]
    everyone = np.ones(3, dtype=np.bool_)
    assert earliest_times(problem, present=everyone).start.tolist() == [0, 2, 9]
    assert tails(problem).tolist() == [0, 1, 0]


@given(lag_problems())
def test_slack_moves_are_legal_and_maximal(problem: Problem) -> None:
    """A task moved by its free slack leaves the others in place; one tick more does not."""
    problem = bare(
        problem.tasks.count,
        list(
            zip(
                problem.precedences.source.tolist(),
                problem.precedences.target.tolist(),
                problem.precedences.kind.tolist(),
                problem.precedences.minimum.tolist(),
                problem.precedences.maximum.tolist(),
                strict=True,
            )
        ),
        problem.modes.duration.tolist(),
    )
    try:
        found = slack(problem)
    except InfeasibleError:
        return
    end = int(found.earliest.end.max())
    rows, duration = problem.precedences, problem.modes.duration

    def legal(start: npt.NDArray[np.int64]) -> bool:
        stop = start + duration
        x = np.where(np.isin(rows.kind, (0, 2)), stop[rows.source], start[rows.source])
        y = np.where(np.isin(rows.kind, (2, 3)), stop[rows.target], start[rows.target])
        gap = y - x
        return bool(((gap >= rows.minimum) & (gap <= rows.maximum)).all() and stop.max() <= end)

    assert legal(found.earliest.start)
    assert legal(found.latest.start)
    assert (found.free <= found.total).all()
    for i in range(problem.tasks.count):
        moved = found.earliest.start.copy()
        moved[i] += found.free[i]
        assert legal(moved)
        moved[i] += 1
        assert not legal(moved)


@given(lag_problems())
def test_critical_path_explains_the_end(problem: Problem) -> None:
    """The path ends with a task that ends last and has no slack on the way."""
    sure = np.flatnonzero(~problem.tasks.optional)
    try:
        path = critical_path(problem)
        found = slack(problem)
    except InfeasibleError:
        return
    assert bool(path) == bool(len(sure))
    if path:
        assert found.earliest.end[path[-1]] == found.earliest.end[sure].max()
        assert not problem.tasks.optional[path].any()


def test_critical_path_of_ft06_is_its_longest_job() -> None:
    """Without machines ft06 takes 47 ticks, on job 2."""
    assert critical_path(named_instance("ft06")) == list(range(6, 12))


@pytest.mark.parametrize("size", [3000, 20_000])
def test_compiled_and_interpreted_loops_agree(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large graphs give the same answers on either path."""
    rng = np.random.default_rng(7)
    source = rng.integers(0, size - 1, 2 * size)
    target = source + rng.integers(1, 50, 2 * size)
    keep = target < size
    kind = rng.integers(0, 4, 2 * size)
    rows = [
        (int(i), int(j), int(k), int(low), INFINITY)
        for i, j, k, low in zip(
            source[keep], target[keep], kind[keep], rng.integers(0, 5, 2 * size)[keep], strict=True
        )
    ]
    problem = bare(size, rows, rng.integers(0, 9, size).tolist())

    def answers() -> list[npt.NDArray[np.generic]]:
        spare = slack(problem)
        return [
            graph.topological_order(problem),
            graph.bottom_levels(problem),
            graph.transitive_reduction(problem),
            heads(problem),
            tails(problem),
            spare.free,
        ]

    monkeypatch.setattr(graph_loops, "COMPILED_ABOVE", 10**9)
    interpreted = answers()
    monkeypatch.setattr(graph_loops, "COMPILED_ABOVE", 0)
    for one, other in zip(interpreted, answers(), strict=True):
        assert np.array_equal(one, other)


def test_small_problems_do_not_load_numba() -> None:
    """Validating and timing a small problem leaves numba unimported."""
    code = (
        "import sys; from makespan.generators.named import named_instance;"
        "from makespan.core.graph_times import slack;"
        "from makespan.core.validation import validate;"
        "p = named_instance('ta01'); validate(p); slack(p); sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.slow
def test_a_million_tasks_in_about_a_second() -> None:
    """Order and levels of a million tasks take little time once compiled."""
    rng = np.random.default_rng(1)
    problem = job_shop(
        "large",
        machine=np.argsort(rng.random((1000, 1000)), axis=1),
        duration=rng.integers(1, 99, (1000, 1000)),
    )
    graph.depths(problem)
    graph.bottom_levels(problem)
    began = time.perf_counter()
    graph.topological_order(problem)
    graph.bottom_levels(problem)
    # About 0.3 s on two cores; the limit leaves room for a busy machine.
    assert time.perf_counter() - began < 3
