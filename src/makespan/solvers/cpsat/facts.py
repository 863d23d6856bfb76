"""The problem's tables as plain Python lists, plus the few joins every part of the model needs."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from makespan.core.problem import Problem
from makespan.core.vocabulary import INFINITY, Blocking, DemandTiming, ResourceKind


class Facts:
    """Read-only joins over a problem; O(size of the problem) to build.

    Attributes
    ----------
    modes
        Global mode indices of each task.
    usage
        Per mode, ``(resource, amount)`` of its demands while running.
    changes
        Per mode, ``(resource, amount, at_end)`` of its reservoir changes.
    demanded
        Per mode, every resource it names, also with amount 0.
    users
        Per resource, the modes that demand it while running, in task order.
    followers
        Per task, the tasks that may come next in its job: later ones up to and including the
        first that is not optional.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        tasks, modes, resources = problem.tasks, problem.modes, problem.resources
        ptr = tasks.mode_ptr.tolist()
        self.task_count = tasks.count
        self.modes = [range(ptr[i], ptr[i + 1]) for i in range(tasks.count)]
        self.mode_task: list[int] = modes.task.tolist()
        self.duration: list[int] = modes.duration.tolist()
        self.optional: list[bool] = tasks.optional.tolist()
        self.job: list[int] = tasks.job.tolist()
        self.kind: list[int] = resources.kind.tolist()
        self.usage: list[list[tuple[int, int]]] = [[] for _ in range(modes.count)]
        self.changes: list[list[tuple[int, int, bool]]] = [[] for _ in range(modes.count)]
        self.demanded: list[set[int]] = [set() for _ in range(modes.count)]
        self.users: list[list[int]] = [[] for _ in range(resources.count)]
        for m, r, amount, timing in zip(
            modes.demand_mode().tolist(),
            modes.demand_resource.tolist(),
            modes.demand_amount.tolist(),
            modes.demand_timing.tolist(),
            strict=True,
        ):
            self.demanded[m].add(r)
            if timing == DemandTiming.DURING:
                if amount > 0:
                    self.usage[m].append((r, amount))
                    self.users[r].append(m)
            elif amount != 0:
                self.changes[m].append((r, amount, timing == DemandTiming.AT_END))
        self.followers = self._followers()
        self._blocking_task: list[int] = tasks.blocking.tolist()
        self._blocking_resource: list[int] = resources.blocking.tolist()

    def _followers(self) -> list[list[int]]:
        jobs = self.problem.jobs
        result: list[list[int]] = [[] for _ in range(self.task_count)]
        ptr, order = jobs.task_ptr.tolist(), jobs.task.tolist()
        for k in range(jobs.count):
            later: list[int] = []
            for i in reversed(order[ptr[k] : ptr[k + 1]]):
                result[i] = later
                later = [i, *later] if self.optional[i] else [i]
        return result

    def blocking(self, task: int, resource: int) -> int:
        """Blocking code of ``task`` on machine ``resource``; the stricter statement wins."""
        return max(self._blocking_task[task], self._blocking_resource[resource])

    def machine_users(self, resource: int) -> dict[int, list[int]]:
        """Task -> its modes of positive duration on ``resource``."""
        found: dict[int, list[int]] = defaultdict(list)
        for m in self.users[resource]:
            if self.duration[m] > 0:
                found[self.mode_task[m]].append(m)
        return dict(found)

    def machines(self) -> list[int]:
        """Resources that hold one task at a time."""
        return [r for r, kind in enumerate(self.kind) if kind == ResourceKind.MACHINE]

    def blocked_machines(self, task: int) -> list[tuple[int, int, int]]:
        """``(mode, machine, code)`` where ``task`` may keep a machine after its end."""
        if not self.followers[task]:
            return []
        return [
            (m, r, code)
            for m in self.modes[task]
            if self.duration[m] > 0
            for r, _ in self.usage[m]
            if self.kind[r] == ResourceKind.MACHINE
            and (code := self.blocking(task, r)) != Blocking.NONE
        ]

    def dated_units(self) -> list[tuple[list[int], int, int]]:
        """``(tasks, due, weight)`` of every job and task with a due date of its own."""
        jobs, tasks = self.problem.jobs, self.problem.tasks
        units = [
            (jobs.task[jobs.task_ptr[k] : jobs.task_ptr[k + 1]].tolist(), due, weight)
            for k, (due, weight) in enumerate(
                zip(jobs.due.tolist(), jobs.weight.tolist(), strict=True)
            )
            if due < INFINITY
        ]
        units += [
            ([int(i)], int(tasks.due[i]), int(tasks.weight[i]))
            for i in np.flatnonzero(tasks.due < INFINITY)
        ]
        return units

    def units(self) -> list[tuple[list[int], int, int]]:
        """``(tasks, release, weight)`` of every job and every task without a job."""
        jobs, tasks = self.problem.jobs, self.problem.tasks
        units = [
            (jobs.task[jobs.task_ptr[k] : jobs.task_ptr[k + 1]].tolist(), release, weight)
            for k, (release, weight) in enumerate(
                zip(jobs.release.tolist(), jobs.weight.tolist(), strict=True)
            )
        ]
        units += [
            ([int(i)], int(tasks.release[i]), int(tasks.weight[i]))
            for i in np.flatnonzero(tasks.job < 0)
        ]
        return units
