"""Total tardiness by decomposition with a memory of solved subproblems: exact, hundreds of jobs.

E. L. Lawler, "A pseudopolynomial algorithm for sequencing jobs to minimize total tardiness",
Annals of Discrete Mathematics 1 (1977): in due-date order, the longest job takes some later place,
and the jobs before and behind it are then known. C. N. Potts and L. N. Van Wassenhove, "A
decomposition algorithm for the single machine total tardiness problem", Operations Research
Letters 1 (1982): which places need not be tried. W. Szwarc, A. Grosso and F. Della Croce,
"Algorithmic paradoxes of the single-machine total tardiness problem", Journal of Scheduling 4
(2001): with a memory of solved subproblems, bounds no longer pay. H. Emmons, "One-machine
sequencing to minimize certain functions of job tardiness", Operations Research 17 (1969): jobs
that are first or last.

Ours: every subproblem modifies its due dates to max(d, start + p), which changes its value by a
constant, its due-date order for the better, and leaves set and start as the whole key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray
from makespan.shop.single_machine import _branching as at
from makespan.shop.single_machine.dispatching import shortest_first
from makespan.shop.single_machine.jobs import Jobs

MOST_JOBS: Final = 4000
"""The arena of the search takes 8 n^2 bytes."""

MEMORY: Final = 256
"""MiB that the table of solved subproblems may take."""

_FEWEST_SLOTS: Final = 1 << 10


@dataclass(frozen=True, slots=True, eq=False)
class Decomposed:
    """What the search found.

    Attributes
    ----------
    order, value
        An optimal order, int64 (n,), and its total tardiness.
    nodes
        Subproblems looked at.
    stored
        Slots of the table in use at the end.
    """

    order: IntArray
    value: int
    nodes: int
    stored: int


def decompose(
    jobs: Jobs, *, halt: IntArray | None = None, memory: int = MEMORY
) -> Decomposed | None:
    """An optimal order by decomposition; None if ``halt`` (int64 (1,)) became non-zero.

    Parameters
    ----------
    memory
        MiB that the table of solved subproblems may take. A full table forgets small
        sets first; the search stays exact, but solves them again.

    Raises
    ------
    OptionError
        If the jobs have weights, are more than 4000, or the table is smaller than 1 MiB.
    """
    n = len(jobs)
    if jobs.weight is not None and not (jobs.weight == 1).all():
        raise OptionError(
            "decomposition does not hold for weighted tardiness",
            hint="use subset_order for up to 22 jobs, or makespan.solve",
        )
    if n > MOST_JOBS:
        raise OptionError(f"{n} jobs are too many for decomposition", hint=f"at most {MOST_JOBS}")
    if memory < 1:
        raise OptionError(f"memory is {memory} MiB; at least 1 is needed")
    first = shortest_first(jobs)
    p, d = jobs.processing[first], jobs.due[first]
    columns = at.FIELDS + (n + 63) // 64
    # Hard classes stored up to 0.015 n^3 sets at n = 100 and 200; more room only costs paging.
    wanted = min((memory << 20) // (8 * columns), max(_FEWEST_SLOTS, n**3 // 8))
    slots = 1 << wanted.bit_length() - 1
    table = np.zeros((slots, columns), dtype=np.int64)
    arena = n * (n + 3) // 2 + 1
    room = np.empty(arena, dtype=np.int64)
    due = np.empty(arena, dtype=np.int64)
    frames = np.zeros((n + 2, at.FRAME), dtype=np.int64)
    tally = np.zeros(at.TALLY, dtype=np.int64)
    poll = np.zeros(1, dtype=np.int64) if halt is None else halt
    order = np.empty(n, dtype=np.int64)

    def solve(given: IntArray, start: int, into: IntArray) -> int:
        return int(at.solve_set(given, start, p, d, table, room, due, frames, tally, poll, into))

    # Every subproblem is written into its stretch of the order. Walking down the best places
    # finds most of them in the table; what it has forgotten is solved again.
    by_due = np.argsort(d, kind="stable")
    value = -1
    open_sets = [(by_due, 0, 0)]
    while open_sets:
        given, start, begin = open_sets.pop()
        found = solve(given, start, order[begin : begin + len(given)])
        if found < 0:
            return None
        if value < 0:
            value = found
        top = frames[0]
        low, count, taken = int(top[at.PLACE]), int(top[at.COUNT]), int(top[at.TAKEN])
        begin += int(top[at.LEAD])
        inside = room[low : low + count].copy()
        if taken < 0:
            order[begin : begin + count] = inside
            continue
        longest = int(top[at.LONGEST]) - low
        chosen = taken - low
        around = np.delete(inside, longest)
        order[begin + chosen] = inside[longest]
        after = int(top[at.START]) + int(p[inside[: chosen + 1]].sum())
        if longest > chosen:
            raise AssertionError("the longest job moves to later places only")
        open_sets.append((around[:chosen], int(top[at.START]), begin))
        open_sets.append((around[chosen:], after, begin + chosen + 1))
    return Decomposed(first[order], value, int(tally[at.NODES]), int(tally[at.STORED]))
