"""Earliest and latest times under all lags, slack, and the critical path of the precedences.

Every relation is a difference constraint ``x[v] >= x[u] + weight`` between nodes: 2 i is the start
of task i, 2 i + 1 its end. A relation with ends x of i and y of j gives the arc x -> y with its
minimum lag and, if bounded, y -> x with minus its maximum lag; a task gives start -> end with its
shortest duration and, unless breaks can stretch it, end -> start with minus its longest. A cycle
of positive weight proves that no schedule exists.

A relation binds only if both tasks are present, so a task that may be left out restricts itself but
never another. Resources, calendars and forbidden intervals are not looked at: the times are bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from makespan.core import graph_loops as loops
from makespan.core.errors import InfeasibleError
from makespan.core.graph import adjacency, order_and_depth, shortest_durations
from makespan.core.problem import Problem
from makespan.core.vocabulary import INFINITY, BoolArray, IntArray, PrecedenceKind
from makespan.core.working_time import mode_calendars


class LagCycleError(InfeasibleError):
    """Lags contradict each other; ``relations`` are their rows in ``problem.precedences``."""

    def __init__(
        self, message: str, *, relations: Sequence[int], conflict: Sequence[str], hint: str
    ) -> None:
        super().__init__(message, conflict=conflict, hint=hint)
        self.relations = tuple(relations)


@dataclass(frozen=True, slots=True, eq=False)
class LagGraph:
    """Difference constraints ``x[head] >= x[tail] + weight`` over starts (2 i) and ends (2 i + 1).

    Attributes
    ----------
    tail, head, weight
        int64 (a,).
    relation
        Row of ``problem.precedences`` behind an arc, -1 for a task's own duration, int64 (a,).
    sequence
        Start, end and again start of each task, sources of relations before targets where that is
        possible, int64 (3 n,).
    """

    tail: IntArray
    head: IntArray
    weight: IntArray
    relation: IntArray
    sequence: IntArray


def lag_graph(problem: Problem, *, duration: IntArray | None = None) -> LagGraph:
    """The difference constraints of a problem, as if every task were present; O(n + p log p).

    Parameters
    ----------
    duration
        Ticks from start to end of each task, (n,); default: between its shortest and longest mode.
    """
    n, rows = problem.tasks.count, problem.precedences
    task = np.arange(n, dtype=np.int64)
    if duration is None:
        least, most = shortest_durations(problem), _longest_durations(problem)
    else:
        least = most = np.asarray(duration, dtype=np.int64)
    bounded = most < INFINITY
    from_end = (rows.kind == PrecedenceKind.FS) | (rows.kind == PrecedenceKind.FF)
    to_end = (rows.kind == PrecedenceKind.FF) | (rows.kind == PrecedenceKind.SF)
    x = 2 * rows.source.astype(np.int64) + from_end
    y = 2 * rows.target.astype(np.int64) + to_end
    capped = np.flatnonzero(rows.maximum < INFINITY)
    row = np.arange(rows.count, dtype=np.int64)
    none = np.full(n, -1, dtype=np.int64)
    order, _ = order_and_depth(adjacency(n, rows.source, rows.target, row))
    if len(order) < n:  # on a cycle any order is as good as another
        rest = np.ones(n, dtype=np.bool_)
        rest[order] = False
        order = np.concatenate((order, np.flatnonzero(rest)))
    # An end raised by a lag raises its start, which must pass that on in the same sweep.
    sequence = np.stack((2 * order, 2 * order + 1, 2 * order), axis=1).ravel()
    return LagGraph(
        tail=np.concatenate((2 * task, 2 * task[bounded] + 1, x, y[capped])),
        head=np.concatenate((2 * task + 1, 2 * task[bounded], y, x[capped])),
        weight=np.concatenate((least, -most[bounded], rows.minimum, -rows.maximum[capped])),
        relation=np.concatenate((none, none[bounded], row, row[capped])),
        sequence=sequence,
    )


def _longest_durations(problem: Problem) -> IntArray:
    """Greatest duration over modes; INFINITY if some mode pauses in breaks."""
    if not problem.tasks.count:
        return np.zeros(0, dtype=np.int64)
    ticks = np.where(mode_calendars(problem).suspends, INFINITY, problem.modes.duration)
    return np.asarray(np.maximum.reduceat(ticks, problem.tasks.mode_ptr[:-1]), dtype=np.int64)


def _propagate(
    problem: Problem, graph: LagGraph, value: IntArray, present: BoolArray | None, *, back: bool
) -> IntArray:
    """Raises ``value`` (2 n,) to the least fixed point in place; returns each node's parent arc.

    Backward, arcs run from head to tail, which propagates negated latest times. Linear if the
    relations are acyclic and have no maximum lags; otherwise O(b a) for b arcs against the sequence
    on one path.

    Raises
    ------
    LagCycleError
        If lags form a positive cycle.
    """
    sure = ~problem.tasks.optional if present is None else present
    tail, head = (graph.head, graph.tail) if back else (graph.tail, graph.head)
    used = np.flatnonzero(sure[tail // 2] | (tail // 2 == head // 2))
    arcs = used[np.argsort(tail[used], kind="stable")]
    nodes = len(value)
    ptr = np.zeros(nodes + 1, dtype=np.int64)
    np.cumsum(np.bincount(tail[arcs], minlength=nodes), out=ptr[1:])
    tails, heads, weights = tail[arcs], head[arcs], graph.weight[arcs]
    sequence = np.ascontiguousarray(graph.sequence[::-1]) if back else graph.sequence
    parent = np.full(nodes, -1, dtype=np.int64)
    active = (value > loops.UNREACHED).astype(np.int64)
    size, passes = nodes + len(arcs), 0
    while loops.run(loops.relax, size, sequence, ptr, heads, weights, value, parent, active):
        passes += 1
        # Parents of a graph without positive cycles form a forest, so a cycle of them is a proof.
        if passes > 1:
            mark = np.zeros(nodes, dtype=np.int64)
            node = loops.run(loops.parent_cycle, size, parent, tails, mark)
            if node >= 0:
                raise _positive_cycle(problem, graph, arcs, parent, tails, node, back=back)
    return np.where(parent >= 0, arcs[parent], -1) if len(arcs) else parent


def _positive_cycle(
    problem: Problem,
    graph: LagGraph,
    arcs: IntArray,
    parent: IntArray,
    tails: IntArray,
    node: int,
    *,
    back: bool,
) -> LagCycleError:
    cycle: list[int] = []
    at = node
    while True:
        cycle.append(int(arcs[parent[at]]))
        at = int(tails[parent[at]])
        if at == node:
            break
    if not back:
        cycle.reverse()
    conflict = [_describe(problem, graph, arc) for arc in cycle]
    excess = int(graph.weight[cycle].sum())
    return LagCycleError(
        f"lags contradict each other by {excess}: {'; '.join(conflict)}",
        relations=sorted({int(row) for row in graph.relation[cycle] if row >= 0}),
        conflict=conflict,
        hint=f"widen one of them by {excess}",
    )


def _describe(problem: Problem, graph: LagGraph, arc: int) -> str:
    """A constraint in the user's names."""
    rows, names = problem.precedences, problem.tasks.names
    row, task, weight = int(graph.relation[arc]), int(graph.tail[arc]) // 2, int(graph.weight[arc])
    if row < 0:
        if graph.tail[arc] % 2:
            return f"task {names[task]!r} takes at most {-weight}"
        return f"task {names[task]!r} takes at least {weight}"
    source, target = int(rows.source[row]), int(rows.target[row])
    kind = PrecedenceKind(int(rows.kind[row])).name
    lag = f"minimum lag {weight}" if task == source else f"maximum lag {-weight}"
    return f"{kind} {names[source]!r} -> {names[target]!r} with {lag}"


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """A start and an end per task in ticks, int64 (n,) each."""

    start: IntArray
    end: IntArray


