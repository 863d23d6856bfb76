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
    async_scheduling
        Whether a step is planned while the one before it runs, vLLM's default on GPUs since 0.14:
        who arrives during a step computes in the second after it, and the room of who ends with a
        step is used again in the second after it.
    swap_blocks
        Blocks of host memory that preempted requests are copied to, and back from; 0: they are
        computed again, as in vLLM.
    swap_time
        Picoseconds to copy a block either way, during which no step runs.
    offload_blocks
        Blocks of a second tier of the prefix cache, in the memory of the host or behind it, which
        has what the device has evicted; 0: there is none. See
        :mod:`makespan.serving.engine.offload`.
    offload_time
        Picoseconds to load a block from there, during which no step runs.
    """

    blocks: int
    block_size: int = 16
    max_num_batched_tokens: int = 2048
    max_num_seqs: int = 256
    enable_prefix_caching: bool = True
    async_scheduling: bool = False
    swap_blocks: int = 0
    swap_time: int = 0
    offload_blocks: int = 0
    offload_time: int = 0

    def __post_init__(self) -> None:
        for name in ("blocks", "block_size", "max_num_batched_tokens", "max_num_seqs"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} is {getattr(self, name)}", hint="it must be at least 1")
        for name in ("swap_blocks", "swap_time", "offload_blocks", "offload_time"):
            if getattr(self, name) < 0:
                raise OptionError(f"{name} is {getattr(self, name)}", hint="it must be at least 0")
        if self.offload_blocks and not self.enable_prefix_caching:
            raise OptionError(
                f"offload_blocks is {self.offload_blocks} without enable_prefix_caching",
                hint="what is offloaded is found by its content, as prefixes are",
            )
        if self.max_num_batched_tokens < self.max_num_seqs:
            raise OptionError(
                f"max_num_batched_tokens ({self.max_num_batched_tokens}) is below max_num_seqs "
                f"({self.max_num_seqs})",
                hint="running sequences need a token each; vLLM refuses this, too",
            )


@dataclass(frozen=True, slots=True)
class Migration:
    """How the memory of a running request gets from one engine to another.

    It is copied in stages while the request decodes on, each stage copying the blocks that were
    filled during the one before; the request stands still only while the last is copied
    (Llumnix, OSDI 2024, with the numbers of its artifact as defaults).

    Attributes
    ----------
    block_time
        Picoseconds to copy a block.
    latency
        Picoseconds that each stage takes besides; a millisecond is our assumption.
    last_stage_blocks
        A stage of at most so many blocks is the last.
    max_stages
        Stages after which a move is given up.
    """

    block_time: int
    latency: int = 10**9
    last_stage_blocks: int = 16
    max_stages: int = 3

    def __post_init__(self) -> None:
        for name, least in (
            ("block_time", 0),
            ("latency", 1),
            ("last_stage_blocks", 1),
            ("max_stages", 1),
        ):
            if getattr(self, name) < least:
                raise OptionError(
                    f"{name} is {getattr(self, name)}", hint=f"it must be at least {least}"
                )


@dataclass(frozen=True, slots=True)
class Elastic:
    """A fleet of which not all engines are on.

    Attributes
    ----------
    initial
        Engines on at the beginning, the first ones.
    least
        Engines that always stay open.
    startup
        Picoseconds from switching an engine on until it serves, at least 1.
    """

    initial: int
    least: int = 1
    startup: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.initial or self.startup < 1:
            raise OptionError(
                f"{self.initial} engines on of which {self.least} always, startup {self.startup}",
                hint="at least one stays on, no fewer are on at the beginning, and startup is at "
                "least 1",
            )
