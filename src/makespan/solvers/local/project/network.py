"""Resource-constrained projects in flat arrays: activities in topological order, modes, words.

The units of all renewables in use sit side by side in 64-bit words. The lane of a resource of
capacity c has one bit more than c needs; that guard bit is set in the free capacity and stays set
under subtraction if and only if the demand fits. So one subtraction and one mask compare a
demand with the free capacity of all resources of a word, whatever their number and size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import (
    BoolArray,
    IntArray,
    PrecedenceKind,
    ResourceKind,
)
from makespan.solvers.local.shapes import is_unconstrained, releases

Words = npt.NDArray[np.uint64]

LIMIT: Final = 1 << 50
"""Ticks within which every schedule of a search must end."""

MOST_BY_TICK: Final = 10_000
MOST_BY_PIECE: Final = 2_000
"""Activities beyond which one schedule takes too long for a population, and for a quick stop."""

_WORD_BITS: Final = 64
_TICK_SPAN: Final = 1 << 16
_TICK_DURATION: Final = 50


class Network(NamedTuple):
    """What kernels read of a project; activities 0..n-1 are in topological order.

    Attributes
    ----------
    before_ptr, before, before_lag
        CSR of predecessors and the lags from their ends, int64.
    after_ptr, after, after_lag
        The same relations from the side of the predecessors.
    ready
        Earliest start of each activity, int64 (n,).
    mode_ptr, duration
        Modes of activity j are ``mode_ptr[j] .. mode_ptr[j+1]-1``, and their ticks, int64.
    need
        Demand of each mode for the renewables, uint64 (m, words).
    full, guard
        Free capacity of an idle tick, guard bits included, and the guard bits, uint64 (words,).
    spend, amount
        Demand of each mode for the consumables and what there is, int64 (m, c) and (c,).
    """

    before_ptr: IntArray
    before: IntArray
    before_lag: IntArray
    after_ptr: IntArray
    after: IntArray
    after_lag: IntArray
    ready: IntArray
    mode_ptr: IntArray
    duration: IntArray
    need: Words
    full: Words
    guard: Words
    spend: IntArray
    amount: IntArray


@dataclass(frozen=True, slots=True)
class Project:
    """A project as kernels see it, and the way back to schedules of its problem.

    Attributes
    ----------
    task
        Task of each activity, int64 (n,).
    mode
        Global mode of each kept mode, int64 (m,); modes that can never be used are left out.
    units
        Demand of each kept mode for each renewable in use, int64 (m, r).
    capacity
        Of the renewables in use, int64 (r,).
    origin, tick
        A time t of the network is ``origin + t * tick`` in the problem.
    span
        Ticks of the network in which every semi-active schedule ends, with slack for mirroring.
    """

    network: Network
    task: IntArray
    mode: IntArray
    units: IntArray
    capacity: IntArray
    origin: int
    tick: int
    span: int

    @property
    def count(self) -> int:
        """Number of activities n."""
        return len(self.task)

    @property
    def single(self) -> bool:
        """Whether every activity has one mode."""
        return len(self.mode) == self.count

    @property
    def by_tick(self) -> bool:
        """Whether a profile with one word per tick is the faster one."""
        longest = self.network.duration.mean() if len(self.mode) else 0
        return bool(
            self.network.need.shape[1] == 1
            and self.span <= _TICK_SPAN
            and longest <= _TICK_DURATION
        )

    @classmethod
    def of(cls, problem: Problem, dates: IntArray) -> Project | None:
        """The project that ``problem`` is, whatever its objective; None if it is more than one.

        Parameters
        ----------
        dates
            Due dates and releases the objective knows; they too must be multiples of the tick.
        """
        t, m, n = problem.tasks, problem.modes, problem.tasks.count
        if not 0 < n <= MOST_BY_TICK or not _is_project(problem):
            return None
        keep = _usable(problem)
        sizes = np.bincount(m.task[keep], minlength=n)
        if (sizes == 0).any():
            return None  # an activity that fits nowhere: no schedule, for exact engines to prove
        lags = _lags(problem, sizes, keep)
        if lags is None:
            return None
        source, target, lag = lags
        order = _topological(n, source, target)
        if order is None:
            return None
        place = np.empty(n, dtype=np.int64)
        place[order] = np.arange(n)
        release = releases(problem)
        origin = int(release.min())
        ready = (release - origin)[order]
        mode = np.concatenate([np.flatnonzero(keep[a:b]) + a for a, b in _spans(t.mode_ptr, order)])
        duration = m.duration[mode]
        tick = int(np.gcd.reduce(np.concatenate((duration, lag, ready, dates - origin)))) or 1
        units, capacity, spend, amount = _demands(problem, mode)
        ready, duration, lag = ready // tick, duration // tick, lag // tick
        mode_ptr = _pointers(sizes[order])
        longest = np.maximum.reduceat(duration, mode_ptr[:-1])
        most_lag = np.zeros(n, dtype=np.int64)
        np.maximum.at(most_lag, place[target], lag)
        span = float(ready.max()) + float(longest.sum()) + float(most_lag.sum())
        if span * tick + abs(origin) > LIMIT:
            return None
        units, capacity = _binding(units, capacity, mode_ptr)
        need, full, guard = pack(units, capacity)
        before = _csr(place[target], place[source], lag, n)
        after = _csr(place[source], place[target], lag, n)
        network = Network(
            *before, *after, ready, mode_ptr, duration, need, full, guard, spend, amount
        )
        project = cls(network, order, mode, units, capacity, origin, tick, int(span))
        return project if n <= MOST_BY_PIECE or project.by_tick else None

    def schedule(self, start: IntArray, mode: IntArray) -> Schedule:
        """Schedule of starts of the network and chosen modes (indices into ``mode``)."""
        n = self.count
        begin = np.empty(n, dtype=np.int64)
        end = np.empty(n, dtype=np.int64)
        chosen = np.empty(n, dtype=np.int32)
        begin[self.task] = self.origin + start * self.tick
        end[self.task] = self.origin + (start + self.network.duration[mode]) * self.tick
        chosen[self.task] = self.mode[mode]
        return Schedule(begin, end, chosen)

    def read(self, schedule: Schedule) -> tuple[IntArray, IntArray] | None:
        """Starts and modes of a schedule of the problem; None if it uses a mode left out here.

        Starts between ticks are rounded down.
        """
        place = {int(g): k for k, g in enumerate(self.mode)}
        chosen = [place.get(int(g), -1) for g in schedule.mode[self.task]]
        mode = np.array(chosen, dtype=np.int64)
        if (mode < 0).any():
            return None
        return (schedule.start[self.task] - self.origin) // self.tick, mode


def pack(units: IntArray, capacity: IntArray) -> tuple[Words, Words, Words]:
    """Demands (m, r) in words (m, w), the free words of an idle tick, and the guard bits (w,)."""
    word, bits = 0, 0
    lanes = []
    for c in capacity.tolist():
        width = int(c).bit_length() + 1
        if bits + width > _WORD_BITS:
            word, bits = word + 1, 0
        lanes.append((word, bits, width))
        bits += width
    need = np.zeros((len(units), word + 1), dtype=np.uint64)
    full = np.zeros(word + 1, dtype=np.uint64)
    guard = np.zeros(word + 1, dtype=np.uint64)
    for r, (word, shift, width) in enumerate(lanes):
        top = np.uint64(1 << (shift + width - 1))
        guard[word] |= top
        full[word] |= top | np.uint64(int(capacity[r]) << shift)
        need[:, word] |= units[:, r].astype(np.uint64) << np.uint64(shift)
    return need, full, guard


def _is_project(problem: Problem) -> bool:
    """Whether the problem is unconstrained, without reservoirs and milestones on machines."""
    m, r = problem.modes, problem.resources
    on = m.demand_resource[m.demand_amount != 0]
    return bool(
        is_unconstrained(problem)
        and not (r.kind[on] == ResourceKind.RESERVOIR).any()
        and not _milestone_on_machine(problem)
    )


def _milestone_on_machine(problem: Problem) -> bool:
    """Whether a zero duration meets a machine: it may not lie strictly inside another task."""
    m, r = problem.modes, problem.resources
    owner = m.demand_mode()
    on = (r.kind[m.demand_resource] == ResourceKind.MACHINE) & (m.demand_amount > 0)
    return bool((on & (m.duration[owner] == 0)).any())


def _usable(problem: Problem) -> BoolArray:
    """Modes whose every demand fits the capacity of its resource on its own, bool (m,)."""
    m, r = problem.modes, problem.resources
    owner = m.demand_mode()
    over = m.demand_amount > r.capacity[m.demand_resource]
    over &= (m.duration[owner] > 0) | (r.kind[m.demand_resource] == ResourceKind.CONSUMABLE)
    usable = np.ones(m.count, dtype=np.bool_)
    usable[owner[over]] = False
    return usable


def _lags(
    problem: Problem, sizes: IntArray, keep: BoolArray
) -> tuple[IntArray, IntArray, IntArray] | None:
    """Relations as lags from end to start; None if one is negative or depends on a mode."""
    p, m = problem.precedences, problem.modes
    source, target = p.source.astype(np.int64), p.target.astype(np.int64)
    lag = p.minimum.astype(np.int64)
    from_start = (p.kind == PrecedenceKind.SS) | (p.kind == PrecedenceKind.SF)
    to_end = (p.kind == PrecedenceKind.FF) | (p.kind == PrecedenceKind.SF)
    if (sizes[source[from_start]] > 1).any() or (sizes[target[to_end]] > 1).any():
        return None
    only = np.zeros(problem.tasks.count, dtype=np.int64)
    only[m.task[keep]] = m.duration[keep]
    lag = lag - np.where(from_start, only[source], 0) - np.where(to_end, only[target], 0)
    if (lag < 0).any():
        return None
    return source, target, lag


def _topological(n: int, source: IntArray, target: IntArray) -> IntArray | None:
    """Tasks with every predecessor first, the least index first where free; None in a cycle."""
    degree = np.bincount(target, minlength=n)
    by_source = np.argsort(source, kind="stable")
    ptr = _pointers(np.bincount(source, minlength=n))
    heirs = target[by_source]
    order = np.empty(n, dtype=np.int64)
    wave, done = np.flatnonzero(degree == 0), 0
    while len(wave):
        order[done : done + len(wave)] = wave
        done += len(wave)
        freed = np.concatenate([heirs[a:b] for a, b in _spans(ptr, wave)])
        np.subtract.at(degree, freed, 1)
        wave = np.unique(freed[degree[freed] == 0])
    return order if done == n else None


def _demands(problem: Problem, mode: IntArray) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Demands of modes for renewables and their capacities, for consumables and their amounts."""
    m, r = problem.modes, problem.resources
    row = np.full(m.count, -1, dtype=np.int64)
    row[mode] = np.arange(len(mode))
    owner = row[m.demand_mode()]
    here = owner >= 0
    table = np.zeros((len(mode), r.count), dtype=np.int64)
    np.add.at(table, (owner[here], m.demand_resource[here]), m.demand_amount[here])
    timed = (r.kind == ResourceKind.MACHINE) | (r.kind == ResourceKind.RENEWABLE)
    table[np.ix_(m.duration[mode] == 0, timed)] = 0
    spent = r.kind == ResourceKind.CONSUMABLE
    return table[:, timed], r.capacity[timed], table[:, spent], r.capacity[spent]


