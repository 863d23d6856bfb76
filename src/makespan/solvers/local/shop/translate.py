"""From schedules of the problem to solutions of the kernels and back."""

from __future__ import annotations

import numpy as np

from makespan.core.schedule import Schedule
from makespan.solvers.local.shapes import Shop
from makespan.solvers.local.shop.layout import Int32, State, Tables, UInt32


def solution_of(shop: Shop, tables: Tables, schedule: Schedule) -> tuple[UInt32, Int32]:
    """A schedule of the problem as order and options."""
    rows = tables.operation
    machine = shop.option_machine[shop.options_of(schedule)]
    option = np.zeros(len(tables.chain), dtype=np.int32)
    for a in range(int(np.diff(tables.option_ptr).max())):
        index = tables.option_ptr[rows] + a
        valid = index < tables.option_ptr[rows + 1]
        hit = rows[valid][tables.option_machine[index[valid]] == machine[valid]]
        option[hit] = tables.option_ptr[hit] + a
    # Ties of zero durations are broken by the place in the chain: ends first, then rows.
    task = shop.task
    by = np.lexsort((np.arange(len(rows)), schedule.end[task], schedule.start[task]))
    return rows[by], option


def schedule_of(shop: Shop, tables: Tables, state: State) -> Schedule:
    """The schedule that the state holds."""
    rows = tables.operation
    start = state.head[rows].astype(np.int64) - state.duration[rows] + int(shop.release.min())
    return shop.schedule(start, tables.shop_option[state.option[rows]])
