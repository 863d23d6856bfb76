"""A Trace: what happened, as intervals, events and counters, in real or virtual time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from makespan.core.errors import ProblemError

if TYPE_CHECKING:
    from makespan.core.problem import Problem
    from makespan.core.schedule import Schedule


class IntervalKind(str, Enum):
    """What a resource was doing."""

    RUN = "run"
    SETUP = "setup"
    BLOCKED = "blocked"
    SUSPENDED = "suspended"
    TRANSFER = "transfer"
    WAIT = "wait"
    DOWN = "down"
    OVERHEAD = "overhead"


@dataclass(frozen=True, slots=True)
class Interval:
    """Half-open interval ``[start, end)`` on a resource; ``resource`` or ``task`` may be ''."""

    resource: str
    task: str
    kind: IntervalKind
    start: float
    end: float
    amount: int = 1
    mode: int = -1


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at an instant."""

    time: float
    kind: str
    payload: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Counter:
    """Value of a named quantity from ``time`` on."""

    name: str
    time: float
    value: float


@dataclass(frozen=True, slots=True)
class Trace:
    """Record of an execution or simulation, or of a plan seen as one.

    Attributes
    ----------
    time_unit
        "tick" or "s".
    tasks, resources
        Declared names; every interval refers to these.

    Raises
    ------
    ProblemError
        On an undeclared name, a negative interval, events or counters that go back in time, or a
        time that is not a number.
    """

    name: str
    time_unit: str
    tasks: tuple[str, ...]
    resources: tuple[str, ...]
    intervals: tuple[Interval, ...] = ()
    events: tuple[Event, ...] = ()
    counters: tuple[Counter, ...] = ()

    def __post_init__(self) -> None:
        known_tasks, known_resources = set(self.tasks), set(self.resources)
        for item in self.intervals:
            # Negated, so that NaN, which is neither before nor after, is refused too.
            if not item.start <= item.end:
                raise ProblemError(
                    f"trace {self.name!r}: interval of task {item.task!r} on "
                    f"{item.resource!r} ends at {item.end} before it starts at {item.start}"
                )
            if item.task and item.task not in known_tasks:
                raise ProblemError(f"trace {self.name!r}: undeclared task {item.task!r}")
            if item.resource and item.resource not in known_resources:
                raise ProblemError(f"trace {self.name!r}: undeclared resource {item.resource!r}")
        latest = -math.inf
        for event in self.events:
            if not event.time >= latest:
                raise ProblemError(
                    f"trace {self.name!r}: event {event.kind!r} goes back at {event.time}"
                )
            latest = event.time
        last: dict[str, float] = {}
        for counter in self.counters:
            if not counter.time >= last.get(counter.name, -math.inf):
                raise ProblemError(
                    f"trace {self.name!r}: counter {counter.name!r} goes back at {counter.time}"
                )
            last[counter.name] = counter.time

    @classmethod
    def from_schedule(cls, problem: Problem, schedule: Schedule) -> Trace:
        """The plan as a trace: runs, breaks, blocking and setups on every resource used.

        A present task yields run intervals on each machine and renewable its mode uses (or one on
        the resource '' if it uses none), so :meth:`to_schedule` gets a schedule back if its tasks
        start and end at work, as those of every valid schedule do.
        """
        from makespan.core.tracing import trace_of_schedule

        return trace_of_schedule(problem, schedule)

    def to_schedule(self, problem: Problem) -> Schedule:
        """The schedule this trace ran, from its run and suspended intervals."""
        from makespan.core.tracing import schedule_of_trace

        return schedule_of_trace(problem, self)
