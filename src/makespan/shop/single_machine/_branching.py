"""The kernels of decomposition: a search over sets of jobs with a table of solved ones.

Jobs are numbered shortest first (ties by due date), so the longest job of a set is its largest
number. A subproblem is a set and the time it starts. The recursion is unrolled into frames, for
compiled functions that call themselves cannot be cached on disk.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.solvers.jit import inner, kernel

NODES: Final = 0
STORED: Final = 1
TALLY: Final = 2
"""Entries of the tally and their number."""

SIZE: Final = 0
TIME: Final = 1
VALUE: Final = 2
CHOICE: Final = 3
FIELDS: Final = 4
"""Columns of the table before the words of the set, and their number; size 0 is a free slot."""

PLACE: Final = 0
COUNT: Final = 1
LEAD: Final = 2
START: Final = 3
FIXED: Final = 4
LONGEST: Final = 5
HERE: Final = 6
CLOCK: Final = 7
LATEST: Final = 8
BEST: Final = 9
TAKEN: Final = 10
PART: Final = 11
SECOND: Final = 12
SLOT: Final = 13
FRAME: Final = 14
"""Columns of a frame, and their number.

Its jobs are ``arena[place : place + count]``, by due date as modified at ``start``, which is the
time after the ``lead`` jobs that are fixed in front. ``fixed`` is the tardiness of all jobs fixed
in front and behind. ``longest`` is the place of the longest job among them, ``here`` the one tried
for it now, ``clock`` its completion there, ``latest`` the running maximum of its second
elimination rule, ``part`` the tardiness of the trial so far, ``second`` whether the jobs behind
are being solved. ``taken`` is the place of the best trial, ``best`` its value, ``slot`` the row of
the table to keep it in.
"""

_PROBES: Final = 8
_LOOK_MASK: Final = 63


@inner
def _arrange(
    jobs: IntArray, due: IntArray, low: int, high: int, t: int, p: IntArray, d: IntArray
) -> None:
    """Sort by due date as modified at t, then by number; nearly sorted input is quick."""
    for i in range(low, high):
        job = jobs[i]
        mine = max(d[job], t + p[job])
        k = i
        while k > low and (due[k - 1] > mine or (due[k - 1] == mine and jobs[k - 1] > job)):
            jobs[k] = jobs[k - 1]
            due[k] = due[k - 1]
            k -= 1
        jobs[k] = job
        due[k] = mine


@inner
def _reduce(
    jobs: IntArray, due: IntArray, frame: IntArray, p: IntArray, d: IntArray, order: IntArray
) -> None:
    """Fix jobs that must be first or may be last; their places go to ``order`` if it is long.

    A job that is on time at the very end may be there, and the longest job must if it is due last
    (Lawler); the shortest job must be first if it is due first (Emmons). Due dates are taken as
    modified: no job ends before start + p, so an earlier due date adds a constant only.
    """
    place, m, t = frame[PLACE], frame[COUNT], frame[START]
    low = place
    high = place + m
    total = 0
    for i in range(low, high):
        total += p[jobs[i]]
    fixed = 0
    stale = True
    while high > low:
        if stale:
            _arrange(jobs, due, low, high, t, p, d)
            stale = False
        longest = jobs[low]
        shortest = jobs[low]
        for i in range(low + 1, high):
            longest = max(longest, jobs[i])
            shortest = min(shortest, jobs[i])
        last = jobs[high - 1]
        if due[high - 1] >= t + total or last == longest:
            fixed += max(0, t + total - d[last])
            total -= p[last]
            high -= 1
            if len(order):
                order[high - place] = last
        elif jobs[low] == shortest:
            if len(order):
                order[low - place] = shortest
            t += p[shortest]
            total -= p[shortest]
            fixed += max(0, t - d[shortest])
            low += 1
            stale = True
        else:
            break
    frame[PLACE] = low
    frame[LEAD] = low - place
    frame[COUNT] = high - low
    frame[START] = t
    frame[FIXED] = fixed


@inner
def _slot(table: IntArray, words: IntArray, size: int, t: int) -> int:
    """Where this subproblem is kept, or else, as -1 - place, where it is to be kept."""
    h = np.uint64(t) * np.uint64(0x9E3779B97F4A7C15)
    for k in range(len(words)):
        h ^= np.uint64(words[k])
        h *= np.uint64(0xFF51AFD7ED558CCD)
        h ^= h >> np.uint64(33)
    home = np.int64(h & np.uint64(len(table) - 1))
    weakest = home
    for probe in range(_PROBES):
        at = (home + probe) & (len(table) - 1)
        if table[at, SIZE] == 0:
            return int(-1 - at)
        if table[at, SIZE] == size and table[at, TIME] == t:
            same = True
            for k in range(len(words)):
                if table[at, FIELDS + k] != words[k]:
                    same = False
                    break
            if same:
                return int(at)
        # A full neighbourhood gives up its smallest set, the cheapest to solve again.
        if table[at, SIZE] < table[weakest, SIZE]:
            weakest = at
    return int(-1 - weakest)


@inner
def _spell(jobs: IntArray, low: int, m: int, words: IntArray) -> None:
    """The set as bits."""
    for k in range(len(words)):
        words[k] = 0
    for i in range(low, low + m):
        words[jobs[i] >> 6] |= np.int64(1) << (jobs[i] & 63)


@inner
def _open(
    jobs: IntArray,
    due: IntArray,
    frame: IntArray,
    p: IntArray,
    d: IntArray,
    table: IntArray,
    words: IntArray,
) -> bool:
    """Whether ``best`` of a reduced set is known at once; else its trials are set up."""
    low, m = frame[PLACE], frame[COUNT]
    frame[TAKEN] = -1
    late, tardy, clock = 0, 0, frame[START]
    for i in range(low, low + m):
        clock += p[jobs[i]]
        if clock > due[i]:
            tardy += 1
        late += max(0, clock - d[jobs[i]])
    # At most one tardy job by due date: no order has less than the largest tardiness, and here
    # that is the sum (Emmons).
    if tardy <= 1:
        frame[BEST] = late
        return True
    _spell(jobs, low, m, words)
    at = _slot(table, words, m, frame[START])
    longest = low
    for i in range(low + 1, low + m):
        if jobs[i] > jobs[longest]:
            longest = i
    frame[LONGEST] = longest
    if at >= 0:
        frame[BEST] = table[at, VALUE]
        frame[TAKEN] = low + table[at, CHOICE]
        return True
    frame[SLOT] = -1 - at
    clock = frame[START]
    for i in range(low, longest):
        clock += p[jobs[i]]
    frame[HERE] = longest - 1
    frame[CLOCK] = clock
    frame[LATEST] = np.int64(-1) << 62
    frame[BEST] = -1
    frame[PART] = 0
    return False


@inner
def _advance(jobs: IntArray, due: IntArray, frame: IntArray, p: IntArray, d: IntArray) -> bool:
    """Go to the next place the longest job may take; whether there is one.

    It cannot be at a place where it completes at or after the next due date, nor where it
    completes before due date plus time of a job that it jumped (Potts & Van Wassenhove).
    """
    low, longest = frame[PLACE], frame[LONGEST]
    high = low + frame[COUNT]
    here, clock, latest = frame[HERE], frame[CLOCK], frame[LATEST]
    while here + 1 < high:
        here += 1
        clock += p[jobs[here]]
        if here > longest:
            latest = max(latest, due[here] + p[jobs[here]])
        if clock < latest or (here + 1 < high and clock >= due[here + 1]):
            continue
        part = max(0, clock - d[jobs[longest]])
        if frame[BEST] >= 0 and part >= frame[BEST]:
            continue
        frame[HERE] = here
        frame[CLOCK] = clock
        frame[LATEST] = latest
        frame[PART] = part
        frame[SECOND] = 0
        return True
    return False


@kernel
def solve_set(
    given: IntArray,
    t: int,
    p: IntArray,
    d: IntArray,
    table: IntArray,
    jobs: IntArray,
    due: IntArray,
    frames: IntArray,
    tally: IntArray,
    halt: IntArray,
    order: IntArray,
) -> int:
    """Least total tardiness of a set that starts at t; -1 if halted.

    ``order`` receives the jobs fixed in front and behind; the first frame tells the others and
    the place of the longest of them.

    Parameters
    ----------
    given
        The set, in any order (that of the due dates is best).
    jobs, due
        Arena of the frames' sets.
    """
    words = np.empty(table.shape[1] - FIELDS, dtype=np.int64)
    nowhere = order[:0]
    level = 0
    for i in range(len(given)):
        jobs[i] = given[i]
    frames[0, PLACE] = 0
    frames[0, COUNT] = len(given)
    frames[0, START] = t
    opening = True
    found = np.int64(0)
    while True:
        frame = frames[level]
        done = False
        if opening:
            tally[NODES] += 1
            if (tally[NODES] & _LOOK_MASK) == 0 and halt[0]:
                return -1
            _reduce(jobs, due, frame, p, d, order if level == 0 else nowhere)
            done = _open(jobs, due, frame, p, d, table, words)
            opening = False
            descend = False
        else:
            frame[PART] += found
            descend = frame[SECOND] == 0
            if frame[BEST] >= 0 and frame[PART] >= frame[BEST]:
                descend = False
            elif not descend:
                frame[BEST] = frame[PART]
                frame[TAKEN] = frame[HERE]
        low, m, longest = frame[PLACE], frame[COUNT], frame[LONGEST]
        if not done and not descend and not _advance(jobs, due, frame, p, d):
            _spell(jobs, low, m, words)
            # What has been kept there since is lost, which is rare, and costs time only.
            at = frame[SLOT]
            if table[at, SIZE] == 0:
                tally[STORED] += 1
            table[at, SIZE] = m
            table[at, TIME] = frame[START]
            table[at, VALUE] = frame[BEST]
            table[at, CHOICE] = frame[TAKEN] - low
            for k in range(len(words)):
                table[at, FIELDS + k] = words[k]
            done = True
        if done:
            found = frame[FIXED] + frame[BEST]
            if level == 0:
                return int(found)
            level -= 1
            continue
        child = frames[level + 1]
        top = low + m
        child[PLACE] = top
        if descend:
            child[START] = frame[CLOCK]
            for i in range(frame[HERE] + 1, low + m):
                jobs[top] = jobs[i]
                top += 1
            frame[SECOND] = 1
        else:
            child[START] = frame[START]
            for i in range(low, frame[HERE] + 1):
                if i != longest:
                    jobs[top] = jobs[i]
                    top += 1
        child[COUNT] = top - child[PLACE]
        opening = True
        level += 1
