"""``repair``: mend a plan in execution, at once by right shift and then by search."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from makespan.core.errors import OptionError, ProblemError
from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.core.vocabulary import TICK_LIMIT, ObjectiveKind, Status
from makespan.solvers.engine import ProgressCallback, Solver
from makespan.solvers.repair.disturbances import Disturbance
from makespan.solvers.repair.rest import Rest, rest_of, with_stability
from makespan.solvers.repair.right_shift import right_shift
from makespan.solvers.solving import solve

DEFAULT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Move:
    """One task that runs at another time or in another mode than planned.

    Attributes
    ----------
    start, mode
        Planned and new start, and planned and new mode (numbered within the task).
    """

    task: str
    start: tuple[int, int]
    mode: tuple[int, int]

    def __str__(self) -> str:
        text = f"{self.task}: {self.start[0]} -> {self.start[1]}"
        return text if self.mode[0] == self.mode[1] else f"{text}, mode {self.mode[1]}"


@dataclass(frozen=True, slots=True, eq=False)
class Repair:
    """A mended plan and what became of the old one.

    Attributes
    ----------
    problem
        The rest problem under the plan's objective: past fixed, plan as baseline. ``schedule``
        verifies against it, and further repairs start from it.
    schedule
        The mended plan; None if none was found.
    right_shift
        The plan with its orders and modes kept; None where that breaks a constraint.
    before, shifted, after
        Objective levels of the old plan as it was, of the right shift and of ``schedule``; empty
        without a schedule.
    moves
        Tasks of the plan that have moved, by new start.
    dropped, added
        Names of planned tasks that are left out now, and of tasks that are new in the plan.
    waived
        Sentences about constraints that the past has broken for good.
    result
        How the search went, under the objective with stability.
    """

    problem: Problem
    schedule: Schedule | None
    right_shift: Schedule | None
    before: tuple[int, ...]
    shifted: tuple[int, ...]
    after: tuple[int, ...]
    moves: tuple[Move, ...]
    dropped: tuple[str, ...]
    added: tuple[str, ...]
    waived: tuple[str, ...]
    result: Result
    plan: Schedule

    def __bool__(self) -> bool:
        """Whether there is a schedule."""
        return self.schedule is not None


def repair(
    problem: Problem,
    schedule: Schedule,
    *,
    now: int,
    disturbances: Sequence[Disturbance] = (),
    time_limit: float | None = DEFAULT_SECONDS,
    stability: int | None = None,
    measure: ObjectiveKind | str = ObjectiveKind.MOVED,
    engine: str | Solver = "alns",
    threads: int | None = None,
    seed: int = 0,
    on_progress: ProgressCallback | None = None,
    stop: threading.Event | None = None,
) -> Repair:
    """Mend ``schedule`` at time ``now``.

    What began before ``now`` keeps its start and mode, what ended is history, the rest is planned
    again. First the plan is shifted right with all its orders kept; then the engine improves that
    until the time is over.

    Parameters
    ----------
    disturbances
        What has happened or is wanted, from :mod:`makespan.solvers.repair`.
    time_limit
        Wall seconds for the whole call; None until the engine proves its schedule best.
    stability
        How much change matters: None, fewest changes among the schedules that are best under the
        problem's objective; 0, not at all; w > 0, each unit costs w in the first level.
    measure
        What a unit of change is: ``moved``, a task with another start or mode; ``change``, a tick
        by which a start differs.
    engine
        Name of the engine that improves the plan, or a Solver.
    stop
        Set it to get the best plan so far.

    Raises
    ------
    ProblemError
        If the schedule breaks the problem's constraints, or a disturbance contradicts the plan.
    OptionError
        If an option is out of range.

    Examples
    --------
    >>> from makespan import ProblemBuilder, repair, solve
    >>> from makespan.solvers.repair import Breakdown
    >>> b = ProblemBuilder("shop")
    >>> saw, drill = b.machine("saw"), b.machine("drill")
    >>> for name in ("table", "chair"):
    ...     b.chain(
    ...         b.task(f"{name} cut", duration=3, machine=saw),
    ...         b.task(f"{name} bore", duration=2, machine=drill),
    ...     )
    >>> plan = solve(b.build(), threads=1).schedule
    >>> mended = repair(b.build(), plan, now=2, disturbances=[Breakdown("drill", 3, 6)], threads=1)
    >>> mended.before, mended.after
    ((8,), (10,))
    """
    began = time.perf_counter()
    if time_limit is not None and not time_limit > 0:
        raise OptionError(f"time_limit is {time_limit}; it must be positive")
    if not -TICK_LIMIT <= now <= TICK_LIMIT:
        raise OptionError(f"now is {now}; it must be a time of the plan")
    wrong = verify(problem, schedule)
    if wrong:
        raise ProblemError(
            f"the schedule breaks {len(wrong)} constraint(s) of {problem.name!r}: "
            f"{wrong[0].sentence}",
            hint="repair starts from a schedule that verifies",
        )
    kind = _measure(measure)
    rest = rest_of(problem, schedule, now, disturbances)
    goal = with_stability(rest.problem, stability, kind)
    shifted = right_shift(rest)
    left = None if time_limit is None else time_limit - (time.perf_counter() - began)
    result = _improved(
        goal, shifted, left, engine=engine, threads=threads, seed=seed,
        on_progress=on_progress, stop=stop,
    )  # fmt: skip
    return _told(problem, schedule, rest, shifted, result)


def _measure(measure: ObjectiveKind | str) -> ObjectiveKind:
    try:
        return ObjectiveKind(measure)
    except ValueError:
        raise OptionError(f"{measure!r} does not measure change", hint="moved or change") from None


def _improved(
    goal: Problem,
    shifted: Schedule | None,
    left: float | None,
    *,
    engine: str | Solver,
    threads: int | None,
    seed: int,
    on_progress: ProgressCallback | None,
    stop: threading.Event | None,
) -> Result:
    """The engine's result, or the right shift where that is better or no time is left."""
    if shifted is not None:
        values = tuple(evaluate(goal, shifted))
        fallback = Result(
            Status.FEASIBLE,
            shifted,
            values,
            (None,) * len(values),
            engine="right-shift",
        )
        if left is not None and left <= 0:
            return fallback
    else:
        fallback = None
    found = solve(
        goal, engine=engine, time_limit=None if left is None else max(left, 0.05), threads=threads,
        seed=seed, hint=shifted, on_progress=on_progress, stop=stop,
    )  # fmt: skip
    if fallback is not None and (not found or found.objectives > fallback.objectives):
        return replace(fallback, message=found.message, seconds=found.seconds)
    return found


