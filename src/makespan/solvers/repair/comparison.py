"""``what_if``: plan again under changes and compare, term by term and job by job."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from makespan.core.metrics import job_times, term_value
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import INFINITY, ObjectiveKind
from makespan.solvers.engine import ProgressCallback, Solver
from makespan.solvers.repair.disturbances import Disturbance
from makespan.solvers.repair.replanning import DEFAULT_SECONDS, Repair, repair

_DATED: Final = frozenset(
    {
        ObjectiveKind.TOTAL_TARDINESS,
        ObjectiveKind.MAX_TARDINESS,
        ObjectiveKind.TARDY_COUNT,
        ObjectiveKind.MAX_LATENESS,
        ObjectiveKind.TOTAL_EARLINESS,
    }
)
_CHANGE: Final = frozenset({ObjectiveKind.CHANGE, ObjectiveKind.MOVED})


@dataclass(frozen=True, slots=True)
class TermChange:
    """One objective term of the plan and of what it would become."""

    term: ObjectiveKind
    before: int
    after: int

    @property
    def delta(self) -> int:
        """After minus before; negative is better."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class JobChange:
    """Completion of one job in the plan and in what it would become; None where it has none."""

    job: str
    before: int | None
    after: int | None

    @property
    def delta(self) -> int | None:
        """Ticks by which the job completes later (or, negative, earlier)."""
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True, slots=True, eq=False)
class WhatIf:
    """The answer to "what if": the re-planned schedule and how it differs.

    Attributes
    ----------
    terms
        Every objective term that says something about the problem; those of the objective first.
    jobs
        Every job whose completion changes, the most delayed first, new and lost ones last.
    repair
        The re-planning behind the numbers.
    """

    terms: tuple[TermChange, ...]
    jobs: tuple[JobChange, ...]
    repair: Repair

    @property
    def schedule(self) -> Schedule | None:
        """The re-planned schedule."""
        return self.repair.schedule

    @property
    def later(self) -> tuple[JobChange, ...]:
        """Jobs that complete later."""
        return tuple(job for job in self.jobs if (job.delta or 0) > 0)

    @property
    def earlier(self) -> tuple[JobChange, ...]:
        """Jobs that complete earlier."""
        return tuple(job for job in self.jobs if (job.delta or 0) < 0)

    def __bool__(self) -> bool:
        """Whether a schedule was found."""
        return self.schedule is not None

    def __str__(self) -> str:
        if self.schedule is None:
            return "no schedule was found under these changes"
        lines = [
            f"{change.term.value}: {change.before} -> {change.after} ({change.delta:+})"
            for change in self.terms
        ]
        lines.append(
            f"{len(self.later)} job(s) later, {len(self.earlier)} earlier, "
            f"{len(self.repair.moves)} task(s) moved"
        )
        return "\n".join(lines)


def what_if(
    problem: Problem,
    schedule: Schedule,
    changes: Sequence[Disturbance],
    *,
    now: int | None = None,
    time_limit: float | None = DEFAULT_SECONDS,
    stability: int | None = None,
    engine: str | Solver = "alns",
    threads: int | None = None,
    seed: int = 0,
    on_progress: ProgressCallback | None = None,
    stop: threading.Event | None = None,
) -> WhatIf:
    """What would become of ``schedule`` under ``changes``.

    Parameters
    ----------
    now
        From when on the plan may be changed; default is its beginning, so that all of it may.
    time_limit, stability, engine, threads, seed, on_progress, stop
        As for :func:`repair`.

    Raises
    ------
    ProblemError
        If the schedule breaks the problem's constraints, or a change contradicts it.

    Examples
    --------
    >>> from makespan import ProblemBuilder, solve, what_if
    >>> from makespan.solvers.repair import Longer
    >>> b = ProblemBuilder("one machine")
    >>> saw = b.machine("saw")
    >>> for name in ("table", "chair"):
    ...     _ = b.task(name, duration=4, machine=saw, job=b.job(f"the {name}"))
    >>> plan = solve(b.build(), threads=1).schedule
    >>> answer = what_if(b.build(), plan, [Longer("table", 3)], threads=1)
    >>> answer.terms[0].delta
    3
    """
    when = problem.horizon_start if now is None else now
    mended = repair(
        problem, schedule, now=when, disturbances=changes, time_limit=time_limit,
        stability=stability, engine=engine, threads=threads, seed=seed,
        on_progress=on_progress, stop=stop,
    )  # fmt: skip
    if mended.schedule is None:
        return WhatIf((), (), mended)
    return WhatIf(
        tuple(
            TermChange(
                kind,
                term_value(problem, schedule, kind),
                term_value(mended.problem, mended.schedule, kind),
            )
            for kind in _telling(problem, mended.problem)
        ),
        _jobs(problem, schedule, mended.problem, mended.schedule),
        mended,
    )


def _telling(before: Problem, after: Problem) -> list[ObjectiveKind]:
    """Terms of the objective, then others that are not bound to be constant."""
    stated = [t.kind for level in after.objective.levels for t in level if t.kind not in _CHANGE]
    others = [ObjectiveKind.MAKESPAN, ObjectiveKind.TOTAL_COMPLETION]
    dated = any(
        (p.tasks.due < INFINITY).any() or (p.jobs.due < INFINITY).any() for p in (before, after)
    )
    if dated:
        others += [kind for kind in ObjectiveKind if kind in _DATED]
    if (after.resources.setup >= 0).any():
        others.append(ObjectiveKind.SETUP_TIME)
    if after.modes.cost.any():
        others.append(ObjectiveKind.MODE_COST)
    if after.resources.rate.any():
        others.append(ObjectiveKind.RESOURCE_COST)
    return list(dict.fromkeys([*stated, *others]))


def _jobs(
    problem: Problem, schedule: Schedule, rest: Problem, mended: Schedule
) -> tuple[JobChange, ...]:
    """Jobs whose completion differs, the most delayed first."""
    old, new = job_times(problem, schedule), job_times(rest, mended)
    found = []
    for k in range(rest.jobs.count):
        here = k < problem.jobs.count and bool(old.present[k])
        before = int(old.completion[k]) if here else None
        after = int(new.completion[k]) if new.present[k] else None
        if before != after:
            found.append(JobChange(rest.jobs.names[k], before, after))
    found.sort(key=lambda job: (job.delta is None, -(job.delta or 0)))
    return tuple(found)
