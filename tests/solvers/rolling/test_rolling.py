"""Rolling horizon: windows add up to a schedule, rules see what they need, limits are named."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from tests.strategies import problems

from makespan import ProblemBuilder, evaluate, solve, verify
from makespan.core.errors import OptionError, UnsupportedError
from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import BoolArray, ObjectiveKind, Status
from makespan.generators import (
    random_flexible_job_shop,
    random_job_shop,
    random_multimode_rcpsp,
    random_rcpsp,
    random_setup_job_shop,
)
from makespan.solvers.alns import AlnsOptions, AlnsSolver
from makespan.solvers.cpsat import CpSatOptions, CpSatSolver
from makespan.solvers.engine import Solver
from makespan.solvers.registry import engine
from makespan.solvers.rolling import (
    FixAll,
    FixBySlack,
    FixingRule,
    FixNone,
    FixShare,
    Overlap,
    RollingOptions,
    RollingSolver,
)
from makespan.solvers.rolling.fixing import slack
from makespan.solvers.rolling.order import progress_order, tails
from makespan.solvers.rolling.window import window_of

INNER = AlnsSolver(AlnsOptions(moves=4))
RULES: list[FixingRule] = [FixNone(), FixAll(), FixShare(0.5), FixBySlack(2)]


def run(problem: Problem, *, seed: int = 0, **options: object) -> Result:
    """A solve by rolling with an inner engine that does not look at the clock."""
    chosen = {"window": 12, "step": 5, "engine": INNER, "patience": None, **options}
    solver = RollingSolver(RollingOptions(**chosen))
    return solve(problem, engine=solver, threads=1, time_limit=600, seed=seed)


def test_is_a_registered_solver() -> None:
    """The registry makes it under its name."""
    assert isinstance(engine("rolling"), Solver)
    assert engine("rolling").name == "rolling"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
@pytest.mark.parametrize(
    "problem",
    [
        random_job_shop(6, 5, seed=1),
        random_flexible_job_shop(6, 4, seed=1),
        random_setup_job_shop(5, 4, seed=1),
        random_rcpsp(24, seed=1),
    ],
    ids=lambda problem: problem.name,
)
def test_windows_add_up(problem: Problem, rule: FixingRule) -> None:
    """Shops, setups and projects under every rule: complete and verified."""
    result = run(problem, fixing=rule)
    assert result.schedule is not None
    assert verify(problem, result.schedule) == []
    assert "windows" in result.message


WINDOWED = {
    "calendars", "suspend", "released", "steps", "renewables", "forbidden", "jobs", "milestones",
    "modes", "multi", "no_overlap", "setups", "weights", "objectives", "lexicographic",
}  # fmt: skip
TERMS = set(ObjectiveKind) - {ObjectiveKind.CHANGE, ObjectiveKind.MOVED}


@settings(max_examples=30, deadline=None)
@given(problem=problems(max_tasks=6, features=WINDOWED, objectives=sorted(TERMS)))
def test_every_feature_that_allows_windows(problem: Problem) -> None:
    """Small windows over small problems: whatever comes back verifies."""
    result = run(problem, window=3, step=1)
    if result.schedule is None:
        assert result.status in (Status.UNKNOWN, Status.INFEASIBLE)
        return
    assert verify(problem, result.schedule) == []
    assert result.objectives == tuple(evaluate(problem, result.schedule))


def test_one_window_is_the_whole_problem() -> None:
    """With a window as large as the problem the inner engine's optimum comes back."""
    problem = random_flexible_job_shop(4, 3, seed=2)
    inner = CpSatSolver(CpSatOptions(deterministic_limit=5.0))
    result = run(problem, window=100, step=100, engine=inner)
    assert result.objectives == solve(problem, engine="cpsat", threads=1).objectives
    assert result.message.startswith("1 windows")


def test_equal_seeds_give_equal_results() -> None:
    """Rules draw from the seed alone."""
    problem = random_flexible_job_shop(6, 5, seed=3)
    one, other = (run(problem, seed=4, fixing=FixShare(0.5)) for _ in range(2))
    assert one.schedule == other.schedule


def test_fixing_all_keeps_every_carried_mode() -> None:
    """The message counts the decisions that were open and those that were kept."""
    problem = random_flexible_job_shop(6, 5, seed=3)
    words = run(problem, fixing=FixAll()).message.split()
    assert words[2] == words[4] != "0"
    assert run(problem, fixing=FixNone()).message.split()[2] == "0"


class Recording:
    """Notes what a rule sees, and fixes nothing."""

    def __init__(self) -> None:
        self.seen: list[tuple[Overlap, Problem]] = []

    def fix(self, overlap: Overlap, window: Problem, random: np.random.Generator) -> BoolArray:
        """Note it."""
        self.seen.append((overlap, window))
        return np.zeros(len(overlap.task), dtype=np.bool_)