def _told(
    problem: Problem, schedule: Schedule, rest: Rest, shifted: Schedule | None, result: Result
) -> Repair:
    """The result with the old plan beside it."""
    found = result.schedule
    names, ptr = rest.problem.tasks.names, rest.problem.tasks.mode_ptr
    moves: list[Move] = []
    dropped: list[str] = []
    added: list[str] = []
    if found is not None:
        old, n = rest.plan, len(schedule)
        both = old.present & found.present & ~rest.fixed
        changed = both & ((old.start != found.start) | (old.mode != found.mode))
        for i in sorted(np.flatnonzero(changed).tolist(), key=lambda i: (int(found.start[i]), i)):
            first = int(ptr[i])
            moves.append(
                Move(
                    names[i],
                    (int(old.start[i]), int(found.start[i])),
                    (int(old.mode[i]) - first, int(found.mode[i]) - first),
                )
            )
        was = np.zeros(len(found), dtype=np.bool_)
        was[:n] = schedule.present
        dropped = [names[i] for i in np.flatnonzero(was & ~found.present).tolist()]
        added = [names[i] for i in np.flatnonzero(~was & found.present).tolist()]
    return Repair(
        problem=rest.problem,
        schedule=found,
        right_shift=shifted,
        before=tuple(evaluate(problem, schedule)),
        shifted=() if shifted is None else tuple(evaluate(rest.problem, shifted)),
        after=() if found is None else tuple(evaluate(rest.problem, found)),
        moves=tuple(moves),
        dropped=tuple(dropped),
        added=tuple(added),
        waived=rest.waived,
        result=result,
        plan=rest.plan,
    )