def _binding(units: IntArray, capacity: IntArray, mode_ptr: IntArray) -> tuple[IntArray, IntArray]:
    """Renewables that all activities at once would exceed, in the largest unit that fits."""
    kept, sizes = [], []
    for r, c in enumerate(capacity.tolist()):
        column = units[:, r]
        if sum(np.maximum.reduceat(column, mode_ptr[:-1]).tolist()) > c:
            unit = int(np.gcd.reduce(column))
            kept.append(column // unit)
            sizes.append(c // unit)
    table = np.stack(kept, axis=1) if kept else np.zeros((len(units), 0), dtype=np.int64)
    return table, np.array(sizes, dtype=np.int64)


def _csr(
    row: IntArray, entry: IntArray, lag: IntArray, n: int
) -> tuple[IntArray, IntArray, IntArray]:
    """CSR by row; of several relations between the same two the longest lag is kept."""
    by = np.lexsort((-lag, entry, row))
    row, entry, lag = row[by], entry[by], lag[by]
    first = np.ones(len(row), dtype=np.bool_)
    first[1:] = (row[1:] != row[:-1]) | (entry[1:] != entry[:-1])
    return _pointers(np.bincount(row[first], minlength=n)), entry[first], lag[first]


def _pointers(sizes: IntArray) -> IntArray:
    ptr = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=ptr[1:])
    return ptr


def _spans(ptr: IntArray, rows: IntArray) -> list[tuple[int, int]]:
    return list(zip(ptr[rows].tolist(), ptr[rows + 1].tolist(), strict=True))
