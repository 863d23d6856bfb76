"""Mutable rows a ProblemBuilder collects before they are frozen into arrays."""

from __future__ import annotations

from dataclasses import dataclass, field

from makespan.core.vocabulary import Blocking, DemandTiming, ResourceKind


@dataclass(slots=True)
class ResourceRow:
    name: str
    kind: ResourceKind
    capacity: int
    minimum: int = 0
    initial: int = 0
    calendar: int = -1
    suspend: bool = False
    released: bool = False
    blocking: Blocking = Blocking.NONE
    rate: int = 0
    setup: int = -1
    steps: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class ModeRow:
    duration: int
    cost: int
    demands: list[tuple[int, int, DemandTiming]]


@dataclass(slots=True)
class TaskRow:
    name: str
    job: int
    release: int
    deadline: int
    due: int
    weight: int
    optional: bool
    reward: int
    family: int
    blocking: Blocking
    forbidden: list[tuple[int, int]]
    baseline_start: int
    baseline_mode: int
    modes: list[ModeRow] = field(default_factory=list)


@dataclass(slots=True)
class JobRow:
    name: str
    release: int
    deadline: int
    due: int
    weight: int
    tasks: list[int] = field(default_factory=list)
