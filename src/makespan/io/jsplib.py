"""Job shop in the "standard" layout of JSPLIB and the OR-Library.

First line: jobs and machines. Then one line per job with ``machine duration`` pairs in the order
of its route; machines count from 0 and every job visits every machine once. A text that uses
machine m and not machine 0 counts from 1, as some authors do. ``#`` starts a comment. The
OR-Library's collections (sections headed ``instance NAME``) are read too.
"""

from __future__ import annotations

import re

import numpy as np

from makespan.core.problem import Problem
from makespan.core.vocabulary import IntArray
from makespan.io.format import ProblemFormat
from makespan.io.limits import (
    refuse,
    require_classic,
    require_job_chains,
    require_one_machine,
    require_single_mode,
)
from makespan.io.tables import shop
from makespan.io.text import Numbers, Text, matrix_text

_SECTION = re.compile(r"^[ \t]*instance[ \t]+(\S+)[ \t]*$", re.MULTILINE | re.IGNORECASE)
_SIZE_LINE = re.compile(r"^[ \t]*[0-9]+[ \t]+[0-9]+[ \t]*$", re.MULTILINE)
_SEVERAL = 3
_RAGGED = "if jobs may skip machines or return to them, read it as 'bel' with format="
_RULER = re.compile(r"^[ \t]*\+{3,}", re.MULTILINE)


def first_machine(numbers: Numbers) -> int:
    """Number of the first machine: 1 if no pair uses machine 0 and the largest is m, else 0."""
    used = numbers.values[2::2]
    return int(used.min() == 1 and used.max() == numbers.values[1])


def is_grid(numbers: Numbers) -> bool:
    """Whether the text is a header ``n m`` and n x m pairs whose first numbers are machines."""
    values = numbers.values
    if len(values) < 4 or values[0] < 1 or values[1] < 1:
        return False
    n, m = int(values[0]), int(values[1])
    if len(values) != 2 + 2 * n * m:
        return False
    used = values[2::2] - first_machine(numbers)
    return bool(((used >= 0) & (used < m)).all() and (values[3::2] >= 0).all())


def identical_routes(numbers: Numbers) -> bool:
    """Whether each job of a pair layout visits the machines in their order, m > 1."""
    n, m = (int(v) for v in numbers.values[:2])
    machine = numbers.values[2::2].reshape(n, m) - first_machine(numbers)
    return m > 1 and bool((machine == np.arange(m)).all())


def routes(numbers: Numbers) -> tuple[IntArray, IntArray, int]:
    """Machines (from 0) and durations, both (n, m), of a job shop in pair layout, checked.

    The third value is the number by which the text calls the first machine.
    """
    n, m = numbers.header("jobs and machines")
    _check_rows(numbers, n, 2 * m)
    first = first_machine(numbers)
    numbers.check(first, first + m - 1, slice(2, None, 2), "machine")
    numbers.check(0, None, slice(3, None, 2), "duration")
    table = numbers.values[2:].reshape(n, m, 2)
    machine = table[:, :, 0] - first
    bad = (np.sort(machine, axis=1) != np.arange(m)).any(axis=1)
    if bad.any():
        job = int(np.flatnonzero(bad)[0])
        route = machine[job].tolist()
        at = next(k for k, v in enumerate(route) if v in route[:k])
        raise numbers.error(
            2 + 2 * (job * m + at),
            f"job {job + 1} visits machine {int(machine[job, at]) + first} twice",
            "every machine once",
            _RAGGED,
        )
    return machine, np.ascontiguousarray(table[:, :, 1]), first


def _check_rows(numbers: Numbers, count: int, width: int) -> None:
    """Check the amount of numbers after the header and blame the line that is wrong."""
    if len(numbers) == 2 + count * width:
        return
    sizes = numbers.row_sizes
    starts = numbers.row_ptr
    if sizes[0] != 2:
        raise numbers.error(0, f"the header has {int(sizes[0])} numbers", "2 (jobs and machines)")
    for row in range(1, min(len(sizes), count + 1)):
        if sizes[row] != width:
            raise numbers.error(
                int(starts[row]),
                f"job {row} has {int(sizes[row])} numbers",
                f"{width} ({width // 2} pairs of machine and duration)",
                _RAGGED,
            )
    numbers.end(2 + count * width, f"{count} jobs of {width // 2} pairs")


def _section(text: Text) -> tuple[Numbers, str] | None:
    heads = list(_SECTION.finditer(text.body))
    if not heads:
        return None
    chosen = text.pick([head.group(1) for head in heads])
    start = heads[chosen].end()
    stop = heads[chosen + 1].start() if chosen + 1 < len(heads) else len(text.body)
    size = _SIZE_LINE.search(text.body, start, stop)
    if size is None:
        line = text.body.count("\n", 0, start) + 1
        raise text.error(line, "no size line after this heading", "jobs and machines")
    ruler = _RULER.search(text.body, size.end(), stop)
    stop = ruler.start() if ruler else stop
    first_line = text.body.count("\n", 0, size.start()) + 1
    body = text.body[size.start() : stop]
    return Numbers(body, text.source, first_line=first_line), heads[chosen].group(1)


