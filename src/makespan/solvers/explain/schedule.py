"""What holds a schedule up: its critical chain, its bottlenecks, slack, and what would help.

Everything here is read off the schedule and its orders; nothing is solved again. A lever says how
far the end would come forward if one thing changed and *every other order stayed as it is*, so a
new solve may gain more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from makespan.core.graph_schedule import Cause, Criticality, criticality
from makespan.core.graph_times import LagCycleError, earliest_times, slack
from makespan.core.metrics import resource_use, term_value
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import BoolArray, IntArray, ObjectiveKind
from makespan.solvers.explain._orders import Orders, ordered, orders
from makespan.solvers.explain._shares import shares

_WORK: Final = 3_000_000
"""Nodes and arcs that all trials of levers may visit together."""

_SHOWN: Final = 5
_CHAIN_SHOWN: Final = 30


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """A machine or renewable, how busy it is, and how often the critical chain waits for it."""

    resource: str
    utilisation: float
    waits: int

    def __str__(self) -> str:
        return f"{self.resource} {self.utilisation:.0%}"


@dataclass(frozen=True, slots=True)
class Lever:
    """A change and how many ticks earlier the schedule would end with it, other orders kept.

    Attributes
    ----------
    kind
        "resource" or "no_overlap": nothing has to wait for it; "task": it takes no time.
    """

    kind: str
    name: str
    gain: int

    def __str__(self) -> str:
        if self.kind == "task":
            return f"a shorter {self.name!r}: up to {self.gain} sooner"
        return f"no waiting for {self.name!r}: {self.gain} sooner"


@dataclass(frozen=True, slots=True)
class TermShare:
    """Value of an objective term and who contributes to it, largest first."""

    level: int
    kind: ObjectiveKind
    coefficient: int
    value: int
    contributors: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        shown = ", ".join(f"{name} {amount}" for name, amount in self.contributors[:_SHOWN])
        more = len(self.contributors) - _SHOWN
        rest = f" and {more} more" if more > 0 else ""
        return f"{self.kind.value} {self.value}: {shown}{rest}"


@dataclass(frozen=True, slots=True, eq=False)
class ScheduleReport:
    """What holds a schedule up.

    Attributes
    ----------
    criticality
        Critical tasks and a chain of them that ends last.
    slack
        Ticks by which each task alone can slip, all orders kept, until the schedule ends later or
        a deadline is missed, int64 (n,); an upper bound where breaks or windows bind; 0 for absent
        tasks.
    bottlenecks
        Machines and renewables in use, busiest first.
    levers
        Changes that would bring the end forward, most effective first.
    terms
        Each term of the objective with its contributors.
    """

    names: tuple[str, ...]
    makespan: int
    starts: tuple[tuple[int, int], ...]
    criticality: Criticality
    slack: IntArray
    bottlenecks: tuple[Bottleneck, ...]
    levers: tuple[Lever, ...]
    terms: tuple[TermShare, ...]

    @property
    def critical(self) -> BoolArray:
        """Which tasks cannot slip without moving the end, bool (n,)."""
        return self.criticality.critical

    @property
    def chain(self) -> tuple[str, ...]:
        """Sentences of the critical chain, one per task, long ones without their middle."""
        told = []
        for k, name in enumerate(self.names):
            start, end = self.starts[k]
            text = f"{name}  {start}-{end}"
            if k:
                push = self.criticality.pushes[k - 1]
                cause = (
                    "after the one before, by precedence"
                    if push.cause is Cause.PRECEDENCE
                    else f"waits for {push.subject}"
                )
                text = f"{text}  {cause}"
            told.append(text)
        if len(told) <= _CHAIN_SHOWN:
            return tuple(told)
        half = _CHAIN_SHOWN // 2
        return (*told[:half], f"… {len(told) - 2 * half} more …", *told[-half:])

    @property
    def told_terms(self) -> tuple[TermShare, ...]:
        """Terms that say more than the critical chain does: not the makespan, and not 0."""
        return tuple(
            term
            for term in self.terms
            if term.kind is not ObjectiveKind.MAKESPAN and term.contributors
        )

    def __str__(self) -> str:
        told = f"{int(self.critical.sum())} of {len(self.critical)} tasks cannot slip"
        lines = [f"Ends at {self.makespan}. {told} without moving the end; a chain of them:"]
        lines += [f"  {step}" for step in self.chain]
        if self.bottlenecks:
            lines.append("Busiest: " + ", ".join(str(b) for b in self.bottlenecks[:_SHOWN]))
        if self.levers:
            lines.append("What would help, all other orders kept:")
            lines += [f"  {lever}" for lever in self.levers[:_SHOWN]]
        lines += [str(term) for term in self.told_terms]
        return "\n".join(lines)


def explain_schedule(problem: Problem, schedule: Schedule) -> ScheduleReport:
    """Critical chain, slack, bottlenecks, levers and contributions of a feasible schedule.

    O((n + p + d) log n) for d demands, plus a bounded number of longest-path trials.

    Raises
    ------
    ProblemError
        If the schedule is not one of this problem.
    """
    terms = _terms(problem, schedule)
    found = criticality(problem, schedule)
    held = orders(problem, schedule)
    return ScheduleReport(
        names=tuple(problem.tasks.names[i] for i in found.chain),
        makespan=schedule.makespan,
        starts=tuple((int(schedule.start[i]), int(schedule.end[i])) for i in found.chain),
        criticality=found,
        slack=_slack(problem, schedule, held, found.critical),
        bottlenecks=_bottlenecks(problem, schedule, found),
        levers=_levers(problem, schedule, held, found),
        terms=terms,
    )


def _terms(problem: Problem, schedule: Schedule) -> tuple[TermShare, ...]:
    return tuple(
        TermShare(
            number,
            term.kind,
            term.coefficient,
            term_value(problem, schedule, term.kind),
            tuple(shares(problem, schedule, term.kind)),
        )
        for number, level in enumerate(problem.objective.levels)
        for term in level
    )


def _slack(problem: Problem, schedule: Schedule, held: Orders, critical: BoolArray) -> IntArray:
    """Latest start by lags, orders and deadlines, minus the start in the schedule."""
    if not schedule.present.any():
        return np.zeros(len(schedule), dtype=np.int64)
    last = slack(
        ordered(problem, held),
        schedule.makespan,
        duration=schedule.end - schedule.start,
        present=schedule.present,
    ).latest
    room = np.where(schedule.present, last.start - schedule.start, 0)
    # Breaks and windows may make a task critical that the lags alone would let slip.
    room[critical] = 0
    return np.maximum(room, 0)


def _bottlenecks(
    problem: Problem, schedule: Schedule, found: Criticality
) -> tuple[Bottleneck, ...]:
    use = resource_use(problem, schedule)
    waits: dict[str, int] = {}
    for push in found.pushes:
        if push.cause in (Cause.MACHINE, Cause.RENEWABLE):
            waits[push.subject] = waits.get(push.subject, 0) + 1
    rows = [
        Bottleneck(name, share, waits.get(name, 0))
        for name, share in zip(problem.resources.names, use.utilisation, strict=True)
        if share > 0
    ]
    return tuple(sorted(rows, key=lambda b: (-b.utilisation, b.resource)))


def _levers(
    problem: Problem, schedule: Schedule, held: Orders, found: Criticality
) -> tuple[Lever, ...]:
    """Trials of leaving out what the critical chain consists of, one thing at a time."""
    length = schedule.end - schedule.start

    def end_of(trial: Problem, duration: IntArray) -> int:
        times = earliest_times(trial, duration=duration, present=schedule.present)
        return int(times.end[schedule.present].max(initial=problem.horizon_start))

    whole = ordered(problem, held)
    base = end_of(whole, length)
    size = 2 * problem.tasks.count + whole.precedences.count
    trials = max(4, _WORK // max(size, 1))
    levers = []
    for kind, name, line in _lines(problem, found)[:trials]:
        gain = base - end_of(ordered(problem, held, without=line), length)
        levers.append(Lever(kind, name, gain))
    longest = sorted(found.chain, key=lambda i: (-int(length[i]), i))
    for i in longest[: max(0, trials - len(levers))]:
        shorter = length.copy()
        shorter[i] = 0
        try:
            gain = base - end_of(whole, shorter)
        except LagCycleError:
            continue  # orders or maximum lags need the time this task takes
        levers.append(Lever("task", problem.tasks.names[i], gain))
    useful = [lever for lever in levers if lever.gain > 0]
    return tuple(sorted(useful, key=lambda lever: (-lever.gain, lever.kind, lever.name)))


def _lines(problem: Problem, found: Criticality) -> list[tuple[str, str, int]]:
    """Resources and sets that the critical chain waits for: kind, name and line of orders."""
    lines: dict[tuple[str, str, int], None] = {}
    for push in found.pushes:
        if push.cause is Cause.NO_OVERLAP:
            number = problem.no_overlaps.names.find(push.subject)
            if number is not None:
                lines["no_overlap", push.subject, problem.resources.count + number] = None
        elif push.cause is not Cause.PRECEDENCE:
            number = problem.resources.names.find(push.subject)
            if number is not None:
                lines["resource", push.subject, number] = None
    return list(lines)
