"""The order in which tasks enter windows: by progress, so that all jobs advance side by side."""

from __future__ import annotations

import numpy as np

from makespan.core.errors import UnsupportedError
from makespan.core.problem import Problem
from makespan.core.vocabulary import INFINITY, Blocking, IntArray, ObjectiveKind, ResourceKind


def require_windows(problem: Problem) -> None:
    """Refuse problems whose relations reach across windows.

    Raises
    ------
    UnsupportedError
        Naming the first such relation.
    """
    tasks, resources = problem.tasks, problem.resources
    stock = (resources.kind == ResourceKind.CONSUMABLE) | (resources.kind == ResourceKind.RESERVOIR)
    change = {ObjectiveKind.CHANGE, ObjectiveKind.MOVED} & problem.objective.kinds
    reasons = (
        (tasks.optional.any(), "optional tasks"),
        ((problem.precedences.maximum < INFINITY).any(), "maximum lags"),
        ((tasks.blocking != Blocking.NONE).any(), "blocking"),
        ((resources.blocking != Blocking.NONE).any(), "blocking"),
        (stock[problem.modes.demand_resource].any(), "consumables or reservoirs"),
        (problem.links.count, "same- or different-resource links"),
        (problem.same_orders.count, "same-order sets"),
        (problem.selections.count, "selections"),
        (bool(change), "change against a baseline in the objective"),
    )
    for there, what in reasons:
        if there:
            raise UnsupportedError(
                f"a rolling horizon cannot treat {what}: they tie tasks of windows far apart",
                hint="use engine 'alns' or 'auto'",
            )


def progress_order(problem: Problem, random: np.random.Generator) -> IntArray:
    """Every task once, by the share of the longest chain through it that lies before it.

    For a job whose tasks form a chain of equal lengths that is index over job length, the order
    of RHO. Ties: the earlier in a chain, then by lot. A task never comes before one that must
    precede it.
    """
    n = problem.tasks.count
    length = np.minimum.reduceat(problem.modes.duration, problem.tasks.mode_ptr[:-1]) if n else None
    if length is None:
        return np.zeros(0, dtype=np.int64)
    order = _topological(problem)
    before = np.zeros(n, dtype=np.int64)
    behind = np.zeros(n, dtype=np.int64)
    depth = np.zeros(n, dtype=np.int64)
    after: list[list[int]] = [[] for _ in range(n)]
    table = problem.precedences
    for i, j in zip(table.source.tolist(), table.target.tolist(), strict=True):
        after[i].append(j)
    for i in order:
        for j in after[i]:
            before[j] = max(before[j], before[i] + length[i])
            depth[j] = max(depth[j], depth[i] + 1)
    for i in reversed(order):
        behind[i] = length[i] + max((int(behind[j]) for j in after[i]), default=0)
    share = before / np.maximum(before + behind, 1)
    lot = random.permutation(n)
    found = np.lexsort((lot, depth, share))
    return found.astype(np.int64)


def _topological(problem: Problem) -> list[int]:
    """Tasks in an order of their precedences; those of a cycle (of negative lags) come last."""
    n, table = problem.tasks.count, problem.precedences
    waits = np.bincount(table.target, minlength=n).tolist()
    after: list[list[int]] = [[] for _ in range(n)]
    for i, j in zip(table.source.tolist(), table.target.tolist(), strict=True):
        after[i].append(j)
    ready = [i for i in range(n) if waits[i] == 0]
    found = []
    while ready:
        i = ready.pop()
        found.append(i)
        for j in after[i]:
            waits[j] -= 1
            if waits[j] == 0:
                ready.append(j)
    return found + [i for i in range(n) if waits[i] > 0]


def tails(problem: Problem) -> IntArray:
    """Least time from the end of each task to the end of all that follows it, ticks, (n,)."""
    n, table = problem.tasks.count, problem.precedences
    length = np.minimum.reduceat(problem.modes.duration, problem.tasks.mode_ptr[:-1])
    tail = np.zeros(n, dtype=np.int64)
    after: list[list[tuple[int, int]]] = [[] for _ in range(n)]
    plain = table.kind == 0
    for i, j, lag in zip(
        table.source[plain].tolist(),
        table.target[plain].tolist(),
        table.minimum[plain].tolist(),
        strict=True,
    ):
        after[i].append((j, lag))
    for i in reversed(_topological(problem)):
        tail[i] = max((lag + int(length[j] + tail[j]) for j, lag in after[i]), default=0)
    return np.maximum(tail, 0)
