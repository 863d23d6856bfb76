"""Same-order sets: machines that take the jobs they share in the same order."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from makespan.core.verification.plan import Demands, Plan
from makespan.core.verification.violation import Violation, ViolationKind, ticks
from makespan.core.vocabulary import IntArray


def check_same_orders(plan: Plan, on_machine: Demands) -> list[Violation]:
    """No job starts before another on one machine of a set and after it on a second one."""
    problem = plan.problem
    if not problem.same_orders.count:
        return []
    job = problem.tasks.job.astype(np.int64)
    # A task without a job is a job of its own.
    job = np.where(job >= 0, job, problem.jobs.count + np.arange(len(job)))
    found = []
    for name, members in zip(problem.same_orders.names, problem.same_orders, strict=True):
        lines = []
        for machine in members.tolist():
            task = on_machine.task[on_machine.resource == machine]
            lines.append((machine, task[np.argsort(job[task], kind="stable")]))
        if _one_order(plan, [task for _, task in lines], job):
            continue
        for (one, first), (two, second) in combinations(lines, 2):
            _, here, there = np.intersect1d(job[first], job[second], return_indices=True)
            found += _turned(plan, name, (one, first[here]), (two, second[there]))
    return found


def _one_order(plan: Plan, lines: list[IntArray], job: IntArray) -> bool:
    """Whether all machines have the same jobs and plainly the same order: the usual case."""
    if any(not np.array_equal(job[lines[0]], job[task]) for task in lines[1:]):
        return False
    if not lines or not len(lines[0]):
        return True
    start = np.stack([plan.start[task] for task in lines])
    order = np.lexsort((start[-1], start[0]))
    return bool((np.diff(start[:, order], axis=1) >= 0).all())


def _turned(
    plan: Plan, name: str, one: tuple[int, IntArray], two: tuple[int, IntArray]
) -> list[Violation]:
    """Jobs that overtake between two machines; tasks are listed job by job on both."""
    order = np.lexsort((plan.start[two[1]], plan.start[one[1]]))
    first, second = one[1][order], two[1][order]
    start = plan.start[second]
    latest = np.maximum.accumulate(start)
    found = []
    for k in np.flatnonzero(start < latest).tolist():
        before = int(np.argmax(start[: k + 1]))
        amount = int(start[before] - start[k])
        late, early = plan.task(second[before]), plan.task(second[k])
        here, there = plan.resource(one[0]), plan.resource(two[0])
        sentence = (
            f"task '{early}' starts at {start[k]} on '{there}', before '{late}' at {start[before]} "
            f"({ticks(amount)}), but on '{here}' '{plan.task(first[before])}' starts before "
            f"'{plan.task(first[k])}', against same-order set '{name}'"
        )
        found.append(Violation(ViolationKind.SAME_ORDER, (early, late), there, amount, sentence))
    return found
