"""Where a task fits on one resource: timelines of machines, profiles of renewables, calendars.

Every ``*_fit`` takes a candidate interval ``[s, e)`` and returns the earliest start ``>= s`` that
this resource alone allows, or ``FAR``. With ``step`` true (the length depends on the start) it
returns the first candidate worth testing again instead of searching to the end.
"""

from __future__ import annotations

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.solvers.dispatch._layout import FAMILY, FAR, FROM, STARVED, TIME, UNTIL, VALUE, WHO
from makespan.solvers.jit import inner


@inner
def first_after(rows: IntArray, low: int, high: int, column: int, t: int) -> int:
    """First row in ``[low, high)`` whose value in ``column`` exceeds t; O(log)."""
    while low < high:
        middle = (low + high) >> 1
        if rows[middle, column] > t:
            high = middle
        else:
            low = middle + 1
    return low


@inner
def busy_fit(busy: IntArray, low: int, high: int, s: int, e: int, step: bool) -> int:
    """Earliest start of a task of length e - s in the gaps of a timeline without setups."""
    length = e - s
    k = first_after(busy, low, high, UNTIL, s)
    while k < high:
        begin, until = busy[k, FROM], busy[k, UNTIL]
        if length == 0:
            if begin >= s:
                return s
        elif s + length <= begin:
            return s
        if until > s:
            s = until
            if step:
                return s
        k += 1
    return s


@inner
def setup_fit(
    busy: IntArray,
    low: int,
    high: int,
    s: int,
    e: int,
    step: bool,
    times: IntArray,
    at: int,
    families: int,
    family: int,
    task: IntArray,
) -> int:
    """As :func:`busy_fit` with setups to both neighbours; milestones are no neighbours.

    From ``at`` on, ``times`` holds the matrix row by row, then the earliest start of a first task
    per family.
    """
    length = e - s
    k = first_after(busy, low, high, UNTIL, s)
    before = k - 1
    while before >= low and busy[before, UNTIL] == busy[before, FROM]:
        before -= 1
    while True:
        if before >= low:
            row = at + task[busy[before, WHO], FAMILY] * families
            free = busy[before, UNTIL] + times[row + family]
        else:
            free = times[at + families * families + family]
        if free > s:
            s = free
            if step:
                return s
        while k < high and busy[k, UNTIL] <= s and busy[k, UNTIL] == busy[k, FROM]:
            k += 1
        if k == high:
            return s
        after = k
        while after < high and busy[after, UNTIL] == busy[after, FROM]:
            after += 1
        fits = s + length <= busy[k, FROM]
        if fits and after < high:
            change = times[at + family * families + task[busy[after, WHO], FAMILY]]
            fits = s + length + change <= busy[after, FROM]
        if fits:
            return s
        if busy[k, UNTIL] > busy[k, FROM]:
            before = k
        if busy[k, UNTIL] > s:
            s = busy[k, UNTIL]
            if step:
                return s
        k += 1


@inner
def busy_insert(busy: IntArray, low: int, high: int, s: int, e: int, who: int) -> None:
    """Put ``[s, e)`` into the timeline at rows ``[low, high)``; row ``high`` is free."""
    k = high
    while k > low and (busy[k - 1, FROM] > s or (busy[k - 1, FROM] == s and e == s)):
        busy[k, FROM] = busy[k - 1, FROM]
        busy[k, UNTIL] = busy[k - 1, UNTIL]
        busy[k, WHO] = busy[k - 1, WHO]
        k -= 1
    busy[k, FROM] = s
    busy[k, UNTIL] = e
    busy[k, WHO] = who


@inner
def busy_find(busy: IntArray, low: int, high: int, s: int, who: int) -> int:
    """Row of the task ``who`` that starts at ``s``, or -1."""
    k = first_after(busy, low, high, FROM, s) - 1
    while k >= low and busy[k, FROM] == s:
        if busy[k, WHO] == who:
            return k
        k -= 1
    return -1