def earliest_starts(problem: Problem) -> IntArray:
    """Earliest start of each task by horizon, its own and its job's release, int64 (n,)."""
    low = np.maximum(problem.tasks.release, problem.horizon_start)
    job = problem.tasks.job
    if problem.jobs.count:
        low = np.where(job >= 0, np.maximum(low, problem.jobs.release[np.maximum(job, 0)]), low)
    return low


def latest_ends(problem: Problem, end: int = INFINITY) -> IntArray:
    """Latest end of each task by ``end``, horizon, its own and its job's deadline, int64 (n,)."""
    high = np.minimum(problem.tasks.deadline, min(end, problem.horizon_end))
    job = problem.tasks.job
    if problem.jobs.count:
        high = np.where(job >= 0, np.minimum(high, problem.jobs.deadline[np.maximum(job, 0)]), high)
    return high


def earliest_with_parents(
    problem: Problem, graph: LagGraph, present: BoolArray | None = None
) -> tuple[Times, IntArray]:
    """Earliest times and, per node of the graph, the arc that sets its time, int64 (2 n,).

    The arc is -1 where a release does. Parameters, errors and cost as :func:`earliest_times`.
    """
    value = np.full(2 * problem.tasks.count, loops.UNREACHED, dtype=np.int64)
    value[0::2] = earliest_starts(problem)
    parent = _propagate(problem, graph, value, present, back=False)
    return Times(value[0::2].copy(), value[1::2].copy()), parent


