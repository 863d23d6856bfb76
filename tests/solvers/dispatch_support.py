"""What the tests of dispatch share: checked runs, and priorities and schemes in plain Python.

The references are written from the rules' and schemes' definitions, task by task, without tables,
heaps or profiles; they serve plain shops and projects with one mode per task.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np

from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.core.vocabulary import INFINITY, ResourceKind
from makespan.solvers.dispatch import find_rule
from makespan.solvers.dispatch._runner import Attempt, Runner, Scheme

Score = Callable[[int, float, float], float]
"""Priority of a task at a time, given when its predecessors let it go."""


def place(runner: Runner, attempt: Attempt, seed: int = 0) -> Schedule | None:
    """One run; its schedule, if any, verifies and has the objective the engine states."""
    if not runner.run(attempt, seed):
        assert runner.failure is not None
        return None
    schedule = runner.schedule()
    assert verify(runner.problem, schedule) == []
    assert runner.objective() == evaluate(runner.problem, schedule)
    return schedule


def starts(problem: Problem, rule: str, scheme: Scheme, *, general: bool = False) -> list[int]:
    """Starts of all tasks after one run; ``general`` rules out the kernels for plain shops."""
    runner = Runner(problem)
    if general:
        runner.compiled = replace(runner.compiled, shop=False)
    schedule = place(runner, Attempt(find_rule(rule), scheme))
    assert schedule is not None
    return [int(s) for s in schedule.start]


class Plain:
    """A problem of one mode per task and plain precedences, as lists."""

    def __init__(self, problem: Problem) -> None:
        t, m, p = problem.tasks, problem.modes, problem.precedences
        assert m.count == t.count
        self.problem = problem
        self.tasks = range(t.count)
        self.duration = [int(d) for d in m.duration]
        self.release = [
            max(int(t.release[i]), int(problem.jobs.release[t.job[i]]) if t.job[i] >= 0 else 0)
            for i in self.tasks
        ]
        self.arcs = [
            (int(a), int(b), int(lag))
            for a, b, lag in zip(p.source, p.target, p.minimum, strict=True)
        ]
        self.before = [[(a, lag) for a, b, lag in self.arcs if b == i] for i in self.tasks]
        self.after = [[b for a, b, _ in self.arcs if a == i] for i in self.tasks]
        self.demand = [
            {
                int(m.demand_resource[k]): int(m.demand_amount[k])
                for k in range(int(m.demand_ptr[i]), int(m.demand_ptr[i + 1]))
            }
            for i in self.tasks
        ]
        machine = problem.resources.kind == ResourceKind.MACHINE
        self.capacity = [
            1 if machine[r] else int(problem.resources.capacity[r])
            for r in range(problem.resources.count)
        ]

    def ready(self, i: int, start: dict[int, int]) -> int | None:
        """When predecessors and release let the task go, None while one is not placed."""
        if any(a not in start for a, _ in self.before[i]):
            return None
        times = [start[a] + self.duration[a] + lag for a, lag in self.before[i]]
        return max([self.release[i], *times])

    def fits(self, i: int, s: int, start: dict[int, int]) -> bool:
        """Whether the placed tasks leave room for the task at ``s``, looked at tick by tick."""
        for tick in range(s, s + self.duration[i]):
            here = [k for k, b in start.items() if b <= tick < b + self.duration[k]]
            for r, amount in self.demand[i].items():
                if sum(self.demand[k].get(r, 0) for k in here) + amount > self.capacity[r]:
                    return False
        return True

    def successors(self, i: int) -> set[int]:
        """All successors of a task."""
        found: set[int] = set()
        for b in self.after[i]:
            found |= {b} | self.successors(b)
        return found

    def tail(self, i: int) -> int:
        """Least time from the start of a task to the end of the plan."""
        rest = [lag + self.tail(b) for a, b, lag in self.arcs if a == i]
        return self.duration[i] + max(rest, default=0)

    def head(self, i: int) -> int:
        """Earliest start by precedence alone."""
        times = [self.head(a) + self.duration[a] + lag for a, lag in self.before[i]]
        return max([self.release[i], *times])


def serial(plain: Plain, score: Score) -> list[int]:
    """Serial scheme: the first eligible task by priority goes where it fits first."""
    start: dict[int, int] = {}
    while len(start) < len(plain.tasks):
        ready = {i: plain.ready(i, start) for i in plain.tasks if i not in start}
        i = min((i for i, t in ready.items() if t is not None), key=lambda i: (score(i, 0, 0), i))
        s = ready[i]
        assert s is not None
        while not plain.fits(i, s, start):
            s += 1
        start[i] = s
    return [start[i] for i in plain.tasks]


def parallel(plain: Plain, score: Score) -> list[int]:
    """Parallel scheme: tick by tick, start by priority whatever can start now."""
    start: dict[int, int] = {}
    now = min(plain.release)
    while len(start) < len(plain.tasks):
        refused: set[int] = set()
        while True:
            ready = {i: plain.ready(i, start) for i in plain.tasks if i not in start}
            waiting = [i for i, t in ready.items() if t is not None and t <= now]
            awake = [i for i in waiting if i not in refused]
            if not awake:
                break
            for i in sorted(awake, key=lambda i: (score(i, now, ready[i] or 0), i)):
                if plain.fits(i, now, start):
                    start[i] = now
                else:
                    refused.add(i)
        now += 1
    return [start[i] for i in plain.tasks]


def giffler_thompson(plain: Plain, score: Score) -> list[int]:
    """Active scheme: resolve the conflict on the machine of the earliest completion."""
    start: dict[int, int] = {}
    free = [-(1 << 60)] * len(plain.capacity)
    machine = [next(iter(plain.demand[i])) for i in plain.tasks]
    while len(start) < len(plain.tasks):
        ready = {i: plain.ready(i, start) for i in plain.tasks if i not in start}
        begin = {i: max(t, free[machine[i]]) for i, t in ready.items() if t is not None}
        complete, where = min((s + plain.duration[i], machine[i]) for i, s in begin.items())
        rivals = [i for i, s in begin.items() if machine[i] == where and s < complete]
        chosen = min(rivals, key=lambda i: (score(i, begin[i], ready[i] or 0), i))
        start[chosen] = begin[chosen]
        free[where] = begin[chosen] + plain.duration[chosen]
    return [start[i] for i in plain.tasks]


def scores(plain: Plain, rule: str) -> Score:
    """A rule's formula in plain Python, without WINQ, PT+WINQ and RANDOM."""
    problem, p = plain.problem, plain.duration
    job, tasks = problem.tasks.job, plain.tasks
    order = _job_rows(problem)
    inside = {i: row[row.index(i) :] for row in order for i in row}
    rest = {i: sum(p[k] for k in inside[i]) if i in inside else plain.tail(i) for i in tasks}
    count = {i: len(inside[i]) if i in inside else 1 for i in tasks}
    work = {i: sum(p[k] for k in order[job[i]]) if job[i] >= 0 else p[i] for i in tasks}
    length = max(plain.head(i) + plain.tail(i) for i in tasks)
    due = {i: _due(problem, i) for i in tasks}
    if all(d >= INFINITY for d in due.values()):
        due = {i: length - plain.tail(i) + rest[i] for i in tasks}
    weight = {
        i: int(problem.jobs.weight[job[i]]) if job[i] >= 0 else int(problem.tasks.weight[i])
        for i in tasks
    }
    mean = max(sum(p) / len(p), 1.0)
    everyone = {i: plain.successors(i) for i in tasks}

    def value(i: int, t: float, ready: float) -> float:
        slack = due[i] - t - rest[i]
        late = max(0.0, slack)
        worth = max(weight[i], 1e-9) / max(p[i], 1)
        return {
            "SPT": lambda: p[i],
            "LPT": lambda: -p[i],
            "WSPT": lambda: p[i] / max(weight[i], 1e-9),
            "MWKR": lambda: -rest[i],
            "LWKR": lambda: rest[i],
            "MOPNR": lambda: -count[i],
            "LOPNR": lambda: count[i],
            "FIFO": lambda: ready,
            "LIFO": lambda: -ready,
            "EDD": lambda: due[i],
            "MDD": lambda: max(due[i], t + rest[i]),
            "ATC": lambda: late / (2 * mean) - math.log(worth),
            "COVERT": lambda: -worth * max(0.0, 1 - late / (4 * max(rest[i], 1))),
            "CR": lambda: (due[i] - t) / max(rest[i], 1),
            "SLACK": lambda: slack,
            "S/RO": lambda: slack / count[i],
            "SPT/TWKR": lambda: p[i] / max(work[i], 1),
            "EST": lambda: plain.head(i),
            "LST": lambda: length - plain.tail(i),
            "LFT": lambda: length - plain.tail(i) + p[i],
            "MINSLK": lambda: length - plain.tail(i) - plain.head(i),
            "MTS": lambda: -len(everyone[i]),
            "MIS": lambda: -len(plain.after[i]),
            "GRPW": lambda: -(p[i] + sum(p[k] for k in plain.after[i])),
            "GRPW*": lambda: -(p[i] + sum(p[k] for k in everyone[i])),
        }[rule]()

    return value


def _job_rows(problem: Problem) -> list[list[int]]:
    ptr = problem.jobs.task_ptr
    return [problem.jobs.task[a:b].tolist() for a, b in pairwise(ptr)]


def _due(problem: Problem, i: int) -> int:
    due, job = int(problem.tasks.due[i]), int(problem.tasks.job[i])
    return int(problem.jobs.due[job]) if due >= INFINITY and job >= 0 else due


def dated(problem: Problem, seed: int) -> Problem:
    """The problem with random due dates and weights of its jobs."""
    random = np.random.default_rng(seed)
    work = int(problem.modes.duration.sum())
    jobs = replace(
        problem.jobs,
        due=random.integers(1, work + 1, problem.jobs.count),
        weight=random.integers(1, 5, problem.jobs.count),
    )
    return replace(problem, jobs=jobs)
