"""KV blocks by content: what is free, what is found again, and what is evicted first.

Blocks with equal content are interchangeable, so no block has a number here. What matters is how
many are free and which content disappears when one is needed. Blocks without content go first; then
those that were freed longest ago, of one request its last ones first. The content of a request that
no other shares is one extent, whatever its length; shared content is kept in runs of blocks.
"""

from __future__ import annotations

from collections import OrderedDict

from makespan.serving.engine.offload import Tier


class Run:
    """Successive blocks of one shared piece that were computed together.

    Attributes
    ----------
    node
        The piece.
    low, high
        Its blocks ``low .. high-1``, counted from the beginning of the sequence.
    references
        Requests that hold it; with none it is in the free queue under ``key``.
    rest
        The blocks behind ``high`` that once belonged to the run, cut off because they are held by
        fewer.
    """

    __slots__ = ("high", "key", "low", "node", "references", "rest")

    def __init__(self, node: int, low: int, high: int, key: int) -> None:
        self.node, self.low, self.high, self.key = node, low, high, key
        self.references = 1
        self.rest: Run | None = None


Held = list[tuple[Run, int]]
"""Runs with the block where they ended when they were taken."""


class Found:
    """What memory holds of the beginning of a sequence.

    Attributes
    ----------
    runs
        Shared runs in order, each with the block up to which it is wanted.
    shared, private
        Blocks found in runs and in the request's own extent.
    idle
        Those of them that are in the free queue.
    """

    __slots__ = ("idle", "private", "runs", "shared")

    def __init__(self, runs: Held, shared: int, private: int, idle: int) -> None:
        self.runs, self.shared, self.private, self.idle = runs, shared, private, idle


NOTHING = Found([], 0, 0, 0)