def earliest_times(
    problem: Problem, *, duration: IntArray | None = None, present: BoolArray | None = None
) -> Times:
    """Earliest start and end of each task by releases, durations and all lags.

    Linear, plus O(p log p) to sort, if the relations are acyclic and have no maximum lags.

    Parameters
    ----------
    duration
        Ticks from start to end, (n,); default: between each task's shortest and longest mode.
    present
        Which tasks are surely in the schedule, (n,); default: those that are not optional.

    Raises
    ------
    InfeasibleError
        If lags form a positive cycle; ``conflict`` lists its constraints.
    """
    return earliest_with_parents(problem, lag_graph(problem, duration=duration), present)[0]


def latest_times(
    problem: Problem,
    end: int,
    *,
    duration: IntArray | None = None,
    present: BoolArray | None = None,
) -> Times:
    """Latest start and end of each task if all is to be over by ``end`` and by the deadlines.

    May lie before the earliest times, which proves that ``end`` cannot be kept.

    Raises
    ------
    InfeasibleError
        If lags form a positive cycle.
    """
    graph = lag_graph(problem, duration=duration)
    value = np.full(2 * problem.tasks.count, loops.UNREACHED, dtype=np.int64)
    value[1::2] = -latest_ends(problem, end)
    _propagate(problem, graph, value, present, back=True)
    return Times(-value[0::2], -value[1::2])


def heads(problem: Problem, *, duration: IntArray | None = None) -> IntArray:
    """Earliest start of each task, int64 (n,): see :func:`earliest_times`."""
    return earliest_times(problem, duration=duration).start


def tails(problem: Problem, *, duration: IntArray | None = None) -> IntArray:
    """Least time between the end of each task and the end of the whole, int64 (n,).

    Follows all lags and durations, not deadlines.

    Raises
    ------
    InfeasibleError
        If lags form a positive cycle.
    """
    value = np.full(2 * problem.tasks.count, loops.UNREACHED, dtype=np.int64)
    value[1::2] = 0
    _propagate(problem, lag_graph(problem, duration=duration), value, None, back=True)
    return value[1::2].copy()


@dataclass(frozen=True, slots=True, eq=False)
class Slack:
    """How far tasks can move if only windows, durations and lags bind, int64 (n,) each.

    Attributes
    ----------
    total
        Latest minus earliest start: delay that keeps the end and the deadlines. Negative if the
        end cannot be kept.
    free
        Delay that moves no other task from its earliest times; at most ``total``.
    """

    earliest: Times
    latest: Times
    total: IntArray
    free: IntArray


def slack(
    problem: Problem,
    end: int | None = None,
    *,
    duration: IntArray | None = None,
    present: BoolArray | None = None,
) -> Slack:
    """Slack of each task against ``end`` (default: the earliest end of the whole).

    Raises
    ------
    InfeasibleError
        If lags form a positive cycle.
    """
    graph = lag_graph(problem, duration=duration)
    earliest, _ = earliest_with_parents(problem, graph, present)
    sure = ~problem.tasks.optional if present is None else present
    if end is None:
        end = int(earliest.end[sure].max(initial=problem.horizon_start))
    latest = latest_times(problem, end, duration=duration, present=present)
    total = latest.start - earliest.start
    moment = np.stack((earliest.start, earliest.end), axis=1).ravel()
    across = (graph.tail // 2 != graph.head // 2) & sure[graph.head // 2]
    tail, head = graph.tail[across], graph.head[across]
    room = moment[head] - moment[tail] - graph.weight[across]
    free = total.copy()
    np.minimum.at(free, tail // 2, room)
    return Slack(earliest, latest, total, free)


def critical_path(problem: Problem, *, duration: IntArray | None = None) -> list[int]:
    """Tasks of a longest chain of lags to the earliest end of the whole, in order.

    Each task's earliest start follows from the one before it; the first starts at its release.

    Raises
    ------
    InfeasibleError
        If lags form a positive cycle.
    """
    graph = lag_graph(problem, duration=duration)
    earliest, parent = earliest_with_parents(problem, graph)
    sure = np.flatnonzero(~problem.tasks.optional)
    if not len(sure):
        return []
    node = 2 * int(sure[np.argmax(earliest.end[sure])]) + 1
    path: list[int] = []
    while True:
        if not path or path[-1] != node // 2:
            path.append(node // 2)
        if parent[node] < 0:
            return path[::-1]
        node = int(graph.tail[parent[node]])
