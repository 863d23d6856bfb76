"""The memory of one engine block by block, with the second tier of its prefix cache.

Every block has a number, a count of the requests that hold it and a content, None until it is full.
Blocks that nobody holds are taken from the front of one list, whatever they contain.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence

from makespan.serving.engine.plain_state import State
from makespan.serving.settings import EngineSettings


class PlainMemory:
    """Blocks of one engine; which of them a request holds is in ``state.table``."""

    def __init__(self, state: State, settings: EngineSettings) -> None:
        self.state, self.settings, self.block_size = state, settings, settings.block_size
        self.idle: OrderedDict[int, None] = OrderedDict.fromkeys(range(settings.blocks))
        self.references = [0] * settings.blocks
        self.content: list[Hashable] = [None] * settings.blocks
        self.places: dict[Hashable, list[int]] = {}
        self.tier: OrderedDict[Hashable, None] = OrderedDict()

    @property
    def free(self) -> int:
        """Blocks that no request holds."""
        return len(self.idle)

    def blocks_of(self, tokens: int) -> int:
        """Blocks that so many tokens need."""
        return -(-tokens // self.block_size)

    def name_of(self, request: int, block: int) -> Hashable:
        """What a full block of the sequence contains."""
        return self.state.name_of(request, block, self.block_size)

    def grow(self, request: int, tokens: int) -> None:
        """Give a request blocks for more tokens, which fill them at once."""
        state, table = self.state, self.state.table[request]
        state.computed[request] += tokens
        while len(table) * self.block_size < state.computed[request]:
            table.append(self.hand_out())
        if self.settings.enable_prefix_caching:
            for j in range(state.computed[request] // self.block_size):
                if self.content[table[j]] is None:
                    self.content[table[j]] = self.name_of(request, j)
                    self.places.setdefault(self.content[table[j]], []).append(table[j])

    def missing(self, request: int, tokens: int) -> int:
        """Blocks that so many more tokens of a request need."""
        total = self.blocks_of(self.state.computed[request] + tokens)
        return total - len(self.state.table[request])

    def hand_out(self) -> int:
        """A block for somebody; what it contains is evicted."""
        block, _ = self.idle.popitem(last=False)
        if self.content[block] is not None:
            self.offload(self.content[block])
        self.forget(block)
        self.references[block] = 1
        return block

    def forget(self, block: int) -> None:
        """A block has no content any more."""
        if self.content[block] is not None:
            self.places[self.content[block]].remove(block)
            self.content[block] = None

    def release(self, request: int) -> None:
        """Free the blocks of a request, the last first; those without content go to the front."""
        for block in reversed(self.state.table[request]):
            self.references[block] -= 1
            if not self.references[block]:
                self.idle[block] = None
                if self.content[block] is None:
                    self.idle.move_to_end(block, last=False)
        self.state.table[request] = []

    # What is found again.

    def hits_of(self, request: int) -> list[int]:
        """Blocks with the beginning of a sequence, never its last token."""
        hits: list[int] = []
        if self.settings.enable_prefix_caching:
            for j in range((self.state.tokens(request) - 1) // self.block_size):
                places = self.places.get(self.name_of(request, j))
                if not places:
                    break
                hits.append(places[0])
        return hits

    def fits(self, request: int, hits: Sequence[int]) -> bool:
        """Whether the whole of a sequence fits, given the blocks found of it."""
        idle = sum(self.references[block] == 0 for block in hits)
        needed = self.blocks_of(self.state.tokens(request)) - len(hits)
        return needed + idle <= len(self.idle)

    def share(self, request: int, hits: list[int]) -> None:
        """A request begins with blocks that were found."""
        for block in hits:
            if not self.references[block]:
                del self.idle[block]
            self.references[block] += 1
        self.state.table[request] = hits
        self.state.computed[request] = len(hits) * self.block_size

    def offload(self, name: Hashable) -> None:
        """What a block contains is the last to go from the tier, which may be too full."""
        self.tier[name] = None
        self.tier.move_to_end(name)
        if len(self.tier) > self.settings.offload_blocks:
            self.tier.popitem(last=False)

    def load(self, request: int) -> int:
        """Load what the tier has behind the blocks of a request, never its last token; blocks."""
        names: list[Hashable] = []
        begin = len(self.state.table[request])
        most = (self.state.tokens(request) - 1) // self.block_size
        while begin + len(names) < most:
            name = self.name_of(request, begin + len(names))
            if name not in self.tier:
                break
            names.append(name)
        for name in reversed(names):
            self.offload(name)
        self.grow(request, len(names) * self.block_size)
        return len(names)

    # Requests that come from other engines.

    def reserve(self, blocks: int) -> list[int]:
        """Take blocks for a request on its way here."""
        return [self.hand_out() for _ in range(blocks)]

    def give_back(self, blocks: Sequence[int]) -> None:
        """A request for which blocks were taken does not come."""
        for block in reversed(blocks):
            self.references[block] = 0
            self.idle[block] = None
            self.idle.move_to_end(block, last=False)

    def adopt(self, request: int, table: list[int]) -> None:
        """A request has come, to blocks that were taken before."""
        self.state.table[request] = table
        own = self.state.own_names(request, len(table), self.block_size)
        stale = [b for b in self.idle if self.content[b] in own]
        for block in stale:  # of an earlier stay
            self.forget(block)
            self.idle.move_to_end(block, last=False)
        self.grow(request, 0)
