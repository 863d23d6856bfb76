"""What one step computes: chunks of prompts, decodes, offloaded decodes, blocks of diffusion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from makespan.core.errors import OptionError


@dataclass(frozen=True, slots=True)
class Chunk:
    """New tokens of a prompt.

    Attributes
    ----------
    tokens
        How many are computed.
    past
        Tokens computed before them, or found in a prefix cache: attended to, not computed.
    first_layer, last_layer
        Layers in which they are computed, ``first <= layer < last``; None: to the end. A chunk
        that ends before the last layer yields no token.
    """

    tokens: int
    past: int = 0
    first_layer: int = 0
    last_layer: int | None = None

    def __post_init__(self) -> None:
        end = self.first_layer + 1 if self.last_layer is None else self.last_layer
        if self.tokens < 1 or self.past < 0 or not 0 <= self.first_layer < end:
            raise OptionError(f"impossible chunk {self}")

    @property
    def pairs(self) -> int:
        """Twice its query-key pairs, the diagonal counted half."""
        return self.tokens * (2 * self.past + self.tokens)


@dataclass(frozen=True, slots=True)
class Block:
    """Positions denoised in one forward pass of a diffusion model; attention looks both ways.

    Attributes
    ----------
    queries
        Positions computed.
    keys
        Positions attended to.
    phase
        ``refresh`` computes every position anew; ``reuse`` computes a block against the keys and
        values kept from earlier.
    """

    queries: int
    keys: int
    phase: Literal["refresh", "reuse"] = "reuse"

    def __post_init__(self) -> None:
        if not 1 <= self.queries <= self.keys or self.phase not in {"refresh", "reuse"}:
            raise OptionError(f"impossible block {self}")
        if self.phase == "refresh" and self.queries != self.keys:
            raise OptionError(f"a refresh computes all positions: {self}")


@dataclass(frozen=True, slots=True)
class Batch:
    """Work of one step.

    Attributes
    ----------
    prefill
        Chunks of prompts.
    decode
        Of each decoding sequence, the tokens attended to, the new one among them.
    offloaded
        The same of sequences whose attention a CPU computes.
    diffusion
        Blocks of diffusion models.
    """

    prefill: tuple[Chunk, ...] = ()
    decode: tuple[int, ...] = ()
    offloaded: tuple[int, ...] = ()
    diffusion: tuple[Block, ...] = ()

    def __post_init__(self) -> None:
        for context in (*self.decode, *self.offloaded):
            if context < 1:
                raise OptionError(
                    f"a decode attends to {context} tokens", hint="at least to itself"
                )

    @property
    def tokens(self) -> int:
        """New tokens of the step, whatever the layers."""
        return (
            sum(chunk.tokens for chunk in self.prefill)
            + len(self.decode)
            + len(self.offloaded)
            + sum(block.queries for block in self.diffusion)
        )

    @property
    def sequences(self) -> int:
        """Sequences that compute any."""
        return len(self.prefill) + len(self.decode) + len(self.offloaded) + len(self.diffusion)

    @property
    def context(self) -> int:
        """Tokens of the sequences after the step, summed."""
        return (
            sum(chunk.past + chunk.tokens for chunk in self.prefill)
            + sum(self.decode)
            + sum(self.offloaded)
            + sum(block.keys for block in self.diffusion)
        )

    @property
    def pairs(self) -> int:
        """Twice the query-key pairs of sequences that compute more than one token."""
        return sum(chunk.pairs for chunk in self.prefill if chunk.tokens > 1) + sum(
            2 * block.queries * block.keys for block in self.diffusion if block.queries > 1
        )
