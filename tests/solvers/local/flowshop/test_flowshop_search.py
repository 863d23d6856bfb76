"""The search as a whole: valid schedules, true values, bounds, and the limits of its shape."""

from __future__ import annotations

import threading
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.builder import ProblemBuilder
from makespan.core.metrics import evaluate
from makespan.core.problem import Objective, ObjectiveTerm, Problem, Sets
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.core.vocabulary import ObjectiveKind as Kind
from makespan.core.vocabulary import Status
from makespan.generators import named_instance, random_flow_shop, random_job_shop
from makespan.solvers.board import Board
from makespan.solvers.local.flowshop import search
from makespan.solvers.local.flowshop._shape import FlowShop
from makespan.solvers.local.flowshop.bounds import completion_bound, makespan_bound
from makespan.solvers.workers import run_workers

KINDS = (
    Kind.MAKESPAN,
    Kind.TOTAL_COMPLETION,
    Kind.TOTAL_FLOW_TIME,
    Kind.TOTAL_TARDINESS,
    Kind.TARDY_COUNT,
    Kind.MAX_TARDINESS,
    Kind.MAX_LATENESS,
)


def minimising(*levels: dict[Kind, int]) -> Objective:
    """Levels of terms with coefficients."""
    return Objective(tuple(tuple(ObjectiveTerm(k, c) for k, c in lv.items()) for lv in levels))


def dated(problem: Problem, seed: int, *, objective: Objective, start: int = 0) -> Problem:
    """With releases, due dates and weights of jobs, and a horizon that begins elsewhere."""
    draw = np.random.default_rng(seed)
    jobs, n = problem.jobs, problem.jobs.count
    span = int(problem.modes.duration.sum()) // 2
    return replace(
        problem,
        objective=objective,
        horizon_start=start,
        tasks=replace(problem.tasks, release=np.full(problem.tasks.count, start)),
        jobs=replace(
            jobs,
            release=start + draw.integers(0, 2) * draw.integers(0, span // 2 + 1, n),
            due=np.where(draw.random(n) < 0.8, start + draw.integers(0, span + 1, n), jobs.due),
            weight=draw.integers(0, 4, n),
        ),
    )


def found(
    problem: Problem, *, seed: int = 1, moves: int | None = 300, hint: Schedule | None = None
) -> Board:
    """The board after one worker's moves, with whatever holds for every search checked."""
    board = Board(problem)
    board.adopt(hint)
    member = search(problem, board, seed=seed, workers=1, moves=moves)
    assert member is not None
    run_workers(board, [(member.name, member.work, 0)])
    assert board.schedule is not None
    assert board.values is not None
    assert verify(problem, board.schedule) == []
    assert board.values == tuple(evaluate(problem, board.schedule))
    for value, bound in zip(board.values, board.bounds, strict=True):
        assert bound is None or bound <= value
    return board


def by_enumeration(problem: Problem) -> tuple[int, ...]:
    """Best value over the earliest schedules of all sequences."""
    flow = FlowShop.of(problem)
    assert flow is not None
    orders = permutations(range(problem.jobs.count))
    return min(tuple(evaluate(problem, flow.schedule(np.array(order)))) for order in orders)


@pytest.mark.parametrize("seed", range(5))
def test_makespans_of_small_shops_are_optimal(seed: int) -> None:
    """All sequences of up to seven jobs are tried by hand."""
    problem = random_flow_shop(4 + seed % 4, 5, seed=seed, low=0)
    assert found(problem, moves=3000).values == by_enumeration(problem)


OBJECTIVES = st.lists(
    st.dictionaries(st.sampled_from(KINDS), st.integers(0, 5), min_size=1, max_size=3),
    min_size=1,
    max_size=2,
)


@settings(max_examples=40)
@given(
    st.integers(0, 10**6),
    st.integers(1, 5),
    st.integers(1, 4),
    OBJECTIVES,
    st.sampled_from([0, -7, 90]),
)
def test_any_objective_is_optimal_over_few_jobs(
    seed: int, jobs: int, machines: int, levels: list[dict[Kind, int]], start: int
) -> None:
    """Sums, extremes and levels of them, with releases; bounds stay below."""
    plain = random_flow_shop(jobs, machines, seed=seed, low=0, high=12)
    problem = dated(plain, seed, objective=minimising(*levels), start=start)
    best = by_enumeration(problem)
    board = found(problem, seed=seed, moves=1500)
    assert board.values == best


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 5))
def test_bounds_hold(seed: int, jobs: int, machines: int) -> None:
    """No sequence ends before the bounds, and one job or one machine meets them."""
    problem = random_flow_shop(jobs, machines, seed=seed, low=0, high=20)
    draw = np.random.default_rng(seed)
    release = draw.integers(0, 30, jobs) * draw.integers(0, 2)
    weight = draw.integers(0, 4, jobs)
    duration = problem.modes.duration.reshape(jobs, machines)
    ends = []
    for order in permutations(range(jobs)):
        done, total, latest = np.zeros(machines, dtype=np.int64), 0, 0
        for j in order:
            at = release[j]
            for i in range(machines):
                at = max(at, done[i]) + duration[j, i]
                done[i] = at
            total, latest = total + weight[j] * at, max(latest, at)
        ends.append((latest, total))
    shortest, least = min(e for e, _ in ends), min(t for _, t in ends)
    assert makespan_bound(duration, release) <= shortest
    assert completion_bound(duration, release, weight) <= least
    if jobs == 1:
        assert makespan_bound(duration, release) == shortest
        assert completion_bound(duration, release, weight) == least
    if machines <= 2 and not release.any():
        assert makespan_bound(duration, release) == shortest