@inner
def busy_remove(busy: IntArray, low: int, high: int, s: int, who: int) -> int:
    """Take the task out of the timeline; returns the number of rows removed."""
    at = busy_find(busy, low, high, s, who)
    if at < 0:
        return 0
    for k in range(at, high - 1):
        busy[k, FROM] = busy[k + 1, FROM]
        busy[k, UNTIL] = busy[k + 1, UNTIL]
        busy[k, WHO] = busy[k + 1, WHO]
    return 1


@inner
def free_fit(free: IntArray, low: int, high: int, s: int, e: int, amount: int, step: bool) -> int:
    """Earliest start where ``amount`` units stay free for e - s ticks."""
    length = e - s
    k = first_after(free, low, high, TIME, s) - 1
    if k < low:
        return FAR
    while k < high and free[k, TIME] < s + length:
        if free[k, VALUE] < amount:
            while k < high and free[k, VALUE] < amount:
                k += 1
            if k == high:
                return FAR
            s = free[k, TIME]
            if step:
                return s
        k += 1
    return s


@inner
def free_change(free: IntArray, low: int, high: int, s: int, e: int, amount: int) -> int:
    """Add ``amount`` to the free units over ``[s, e)``; returns the new row count.

    Rows stay canonical: neighbours differ, so withdrawing a task restores the profile.
    """
    k = first_after(free, low, high, TIME, s) - 1
    first = k
    if free[k, TIME] < s:
        for row in range(high, k + 1, -1):
            free[row, TIME] = free[row - 1, TIME]
            free[row, VALUE] = free[row - 1, VALUE]
        first = k + 1
        free[first, TIME] = s
        free[first, VALUE] = free[k, VALUE]
        high += 1
    last = first
    while last < high and free[last, TIME] < e:
        last += 1
    if last == high or free[last, TIME] > e:
        for row in range(high, last, -1):
            free[row, TIME] = free[row - 1, TIME]
            free[row, VALUE] = free[row - 1, VALUE]
        free[last, TIME] = e
        free[last, VALUE] = free[last - 1, VALUE]
        high += 1
    for row in range(first, last):
        free[row, VALUE] += amount
    for row in (last, first):
        if row > low and free[row, VALUE] == free[row - 1, VALUE]:
            for k in range(row, high - 1):
                free[k, TIME] = free[k + 1, TIME]
                free[k, VALUE] = free[k + 1, VALUE]
            high -= 1
    return high - low


@inner
def work_end(span: IntArray, low: int, high: int, s: int, work: int) -> int:
    """Least t with ``work`` working ticks in ``[s, t)``, or FAR; rows are working intervals."""
    k = first_after(span, low, high, 1, s)
    while k < high:
        begin = max(s, span[k, 0])
        if begin + work <= span[k, 1]:
            return begin + work
        work -= span[k, 1] - begin
        k += 1
    return FAR


@inner
def late_start(span: IntArray, low: int, high: int, s: int, e: int, work: int, goal: int) -> int:
    """Start after s from which work that may pause ends at ``goal`` or later; (s, e) is too early.

    No such start is passed over; where breaks are long, the result may still be too early.
    """
    first, last = s + 1, s + goal - e
    while first < last:
        middle = (first + last) >> 1
        k = first_after(span, low, high, 1, middle)
        begin = middle if k == high else max(middle, span[k, 0])
        if work_end(span, low, high, begin, work) >= goal:
            last = middle
        else:
            first = middle + 1
    return first


@inner
def work_fit(
    span: IntArray,
    low: int,
    high: int,
    guard_low: int,
    guard_high: int,
    suspends: bool,
    s: int,
    work: int,
) -> int:
    """Earliest start ``>= s`` within the working intervals, or FAR.

    Without ``suspends`` the work must fit into one interval. With it the work may pause between
    intervals, but the whole stay must fit into one guard interval, if there are any guards.
    """
    k = first_after(span, low, high, 1, s)
    while k < high:
        s = max(s, span[k, 0])
        if not suspends:
            if s + work <= span[k, 1]:
                return s
            k += 1
            continue
        if guard_low == guard_high:
            return s
        g = first_after(span, guard_low, guard_high, 1, s)
        if g == guard_high:
            return FAR
        if span[g, 0] <= s:
            end = work_end(span, low, high, s, work)
            if end <= span[g, 1]:
                return s
            if end == FAR:
                return FAR
            g += 1
            if g == guard_high:
                return FAR
        s = span[g, 0]
        k = first_after(span, low, high, 1, s)
    return FAR


