"""What the verifier reports: kind, tasks, resource, amount and a sentence for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class ViolationKind(str, Enum):
    """Which rule of the semantics a schedule breaks; the comment says what ``amount`` counts."""

    SHAPE = "shape"  # tasks too few or too many
    MODE = "mode"  # 1
    PRESENCE = "presence"  # 1
    HORIZON = "horizon"  # ticks outside
    DURATION = "duration"  # ticks between the stated and the right end
    CALENDAR = "calendar"  # non-working ticks inside the task, or ticks from its start to work
    RELEASE = "release"  # ticks too early
    DEADLINE = "deadline"  # ticks too late
    JOB_RELEASE = "job_release"  # ticks too early
    JOB_DEADLINE = "job_deadline"  # ticks too late
    FORBIDDEN = "forbidden"  # ticks inside the forbidden interval (1 for a milestone)
    OVERLAP = "overlap"  # ticks shared
    BLOCKING = "blocking"  # ticks shared with the time a blocked machine is kept
    MILESTONE = "milestone"  # ticks to the nearer end of the task it lies in
    SETUP = "setup"  # ticks too early
    SWAP = "swap"  # moves in the cycle
    CAPACITY = "capacity"  # units above capacity at the worst tick
    CONSUMABLE = "consumable"  # units above the amount
    RESERVOIR_LOW = "reservoir_low"  # units below the minimum at the worst instant
    RESERVOIR_HIGH = "reservoir_high"  # units above the maximum at the worst instant
    PRECEDENCE_MIN = "precedence_min"  # ticks too early
    PRECEDENCE_MAX = "precedence_max"  # ticks too late
    NO_OVERLAP = "no_overlap"  # ticks shared (milestone: ticks to the nearer end)
    SAME_ORDER = "same_order"  # ticks by which the later job starts first
    SAME_RESOURCE = "same_resource"  # resources used by one task only
    DIFFERENT_RESOURCE = "different_resource"  # resources used by both tasks
    EXACTLY_ONE = "exactly_one"  # tasks too few or too many
    AT_MOST_ONE = "at_most_one"  # tasks too many
    ALL_OR_NONE = "all_or_none"  # tasks missing
    IMPLIES = "implies"  # tasks missing


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule.

    Attributes
    ----------
    kind
        The rule.
    tasks
        Names of the tasks involved, in order of time where time is involved.
    resource
        Name of the resource involved, None if there is none.
    amount
        By how much, at least 1; :class:`ViolationKind` says in what unit.
    sentence
        The same for people, with names and times.
    """

    kind: ViolationKind
    tasks: tuple[str, ...]
    resource: str | None
    amount: int
    sentence: str

    def __str__(self) -> str:
        return self.sentence


def listed(names: Sequence[str], most: int = 6) -> str:
    """Quoted names joined by commas, the rest as a number."""
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def ticks(amount: int) -> str:
    """``1 tick``, ``2 ticks``."""
    return f"{amount} tick" if amount == 1 else f"{amount} ticks"
