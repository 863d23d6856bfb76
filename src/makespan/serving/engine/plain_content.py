"""What the blocks of a plain engine contain, by name."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from makespan.serving.workload import Workload


def name_of(workload: Workload, request: int, block: int, size: int) -> tuple[Hashable, ...]:
    """What a full block of so many tokens of the request's sequence contains."""
    piece = ((block + 1) * size - 1) // workload.grain
    pieces = workload.contents(request)
    if piece < len(pieces):
        return int(pieces[piece]), block
    return "own", request, block


def own_names(workload: Workload, request: int, blocks: int, size: int) -> set[Hashable]:
    """What the first so many blocks of a sequence contain that no other sequence does."""
    mine = slice(workload.content_ptr[request], workload.content_ptr[request + 1])
    others = set(np.delete(workload.content, mine).tolist())
    names = [name_of(workload, request, block, size) for block in range(blocks)]
    return {name for name in names if name[0] not in others}
