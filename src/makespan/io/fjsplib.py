"""Flexible job shop (FJSPLIB, Brandimarte's layout).

First line: jobs, machines and, optionally, the average number of machines per operation, which
may be a decimal fraction and is not used. Then per job the number of operations and, for each,
the number of alternatives and as many ``machine duration`` pairs. Machines count from 1; a text
that uses machine 0 and not machine m counts from 0, as some collections do.
"""

from __future__ import annotations

import numpy as np

from makespan.core.problem import Problem
from makespan.core.vocabulary import IntArray
from makespan.io.format import ProblemFormat
from makespan.io.limits import (
    require_classic,
    require_job_chains,
    require_one_machine,
)
from makespan.io.tables import shop
from makespan.io.text import Numbers, Text


def _begin(text: Text, numbers: Numbers) -> int:
    """Place of the first job: after two or three header numbers."""
    sizes = numbers.row_sizes
    if text.float_header or sizes[0] == 3:
        return 3
    return 2


def _walk(numbers: Numbers, begin: int) -> tuple[IntArray, IntArray, int]:
    """Operations per job, place of each operation's number of alternatives, place of the end."""
    n, _ = numbers.header("jobs and machines")
    numbers.need(begin + n, f"{n} jobs")
    values = numbers.values.tolist()
    size, at = len(values), begin
    counts: list[int] = []
    places: list[int] = []
    for job in range(1, n + 1):
        if at >= size:
            raise numbers.error(size, f"the text ends after {job - 1} jobs", f"{n} jobs")
        operations = values[at]
        if not 1 <= operations <= size:
            raise numbers.error(
                at, f"job {job} has {operations} operations", "at least 1, and all of them listed"
            )
        at += 1
        for k in range(1, operations + 1):
            if at >= size:
                raise numbers.error(
                    size, f"the text ends in job {job} before operation {k}", f"{operations}"
                )
            options = values[at]
            if not 1 <= options <= size:
                raise numbers.error(
                    at,
                    f"operation {k} of job {job} has {options} alternatives",
                    "at least 1, and all of them listed",
                )
            places.append(at)
            at += 1 + 2 * options
        counts.append(operations)
    if at > size:
        raise numbers.error(size, "the text ends within the last operation", "its alternatives")
    return np.array(counts, dtype=np.int64), np.array(places, dtype=np.int64), at


def sniff(text: Text) -> float:
    """Counts of operations and alternatives lead from job to job and to the end."""
    numbers = text.numeric
    if numbers is None or len(numbers) < 5:
        return 0.0
    begin = _begin(text, numbers)
    sizes = numbers.row_sizes
    header = text.float_header or sizes[0] in (2, 3)
    try:
        counts, places, end = _walk(numbers, begin)
    except ValueError:
        return 0.9 if text.float_header else 0.22 * header
    if end != len(numbers):
        return 0.9 if text.float_header else 0.22 * header
    machine, _ = alternatives(places, numbers.values[places])
    first = _first_machine(numbers, machine)
    used = numbers.values[machine] - first
    in_range = bool(((used >= 0) & (used < numbers.values[1])).all())
    heads = places[np.cumsum(counts) - counts] - 1
    by_line = np.array_equal(numbers.row_ptr[1:-1], heads)
    return (0.5 + 0.3 * in_range + 0.12 * by_line) if header else 0.4


def _first_machine(numbers: Numbers, machine_at: IntArray) -> int:
    """Number of the first machine: 0 if that number is used and the number of machines is not."""
    used = numbers.values[machine_at]
    return 0 if used.min() == 0 and used.max() < numbers.values[1] else 1


def alternatives(places: IntArray, options: IntArray) -> tuple[IntArray, IntArray]:
    """Places of machine and duration of every alternative, given each operation's count."""
    rank = np.arange(int(options.sum())) - np.repeat(np.cumsum(options) - options, options)
    machine = np.repeat(places + 1, options) + 2 * rank
    return machine, machine + 1


def flexible(
    numbers: Numbers, places: IntArray, *, machines: int, first: int
) -> tuple[IntArray, IntArray, IntArray]:
    """Mode pointer, machine (from 0) and duration of each alternative, checked.

    Parameters
    ----------
    first
        Number of the first machine in the text.
    """
    options = numbers.values[places]
    machine_at, duration_at = alternatives(places, options)
    numbers.check(first, first + machines - 1, machine_at, "machine")
    numbers.check(0, None, duration_at, "duration")
    mode_ptr = np.zeros(len(places) + 1, dtype=np.int64)
    np.cumsum(options, out=mode_ptr[1:])
    machine = numbers.values[machine_at] - first
    owner = np.repeat(np.arange(len(places)), options)
    key = owner * machines + machine
    order = np.argsort(key, kind="stable")
    again = np.flatnonzero(key[order][1:] == key[order][:-1])
    if len(again):
        row = int(order[again[0] + 1])
        raise numbers.error(
            int(machine_at[row]),
            f"operation {int(owner[row]) + 1} lists machine {int(machine[row]) + first} twice",
            "each machine at most once per operation",
        )
    return mode_ptr, machine, numbers.values[duration_at]


def read(text: Text) -> Problem:
    """Flexible job shop of an FJSPLIB text."""
    numbers = text.numbers(float_header=True)
    begin = _begin(text, numbers)
    counts, places, end = _walk(numbers, begin)
    numbers.end(end, f"{len(counts)} jobs")
    m = int(numbers.values[1])
    check_machine_count(numbers, m, 1)
    first = _first_machine(numbers, alternatives(places, numbers.values[places])[0])
    mode_ptr, machine, duration = flexible(numbers, places, machines=m, first=first)
    job_ptr = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=job_ptr[1:])
    return shop(
        text.name,
        job_ptr=job_ptr,
        mode_ptr=mode_ptr,
        duration=duration,
        machine=machine,
        machine_count=m,
        first_machine=first,
    )


def check_machine_count(numbers: Numbers, machines: int, at: int) -> None:
    """Refuse a machine count that only a damaged header would claim.

    Machines that no operation uses are allowed, but not so many more than there are numbers in
    the text that their tables alone could exhaust the memory.
    """
    most = max(1000, 2 * len(numbers))
    if machines > most:
        raise numbers.error(
            at, f"{machines} machines for {len(numbers)} numbers of text", f"at most {most}"
        )


def write(problem: Problem) -> str:
    """FJSPLIB text of a flexible job shop, machines from 1."""
    require_classic(problem, "fjsplib")
    machine = (require_one_machine(problem, "fjsplib") + 1).tolist()
    require_job_chains(problem, "fjsplib")
    duration = problem.modes.duration.tolist()
    mode_ptr = problem.tasks.mode_ptr.tolist()
    average = len(duration) / problem.tasks.count
    lines = [f"{problem.jobs.count} {problem.resources.count} {average:.2f}"]
    tasks, ptr = problem.jobs.task.tolist(), problem.jobs.task_ptr.tolist()
    for k in range(problem.jobs.count):
        row = [ptr[k + 1] - ptr[k]]
        for i in tasks[ptr[k] : ptr[k + 1]]:
            row.append(mode_ptr[i + 1] - mode_ptr[i])
            for mode in range(mode_ptr[i], mode_ptr[i + 1]):
                row += (machine[mode], duration[mode])
        lines.append(" ".join(map(str, row)))
    return "\n".join(lines) + "\n"


FORMAT = ProblemFormat(
    name="fjsplib",
    description="flexible job shop, alternatives of machine and duration (FJSPLIB, Brandimarte)",
    extensions=(".fjs",),
    sniff=sniff,
    read=read,
    write=write,
)
