"""From a Problem to the tables of the kernels, and the empty State that goes with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from makespan.core.problem import Problem
from makespan.core.vocabulary import (
    INFINITY,
    TICK_LIMIT,
    BoolArray,
    DemandTiming,
    IntArray,
    LinkKind,
    PrecedenceKind,
    ResourceKind,
)
from makespan.solvers.dispatch import _layout as at
from makespan.solvers.dispatch._blocks import Blocks, block_structure
from makespan.solvers.dispatch._patterns import Patterns, working_patterns


def grouped(owner: IntArray, count: int) -> tuple[IntArray, IntArray]:
    """Stable order by owner and CSR pointers, O(n log n)."""
    order = np.argsort(owner, kind="stable")
    ptr = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(owner, minlength=count), out=ptr[1:])
    return order, ptr


@dataclass(frozen=True, slots=True)
class Compiled:
    """Tables and what decides how they are used.

    Attributes
    ----------
    shop
        Every task is one operation on one machine, tied only by finish-to-start lags: the
        simple kernels apply.
    bound
        Consumables or links tie the choice of modes, so safe modes are needed.
    reach
        Ticks that durations, lags and setups add up to.
    calendar_end
        Tick up to which calendars are spelled out, or None if nothing beyond it could matter.
    """

    tables: at.Tables
    shop: bool
    bound: bool
    optional: bool
    blocks: bool
    reach: float
    calendar_end: int | None


def compile_problem(problem: Problem, calendar_end: int | None = None) -> Compiled:
    """Tables of ``problem`` with calendars spelled out to ``calendar_end``; O(size log size)."""
    t, m, r = problem.tasks, problem.modes, problem.resources
    n = t.count
    reach = _reach(problem)
    demand, demand_ptr = _demands(problem)
    patterns = working_patterns(problem, calendar_end)
    end = patterns.end
    blocks = block_structure(problem)

    task = np.zeros((n, at.TASK_COLUMNS), dtype=np.int64)
    release, deadline = t.release.copy(), t.deadline.copy()
    owned = t.job >= 0
    if owned.any():
        job = t.job[owned]
        release[owned] = np.maximum(release[owned], problem.jobs.release[job])
        deadline[owned] = np.minimum(deadline[owned], problem.jobs.deadline[job])
    task[:, at.RELEASE] = np.maximum(release, problem.horizon_start)
    task[:, at.DEADLINE] = np.minimum(deadline, problem.horizon_end)
    task[:, at.FAMILY] = t.family
    task[:, at.MODE_FROM], task[:, at.MODE_TO] = t.mode_ptr[:-1], t.mode_ptr[1:]
    task[:, at.BLOCK] = blocks.block_of
    task[:, at.JOB] = t.job
    task[:, at.BLOCKING] = t.blocking
    job_at, job_task = problem.jobs.task_ptr, problem.jobs.task.astype(np.int64)
    place = np.arange(len(job_task), dtype=np.int64)
    task[job_task, at.PLACE] = place
    if reach > TICK_LIMIT:
        task[:, at.DEADLINE] = np.minimum(task[:, at.DEADLINE], TICK_LIMIT)
    forbidden = _forbidden(problem, task)
    arc = _arcs(problem, task)
    task_set = _sets(problem, task)
    link, in_group = _links(problem, task)

    mode = np.zeros((m.count, at.MODE_COLUMNS), dtype=np.int64)
    mode[:, at.DURATION] = m.duration
    mode[:, at.PATTERN] = patterns.of_mode
    mode[:, at.DEMAND_FROM], mode[:, at.DEMAND_TO] = demand_ptr[:-1], demand_ptr[1:]
    mode[:, at.COST] = m.cost + _usage_cost(problem, demand, demand_ptr)

    resource = np.zeros((r.count, at.RESOURCE_COLUMNS), dtype=np.int64)
    setup = _setups(problem, resource)
    resource[:, at.RELEASED] = r.released_in_breaks
    resource[:, at.HOLDS] = r.blocking
    resource[:, at.LEVEL_MIN], resource[:, at.LEVEL_MAX] = r.minimum, r.capacity
    resource[:, at.LEVEL_START] = r.initial

    busy_at, free_at, level_at = _room(problem, patterns)
    free_init, free_count = _profiles(problem, free_at)
    tables = at.Tables(
        task=task,
        mode=mode,
        demand=demand,
        arc=arc,
        resource=resource,
        setup=setup,
        pattern=patterns.rows,
        span=patterns.spans,
        forbidden=forbidden,
        task_set=task_set,
        block=blocks.rows,
        member=blocks.member,
        follower=blocks.follower,
        link=link,
        in_group=in_group,
        busy_at=busy_at,
        free_at=free_at,
        free_init=free_init,
        free_count=free_count,
        level_at=level_at,
        stock=r.capacity.copy(),
        job_at=np.array(job_at),
        job_task=job_task,
    )
    consumable = bool((demand[:, at.WHAT] == at.ON_CONSUMABLE).any()) if len(demand) else False
    return Compiled(
        tables,
        shop=_is_shop(problem, tables, blocks),
        bound=consumable or len(link) > 0,
        optional=bool(t.optional.any()),
        blocks=len(blocks.rows) < n,
        reach=reach,
        calendar_end=end if end is not None and end < task[:, at.DEADLINE].max(initial=0) else None,
    )


def _reach(problem: Problem) -> float:
    """Ticks that durations, lags and setups add up to, so that no sum of them overflows unseen."""
    p = problem.precedences
    low = np.where(p.minimum > -INFINITY, p.minimum, 0)
    high = np.where(p.maximum < INFINITY, p.maximum, 0)
    parts = (problem.modes.duration, np.abs(low), np.abs(high))
    setups = sum(float(matrix.time.max(initial=0)) for matrix in problem.setups)
    return setups * problem.tasks.count + sum(float(x.sum(dtype=np.float64)) for x in parts)


def _demands(problem: Problem) -> tuple[IntArray, IntArray]:
    """Demands that matter, with repeated renewables and consumables of a mode added up."""
    m, r = problem.modes, problem.resources
    what_of_kind = np.array([at.ON_MACHINE, at.ON_RENEWABLE, at.ON_CONSUMABLE, at.AT_START])
    what = what_of_kind[r.kind[m.demand_resource]] if m.demand_resource.size else np.empty(0, int)
    what = np.where(m.demand_timing == DemandTiming.AT_END, at.AT_END, what)
    rows = np.column_stack((m.demand_resource, m.demand_amount, what)).astype(np.int64)
    owner = m.demand_mode()
    keep = rows[:, at.AMOUNT] != 0
    if not keep.all():
        rows, owner = rows[keep], owner[keep]
    label = (owner * max(r.count, 1) + rows[:, at.RESOURCE]) * 8 + rows[:, at.WHAT]
    if len(label) and (np.diff(label) <= 0).any():
        _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
        merged = rows[first]
        merged[:, at.AMOUNT] = 0
        np.add.at(merged[:, at.AMOUNT], inverse, rows[:, at.AMOUNT])
        merged[merged[:, at.WHAT] == at.ON_MACHINE, at.AMOUNT] = 1
        rows, owner = merged, owner[first]
    ptr = np.zeros(m.count + 1, dtype=np.int64)
    np.cumsum(np.bincount(owner, minlength=m.count), out=ptr[1:])
    return np.ascontiguousarray(rows), ptr


def _usage_cost(problem: Problem, demand: IntArray, demand_ptr: IntArray) -> IntArray:
    rate = problem.resources.rate
    if not rate.any():
        return np.zeros(problem.modes.count, dtype=np.int64)
    owner = np.repeat(np.arange(problem.modes.count), np.diff(demand_ptr))
    during = demand[:, at.WHAT] <= at.ON_CONSUMABLE
    ticks = np.where(demand[:, at.WHAT] == at.ON_CONSUMABLE, 1, problem.modes.duration[owner])
    # Costs only rank modes here, so beyond 2^53 they may lose digits but must not overflow.
    each = rate[demand[:, at.RESOURCE]].astype(np.float64) * demand[:, at.AMOUNT] * ticks
    cost = np.bincount(owner, np.where(during, each, 0.0), problem.modes.count)
    return np.minimum(cost, 1 << 53).astype(np.int64)


def _forbidden(problem: Problem, task: IntArray) -> IntArray:
    from makespan.core.calendar import merge_intervals

    t = problem.tasks
    if not len(t.forbidden_start):
        return np.empty((0, 2), dtype=np.int64)
    pieces, count = [], 0
    for i in np.flatnonzero(np.diff(t.forbidden_ptr)).tolist():
        low, high = t.forbidden_ptr[i], t.forbidden_ptr[i + 1]
        merged = merge_intervals(
            np.column_stack((t.forbidden_start[low:high], t.forbidden_end[low:high]))
        )
        task[i, at.FORBID_FROM], task[i, at.FORBID_TO] = count, count + len(merged)
        count += len(merged)
        pieces.append(merged)
    return np.ascontiguousarray(np.concatenate(pieces))


def _arcs(problem: Problem, task: IntArray) -> IntArray:
    """Each lag seen from both of its tasks: what I must not be earlier or later than."""
    p = problem.precedences
    source, target = p.source.astype(np.int64), p.target.astype(np.int64)
    source_end = np.isin(p.kind, (PrecedenceKind.FS, PrecedenceKind.FF)).astype(np.int64)
    target_end = np.isin(p.kind, (PrecedenceKind.FF, PrecedenceKind.SF)).astype(np.int64)
    capped = np.flatnonzero(p.maximum < INFINITY)
    binding = np.flatnonzero(p.minimum > -INFINITY)
    # target >= source + minimum and target <= source + maximum, then both from the other side.
    parts = []
    for rows, me, my_end, other, its_end, weight, sense in (
        (binding, target, target_end, source, source_end, p.minimum, 1),
        (capped, target, target_end, source, source_end, p.maximum, -1),
        (binding, source, source_end, target, target_end, -p.minimum, -1),
        (capped, source, source_end, target, target_end, -p.maximum, 1),
    ):
        part = np.empty((len(rows), at.ARC_COLUMNS + 1), dtype=np.int64)
        part[:, at.OTHER], part[:, at.MY_END] = other[rows], my_end[rows]
        part[:, at.ITS_END], part[:, at.WEIGHT] = its_end[rows], weight[rows]
        part[:, at.SENSE], part[:, -1] = sense, me[rows]
        parts.append(part)
    arcs = np.concatenate(parts)
    order, ptr = grouped(arcs[:, -1], len(task))
    task[:, at.ARC_FROM], task[:, at.ARC_TO] = ptr[:-1], ptr[1:]
    return np.ascontiguousarray(arcs[order, :-1])


def _sets(problem: Problem, task: IntArray) -> IntArray:
    """Timelines of no-overlap sets, numbered after the resources, per member."""
    sets = problem.no_overlaps
    line = np.repeat(np.arange(sets.count), np.diff(sets.ptr)) + problem.resources.count
    order, ptr = grouped(sets.member.astype(np.int64), len(task))
    task[:, at.SET_FROM], task[:, at.SET_TO] = ptr[:-1], ptr[1:]
    return line[order].astype(np.int64)


def _links(problem: Problem, task: IntArray) -> tuple[IntArray, BoolArray]:
    links, groups = problem.links, problem.groups
    in_group = np.zeros((groups.count if links.count else 0, problem.resources.count), dtype=bool)
    for g in range(len(in_group)):
        in_group[g, groups.member[groups.ptr[g] : groups.ptr[g + 1]]] = True
    same = (links.kind == LinkKind.SAME).astype(np.int64)
    group = links.group.astype(np.int64)
    owner = np.concatenate((links.first, links.second)).astype(np.int64)
    other = np.concatenate((links.second, links.first)).astype(np.int64)
    rows = np.column_stack((other, np.tile(group, 2), np.tile(same, 2)))
    order, ptr = grouped(owner, len(task))
    task[:, at.LINK_FROM], task[:, at.LINK_TO] = ptr[:-1], ptr[1:]
    return np.ascontiguousarray(rows[order]), in_group


def _setups(problem: Problem, resource: IntArray) -> IntArray:
    """Setup times of each matrix: f * f times row by row, then f earliest first starts."""
    resource[:, at.SETUP_AT] = -1
    pieces, count = [np.empty(0, dtype=np.int64)], 0
    for number, matrix in enumerate(problem.setups):
        here = problem.resources.setup == number
        resource[here, at.SETUP_AT] = count
        resource[here, at.FAMILIES] = len(matrix.initial_time)
        pieces += [matrix.time.ravel(), matrix.initial_time + problem.horizon_start]
        count += matrix.time.size + len(matrix.initial_time)
    return np.concatenate(pieces)


def _room(problem: Problem, patterns: Patterns) -> tuple[IntArray, IntArray, IntArray]:
    """Offsets of each timeline, profile and level table, sized for every possible entry."""
    r = problem.resources
    owner = np.repeat(problem.modes.task, np.diff(problem.modes.demand_ptr)).astype(np.int64)
    key = problem.modes.demand_resource.astype(np.int64) * max(problem.tasks.count, 1) + owner
    plain = problem.modes.count == problem.tasks.count
    users = problem.modes.demand_resource.astype(np.int64)
    if not plain:
        users = np.unique(key) // max(problem.tasks.count, 1)
    uses = np.bincount(users, minlength=r.count)[: r.count]
    sets = np.diff(problem.no_overlaps.ptr)
    busy = np.concatenate((np.where(r.kind == ResourceKind.MACHINE, uses, 0), sets))
    steps = np.diff(r.step_ptr)
    split = np.where(r.released_in_breaks, 2 * len(patterns.spans), 0)
    renewable = r.kind == ResourceKind.RENEWABLE
    free = np.where(renewable, 2 * uses + steps + split + 4, 0)
    level = np.where(r.kind == ResourceKind.RESERVOIR, 2 * uses + 4, 0)
    starts = []
    for sizes in (busy, free, level):
        ptr = np.zeros(len(sizes) + 1, dtype=np.int64)
        np.cumsum(sizes, out=ptr[1:])
        starts.append(ptr)
    return starts[0], starts[1], starts[2]


def _profiles(problem: Problem, free_at: IntArray) -> tuple[IntArray, IntArray]:
    r = problem.resources
    rows = np.zeros((int(free_at[-1]), 2), dtype=np.int64)
    count = np.zeros(r.count, dtype=np.int64)
    for k in np.flatnonzero(r.kind == ResourceKind.RENEWABLE).tolist():
        low, high = r.step_ptr[k], r.step_ptr[k + 1]
        size = 1 + int(high - low)
        base = int(free_at[k])
        rows[base] = -at.FAR, r.capacity[k]
        rows[base + 1 : base + size, 0] = r.step_time[low:high]
        rows[base + 1 : base + size, 1] = r.step_capacity[low:high]
        count[k] = size
    return rows, count


def _is_shop(problem: Problem, tables: at.Tables, blocks: Blocks) -> bool:
    t, m, r, p = problem.tasks, problem.modes, problem.resources, problem.precedences
    n = t.count
    return bool(
        n
        and len(blocks.rows) == n
        and (np.diff(tables.mode[:, at.DEMAND_FROM]) == 1).all()
        and len(tables.demand) == m.count
        and (tables.demand[:, at.WHAT] == at.ON_MACHINE).all()
        and (m.duration > 0).all()
        and (tables.mode[:, at.PATTERN] < 0).all()
        and (r.setup < 0).all()
        and not t.optional.any()
        and (tables.task[:, at.DEADLINE] >= INFINITY).all()
        and not len(tables.forbidden)
        and not len(tables.task_set)
        and not len(tables.link)
        and not (p.kind != PrecedenceKind.FS).any()
        and (p.minimum >= 0).all()
    )


def new_state(compiled: Compiled) -> at.State:
    """Working memory for one thread; a few hundred bytes per task."""
    T = compiled.tables
    n, lines, resources = len(T.task), len(T.busy_at) - 1, len(T.resource)
    blocks = len(T.block)

    def whole(*shape: int) -> IntArray:
        return np.zeros(shape, dtype=np.int64)

    state = at.State(
        place=whole(n, at.PLACE_COLUMNS),
        busy=whole(int(T.busy_at[-1]), at.BUSY_COLUMNS),
        busy_count=whole(lines),
        free=T.free_init.copy(),
        free_count=T.free_count.copy(),
        level=whole(int(T.level_at[-1]), 2),
        level_count=whole(resources),
        left=whole(resources),
        safe=np.full(n, -1, dtype=np.int64),
        floor=whole(n),
        waits=whole(blocks),
        want=np.full(n, at.REQUIRE, dtype=np.int64),
        ready=np.full(n, -1, dtype=np.int64),
        queued=whole(resources),
        key=np.zeros(blocks),
        heap_key=np.zeros(blocks + 1),
        heap=whole(blocks + 1),
        other_key=np.zeros(blocks + 1),
        other=whole(blocks + 1),
        scratch=whole(n),
        report=whole(4),
        halt=whole(1),
        dice=np.zeros(1, dtype=np.uint64),
    )
    state.report[3] = compiled.bound
    return state