@inner
def forbidden_fit(rows: IntArray, low: int, high: int, s: int, e: int, step: bool) -> int:
    """Earliest start whose interval meets no forbidden one; a milestone is the tick it lies in."""
    length = e - s
    reach = max(length, 1)
    k = first_after(rows, low, high, 1, s)
    while k < high:
        if s + reach <= rows[k, 0]:
            return s
        s = rows[k, 1]
        if step:
            return s
        k += 1
    return s


@inner
def level_fit(
    level: IntArray,
    low: int,
    high: int,
    s: int,
    e: int,
    at_start: int,
    at_end: int,
    least: int,
    most: int,
) -> int:
    """Earliest start at which both changes keep a reservoir within its bounds for ever after.

    Returns STARVED when only a change scheduled later can help. May pass over a start between
    two events when the first change is harmful only before the second takes effect.
    """
    length = e - s
    while True:
        again = False
        k = first_after(level, low, high, TIME, s) - 1
        while k < high:
            begin = max(level[k, TIME], s)
            end = FAR if k + 1 == high else level[k + 1, TIME]
            value = level[k, VALUE]
            early = begin < s + length and not least <= value + at_start <= most
            late = end > s + length and not least <= value + at_start + at_end <= most
            if early or late:
                if end == FAR:
                    return STARVED
                s = end if early else min(end, max(s + 1, end - length))
                again = True
                break
            k += 1
        if not again:
            return s


@inner
def level_change(level: IntArray, low: int, high: int, t: int, amount: int) -> int:
    """Add ``amount`` to the level from t on; returns the new row count."""
    k = first_after(level, low, high, TIME, t) - 1
    if level[k, TIME] < t:
        for row in range(high, k + 1, -1):
            level[row, TIME] = level[row - 1, TIME]
            level[row, VALUE] = level[row - 1, VALUE]
        level[k + 1, TIME] = t
        level[k + 1, VALUE] = level[k, VALUE]
        high += 1
        k += 1
    for row in range(k, high):
        level[row, VALUE] += amount
    if k > low and level[k, VALUE] == level[k - 1, VALUE]:
        for row in range(k, high - 1):
            level[row, TIME] = level[row + 1, TIME]
            level[row, VALUE] = level[row + 1, VALUE]
        high -= 1
    return high - low


@inner
def random_unit(dice: np.ndarray) -> float:
    """Next number in (0, 1) of a splitmix64 stream (Steele, Lea and Flood, OOPSLA 2014)."""
    dice[0] += np.uint64(0x9E3779B97F4A7C15)
    z = dice[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (float(z >> np.uint64(11)) + 0.5) / 9007199254740992.0


@inner
def heap_push(keys: np.ndarray, items: IntArray, size: int, key: float, item: int) -> int:
    """Push onto a binary heap ordered by (key, item); returns the new size."""
    at = size
    while at > 0:
        up = (at - 1) >> 1
        if keys[up] < key or (keys[up] == key and items[up] <= item):
            break
        keys[at], items[at] = keys[up], items[up]
        at = up
    keys[at], items[at] = key, item
    return size + 1


@inner
def heap_pop(keys: np.ndarray, items: IntArray, size: int) -> int:
    """Drop the least element (read it at index 0 first); returns the new size."""
    size -= 1
    key, item = keys[size], items[size]
    at = 0
    while True:
        low = 2 * at + 1
        if low >= size:
            break
        other = low + 1
        if other < size and (
            keys[other] < keys[low] or (keys[other] == keys[low] and items[other] < items[low])
        ):
            low = other
        if key < keys[low] or (key == keys[low] and item <= items[low]):
            break
        keys[at], items[at] = keys[low], items[low]
        at = low
    keys[at], items[at] = key, item
    return size