class Memory:
    """The KV blocks of one engine.

    Parameters
    ----------
    blocks, block_size
        Blocks in all, and tokens of one.
    grain
        Tokens of a piece of shared content.
    caching
        Whether content is found again at all.
    tier
        Where evicted content goes; None: it is lost.

    Attributes
    ----------
    free
        Blocks that no request holds.
    held
        Shared runs of every request that has some.
    """

    def __init__(
        self, blocks: int, block_size: int, grain: int, *, caching: bool, tier: Tier | None = None
    ) -> None:
        self.total = self.free = self.raw = blocks
        self.block_size, self.grain, self.caching = block_size, grain, caching
        self.tier = tier
        self.queue: OrderedDict[int, Run | int] = OrderedDict()
        self.runs: dict[int, list[Run]] = {}
        self.held: dict[int, Held] = {}
        self.sealed: dict[int, int] = {}
        self.serial = 0

    def pieces_blocks(self, pieces: int) -> int:
        """Full blocks in the first so many pieces."""
        return pieces * self.grain // self.block_size

    def take(self, blocks: int) -> None:
        """Hand out free blocks, evicting what they contain."""
        self.free -= blocks
        if blocks <= self.raw:
            self.raw -= blocks
            return
        blocks -= self.raw
        self.raw = 0
        queue, tier = self.queue, self.tier
        while blocks:
            key, entry = next(iter(queue.items()))
            if isinstance(entry, int):
                if tier is not None:
                    tier.store((True, -key - 1), max(entry - blocks, 0), entry)
                if entry > blocks:
                    queue[key] = entry - blocks
                    return
                blocks -= entry
                del queue[key]
                continue
            size = entry.high - entry.low
            if tier is not None:
                tier.store((False, entry.node), entry.high - min(size, blocks), entry.high)
            if size > blocks:
                entry.high -= blocks
                return
            blocks -= size
            del queue[key]
            self._forget(entry)

    def put_back(self, blocks: int) -> None:
        """Blocks that were taken and not used are free again, without content."""
        self.free += blocks
        self.raw += blocks

    def discard(self, request: int) -> None:
        """What a request left of its own content is found no longer."""
        stale = self.queue.pop(-request - 1, 0)
        if stale:
            assert isinstance(stale, int)
            self.raw += stale

    def find(self, request: int, chain: tuple[int, ...], most: int) -> Found:
        """What is there of the first ``most`` blocks of a request; nothing is changed."""
        if not self.caching or not (chain or -request - 1 in self.queue):
            return NOTHING
        found: Held = []
        at = idle = 0
        grain, size = self.grain, self.block_size
        for k, node in enumerate(chain):
            end = (k + 1) * grain // size
            if end > most:
                end = most
            runs = self.runs.get(node)
            while at < end:
                run = None
                upto = end
                for candidate in runs or ():
                    if candidate.low > at:
                        upto = min(upto, candidate.low)  # from there on the older copy is found
                    elif candidate.high > at:
                        run = candidate
                        break
                if run is None:
                    return Found(found, at, 0, idle)
                upto = min(upto, run.high)
                found.append((run, upto))
                if not run.references:
                    idle += upto - at
                at = upto
        private = 0
        if at == len(chain) * grain // size:
            entry = self.queue.get(-request - 1, 0)
            assert isinstance(entry, int)
            private = min(entry, most - at)
        return Found(found, at, private, idle + private)

    def hold(self, request: int, found: Found) -> None:
        """Take what was found for the request."""
        if found is NOTHING:
            return
        if found.runs:
            held: Held = []
            at = 0
            for found_run, upto in found.runs:
                run = found_run
                while run.high <= at:
                    assert run.rest is not None  # it has been cut for an earlier piece
                    run = run.rest
                if run.low < at:
                    # Its first blocks were found in another copy.
                    run = self._split(run, at)
                if run.high > upto:
                    rest = self._split(run, upto)
                    if not run.references:
                        # The front leaves the free queue; the rest gets its place there.
                        rest.key, run.key = run.key, rest.key
                        self.queue[rest.key], self.queue[run.key] = rest, run
                at = upto
                if not run.references:
                    del self.queue[run.key]
                run.references += 1
                held.append((run, upto))
            self.held[request] = held
        self.sealed[request] = found.shared
        if found.private:
            key = -request - 1
            left = self.queue[key]
            assert isinstance(left, int)
            if left > found.private:
                self.queue[key] = left - found.private
            else:
                del self.queue[key]
        self.free -= found.idle

    def unsealed(self, request: int, chain: tuple[int, ...]) -> tuple[int, ...]:
        """Pieces of which the request has full blocks yet to seal."""
        done = self.sealed.get(request, 0)
        if done >= self.pieces_blocks(len(chain)):
            return ()
        # The piece of block j is the one of its last token.
        return chain[((done + 1) * self.block_size - 1) // self.grain :]

    def seal(self, request: int, chain: tuple[int, ...], computed: int) -> None:
        """Let others find the shared blocks of a request that ``computed`` tokens fill."""
        done = self.sealed.get(request, 0)
        grain, size = self.grain, self.block_size
        full = min(computed // size, len(chain) * grain // size)
        if full <= done:
            return
        held = self.held.setdefault(request, [])
        # The piece of block j is the one of its last token.
        k = ((done + 1) * size - 1) // grain
        while done < full:
            end = min((k + 1) * grain // size, full)
            if end > done:
                run = Run(chain[k], done, end, self.serial)
                self.serial += 1
                self.runs.setdefault(run.node, []).append(run)
                held.append((run, end))
                done = end
            k += 1
        self.sealed[request] = full

    def release(self, request: int, computed: int) -> None:
        """Free all blocks of a request; its last ones will be evicted first."""
        size = self.block_size
        total, full = -(-computed // size), computed // size
        if not self.caching:
            self.free += total
            self.raw += total
            return
        shared = self.sealed.pop(request, 0)
        self.raw += total - full
        self.free += total - shared
        if full > shared:
            # An extent left from an earlier admission has the same content: only one is found.
            self.discard(request)
            self.queue[-request - 1] = full - shared
        if not shared:
            return
        for run, upto in reversed(self.held.pop(request)):
            parts = [run]
            while parts[-1].high < upto:
                rest = parts[-1].rest
                assert rest is not None
                parts.append(rest)
            for part in reversed(parts):
                part.references -= 1
                if not part.references:
                    self.queue[part.key] = part
                    self.free += part.high - part.low

    def _split(self, run: Run, at: int) -> Run:
        """Cut a run before block ``at``; what is cut off goes last in the free queue if free."""
        rest = Run(run.node, at, run.high, self.serial)
        self.serial += 1
        rest.references, rest.rest = run.references, run.rest
        run.high, run.rest = at, rest
        runs = self.runs[run.node]
        runs.insert(runs.index(run) + 1, rest)
        if not run.references:
            self.queue[rest.key] = rest
        return rest

    def _forget(self, run: Run) -> None:
        runs = self.runs[run.node]
        runs.remove(run)
        if not runs:
            del self.runs[run.node]
