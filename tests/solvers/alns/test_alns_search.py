"""The search as an engine and as a member: verified, never worse, stoppable, repeatable."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from tests.strategies import problems

from makespan import evaluate, solve, verify
from makespan.core.builder import ProblemBuilder
from makespan.core.errors import OptionError
from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import Status
from makespan.generators import (
    planted_everything,
    random_job_shop,
    random_multimode_rcpsp,
    random_setup_job_shop,
)
from makespan.solvers.alns import AlnsOptions, AlnsSolver, search
from makespan.solvers.alns.search import LargeNeighbourhoodSearch, _Worker
from makespan.solvers.board import Board
from makespan.solvers.workers import run_workers


def run(problem: Problem, moves: int, hint: Schedule | None = None, seed: int = 0) -> Result:
    """A solve with a budget of repairs on one thread."""
    engine = AlnsSolver(AlnsOptions(moves=moves))
    return solve(problem, engine=engine, threads=1, seed=seed, hint=hint)


@settings(max_examples=25, deadline=None)
@given(problem=problems())
def test_every_feature(problem: Problem) -> None:
    """Whatever the constraints, what comes back verifies and bounds do not exceed values."""
    result = run(problem, moves=6)
    exact = solve(problem, engine="cpsat", threads=1)
    if exact.status is Status.INFEASIBLE:
        assert result.schedule is None
        return
    assert result.schedule is not None
    assert verify(problem, result.schedule) == []
    assert result.objectives == tuple(evaluate(problem, result.schedule))
    assert result.objectives >= exact.objectives
    for bound, value in zip(result.bounds, exact.objectives, strict=True):
        if bound is None:
            break
        assert bound <= value
        if bound < value:
            break
    if result.status is Status.OPTIMAL:
        assert result.objectives == exact.objectives


@pytest.mark.parametrize("seed", range(4))
def test_never_worse_than_its_start(seed: int) -> None:
    """From a feasible schedule of a problem with everything in it, no level list gets worse."""
    problem, planted = planted_everything(40, seed=seed)
    result = run(problem, moves=15, hint=planted)
    assert result.schedule is not None
    assert result.objectives <= tuple(evaluate(problem, planted))


@pytest.mark.parametrize(
    "problem",
    [
        random_job_shop(10, 5, seed=2),
        random_setup_job_shop(6, 4, seed=2),
        random_multimode_rcpsp(30, seed=2),
    ],
    ids=lambda problem: problem.name,
)
def test_improves_on_serial_schedules(problem: Problem) -> None:
    """A few repairs make one task after the other into something much shorter."""
    start = one_by_one(problem)
    result = run(problem, moves=40, hint=start)
    assert result.objective is not None
    assert result.objective < 0.7 * start.makespan


def one_by_one(problem: Problem) -> Schedule:
    """Every task after the one before, with room for setups."""
    mode = problem.tasks.mode_ptr[:-1]
    room = max((int(s.time.max()) for s in problem.setups), default=0)
    room = max([room, *(int(s.initial_time.max()) for s in problem.setups)])
    length = problem.modes.duration[mode] + room
    found = Schedule.from_starts(problem, np.cumsum(length) - length + room)
    if verify(problem, found):
        found_by = solve(problem, engine="dispatch", threads=1, time_limit=0.1).schedule
        assert found_by is not None
        return Schedule.from_starts(problem, 3 * found_by.start, found_by.mode)
    return found


def test_equal_seeds_give_equal_results() -> None:
    """With a budget of moves and one thread only the seed decides."""
    problem = random_setup_job_shop(6, 5, seed=3)
    one, other = run(problem, moves=12, seed=5), run(problem, moves=12, seed=5)
    assert one.schedule == other.schedule
    assert [p.objective for p in one.history] == [p.objective for p in other.history]


def test_small_problems_are_proven() -> None:
    """A neighbourhood of everything that is searched completely proves the optimum."""
    problem = random_job_shop(4, 4, seed=1)
    result = run(problem, moves=60)
    exact = solve(problem, engine="cpsat", threads=1)
    assert result.status is Status.OPTIMAL
    assert result.objectives == exact.objectives


def test_infeasible_problem_is_told() -> None:
    """The model without a solution is reported as such, with the usual cross-check."""
    b = ProblemBuilder("tight")
    machine = b.machine("M")
    for k in range(3):
        b.task(f"T{k}", duration=4, machine=machine, deadline=8)
    assert run(b.build(), moves=2).status is Status.INFEASIBLE


def test_edge_cases() -> None:
    """No task, one task, only milestones, huge times."""
    assert run(ProblemBuilder("none").build(), moves=2).schedule is not None
    b = ProblemBuilder("one")
    b.task("a", duration=1 << 40, machine=b.machine("M"), release=1 << 40)
    assert run(b.build(), moves=2).objective == 1 << 41
    b = ProblemBuilder("milestones")
    b.chain(*(b.task(f"m{k}", duration=0) for k in range(3)))
    assert run(b.build(), moves=2).objective == 0


def test_lexicographic_levels_are_all_worked_on() -> None:
    """The second level improves too while the first keeps its value."""
    b = ProblemBuilder("levels")
    machines = [b.machine("fast"), b.machine("slow")]
    for k in range(6):
        task = b.task(f"T{k}")
        task.mode(3, [machines[0]], cost=5)
        task.mode(3, [machines[1]], cost=k)
    b.minimise("makespan")
    b.then_minimise("mode_cost")
    problem = b.build()
    result = run(problem, moves=60)
    exact = solve(problem, engine="cpsat", threads=1)
    assert result.objectives == exact.objectives


def test_stop_is_honoured_within_a_moment() -> None:
    """A stop in the middle of a repair ends the search with the best so far."""
    problem = random_job_shop(20, 10, seed=4)
    hint = solve(problem, engine="dispatch", threads=1, time_limit=0.2).schedule
    stop = threading.Event()
    threading.Timer(0.4, stop.set).start()
    result = solve(problem, engine="alns", threads=1, hint=hint, stop=stop)
    assert result.cancelled
    assert result.schedule is not None


def test_takes_over_what_others_offer() -> None:
    """As a member it starts from the board's incumbent and never offers anything worse."""
    problem, planted = planted_everything(30, seed=9)
    board = Board(problem)
    board.adopt(planted)
    member = search(problem, board, seed=0, workers=1, moves=5)
    assert member is not None
    run_workers(board, [(member.name, member.work, 0)])
    assert board.values is not None
    assert board.values <= tuple(evaluate(problem, planted))
    assert board.schedule is not None
    assert verify(problem, board.schedule) == []


def test_better_schedule_of_others_is_adopted_after_a_rejected_offer() -> None:
    """A gain of one's own that comes too late must not hide the better one on the board."""
    problem = random_job_shop(8, 6, seed=1)
    poor = one_by_one(problem)
    better = Schedule.from_starts(problem, poor.start - poor.start.min(), poor.mode)
    best = solve(problem, engine="dispatch", threads=1, time_limit=0.2).schedule
    assert best is not None
    late = Schedule.from_starts(problem, 2 * poor.start, poor.mode)
    board = Board(problem)
    assert board.adopt(late)
    owner = LargeNeighbourhoodSearch(problem, board, moves=1)
    worker = _Worker(owner, 0, 0)
    assert board.adopt(best, by="another")
    assert worker._take(better), "a gain for the worker"
    worker.run()
    assert worker._values <= tuple(evaluate(problem, best))


def test_moves_must_be_positive() -> None:
    """A budget of no moves is refused."""
    with pytest.raises(OptionError, match="moves"):
        AlnsOptions(moves=0)
