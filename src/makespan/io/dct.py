"""Job shop with routes of any length, each ended by ``-1 -1`` (Da Col and Teppan).

First line: jobs and machines. Then per job ``machine duration`` pairs and the end mark; machines
count from 0 and may repeat in a job.
"""

from __future__ import annotations

import numpy as np

from makespan.core.problem import Problem
from makespan.core.vocabulary import BoolArray
from makespan.io.bel import pair_rows, pairs_shop
from makespan.io.fjsplib import check_machine_count
from makespan.io.format import ProblemFormat
from makespan.io.text import Numbers, Text


def _ends(numbers: Numbers) -> BoolArray:
    """Which pairs after the header are end marks."""
    table = numbers.values[2 : 2 + (len(numbers) - 2) // 2 * 2].reshape(-1, 2)
    return np.asarray((table == -1).all(axis=1))


def sniff(text: Text) -> float:
    """End marks ``-1 -1`` among pairs."""
    numbers = text.numeric
    if numbers is None or len(numbers) < 6 or text.float_header:
        return 0.0
    marks = int(_ends(numbers).sum())
    if marks:
        return 0.97 if marks == numbers.values[0] else 0.6
    return 0.4 if np.count_nonzero(numbers.values == -1) > 1 else 0.0


def read(text: Text) -> Problem:
    """Job shop with marked route ends."""
    numbers = text.numbers()
    n, m = numbers.header("jobs and machines")
    check_machine_count(numbers, m, 1)
    if len(numbers) % 2:
        sizes = numbers.row_sizes
        odd = np.flatnonzero(sizes % 2)
        raise numbers.error(
            int(numbers.row_ptr[odd[0]]),
            "an odd number of numbers",
            "pairs of machine and duration",
        )
    ends = _ends(numbers)
    stops = np.flatnonzero(ends)
    if len(stops) < n:
        raise numbers.error(
            len(numbers), f"the text ends after {len(stops)} end marks '-1 -1'", f"{n}, one per job"
        )
    if len(stops) > n or stops[-1] != len(ends) - 1:
        at = 2 + 2 * (int(stops[n - 1]) + 1)
        raise numbers.error(at, f"numbers after the end of job {n}", "the end of the text")
    lengths = np.diff(stops, prepend=-1) - 1
    empty = np.flatnonzero(lengths == 0)
    if len(empty):
        raise numbers.error(
            2 + 2 * int(stops[empty[0]]), f"job {int(empty[0]) + 1} has no operations", "at least 1"
        )
    machine_at = 2 + 2 * np.flatnonzero(~ends)
    return pairs_shop(text.name, numbers, machine_at, lengths, machine_count=m)


def write(problem: Problem) -> str:
    """Text with one line of pairs and an end mark per job."""
    table = pair_rows(problem, "dct")
    lines = [f"{len(table)} {problem.resources.count}"]
    lines += [" ".join(map(str, row)) + " -1 -1" for row in table]
    return "\n".join(lines) + "\n"


FORMAT = ProblemFormat(
    name="dct",
    description="job shop with routes ended by -1 -1, machines may repeat (Da Col and Teppan)",
    extensions=(),
    sniff=sniff,
    read=read,
    write=write,
)
