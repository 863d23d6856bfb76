"""A second tier of the prefix cache: the blocks that an engine's device has evicted, at its host.

- A full block that the device evicts is in the tier from then on, whether the request that filled
  it has ended or not; it was copied before, by a stream of its own, which costs no step anything.
- An admitted request first takes what the device has of its beginning. It is then given the blocks
  that follow without a gap in the tier, but never its last token, which must be computed. They need
  device memory as computed ones do, and copying them puts off the step that admits.
- What is loaded stays in the tier, too. Blocks are ordered by when they were last evicted by the
  device or loaded, of one request its last ones first, and the first in this order go when the tier
  is full.

That is the lazy mode of vLLM's ``SimpleCPUOffloadConnector`` (0.32, ``v1/simple_kv_offload``): it
copies what is next in the device's queue of free blocks, and extends what the device has by what
follows at the host. With more capacity and slower blocks it is its disk backend. What differs:

- There a request waits while it is loaded and others run on; here all wait, as with LMCache where
  it does not load layer by layer. Loading so never looks better than it is.
- There copying to the host takes bandwidth and may fall behind; here it does neither.
- There a block that the device evicts once more keeps its place in the order.

In vLLM's eager mode and in LMCache blocks are copied as they are filled, so that the host has
copies of what the device still has, and less of the rest.
"""

from __future__ import annotations

from collections import OrderedDict

Key = tuple[bool, int]
"""Whose blocks: ``(False, piece)`` of a shared piece, counted from the beginning of the sequence;
``(True, request)`` of what a request shares with none, counted from where that begins."""


class Stretch:
    """Successive blocks ``low .. high-1`` of one key, the last of which goes first."""

    __slots__ = ("high", "key", "low", "slot")

    def __init__(self, key: Key, low: int, high: int, slot: int) -> None:
        self.key, self.low, self.high, self.slot = key, low, high, slot


class Tier:
    """What the host of one engine has.

    Blocks that were evicted or loaded together are one stretch, whatever their number.

    Parameters
    ----------
    blocks
        Blocks that it holds at most, at least 1.
    block_size, grain
        Tokens of a block, and of a piece of shared content.

    Attributes
    ----------
    held
        Blocks that it holds.
    loaded
        Blocks loaded from it so far.
    slots
        Stretches in the order in which they go; a stretch that is cut leaves its parts in its slot.
    """

    def __init__(self, blocks: int, block_size: int, grain: int) -> None:
        self.blocks, self.block_size, self.grain = blocks, block_size, grain
        self.held = self.loaded = self.serial = 0
        self.slots: OrderedDict[int, list[Stretch]] = OrderedDict()
        self.places: dict[Key, list[Stretch]] = {}

    def store(self, key: Key, low: int, high: int) -> None:
        """Blocks have been used, the last one first; those that are not there are now."""
        self._take_out(key, low, high)
        slots = self.slots
        youngest = slots[next(reversed(slots))][-1] if slots else None
        if youngest is not None and youngest.key == key and youngest.low == high:
            youngest.low = low
        else:
            stretch = Stretch(key, low, high, self.serial)
            self.serial += 1
            slots[stretch.slot] = [stretch]
            self.places.setdefault(key, []).append(stretch)
        self.held += high - low
        while self.held > self.blocks:
            oldest = next(iter(slots.values()))[0]
            first = max(oldest.low, oldest.high - (self.held - self.blocks))
            self._take_out(oldest.key, first, oldest.high)

    def load(self, request: int, chain: tuple[int, ...], at: int, most: int) -> int:
        """Copy what follows the first ``at`` blocks of a request without a gap, up to ``most``.

        Parameters
        ----------
        chain
            Shared pieces that the request begins with.

        Returns
        -------
        int
            Number of blocks.
        """
        grain, size, begin = self.grain, self.block_size, at
        shared = len(chain) * grain // size
        found: list[tuple[Key, int, int]] = []
        while at < most:
            if at < shared:
                # The piece of a block is the one of its last token.
                k = ((at + 1) * size - 1) // grain
                key, base, end = (False, chain[k]), 0, min((k + 1) * grain // size, most)
            else:
                key, base, end = (True, request), shared, most
            upto = min(base + self._upto(key, at - base), end)
            if upto == at:
                break
            found.append((key, at - base, upto - base))
            at = upto
        for stretch in reversed(found):
            self.store(*stretch)
        self.loaded += at - begin
        return at - begin

    def _upto(self, key: Key, block: int) -> int:
        """The first block from this one on that is not in the same stretch."""
        for stretch in self.places.get(key, ()):
            if stretch.low <= block < stretch.high:
                return stretch.high
        return block

    def _take_out(self, key: Key, low: int, high: int) -> None:
        """Blocks are not in the tier any more, if they were."""
        for stretch in list(self.places.get(key, ())):
            cut = min(high, stretch.high) - max(low, stretch.low)
            if cut <= 0:
                continue
            self.held -= cut
            parts = [
                Stretch(key, a, b, stretch.slot)
                for a, b in ((high, stretch.high), (stretch.low, low))
                if a < b
            ]
            slot, places = self.slots[stretch.slot], self.places[key]
            slot[slot.index(stretch) : slot.index(stretch) + 1] = parts
            places[places.index(stretch) : places.index(stretch) + 1] = parts
            if not slot:
                del self.slots[stretch.slot]
            if not places:
                del self.places[key]
