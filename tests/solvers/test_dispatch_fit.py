"""Timelines, profiles and calendars of the kernels against tick-by-tick references."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.vocabulary import IntArray
from makespan.solvers.dispatch import _fit as fit
from makespan.solvers.dispatch._layout import FAR, STARVED

LAST = 60
"""References look at this many ticks."""


def callable_from_python(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel behind a thin compiled function; by itself only other kernels can call it."""

    @numba.njit
    def outer(*arguments):
        return kernel(*arguments)

    return cast("Callable[..., Any]", outer)


busy_fit = callable_from_python(fit.busy_fit)
busy_insert = callable_from_python(fit.busy_insert)
busy_remove = callable_from_python(fit.busy_remove)
free_fit = callable_from_python(fit.free_fit)
free_change = callable_from_python(fit.free_change)
level_fit = callable_from_python(fit.level_fit)
level_change = callable_from_python(fit.level_change)
work_end = callable_from_python(fit.work_end)
work_fit = callable_from_python(fit.work_fit)
late_start = callable_from_python(fit.late_start)
forbidden_fit = callable_from_python(fit.forbidden_fit)
heap_push = callable_from_python(fit.heap_push)
heap_pop = callable_from_python(fit.heap_pop)

SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 6)), max_size=6)
TASKS = st.lists(st.tuples(st.integers(0, 25), st.integers(1, 8), st.integers(1, 4)), max_size=9)


def joined(spans: list[tuple[int, int]], gap: int = 1) -> IntArray:
    """Disjoint intervals, in order and ``gap`` apart, that begin near the given ones."""
    rows: list[tuple[int, int]] = []
    for start, length in sorted(spans):
        begin = max(start, rows[-1][1] + gap) if rows else start
        rows.append((begin, begin + length))
    return np.array(rows, dtype=np.int64).reshape(-1, 2)


@settings(max_examples=150)
@given(SPANS, st.integers(0, 30), st.integers(0, 6))
def test_busy_fit(spans: list[tuple[int, int]], s: int, length: int) -> None:
    """A machine's earliest gap is the first start that meets no task."""
    rows = joined(spans, gap=0)
    busy = np.column_stack((rows, np.arange(len(rows))))
    found = busy_fit(busy, 0, len(rows), s, s + length, False)

    def free(at: int) -> bool:
        if length == 0:
            return not any(a < at < b for a, b in rows)
        return not any(a < at + length and at < b for a, b in rows)

    assert found == next(at for at in range(s, 2 * LAST) if free(at))


@settings(max_examples=100)
@given(SPANS, st.randoms(use_true_random=False))
def test_busy_insert_and_remove(spans: list[tuple[int, int]], random: object) -> None:
    """Whatever the order of entry, a timeline is in order of time; removal restores it."""
    rows = joined(spans, gap=0).tolist()
    random.shuffle(rows)  # type: ignore[attr-defined]
    busy = np.zeros((len(rows), 3), dtype=np.int64)
    for k, (a, b) in enumerate(rows):
        busy_insert(busy, 0, k, a, b, k)
    assert busy[:, 0].tolist() == sorted(a for a, _ in rows)
    assert [rows[k] for k in busy[:, 2]] == busy[:, :2].tolist()
    for k, (a, _) in enumerate(rows):
        before = busy[: len(rows) - k].tolist()
        assert busy_remove(busy, 0, len(rows) - k, a, k) == 1
        assert busy[: len(rows) - k - 1].tolist() == [row for row in before if row[2] != k]
    assert busy_remove(busy, 0, 0, 5, 0) == 0


def profile(tasks: list[tuple[int, int, int]]) -> tuple[IntArray, int]:
    """A profile of 9 units after the tasks were entered."""
    free = np.zeros((2 * len(tasks) + 4, 2), dtype=np.int64)
    free[0] = -FAR, 9
    count = 1
    for s, length, amount in tasks:
        count = free_change(free, 0, count, s, s + length, -amount)
    return free, count


@settings(max_examples=150)
@given(TASKS)
def test_free_change(tasks: list[tuple[int, int, int]]) -> None:
    """A profile holds the free units of each tick in as few rows as possible."""
    free, count = profile(tasks)
    rows = free[:count]
    for tick in range(LAST):
        k = int(np.searchsorted(rows[:, 0], tick, side="right")) - 1
        assert rows[k, 1] == 9 - sum(a for s, d, a in tasks if s <= tick < s + d)
    assert (np.diff(rows[:, 0]) > 0).all()
    assert (np.diff(rows[:, 1]) != 0).all()
    for s, length, amount in reversed(tasks):
        count = free_change(free, 0, count, s, s + length, amount)
    assert free[:count].tolist() == [[-FAR, 9]]


@settings(max_examples=150)
@given(TASKS, st.integers(0, 30), st.integers(1, 8), st.integers(1, 10))
def test_free_fit(tasks: list[tuple[int, int, int]], s: int, length: int, amount: int) -> None:
    """The earliest start with enough units in every tick; FAR if there are never enough."""
    free, count = profile(tasks)

    def room(at: int) -> bool:
        used = (sum(a for b, d, a in tasks if b <= t < b + d) for t in range(at, at + length))
        return all(9 - u >= amount for u in used)

    found = free_fit(free, 0, count, s, s + length, amount, False)
    assert found == next((at for at in range(s, LAST) if room(at)), FAR)


