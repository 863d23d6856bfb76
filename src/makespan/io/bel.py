"""Job shop with routes of any length that may return to a machine (Boveroux et al., "bel").

As jsplib, but a line may hold any number of ``machine duration`` pairs: jobs may skip machines,
visit them again, and differ in length. Machines count from 0. Line ends separate the jobs.
"""

from __future__ import annotations

import itertools

import numpy as np

from makespan.core.problem import Problem
from makespan.core.vocabulary import IntArray
from makespan.io.fjsplib import check_machine_count
from makespan.io.format import ProblemFormat
from makespan.io.limits import (
    require_classic,
    require_job_chains,
    require_one_machine,
    require_single_mode,
)
from makespan.io.tables import shop
from makespan.io.text import Numbers, Text


def sniff(text: Text) -> float:
    """A line per job, each with pairs whose first numbers are machines."""
    numbers = text.numeric
    if numbers is None or len(numbers) < 4 or text.float_header:
        return 0.0
    n, m = (int(v) for v in numbers.values[:2])
    sizes = numbers.row_sizes
    if sizes[0] != 2 or m < 1 or len(sizes) < 2:
        return 0.0
    pairs = bool((sizes[1:] % 2 == 0).all())
    used = numbers.values[2::2]
    if pairs and ((used >= 0) & (used < m)).all() and (numbers.values >= 0).all():
        return 0.7 if len(sizes) == n + 1 else 0.3
    return 0.0


def read(text: Text) -> Problem:
    """Job shop with ragged routes."""
    numbers = text.numbers()
    n, m = numbers.header("jobs and machines")
    check_machine_count(numbers, m, 1)
    sizes, starts = numbers.row_sizes, numbers.row_ptr
    if sizes[0] != 2:
        raise numbers.error(0, f"the header has {int(sizes[0])} numbers", "2 (jobs and machines)")
    numbers.need(2 + 2 * n, f"{n} jobs")
    if len(sizes) != n + 1:
        raise numbers.error(
            int(starts[min(n + 1, len(sizes) - 1)]),
            f"{len(sizes) - 1} lines of numbers after the header",
            f"{n} jobs, one per line",
        )
    odd = np.flatnonzero(sizes[1:] % 2)
    if len(odd):
        raise numbers.error(
            int(starts[1 + odd[0]]),
            f"job {int(odd[0]) + 1} has {int(sizes[1 + odd[0]])} numbers",
            "pairs of machine and duration",
        )
    return pairs_shop(
        text.name, numbers, np.arange(2, len(numbers), 2), sizes[1:] // 2, machine_count=m
    )


def pairs_shop(
    name: str, numbers: Numbers, machine_at: IntArray, lengths: IntArray, *, machine_count: int
) -> Problem:
    """Job shop from the places of the machines, durations behind them, and route lengths."""
    numbers.check(0, machine_count - 1, machine_at, "machine")
    numbers.check(0, None, machine_at + 1, "duration")
    job_ptr = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=job_ptr[1:])
    return shop(
        name,
        job_ptr=job_ptr,
        mode_ptr=np.arange(len(machine_at) + 1, dtype=np.int64),
        duration=numbers.values[machine_at + 1],
        machine=numbers.values[machine_at],
        machine_count=machine_count,
        first_machine=0,
    )


def pair_rows(problem: Problem, format_name: str) -> list[list[int]]:
    """``machine duration`` pairs of each job of a job shop with routes of any length."""
    require_classic(problem, format_name)
    machine = require_one_machine(problem, format_name)
    require_single_mode(problem, format_name)
    require_job_chains(problem, format_name)
    mode = problem.tasks.mode_ptr[problem.jobs.task]
    flat = np.column_stack((machine[mode], problem.modes.duration[mode])).ravel().tolist()
    ptr = (2 * problem.jobs.task_ptr).tolist()
    return [flat[a:b] for a, b in itertools.pairwise(ptr)]


def write(problem: Problem) -> str:
    """Text with one line of pairs per job."""
    table = pair_rows(problem, "bel")
    lines = [f"{len(table)} {problem.resources.count}"]
    lines += [" ".join(map(str, row)) for row in table]
    return "\n".join(lines) + "\n"


FORMAT = ProblemFormat(
    name="bel",
    description="job shop with routes of any length, machines may repeat (Boveroux et al.)",
    extensions=(),
    sniff=sniff,
    read=read,
    write=write,
)
