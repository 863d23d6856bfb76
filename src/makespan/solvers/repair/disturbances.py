"""What may go wrong, or be decided, while a schedule is carried out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from makespan.core.problem import Problem


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A machine or renewable offers nothing in ``[start, until)``.

    A task that is running on a machine when it breaks stays there and goes on afterwards.
    """

    resource: str
    start: int
    until: int


@dataclass(frozen=True, slots=True)
class CapacityDrop:
    """A renewable offers at most ``capacity`` in ``[start, until)``.

    Tasks that are running keep what they hold, so the rest sees whatever is left below that.
    """

    resource: str
    start: int
    until: int
    capacity: int


@dataclass(frozen=True, slots=True)
class Late:
    """A running task ends ``by`` working ticks later; another starts that much later at least."""

    task: str
    by: int


@dataclass(frozen=True, slots=True)
class Longer:
    """A task that is running or still to come takes ``by`` ticks of work more."""

    task: str
    by: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A running task ended already at ``at``, or just now."""

    task: str
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A job or task is no longer wanted: what has not begun of it is left out."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class NewWork:
    """The jobs and tasks of another problem on resources of the same names come on top.

    Its own resources, calendars, setups and objective are not read, but every resource that its
    tasks name must exist in the plan's problem, and be of the same kind.
    """

    problem: Problem


@dataclass(frozen=True, slots=True)
class NewDue:
    """A job or task gets another due date; None takes it away."""

    name: str
    due: int | None


@dataclass(frozen=True, slots=True)
class NewDeadline:
    """A job or task gets another hard deadline; None takes it away."""

    name: str
    deadline: int | None


@dataclass(frozen=True, slots=True)
class NewRelease:
    """What has not begun of a job or task cannot begin before ``release``."""

    name: str
    release: int


Disturbance: TypeAlias = (
    Breakdown
    | CapacityDrop
    | Late
    | Longer
    | Finished
    | Cancelled
    | NewWork
    | NewDue
    | NewDeadline
    | NewRelease
)
"""Anything that repair takes into account."""