def test_rules_see_the_overlap_in_the_windows_own_rows() -> None:
    """Modes belong to their tasks, starts and ends fit, the overlap is the window less the step."""
    problem, rule = random_flexible_job_shop(6, 5, seed=5), Recording()
    run(problem, fixing=rule)
    assert [len(overlap.task) for overlap, _ in rule.seen[:-1]] == [7] * (len(rule.seen) - 1)
    for overlap, window in rule.seen:
        assert (window.modes.task[overlap.mode] == overlap.task).all()
        length = window.modes.duration[overlap.mode]
        assert (overlap.end - overlap.start == length).all()
        assert (np.diff(window.tasks.mode_ptr)[overlap.task] == overlap.choices).all()


def test_slack_of_a_chain_beside_a_short_task() -> None:
    """Critical tasks have none; a task beside them has the rest."""
    b = ProblemBuilder("chain")
    machine, other = b.machine("M"), b.machine("N")
    b.chain(b.task("a", duration=3, machine=machine), b.task("b", duration=4, machine=machine))
    b.task("c", duration=2, machine=other)
    problem = b.build()
    overlap = Overlap(
        np.arange(3), np.arange(3, dtype=np.int32), np.array([0, 3, 0]), np.array([3, 7, 2]),
        np.ones(3, dtype=np.int64),
    )  # fmt: skip
    assert slack(overlap, problem).tolist() == [0, 0, 5]
    random = np.random.default_rng(0)
    assert FixBySlack(0).fix(overlap, problem, random).tolist() == [True, True, False]
    assert FixBySlack(0, critical=False).fix(overlap, problem, random).tolist() == [
        False, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_order_respects_precedences(seed: int) -> None:
    """No task enters a window before one that must precede it; tails count what follows."""
    problem = random_rcpsp(30, seed=seed)
    order = progress_order(problem, np.random.default_rng(seed))
    place = np.argsort(order)
    table = problem.precedences
    assert sorted(order.tolist()) == list(range(problem.tasks.count))
    assert (place[table.source] < place[table.target]).all()
    tail = tails(problem)
    assert (tail[table.source] >= tail[table.target] + problem.modes.duration[table.target]).all()


def test_window_aims_at_the_end_of_everything() -> None:
    """The least of max lateness is the least end of the window's tasks plus what must follow."""
    b = ProblemBuilder("two jobs")
    machine = b.machine("M")
    for name, rest in (("long", 9), ("short", 1)):
        b.chain(
            b.task(f"{name} 1", duration=2, machine=machine, job=b.job(name)),
            b.task(f"{name} 2", duration=rest, machine=b.machine(f"own {name}")),
        )
    problem = b.build()
    nothing = Schedule(np.zeros(4), np.zeros(4), np.full(4, -1))
    window = window_of(
        problem, np.array([0, 2]), np.zeros(4, dtype=bool), nothing, tails(problem), np.full(4, -1)
    )
    assert window.problem.objective.kinds == {ObjectiveKind.MAX_LATENESS}
    best = solve(window.problem, engine="cpsat", threads=1).schedule
    assert best is not None
    assert best.start.tolist() == [0, 2], "the job with the longer rest goes first"


def test_what_reaches_across_windows_is_refused() -> None:
    """The message names the relation and where to go."""
    b = ProblemBuilder("no wait")
    machine = b.machine("M")
    b.no_wait(b.task("a", duration=1, machine=machine), b.task("b", duration=1, machine=machine))
    with pytest.raises(UnsupportedError, match="maximum lags"):
        run(b.build())
    with pytest.raises(UnsupportedError, match="consumables"):
        run(random_multimode_rcpsp(10, seed=1))


def test_impossible_deadline_is_unknown() -> None:
    """A window without a schedule ends the roll with a message."""
    b = ProblemBuilder("late")
    machine = b.machine("M")
    for k in range(3):
        b.task(f"T{k}", duration=4, machine=machine, deadline=8)
    result = run(b.build(), window=2, step=1)
    assert result.status is Status.UNKNOWN
    assert "no schedule" in result.message


def test_hint_is_never_made_worse() -> None:
    """A good hint survives a poor roll."""
    problem = random_job_shop(5, 5, seed=6)
    best = solve(problem, engine="cpsat", threads=1, time_limit=5).schedule
    assert best is not None
    solver = RollingSolver(RollingOptions(window=3, step=3, engine=INNER, patience=None))
    result = solve(problem, engine=solver, hint=best, threads=1, time_limit=60)
    assert result.objectives <= tuple(evaluate(problem, best))


def test_stop_ends_the_roll() -> None:
    """A stop before the start gives the hint, or nothing, at once."""
    stop = threading.Event()
    stop.set()
    result = solve(random_job_shop(5, 5, seed=6), engine="rolling", threads=1, stop=stop)
    assert result.cancelled


def test_no_task_at_all() -> None:
    """An empty problem has an empty schedule."""
    assert run(ProblemBuilder("none").build()).schedule is not None


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"window": 0}, "window"),
        ({"window": 5, "step": 6}, "step"),
        ({"patience": 0.0}, "patience"),
        ({"window_seconds": -1.0}, "window_seconds"),
        ({"engine": "rolling"}, "rolling"),
    ],
)
def test_options_are_checked(options: dict[str, object], match: str) -> None:
    """Sizes and times must make sense."""
    with pytest.raises(OptionError, match=match):
        RollingOptions(**options)
    with pytest.raises(OptionError, match="share"):
        FixShare(2.0)
