"""GMAX against its definition on small cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.serving.policies.jitserve.gmax import (
    Cutoff,
    binned,
    candidates,
    complete,
    window,
)

CROWDS = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 12)), min_size=1, max_size=12)


def columns(crowd: list[tuple[int, int]]) -> tuple[Any, Any]:
    """Priorities and lengths."""
    priority, length = zip(*crowd, strict=True)
    return np.array(priority, dtype=np.float64), np.array(length, dtype=np.int64)


@given(CROWDS, st.integers(1, 6))
def test_the_window_is_the_best_of_all_runs_of_neighbours(
    crowd: list[tuple[int, int]], size: int
) -> None:
    """Brute force over all windows of the order by length; the first of equal ones."""
    priority, length = columns(crowd)
    order = sorted(range(len(crowd)), key=lambda k: (length[k], k))
    runs = [order[a : a + size] for a in range(max(len(order) - size, 0) + 1)]
    best = max(runs, key=lambda run: sum(priority[run]))
    assert window(priority, length, size).tolist() == best


@given(CROWDS, st.integers(1, 6), st.sampled_from([0.5, 0.8, 0.95]))
def test_candidates_are_what_reaches_the_bar(
    crowd: list[tuple[int, int]], size: int, cutoff: float
) -> None:
    """At least p times the B-th best priority; the best first."""
    priority, _ = columns(crowd)
    found = candidates(priority, size, cutoff).tolist()
    bar = sorted(priority, reverse=True)[min(size, len(priority)) - 1] * cutoff
    wanted = {k for k in range(len(priority)) if priority[k] >= bar or len(priority) <= size}
    assert set(found) == wanted
    assert [priority[k] for k in found] == sorted((priority[k] for k in found), reverse=True)
    assert candidates(priority, size, 1.0).tolist() == found[:size]
    assert len(candidates(priority, size, cutoff, keep=1.5)) == min(
        len(priority), max(size, round(1.5 * size))
    )


@given(CROWDS, st.integers(1, 6), st.integers(1, 5))
def test_bins_fill_the_batch(crowd: list[tuple[int, int]], size: int, bins: int) -> None:
    """As many as fit, each once, with the bin of the best mean."""
    priority, length = columns(crowd)
    found = binned(priority, length, size, bins).tolist()
    assert len(found) == len(set(found)) == min(size, len(crowd))
    if bins == 1:
        assert sum(priority[found]) == sum(sorted(priority, reverse=True)[:size])


@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.integers(-1, 2), st.integers(0, 4)),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 6),
)
def test_tasks_in_need_get_more_calls(crowd: list[tuple[int, int, int]], size: int) -> None:
    """As many as they need and have, by priority, if there is room; the batch stays as large."""
    priority = np.array([row[0] for row in crowd], dtype=np.float64)
    task = np.array([row[1] for row in crowd], dtype=np.int64)
    needs = {number: max(row[2] for row in crowd if row[1] == number) for number in set(task)}
    need = np.array([float(needs[number]) for number in task.tolist()])
    chosen = candidates(priority, size, 1.0)[:size]
    found = complete(chosen, priority, task, need, 1.0, size)
    assert len(set(found.tolist())) == len(found) <= size
    assert len(found) == len(chosen)
    inside = set(task[chosen].tolist()) - {-1}
    if len(inside) == 1:
        (number,) = inside
        calls = np.flatnonzero(task == number)
        got = np.isin(calls, found).sum()
        first = np.isin(calls, chosen).sum()
        assert got == min(len(calls), size, max(first, needs[number]))


def test_a_share_of_the_bar_is_kept_if_it_pays() -> None:
    """Each value is tried; the one with the most goodput is used most of the time."""
    cutoff = Cutoff((0.95, 0.8, 1.0), epoch=2, again=4)
    used = []
    for frame in range(1, 400):
        cutoff.gain({0.95: 10, 0.8: 30, 1.0: 20}[cutoff.value])
        cutoff.frame(float(frame))
        used.append(cutoff.value)
    assert set(used) == {0.95, 0.8, 1.0}
    assert np.mean(np.array(used) == 0.8) > 0.7
    assert Cutoff((0.9,)).value == pytest.approx(0.9)
