"""Typed handles a ProblemBuilder gives out, so that users never pass bare indices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from makespan.core.vocabulary import ResourceKind

if TYPE_CHECKING:
    from makespan.core.builder import ProblemBuilder


@dataclass(frozen=True, slots=True, eq=False)
class _Handle:
    # Compared by identity: a builder gives out each handle once.
    name: str
    index: int
    owner: ProblemBuilder = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class ResourceHandle(_Handle):
    """A resource of the builder."""

    kind: ResourceKind


@dataclass(frozen=True, slots=True, eq=False)
class JobHandle(_Handle):
    """A job of the builder."""


@dataclass(frozen=True, slots=True, eq=False)
class GroupHandle(_Handle):
    """A named set of resources."""


@dataclass(frozen=True, slots=True, eq=False)
class SetupHandle(_Handle):
    """A setup matrix of the builder."""


@dataclass(frozen=True, slots=True, eq=False)
class TaskHandle(_Handle):
    """A task of the builder; add alternatives with :meth:`mode`, relations with :meth:`after`."""

    def mode(
        self,
        duration: int,
        machine: ResourceHandle | Sequence[ResourceHandle] = (),
        *,
        demands: Mapping[ResourceHandle, int] | None = None,
        starts_with: Mapping[ResourceHandle, int] | None = None,
        ends_with: Mapping[ResourceHandle, int] | None = None,
        cost: int = 0,
    ) -> TaskHandle:
        """One more way to do this task; returns the task, so calls chain.

        Parameters
        ----------
        duration
            Processing ticks, >= 0.
        machine
            Machine or machines held.
        demands
            Amount per renewable (units per tick) and consumable (units once).
        starts_with, ends_with
            Signed change of reservoirs at the start and at the end.
        cost
            Mode cost, >= 0.
        """
        # A handle is the builder's other half, so it may use what others may not.
        self.owner._add_mode(  # noqa: SLF001
            self, duration, machine, demands, starts_with, ends_with, cost
        )
        return self

    def after(self, *tasks: TaskHandle, lag: int = 0) -> TaskHandle:
        """Start at least ``lag`` ticks after each of ``tasks`` ends; returns this task."""
        pairs = [(task, self) for task in tasks]
        self.owner._add_precedences(pairs, min_lag=lag)  # noqa: SLF001
        return self
