"""Job shop in Taillard's own layout: a matrix of times, then a matrix of machines (from 1).

With the words ``Times`` and ``Machines`` above the matrices, or bare: ``n m``, n rows of times,
n rows of machines. Row = job, column = place in the job's route.
"""

from __future__ import annotations

import re

import numpy as np

from makespan.core.problem import Problem
from makespan.io.format import ProblemFormat
from makespan.io.jsplib import grid, grid_shop
from makespan.io.text import Text, matrix_text
from makespan.io.worded import check_permutations, has_words, matrix_of, sections

_WORDS = (re.compile(r"times\s*:?", re.IGNORECASE), re.compile(r"machines\s*:?", re.IGNORECASE))


def sniff(text: Text) -> float:
    """The two headings, or 2n rows of m numbers of which the second half permutes 1..m."""
    numbers = text.numeric
    if numbers is None:
        return 0.95 if has_words(text, *_WORDS) else 0.0
    if len(numbers) < 4 or text.float_header:
        return 0.0
    n, m = (int(v) for v in numbers.values[:2])
    if n < 1 or m < 1:
        return 0.0
    sizes = numbers.row_sizes
    by_line = sizes[0] == 2 and bool((sizes[1:] == m).all())
    if len(numbers) != 2 + 2 * n * m:
        return 0.3 * bool(by_line and len(sizes) > n + 1)
    routes = numbers.values[2 + n * m :].reshape(n, m)
    each_once = bool((np.sort(routes, axis=1) == np.arange(1, m + 1)).all())
    if each_once:
        return 0.93 if by_line else 0.65
    return 0.55 * by_line


def read(text: Text) -> Problem:
    """Job shop of a Taillard text."""
    if text.numeric is None and has_words(text, _WORDS[0]):
        found = sections(text, _WORDS, ("Times", "Machines"))
        found.check_machines()
        times, machines = (part.matrix for part in found.parts)
        return grid_shop(found.name, machines - 1, times, first_machine=1)
    numbers = text.numbers()
    n, m = numbers.header("jobs and machines")
    table = matrix_of(numbers, 2, (2 * n, m), "times and machines")
    numbers.check(0, None, slice(2, 2 + n * m), "duration")
    check_permutations(numbers, table[n:], 2 + n * m)
    return grid_shop(text.name, table[n:] - 1, table[:n], first_machine=1)


def write(problem: Problem) -> str:
    """Taillard text of a job shop, with headings and without seeds or bounds."""
    machine, duration = grid(problem, "taillard")
    return (
        f"Nb of jobs, Nb of machines\n{len(machine)} {machine.shape[1]}\n"
        f"Times\n{matrix_text(duration)}Machines\n{matrix_text(machine + 1)}"
    )


FORMAT = ProblemFormat(
    name="taillard",
    description="job shop, matrix of times and matrix of machines (Taillard)",
    extensions=(".tai",),
    sniff=sniff,
    read=read,
    write=write,
    several=True,
)