def _full_routes(numbers: Numbers) -> int:
    """How many lines behind the header visit machines 0 to w-1 once in w pairs.

    Only lines of the usual width count, which damage to a few lines does not change.
    """
    sizes, starts = numbers.row_sizes[1:], numbers.row_ptr[1:-1]
    width = int(np.bincount(sizes).argmax())
    if width % 2 or not width:
        return 0
    places = starts[sizes == width, None] + np.arange(0, width, 2)
    machine = numbers.values[places] - first_machine(numbers)
    each_once = (np.sort(machine, axis=1) == np.arange(width // 2)).all(axis=1)
    return int(each_once.sum())


def sniff(text: Text) -> float:
    """Pairs on n x m places with every machine once per job; less if only the shape fits.

    If all lines but one are full routes, that one is damaged rather than a job of another kind.
    """
    numbers = text.numeric
    if numbers is None:
        return 0.9 if _SECTION.search(text.body) and _SIZE_LINE.search(text.body) else 0.0
    if text.float_header:
        return 0.0
    m = int(numbers.values[1]) if len(numbers) > 1 else 0
    sizes = numbers.row_sizes
    if is_grid(numbers):
        if identical_routes(numbers):
            return 0.9
        machine = numbers.values[2::2].reshape(-1, m) - first_machine(numbers)
        each_once = (np.sort(machine, axis=1) == np.arange(m)).all(axis=1)
        by_line = bool((sizes[1:] == 2 * m).all())
        return 0.6 + 0.3 * float(each_once.mean()) + 0.05 * by_line
    if len(sizes) < 2 or sizes[0] != 2:
        return 0.0
    full, lines = _full_routes(numbers), len(sizes) - 1
    if lines >= _SEVERAL and full >= lines - 1:
        return 0.75
    if np.mean(sizes[1:] == 2 * m) > 0.5:
        used = numbers.values[int(numbers.row_ptr[1]) :: 2] - first_machine(numbers)
        return 0.4 if np.mean((used >= 0) & (used < m)) > 0.9 else 0.25
    return 0.35 if 2 * full > lines else 0.0


def read(text: Text) -> Problem:
    """Job shop of a JSPLIB text."""
    section = _section(text)
    numbers, name = section or (text.numbers(), text.name)
    machine, duration, first = routes(numbers)
    return grid_shop(name, machine, duration, first_machine=first)


def grid_shop(name: str, machine: IntArray, duration: IntArray, *, first_machine: int) -> Problem:
    """Job shop from (n, m) matrices of machines (from 0) and durations."""
    n, m = machine.shape
    return shop(
        name,
        job_ptr=np.arange(0, n * m + 1, m, dtype=np.int64),
        mode_ptr=np.arange(n * m + 1, dtype=np.int64),
        duration=duration.ravel(),
        machine=machine.ravel(),
        machine_count=m,
        first_machine=first_machine,
    )


def grid(problem: Problem, format_name: str) -> tuple[IntArray, IntArray]:
    """Machines (from 0) and durations, both (n, m), of a classic job shop.

    Raises
    ------
    FormatError
        If the problem is more than a job shop whose jobs visit every machine once.
    """
    require_classic(problem, format_name)
    machine = require_one_machine(problem, format_name)
    require_single_mode(problem, format_name)
    require_job_chains(problem, format_name)
    sizes, m = np.diff(problem.jobs.task_ptr), problem.resources.count
    order = problem.tasks.mode_ptr[problem.jobs.task]
    if (sizes != m).any():
        job = problem.jobs.names[int(np.flatnonzero(sizes != m)[0])]
        raise refuse(format_name, f"a job that does not visit each machine once ({job!r})")
    routes_ = machine[order].reshape(-1, m)
    twice = (np.sort(routes_, axis=1) != np.arange(m)).any(axis=1)
    if twice.any():
        job = problem.jobs.names[int(np.flatnonzero(twice)[0])]
        raise refuse(format_name, f"a job that does not visit each machine once ({job!r})")
    return routes_, problem.modes.duration[order].reshape(-1, m)


def write(problem: Problem) -> str:
    """JSPLIB text of a job shop."""
    machine, duration = grid(problem, "jsplib")
    table = np.stack((machine, duration), axis=2).reshape(len(machine), -1)
    return f"{len(machine)} {machine.shape[1]}\n" + matrix_text(table)


FORMAT = ProblemFormat(
    name="jsplib",
    description="job shop, machine and duration pairs (JSPLIB, OR-Library, 'standard')",
    extensions=(".jsp", ".jss"),
    sniff=sniff,
    read=read,
    write=write,
    several=True,
)