CHANGES = st.lists(st.tuples(st.integers(0, 20), st.integers(-3, 3)), max_size=7)


@settings(max_examples=150)
@given(CHANGES, st.integers(0, 20), st.integers(0, 5), st.integers(-3, 3), st.integers(-3, 3))
def test_level_fit(
    changes: list[tuple[int, int]], s: int, length: int, at_start: int, at_end: int
) -> None:
    """A start it finds keeps the level in bounds, and is the first if there is one change."""
    level = np.zeros((len(changes) + 4, 2), dtype=np.int64)
    level[0] = -FAR, 4
    count = 1
    for when, amount in changes:
        if amount:
            count = level_change(level, 0, count, when, amount)

    def kept(at: int) -> bool:
        for tick in range(at, LAST):
            value = 4 + sum(amount for when, amount in changes if when <= tick) + at_start
            if not 0 <= value + (at_end if tick >= at + length else 0) <= 8:
                return False
        return True

    found = level_fit(level, 0, count, s, s + length, at_start, at_end, 0, 8)
    if found == STARVED:
        # Nothing that is known so far helps: not even the end of all changes.
        assert not kept(LAST - 20)
    else:
        assert kept(found)
    if at_end == 0:
        assert found == next((at for at in range(s, LAST - 10) if kept(at)), STARVED)


@settings(max_examples=150)
@given(SPANS, st.integers(0, 30), st.integers(1, 12))
def test_work(spans: list[tuple[int, int]], s: int, work: int) -> None:
    """Work that may pause ends with its last working tick; other work needs one interval."""
    rows = joined(spans)
    ticks = [t for a, b in rows for t in range(a, b)]
    left = [t for t in ticks if t >= s]
    assert work_end(rows, 0, len(rows), s, work) == (
        left[work - 1] + 1 if len(left) >= work else FAR
    )
    begin = work_fit(rows, 0, len(rows), 0, 0, True, s, work)
    assert begin == (left[0] if left else FAR)
    whole = [t for t in left if set(range(t, t + work)) <= set(ticks)]
    assert work_fit(rows, 0, len(rows), 0, 0, False, s, work) == (whole[0] if whole else FAR)


@settings(max_examples=150)
@given(SPANS, SPANS, st.integers(0, 30), st.integers(1, 8))
def test_guarded_work(
    spans: list[tuple[int, int]], guards: list[tuple[int, int]], s: int, work: int
) -> None:
    """Work that pauses only for some resources stays within one interval of the others."""
    both = joined(spans), joined([(a, 2 * d) for a, d in guards])
    if not len(both[1]):
        return
    rows = np.concatenate(both)
    w, g = len(both[0]), len(rows)
    ticks = [t for a, b in both[0] for t in range(a, b)]

    def fits(at: int) -> bool:
        left = [t for t in ticks if t >= at]
        if not left or left[0] != at or len(left) < work:
            return False
        return any(a <= at and left[work - 1] < b for a, b in both[1])

    expected = next((at for at in range(s, LAST) if fits(at)), FAR)
    assert work_fit(rows, 0, w, w, g, True, s, work) == expected


@settings(max_examples=150)
@given(SPANS, st.integers(1, 6), st.integers(1, 15))
def test_late_start(spans: list[tuple[int, int]], work: int, later: int) -> None:
    """No start whose work ends late enough is passed over, and progress is made."""
    rows = joined(spans)
    for s in (t for a, b in rows for t in range(a, b)):
        end = work_end(rows, 0, len(rows), s, work)
        if end == FAR:
            continue
        found = late_start(rows, 0, len(rows), s, end, work, end + later)
        assert s < found <= s + later
        assert all(
            work_end(rows, 0, len(rows), at, work) < end + later
            for at in range(s + 1, found)
            if any(a <= at < b for a, b in rows)
        )


@settings(max_examples=100)
@given(SPANS, st.integers(0, 30), st.integers(0, 6))
def test_forbidden_fit(spans: list[tuple[int, int]], s: int, length: int) -> None:
    """The earliest start that meets no forbidden tick; a milestone stands in one tick."""
    rows = joined(spans)
    bad = {t for a, b in rows for t in range(a, b)}
    wanted = max(length, 1)
    expected = next(at for at in range(s, 2 * LAST) if not bad & set(range(at, at + wanted)))
    assert forbidden_fit(rows, 0, len(rows), s, s + length, False) == expected


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 99)), max_size=20, unique=True))
def test_heap(pairs: list[tuple[int, int]]) -> None:
    """Elements come out by key and then by number."""
    keys, items, size = np.zeros(len(pairs) + 1), np.zeros(len(pairs) + 1, dtype=np.int64), 0
    for key, item in pairs:
        size = heap_push(keys, items, size, float(key), item)
    found = []
    while size:
        found.append((int(keys[0]), int(items[0])))
        size = heap_pop(keys, items, size)
    assert found == heapq.nsmallest(len(pairs), pairs)
