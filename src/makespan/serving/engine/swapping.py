"""Preempted requests whose keys and values wait in the memory of the host."""

from __future__ import annotations

from makespan.serving.settings import EngineSettings


class Swapping:
    """The host memory of one engine.

    Attributes
    ----------
    away
        Of each request that is swapped out: tokens whose keys and values the host has.
    free
        Blocks of the host's memory.
    owed
        Picoseconds of copying before the next step begins; what is loaded from a :class:`Tier` of
        the prefix cache adds to it.
    blocks
        Blocks copied in all, either way.
    """

    __slots__ = ("away", "block_size", "blocks", "free", "owed", "time")

    def __init__(self, settings: EngineSettings) -> None:
        self.away: dict[int, int] = {}
        self.block_size, self.time = settings.block_size, settings.swap_time
        self.free, self.owed, self.blocks = settings.swap_blocks, 0, 0

    def store(self, request: int, computed: int) -> None:
        """Keep what a request has computed, if there is room; else it is computed again."""
        blocks = -(-computed // self.block_size)
        if blocks and blocks <= self.free:
            self.away[request] = computed
            self.free -= blocks
            self._copy(blocks)

    def fetch(self, request: int, found: int) -> int:
        """Bring back what is not ``found`` on the device, in full blocks; tokens then there."""
        computed = max(self.forget(request), found)
        self._copy(-(-(computed - found) // self.block_size))
        return computed

    def forget(self, request: int) -> int:
        """Free what is kept of a request, if anything; its tokens."""
        computed = self.away.pop(request, 0)
        self.free += -(-computed // self.block_size)
        return computed

    def settle(self) -> int:
        """Picoseconds that copying adds to the step which is launched now."""
        owed, self.owed = self.owed, 0
        return owed

    def _copy(self, blocks: int) -> None:
        self.blocks += blocks
        self.owed += blocks * self.time
