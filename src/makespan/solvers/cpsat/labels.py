"""Names of constraints in the user's own words, for explanations of infeasibility."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


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
