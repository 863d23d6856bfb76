"""What happened to the requests of a plain fleet, and what their blocks contain, by name."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from makespan.serving.workload import Workload


class State:
    """What happened to the requests, as in ``Requests``."""

    def __init__(self, workload: Workload) -> None:
        n = workload.count
        self.workload = workload
        self.arrival = [-1] * n
        self.prompt, self.output = workload.prompt.tolist(), workload.output.tolist()
        self.first, self.last, self.admitted = [-1] * n, [-1] * n, [-1] * n
        self.generated, self.computed = [0] * n, [0] * n
        self.preemptions, self.longest_gap = [0] * n, [0] * n
        self.hit, self.hits = [0] * n, [0] * n
        self.engine = [-1] * n
        self.table: list[list[int]] = [[] for _ in range(n)]

    def tokens(self, request: int) -> int:
        """Tokens of the sequence so far."""
        return int(self.prompt[request]) + self.generated[request]

    def name_of(self, request: int, block: int, size: int) -> tuple[Hashable, ...]:
        """What a full block of so many tokens of the request's sequence contains."""
        piece = ((block + 1) * size - 1) // self.workload.grain
        pieces = self.workload.contents(request)
        if piece < len(pieces):
            return int(pieces[piece]), block
        return "own", request, block

    def own_names(self, request: int, blocks: int, size: int) -> set[Hashable]:
        """What the first so many blocks of a sequence contain that no other sequence does."""
        load = self.workload
        mine = slice(load.content_ptr[request], load.content_ptr[request + 1])
        others = set(np.delete(load.content, mine).tolist())
        names = [self.name_of(request, block, size) for block in range(blocks)]
        return {name for name in names if name[0] not in others}
