"""The engine around the model: hints, progress, limits, cancellation, statuses, options."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from tests.solvers.cpsat_support import PLAIN, run

from makespan.core.builder import ProblemBuilder
from makespan.core.errors import EngineError, OptionError
from makespan.core.problem import Problem
from makespan.core.result import Progress
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.core.vocabulary import Status
from makespan.generators import named_instance
from makespan.solvers.cpsat import CpSatOptions, CpSatSolver, build, cross_check
from makespan.solvers.engine import Solver
from makespan.solvers.registry import engine


def shop(jobs: int, machines: int, seed: int = 1) -> Problem:
    """A random job shop with durations 1 to 99."""
    rng = np.random.default_rng(seed)
    b = ProblemBuilder("shop")
    m = [b.machine(f"M{k}") for k in range(machines)]
    for j in range(jobs):
        job = b.job(f"J{j}")
        order = rng.permutation(machines)
        b.chain(
            *(
                b.task(f"J{j}.{k}", duration=int(rng.integers(1, 100)), machine=m[r], job=job)
                for k, r in enumerate(order)
            )
        )
    return b.build()


def serial(problem: Problem) -> Schedule:
    """Every task after the one before: feasible for a job shop, and bad."""
    duration = problem.modes.duration
    start = np.concatenate(([0], np.cumsum(duration)[:-1]))
    return Schedule.from_starts(problem, start)


def test_is_a_registered_solver() -> None:
    """The registry makes it under its name."""
    made = engine("cpsat")
    assert isinstance(made, Solver)
    assert made.name == "cpsat"


def test_hint_is_returned_when_nothing_better_can_be_found_in_time() -> None:
    """A feasible hint is never lost, however short the time."""
    problem = shop(15, 10)
    hint = serial(problem)
    result = run(problem, hint=hint, time_limit=0.01)
    assert result.schedule is not None
    assert result.objectives[0] <= hint.makespan


def test_hint_reproduces_its_objective_at_once() -> None:
    """The backend's first solution is at least as good as the hint."""
    problem = shop(8, 6)
    hint = run(problem, time_limit=3.0).schedule
    assert hint is not None
    points: list[Progress] = []
    CpSatSolver(PLAIN).solve(
        problem,
        time_limit=5.0,
        threads=1,
        seed=3,
        hint=hint,
        on_progress=points.append,
        stop=threading.Event(),
    )
    first = next(p.objective for p in points if p.objective is not None)
    assert first is not None
    assert first <= hint.makespan


def test_infeasible_hint_is_a_guide_only() -> None:
    """A hint that breaks constraints neither fails nor limits the search."""
    b = ProblemBuilder("overlap")
    m = b.machine("M")
    for k in range(3):
        b.task(f"t{k}", duration=4, machine=m)
    problem = b.build()
    hint = Schedule.from_starts(problem, np.zeros(3, dtype=np.int64))
    result = run(problem, hint=hint)
    assert result.status is Status.OPTIMAL
    assert result.objectives == (12,)


def test_self_hint_starts_from_a_dispatch_schedule() -> None:
    """The default options solve to the same optimum."""
    problem = shop(4, 4)
    assert run(problem, options=CpSatOptions()).objectives == run(problem).objectives


@pytest.mark.parametrize("threads", [1, 2])
def test_equal_seeds_give_equal_results(threads: int) -> None:
    """Under a deterministic limit two runs agree in schedule, bounds and work done."""
    problem = shop(10, 8)
    options = CpSatOptions(deterministic_limit=0.3, self_hint=False)
    first, second = (
        run(problem, options=options, threads=threads, time_limit=None, seed=5) for _ in range(2)
    )
    assert first.schedule == second.schedule
    assert first.bounds == second.bounds
    assert first.deterministic_seconds == pytest.approx(second.deterministic_seconds)
    if threads == 1:  # with more, the order in which workers report is not fixed
        values = [[(p.level, p.objective, p.bound) for p in r.history] for r in (first, second)]
        assert values[0] == values[1]


def test_progress_is_monotone_and_ends_at_the_result() -> None:
    """Objectives fall, bounds rise, times grow; the last point states what is returned."""
    problem = shop(6, 6)
    result = run(problem)
    objectives = [p.objective for p in result.history if p.objective is not None]
    bounds = [p.bound for p in result.history if p.bound is not None]
    assert objectives == sorted(objectives, reverse=True)
    assert bounds == sorted(bounds)
    assert [p.seconds for p in result.history] == sorted(p.seconds for p in result.history)
    assert objectives[-1] == result.objectives[0]
    assert {p.engine for p in result.history} == {"cpsat"}


def test_stop_during_search_keeps_the_best() -> None:
    """The engine returns soon after `stop` is set, with a schedule and `cancelled`."""
    problem = shop(30, 15)
    stop = threading.Event()
    timer = threading.Timer(1.5, stop.set)
    timer.start()
    began = time.perf_counter()
    result = run(problem, hint=serial(problem), time_limit=60.0, stop=stop)
    assert time.perf_counter() - began < 20.0
    assert result.cancelled
    assert result.status is Status.FEASIBLE
    assert result.schedule is not None


