"""Destroy operators: which tasks the next repair may move.

Each takes the picture of the incumbent, a random stream and how many tasks to free, and returns
about that many tasks. Random, related and time-window removal follow Shaw (CP 1998) and Godard,
Laborie & Nuijten (ICAPS 2005); the operators on costs and on what holds costly tasks back follow
the critical-path neighbourhoods of shop scheduling.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.solvers.alns.picture import Picture

Random: TypeAlias = np.random.Generator
Operator: TypeAlias = Callable[[Picture, Random, int, int], IntArray]
"""Takes picture, random stream, size and objective level."""

_ABSENT_SHARE: Final = 0.25
"""Most of a neighbourhood that tasks now left out may fill; they cost no time to consider."""


def window(picture: Picture, random: Random, size: int, _level: int) -> IntArray:
    """Tasks that run nearest to a random instant of the schedule."""
    here = picture.here
    if not len(here):
        return _some(picture.absent, random, size)
    instant = picture.start[random.choice(here)] + int(random.integers(0, 2))
    gap = np.maximum(picture.start[here] - instant, instant - picture.end[here])
    return here[np.argsort(gap, kind="stable")[:size]]


def resource(picture: Picture, random: Random, size: int, level: int) -> IntArray:
    """A stretch of tasks on each of a few machines or renewables, about the same time."""
    lanes = [lane for lane in picture.lanes.values() if len(lane) > 1]
    if not lanes:
        return window(picture, random, size, level)
    count = min(len(lanes), 1 + int(random.integers(0, 3)))
    weights = np.array([len(lane) for lane in lanes], dtype=np.float64)
    drawn = random.choice(len(lanes), count, replace=False, p=weights / weights.sum())
    instant = int(picture.start[random.choice(lanes[drawn[0]])])
    each = max(2, size // count)
    found: list[int] = []
    for k in drawn.tolist():
        lane = np.array(lanes[k], dtype=np.int64)
        near = np.argsort(np.abs(picture.start[lane] - instant), kind="stable")
        found += lane[near[:each]].tolist()
    return np.array(list(dict.fromkeys(found)), dtype=np.int64)


def jobs(picture: Picture, random: Random, size: int, _level: int) -> IntArray:
    """Whole jobs; where tasks have none, tasks tied by precedences to a random one."""
    frame = picture.frame
    if frame.problem.jobs.count < 2:
        return _kin(picture, random, size)
    found: list[int] = []
    for k in random.permutation(frame.units).tolist():
        members = frame.members[k]
        if found and len(found) + len(members) > size:
            break
        found += members.tolist()
    return np.array(found[: max(size, 1)], dtype=np.int64)


def critical(picture: Picture, random: Random, size: int, level: int) -> IntArray:
    """A chain of tasks that hold a costly one back, and their neighbours on the resources."""
    return _around(picture, random, size, _costly(picture, random, level), reach=2)


def share(picture: Picture, random: Random, size: int, level: int) -> IntArray:
    """Tasks drawn by what they add to the objective, their jobs and what runs around them."""
    weights = picture.shares(level)
    if weights.sum() <= 0:
        return related(picture, random, size, level)
    positive = int((weights > 0).sum())
    count = min(positive, max(1, size // 12))
    drawn = random.choice(len(weights), count, replace=False, p=weights / weights.sum())
    found = dict.fromkeys(drawn.tolist())
    for i in drawn.tolist():
        for k in frame_members(picture, i)[: max(1, size // (2 * count))]:
            found.setdefault(k)
    for i in list(found):
        if len(found) >= size:
            break
        for k in picture.rivals(i, 2):
            found.setdefault(k)
    return _filled(picture, random, size, list(found))


def related(picture: Picture, random: Random, size: int, _level: int) -> IntArray:
    """Tasks near a random one: in time, on its resources, in its job; each with some luck."""
    here = picture.here
    if not len(here):
        return _some(picture.absent, random, size)
    seed = int(random.choice(here))
    span = max(1, int((picture.end[here] - picture.start[here]).mean()))
    gap = np.maximum(
        picture.start[here] - picture.end[seed], picture.start[seed] - picture.end[here]
    )
    distance = np.maximum(gap, 0) / span
    same = np.zeros(picture.frame.count, dtype=np.bool_)
    for r in picture.resources(seed):
        same[picture.lanes[r]] = True
    distance -= 4.0 * same[here]
    distance -= 4.0 * (picture.frame.unit[here] == picture.frame.unit[seed])
    distance += random.exponential(3.0, len(here))
    return here[np.argsort(distance, kind="stable")[:size]]


OPERATORS: Final[Mapping[str, Operator]] = MappingProxyType(
    {
        "window": window,
        "resource": resource,
        "jobs": jobs,
        "critical": critical,
        "share": share,
        "related": related,
    }
)
"""Every operator by name."""


def destroy(name: str, picture: Picture, random: Random, size: int, level: int) -> np.ndarray:
    """Which tasks are freed, bool (n,); some of those now left out come on top.

    Parameters
    ----------
    size
        How many tasks to free, at least; everything is freed when there are no more.
    """
    n = picture.frame.count
    freed = np.zeros(n, dtype=np.bool_)
    if size >= n:
        freed[:] = True
        return freed
    freed[OPERATORS[name](picture, random, size, level)] = True
    if len(picture.absent):
        most = max(1, int(_ABSENT_SHARE * size))
        freed[_some(picture.absent, random, most)] = True
    return freed


def frame_members(picture: Picture, task: int) -> list[int]:
    """Tasks of the unit of ``task``, the nearest in time first."""
    members = picture.frame.members[int(picture.frame.unit[task])]
    order = np.argsort(np.abs(picture.start[members] - picture.start[task]), kind="stable")
    return [int(i) for i in members[order]]


def _some(tasks: IntArray, random: Random, size: int) -> IntArray:
    return random.permutation(tasks)[:size]


def _costly(picture: Picture, random: Random, level: int) -> int:
    weights = picture.shares(level)
    if weights.sum() <= 0:
        return int(random.choice(picture.here)) if len(picture.here) else 0
    return int(random.choice(len(weights), p=weights / weights.sum()))


def _around(picture: Picture, random: Random, size: int, task: int, *, reach: int) -> IntArray:
    """A piece of the chain of pushers before ``task``, and the rivals of its members."""
    walk, known = [task], {task}
    while True:
        pushers = [i for i in picture.pushers(walk[-1]) if i not in known]
        if not pushers:
            break
        latest = max(int(picture.end[i]) for i in pushers)
        tight = [i for i in pushers if picture.end[i] == latest]
        chosen = tight[int(random.integers(len(tight)))]
        walk.append(chosen)
        known.add(chosen)
    length = max(1, size // (1 + reach))
    first = int(random.integers(max(1, len(walk) - length + 1)))
    found = dict.fromkeys(walk[first : first + length])
    for i in list(found):
        for k in picture.rivals(i, reach):
            if len(found) < size:
                found.setdefault(k)
    return _filled(picture, random, size, list(found))


def _kin(picture: Picture, random: Random, size: int) -> IntArray:
    """Tasks reached from a random one along precedences, nearest first."""
    frame = picture.frame
    found = {int(random.integers(frame.count)): None}
    queue = list(found)
    while queue and len(found) < size:
        i = queue.pop(0)
        for k in random.permutation([*frame.before[i], *frame.after[i]]).astype(int).tolist():
            if k not in found:
                found[k] = None
                queue.append(k)
    return _filled(picture, random, size, list(found))


def _filled(picture: Picture, random: Random, size: int, found: list[int]) -> IntArray:
    """``found`` and, while it is too small, tasks that run at the same time as one of them."""
    short = size - len(found)
    chosen = np.array(found[:size], dtype=np.int64)
    if short <= 0 or not len(picture.here):
        return chosen
    centre = int(random.choice(chosen))
    here = np.setdiff1d(picture.here, chosen)
    gap = np.abs(picture.start[here] - picture.start[centre])
    return np.concatenate((chosen, here[np.argsort(gap, kind="stable")[:short]]))
