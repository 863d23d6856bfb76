"""The most memory that a batch will ever need, if the remaining lengths are known.

Memory only peaks when a request ends: just before the i-th longest ends, exactly i requests are
left, each grown by what the i-th had left. (Past-Future, arXiv 2507.10150, the formula for M*.)
"""

from __future__ import annotations

import numpy as np

from makespan.core.vocabulary import IntArray


def peak_blocks(held: IntArray, left: IntArray, size: int) -> int:
    """Blocks of ``size`` tokens needed at most, of which each request has its own; O(n size).

    Counted in tokens (``size`` 1) it is ``max_i sum(held[:i]) + i * left[i]`` by falling ``left``,
    as in the paper. That under-estimates by half a block per request, hence the blocks, which are
    ours.

    Parameters
    ----------
    held, left
        (n,) tokens in memory, and tokens yet to come.
    """
    if not len(held):
        return 0
    order = np.argsort(-left, kind="stable")
    held, left = held[order], left[order]
    whole, rest = np.divmod(held, size)
    more, part = np.divmod(left, size)
    # Blocks of request j when i ends: whole[j] + more[i] + ceil((rest[j] + part[i]) / size), and
    # the last term is 0, 1 or 2 depending on rest[j] against thresholds that only part[i] sets.
    seen = np.cumsum(rest[:, None] == np.arange(size), axis=0)  # (i, r): how many j <= i rest r
    upto = np.cumsum(seen, axis=1)
    place = np.arange(len(held))
    count = place + 1
    none = np.where(part == 0, seen[:, 0], 0)
    at_most_one = upto[place, np.minimum(size - part, size - 1)]
    need = np.cumsum(whole) + count * more + (count - none) + (count - at_most_one)
    return int(need.max())