def test_stop_before_start_returns_the_hint() -> None:
    """A stop that comes first costs no search; without a hint nothing is known."""
    problem = shop(4, 3)
    stop = threading.Event()
    stop.set()
    hinted = run(problem, hint=serial(problem), stop=stop)
    assert hinted.cancelled
    assert hinted.status is Status.FEASIBLE
    assert hinted.schedule == serial(problem)
    assert run(problem, stop=stop).status is Status.UNKNOWN


def test_failure_in_the_callers_callback_reaches_the_caller() -> None:
    """An exception in `on_progress` ends the solve and is raised, not swallowed."""

    def fail(point: Progress) -> None:
        raise RuntimeError("display broke")

    with pytest.raises(RuntimeError, match="display broke"):
        CpSatSolver(PLAIN).solve(
            shop(5, 4),
            time_limit=20.0,
            threads=1,
            seed=0,
            hint=None,
            on_progress=fail,
            stop=threading.Event(),
        )


def test_lexicographic_levels_share_the_time_and_report_bounds() -> None:
    """Both levels are proven, in order, and the history names them."""
    b = ProblemBuilder("levels")
    m = b.machine("M")
    for k, d in enumerate((3, 1, 2)):
        b.task(f"t{k}", duration=d, machine=m, due=2)
    b.minimise("makespan")
    b.then_minimise("total_tardiness")
    b.then_minimise("max_lateness")
    result = run(b.build())
    assert result.status is Status.OPTIMAL
    assert result.objectives == (6, 1 + 4, 4)
    assert result.bounds == result.objectives
    assert [p.level for p in result.history] == sorted(p.level for p in result.history)


def test_time_limit_covers_building_the_model() -> None:
    """A limit that is over before the search begins still gives the hint back."""
    problem = shop(20, 20)
    began = time.perf_counter()
    result = run(problem, hint=serial(problem), time_limit=0.001)
    assert time.perf_counter() - began < 10.0
    assert result.status is Status.FEASIBLE


def test_infeasible_is_proven_and_cross_checked() -> None:
    """A contradiction is reported as such by both configurations."""
    b = ProblemBuilder("tight")
    m = b.machine("M")
    b.task("a", duration=3, machine=m, deadline=4)
    b.task("b", duration=3, machine=m, deadline=5)
    problem = b.build()
    assert run(problem).status is Status.INFEASIBLE
    assert cross_check(problem, time_limit=20.0).status is Status.INFEASIBLE


def test_cross_check_refutes_a_false_claim() -> None:
    """On a feasible problem the cross-check returns a schedule that verifies."""
    problem = shop(4, 3)
    verdict = cross_check(problem, time_limit=20.0)
    assert verdict.schedule is not None
    assert verify(problem, verdict.schedule) == []


def test_values_beyond_64_bits_are_refused() -> None:
    """A weight that would overflow raises an error that says how to mend it."""
    b = ProblemBuilder("huge")
    for k in range(2):
        b.task(f"t{k}", duration=1 << 40, weight=1 << 40)
    b.minimise("total_completion")
    with pytest.raises(EngineError):
        run(b.build())


def test_empty_problem_is_optimal() -> None:
    """No tasks, makespan 0."""
    result = run(ProblemBuilder("empty").build())
    assert (result.status, result.objectives) == (Status.OPTIMAL, (0,))


@pytest.mark.parametrize(
    ("field", "value"), [("level_share", 0.0), ("level_share", 1.5), ("deterministic_limit", 0.0)]
)
def test_options_out_of_range(field: str, value: float) -> None:
    """Bad options are named."""
    with pytest.raises(OptionError, match=field):
        replace(CpSatOptions(), **{field: value})


def test_conflict_is_found_through_switches() -> None:
    """Assumptions on a relaxable model name the clash in the user's words."""
    b = ProblemBuilder("clash")
    saw, drill = b.machine("saw"), b.machine("drill")
    cut = b.task("cut", duration=6, machine=saw)
    weld = b.task("weld", duration=6, machine=drill, deadline=9)
    b.task("paint", duration=2, machine=drill)
    b.precedence(cut, weld)
    built = build(b.build(), relaxable=True)
    labels = {switch.index: label for label, switch in built.model.switches.items()}
    built.model.cp.add_assumptions(list(built.model.switches.values()))
    from ortools.sat.python import cp_model

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    assert solver.solve(built.model.cp) == cp_model.INFEASIBLE
    core = {str(labels[k]) for k in solver.sufficient_assumptions_for_infeasibility()}
    assert {"'weld' ends by 9", "'weld' starts no earlier than when 'cut' ends"} <= core


def test_golden_ft06() -> None:
    """The smallest classic is solved to its optimum of 55."""
    result = run(named_instance("ft06"), options=CpSatOptions(), threads=2)
    assert (result.status, result.objectives) == (Status.OPTIMAL, (55,))
