"""What an engine is configured with; names and defaults are vLLM's where it has them."""

from __future__ import annotations

from dataclasses import dataclass

from makespan.core.errors import OptionError


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Memory and limits of one engine.

    Attributes
    ----------
    blocks
        KV blocks that requests can use. vLLM keeps one block of its ``num_gpu_blocks`` for itself,
        so that this is one less.
    block_size
        Tokens of a block.
    max_num_batched_tokens
        Tokens computed in one step at most.
    max_num_seqs
        Sequences running at a time.
    enable_prefix_caching
        Whether full blocks are found again by their content.
    """

    blocks: int
    block_size: int = 16
    max_num_batched_tokens: int = 2048
    max_num_seqs: int = 256
    enable_prefix_caching: bool = True

    def __post_init__(self) -> None:
        for name in ("blocks", "block_size", "max_num_batched_tokens", "max_num_seqs"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} is {getattr(self, name)}", hint="it must be at least 1")
        if self.max_num_batched_tokens < self.max_num_seqs:
            raise OptionError(
                f"max_num_batched_tokens ({self.max_num_batched_tokens}) is below max_num_seqs "
                f"({self.max_num_seqs})",
                hint="running sequences need a token each; vLLM refuses this, too",
            )
