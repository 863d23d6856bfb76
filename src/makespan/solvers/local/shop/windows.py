"""Parts of a schedule as shops of their own: a stretch of a topological order.

No path leaves such a stretch and comes back. So the rest of the schedule acts on it through the
ends of the operations before it and the longest paths behind it alone: the heads of the rows
before its chains and machines, the tails of the rows after them. The longest path through the
stretch, with these, is what a tabu search of the part minimises; it never exceeds the makespan of
the whole, and what is saved is saved there as well if every critical path crosses the stretch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.solvers.local.shop.compiled import kernel
from makespan.solvers.local.shop.graph import build
from makespan.solvers.local.shop.layout import Int32, State, Tables, UInt32, state


@kernel
def boundary(
    T: Tables,
    option: Int32,
    order: UInt32,
    low: int,
    high: int,
    head: Int32,
    tail: Int32,
    before: Int32,
    after: Int32,
) -> None:
    """Fill the heads and tails of what the machines do around ``order[low:high]``.

    The head of the last operation before and the tail of the first after, 0 where there is none.
    Looks no further than it has to.
    """
    machines = len(before)
    for k in range(machines):
        before[k] = after[k] = -1
    found = 0
    i = low
    while i > 0 and found < machines:
        i -= 1
        x = order[i]
        k = T.option_machine[option[x]]
        if before[k] < 0:
            before[k] = head[x]
            found += 1
    found = 0
    i = high
    while i < len(order) and found < machines:
        x = order[i]
        k = T.option_machine[option[x]]
        if after[k] < 0:
            after[k] = tail[x]
            found += 1
        i += 1
    for k in range(machines):
        before[k] = max(0, before[k])
        after[k] = max(0, after[k])


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a schedule as tables and state, with the way back.

    Attributes
    ----------
    rows
        Row of the whole for every operation of the part.
    options
        Option of the whole behind every option of the part.
    order, option
        The stretch as it is now, as a solution of the part; a search may improve them in place.
    """

    tables: Tables
    state: State
    rows: IntArray
    options: IntArray
    order: UInt32
    option: Int32

    @classmethod
    def of(
        cls,
        whole: Tables,
        order: UInt32,
        option: Int32,
        low: int,
        high: int,
        head: Int32,
        tail: Int32,
    ) -> Part:
        """The part ``order[low:high]`` of (order, option).

        Parameters
        ----------
        head, tail
            Of every row of the whole, right for the operations before and after the part.
        """
        stretch = order[low:high].astype(np.int64)
        rows = np.sort(stretch)
        n = len(rows)
        fresh = np.ones(n, dtype=bool)
        fresh[1:] = whole.chain[rows[1:]] != whole.chain[rows[:-1]]
        owner = np.cumsum(fresh) - 1
        chains = int(owner[-1]) + 1
        operation = np.arange(n) + owner + 2
        first = np.flatnonzero(fresh)
        last = np.append(first[1:], n) - 1
        begin, end = whole.option_ptr[rows], whole.option_ptr[rows + 1]
        sizes = (end - begin).astype(np.int64)
        within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        options = np.repeat(begin, sizes) + within
        used, machine = np.unique(whole.option_machine[options], return_inverse=True)
        plain = n + chains + 2
        total = plain + len(used)
        chain = np.zeros(total, dtype=np.int32)
        chain[operation] = owner
        release = np.zeros(total, dtype=np.int32)
        release[operation] = whole.release[rows]
        count = np.zeros(total + 1, dtype=np.int64)
        count[operation + 1] = sizes
        option_ptr = np.cumsum(count).astype(np.int32)
        room = np.zeros(len(used) + 1, dtype=np.int64)
        room[1:] = np.cumsum(np.bincount(machine, minlength=len(used)))
        tables = Tables(
            operation=operation.astype(np.uint32),
            first=operation[first].astype(np.uint32),
            last=operation[last].astype(np.uint32),
            chain=chain,
            option_ptr=option_ptr,
            option_machine=machine.astype(np.uint32),
            option_duration=whole.option_duration[options],
            shop_option=options.astype(np.int64),
            release=release,
            line_ptr=room,
            strict=whole.strict,
        )
        S = state(tables)
        machines = len(whole.line_ptr) - 1
        before, after = np.zeros((2, machines), dtype=np.int32)
        boundary(whole, option, order, low, high, head, tail, before, after)
        fence = np.arange(plain, total)
        S.fence[:] = fence
        S.head[fence], S.tail[fence] = before[used], after[used]
        S.head[operation[first] - 1] = head[rows[first] - 1]
        S.tail[operation[last] + 1] = tail[rows[last] + 1]
        # Rows that are no operations are on no machine.
        S.machine[:] = len(used)
        chosen = np.zeros(total, dtype=np.int32)
        chosen[operation] = option_ptr[operation] + (option[rows] - begin)
        place = np.searchsorted(rows, stretch)
        return cls(tables, S, rows, options, operation[place].astype(np.uint32), chosen)

    def put_back(self, order: UInt32, option: Int32, low: int) -> int:
        """Write the part into the whole's solution; returns the longest path through it."""
        S = self.state
        value = int(build(self.tables, S, self.order, self.option))
        operation = self.tables.operation
        # By starts, so that stretches of the order are stretches of time.
        start = S.head[self.order] - S.duration[self.order]
        sequence = self.order[np.argsort(start, kind="stable")]
        order[low : low + len(sequence)] = self.rows[np.searchsorted(operation, sequence)]
        option[self.rows] = self.options[self.option[operation]]
        return value
