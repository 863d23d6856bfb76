"""Total weighted tardiness by dynamic programming over subsets: exact, O(2^n n), n <= 22.

M. Held and R. M. Karp, "A dynamic programming approach to sequencing problems", SIAM Journal 10
(1962): the best last job of every set of first jobs.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray
from makespan.shop.single_machine.jobs import Jobs
from makespan.solvers.jit import kernel

MOST_JOBS: Final = 22
"""2^22 values are 32 MiB."""

_LOOK_MASK: Final = (1 << 14) - 1


@kernel
def _values(p: IntArray, d: IntArray, w: IntArray, value: IntArray, halt: IntArray) -> bool:
    """Least tardiness of every set of first jobs; whether it ran to the end."""
    n = len(p)
    value[0] = 0
    for chosen in range(1, 1 << n):
        if (chosen & _LOOK_MASK) == 0 and halt[0]:
            return False
        clock = 0
        for j in range(n):
            if (chosen >> j) & 1:
                clock += p[j]
        least = np.int64(1) << 62
        for j in range(n):
            if (chosen >> j) & 1:
                found = value[chosen ^ (1 << j)] + max(0, clock - d[j]) * w[j]
                least = min(least, found)
        value[chosen] = least
    return True


def subset_order(jobs: Jobs, *, halt: IntArray | None = None) -> IntArray | None:
    """An optimal order, int64 (n,); None if ``halt`` (int64 (1,)) became non-zero.

    Raises
    ------
    OptionError
        If there are more than 22 jobs.
    """
    n = len(jobs)
    if n > MOST_JOBS:
        raise OptionError(
            f"{n} jobs are too many for dynamic programming over subsets",
            hint=f"at most {MOST_JOBS}; without weights, decomposition takes hundreds",
        )
    weight = np.ones(n, dtype=np.int64) if jobs.weight is None else jobs.weight
    value = np.empty(1 << n, dtype=np.int64)
    poll = np.zeros(1, dtype=np.int64) if halt is None else halt
    if not _values(jobs.processing, jobs.due, weight, value, poll):
        return None
    order = np.empty(n, dtype=np.int64)
    chosen, clock = (1 << n) - 1, int(jobs.processing.sum())
    for k in range(n - 1, -1, -1):
        for j in range(n):
            late = max(0, clock - int(jobs.due[j])) * int(weight[j])
            if chosen >> j & 1 and value[chosen ^ 1 << j] + late == value[chosen]:
                order[k] = j
                chosen ^= 1 << j
                clock -= int(jobs.processing[j])
                break
    return order