def test_equal_seeds_give_equal_results() -> None:
    """With moves and one worker nothing depends on the clock; another seed takes another way."""
    problem = random_flow_shop(20, 5, seed=4)
    one, two = found(problem, seed=3, moves=2000), found(problem, seed=3, moves=2000)
    assert one.values == two.values
    assert one.schedule is not None
    assert two.schedule is not None
    assert (one.schedule.start == two.schedule.start).all()


def test_two_workers_share_what_they_find() -> None:
    """Both offer to one board; the result verifies and is as good as each alone."""
    problem = random_flow_shop(20, 8, seed=6)
    board = Board(problem)
    member = search(problem, board, seed=2, workers=2, moves=4000)
    assert member is not None
    run_workers(board, [(member.name, member.work, k) for k in range(2)])
    assert board.schedule is not None
    assert verify(problem, board.schedule) == []
    assert board.moves["flowshop"] >= 2 * 4000


def test_a_hint_is_taken_up_and_never_made_worse() -> None:
    """The worker goes on from the board's schedule where it is better than its own first one."""
    problem = random_flow_shop(30, 10, seed=8)
    good = found(problem, moves=20_000)
    board = found(problem, moves=60, hint=good.schedule)
    assert board.values is not None
    assert good.values is not None
    assert board.values <= good.values


def test_a_stop_ends_the_search() -> None:
    """Without limits the search runs until the board is over."""
    problem = random_flow_shop(50, 20, seed=1)
    stop = threading.Event()
    board = Board(problem, stop=stop, on_progress=lambda point: stop.set())
    member = search(problem, board, seed=1, workers=1, moves=None)
    assert member is not None
    run_workers(board, [(member.name, member.work, 0)])
    assert board.cancelled


def test_the_bound_proves_and_ends_the_search() -> None:
    """Two machines: Johnson's rule is the bound, so the search stops by itself."""
    board = found(random_flow_shop(12, 2, seed=5), moves=None)
    assert board.result(engine="local", seed=1, threads=1).status is Status.OPTIMAL


@pytest.mark.parametrize("top", [0, 1, 1 << 31, 1 << 40])
def test_times_of_any_size(top: int) -> None:
    """Zero, equal and huge durations."""
    plain = random_flow_shop(5, 3, seed=1)
    duration = np.full(15, top, dtype=np.int64)
    problem = replace(plain, modes=replace(plain.modes, duration=duration))
    assert found(problem).values == (7 * top,)


def test_sequences_go_to_schedules_and_back() -> None:
    """Whatever the numbers of tasks and machines."""
    b = ProblemBuilder("mixed")
    machines = [b.machine(name) for name in "CAB"]
    jobs = [b.job(f"J{k}") for k in range(4)]
    tasks = {
        (k, i): b.task(f"{k}{i}", duration=1 + k + i, machine=machines[(i + 1) % 3], job=jobs[k])
        for i in (2, 0, 1)
        for k in (3, 1, 0, 2)
    }
    for k in range(4):
        b.chain(*(tasks[k, i] for i in range(3)))
    b.same_order(*machines)
    problem = b.build()
    flow = FlowShop.of(problem)
    assert flow is not None
    for order in permutations(range(4)):
        schedule = flow.schedule(np.array(order))
        assert verify(problem, schedule) == []
        assert flow.order_of(schedule).tolist() == list(order)


def declined(problem: Problem) -> bool:
    """Whether the search leaves the problem to others."""
    return search(problem, Board(problem), seed=1, workers=1, moves=1) is None


def test_other_shapes_are_declined() -> None:
    """Overtaking, other routes, sets of some machines, late releases, other objectives."""
    flow = random_flow_shop(5, 3, seed=1)
    n = flow.tasks.count
    assert not declined(flow)
    assert declined(replace(flow, same_orders=Sets.empty()))
    some = Sets.single("some", np.array([0, 1], dtype=np.int32))
    assert declined(replace(flow, same_orders=some))
    job_shop = random_job_shop(5, 3, seed=1)
    everything = Sets.single("all", np.arange(3, dtype=np.int32))
    assert declined(replace(job_shop, same_orders=everything))
    assert declined(replace(flow, objective=minimising({Kind.TOTAL_EARLINESS: 1})))
    release = np.zeros(n, dtype=np.int64)
    release[4] = 10_000
    assert declined(replace(flow, tasks=replace(flow.tasks, release=release)))
    due = np.full(n, 50, dtype=np.int64)
    tardy = minimising({Kind.TOTAL_TARDINESS: 1})
    assert declined(replace(flow, objective=tardy, tasks=replace(flow.tasks, due=due)))
    deadline = np.full(n, 10_000, dtype=np.int64)
    assert declined(replace(flow, tasks=replace(flow.tasks, deadline=deadline)))
    heavy = replace(flow.jobs, weight=np.full(5, 1 << 44))
    wide = replace(flow.modes, duration=np.full(n, 1 << 30))
    weighed = minimising({Kind.TOTAL_COMPLETION: 1})
    assert declined(replace(flow, objective=weighed, jobs=heavy, modes=wide))
    large = random_flow_shop(20_000, 2, seed=1)
    assert FlowShop.of(large) is not None
    assert declined(replace(large, objective=weighed))


def test_published_optima_of_small_taillard_shops() -> None:
    """Twenty jobs on five machines are solved to proof or at least to the known optimum."""
    for name, best in (("tfs001", 1278), ("tfs003", 1081), ("tfs006", 1195)):
        assert found(named_instance(name), moves=40_000).values == (best,)
