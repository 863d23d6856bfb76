"""Row layouts of the integer tables that the compiled kernels read and write.

A kernel takes two tuples: :class:`Tables`, the problem, shared by all threads and never written,
and :class:`State`, one partial schedule. Both hold few wide int64 arrays instead of many narrow
ones, because every array costs time on each call between compiled functions.
"""

from __future__ import annotations

from typing import Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt
from numba import types
from numba.experimental import structref

from makespan.core.vocabulary import Blocking, BoolArray, IntArray

FloatArray = npt.NDArray[np.float64]
SeedArray = npt.NDArray[np.uint64]

NO_SWAP: Final = int(Blocking.NO_SWAP)

FAR: Final = 1 << 60
"""No such time: the task fits nowhere."""

STARVED: Final = FAR + 1
"""The task waits for a reservoir change that is not scheduled yet."""

# Arguments of kernels. numba compiles a kernel anew for each literal it is called with, but not
# for NumPy scalars, so constants that choose between two ways of working are such.
ANY_TIME: Final = cast("int", np.int64(-FAR))
ZERO: Final = cast("int", np.int64(0))
NO: Final = cast("bool", np.bool_(False))
YES: Final = cast("bool", np.bool_(True))

# Columns of Tables.task; *_FROM/*_TO are half-open row ranges of another table.
RELEASE: Final = 0
DEADLINE: Final = 1
FAMILY: Final = 2
MODE_FROM: Final = 3
MODE_TO: Final = 4
FORBID_FROM: Final = 5
FORBID_TO: Final = 6
ARC_FROM: Final = 7
ARC_TO: Final = 8
SET_FROM: Final = 9
SET_TO: Final = 10
BLOCK: Final = 11
JOB: Final = 12
PLACE: Final = 13
BLOCKING: Final = 14
LINK_FROM: Final = 15
LINK_TO: Final = 16
TASK_COLUMNS: Final = 17

# Columns of Tables.mode.
DURATION: Final = 0
PATTERN: Final = 1
DEMAND_FROM: Final = 2
DEMAND_TO: Final = 3
COST: Final = 4
MODE_COLUMNS: Final = 5

# Columns of Tables.demand.
RESOURCE: Final = 0
AMOUNT: Final = 1
WHAT: Final = 2
DEMAND_COLUMNS: Final = 3

ON_MACHINE: Final = 0
ON_RENEWABLE: Final = 1
ON_CONSUMABLE: Final = 2
AT_START: Final = 3
AT_END: Final = 4

# Columns of Tables.arc: "my end >= its end + WEIGHT" (SENSE 1) or "<=" (SENSE -1).
OTHER: Final = 0
MY_END: Final = 1
ITS_END: Final = 2
WEIGHT: Final = 3
SENSE: Final = 4
ARC_COLUMNS: Final = 5

# Columns of Tables.resource. SETUP_AT points into Tables.setup: f * f times, then f initial ones.
SETUP_AT: Final = 0
FAMILIES: Final = 1
RELEASED: Final = 2
HOLDS: Final = 3
LEVEL_MIN: Final = 4
LEVEL_MAX: Final = 5
LEVEL_START: Final = 6
RESOURCE_COLUMNS: Final = 7

# Columns of Tables.pattern: a set of calendars that a mode obeys together.
WORK_FROM: Final = 0
WORK_TO: Final = 1
GUARD_FROM: Final = 2
GUARD_TO: Final = 3
SUSPENDS: Final = 4
PATTERN_COLUMNS: Final = 5

# Columns of Tables.block: tasks that are placed, and withdrawn, together.
MEMBER_FROM: Final = 0
MEMBER_TO: Final = 1
NEXT_FROM: Final = 2
NEXT_TO: Final = 3
WAITS: Final = 4
STOCKS: Final = 5
BLOCK_COLUMNS: Final = 6

# Columns of Tables.link.
LINKED: Final = 0
GROUP: Final = 1
ALIKE: Final = 2
LINK_COLUMNS: Final = 3

# Columns of State.place.
START: Final = 0
END: Final = 1
MODE: Final = 2
PLACED: Final = 3
PLACE_COLUMNS: Final = 4

# Columns of State.busy (timelines: machines, then no-overlap sets).
FROM: Final = 0
UNTIL: Final = 1
WHO: Final = 2
BUSY_COLUMNS: Final = 3

# Columns of State.free (renewables) and State.level (reservoirs): value from TIME on.
TIME: Final = 0
VALUE: Final = 1

# What is wanted of a task.
LEAVE_OUT: Final = 0
REQUIRE: Final = 1
TRY: Final = 2
TRY_LAST: Final = 3

# Outcome of a scheme, in State.report[0]; the task at fault is in State.report[1].
DONE: Final = 0
NO_ROOM: Final = 1
NO_STOCK: Final = 2
TOO_TIGHT: Final = 3
NO_CHOICE: Final = 4
HALTED: Final = 5
OVERTAKEN: Final = 6


class Tables(NamedTuple):
    """The problem as the kernels see it; row layouts are the column constants above."""

    task: IntArray
    mode: IntArray
    demand: IntArray
    arc: IntArray
    resource: IntArray
    setup: IntArray
    pattern: IntArray
    span: IntArray
    forbidden: IntArray
    task_set: IntArray
    block: IntArray
    member: IntArray
    follower: IntArray
    link: IntArray
    in_group: BoolArray
    busy_at: IntArray
    free_at: IntArray
    free_init: IntArray
    free_count: IntArray
    level_at: IntArray
    stock: IntArray
    job_at: IntArray
    job_task: IntArray


class State(NamedTuple):
    """One partial schedule and the working memory to extend it.

    Another thread may set ``halt[0]`` to end a run.
    """

    place: IntArray
    busy: IntArray
    busy_count: IntArray
    free: IntArray
    free_count: IntArray
    level: IntArray
    level_count: IntArray
    left: IntArray
    safe: IntArray
    floor: IntArray
    waits: IntArray
    want: IntArray
    ready: IntArray
    queued: IntArray
    key: FloatArray
    heap_key: FloatArray
    heap: IntArray
    other_key: FloatArray
    other: IntArray
    scratch: IntArray
    report: IntArray
    halt: IntArray
    dice: SeedArray


# Passed by value, these tuples would be hundreds of machine words on every call between kernels,
# and take minutes to compile. Entry points therefore wrap them once into compiled structures,
# which are passed by reference and read with the same names.
@structref.register
class _TablesType(types.StructRef):
    """Compiled type of :class:`TablesRef`."""


@structref.register
class _StateType(types.StructRef):
    """Compiled type of :class:`StateRef`."""


class TablesRef(structref.StructRefProxy):
    """:class:`Tables` by reference, for compiled code only."""


class StateRef(structref.StructRefProxy):
    """:class:`State` by reference, for compiled code only."""


structref.define_proxy(TablesRef, _TablesType, list(Tables._fields))
structref.define_proxy(StateRef, _StateType, list(State._fields))
