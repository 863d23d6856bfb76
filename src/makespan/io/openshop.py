"""Open shop: each job visits every machine once, in any order, never two at once.

Two layouts are read. Bare: ``n m``, then n lines with the durations of a job on machines 1..m.
Taillard's: a header line of words, ``n m seeds bounds``, ``processing times :``, an n x m matrix,
``machines :``, an n x m matrix that says on which machine (from 1) each of these times is spent.
A job's tasks form a no-overlap set; there are no precedences.
"""

from __future__ import annotations

import re

import numpy as np

from makespan.core.problem import Problem
from makespan.core.vocabulary import IntArray
from makespan.io.format import ProblemFormat
from makespan.io.limits import (
    refuse,
    require_all_in_jobs,
    require_classic,
    require_one_machine,
    require_single_mode,
)
from makespan.io.tables import shop
from makespan.io.text import Text, matrix_text
from makespan.io.worded import has_words, sections

_WORDS = (
    re.compile(r"processing\s+times\s*:?", re.IGNORECASE),
    re.compile(r"machines\s*:?", re.IGNORECASE),
)


def sniff(text: Text) -> float:
    """A bare n x m matrix, or the words of Taillard's layout."""
    numbers = text.numeric
    if numbers is None:
        return 0.95 if has_words(text, *_WORDS) else 0.0
    if len(numbers) < 3 or text.float_header:
        return 0.0
    n, m = (int(v) for v in numbers.values[:2])
    sizes = numbers.row_sizes
    if n < 1 or m < 1 or (numbers.values < 0).any():
        return 0.0
    by_line = len(sizes) == n + 1 and sizes[0] == 2 and bool((sizes[1:] == m).all())
    if len(numbers) == 2 + n * m:
        return 0.9 if by_line else 0.35
    if len(sizes) > 2 and sizes[0] == 2:
        return 0.28 * bool(np.mean(sizes[1:] == m) > 0.5)
    return 0.0


def read(text: Text) -> Problem:
    """Open shop of a bare or Taillard text."""
    if text.numeric is None and has_words(text, _WORDS[0]):
        found = sections(text, _WORDS, ("processing times", "machines"))
        duration, machine = (part.matrix for part in found.parts)
        found.check_machines()
        return _problem(found.name, duration, machine - 1)
    numbers = text.numbers()
    n, m = numbers.header("jobs and machines")
    sizes, starts = numbers.row_sizes, numbers.row_ptr
    if len(numbers) != 2 + n * m:
        if sizes[0] != 2:
            raise numbers.error(
                0, f"the header has {int(sizes[0])} numbers", "2 (jobs and machines)"
            )
        for row in range(1, min(len(sizes), n + 1)):
            if sizes[row] != m:
                raise numbers.error(
                    int(starts[row]), f"job {row} has {int(sizes[row])} numbers", f"{m} durations"
                )
    numbers.end(2 + n * m, f"{n} jobs on {m} machines")
    numbers.check(0, None, slice(2, None), "duration")
    duration = numbers.values[2:].reshape(n, m)
    return _problem(text.name, duration, np.broadcast_to(np.arange(m), (n, m)))


def _problem(name: str, duration: IntArray, machine: IntArray) -> Problem:
    n, m = duration.shape
    return shop(
        name,
        job_ptr=np.arange(0, n * m + 1, m, dtype=np.int64),
        mode_ptr=np.arange(n * m + 1, dtype=np.int64),
        duration=duration.ravel(),
        machine=np.ascontiguousarray(machine).ravel(),
        machine_count=m,
        first_machine=1,
        ordered=False,
    )


def write(problem: Problem) -> str:
    """Bare matrix of an open shop, machines in their order."""
    require_classic(problem, "openshop")
    machine = require_one_machine(problem, "openshop")
    require_single_mode(problem, "openshop")
    require_all_in_jobs(problem, "openshop")
    if problem.precedences.count:
        raise refuse("openshop", "precedences")
    jobs, m = problem.jobs, problem.resources.count
    _require_job_sets(problem)
    table = np.full((jobs.count, m), -1, dtype=np.int64)
    owner = np.repeat(np.arange(jobs.count), np.diff(jobs.task_ptr))
    mode = problem.tasks.mode_ptr[jobs.task]
    table[owner, machine[mode]] = problem.modes.duration[mode]
    if (np.diff(jobs.task_ptr) != m).any() or (table < 0).any():
        bad = (np.diff(jobs.task_ptr) != m) | (table < 0).any(axis=1)
        name = jobs.names[int(np.flatnonzero(bad)[0])]
        raise refuse("openshop", f"a job that does not visit each machine once ({name!r})")
    return f"{jobs.count} {m}\n" + matrix_text(table)


def _require_job_sets(problem: Problem) -> None:
    """Check that the no-overlap sets are exactly the tasks of each job."""
    jobs = problem.jobs
    wanted = {
        frozenset(jobs.task[a:b].tolist()): jobs.names[k]
        for k, (a, b) in enumerate(zip(jobs.task_ptr[:-1], jobs.task_ptr[1:], strict=True))
    }
    for k, members in enumerate(problem.no_overlaps):
        if wanted.pop(frozenset(members.tolist()), None) is None:
            raise refuse("openshop", f"the no-overlap set {problem.no_overlaps.names[k]!r}")
    for tasks, name in wanted.items():
        if len(tasks) > 1:
            raise refuse("openshop", f"a job whose tasks may overlap ({name!r})")


FORMAT = ProblemFormat(
    name="openshop",
    description="open shop, jobs by machines matrix of durations; Taillard's layout too",
    extensions=(".osp", ".oss"),
    sniff=sniff,
    read=read,
    write=write,
    several=True,
)
