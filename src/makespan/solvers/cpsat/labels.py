"""Names of constraints in the user's own words, for explanations of infeasibility."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from makespan.core.problem import Problem
from makespan.core.vocabulary import INFINITY, PrecedenceKind, ResourceKind

_ENDS = {
    PrecedenceKind.FS: ("ends", "starts"),
    PrecedenceKind.SS: ("starts", "starts"),
    PrecedenceKind.FF: ("ends", "ends"),
    PrecedenceKind.SF: ("starts", "ends"),
}


class LabelKind(str, Enum):
    """What sort of statement of the problem a posted constraint comes from."""

    HORIZON = "horizon"
    RELEASE = "release"
    DEADLINE = "deadline"
    FORBIDDEN = "forbidden"
    CALENDAR = "calendar"
    PRECEDENCE = "precedence"
    MACHINE = "machine"
    SETUP = "setup"
    BLOCKING = "blocking"
    RENEWABLE = "renewable"
    CONSUMABLE = "consumable"
    RESERVOIR = "reservoir"
    NO_OVERLAP = "no_overlap"
    SAME_ORDER = "same_order"
    SELECTION = "selection"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class ConstraintLabel:
    """One constraint the user stated.

    Attributes
    ----------
    kind
        Sort of statement.
    text
        Sentence in the user's names, such as ``"cut ends before weld starts"``.
    index
        Row in the problem's table for that kind (task, job, resource, precedence, set, link or
        selection); jobs and tasks are told apart by ``text``.
    """

    kind: LabelKind
    text: str
    index: int

    def __str__(self) -> str:
        return self.text


def release_label(problem: Problem, task: int) -> ConstraintLabel:
    """A task's own release."""
    text = f"{problem.tasks.names[task]!r} starts at {problem.tasks.release[task]} or later"
    return ConstraintLabel(LabelKind.RELEASE, text, task)


def job_release_label(problem: Problem, job: int) -> ConstraintLabel:
    """Release of every task of a job."""
    text = f"job {problem.jobs.names[job]!r} starts at {problem.jobs.release[job]} or later"
    return ConstraintLabel(LabelKind.RELEASE, text, job)


def deadline_label(problem: Problem, task: int) -> ConstraintLabel:
    """A task's own deadline."""
    text = f"{problem.tasks.names[task]!r} ends by {problem.tasks.deadline[task]}"
    return ConstraintLabel(LabelKind.DEADLINE, text, task)


def job_deadline_label(problem: Problem, job: int) -> ConstraintLabel:
    """Deadline of every task of a job."""
    text = f"job {problem.jobs.names[job]!r} ends by {problem.jobs.deadline[job]}"
    return ConstraintLabel(LabelKind.DEADLINE, text, job)


def horizon_end_label(problem: Problem) -> ConstraintLabel:
    """End of the horizon."""
    return ConstraintLabel(LabelKind.HORIZON, f"every task ends by {problem.horizon_end}", 1)


def precedence_label(problem: Problem, row: int) -> ConstraintLabel:
    """A precedence relation with its lags."""
    table, names = problem.precedences, problem.tasks.names
    before, after = _ENDS[PrecedenceKind(int(table.kind[row]))]
    low, high = int(table.minimum[row]), int(table.maximum[row])
    source, target = names[int(table.source[row])], names[int(table.target[row])]
    if low == high:
        lag = "exactly when" if low == 0 else f"exactly {_ticks(low)}"
    elif high < INFINITY and low > -INFINITY:
        lag = f"{low} to {high} ticks after"
    elif high < INFINITY:
        lag = f"at most {_ticks(high)}"
    else:
        lag = "no earlier than when" if low == 0 else f"at least {_ticks(low)}"
    return ConstraintLabel(
        LabelKind.PRECEDENCE, f"{target!r} {after} {lag} {source!r} {before}", row
    )


def capacity_label(problem: Problem, resource: int) -> ConstraintLabel:
    """What a renewable, consumable or reservoir offers."""
    table = problem.resources
    name, amount = table.names[resource], int(table.capacity[resource])
    units = f"{amount} unit{'' if amount == 1 else 's'}"
    if table.kind[resource] == ResourceKind.RENEWABLE:
        stepped = table.step_ptr[resource] < table.step_ptr[resource + 1]
        text = f"{name!r} has {units}{' at first' if stepped else ' at a time'}"
        return ConstraintLabel(LabelKind.RENEWABLE, text, resource)
    if table.kind[resource] == ResourceKind.CONSUMABLE:
        return ConstraintLabel(LabelKind.CONSUMABLE, f"{name!r} has {units} in all", resource)
    low = int(table.minimum[resource])
    limits = f"at or above {low}" if amount == INFINITY else f"between {low} and {amount}"
    return ConstraintLabel(LabelKind.RESERVOIR, f"level of {name!r} stays {limits}", resource)


def _ticks(lag: int) -> str:
    count = f"{abs(lag)} tick{'' if abs(lag) == 1 else 's'}"
    return f"{count} {'after' if lag >= 0 else 'before'}"
