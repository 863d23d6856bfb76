"""The state of all requests of a run, in flat lists that engines share."""

from __future__ import annotations

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.serving.workload import Workload


class Requests:
    """What is known of each request of a workload, and how far it has come.

    Lists of Python integers, because engines touch single entries: those are faster to reach than
    entries of arrays, and never overflow.

    Attributes
    ----------
    arrival
        When it reached its engine; -1 before.
    goal
        Tokens of prompt and output together.
    chain
        Names of the pieces it begins with that another request shares; see :func:`shared_pieces`.
    first, last
        When it got its first and its latest token, ps; -1 before.
    admitted
        When a step first computed a token of it, ps; -1 before.
    generated, computed
        Tokens it has got, and tokens whose keys and values are in memory. A request that decodes
        has neither up to date: they follow from the steps of its engine (see ``Cohort``).
    preemptions, longest_gap
        Times it lost its memory, and longest time between two of its tokens.
    hit, hits
        Tokens found in memory when first admitted, and over all its admissions.
    engine
        The engine it was sent to, -1 before.
    """

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        n = workload.count
        self.arrival: list[int] = [-1] * n
        self.prompt: list[int] = workload.prompt.tolist()
        self.output: list[int] = workload.output.tolist()
        self.cap: list[int] = workload.cap.tolist()
        self.goal: list[int] = (workload.prompt + workload.output).tolist()
        self.chain = shared_pieces(workload)
        self.first, self.last, self.admitted = [-1] * n, [-1] * n, [-1] * n
        self.generated, self.computed = [0] * n, [0] * n
        self.preemptions, self.longest_gap = [0] * n, [0] * n
        self.hit, self.hits = [0] * n, [0] * n
        self.engine = [-1] * n


def shared_pieces(workload: Workload) -> list[tuple[int, ...]]:
    """For every request the names of its pieces up to the first that no other request has.

    A name implies all before it, so that what follows a piece of one request alone is its own,
    too. O(n + pieces log pieces).
    """
    content, ptr = workload.content, workload.content_ptr
    if not len(content):
        return [()] * workload.count
    _, place, count = np.unique(content, return_inverse=True, return_counts=True)
    alone: IntArray = np.flatnonzero(count[place] < 2)
    # The first lonely piece at or after the beginning of each request's pieces.
    following = np.searchsorted(alone, ptr[:-1])
    until = np.append(alone, len(content))[following]
    until = np.minimum(until, ptr[1:])
    names = content.tolist()
    return [tuple(names[a:b]) for a, b in zip(ptr[:-1].tolist(), until.tolist(), strict=True)]
