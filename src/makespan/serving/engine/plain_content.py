"""What the blocks of a plain engine contain, by name."""

from __future__ import annotations

from collections.abc import Hashable

from makespan.serving.workload import Workload


def name_of(workload: Workload, request: int, block: int, size: int) -> Hashable:
    """What a full block of so many tokens of the request's sequence contains."""
    piece = ((block + 1) * size - 1) // workload.grain
    pieces = workload.contents(request)
    if piece < len(pieces):
        return int(pieces[piece]), block
    return "own", request, block


def own_names(workload: Workload, request: int, blocks: int, size: int) -> set[Hashable]:
    """What the first so many blocks of a sequence contain that no other sequence does."""
    others = {
        name_of(workload, other, block, size)
        for other in range(workload.count)
        if other != request
        for block in range(blocks)
    }
    return {name_of(workload, request, block, size) for block in range(blocks)} - others
