"""Content that decoding requests are generating and others may find."""

from __future__ import annotations

from makespan.serving.engine.keeping import Keeping


class Sharing(Keeping):
    """The shared pieces that grow with the outputs of an engine's requests.

    Attributes
    ----------
    growing
        Shared pieces that requests of the cohort will generate or are generating.
    served
        Who of the cohort has its token of the step under construction; None: all.
    """

    growing: dict[int, list[int]]
    served: set[int] | None

    def seal(self, request: int, computed: int) -> None:
        """Let others find what is shared of the tokens that a request has in memory."""
        chain = self.requests.chain[request]
        if chain and self.settings.enable_prefix_caching:
            if self.overlaps(chain):
                self.settle()
            self.memory.seal(request, chain, computed)

    def watch(self, request: int) -> None:
        """Remember shared pieces that a request will yet generate; nobody can find them before."""
        chain = self.requests.chain[request]
        if chain and self.settings.enable_prefix_caching:
            for node in self.memory.unsealed(request, chain):
                self.growing.setdefault(node, []).append(request)

    def seal_growing(self, request: int, computed: int) -> None:
        """Seal what a request that leaves has generated of shared pieces."""
        chain = self.requests.chain[request]
        if not chain or not self.growing:
            return
        nodes = self.memory.unsealed(request, chain)
        if any(len(self.growing.get(node, ())) > 1 for node in nodes):
            self.settle()
        self.memory.seal(request, chain, computed)
        for node in nodes:
            members = self.growing.get(node)
            if members and request in members:
                members.remove(request)
                if not members:
                    del self.growing[node]

    def settle(self) -> None:
        """Seal what decoding requests have filled of shared pieces, in the order of the steps.

        Of equal blocks the one that was filled first is found, so that the order matters.
        """
        size, cohort = self.block_size, self.cohort
        filled: list[tuple[int, int, int, int]] = []
        for request in {r for members in self.growing.values() for r in members}:
            base = cohort.base.get(request)
            if base is None:
                continue
            ahead = 1 if self.served is None else int(request in self.served)
            full = (base + cohort.steps + ahead) // size
            filled.extend(
                (block * size - base, self.batch[request], request, block * size)
                for block in range(self.memory.sealed.get(request, 0) + 1, full + 1)
            )
        for _, _, request, tokens in sorted(filled):
            self.memory.seal(request, self.requests.chain[request], tokens)

    def overlaps(self, chain: tuple[int, ...]) -> bool:
        """Whether some request is generating a piece of the chain."""
        return bool(self.growing) and any(node in self.growing for node in chain)
