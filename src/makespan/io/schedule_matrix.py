"""Two layouts of the literature for job-shop schedules, read only.

``start-times``: one line per job with the start of each of its tasks, in the job's order.
``machine-orders``: one line per machine with the jobs in the order in which it takes them (counted
from 0 or from 1); tasks then start as early as these orders allow. ``#`` starts a comment.
"""

from __future__ import annotations

import numpy as np

from makespan.core.errors import FormatError
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import IntArray
from makespan.io.limits import (
    require_all_in_jobs,
    require_classic,
    require_finish_to_start,
    require_one_machine,
    require_single_mode,
)
from makespan.io.text import Numbers, Text


def _task_lists(problem: Problem) -> tuple[IntArray, IntArray]:
    """Tasks job by job and the sizes of the jobs."""
    return problem.jobs.task.astype(np.int64), np.diff(problem.jobs.task_ptr)


def _orders(numbers: Numbers, problem: Problem) -> IntArray | None:
    """Tasks machine by machine if the text is one order per machine, else None."""
    modes, count = problem.modes, problem.jobs.count
    if (np.diff(modes.demand_ptr) != 1).any() or (np.diff(problem.tasks.mode_ptr) != 1).any():
        return None
    tasks, sizes = _task_lists(problem)
    if len(tasks) != problem.tasks.count or len(numbers) != len(tasks):
        return None
    loads = np.bincount(modes.demand_resource, minlength=problem.resources.count)
    if not np.array_equal(numbers.row_sizes, loads[loads > 0]):
        return None
    lowest = int(numbers.values.min())
    listed = numbers.values - (1 if lowest == 1 else 0)
    if lowest < 0 or int(listed.max()) >= count:
        return None
    machine = np.repeat(np.flatnonzero(loads), loads[loads > 0])
    job = np.repeat(np.arange(count), sizes)
    # The k-th mention of a job on a machine is its k-th visit there.
    visits = np.lexsort((np.arange(len(tasks)), job, modes.demand_resource[tasks]))
    mentions = np.lexsort((np.arange(len(listed)), listed, machine))
    if not np.array_equal(job[visits], listed[mentions]):
        return None
    order = np.empty(len(tasks), dtype=np.int64)
    order[mentions] = tasks[visits]
    return order


def sniff_starts(text: Text, problem: Problem) -> float:
    """A line per job with a number per task."""
    numbers = text.numeric
    if numbers is None or not problem.jobs.count:
        return 0.0
    return 0.7 if np.array_equal(numbers.row_sizes, _task_lists(problem)[1]) else 0.3


def sniff_orders(text: Text, problem: Problem) -> float:
    """A line per machine that lists the jobs which visit it."""
    numbers = text.numeric
    if numbers is None or not problem.jobs.count:
        return 0.0
    return 0.8 if _orders(numbers, problem) is not None else 0.1


def read_starts(text: Text, problem: Problem) -> Schedule:
    """Schedule from a matrix of start times; every task has one mode."""
    require_single_mode(problem, "start-times")
    require_all_in_jobs(problem, "start-times")
    numbers = text.numbers()
    tasks, sizes = _task_lists(problem)
    given, starts = numbers.row_sizes, numbers.row_ptr
    for row in range(min(len(given), len(sizes))):
        if given[row] != sizes[row]:
            raise numbers.error(
                int(starts[row]),
                f"job {problem.jobs.names[row]!r} has {int(given[row])} start times",
                f"{int(sizes[row])}, one per task",
            )
    numbers.end(len(tasks), f"the start times of {len(sizes)} jobs")
    start = np.empty(problem.tasks.count, dtype=np.int64)
    start[tasks] = numbers.values
    return Schedule.from_starts(problem, start)


def read_orders(text: Text, problem: Problem) -> Schedule:
    """Earliest schedule that keeps the given order of jobs on each machine."""
    require_classic(problem, "machine-orders")
    machine = require_one_machine(problem, "machine-orders")
    require_single_mode(problem, "machine-orders")
    require_all_in_jobs(problem, "machine-orders")
    require_finish_to_start(problem, "machine-orders")
    numbers = text.numbers()
    order = _orders(numbers, problem)
    if order is None:
        raise FormatError(
            "the lines do not list, machine by machine, the jobs that visit it",
            source=text.source,
            line=numbers.line(0),
            expected="a line per machine, each job as often as it visits the machine",
        )
    same = machine[order[1:]] == machine[order[:-1]]
    relation = problem.precedences
    source = np.concatenate((relation.source, order[:-1][same]))
    target = np.concatenate((relation.target, order[1:][same]))
    start = _earliest(problem.modes.duration, source, target)
    if start is None:
        raise FormatError(
            "the machine orders and the jobs' routes form a cycle", source=text.source
        )
    return Schedule.from_starts(problem, start)


def _earliest(duration: IntArray, source: IntArray, target: IntArray) -> IntArray | None:
    """Longest path to each task, None if there is a cycle; O(n + arcs)."""
    count = len(duration)
    after: list[list[int]] = [[] for _ in range(count)]
    waiting = np.bincount(target, minlength=count).tolist()
    for a, b in zip(source.tolist(), target.tolist(), strict=True):
        after[a].append(b)
    length, start = duration.tolist(), [0] * count
    ready = [i for i in range(count) if not waiting[i]]
    done = 0
    while ready:
        i = ready.pop()
        done += 1
        end = start[i] + length[i]
        for k in after[i]:
            start[k] = max(start[k], end)
            waiting[k] -= 1
            if not waiting[k]:
                ready.append(k)
    return np.array(start, dtype=np.int64) if done == count else None
