"""Permutation flow shop: every job visits machines 1..m, which take the jobs in the same order.

Three layouts are read. Taillard's: a line of words, ``n m seed upper lower``,
``processing times :``, an m x n matrix (row = machine); one file may hold several instances.
Bare: ``n m`` and the m x n matrix. Pairs: as in jsplib, with every route 0, 1, ..., m-1.

The result is a job shop with identical routes and one same-order set over all machines, which is
what the values in the literature are for. Read pairs as ``jsplib`` for a flow shop in which jobs
may overtake each other between machines.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from makespan.core.problem import Problem, Sets
from makespan.core.vocabulary import IntArray
from makespan.io.format import ProblemFormat
from makespan.io.jsplib import grid, grid_shop, identical_routes, is_grid, routes
from makespan.io.limits import refuse
from makespan.io.text import Text, matrix_text
from makespan.io.worded import has_words, matrix_of, sections

_WORDS = (re.compile(r"processing\s+times\s*:?", re.IGNORECASE),)
_MACHINES = re.compile(r"machines\s*:?", re.IGNORECASE)


def sniff(text: Text) -> float:
    """Taillard's heading, pairs with identical routes, or an m x n matrix under ``n m``."""
    numbers = text.numeric
    if numbers is None:
        worded = has_words(text, *_WORDS) and not has_words(text, *_WORDS, _MACHINES)
        return 0.95 if worded else 0.0
    if len(numbers) < 3 or text.float_header:
        return 0.0
    n, m = (int(v) for v in numbers.values[:2])
    if is_grid(numbers) and identical_routes(numbers):
        return 0.96
    sizes = numbers.row_sizes
    by_line = len(sizes) == m + 1 and sizes[0] == 2 and bool((sizes[1:] == n).all())
    if n >= 1 and by_line and bool((numbers.values >= 0).all()):
        # A square matrix reads as an open shop unless the file's name says otherwise.
        return 0.9
    return 0.0


def read(text: Text) -> Problem:
    """Flow shop of a text in one of the three layouts."""
    if text.numeric is None and has_words(text, _WORDS[0]):
        found = sections(text, _WORDS, ("processing times",), transposed=True)
        return _problem(found.name, found.parts[0].matrix.T)
    numbers = text.numbers()
    if is_grid(numbers):
        machine, duration, first = routes(numbers)
        n, m = machine.shape
        if not (machine == np.arange(m)).all():
            at = int(np.flatnonzero((machine != np.arange(m)).ravel())[0])
            raise numbers.error(
                2 + 2 * at,
                f"job {at // m + 1} leaves the common route",
                f"machines {first} to {first + m - 1}",
            )
        return _problem(text.name, duration)
    n, m = numbers.header("jobs and machines")
    table = matrix_of(numbers, 2, (m, n), "processing times")
    numbers.check(0, None, slice(2, None), "duration")
    return _problem(text.name, table.T)


def _problem(name: str, duration: IntArray) -> Problem:
    machine = np.broadcast_to(np.arange(duration.shape[1]), duration.shape)
    shop = grid_shop(
        name,
        np.ascontiguousarray(machine),
        np.ascontiguousarray(duration),
        first_machine=1,
    )
    everything = np.arange(duration.shape[1], dtype=np.int32)
    return replace(shop, same_orders=Sets.single("permutation", everything))


def write(problem: Problem) -> str:
    """Taillard text of a permutation flow shop through the machines in their order."""
    machine, duration = grid(replace(problem, same_orders=Sets.empty()), "flowshop")
    other = (machine != np.arange(machine.shape[1])).any(axis=1)
    if other.any():
        name = problem.jobs.names[int(np.flatnonzero(other)[0])]
        raise refuse("flowshop", f"a job with another route ({name!r})")
    orders = [set(members.tolist()) for members in problem.same_orders]
    if orders != [set(range(machine.shape[1]))]:
        raise refuse("flowshop", "a flow shop without one order of jobs on all machines")
    return (
        f"number of jobs, number of machines :\n{len(machine)} {machine.shape[1]}\n"
        f"processing times :\n{matrix_text(duration.T)}"
    )


FORMAT = ProblemFormat(
    name="flowshop",
    description="permutation flow shop, machines by jobs (Taillard) or pairs with identical routes",
    extensions=(".fsp",),
    sniff=sniff,
    read=read,
    write=write,
    several=True,
)
