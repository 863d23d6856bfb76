"""The closed sets of words a Problem is made of, as small integers that fit flat arrays."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
IndexArray = npt.NDArray[np.int32]
CodeArray = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]

INFINITY: Final = 1 << 60
"""'No limit' for deadlines and maximum lags, and 'none' for due dates and baselines (ticks)."""

TICK_LIMIT: Final = 1 << 44
"""Largest magnitude of a time or amount a user may state; sums of a million stay in int64."""


class ResourceKind(IntEnum):
    """What a resource limits."""

    MACHINE = 0
    RENEWABLE = 1
    CONSUMABLE = 2
    RESERVOIR = 3


class DemandTiming(IntEnum):
    """When a mode's demand acts: while the task runs, or as a signed change at an instant."""

    DURING = 0
    AT_START = 1
    AT_END = 2


class PrecedenceKind(IntEnum):
    """Which ends of the two tasks a lag is measured between: first letter from, second to."""

    FS = 0
    SS = 1
    FF = 2
    SF = 3


class Blocking(IntEnum):
    """Whether a finished task keeps its machine until its job's next task starts."""

    NONE = 0
    SWAP = 1
    NO_SWAP = 2


class LinkKind(IntEnum):
    """How the resources chosen by two tasks must relate within a resource group."""

    SAME = 0
    DIFFERENT = 1


class SelectionKind(IntEnum):
    """How the presence of a set of optional tasks is tied together."""

    EXACTLY_ONE = 0
    AT_MOST_ONE = 1
    ALL_OR_NONE = 2
    IMPLIES = 3


class ObjectiveKind(str, Enum):
    """Terms that can be minimised; definitions in the semantics page of the docs."""

    MAKESPAN = "makespan"
    TOTAL_COMPLETION = "total_completion"
    TOTAL_FLOW_TIME = "total_flow_time"
    TOTAL_TARDINESS = "total_tardiness"
    MAX_TARDINESS = "max_tardiness"
    TARDY_COUNT = "tardy_count"
    MAX_LATENESS = "max_lateness"
    TOTAL_EARLINESS = "total_earliness"
    RESOURCE_COST = "resource_cost"
    MODE_COST = "mode_cost"
    SETUP_TIME = "setup_time"
    SETUP_COST = "setup_cost"
    UNPLACED = "unplaced"
    CHANGE = "change"
    MOVED = "moved"


class Status(str, Enum):
    """What an engine knows about the schedule it returns."""

    OPTIMAL = "OPTIMAL"
    FEASIBLE = "FEASIBLE"
    INFEASIBLE = "INFEASIBLE"
    UNKNOWN = "UNKNOWN"
